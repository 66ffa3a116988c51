from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lmreg.pyramid import window_matrix
from lmreg.sampling import Interpolant, sample
from lmreg.separable import apply_along_axes

Smooth = Callable[..., Tensor]
Pairs = Callable[..., tuple[Tensor, Tensor]]


def smooth_field(shape: tuple[int, ...], seed: int, sigma: float = 3.0, channels: int = 1) -> Tensor:
    """Smooth noise of largest magnitude one, shape (channels, *shape), float64."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(channels, *shape, generator=generator, dtype=torch.float64)
    field = apply_along_axes(noise, [window_matrix(n, sigma) for n in shape])
    return field / field.abs().max()


def window(shape: tuple[int, ...]) -> Tensor:
    """One in the middle, falling smoothly to zero with its slope at the edges."""
    product = torch.ones(shape, dtype=torch.float64)
    for axis, samples in enumerate(shape):
        profile = torch.sin(torch.linspace(0, torch.pi, samples, dtype=torch.float64)) ** 2
        product = product * profile.reshape(-1, *(1,) * (len(shape) - 1 - axis))
    return product


@pytest.fixture
def smooth() -> Smooth:
    return smooth_field


@pytest.fixture
def deformed_pair() -> Pairs:
    """Makes a pair (1, 1, *shape): an image and the same moved, with a residual that no deformation explains."""

    def make(
        shape: tuple[int, ...], *, displacement_voxels: float = 1.0, residual: float = 0.0, seed: int = 0
    ) -> tuple[Tensor, Tensor]:
        inside = window(shape)
        fixed = (0.5 + 0.5 * smooth_field(shape, seed, 2.5)) * inside
        field = smooth_field(shape, seed + 1, 6.0, len(shape)) * displacement_voxels * inside
        index = torch.stack(torch.meshgrid(*[torch.arange(n).double() for n in shape], indexing="ij"))
        moving = sample(Interpolant.from_image(fixed, "cubic"), index + field)
        moving = moving + residual * smooth_field(shape, seed + 2, 2.0) * inside
        return fixed[None], moving[None]

    return make


@pytest.fixture
def brains() -> Path:
    import os

    folder = os.environ.get("REGBENCH_BRAINS")
    if folder is None:
        pytest.skip("set REGBENCH_BRAINS to a folder with a real labelled brain pair")
    return Path(folder)


@pytest.fixture
def two_subjects(brains: Path) -> tuple[Tensor, Tensor]:
    """Axial slices of two people, centres of mass together, 96×96 at 2 mm, shape (1, 1, 96, 96), float64."""
    import SimpleITK as sitk

    first, second = (
        sitk.Cast(
            sitk.DICOMOrient(sitk.ReadImage(str(brains / f"subject{n}_T1w.nii.gz")), "LPS"), sitk.sitkFloat32
        )
        for n in (1, 2)
    )
    start = sitk.CenteredTransformInitializer(
        first, second, sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.MOMENTS
    )
    second = sitk.Resample(second, first, start, sitk.sitkLinear)
    slices = []
    for volume in (first, second):
        array = torch.from_numpy(sitk.GetArrayFromImage(volume)).double() / 255
        plane = array[int(0.55 * array.shape[0])]
        canvas = torch.zeros(192, 192, dtype=torch.float64)
        rows, columns = (min(192, n) for n in plane.shape)
        canvas[:rows, :columns] = plane[:rows, :columns]
        halves = apply_along_axes(canvas, [window_matrix(192, 1.0)[::2]] * 2)
        slices.append(halves[None, None])
    return slices[0], slices[1]
