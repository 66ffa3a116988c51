from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec import structs
from PIL import Image

from benchmarks.config import Config
from benchmarks.frozen import indented
from benchmarks.gradient_record import GradientCheck
from benchmarks.noise import NoiseFloors
from benchmarks.panels import write_panels
from benchmarks.records import Failure, Status
from reports.build import build_report
from reports.document import Background
from reports.publish import BEGIN, END, PublishError, publish, published_texts, render
from reports.published import MAIN, RECORDS, PublishedRun, load_published

REPOSITORY = Path(__file__).parents[2]
BACKGROUND = Background("the command", {}, 0, NoiseFloors())


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    (root / "docs" / "figures" / MAIN / "old").mkdir(parents=True)
    (root / "docs" / "figures" / MAIN / "old" / "gone.png").write_bytes(b"")
    (root / "README.md").write_text(f"# Title\n\n{BEGIN}\nold numbers\n{END}\n\nThe rest.\n")
    return root


@pytest.fixture
def run(tmp_path: Path, make_config: Callable[..., Config], make: Callable[..., Any]) -> tuple[Any, ...]:
    config = make_config("ours", "oracle", name=MAIN)
    records = [
        make(label, dice=dice, seconds={"forward": 1.0})
        for label, dice in (("ours", 0.8123), ("oracle", 0.75))
    ]
    folder = tmp_path / "results" / "name"
    build_report(folder, config, records, command="the command")
    return folder, config, records


def test_the_part_between_the_markers_and_the_figures_are_replaced(
    run: tuple[Any, ...], repository: Path
) -> None:
    folder, config, records = run
    publish(folder, repository, config, records, BACKGROUND)
    readme = (repository / "README.md").read_text()
    assert readme.startswith("# Title\n")
    assert readme.endswith("The rest.\n")
    assert "old numbers" not in readme
    assert "0.812" in readme
    assert "`the command` at commit" in readme
    results = (repository / "RESULTS.md").read_text()
    assert "0.812" in results
    linked = [part.partition(")")[0] for part in results.split(f"](docs/figures/{MAIN}/")[1:]]
    assert linked
    assert all((repository / "docs" / "figures" / MAIN / path).is_file() for path in linked)
    assert not list((repository / "docs" / "figures").rglob("*.pdf"))
    assert ".pdf)" not in results
    assert not (repository / "docs" / "figures" / MAIN / "old").exists()


def test_publishing_twice_changes_nothing(run: tuple[Any, ...], repository: Path) -> None:
    folder, config, records = run
    publish(folder, repository, config, records, BACKGROUND)
    first = (repository / "README.md").read_bytes()
    publish(folder, repository, config, records, BACKGROUND)
    assert (repository / "README.md").read_bytes() == first


def test_a_readme_without_markers_is_left_alone(run: tuple[Any, ...], repository: Path) -> None:
    folder, config, records = run
    (repository / "README.md").write_text("# Title\n")
    with pytest.raises(PublishError, match=r"README\.md: has no part between"):
        publish(folder, repository, config, records, BACKGROUND)
    assert (repository / "README.md").read_text() == "# Title\n"
    assert not (repository / "RESULTS.md").exists()


def test_what_is_kept_renders_to_what_is_published(run: tuple[Any, ...], repository: Path) -> None:
    folder, config, records = run
    publish(folder, repository, config, records, BACKGROUND)
    texts = published_texts(repository, load_published(repository))
    assert {path: (repository / path).read_text() for path in texts} == texts
    (repository / "RESULTS.md").write_text("somebody's own numbers")
    render(repository)
    assert (repository / "RESULTS.md").read_text() == texts[Path("RESULTS.md")]


@pytest.fixture
def protocol(
    tmp_path: Path, make_config: Callable[..., Config], make: Callable[..., Any]
) -> tuple[Path, Config, list[Any]]:
    """A second run: one of its two gates fails, one of its three jobs did not end ok."""
    gates = [
        {"metric": "dice", "backend": "first", "bound": 0.5},
        {"metric": "dice", "backend": "second", "bound": 0.5},
    ]
    config = make_config("first", "second", name="protocol", title="A question", gates=gates)
    records = [
        make("first", dice=0.7321, seconds={"forward": 70.0}),
        structs.replace(make("first", "p2", dice=0.6, seconds={"forward": 5.0}), wall_s=50.0),
        make("second", status=Status.FAILED),
    ]
    return tmp_path / "results" / "protocol", config, records


def test_two_runs_stand_beside_each_other(
    run: tuple[Any, ...], protocol: tuple[Any, ...], repository: Path
) -> None:
    for folder, config, records in (protocol, run):
        publish(folder, repository, config, records, BACKGROUND)
    assert [one.name for one in load_published(repository)] == [MAIN, "protocol"]
    results, readme = ((repository / name).read_text() for name in ("RESULTS.md", "README.md"))
    (row,) = [
        line for line in results.splitlines() if line.startswith("| [protocol](docs/protocols/protocol.md)")
    ]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1:5] == ["A question", "**1 of 2**", "2 of 3", "2 min 0 s"]
    assert "0.812" in results
    assert "0.732" not in results, "the protocol's own numbers stand on its own page"
    assert "0.812" in readme
    assert "**1 of 2**" in readme
    page = (repository / "docs" / "protocols" / "protocol.md").read_text()
    assert "0.73" in page
    linked = [part.partition(")")[0] for part in page.split("](../../")[1:]]
    assert "RESULTS.md" in linked
    assert any(path.startswith("docs/figures/protocol/") for path in linked)
    assert all((repository / path).is_file() for path in linked)


def test_publishing_a_run_again_replaces_it_and_no_other(
    run: tuple[Any, ...], protocol: tuple[Any, ...], repository: Path
) -> None:
    for folder, config, records in (run, protocol):
        publish(folder, repository, config, records, BACKGROUND)
    others = {path: path.read_bytes() for path in (repository / "docs").rglob(f"{MAIN}/*") if path.is_file()}
    folder, config, records = protocol
    better = [*records[:2], structs.replace(records[2], status=Status.OK, after={"dice": 0.9})]
    publish(folder, repository, config, better, BACKGROUND)
    assert [len(one.records) for one in load_published(repository)] == [2, 3]
    assert "2 of 2" in (repository / "RESULTS.md").read_text()
    assert {path: path.read_bytes() for path in others} == others


def test_the_page_of_a_run_that_is_no_longer_kept_goes(
    run: tuple[Any, ...], protocol: tuple[Any, ...], repository: Path
) -> None:
    for folder, config, records in (run, protocol):
        publish(folder, repository, config, records, BACKGROUND)
    shutil.rmtree(repository / "docs" / "results" / "protocol")
    render(repository)
    assert not (repository / "docs" / "protocols" / "protocol.md").exists()
    assert "protocol" not in (repository / "README.md").read_text()


def test_a_config_chooses_the_figures_that_are_published(protocol: tuple[Any, ...], repository: Path) -> None:
    folder, config, records = protocol
    figures = repository / "docs" / "figures" / "protocol"
    chosen = config.figures.model_copy(update={"published": ("spread/*",)})
    publish(folder, repository, config.model_copy(update={"figures": chosen}), records, BACKGROUND)
    assert {path.parent.name for path in figures.rglob("*.png")} == {"spread"}
    unknown = config.figures.model_copy(update={"published": ("spreat/*",)})
    with pytest.raises(PublishError, match=r"'spreat/\*' matches no figure; there are .*spread/\*"):
        publish(folder, repository, config.model_copy(update={"figures": unknown}), records, BACKGROUND)
    assert {path.parent.name for path in figures.rglob("*.png")} == {"spread"}


def test_a_repository_without_any_run_says_so(repository: Path) -> None:
    with pytest.raises(PublishError, match="keeps no published run"):
        render(repository)


def test_datasets_that_were_left_out_are_named(run: tuple[Any, ...], repository: Path) -> None:
    folder, config, records = run
    left_out = ("lpba40 is left out: its data have not been fetched.",)
    publish(folder, repository, config, records, replace(BACKGROUND, left_out=left_out))
    assert left_out[0] in (repository / "RESULTS.md").read_text()


def test_nothing_private_is_published(run: tuple[Any, ...], repository: Path) -> None:
    folder, config, records = run
    failure = Failure(stage="load", message="no /home/somebody/x.nii", detail='File "/home/somebody/y.py"')
    failed = structs.replace(records[0], status=Status.FAILED, failure=failure, job_id="2")
    secret = structs.replace(failed.provenance, host="secret-host")
    records = [structs.replace(failed, provenance=secret), *records]
    publish(folder, repository, config, records, Background("run /srv/data/x.yaml", {}, 0, NoiseFloors()))
    (kept,) = load_published(repository)
    said = (
        kept.report("figures")
        + indented(kept.facts).decode()
        + "".join(msgspec.json.encode(r).decode() for r in kept.records)
    )
    assert (repository / "docs" / "results" / MAIN / RECORDS).is_file()
    assert not [word for word in ("somebody", "secret-host", "/srv") if word in said]
    assert len({record.provenance.host for record in kept.records}) == 2


def test_no_field_of_what_is_published_keeps_a_path(run: tuple[Any, ...], repository: Path) -> None:
    folder, config, records = run
    note = "left out: OSError:/home/somebody/x"
    records = [
        structs.replace(
            record,
            identity=structs.replace(
                record.identity, subjects=("/home/somebody/s1/T1", "/home/somebody/s2/T1")
            ),
            gradient_check=GradientCheck(note=note),
        )
        for record in records
    ]
    said = {"set": "Pairs listed in '/home/somebody else/list.csv'."}
    left_out = ("other: no such file: /home/somebody/x",)
    background = replace(BACKGROUND, descriptions=said, left_out=left_out)
    publish(folder, repository, config, records, background)
    (kept,) = load_published(repository)
    shown = indented(kept.facts) + b"".join(msgspec.json.encode(record) for record in kept.records)
    assert b"somebody" not in shown
    assert kept.facts.descriptions == {"set": "Pairs listed in '…/list.csv'."}
    assert kept.facts.left_out == ("other: no such file: …/x",)
    assert {record.gradient_check for record in kept.records} == {GradientCheck(note="left out: OSError:…/x")}
    assert {record.identity.subjects for record in kept.records} == {("…/T1 (1)", "…/T1 (2)")}


def test_what_is_published_already_is_kept_as_it_is() -> None:
    for one in load_published(REPOSITORY):
        facts = one.facts
        background = Background(
            facts.command, facts.descriptions, 0, NoiseFloors(facts.calibrations), stacks=facts.stacks,
            left_out=facts.left_out,
        )  # fmt: skip
        again = PublishedRun.of(one.config, one.records, background, {})
        assert again.records == one.records
        assert again.config == one.config
        assert structs.replace(again.facts, pictures=facts.pictures) == facts


def test_slices_keep_all_their_colours_and_charts_no_more_than_a_palette(
    run: tuple[Any, ...], repository: Path, make_panel: Callable[..., Any]
) -> None:
    folder, config, records = run
    panel = make_panel(shape=(160, 120))
    write_panels(folder / "a.npz", {"image": panel})
    chosen = config.figures.model_copy(update={"published": ("pairs/*", "times/*")})
    kept = [structs.replace(record, artefacts={"panels": "a.npz"}) for record in records]
    publish(folder, repository, config.model_copy(update={"figures": chosen}), kept, BACKGROUND)
    figures = repository / "docs" / "figures" / MAIN
    (chart,) = (figures / "times").glob("*.png")
    with Image.open(chart) as picture:
        assert picture.mode == "P"
    colourful = []
    for path in (figures / "pairs").rglob("*.png"):
        with Image.open(path) as copy, Image.open(folder / "figures" / path.relative_to(figures)) as drawn:
            assert np.array_equal(np.asarray(copy.convert("RGB")), np.asarray(drawn.convert("RGB")))
            colourful.append(copy.mode == "RGB")
    assert any(colourful)
