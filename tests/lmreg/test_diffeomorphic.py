import math
import os
from pathlib import Path

import pytest
import torch
from torch import Tensor

import lmreg
from lmreg.differences import central_gradient
from lmreg.elasticity import determinant
from lmreg.fields import grid_indices
from lmreg.pyramid import window_matrix
from lmreg.sampling import Interpolant, sample
from lmreg.separable import apply_along_axes

QUICK = lmreg.Diffeomorphic(iterations=(6, 10))


def noise(shape: tuple[int, ...], seed: int, sigma: float, channels: int = 1) -> Tensor:
    """Smooth noise of variance one, shape (channels, *shape)."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(channels, *shape, generator=generator, dtype=torch.float64)
    values = apply_along_axes(values, [window_matrix(n, sigma) for n in shape])
    return (values - values.mean()) / values.std()


def pair(shape: tuple[int, ...], voxels: float) -> tuple[Tensor, Tensor, Tensor]:
    """Fixed, moving and the displacement between them, on average ``voxels`` long per axis."""
    moving = noise(shape, 0, 2.0)
    true = voxels * noise(shape, 1, 5.0, len(shape))
    fixed = sample(Interpolant.from_image(moving, "cubic"), grid_indices(shape, true) + true)
    return fixed[None], moving[None], true


def vignette(shape: tuple[int, ...]) -> Tensor:
    """One in the middle, zero with its first derivatives at the edges."""
    fading = torch.ones(shape, dtype=torch.float64)
    for axis, samples in enumerate(shape):
        profile = torch.linspace(0, torch.pi, samples, dtype=torch.float64).sin().square()
        fading = fading * profile.reshape(-1, *(1,) * (len(shape) - axis - 1))
    return fading


def jacobian(displacement: Tensor) -> Tensor:
    dim = len(displacement)
    rows = central_gradient(displacement)
    return determinant([[rows[a, b] + float(a == b) for b in range(dim)] for a in range(dim)])


@pytest.mark.parametrize("shape", [(64, 72), (32, 36, 30)])
@pytest.mark.parametrize("similarity", ["ssd", "ncc", "lncc", "mind"])
def test_recovers_a_known_deformation(shape: tuple[int, ...], similarity: str) -> None:
    fixed, moving, true = pair(shape, 1.0)
    result = lmreg.register(fixed, moving, model="diffeomorphic", similarity=similarity, levels=3)  # type: ignore[arg-type]
    inside = (slice(None), *(slice(5, -5),) * len(shape))
    error = (result.displacement[0] - true)[inside].norm(dim=0).mean()
    assert float(error) < 0.35 * float(true[inside].norm(dim=0).mean())
    assert float(jacobian(result.displacement[0]).min()) > 0


@pytest.mark.parametrize("shape", [(64, 64), (30, 30, 30)])
def test_never_folds_however_different_the_images(shape: tuple[int, ...]) -> None:
    fixed, moving = noise(shape, 0, 1.5)[None], noise(shape, 1, 1.5)[None]
    daring = lmreg.Diffeomorphic(membrane=1e-4, volume=1e-4, iterations=(30, 30))
    result = lmreg.register(fixed, moving, model=daring, similarity="ssd", levels=2)
    assert float(jacobian(result.displacement[0]).min()) > 0
    assert float(result.displacement.abs().max()) > 2


def test_inverse_brings_every_voxel_back() -> None:
    fixed, moving, _ = pair((64, 72), 1.5)
    result = lmreg.register(fixed, moving, model=QUICK, similarity="lncc", levels=3)
    there = grid_indices((64, 72), moving) + result.inverse_displacement[0]
    back = there + sample(Interpolant.from_image(result.displacement[0], "linear"), there)
    error = (back - grid_indices((64, 72), moving))[:, 6:-6, 6:-6].norm(dim=0)
    assert float(error.max()) < 0.05


def test_grids_of_another_orientation_and_place() -> None:
    fixed, moving, _ = pair((48, 40), 1.0)
    spacing = torch.tensor([2.0, 2.0, 1.0], dtype=torch.float64)
    affine = torch.diag(spacing)
    straight = lmreg.register(fixed, moving, model=QUICK, similarity="lncc", levels=2, spacing=2.0)
    flip = torch.tensor([[0.0, -2.0, 94.0], [2.0, 0.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    turned = lmreg.register(
        fixed,
        moving.transpose(-1, -2).flip(-1),
        model=QUICK,
        similarity="lncc",
        levels=2,
        fixed_affine=affine,
        moving_affine=flip,
    )
    torch.testing.assert_close(turned.displacement_mm, straight.displacement_mm, atol=1e-4, rtol=0)
    assert straight.displacement_mm.abs().max() > 2


def test_initial_transform_is_composed() -> None:
    fixed, moving, _ = pair((56, 48), 1.0)
    plain = lmreg.register(fixed, moving, model=QUICK, similarity="lncc", levels=2)
    shift = torch.eye(3, dtype=torch.float64)
    shift[0, 2] = 3.0
    moved = torch.eye(3, dtype=torch.float64)
    moved[0, 2] = 3.0
    shifted = lmreg.register(
        fixed, moving, model=QUICK, similarity="lncc", levels=2, moving_affine=moved, initial=shift
    )
    torch.testing.assert_close(shifted.warped, plain.warped, atol=1e-6, rtol=0)
    torch.testing.assert_close(shifted.displacement[:, 0] - 3, plain.displacement[:, 0], atol=1e-6, rtol=0)


def test_a_linear_model_comes_first() -> None:
    fixed, moving, _ = pair((64, 64), 0.5)
    moving = moving.roll(3, -1)
    result = lmreg.register(fixed, moving, model=["translation", QUICK], similarity="ncc", levels=3)
    assert float((result.warped - fixed)[..., 8:-8, 8:-8].std()) < 0.2
    assert abs(float(result.matrix[0, 1, 2]) - 3) < 0.5


def test_pairs_of_a_batch_do_not_know_of_each_other() -> None:
    first, second = pair((40, 44), 1.0), pair((40, 44), 0.5)
    fixed, moving = (torch.cat([first[number], second[number] + 0.1]) for number in range(2))
    together = lmreg.register(fixed, moving, model=QUICK, similarity="lncc", levels=2)
    alone = lmreg.register(fixed[1:], moving[1:], model=QUICK, similarity="lncc", levels=2)
    assert torch.equal(together.displacement[1:], alone.displacement)
    assert together.trace[1] == alone.trace[0]


def test_one_slice_of_a_volume_is_an_image() -> None:
    fixed, moving, _ = pair((40, 44), 1.0)
    flat = lmreg.register(fixed, moving, model=QUICK, similarity="lncc", levels=2)
    thin = lmreg.register(fixed[:, :, None], moving[:, :, None], model=QUICK, similarity="lncc", levels=2)
    torch.testing.assert_close(thin.displacement[:, 1:, 0], flat.displacement, atol=1e-6, rtol=0)
    assert not thin.displacement[:, 0].any()


def test_single_precision_agrees_with_double() -> None:
    fixed, moving, _ = pair((48, 52), 1.0)
    double = lmreg.register(fixed, moving, model=QUICK, similarity="lncc", levels=2)
    single = lmreg.register(fixed.float(), moving.float(), model=QUICK, similarity="lncc", levels=2)
    assert float((double.displacement - single.displacement).abs().max()) < 1e-2


def test_background_is_cut_off_without_a_trace() -> None:
    fixed, moving, _ = pair((48, 52), 1.0)
    wide = [torch.nn.functional.pad(image - image.min(), (0, 0, 16, 0)) for image in (fixed, moving)]
    result = lmreg.register(*wide, model=QUICK, similarity="lncc", levels=2)
    plain = lmreg.register(fixed, moving, model=QUICK, similarity="lncc", levels=2)
    assert result.displacement.shape == (1, 2, 64, 52)
    inside = (result.displacement[:, :, 24:-8, 8:-8] - plain.displacement[:, :, 8:-8, 8:-8]).abs()
    assert float(inside.mean()) < 0.1


def test_mask_leaves_out_what_does_not_correspond() -> None:
    fixed, moving, true = pair((64, 64), 1.0)
    fixed[..., :24, :] = noise((24, 64), 9, 1.5)
    mask = torch.ones_like(fixed)
    mask[..., :24, :] = 0
    inside = (slice(None), slice(32, 58), slice(6, 58))
    errors = [
        float(
            (
                lmreg.register(
                    fixed, moving, model=QUICK, similarity="lncc", levels=3, fixed_mask=weights
                ).displacement[0]
                - true
            )[inside]
            .norm(dim=0)
            .mean()
        )
        for weights in (mask, None)
    ]
    assert errors[0] < errors[1]


@pytest.mark.parametrize(("shape", "step", "tolerance"), [((20, 22), 1e-5, 1e-4), ((9, 10, 8), 1e-5, 1e-4)])
@pytest.mark.parametrize("similarity", [lmreg.SSD(), lmreg.LNCC(noise=0.1)], ids=["ssd", "lncc"])
@pytest.mark.parametrize("which", [0, 1], ids=["fixed", "moving"])
def test_implicit_gradient_is_that_of_the_whole_solve(
    shape: tuple[int, ...], step: float, tolerance: float, similarity: lmreg.Similarity, which: int
) -> None:
    # Flat at the edges, where the interpolant has no second derivative.
    start, other = (vignette(shape) * noise(shape, seed, 2.0)[None] for seed in (1, 2))
    images = [start, start.roll(1, -1) + 0.3 * other]
    direction, weight = noise(shape, 11 + which, 1.5)[None], noise(shape, 7, 2.0)[None]

    def loss(change: Tensor | float) -> Tensor:
        varied = [
            image + change * direction if number == which else image for number, image in enumerate(images)
        ]
        result = lmreg.register(
            varied[0],
            varied[1],
            model=lmreg.Diffeomorphic(polish=100, iterations=(60,)),
            similarity=similarity,
            levels=1,
            tolerance=1e-14,
        )
        assert result.status != (lmreg.Status.MAX_ITERATIONS,)
        return (result.warped * weight).mean() + result.displacement.square().mean()

    variable = torch.zeros((), dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(loss(variable), variable)
    expected = float(loss(step) - loss(-step)) / (2 * step)
    assert float(gradient) == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize("polish", [0, 3])
def test_no_adjoint_changes_the_forward_value(polish: int) -> None:
    fixed, moving, _ = pair((40, 44), 1.0)
    adjoints = [None, lmreg.Truncated(2), lmreg.Unroll()]
    if polish:
        adjoints += [lmreg.Implicit(), lmreg.Implicit("gauss_newton")]
    model = lmreg.Diffeomorphic(iterations=(3,), polish=polish)
    results = [
        lmreg.register(fixed, moving.clone().requires_grad_(tracked), model=model, levels=2, adjoint=adjoint)
        for adjoint in adjoints
        for tracked in (True, False)
    ]
    for result in results[1:]:
        assert torch.equal(result.warped, results[0].warped)
        assert torch.equal(result.displacement, results[0].displacement)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"node_spacing": 0.5}, "node_spacing"),
        ({"volume": 0.0}, "volume"),
        ({"membrane": math.inf}, "membrane"),
        ({"relaxation": 2.0}, "relaxation"),
        ({"momentum": 1.0}, "momentum"),
        ({"iterations": ()}, "iterations"),
        ({"polish": -1}, "polish"),
    ],
)
def test_invalid_options(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        lmreg.Diffeomorphic(**options)  # type: ignore[arg-type]


def test_comes_last_only() -> None:
    fixed, moving, _ = pair((40, 44), 1.0)
    with pytest.raises(ValueError, match="diffeomorphic can only come last"):
        lmreg.register(fixed, moving, model=["diffeomorphic", "affine"])


def test_real_brains_overlap(brains_2mm: dict[str, Tensor]) -> None:
    result = lmreg.register(
        brains_2mm["fixed"],
        brains_2mm["moving"],
        model=["affine", "diffeomorphic"],
        similarity="lncc",
        fixed_affine=brains_2mm["fixed_affine"],
        moving_affine=brains_2mm["moving_affine"],
    )
    shape = brains_2mm["fixed"].shape[2:]
    dtype = torch.float64
    to_moving = torch.linalg.solve(brains_2mm["moving_affine"], brains_2mm["fixed_affine"])
    place = grid_indices(shape, result.displacement[0]).to(dtype) + result.displacement[0].to(dtype)
    index = torch.einsum("ab,b...->a...", to_moving[:3, :3], place) + to_moving[:3, 3].reshape(3, 1, 1, 1)
    limit = torch.tensor(brains_2mm["moving_labels"].shape).reshape(3, 1, 1, 1) - 1
    nearest = index.round().long().clamp_min(0).minimum(limit)
    warped = brains_2mm["moving_labels"][tuple(nearest)]
    labels = brains_2mm["fixed_labels"]
    scores = [
        2
        * float(((warped == label) & (labels == label)).sum())
        / float((warped == label).sum() + (labels == label).sum())
        for label in range(1, 14)
    ]
    assert sum(scores) / len(scores) > 0.75
    inside = (brains_2mm["fixed"][0, 0] > 0)[2:-2, 2:-2, 2:-2]
    determinants = jacobian(result.displacement[0])[2:-2, 2:-2, 2:-2][inside]
    assert float(determinants.min()) > 0
    assert float(determinants.log().std()) < 0.45


@pytest.fixture(scope="module")
def brains_2mm() -> dict[str, Tensor]:
    folder = os.environ.get("REGBENCH_BRAINS")
    if not folder:
        pytest.skip("REGBENCH_BRAINS names no folder with the labelled brain pair")
    sitk = pytest.importorskip("SimpleITK")
    loaded: dict[str, Tensor] = {}
    for role, subject in (("fixed", 1), ("moving", 2)):
        image = sitk.ReadImage(str(Path(folder) / f"subject{subject}_T1w.nii.gz"), sitk.sitkFloat32)
        labels = sitk.ReadImage(str(Path(folder) / f"subject{subject}_labels.nii.gz"))
        array = torch.from_numpy(sitk.GetArrayFromImage(image))
        smooth = apply_along_axes(array[None], [window_matrix(n, 0.7).float() for n in array.shape])
        loaded[role] = smooth[None, :, ::2, ::2, ::2].contiguous()
        loaded[f"{role}_labels"] = torch.from_numpy(sitk.GetArrayFromImage(labels).astype("int64"))[
            ::2, ::2, ::2
        ]
        direction = torch.tensor(image.GetDirection(), dtype=torch.float64).reshape(3, 3)
        affine = torch.eye(4, dtype=torch.float64)
        affine[:3, :3] = (direction * torch.tensor(image.GetSpacing()) * 2).flip(1)
        affine[:3, 3] = torch.tensor(image.GetOrigin(), dtype=torch.float64)
        loaded[f"{role}_affine"] = affine
    return loaded
