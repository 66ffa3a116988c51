"""A loss on the warped image reaches everything that produced the images.

The moving image is darker than the fixed one by an unknown gain and offset. Both are found by gradient descent on
the mismatch that remains after registration.

Run it with ``python examples/downstream_loss.py``.
"""

from __future__ import annotations

import torch
from torch.nn import functional

import lmreg


def main(steps: int = 40) -> list[float]:
    """Descend, and return the loss of each step."""
    generator = torch.Generator().manual_seed(1)
    coarse = torch.rand(1, 1, 10, 10, generator=generator)
    fixed = functional.interpolate(coarse, size=(48, 48), mode="bicubic", align_corners=True)
    moving = 0.7 * fixed.roll(2, dims=3) + 0.1
    gain, offset = torch.ones((), requires_grad=True), torch.zeros((), requires_grad=True)
    optimiser = torch.optim.Adam([gain, offset], lr=0.02)
    losses = []
    for _ in range(steps):
        optimiser.zero_grad()
        result = lmreg.register(fixed, gain * moving + offset, model="translation", levels=2)
        loss = functional.mse_loss(result.warped[..., 4:-4], fixed[..., 4:-4])
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.item())
    print(f"mismatch after registration {losses[0]:.2e} → {losses[-1]:.2e}")
    print(
        f"gain {gain.item():.2f} (true: {1 / 0.7:.2f}), offset {offset.item():.2f} (true: {-0.1 / 0.7:.2f})"
    )
    return losses


if __name__ == "__main__":
    main()
