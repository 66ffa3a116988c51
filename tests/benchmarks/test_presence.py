"""Optional datasets, and what stands in for them."""

import pytest
from pydantic import ValidationError

from benchmarks.config import Config
from benchmarks.config_file import ConfigError
from benchmarks.plan import make_plan
from benchmarks.plugins import dataset_class
from datasets.fetching import FetchRequest

REAL, STAND_IN = "toy:FetchedDataset", "toy:ToyDataset"
DATASETS = [{"name": REAL, "optional": True}, {"name": STAND_IN, "in_place_of": REAL}]


@pytest.fixture
def config():
    def build(datasets=DATASETS, **sections):
        runs = [{"label": "shift", "backend": "toy:Shift"}]
        return Config.model_validate({"name": "toy", "datasets": datasets, "runs": runs} | sections)

    return build


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def planned(config, cache, fetch=None):
    plan = make_plan(config, cache, "x.yaml", fetch)
    return plan, {job.identity.dataset for job in plan.jobs}


def test_data_that_are_absent_are_left_out_and_never_fetched_unasked(config, cache):
    plan, used = planned(config(), cache, FetchRequest())
    assert used == {STAND_IN}
    assert list(plan.datasets) == [STAND_IN]
    (said,) = plan.left_out
    assert f"{REAL} is left out" in said
    assert f"python -m benchmarks fetch {REAL}" in said
    assert f"In its place: {STAND_IN}." in said
    assert not cache.exists()


def test_data_that_are_there_are_used_instead_of_the_stand_in(config, cache):
    dataset_class(REAL)(None, cache).fetch(FetchRequest())
    plan, used = planned(config(), cache)
    assert used == {REAL}
    assert plan.left_out == (f"{STAND_IN} is left out: {REAL}, which it stands in for, is there.",)


def test_without_a_stand_in_the_others_are_used(config, cache):
    plan, used = planned(config([DATASETS[0], {"name": STAND_IN}]), cache)
    assert used == {STAND_IN}
    assert "In its place" not in plan.left_out[0]


def test_gates_and_restrictions_on_what_is_left_out_go_with_it(config, cache):
    runs = [
        {"label": "both", "backend": "toy:Shift", "datasets": [REAL, STAND_IN]},
        {"label": "real", "backend": "toy:Shift", "datasets": [REAL]},
    ]
    gates = [
        {"metric": "tre_mm", "backend": "both", "bound": 1.0, "dataset": name} for name in (REAL, STAND_IN)
    ]
    plan, _ = planned(config(runs=runs, gates=gates), cache)
    assert [(run.label, run.datasets) for run in plan.config.runs] == [("both", (STAND_IN,))]
    assert [gate.dataset for gate in plan.config.gates] == [STAND_IN]
    assert [(entry.name, entry.optional, entry.in_place_of) for entry in plan.config.all_datasets] == [
        (STAND_IN, False, None)
    ]


RESTRICTED = [
    {"label": "shift", "backend": "toy:Shift"},
    {"label": "steady", "backend": "toy:Differentiable"},
    {"label": "swept", "backend": "torch_lm", "sweep": {"levels": [1, 2]}, "datasets": [REAL]},
]
LOST = "swept [levels=2]"


def test_gates_that_name_a_run_that_is_not_left_go_with_it(config, cache):
    of_rmse = {"metric": "rmse", "oracle": "shift"}
    kept = [
        {**of_rmse, "backend": "steady"},
        {"metric": "rmse", "backend": "*", "bound": 1.0},
        {"recovers": "steady"},
    ]
    lost = [
        {"metric": "rmse", "backend": LOST, "bound": 1.0},
        {**of_rmse, "backend": LOST},
        {"metric": "rmse", "backend": "shift", "oracle": LOST},
        {**of_rmse, "backend": LOST, "aggregate": "mean_ratio", "bound": 1.0},
        {"differentiable": LOST},
        {"recovers": LOST},
    ]
    plan, _ = planned(config(runs=RESTRICTED, gates=[*kept, *lost]), cache)
    assert plan.config.gates == config(runs=RESTRICTED, gates=kept).gates
    dataset_class(REAL)(None, cache).fetch(FetchRequest())
    plan, _ = planned(config(runs=RESTRICTED, gates=[*kept, *lost]), cache)
    assert len(plan.config.gates) == 9


@pytest.mark.parametrize("protocol", [{"ours": LOST, "oracle": "shift"}, {"ours": "shift", "oracle": LOST}])
def test_nothing_else_names_a_run_or_a_dataset_that_is_not_left(config, cache, protocol):
    sections = {
        "figures": {"oracle": LOST, "keep_all_up_to": 3},
        "report": {"reference": "swept", "order": "rmse"},
        "protocol": protocol,
        "stacks": [REAL],
    }
    plan, _ = planned(config(runs=RESTRICTED, **sections), cache)
    assert plan.config.protocol is None
    assert plan.config.stacks == ()
    assert (plan.config.figures.oracle, plan.config.figures.keep_all_up_to) == (None, 3)
    assert (plan.config.report.reference, plan.config.report.order) == (None, "rmse")


def test_what_names_runs_that_are_left_stays(config, cache):
    sections = {
        "figures": {"oracle": "steady"},
        "report": {"reference": "shift"},
        "protocol": {"ours": "shift", "oracle": "steady"},
    }
    asked = config(runs=RESTRICTED, **sections)
    plan, _ = planned(asked, cache)
    assert [getattr(plan.config, name) for name in sections] == [getattr(asked, name) for name in sections]


def test_with_no_run_left_it_is_an_error_that_says_what_to_fetch(config, cache):
    with pytest.raises(
        ConfigError, match=f"no run is for the datasets that are left: .*benchmarks fetch {REAL}"
    ):
        planned(config(runs=RESTRICTED[2:]), cache)


def test_with_no_dataset_left_it_is_an_error_that_says_what_to_fetch(config, cache):
    with pytest.raises(ConfigError, match=f"no dataset is left to run on: .*benchmarks fetch {REAL}"):
        planned(config(DATASETS[:1]), cache)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"name": STAND_IN, "in_place_of": "toy:FetchedDatazet"},
            r"datasets\[1\]\.in_place_of: no optional dataset 'toy:FetchedDatazet' here "
            r"\(did you mean 'toy:FetchedDataset'\?\)",
        ),
        ({"name": STAND_IN, "in_place_of": STAND_IN}, "no optional dataset 'toy:ToyDataset' here"),
        ({"name": STAND_IN, "in_place_of": REAL, "optional": True}, "give 'optional' or 'in_place_of'"),
    ],
)
def test_a_stand_in_names_an_optional_dataset(config, entry, message):
    with pytest.raises(ValidationError, match=message):
        config([DATASETS[0], entry])


def test_terminal_and_report_say_what_was_left_out(write_config, command, tmp_path):
    path = write_config("Shift", dataset=None, datasets=DATASETS)
    data = ("--data-dir", tmp_path / "cache")
    sentence = f"{REAL} is left out: its data have not been fetched"
    assert sentence in command("validate", path, *data, results=False).stdout
    done = command("run", path, *data)
    assert done.returncode == 0, done.stderr
    assert sentence in done.stdout
    results = tmp_path / "results" / "toy"
    assert sentence in (results / "report.md").read_text()
    assert sentence in (results / "report.html").read_text()
    assert sentence in command("report", path).stdout
