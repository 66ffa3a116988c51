"""Images as the page holds them: 8-bit WebP in data addresses."""

from __future__ import annotations

import io
from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.panels import Panel
from benchmarks.plain_text import one_line
from benchmarks.stacks import Stack, eight_bit
from reports.galleries import Gallery
from reports.kept_slices import KeptSlices, Shown, kept_stacks
from reports.study import Study

QUALITY = 85
# The format's own limit of an image's height.
MOST_ROWS = 16_000
# Rows or columns of a slice beyond which it is averaged down: more than a screen has.
MOST_SIDE = 4096

Bytes = npt.NDArray[np.uint8]


def pair_images(study: Study, folder: Path, kept: KeptSlices) -> dict[str, Any] | None:
    """Return the images of a pair: the slices of each plane below each other, fixed and moving once for all runs.

    Parameters
    ----------
    study : Study
        Numbers the runs.
    folder : Path
        Results folder, where the stacks of 3D pairs lie.
    kept : KeptSlices
        What was kept of the pair.

    Returns
    -------
    dict or None
        None where nothing was kept.
    """
    if not kept.shown:
        return None
    numbers = {run.label: number for number, run in enumerate(study.runs(kept.key.dataset))}
    stacks = kept_stacks(folder, kept)
    first = _stacks_of(kept.shown[0], stacks)
    shown = [one for one in kept.shown if _shapes(_stacks_of(one, stacks)) == _shapes(first)]
    return {
        "planes": [_plane(name, stack) for name, stack in first.items()],
        "fixed": [webp(stack.fixed) for stack in first.values()],
        "moving": [webp(stack.moving) for stack in first.values()],
        "warped": [
            {
                "run": numbers[one.run.label],
                "urls": [webp(stack.warped) for stack in _stacks_of(one, stacks).values()],
            }
            for one in shown
        ],
    }


def _stacks_of(one: Shown, stacks: dict[str, dict[str, Stack]]) -> dict[str, Stack]:
    """Return a run's stack of each plane; where none was kept the one slice that figures show."""
    found = stacks.get(one.run.label)
    return found or {plane: _single(panel) for plane, panel in one.panels.items()}


def _single(panel: Panel) -> Stack:
    fixed, moving, warped = (eight_bit(image)[None] for image in (panel.fixed, panel.moving, panel.warped))
    return Stack(fixed, moving, warped, panel.spacing_mm)


def _shapes(stacks: dict[str, Stack]) -> dict[str, tuple[int, ...]]:
    return {plane: stack.fixed.shape for plane, stack in stacks.items()}


def _plane(name: str, stack: Stack) -> dict[str, Any]:
    slices, rows, columns = stack.fixed.shape
    step = _step(rows, columns)
    shown_rows, shown_columns = -(-rows // step), -(-columns // step)
    return {
        "name": one_line(name),
        "slices": min(slices, MOST_ROWS // shown_rows),
        "rows": shown_rows,
        "columns": shown_columns,
        "height_mm": float(rows * stack.spacing_mm[0]),
        "width_mm": float(columns * stack.spacing_mm[1]),
    }


def _step(rows: int, columns: int) -> int:
    """Return how many rows, and columns, of a slice are averaged to one."""
    return -(-max(rows, columns) // MOST_SIDE)


def webp(slices: Bytes) -> str:
    """Return the address of a picture of slices of shape (slices, rows, columns), the first on top."""
    step = _step(*slices.shape[1:])
    if step > 1:
        slices = np.stack([np.asarray(Image.fromarray(one, mode="L").reduce(step)) for one in slices])
    _, rows, columns = slices.shape
    below_each_other = slices.reshape(-1, columns)[: MOST_ROWS // rows * rows]
    return _address(Image.fromarray(below_each_other, mode="L"))


def gallery(folder: Path, shown: Gallery) -> dict[str, Any]:
    """Return the figures of a report, their title and caption."""
    images = []
    for picture in shown.pictures:
        with Image.open(folder / picture.path) as image:
            width, height = image.size
            images.append(
                {
                    "url": _address(image.convert("RGB")),
                    "title": one_line(picture.title),
                    "width": width,
                    "height": height,
                }
            )
    return {"title": one_line(shown.title), "caption": one_line(shown.caption), "images": images}


def _address(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, format="WEBP", quality=QUALITY, method=4)
    return f"data:image/webp;base64,{b64encode(file.getvalue()).decode('ascii')}"
