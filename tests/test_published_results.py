"""What the repository publishes is what the records that it keeps render to."""

import re
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from benchmarks.frozen import indented
from reports.publish import RESULTS, published_texts
from reports.published import FIGURES, FOLDER, MAIN, PublishedRun, load_published

ROOT = Path(__file__).parent.parent
MOST_BYTES = 500_000
# Of all runs but the main one, which alone shows pictures of every pair.
MOST_FIGURE_BYTES = 8_000_000
REMEDY = "run 'make results', or 'python -m benchmarks publish --stored' for the text alone"


@pytest.fixture(scope="module")
def runs() -> tuple[PublishedRun, ...]:
    return load_published(ROOT)


@pytest.fixture(scope="module")
def texts(runs: tuple[PublishedRun, ...]) -> dict[Path, str]:
    return published_texts(ROOT, runs)


def test_texts_are_what_the_records_render_to(texts: dict[Path, str]) -> None:
    for path, text in texts.items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, f"{path}: {REMEDY}"


def test_nothing_is_published_without_its_records(texts: dict[Path, str]) -> None:
    assert {path.relative_to(ROOT) for path in ROOT.glob("docs/protocols/*")} <= set(texts)
    assert {path.name for path in (ROOT / FIGURES).iterdir()} <= {
        path.name for path in (ROOT / FOLDER).iterdir()
    }


def test_each_run_is_named_with_command_and_commit(
    runs: tuple[PublishedRun, ...], texts: dict[Path, str]
) -> None:
    assert runs[0].name == MAIN
    for run in runs:
        assert run.facts.command in texts[RESULTS]
        assert run.records[0].provenance.commit[:12] in texts[RESULTS]


def test_a_number_that_changes_changes_the_text(
    runs: tuple[PublishedRun, ...], texts: dict[Path, str]
) -> None:
    run = runs[0]
    first = next(record for record in run.records if record.after.get("dice"))
    changed = structs.replace(first, after=first.after | {"dice": 0.0})
    records = tuple(changed if record is first else record for record in run.records)
    figures = (FIGURES / MAIN).as_posix()
    report = PublishedRun(run.config, records, run.facts).report(figures).rstrip("\n")
    assert report not in texts[RESULTS]
    assert report.partition("\n")[0] in texts[RESULTS]


def test_every_figure_is_there(texts: dict[Path, str]) -> None:
    for path, text in texts.items():
        shown = re.findall(r"\]\(((?:\.\./)*docs/figures/[^)]+)\)", text)
        assert shown, path
        assert [one for one in shown if not (ROOT / path.parent / one).is_file()] == []


def test_what_is_kept_is_small_and_says_nothing_private(runs: tuple[PublishedRun, ...]) -> None:
    figures = [path for path in (ROOT / FIGURES).rglob("*") if path.is_file()]
    others = [path for path in figures if path.relative_to(ROOT / FIGURES).parts[0] != MAIN]
    assert sum(path.stat().st_size for path in others) < MOST_FIGURE_BYTES
    for run in runs:
        assert sum(path.stat().st_size for path in (ROOT / FOLDER / run.name).iterdir()) < MOST_BYTES
        assert all(record.provenance.host.startswith("machine ") for record in run.records)
        said = (indented(run.facts) + msgspec.json.encode(run.records)).decode()
        assert not re.search(r"/(home|root|tmp|Users)/", said)
