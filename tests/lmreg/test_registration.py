from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import lmreg
from lmreg.linear import generators

Pairs = Callable[..., tuple[Tensor, Tensor]]


def matrix_of(kind: str, dim: int, centre: float, seed: int = 0) -> Tensor:
    algebra = generators(kind, torch.full((dim,), centre, dtype=torch.float64), 20.0)  # type: ignore[arg-type]
    amounts = (
        torch.rand(len(algebra), dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) - 0.5
    )
    return torch.linalg.matrix_exp(torch.tensordot(2 * amounts, algebra, dims=1))


def rmse(one: Tensor, other: Tensor) -> float:
    return float((one - other).square().mean().sqrt())


@pytest.mark.parametrize("shape", [(48, 44), (26, 28, 24)])
@pytest.mark.parametrize("kind", ["translation", "rigid", "similarity", "affine"])
@pytest.mark.parametrize("similarity", ["ssd", "ncc"])
def test_linear_models_recover_a_known_matrix(shape, kind, similarity, deformed_pair: Pairs):
    moving, _ = deformed_pair(shape)
    truth = matrix_of(kind, len(shape), (shape[0] - 1) / 2)
    index = torch.stack(torch.meshgrid(*[torch.arange(n).double() for n in shape], indexing="ij"))
    dim = len(shape)
    displacement = (
        torch.einsum("ab,b...->a...", truth[:dim, :dim], index)
        + truth[:dim, dim].reshape(dim, *(1,) * dim)
        - index
    )
    fixed = lmreg.warp(moving, displacement[None], interpolation="cubic")
    result = lmreg.register(fixed, moving, model=kind, similarity=similarity, levels=2, tolerance=1e-12)
    assert result.status == (lmreg.Status.CONVERGED,)
    torch.testing.assert_close(result.matrix[0], truth, rtol=0, atol=1e-3)
    torch.testing.assert_close(result.displacement[0], displacement, rtol=0, atol=0.02)


@pytest.mark.parametrize("shape", [(64, 60), (30, 32, 28)])
@pytest.mark.parametrize("similarity", ["ssd", "ncc", "mind"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bspline_brings_a_deformed_image_back(shape, similarity, dtype, deformed_pair: Pairs):
    fixed, moving = (image.to(dtype) for image in deformed_pair(shape, displacement_voxels=2.0))
    result = lmreg.register(fixed, moving, similarity=similarity, levels=3, control_points=8, bending=1e-4)
    # Descriptors are coarser than intensities.
    share = 0.65 if similarity == "mind" else 0.3
    assert rmse(result.warped, fixed) < share * rmse(moving, fixed)
    assert result.warped.dtype == dtype
    assert result.displacement.shape == (1, len(shape), *shape)


def test_single_and_double_precision_agree(deformed_pair: Pairs):
    fixed, moving = deformed_pair((64, 60), displacement_voxels=2.0, residual=0.1)
    double = lmreg.register(fixed, moving, control_points=5)
    single = lmreg.register(fixed.float(), moving.float(), control_points=5)
    errors = rmse(single.warped.double(), fixed), rmse(double.warped, fixed)
    assert abs(errors[0] - errors[1]) < 1e-4 * errors[1]


def test_the_same_answer_every_time(deformed_pair: Pairs):
    fixed, moving = (image.float() for image in deformed_pair((64, 60), residual=0.1))
    one, other = (lmreg.register(fixed, moving) for _ in range(2))
    assert torch.equal(one.warped, other.warped)


def test_a_pair_does_not_depend_on_its_companions(deformed_pair: Pairs):
    pairs = [deformed_pair((40, 36), seed=10 * seed) for seed in range(3)]
    fixed, moving = (torch.cat(images) for images in zip(*pairs, strict=True))
    together = lmreg.register(fixed, moving, control_points=5)
    for number, pair in enumerate(pairs):
        alone = lmreg.register(*pair, control_points=5)
        assert torch.equal(together.warped[number], alone.warped[0])
        assert together.trace[number] == alone.trace[0]


def test_dense_factorisation_and_conjugate_gradients_agree(monkeypatch, deformed_pair: Pairs):
    fixed, moving = deformed_pair((48, 44), residual=0.1)
    options: dict[str, Any] = {"control_points": 6, "tolerance": 1e-14, "iterations": 200}
    dense = lmreg.register(fixed, moving, **options)
    monkeypatch.setattr("lmreg.objective.DENSE_UNKNOWNS", 0)
    monkeypatch.setattr("lmreg.objective.SPECTRAL_UNKNOWNS", 0)
    free = lmreg.register(fixed, moving, **options)
    torch.testing.assert_close(free.displacement, dense.displacement, rtol=0, atol=1e-3)


@pytest.mark.parametrize("options", [{"model": "bspline", "control_spacing": 16.0}, {"model": "rigid"}])
def test_a_volume_one_slice_thick_is_an_image(options, deformed_pair: Pairs):
    fixed, moving = deformed_pair((48, 44), residual=0.05)
    flat = lmreg.register(fixed, moving, **options)
    thick = lmreg.register(fixed[:, :, None], moving[:, :, None], **options)
    torch.testing.assert_close(thick.warped[:, :, 0], flat.warped, rtol=0, atol=1e-4)
    torch.testing.assert_close(thick.displacement[:, 1:, 0], flat.displacement, rtol=0, atol=1e-2)


def test_models_in_turn_start_where_the_one_before_ended(deformed_pair: Pairs):
    fixed, moving = deformed_pair((64, 60), displacement_voxels=2.0)
    shift = torch.eye(3, dtype=torch.float64)
    shift[:2, 2] = torch.tensor([5.0, -4.0])
    result = lmreg.register(
        fixed,
        moving,
        moving_affine=shift,
        model=["rigid", "affine", "bspline"],
        control_points=6,
        bending=1e-3,
    )
    assert rmse(result.warped, fixed) < 0.4 * rmse(moving, fixed)
    assert len(result.trace[0]) == 12
    torch.testing.assert_close(
        lmreg.warp(moving, result.displacement, image_affine=shift, interpolation="cubic"), result.warped
    )


def test_orientation_and_spacing_of_the_moving_grid_do_not_matter(deformed_pair: Pairs):
    fixed, moving = deformed_pair((48, 44))
    plain = lmreg.register(fixed, moving, model="affine", tolerance=1e-12)
    turned = lmreg.register(
        fixed,
        moving.flip(2).transpose(2, 3).contiguous(),
        moving_affine=torch.tensor(
            [[0.0, -1.0, 47.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64
        ),
        model="affine",
        tolerance=1e-12,
    )
    torch.testing.assert_close(turned.displacement, plain.displacement, rtol=0, atol=1e-4)


def test_a_linear_model_finds_images_that_are_far_apart(deformed_pair: Pairs):
    fixed, moving = deformed_pair((48, 44), displacement_voxels=0.5)
    far = torch.eye(3, dtype=torch.float64)
    far[:2, 2] = torch.tensor([40.0, -30.0])
    result = lmreg.register(fixed, moving, moving_affine=far, model="translation")
    torch.testing.assert_close(result.matrix[0, :2, 2], far[:2, 2], rtol=0, atol=1.0)


def test_identical_images_stay_where_they_are(deformed_pair: Pairs):
    fixed, _ = deformed_pair((40, 36))
    result = lmreg.register(fixed, fixed)
    assert result.status == (lmreg.Status.CONVERGED,)
    assert float(result.displacement.abs().max()) < 1e-6


def test_a_robust_loss_ignores_a_lesion(deformed_pair: Pairs):
    fixed, moving = deformed_pair((64, 60), displacement_voxels=2.0)
    lesion = moving.clone()
    lesion[..., 28:36, 26:34] += 3.0
    clean = lmreg.register(fixed, moving, control_points=6)
    errors = [
        rmse(lmreg.register(fixed, lesion, control_points=6, robust=robust).displacement, clean.displacement)
        for robust in (lmreg.Huber(), None)
    ]
    assert errors[0] < 0.5 * errors[1]


def test_the_inverse_undoes_the_displacement(deformed_pair: Pairs):
    fixed, moving = deformed_pair((48, 44), displacement_voxels=2.0)
    affine = torch.diag(torch.tensor([0.8, 1.2, 1.0], dtype=torch.float64))
    result = lmreg.register(
        fixed, moving, model=["affine", "bspline"], moving_affine=affine, control_points=6
    )
    there = result.inverse_displacement_mm[0]
    assert there.shape == (2, 48, 44)
    back = lmreg.warp(
        result.displacement_mm, result.inverse_displacement, fixed_affine=affine, image_affine=None
    )[0]
    inside = (slice(None), slice(12, -12), slice(12, -12))
    assert float((there + back)[inside].abs().max()) < 0.05


def test_align_corners_convention_against_simpleitk(deformed_pair: Pairs):
    sitk = pytest.importorskip("SimpleITK")
    _, moving = deformed_pair((20, 24))
    displacement = torch.zeros(1, 2, 20, 24, dtype=torch.float64)
    displacement[:, 1] = 3.5
    warped = lmreg.warp(moving, displacement)[0, 0]
    image = sitk.GetImageFromArray(moving[0, 0].numpy())
    expected = sitk.GetArrayFromImage(
        sitk.Resample(image, sitk.TranslationTransform(2, (3.5, 0.0)), sitk.sitkLinear)
    )
    torch.testing.assert_close(warped[:, :20], torch.from_numpy(expected)[:, :20])


@pytest.mark.filterwarnings("ignore::lmreg.UnconvergedWarning")
def test_memory_of_implicit_does_not_grow_with_the_iterations(deformed_pair: Pairs):
    fixed, moving = deformed_pair((40, 36), residual=0.05)

    def kept(adjoint: lmreg.Adjoint, iterations: int) -> int:
        """Bytes of the tensors that a backward pass holds on to, counted while it runs."""
        held = 0

        def pack(tensor: Tensor) -> Tensor:
            nonlocal held
            held += tensor.nbytes
            return tensor

        leaf = moving.clone().requires_grad_()
        result = lmreg.register(
            fixed,
            leaf,
            control_points=5,
            bending=0.1,
            levels=1,
            adjoint=adjoint,
            iterations=iterations,
            tolerance=1e-30,
        )
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            result.warped.square().mean().backward()
        return held

    assert kept(lmreg.Implicit(), 8) == kept(lmreg.Implicit(), 2)
    two, three, four = (kept(lmreg.Unroll(), iterations) for iterations in (2, 3, 4))
    assert four - three == three - two > 0


def test_a_displacement_can_be_trained_through(deformed_pair: Pairs):
    fixed, moving = deformed_pair((40, 36))
    leaf = fixed.clone().requires_grad_()
    lmreg.register(leaf, moving, control_points=5).displacement.square().mean().backward()
    assert leaf.grad is not None
    assert float(leaf.grad.abs().max()) > 0


@pytest.mark.parametrize("similarity", ["ssd", "mind"])
def test_many_unknowns_end_where_few_do(monkeypatch, similarity: str, deformed_pair: Pairs):
    fixed, moving = deformed_pair((40, 36), residual=0.2)
    options = {
        "control_points": 5,
        "levels": 2,
        "tolerance": 1e-14,
        "similarity": similarity,
        "iterations": 200,
    }
    few = lmreg.register(fixed, moving, **options)
    for module in ("objective", "problem", "registration"):
        monkeypatch.setattr(f"lmreg.{module}.SPECTRAL_UNKNOWNS", 0)
    many = lmreg.register(fixed, moving, **options)
    assert [len(result.trace[0]) for result in (few, many)] == [2, 3]
    assert many.status == (lmreg.Status.CONVERGED,)
    torch.testing.assert_close(many.displacement, few.displacement, rtol=0, atol=1e-5)
