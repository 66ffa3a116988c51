"""Keeping freed memory in the process."""

from __future__ import annotations

import torch

LARGEST_KEPT_BYTES = 31 << 20


def keep_freed_memory() -> None:
    """Let the C library reuse the memory of small images instead of returning it to the system each time.

    glibc maps blocks above a threshold one by one, and a fresh mapping costs a page fault per 4 KiB: for an image of
    256×256 several times the arithmetic on it. The threshold rises to the size of the largest block that was
    mapped and freed, at most 32 MiB, so freeing one untouched block of nearly that size is enough.
    """
    torch.empty(LARGEST_KEPT_BYTES, dtype=torch.uint8)
