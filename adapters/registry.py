"""Names of the backends that configs may ask for, and where their adapters live."""

from __future__ import annotations

BUILTIN = {
    "ants_syn": "adapters.ants_syn:AntsSyn",
    "dipy_syn": "adapters.dipy_syn:DipySyn",
    "greedy": "adapters.greedy:Greedy",
    "identity": "adapters.reference:Identity",
    "simpleitk": "adapters.simpleitk:SimpleITKRegistration",
    "torch_lm": "adapters.torch_lm:TorchLM",
    "truth": "adapters.reference:Truth",
}
