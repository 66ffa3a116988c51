"""What the repository publishes is what the records that it keeps render to."""

import re
from pathlib import Path

import pytest

from reports.publish import parts_of_readme, published_part
from reports.published import FOLDER, PublishedRun, load_published

ROOT = Path(__file__).parent.parent
MOST_BYTES = 500_000
REMEDY = (
    "run 'make results', or 'python -m benchmarks publish configs/embedded.yaml --stored' for the text alone"
)


@pytest.fixture(scope="module")
def run() -> PublishedRun:
    return load_published(ROOT)


@pytest.fixture(scope="module")
def results(run: PublishedRun) -> str:
    return run.results


def test_results_are_what_the_records_render_to(results: str) -> None:
    assert (ROOT / "RESULTS.md").read_text(encoding="utf-8") == results, REMEDY


def test_the_part_of_the_readme_is_what_the_records_render_to() -> None:
    assert parts_of_readme(ROOT)[1] == published_part(ROOT), REMEDY


def test_both_name_command_and_commit(run: PublishedRun, results: str) -> None:
    for text in (results, published_part(ROOT)):
        assert run.facts.command in text
        assert run.records[0].provenance.commit[:12] in text


def test_a_number_that_changes_changes_the_text(run: PublishedRun, results: str) -> None:
    first = next(record for record in run.records if record.after.get("dice"))
    changed = first.model_copy(update={"after": first.after | {"dice": 0.0}})
    records = tuple(changed if record is first else record for record in run.records)
    assert PublishedRun(run.config, records, run.facts).results != results


def test_every_figure_is_there(results: str) -> None:
    shown = re.findall(r"\]\((docs/figures/[^)]+)\)", results)
    assert shown
    assert [path for path in shown if not (ROOT / path).is_file()] == []


def test_what_is_kept_is_small_and_says_nothing_private(run: PublishedRun) -> None:
    assert sum(path.stat().st_size for path in (ROOT / FOLDER).iterdir()) < MOST_BYTES
    assert all(record.provenance.host.startswith("machine ") for record in run.records)
    said = run.facts.model_dump_json() + "".join(record.model_dump_json() for record in run.records)
    assert not re.search(r"/(home|root|tmp|Users)/", said)
