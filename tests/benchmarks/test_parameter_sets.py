"""Parameters that differ on some pairs of a run."""

import pytest

from benchmarks.config_file import ConfigError, load_config
from benchmarks.plan import make_plan

PAIRS = {"name": "toy:ToyDataset", "params": {"count": 3}}


@pytest.fixture
def plan(tmp_path):
    return lambda config: make_plan(config, tmp_path, "x.yaml")


def run_with(*overrides, **more):
    given = {"label": "a", "backend": "simpleitk", "params": {"model": "affine", "iterations": [7, 7]}}
    return {**given, "overrides": [{"pairs": pairs, "params": params} for pairs, params in overrides], **more}


def params_of(jobs):
    return {(job.identity.run, job.identity.pair_id): job.identity.params for job in jobs}


def test_they_replace_parameters_on_the_pairs_that_match_and_nowhere_else(toy_config, plan):
    run = run_with((["blobs-1"], {"model": "rigid"}), (["blobs-[12]"], {"iterations": [9]}))
    params = params_of(plan(toy_config(runs=[run], dataset=PAIRS)).jobs)
    assert {pair: (found["model"], found["iterations"]) for (_, pair), found in params.items()} == {
        "blobs-0": ("affine", [7, 7]),
        "blobs-1": ("rigid", [9]),
        "blobs-2": ("affine", [9]),
    }


def test_the_last_of_several_wins(toy_config, plan):
    run = run_with((["*"], {"model": "rigid"}), (["blobs-0"], {"model": "translation"}))
    params = params_of(plan(toy_config(runs=[run])).jobs)
    assert [params["a", f"blobs-{n}"]["model"] for n in (0, 1)] == ["translation", "rigid"]


def test_a_job_is_known_by_the_parameters_that_result(toy_config, plan):
    def ids(*runs):
        return {
            (job.identity.run, job.identity.pair_id): job.job_id
            for job in plan(toy_config(runs=list(runs))).jobs
        }

    plain = ids(run_with())
    overridden = ids(run_with((["blobs-1"], {"model": "rigid"})))
    assert overridden["a", "blobs-0"] == plain["a", "blobs-0"]
    rigid = ids(run_with(params={"model": "rigid", "iterations": [7, 7]}))
    assert overridden["a", "blobs-1"] == rigid["a", "blobs-1"] != plain["a", "blobs-1"]


def test_what_becomes_the_same_by_an_override_is_measured_twice(toy_config, plan):
    runs = [
        run_with((["blobs-1"], {"model": "rigid"})),
        run_with(label="b", params={"model": "rigid", "iterations": [7, 7]}),
    ]
    jobs = plan(toy_config(runs=runs)).jobs
    params = params_of(jobs)
    assert params["a", "blobs-1"] == params["b", "blobs-1"]
    assert len({job.job_id for job in jobs}) == len(jobs) == 4


def test_overrides_meet_a_sweep(toy_config, plan):
    run = run_with((["blobs-1"], {"model": "rigid"}), sweep={"metric": ["mean_squares", "mattes"]})
    params = params_of(plan(toy_config(runs=[run])).jobs)
    assert {
        (label, pair, found["model"]) for (label, pair), found in params.items() if pair == "blobs-1"
    } == {
        ("a [metric=mean_squares]", "blobs-1", "rigid"),
        ("a [metric=mattes]", "blobs-1", "rigid"),
    }


def test_a_pattern_for_pairs_that_the_config_leaves_out_stands(toy_config, plan):
    run = run_with((["blobs-1"], {"model": "rigid"}))
    jobs = plan(toy_config(runs=[run], dataset={**PAIRS, "pairs": ["blobs-0"]})).jobs
    assert [job.identity.params["model"] for job in jobs] == ["affine"]


def test_only_checked_gradients_that_exist_are_asked_for(toy_config, plan):
    run = {
        "label": "a",
        "backend": "torch_lm",
        "overrides": [{"pairs": ["blobs-0"], "params": {"adjoint": "none"}}],
    }
    jobs = plan(toy_config(runs=[run], gradient_check={"pairs": 2})).jobs
    assert {job.identity.pair_id for job in jobs if job.identity.gradient_check} == {"blobs-1"}


@pytest.mark.parametrize(
    ("overrides", "more", "message"),
    [
        (
            [(["blob-1"], {"model": "rigid"})],
            {},
            "runs[0].overrides[0].pairs: no pair matches 'blob-1' (did you mean",
        ),
        (
            [(["*"], {"modle": "rigid"})],
            {},
            "runs[0].overrides[0].params: unknown parameter 'modle' (did you mean 'model'?)",
        ),
        (
            [(["*"], {}), (["blobs-1"], {"iterations": [0]})],
            {},
            "runs[0].overrides[0].params: ",
        ),
        (
            [(["*"], {"model": "rigid"}), (["blobs-1"], {"iterations": [0]})],
            {},
            "runs[0], on pair blobs-1: overrides[1].params: iterations must be at least 1 for model 'rigid'",
        ),
        (
            [(["*"], {"metric": "mattes"})],
            {"sweep": {"metric": ["correlation"]}},
            "runs[0].overrides[0].params: 'metric' is swept in this run",
        ),
    ],
)
def test_what_cannot_be_is_an_error_with_its_place(write_config, tmp_path, overrides, more, message):
    path = write_config("Shift", runs=[run_with(*overrides, **more)])
    with pytest.raises(ConfigError) as caught:
        make_plan(load_config(path), tmp_path, str(path))
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
