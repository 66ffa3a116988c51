from __future__ import annotations

import io
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.aggregation import PairKey, PairResult
from benchmarks.panels import Panel
from reports.kept_slices import KeptSlices, Shown
from reports.page.images import pair_images, webp
from reports.study import Study


def picture(address: str) -> Image.Image:
    return Image.open(io.BytesIO(b64decode(address.partition(",")[2])))


@pytest.mark.parametrize(
    ("rows", "columns", "size"), [(16100, 16, (4, 4025)), (12, 16400, (3280, 3)), (4096, 7, (7, 4096))]
)
def test_a_large_slice_is_averaged_down_alike_along_both_sides(
    rows: int,
    columns: int,
    size: tuple[int, int],
    make: Callable[..., Any],
    make_config: Callable[..., Any],
    make_panel: Callable[..., Panel],
    tmp_path: Path,
) -> None:
    study = Study.of(make_config("a"), [record := make("a")])
    blank = np.zeros((rows, columns), dtype=np.float32)
    panel = replace(make_panel(spacing_mm=(0.5, 2.0)), fixed=blank, moving=blank, warped=blank)
    shown = Shown(study.runs("set")[0], PairResult((record,)), {"image": panel})
    images = pair_images(study, tmp_path, KeptSlices(PairKey("set", "p1"), (shown,), ()))
    assert images is not None
    (plane,) = images["planes"]
    assert (plane["columns"], plane["rows"], plane["slices"]) == (*size, 1)
    assert (plane["height_mm"], plane["width_mm"]) == (rows * 0.5, columns * 2.0)
    assert picture(images["fixed"][0]).size == size


def test_what_is_averaged_down_keeps_its_brightness() -> None:
    stripes = np.zeros((1, 8202, 6), dtype=np.uint8)
    stripes[:, 1::3] = 240
    assert np.asarray(picture(webp(stripes)).convert("L")) == pytest.approx(80, abs=3)
