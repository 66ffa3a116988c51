"""``compare`` and ``history`` as a user meets them."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from msgspec import structs
from typer.testing import CliRunner

from benchmarks.cli import app
from benchmarks.frozen import decoded
from benchmarks.record_store import RecordStore

STORED = Path(__file__).parents[2] / "docs" / "results" / "embedded" / "records.jsonl.xz"


@pytest.fixture
def store(tmp_path):
    """Return a maker of results folders with the published records, each changed by a function."""
    import lzma

    from benchmarks.records import RunRecord

    lines = [line for line in lzma.decompress(STORED.read_bytes()).splitlines() if b"template3d" in line][:8]

    def build(name, change=lambda record: record):
        records = RecordStore(tmp_path / name / "records.jsonl")
        for line in lines:
            records.append(change(decoded(line, RunRecord)))
        return str(tmp_path / name)

    return build


def worse(record):
    return structs.replace(record, after=record.after | {"dice": 0.1})


def slower(record):
    return structs.replace(record, seconds={stage: 3 * seconds for stage, seconds in record.seconds.items()})


@pytest.mark.parametrize(("change", "code"), [(lambda record: record, 0), (worse, 1), (slower, 3)])
def test_exit_code_tells_what_got_worse(store, tmp_path, change, code):
    table = tmp_path / "table.md"
    done = CliRunner().invoke(app, ["compare", store("one"), store("two", change), "--markdown", str(table)])
    assert done.exit_code == code, done.output
    assert table.read_text().startswith("## What changed from ")


def test_request_that_means_nothing_is_an_error(store, tmp_path):
    one = store("one")
    for arguments in (
        [one],
        [one, str(tmp_path / "none")],
        [one, "--commits", "a"],
        [one, "--commits", "ffff..eeee"],
    ):
        assert CliRunner().invoke(app, ["compare", *arguments]).exit_code == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("one", "one: no such results folder or file of records (did you mean 'results/one'?)"),
        ("none", "none: no such results folder or file of records (runs are kept in results)"),
        ("results", "results/records.jsonl: holds no records"),
        ("packed", "packed/records.jsonl.xz: holds the records of a published run, packed: xz --decompress"),
        ("packed/records.jsonl.xz", "xz --decompress --keep packed/records.jsonl.xz unpacks them"),
    ],
)
def test_a_run_that_is_not_there_is_told_from_one_without_records(
    store, tmp_path, monkeypatch, name, message
):
    store("results/one")
    shutil.copytree(STORED.parent, tmp_path / "packed")
    monkeypatch.chdir(tmp_path)
    for arguments in (["history", name], ["compare", "results/one", name]):
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 2
        assert message in done.output


def test_history_draws_a_figure(store, tmp_path):
    figure = tmp_path / "history.png"
    done = CliRunner().invoke(app, ["history", store("one"), "--metric", "tre_mm", "--figure", str(figure)])
    assert done.exit_code == 0, done.output
    assert "TRE (mm) by commit" in done.output
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert "lower is better" in " ".join(done.output.split())
    numbers = pd.read_csv(figure.with_suffix(".csv"))
    assert list(numbers.columns) == ["dataset", "run", "commit", "tre_mm"]
    assert len(numbers) == len(numbers.drop_duplicates(["dataset", "run", "commit"])) > 1
    assert (
        CliRunner().invoke(app, ["history", store("one"), "--figure", str(tmp_path / "x.exe")]).exit_code == 2
    )
    assert CliRunner().invoke(app, ["history", store("one"), "--metric", "dize"]).exit_code == 2
