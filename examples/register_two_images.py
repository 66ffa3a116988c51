"""Register two images: an affine transform first, then a B-spline deformation.

Run it with ``python examples/register_two_images.py``.
"""

from __future__ import annotations

import torch
from torch import Tensor

import lmreg


def blobs(size: int, shift: float) -> Tensor:
    """Image of shape (1, 1, size, size) with a few smooth blobs, moved and bent by ``shift`` voxels."""
    rows, columns = torch.meshgrid(torch.arange(size).float(), torch.arange(size).float(), indexing="ij")
    rows = rows + shift * torch.sin(columns / 9)
    columns = columns + shift
    image = torch.zeros(size, size)
    for row, column, width in ((20, 24, 6), (40, 22, 4), (30, 42, 8), (46, 46, 5)):
        image += torch.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * width**2))
    return image[None, None]


def main() -> lmreg.Result:
    """Register, and tell how it went."""
    fixed, moving = blobs(64, 0.0), blobs(64, 3.0)
    result = lmreg.register(
        fixed,
        moving,
        model=["affine", "bspline"],
        spacing=1.5,
        control_spacing=12.0,
    )
    before = float((moving - fixed).square().mean().sqrt())
    after = float((result.warped - fixed).square().mean().sqrt())
    print(f"RMSE {before:.4f} before, {after:.4f} after; {result.status[0].value}")
    print(f"largest displacement {float(result.displacement_mm.norm(dim=1).max()):.2f} mm")
    return result


if __name__ == "__main__":
    main()
