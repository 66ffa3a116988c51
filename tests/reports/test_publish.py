from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.config import Config
from benchmarks.noise import NoiseFloors
from benchmarks.records import Failure, Status
from reports.build import build_report
from reports.document import Background
from reports.publish import BEGIN, END, PublishError, parts_of_readme, publish, published_part, render
from reports.published import RECORDS, load_published, without_paths

BACKGROUND = Background("the command", {}, 0, NoiseFloors())


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    (root / "docs" / "figures" / "old").mkdir(parents=True)
    (root / "docs" / "figures" / "old" / "gone.png").write_bytes(b"")
    (root / "README.md").write_text(f"# Title\n\n{BEGIN}\nold numbers\n{END}\n\nThe rest.\n")
    return root


@pytest.fixture
def run(tmp_path: Path, make_config: Callable[..., Config], make: Callable[..., Any]) -> tuple[Any, ...]:
    config = make_config("ours", "oracle")
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
    linked = [part.partition(")")[0] for part in results.split("](docs/figures/")[1:]]
    assert linked
    assert all((repository / "docs" / "figures" / path).is_file() for path in linked)
    assert not list((repository / "docs" / "figures").rglob("*.pdf"))
    assert ".pdf)" not in results
    assert not (repository / "docs" / "figures" / "old").exists()


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
    assert load_published(repository).results == (repository / "RESULTS.md").read_text()
    assert published_part(repository) == parts_of_readme(repository)[1]
    published = (repository / "RESULTS.md").read_bytes()
    (repository / "RESULTS.md").write_text("somebody's own numbers")
    render(repository)
    assert (repository / "RESULTS.md").read_bytes() == published


def test_nothing_private_is_published(run: tuple[Any, ...], repository: Path) -> None:
    folder, config, records = run
    failure = Failure(stage="load", message="no /home/somebody/x.nii", detail='File "/home/somebody/y.py"')
    failed = records[0].model_copy(update={"status": Status.FAILED, "failure": failure, "job_id": "2"})
    secret = failed.provenance.model_copy(update={"host": "secret-host"})
    records = [failed.model_copy(update={"provenance": secret}), *records]
    publish(folder, repository, config, records, Background("run /srv/data/x.yaml", {}, 0, NoiseFloors()))
    kept = load_published(repository)
    said = kept.results + kept.facts.model_dump_json() + "".join(r.model_dump_json() for r in kept.records)
    assert (repository / "docs" / "results" / RECORDS).is_file()
    assert not [word for word in ("somebody", "secret-host", "/srv") if word in said]
    assert len({record.provenance.host for record in kept.records}) == 2


def test_relative_paths_and_addresses_stay() -> None:
    kept = ["configs/x.yaml", "https://a.org/b/c", "1/2", "a / b"]
    assert without_paths(kept) == kept
    assert without_paths({"path": "/data/set/list.csv"}) == {"path": "…/list.csv"}
