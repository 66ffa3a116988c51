from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from benchmarks.config import Config
from benchmarks.panels import Panel, write_panels
from benchmarks.record_store import RecordStore
from benchmarks.records import Gradient, RunRecord, Status
from reports.build import build_report
from reports.markdown import render_table
from reports.summary import summary_tables

Make = Callable[..., RunRecord]
MakeConfig = Callable[..., Config]
MakePanel = Callable[..., Panel]

PLANES = {"flat": ("image",), "solid": ("axial", "coronal", "sagittal")}
CHARTS = ("accuracy-time", "ranks", "spread", "times")
RUNS = (("identity", 4.0, 0.5), ("ours", 0.5, 0.9), ("oracle", 1.0, 0.8))
GATES = [
    {"metric": "rmse", "backend": "ours", "oracle": "oracle"},
    {"metric": "dice", "backend": "oracle", "bound": 0.99},
]


@pytest.fixture(scope="module")
def config(make_config: MakeConfig) -> Config:
    return make_config(
        "identity", "ours", "oracle",
        datasets=("flat", "solid"), title="A title", description="First.\n\nSecond.",
        figures={"oracle": "oracle"}, gates=GATES,
    )  # fmt: skip


@pytest.fixture(scope="module")
def records(make: Make) -> list[RunRecord]:
    """Return a whole run: a 2D dataset and a 3D one, two competitors, a reference row and a failure."""
    gradient = Gradient(finite=True, moving_norm=1.0, fixed_norm=1.0, parameters_norm=1.0)
    made = []
    for dataset in PLANES:
        for label, left_over, dice in RUNS:
            path = f"artefacts/{dataset}-{label}.npz"
            made += [
                make(
                    label,
                    pair,
                    dataset=dataset,
                    track="reference" if label == "identity" else "matched",
                    before={"dice": 0.5, "rmse": 0.4, "tre_mm": 4.0},
                    seconds={"forward": 1.0 + left_over},
                    gradient=gradient if label == "ours" else None,
                    artefacts={"panels": path} if pair == "p1" else {},
                    dice=dice,
                    rmse=left_over / 10,
                    tre_mm=left_over,
                )
                for pair in ("p1", "p2")
            ]
    made[-1] = make("oracle", "p2", dataset="solid", status=Status.TIMEOUT, message="after 5 s")
    return made


@pytest.fixture
def folder(make_panel: MakePanel, tmp_path: Path) -> Path:
    """Return a folder with the slices that the records name."""
    return with_slices(tmp_path, make_panel)


@pytest.fixture(scope="module")
def built(
    config: Config, records: list[RunRecord], make_panel: MakePanel, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return a folder with a report, only to be read."""
    folder = with_slices(tmp_path_factory.mktemp("built"), make_panel)
    build_report(
        folder,
        config,
        records,
        descriptions={"flat": "Discs, no evidence of anything."},
        command="python -m benchmarks run x.yaml",
        pending=3,
    )
    return folder


def with_slices(folder: Path, make_panel: MakePanel) -> Path:
    for dataset, planes in PLANES.items():
        for label, left_over, _ in RUNS:
            panels = {plane: make_panel(left_over=left_over) for plane in planes}
            write_panels(folder / f"artefacts/{dataset}-{label}.npz", panels)
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".npz"
    }


def test_report_holds_every_part(config: Config, records: list[RunRecord], built: Path) -> None:
    text = (built / "report.md").read_text(encoding="utf-8")
    assert text.startswith("# A title\n\nFirst.\n\nSecond.\n\n")
    assert "3 runs on 4 pairs of 2 datasets: 11 of 12 jobs ended ok." in text
    assert "3 planned jobs not run yet" in text
    assert "Gates passed: 0 of 2." in text
    assert "Discs, no evidence of anything." in text
    for table in summary_tables(config, records):
        assert render_table(table) in text
    assert re.search(r"\| \*\*FAIL\*\* +\| worst RMSE of ours ≤ worst of oracle ", text)
    assert re.search(r"\| solid +\| oracle +\| timeout +\| register +\| +1 \| p2 +\| after 5 s +\|", text)
    assert re.search(r"\| Command +\| python -m benchmarks run x.yaml +\|", text)
    headings = re.findall(r"^## (.*)$", text, flags=re.MULTILINE)
    assert headings == [
        "Which backend to choose",
        "How to read this",
        "Gates",
        "Results",
        "What the differences carry",
        "Time and memory",
        "Failures",
        "Pictures",
        "What was run, and on what",
    ]


def test_backward_time_of_an_undifferentiable_run_is_not_available(built: Path) -> None:
    text = (built / "report.md").read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if re.match(r"\| oracle +\| matched .*×", line))
    assert [cell.strip() for cell in row.split("|")][6] == "n/a"


def test_every_picture_named_exists_and_is_not_blank(built: Path) -> None:
    text = (built / "report.md").read_text(encoding="utf-8")
    named = re.findall(r"^!\[[^\]]+\]\(([^)]+)\)$", text, flags=re.MULTILINE)
    charts = [f"figures/{kind}/{data}.png" for kind in CHARTS for data in PLANES]
    flat = ("checkerboard", "deformation", "panels")
    solid = ("checkerboard", "deformation", "panels-ours")
    pairs = [f"figures/pairs/flat/p1/{kind}.png" for kind in flat]
    pairs += [f"figures/pairs/solid/p1/{kind}.png" for kind in solid]
    extremes = [f"figures/pairs/{data}/extremes-{run}.png" for data in PLANES for run in ("oracle", "ours")]
    assert sorted(named) == sorted(charts + pairs + extremes)
    linked = re.findall(r"\[(?:PDF|numbers)\]\(([^)]+)\)", text)
    stems = {name.removesuffix(".png") for name in named}
    assert set(linked) == {stem + suffix for stem in stems for suffix in (".pdf", ".csv")}
    assert all((built / name).stat().st_size for name in linked)
    for name in named:
        pixels = imread(built / name)
        assert np.asarray(pixels)[..., :3].std() > 0.02, name


def test_numbers_of_csv_and_json_are_those_of_the_records(records: list[RunRecord], built: Path) -> None:
    assert len((built / "results.csv").read_text().splitlines()) == 1 + len(records)
    content = json.loads((built / "pairs/solid/p2.json").read_text())
    assert content["runs"]["ours"]["scores"]["tre_mm"] == 0.5
    assert content["runs"]["oracle"]["status"] == "timeout"


def test_same_records_make_the_same_bytes(config: Config, records: list[RunRecord], folder: Path) -> None:
    store = RecordStore(folder / "records.jsonl")
    for record in records:
        store.append(record)
    build_report(folder, config, records)
    first = files_of(folder)
    build_report(folder, config, store.read()[::-1])
    assert files_of(folder) == first


def test_missing_slices_are_told(config: Config, records: list[RunRecord], folder: Path) -> None:
    (folder / "artefacts/flat-oracle.npz").unlink()
    text = build_report(folder, config, records).read_text(encoding="utf-8")
    assert "- p1: oracle: slices left out: artefacts/flat-oracle.npz is missing" in text
    assert "- p1: the oracle oracle has no slices" in text
    assert "figures/pairs/flat/p1/panels.png" in text


def test_hostile_names_are_harmless(make: Make, make_panel: MakePanel, tmp_path: Path) -> None:
    name = "../../up | <script>alert(1)</script> `$x$` [a](http://b)\n# heading"
    write_panels(tmp_path / "in/a.npz", {"image": make_panel()})
    config = Config.model_validate(
        {"name": "test", "dataset": {"name": name}, "runs": [{"label": "a", "backend": "a"}], "title": name}
    )
    records = [
        make(name, name, dataset=name, artefacts={"panels": "a.npz"}, seconds={"forward": 1.0}, dice=0.5),
        make("b", name, dataset=name, status=Status.FAILED, message=name),
    ]
    outside = set(tmp_path.rglob("*"))
    text = build_report(tmp_path / "in", config, records, descriptions={name: name}).read_text(
        encoding="utf-8"
    )
    assert all(path.is_relative_to(tmp_path / "in") for path in set(tmp_path.rglob("*")) - outside)
    prose = re.sub(r"^(`{3,}).*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert "<script>" not in prose
    assert not re.search(r"(?<!\\)\]\(http", prose)
    assert not re.search(r"^# heading", prose, flags=re.MULTILINE)
    pictures = re.findall(r"\]\((figures/[^)]+)\)", prose)
    assert len(pictures) >= 9
    assert all((tmp_path / "in" / picture).is_file() for picture in pictures)


def test_old_figures_and_pairs_go_and_other_files_stay(
    config: Config, records: list[RunRecord], folder: Path
) -> None:
    build_report(folder, config, records)
    (folder / "figures/notes.txt").write_text("mine")
    build_report(folder, config, [record for record in records if record.identity.dataset == "flat"])
    left = files_of(folder)
    assert "figures/notes.txt" in left
    assert "figures/pairs/flat/p1/panels.png" in left
    assert not any("solid" in path for path in left)


def test_without_records_there_is_a_report_that_says_so(make_config: MakeConfig, tmp_path: Path) -> None:
    config = make_config(gates=[{"metric": "rmse", "backend": "a", "bound": 1}])
    text = build_report(tmp_path / "new", config, [], pending=2).read_text(encoding="utf-8")
    assert "0 runs on 0 pairs of 0 datasets: 0 of 0 jobs ended ok." in text
    assert "2 planned jobs not run yet" in text
    assert "Gates passed: 0 of 1." in text


def test_failures_alone_make_a_report(make: Make, make_config: MakeConfig, tmp_path: Path) -> None:
    records = [make("a", status=Status.UNAVAILABLE, message="no module named 'ants'")]
    text = build_report(tmp_path, make_config(), records).read_text(encoding="utf-8")
    assert "no module named 'ants'" in text
    assert "0/1" in text


def test_user_settings_of_matplotlib_change_nothing(
    config: Config, records: list[RunRecord], folder: Path
) -> None:
    import matplotlib as mpl

    records = [record for record in records if record.identity.dataset == "flat"]
    build_report(folder, config, records)
    first = files_of(folder)
    with mpl.rc_context({"font.size": 30, "image.cmap": "jet", "figure.facecolor": "red"}):
        build_report(folder, config, records)
        assert mpl.rcParams["font.size"] == 30
    assert files_of(folder) == first
