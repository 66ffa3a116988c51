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
