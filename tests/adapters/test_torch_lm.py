from typing import Any

import pytest
from pydantic import ValidationError

from adapters.torch_lm import TorchLMParams

UNUSED = [
    ({"model": "affine", "bending": 0.1}, "bending goes with model 'bspline'"),
    ({"model": "rigid", "control_spacing_mm": 8.0}, "control_spacing_mm goes with model 'bspline'"),
    ({"model": "diffeomorphic", "control_points": 8}, "the diffeomorphic model has node_spacing_voxels"),
    ({"model": ("affine", "diffeomorphic"), "bending": 0.1}, "has membrane and volume under 'diffeomorphic'"),
    ({"model": "diffeomorphic", "iterations": 9}, "has iterations under 'diffeomorphic'"),
    ({"model": "diffeomorphic", "tolerance": 0.1}, "has tolerance under 'diffeomorphic'"),
    ({"model": "bspline", "diffeomorphic": {"polish": 3}}, "go with model 'diffeomorphic'"),
]


@pytest.mark.parametrize(("params", "message"), UNUSED)
def test_a_parameter_that_no_model_uses_is_an_error(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TorchLMParams(**params)


@pytest.mark.parametrize(
    "params",
    [
        {"model": ("affine", "diffeomorphic"), "iterations": 9, "tolerance": 1e-4},
        {"model": "diffeomorphic", "diffeomorphic": {"polish": 3}, "tolerance": 1e-4},
        {"model": ("affine", "bspline"), "bending": 0.0, "control_points": 5},
    ],
)
def test_a_parameter_that_one_of_several_models_uses_is_accepted(params: dict[str, Any]) -> None:
    assert TorchLMParams(**params).models
