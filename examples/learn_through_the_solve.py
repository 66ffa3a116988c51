"""Registration as a layer: learn parameters by backpropagation through the solve.

Two things are learned on pairs whose deformation is known: the exponent of an intensity transform that the
moving images need before they can be compared, and the weight of the regularisation.

Run it with ``python examples/learn_through_the_solve.py``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

import lmreg


class Registration(nn.Module):
    """Gamma correction of the moving image, then B-spline registration with a learned regularisation."""

    def __init__(self) -> None:
        super().__init__()
        self.log_gamma = nn.Parameter(torch.tensor(0.0))
        self.log_bending = nn.Parameter(torch.tensor(-2.0))

    def forward(self, fixed: Tensor, moving: Tensor) -> lmreg.Result:
        """Register a batch of pairs of shape (N, 1, height, width)."""
        corrected = moving.clamp_min(1e-3) ** self.log_gamma.exp()
        return lmreg.register(
            fixed, corrected, control_points=5, levels=2, bending=torch.exp(self.log_bending)
        )


def pairs(count: int, size: int = 40) -> tuple[Tensor, Tensor, Tensor]:
    """Fixed images, moving images with a wrong gamma, and the true displacements."""
    generator = torch.Generator().manual_seed(0)
    rows, columns = torch.meshgrid(torch.arange(size).float(), torch.arange(size).float(), indexing="ij")
    moving = []
    for _ in range(count):
        centres = size * (0.25 + 0.5 * torch.rand(6, 2, generator=generator))
        blobs = [torch.exp(-((rows - r) ** 2 + (columns - c) ** 2) / 40) for r, c in centres]
        moving.append(torch.stack(blobs).sum(0).div(2)[None])
    images = torch.stack(moving)
    bump = torch.sin(torch.pi * rows / (size - 1)) * torch.sin(torch.pi * columns / (size - 1))
    amounts = 4 * torch.rand(count, 2, 1, 1, generator=generator) - 2
    displacement = amounts * bump
    fixed = lmreg.warp(images, displacement, interpolation="cubic")
    return fixed, images.clamp_min(1e-3) ** 0.6, displacement


def main(steps: int = 25) -> tuple[list[float], Registration]:
    """Train, and return the loss of each step with the trained layer."""
    fixed, moving, displacement = pairs(2)
    layer = Registration()
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.1)
    losses = []
    for _ in range(steps):
        optimiser.zero_grad()
        loss = (layer(fixed, moving).displacement - displacement).square().mean()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.item())
    print(f"mean squared error of the displacement {losses[0]:.4f} → {losses[-1]:.4f} voxels²")
    print(f"gamma {layer.log_gamma.exp().item():.2f} (true: {1 / 0.6:.2f})")
    return losses, layer


if __name__ == "__main__":
    main()
