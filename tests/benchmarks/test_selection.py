import pytest

from benchmarks.config_file import ConfigError
from benchmarks.plan import make_plan
from benchmarks.records import Status
from benchmarks.selection import Resume, parse_filters, select


@pytest.fixture
def jobs(toy_config, tmp_path):
    config = toy_config("Shift", "Raises", dataset={"name": "toy:ToyDataset", "params": {"count": 12}})
    return make_plan(config, tmp_path, "x.yaml").jobs


def chosen(jobs, *texts):
    return {
        (job.identity.run, job.identity.pair_id)
        for job in select(jobs, {}, Resume.UNLESS_OK, parse_filters(texts, [job.identity for job in jobs]))
    }


@pytest.mark.parametrize(
    ("resume", "expected"),
    [
        (Resume.UNLESS_OK, {"timeout", "none"}),
        (Resume.FAILED, {"timeout"}),
        (Resume.UNRECORDED, {"none"}),
    ],
)
def test_what_becomes_of_jobs_with_a_record(jobs, resume, expected):
    ok, timeout, none = jobs[:3]
    known = {ok.job_id: Status.OK, timeout.job_id: Status.TIMEOUT}
    names = {ok.job_id: "ok", timeout.job_id: "timeout", none.job_id: "none"}
    assert {names[job.job_id] for job in select(jobs[:3], known, resume, ())} == expected


def test_order_is_kept(jobs):
    assert select(jobs, {}, Resume.UNLESS_OK, ()) == list(jobs)


def test_one_pattern_of_each_key_has_to_match(jobs):
    assert len(chosen(jobs)) == 24
    assert chosen(jobs, "run=shift", "pair=blobs-1*") == {("shift", f"blobs-{n}") for n in (1, 10, 11)}
    both = chosen(jobs, "backend=toy:Shift", "backend=toy:R*", "pair=blobs-2")
    assert both == {("shift", "blobs-2"), ("raises", "blobs-2")}
    assert len(chosen(jobs, "dataset=toy*")) == 24


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "backend",
            "--only backend: must look like KEY=PATTERN, KEY one of backend, dataset, pair, run",
        ),
        ("shift", "--only shift: must look like KEY=PATTERN (did you mean 'run=shift'?)"),
        ("bakend=x", "--only bakend=x: unknown key 'bakend' (did you mean 'backend'?)"),
        ("job_id=*", "--only job_id=*: unknown key 'job_id' (one of: backend, dataset, pair, run)"),
        ("run=shfit", "--only run=shfit: no run of this config matches (did you mean 'shift'?)"),
    ],
)
def test_a_filter_that_cannot_match_is_an_error(jobs, text, message):
    with pytest.raises(ConfigError) as caught:
        parse_filters([text], [job.identity for job in jobs])
    assert str(caught.value) == message
