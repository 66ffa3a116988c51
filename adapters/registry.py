"""Names of the backends that configs may ask for, and where their adapters live."""

from __future__ import annotations

BUILTIN = {
    "adam_affine": "adapters.adam_affine.adapter:AdamAffine",
    "ants_syn": "adapters.ants_syn:AntsSyn",
    "dipy_syn": "adapters.dipy_syn:DipySyn",
    "greedy": "adapters.greedy:Greedy",
    "identity": "adapters.reference:Identity",
    "neural_field": "adapters.neural_field.adapter:NeuralField",
    "simpleitk": "adapters.simpleitk:SimpleITKRegistration",
    "torch_lm": "adapters.torch_lm:TorchLM",
    "truth": "adapters.reference:Truth",
}
