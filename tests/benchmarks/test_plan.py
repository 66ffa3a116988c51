import itertools

import pytest
from msgspec import structs

from benchmarks.config_file import ConfigError
from benchmarks.parameter_sets import build_params
from benchmarks.plan import job_id, make_plan
from benchmarks.plugins import dataset_class


@pytest.fixture
def plan(tmp_path):
    return lambda config: make_plan(config, tmp_path, "x.yaml")


def test_every_pair_run_and_repeat_is_one_job(toy_config, plan):
    jobs = plan(toy_config("Shift", "Raises", timing={"repeats": 3})).jobs
    asked = {(job.identity.run, job.identity.pair_id, job.identity.repeat) for job in jobs}
    assert len(jobs) == len(asked) == 2 * 2 * 3
    assert len({job.job_id for job in jobs}) == 12


def test_order_interleaves_backends_and_is_the_same_every_time(toy_config, plan):
    config = toy_config(
        "Shift", "Raises", "Exits", dataset={"name": "toy:ToyDataset", "params": {"count": 10}}
    )
    first, second = plan(config).jobs, plan(config).jobs
    assert first == second
    runs = [job.identity.run for job in first]
    stretches = [len(list(group)) for _, group in itertools.groupby(runs)]
    assert max(stretches) < 10
    assert plan(config.model_copy(update={"seed": 1})).jobs != first


def test_repeats_are_outermost(toy_config, plan):
    jobs = plan(toy_config("Shift", "Raises", timing={"repeats": 3})).jobs
    repeats = [job.identity.repeat for job in jobs]
    assert repeats == sorted(repeats)


def test_an_id_depends_on_what_was_asked_and_nothing_else(toy_config, plan):
    identity = plan(toy_config("Shift")).jobs[0].identity
    assert job_id(identity) == job_id(structs.replace(identity))
    for change in (
        {"params": {"x": 1}},
        {"seed": 9},
        {"repeat": 1},
        {"threads": 1},
        {"backend_version": {"adapter": "source-other"}},
        {"dataset_version": "2"},
        {"evaluation_version": "source-other"},
    ):
        assert job_id(structs.replace(identity, **change)) != job_id(identity)


def test_conditions_of_a_pair_are_told_but_make_no_other_job(toy_config, plan):
    identity = plan(toy_config("Shift")).jobs[0].identity
    told = structs.replace(identity, conditions={"start_rotation_deg": 5.0}, undisturbed="p")
    assert job_id(told) == job_id(identity)


@pytest.mark.parametrize("angle", ["inf", "nan"])
def test_a_condition_that_is_no_number_is_told_before_anything_runs(toy_config, plan, angle):
    config = toy_config("Shift", dataset={"name": "toy:FromArrays", "params": {"angle_deg": angle}})
    with pytest.raises(
        ConfigError, match=r"dataset: pair blobs-0: condition 'start_rotation_deg': not a finite"
    ):
        plan(config)


def test_adding_a_pair_or_a_backend_keeps_the_other_ids(toy_config, plan):
    few = {job.job_id for job in plan(toy_config("Shift")).jobs}
    more = {job.job_id for job in plan(toy_config("Shift", "Raises")).jobs}
    assert few < more
    three = plan(toy_config("Shift", dataset={"name": "toy:ToyDataset", "params": {"count": 3}})).jobs
    assert few < {job.job_id for job in three}
    assert three[0].identity.all_dataset_params == {"count": 3}


def test_other_parameters_of_a_dataset_make_other_jobs(toy_config, plan):
    identity = plan(toy_config("Shift")).jobs[0].identity
    assert identity.dataset_params == {}
    assert job_id(structs.replace(identity, dataset_params={"size": 3})) != job_id(identity)


def test_thread_counts_are_swept_by_competitors_alone(toy_config, plan):
    runs = [
        {"label": "identity", "backend": "identity", "track": "reference"},
        {"label": "shift", "backend": "toy:Shift"},
    ]
    jobs = plan(toy_config(runs=runs, resources={"threads": [4, 1]}, timing={"repeats": 2})).jobs
    counts = {"identity": [], "shift": []}
    for job in jobs:
        counts[job.identity.run].append(job.identity.threads)
    assert {run: sorted(found) for run, found in counts.items()} == {
        "identity": [4] * 4,
        "shift": [1] * 4 + [4] * 4,
    }
    assert {job.identity.threads for job in jobs if job.keep_panels} == {4}
    alone = plan(toy_config(runs=runs, resources={"threads": 4}, timing={"repeats": 2})).jobs
    assert {job.job_id for job in alone} < {job.job_id for job in jobs}


@pytest.mark.parametrize(("limit", "kept"), [(2, {"p0", "p1"}), (1, {"p1"})])
def test_slices_of_all_pairs_are_kept_up_to_a_limit(toy_config, plan, limit, kept):
    jobs = plan(toy_config("Shift", figures={"pairs": ["*1"], "keep_all_up_to": limit})).jobs
    found = {job.identity.pair_id for job in jobs if job.keep_panels}
    assert {pair[-1] for pair in found} == {pair[-1] for pair in kept}


def test_a_sweep_is_the_product_of_its_values(toy_config, plan):
    run = {
        "label": "bspline",
        "backend": "simpleitk",
        "params": {"model": "bspline"},
        "sweep": {"metric": ["mean_squares", "mattes"], "iterations": [[9], [9, 9], [9, 9, 9]]},
    }
    jobs = plan(toy_config("Shift", runs=[run])).jobs
    assert len({job.identity.run for job in jobs}) == 6
    assert "bspline [metric=mattes, iterations=9x9]" in {job.identity.run for job in jobs}
    params = {(job.identity.params["metric"], len(job.identity.params["iterations"])) for job in jobs}
    assert len(params) == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"runs": [{"label": "a", "backend": "simpletik"}]}, "runs[0].backend: no backend named 'simpletik'"),
        ({"runs": [{"label": "a", "backend": "simpletik"}]}, "did you mean 'simpleitk'?"),
        ({"runs": [{"label": "a", "backend": "toy:Shfit"}]}, "module toy has no class Shfit"),
        ({"runs": [{"label": "a", "backend": "toy:NoParams"}]}, "NoParams is not a subclass of"),
        ({"runs": [{"label": "a", "backend": "nowhere:X"}]}, "no module named 'nowhere'"),
        (
            {"runs": [{"label": "a", "backend": "simpleitk", "params": {"modle": "rigid"}}]},
            "runs[0].params: unknown parameter 'modle' (did you mean 'model'?)",
        ),
        (
            {"runs": [{"label": "a", "backend": "simpleitk", "params": {"iterations": [-4]}}]},
            "runs[0].params.iterations[0]: Input should be greater than or equal to 0 (got -4)",
        ),
        (
            {"dataset": {"name": "template"}},
            "dataset.name: no dataset named 'template' (did you mean 'template",
        ),
        (
            {"dataset": {"name": "toy:ToyDataset", "params": {"cuont": 3}}},
            "dataset.params: unknown parameter 'cuont' (did you mean 'count'?)",
        ),
        (
            {"dataset": {"name": "toy:ToyDataset", "pairs": ["blob-1"]}},
            "dataset.pairs: no pair matches 'blob-1' (did you mean 'blobs-1'?)",
        ),
        (
            {"gates": [{"differentiable": "shfit"}]},
            "gates[0]: no run labelled 'shfit' (did you mean 'shift'?)",
        ),
        ({"figures": {"oracle": "nobody"}}, "figures.oracle: no run labelled 'nobody'"),
        (
            {"runs": [{"label": "a", "backend": "toy:Shift", "datasets": ["other"]}]},
            "runs[0].datasets: no dataset 'other' here",
        ),
    ],
)
def test_a_name_that_does_not_exist_is_an_error_with_its_place(toy_config, plan, change, message):
    with pytest.raises(ConfigError) as caught:
        plan(toy_config("Shift", **change))
    assert str(caught.value).startswith("x.yaml: ")
    assert message in str(caught.value)


def test_patterns_choose_pairs(toy_config, plan):
    dataset = {"name": "toy:ToyDataset", "params": {"count": 12}, "pairs": ["blobs-1*"]}
    jobs = plan(toy_config("Shift", dataset=dataset)).jobs
    assert {job.identity.pair_id for job in jobs} == {"blobs-1", "blobs-10", "blobs-11"}


def checked_jobs(jobs):
    return {
        (job.identity.run, job.identity.pair_id, job.identity.repeat)
        for job in jobs
        if job.identity.gradient_check
    }


def test_gradients_are_checked_on_so_many_pairs_in_the_first_repeat_of_what_has_one(toy_config, plan):
    sections = {
        "dataset": {"name": "toy:ToyDataset", "params": {"count": 6}},
        "timing": {"repeats": 2},
    }
    few, more, none = (
        checked_jobs(
            plan(
                toy_config(
                    "Shift", "Differentiable", **sections, gradient_check={"pairs": n, "directions": 4}
                )
            ).jobs
        )
        for n in (2, 3, 0)
    )
    assert (len(few), len(more), none) == (2, 3, set())
    assert few < more
    assert {(run, repeat) for run, _, repeat in more} == {("differentiable", 0)}


def test_a_run_without_backward_pass_has_nothing_to_check(toy_config, plan):
    runs = [
        {"label": adjoint, "backend": "torch_lm", "params": {"adjoint": adjoint}}
        for adjoint in ("none", "implicit")
    ]
    jobs = plan(toy_config(runs=runs, gradient_check={"pairs": 1})).jobs
    assert {run for run, _, _ in checked_jobs(jobs)} == {"implicit"}


def test_asking_for_a_check_makes_other_jobs_of_the_checked_ones_alone(toy_config, plan):
    def ids(**check):
        jobs = plan(toy_config("Shift", "Differentiable", gradient_check=check)).jobs
        return {(job.identity.run, job.identity.pair_id): job.job_id for job in jobs}

    without, once = ids(), ids(pairs=1)
    changed = {key for key, job in once.items() if job != without[key]}
    assert len(changed) == 1
    assert {run for run, _ in changed} == {"differentiable"}
    (key,) = changed
    others = (ids(pairs=1, directions=9), ids(pairs=1, step=0.001))
    assert len({once[key], *(other[key] for other in others)}) == 3


def test_the_same_under_two_names_is_measured_twice(toy_config, plan):
    alone = plan(toy_config("Shift")).jobs
    runs = [{"label": label, "backend": "toy:Shift"} for label in ("renamed", "again")]
    both = plan(toy_config(runs=runs)).jobs
    assert len({job.job_id for job in both}) == 4
    renamed = {job.job_id for job in both if job.identity.run == "renamed"}
    assert renamed == {job.job_id for job in alone}


def test_a_misspelt_parameter_of_a_block_is_named_with_its_place():
    given = {"path": "pairs.csv", "preparation": {"spacing": 1}}
    with pytest.raises(ConfigError) as caught:
        build_params(dataset_class("csv").Params, given, "x.yaml: dataset.params")
    assert str(caught.value) == (
        "x.yaml: dataset.params.preparation: unknown parameter 'spacing' (did you mean 'spacing_mm'?)"
    )


def test_transforms_are_kept_of_the_runs_that_a_protocol_compares_once(toy_config, plan):
    config = toy_config(
        "Shift",
        "Raises",
        "Exits",
        protocol={"ours": "shift", "oracle": "raises"},
        timing={"repeats": 2},
        resources={"threads": [2, 1]},
    )
    kept = {
        (job.identity.run, job.identity.repeat, job.identity.threads)
        for job in plan(config).jobs
        if job.keep_transform
    }
    assert kept == {("shift", 0, 2), ("raises", 0, 2)}
    assert not any(job.keep_transform for job in plan(toy_config("Shift")).jobs)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            {"protocol": {"ours": "shift", "oracle": "shft"}},
            r"x\.yaml: protocol\.oracle: no run .*did you mean 'shift'",
        ),
        ({"protocol": {"ours": "no", "oracle": "shift"}}, r"x\.yaml: protocol\.ours: no run labelled 'no'"),
        ({"stacks": ["toy:ToyDatset"]}, r"x\.yaml: stacks: no dataset 'toy:ToyDatset' here"),
        (
            {"stacks": ["toy:ToyDataset"]},
            r"x\.yaml: stacks: the pairs of 'toy:ToyDataset' are not consecutive",
        ),
    ],
)
def test_a_protocol_and_a_stack_name_what_is_there(toy_config, plan, section, message):
    with pytest.raises(ConfigError, match=message):
        plan(toy_config("Shift", **section))
