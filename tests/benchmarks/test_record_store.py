import json
import os
import subprocess
import sys

import msgspec
import pytest
from msgspec import structs

from benchmarks.label_scores import LabelScores
from benchmarks.record_store import Head, RecordStore
from benchmarks.records import Status


def test_records_come_back_as_they_were_written(tmp_path, make_record):
    store = RecordStore(tmp_path / "deep" / "records.jsonl")
    written = [make_record("a"), make_record("b", trace=((1.0, None), (0.5,)))]
    for item in written:
        store.append(item)
    assert store.read() == written


def test_no_more_than_a_second_of_work_waits_for_the_disk(tmp_path, make_record, monkeypatch):
    written_to_disk = []

    def note_and_sync(file: int) -> None:
        written_to_disk.append(os.fstat(file).st_size)
        fsync(file)

    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", note_and_sync)
    store = RecordStore(tmp_path / "records.jsonl")
    store.append(make_record("unknown", wall_s=None))
    assert written_to_disk[-1] == store.path.stat().st_size
    for wall_s in (0.4, 0.4):
        store.append(make_record("short", wall_s=wall_s))
        assert written_to_disk[-1] < store.path.stat().st_size
    for wall_s in (0.4, 3600.0, 2.0):
        store.append(make_record("enough", wall_s=wall_s))
        assert written_to_disk[-1] == store.path.stat().st_size


def test_a_torn_line_loses_only_itself(tmp_path, make_record):
    store = RecordStore(tmp_path / "records.jsonl")
    store.append(make_record("a"))
    with store.path.open("ab") as file:
        file.write(msgspec.json.encode(make_record("b"))[:200])
    assert [item.job_id for item in store.read()] == ["a"]
    store.append(make_record("c"))
    assert [item.job_id for item in store.read()] == ["a", "c"]


def test_a_complete_line_that_is_no_record_is_an_error_naming_the_line(tmp_path, make_record):
    store = RecordStore(tmp_path / "records.jsonl")
    store.append(make_record("a"))
    with store.path.open("a") as file:
        file.write('{"job_id": "b"}\n')
    with pytest.raises(ValueError, match=r"records\.jsonl:2: not a record"):
        store.read()


def test_an_absent_store_is_empty(tmp_path):
    assert RecordStore(tmp_path / "none.jsonl").read() == []


def test_the_last_record_of_a_job_counts(tmp_path, make_record):
    store = RecordStore(tmp_path / "records.jsonl")
    written = [make_record("a", status="failed"), make_record("b"), make_record("a"), make_record("c")]
    for item in written:
        store.append(item)
    found = store.latest(["c", "a", "none"])
    assert found == {"c": written[3], "a": written[2]}
    assert list(found) == ["c", "a"]


def test_what_is_written_meanwhile_can_be_left_out(tmp_path, make_record):
    store = RecordStore(tmp_path / "records.jsonl")
    assert store.size_bytes == 0
    store.append(make_record("a", status="failed"))
    size = store.size_bytes
    for job in "ab":
        store.append(make_record(job))
    assert store.latest("ab", size) == {"a": make_record("a", status="failed")}
    assert store.latest("ab", 10 * size) == {"a": make_record("a"), "b": make_record("b")}


def test_a_torn_record_leaves_the_one_before_it_in_force(tmp_path, make_record):
    store = RecordStore(tmp_path / "records.jsonl")
    store.append(make_record("a"))
    with store.path.open("ab") as file:
        file.write(msgspec.json.encode(make_record("a", status="failed"))[:-40])
    assert store.latest(["a"]) == {"a": make_record("a")}


def test_a_record_is_found_however_its_line_is_written(tmp_path, make_record):
    store = RecordStore(tmp_path / "records.jsonl")
    record = make_record("a", labels=LabelScores.of({"left": {"dice": 0.5}}))
    content = json.loads(msgspec.json.encode(record))
    content.pop("before")
    lines = ["", json.dumps(dict(reversed(content.items()))), '{"job']
    store.path.write_text("\n".join(lines))
    assert store.latest(["a"]) == {"a": structs.replace(record, before={})}


@pytest.mark.parametrize("content", [None, ""])
def test_a_store_without_records_has_no_latest(tmp_path, content):
    store = RecordStore(tmp_path / "records.jsonl")
    if content is not None:
        store.path.write_text(content)
    assert store.latest(["a"]) == {}


def test_a_line_that_is_no_record_of_a_job_asked_for_is_named(tmp_path, make_record):
    store = RecordStore(tmp_path / "records.jsonl")
    store.append(make_record("a"))
    broken = msgspec.json.encode(make_record("b", labels=LabelScores.of({"left": {"dice": 0.5}})))
    store.path.write_bytes(store.path.read_bytes() + broken.replace(b"[0.5]", b'["much"]') + b"\n")
    assert list(store.latest(["a"])) == ["a"]
    with pytest.raises(ValueError, match=r"records\.jsonl:2: not a record of this version: labels: .*float"):
        store.latest(["b"])


@pytest.mark.parametrize("line", ["no record", "{garbage", "{}", '{"job_id":"a"} }}'])
def test_a_line_that_no_crash_leaves_is_named_with_the_way_out(tmp_path, make_record, line):
    store = RecordStore(tmp_path / "records.jsonl")
    store.append(make_record("a"))
    store.path.write_bytes(store.path.read_bytes() + line.encode() + b"\n")
    for read in (store.read, store.heads, lambda: store.latest(["a"])):
        with pytest.raises(
            ValueError, match=r"records\.jsonl:2: (no record: .* counts as not run|not a record)"
        ):
            read()


def test_equal_parts_of_neighbours_are_shared(tmp_path, make_record):
    store = RecordStore(tmp_path / "records.jsonl")
    scores = {"dice": 0.25, "rmse": None}
    written = [make_record(job, after=scores) for job in "abc"]
    written.append(make_record("d", after={"dice": 0.5}))
    for item in written:
        store.append(item)
    found = store.latest("cabd")
    assert list(found.values()) == [written[2], written[0], written[1], written[3]]
    assert found["a"].after is found["b"].after is found["c"].after


def test_heads_say_what_the_records_say(tmp_path, make_record):
    store = RecordStore(tmp_path / "records.jsonl")
    awkward = {
        "run": 'a "status":"ok" \\ \u00e9',
        "params": {"status": "x", "failure": {}, "provenance": {"a": {}}},
    }
    written = [
        make_record("a", wall_s=1.5),
        make_record("b", status="timeout", identity=awkward, wall_s=2),
        make_record("c", status="failed"),
    ]
    for item in written:
        store.append(item)
    expected = [Head(item.job_id, item.status, item.identity.workload, item.wall_s) for item in written]
    assert store.heads() == expected


def test_heads_of_lines_written_otherwise(tmp_path, make_record):
    store = RecordStore(tmp_path / "records.jsonl")
    record = msgspec.to_builtins(make_record("a", status="invalid"))
    del record["wall_s"]
    store.path.write_text(json.dumps(record, indent=None, sort_keys=True) + "\n")
    (head,) = store.heads()
    assert head.status is Status.INVALID
    assert head.wall_s is None
    store.path.write_text('{"job_id": "b"}\n')
    with pytest.raises(ValueError, match=r"records\.jsonl:1: not a record"):
        store.heads()


@pytest.mark.parametrize("follows", [b"", b"\n"])
def test_wherever_a_record_is_cut_off_it_does_not_count(tmp_path, make_record, follows):
    whole = msgspec.json.encode(
        make_record("a", after={"dice": 0.5}, wall_s=1.0, labels=LabelScores.of({"x": {"dice": 0.5}}))
    )
    store = RecordStore(tmp_path / "records.jsonl")
    for length in range(1, len(whole)):
        store.path.write_bytes(whole[:length] + follows)
        assert store.heads() == []
        assert store.read() == []
    store.path.write_bytes(whole + follows)
    assert [head.job_id for head in store.heads()] == ["a"]


def test_mending_removes_a_torn_end_and_nothing_else(tmp_path, make_record):
    store = RecordStore(tmp_path / "records.jsonl")
    store.mend()
    assert not store.path.exists()
    store.append(make_record("a"))
    sound = store.path.read_bytes()
    store.mend()
    assert store.path.read_bytes() == sound
    store.path.write_bytes(sound + sound[:200])
    store.mend()
    assert store.path.read_bytes() == sound
    store.path.write_bytes(sound + sound[:-1])
    store.mend()
    assert store.path.read_bytes() == sound + sound
    store.path.write_bytes(sound[:200])
    store.mend()
    assert store.path.read_bytes() == b""


FILL = """
import resource, sys
from pathlib import Path
import msgspec
from msgspec import structs
from benchmarks.record_store import RecordStore, StoreError
from benchmarks.records import RunRecord

store = RecordStore(Path(sys.argv[1]))
record = msgspec.json.decode(sys.stdin.read(), type=RunRecord)
if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
for number in range(1000):
    store.append(structs.replace(record, job_id=str(number)))
"""


def fill(path, record, *limit):
    """Store records in another process until the file cannot grow; return how the process ended."""
    return subprocess.run(
        [sys.executable, "-c", FILL, str(path), *map(str, limit)],
        input=msgspec.json.encode(record).decode(),
        text=True,
        capture_output=True,
        timeout=60,
    )


def check_whole(path, record):
    store = RecordStore(path)
    text = path.read_bytes()
    assert text.endswith(b"\n")
    ids = [json.loads(line)["job_id"] for line in text.splitlines()]
    assert ids == [str(number) for number in range(len(ids))]
    return store


def test_a_file_that_may_not_grow_keeps_whole_records_and_goes_on_later(tmp_path, make_record):
    path = tmp_path / "records.jsonl"
    done = fill(path, make_record("a"), 10_000)
    assert done.returncode == 1
    assert "StoreError" in done.stderr
    assert "records.jsonl: a record cannot be stored: File too large" in done.stderr
    store = check_whole(path, make_record("a"))
    count = len(store.read())
    store.append(make_record("later"))
    assert len(store.read()) == count + 1


@pytest.mark.parametrize("tiny_disk", [64], indirect=True)
def test_a_full_disk_keeps_whole_records_and_goes_on_later(tiny_disk, make_record):
    ballast = tiny_disk / "ballast"
    ballast.write_bytes(bytes(20_000))
    path = tiny_disk / "records.jsonl"
    done = fill(path, make_record("a"))
    assert "records.jsonl: a record cannot be stored: No space left on device" in done.stderr
    store = check_whole(path, make_record("a"))
    count = len(store.read())
    ballast.unlink()
    store.append(make_record("later"))
    assert [item.job_id for item in store.read()][count:] == ["later"]
