from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.aggregation import PairKey
from benchmarks.config import Config
from benchmarks.panels import Panel, write_panels
from benchmarks.records import RunRecord
from reports.figures.slices import aspect_of
from reports.kept_slices import KeptSlices, kept_slices
from reports.study import Study

Make = Callable[..., RunRecord]
MakeConfig = Callable[..., Config]
MakePanel = Callable[..., Panel]


@pytest.fixture
def read(
    make: Make, make_config: MakeConfig, make_panel: MakePanel, tmp_path: Path
) -> Callable[[str], KeptSlices]:
    """Return a reader of a good run "a" beside a run "b" whose slices have the given path."""
    write_panels(tmp_path / "artefacts/a.npz", {"image": make_panel()})

    def build(path: str) -> KeptSlices:
        records = [make("a", artefacts={"panels": "artefacts/a.npz"}), make("b", artefacts={"panels": path})]
        return kept_slices(Study.of(make_config("a", "b"), records), tmp_path, PairKey("set", "p1"))

    return build


def test_slices_are_read_in_the_order_of_the_tables(read: Callable[[str], KeptSlices]) -> None:
    kept = read("artefacts/a.npz")
    assert [one.run.label for one in kept.shown] == ["a", "b"]
    assert (kept.planes, kept.omitted) == (("image",), ())


def test_missing_slices_are_told(read: Callable[[str], KeptSlices]) -> None:
    kept = read("artefacts/gone.npz")
    assert kept.labels == {"a"}
    assert kept.omitted == ("b: slices left out: artefacts/gone.npz is missing",)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 torn"])
def test_damaged_slices_are_told(read: Callable[[str], KeptSlices], tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.npz").write_bytes(content)
    assert read("bad.npz").omitted == ("b: slices left out: bad.npz cannot be read",)


@pytest.mark.parametrize("path", ["../outside.npz", "/etc/passwd"])
def test_slices_outside_the_folder_are_refused(
    read: Callable[[str], KeptSlices], make_panel: MakePanel, tmp_path: Path, path: str
) -> None:
    write_panels(tmp_path.parent / "outside.npz", {"image": make_panel()})
    assert read(path).omitted == (f"b: slices left out: {path} lies outside the results folder",)


def test_slices_of_another_grid_are_refused(
    read: Callable[[str], KeptSlices], make_panel: MakePanel, tmp_path: Path
) -> None:
    write_panels(tmp_path / "other.npz", {"image": make_panel(shape=(60, 60))})
    assert "not on the grid" in read("other.npz").omitted[0]


def test_what_lies_far_outside_the_mask_is_cut_away(
    make: Make, make_config: MakeConfig, make_panel: MakePanel, tmp_path: Path
) -> None:
    panel = make_panel(shape=(100, 80), spacing_mm=(2.0, 1.0))
    write_panels(tmp_path / "a.npz", {"axial": panel})
    study = Study.of(make_config(), [make("a", artefacts={"panels": "a.npz"})])
    cut = kept_slices(study, tmp_path, PairKey("set", "p1")).shown[0].panels["axial"]
    assert cut.mask.sum() == panel.mask.sum()
    assert cut.fixed.shape == cut.displacement_mm.shape[1:] == cut.mask.shape
    # The mask is 53 voxels wide; a margin of 8 % is added on each side.
    assert cut.fixed.shape == (61, 61)
    assert np.array_equal(cut.fixed, panel.fixed[20:81, 10:71])
    assert aspect_of(cut) == 2.0
