import re
from typing import Any

import pytest
import torch

import lmreg

IMAGE = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
VOLUME = torch.rand(1, 1, 8, 8, 8, generator=torch.Generator().manual_seed(0))
EYE = torch.eye(3)


def with_nan() -> torch.Tensor:
    image = IMAGE.clone()
    image[0, 0, 3, 4] = float("nan")
    return image


BAD = [
    ({"fixed": [1]}, "fixed: expected a torch.Tensor"),
    ({"fixed": IMAGE[0]}, "fixed: expected shape (N, 1, height, width)"),
    ({"moving": IMAGE.expand(1, 2, 16, 16)}, "moving: expected shape"),
    ({"moving": IMAGE.int()}, "moving: expected float32 or float64"),
    ({"moving": with_nan()}, "moving[0]: holds NaN"),
    ({"fixed": IMAGE / 0}, "fixed[0]: holds NaN or infinite"),
    ({"fixed": torch.ones_like(IMAGE)}, "fixed[0]: the same value everywhere"),
    ({"moving": VOLUME}, "fixed is 2D and moving is 3D"),
    ({"moving": IMAGE.expand(2, 1, 16, 16)}, "fixed holds 1 images and moving 2"),
    ({"moving": IMAGE.double()}, "both must be the same"),
    ({"model": "afine"}, "model: unknown 'afine'; one of translation"),
    ({"model": []}, "model: at least one"),
    ({"model": ["bspline", "affine"]}, "bspline can only come last"),
    ({"similarity": "mi"}, "similarity: unknown 'mi'"),
    ({"spacing": -1.0}, "spacing: must be > 0"),
    ({"spacing": (1.0, 1.0, 1.0)}, "spacing: expected one number or 2 (got 3)"),
    ({"spacing": 1.0, "fixed_affine": EYE}, "fixed_affine and spacing both given"),
    ({"fixed_affine": torch.eye(4)}, "fixed_affine: expected shape (3, 3)"),
    ({"moving_affine": torch.zeros(3, 3) + EYE[2:].T @ EYE[2:]}, "moving_affine: singular"),
    ({"moving_affine": 2 * EYE}, "moving_affine: expected finite numbers and a last row"),
    ({"control_points": 3}, "control_points: whole numbers of at least 4"),
    ({"control_points": 4, "control_spacing": 8.0}, "control_points and control_spacing both given"),
    ({"control_spacing": 0.0}, "control_spacing: must be > 0"),
    ({"bending": -1.0}, "bending: expected one finite number"),
    ({"bending": torch.ones(2)}, "bending: expected one finite number"),
    (
        {"model": "diffeomorphic", "bending": 1e-3},
        "bending: nothing uses it with model ['diffeomorphic']; "
        "the diffeomorphic model takes Diffeomorphic(membrane=..., volume=...) instead",
    ),
    (
        {"model": ["affine", "diffeomorphic"], "control_spacing": 8.0},
        "control_spacing: nothing uses it with model ['affine', 'diffeomorphic']",
    ),
    ({"model": lmreg.Diffeomorphic(), "control_points": 8}, "takes Diffeomorphic(node_spacing=...) instead"),
    ({"model": lmreg.Diffeomorphic(), "iterations": 8}, "takes Diffeomorphic(iterations=...) instead"),
    ({"model": "diffeomorphic", "tolerance": 1e-3}, "takes Diffeomorphic(tolerance=...) instead"),
    ({"model": "affine", "control_points": 8}, "control_points: nothing uses it with model ['affine']"),
    ({"model": ["rigid", "affine"], "control_spacing": 8.0}, "only bspline has control points"),
    ({"model": "rigid", "bending": 0.0}, "bending: nothing uses it with model ['rigid']"),
    ({"levels": 0}, "levels: expected a whole number of at least 1"),
    ({"iterations": 1.5}, "iterations: expected a whole number"),
    ({"tolerance": 0.0}, "tolerance: must be > 0"),
    ({"interpolation": "nearest"}, "interpolation: unknown 'nearest'"),
    ({"fixed_mask": torch.ones(16, 16)}, "fixed_mask: expected the shape of fixed"),
    ({"fixed_mask": torch.zeros(1, 1, 16, 16)}, "fixed_mask[0]: no voxel has a weight"),
    ({"fixed_mask": -torch.ones(1, 1, 16, 16)}, "fixed_mask: weights must be finite and not negative"),
    ({"initial": torch.eye(4)}, "initial: expected shape (3, 3)"),
    ({"initial": EYE * float("nan")}, "initial: holds NaN"),
    ({"adjoint": "implicit"}, "adjoint: expected Implicit()"),
]


@pytest.mark.parametrize(("change", "message"), BAD, ids=[message[:40] for _, message in BAD])
def test_bad_input_is_named(change: dict[str, Any], message: str):
    arguments: dict[str, Any] = {"fixed": IMAGE, "moving": IMAGE.roll(1, 3)} | change
    with pytest.raises(ValueError, match=re.escape(message)):
        lmreg.register(arguments.pop("fixed"), arguments.pop("moving"), **arguments)


@pytest.mark.parametrize(
    "options",
    [
        {"model": ["translation", "diffeomorphic"], "iterations": 2, "tolerance": 1e-3},
        {"model": lmreg.Diffeomorphic(iterations=(1,), polish=1), "tolerance": 1e-3},
        {"model": ["translation", "bspline"], "bending": 1e-2, "control_points": 5, "iterations": 2},
    ],
)
def test_options_that_one_of_several_models_uses_are_accepted(options: dict[str, Any]):
    assert torch.isfinite(lmreg.register(IMAGE, IMAGE.roll(1, 3), levels=1, **options).warped).all()


def test_images_that_do_not_overlap_are_refused():
    away = torch.eye(3)
    away[0, 2] = 1000
    with pytest.raises(ValueError, match="pair 0: fixed and moving do not overlap"):
        lmreg.register(IMAGE, IMAGE, moving_affine=away)


def test_an_unknown_option_is_an_error():
    with pytest.raises(TypeError, match="contol_points"):
        lmreg.register(IMAGE, IMAGE, contol_points=4)  # type: ignore[call-arg]


def test_warp_names_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match="do not fit"):
        lmreg.warp(IMAGE, torch.zeros(1, 3, 16, 16))
