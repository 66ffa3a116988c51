"""How a step says that it cannot be done."""

from __future__ import annotations


class StepError(ValueError):
    """An image that a step cannot be applied to; the message continues one that names pair and image."""
