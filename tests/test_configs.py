"""Every config of the repository says only what a config may say."""

import gc
import json
import os
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from benchmarks.catalogue import METRICS
from benchmarks.config_file import load_config
from benchmarks.execution import Executor
from benchmarks.gates import evaluate_gates
from benchmarks.plan import make_plan
from benchmarks.plugins import adapter_class, dataset_class
from benchmarks.probes import PROBES
from benchmarks.records import Status
from benchmarks.runner import run_settings
from benchmarks.worker_settings import WorkerSettings
from datasets.base import DatasetError
from datasets.ds007328 import Ds007328
from datasets.fetching import FetchRequest
from reports.build import build_report
from tests.imitations import save_nifti, small_brain

FOLDER = Path(__file__).parent.parent / "configs"
CONFIGS = sorted(FOLDER.glob("*.yaml"))
ARCHIVES = {"lpba40": "lpba40_archive", "mrbrains18": "mrbrains18_archive", "oasis2d": "oasis_archive"}
ON_DATA = ("ds007328", "ds007328_volume", "lpba40", "mrbrains18", "oasis2d", "pairs_csv")


@pytest.fixture
def listed(tmp_path):
    """A list of one pair of small volumes, for the configs that ask for one."""
    image = sitk.GetImageFromArray(np.random.default_rng(0).random((8, 8, 8), np.float32))
    for name in ("a", "b"):
        sitk.WriteImage(image, str(tmp_path / f"{name}.nii.gz"))
    path = tmp_path / "pairs.csv"
    path.write_text("pair_id,fixed,moving\na_b,a.nii.gz,b.nii.gz\n")
    return path


@pytest.fixture
def head_list(tmp_path):
    """A list of one pair of small heads with labels, on two grids."""
    folder = tmp_path / "heads"
    for number, name in enumerate(("a", "b")):
        image, labels = small_brain((32 + 4 * number, 40, 36), number, 3)
        save_nifti(folder / f"{name}.nii.gz", image, (4.0, 4.0, 4.0))
        save_nifti(folder / f"{name}_labels.nii.gz", labels, (4.0, 4.0, 4.0))
    path = folder / "pairs.csv"
    path.write_text(
        "pair_id,fixed,moving,fixed_labels,moving_labels\na_b,a.nii.gz,b.nii.gz,a_labels.nii.gz,b_labels.nii.gz\n"
    )
    return path


@pytest.fixture(scope="module")
def brain_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("brains")


@pytest.fixture
def cached(tmp_path, request, monkeypatch):
    """Fetch the imitation of a dataset, as a user would, and return the folder that holds it."""

    def fetch(name):
        found = dataset_class(name)
        if name == "ds007328":
            monkeypatch.setattr(Ds007328, "graphql_url", request.getfixturevalue("openneuro").graphql_url)
            found(found.Params(), tmp_path / "cache").fetch(FetchRequest())
        if name in ARCHIVES:
            archive = request.getfixturevalue(ARCHIVES[name])
            found(found.Params(), tmp_path / "cache").fetch(FetchRequest(accept_licence=True, source=archive))
        return tmp_path / "cache"

    return fetch


def records_of(config, jobs, cache, results):
    """Run jobs one after the other in this process, where the backends are imported once for all configs."""
    whole = run_settings(config, cache, results)
    executor = Executor(WorkerSettings("all", config.resources.threads, results / "tmp", whole))
    try:
        return [executor.run(job) for job in jobs]
    finally:
        gc.unfreeze()  # an executor expects the process to be its own


def check_protocol(protocol):
    """Assert that the protocol of a run that ended well lacks no number."""
    assert [fixture["pair"] for fixture in protocol["fixtures"]]
    for fixture in protocol["fixtures"]:
        assert 0 < fixture["our_rmse"] < 1
        assert 0 < fixture["oracle_rmse"] < 1
        assert 0 < fixture["params_l2"] < 50
        assert fixture["differentiable_ok"] is True
        assert fixture["similarity"] == "ssd"
        assert fixture["forward_ms"]["max"] >= fixture["forward_ms"]["mean"] > 0
        assert fixture["backward_ms"]["max"] >= fixture["backward_ms"]["mean"] > 0
    assert protocol["oracle"]["similarity"] == "MeanSquares"
    assert [gate["verdict"] in ("PASS", "FAIL") for gate in protocol["gates"]["results"]] == [True, True]


def overrides_for(config, listed, *, quick):
    """Return what a config needs here: a list, as many pairs as an imitation has, and to be quick few iterations."""
    asked = ["timing.repeats=1", "timing.warmup=0", "resources.threads=1"] if quick else []
    for number, dataset in enumerate(config.all_datasets):
        place = "dataset" if config.dataset else f"datasets.{number}"
        if dataset.name == "csv":
            asked.append(f"{place}.params.path={listed}")
            if quick:
                asked.append(f"{place}.params.preparation.spacing_mm=4")
        if dataset.name in ARCHIVES:
            asked.append(f"{place}.params.subset=1")
        if quick and dataset.name == "ds007328":
            asked.append(f"{place}.pairs=[f1*]")
            if dataset.params["form"] == "volume":
                asked.append(f"{place}.params.preparation.spacing_mm=4")
    for number, run in enumerate(config.runs if quick else ()):
        # What stops early has no gradient; lmreg is quick enough as it is.
        params = {field.name for field in fields(adapter_class(run.backend).Params)}
        if "iterations" in params and run.backend != "torch_lm":
            asked.append(f"runs.{number}.params.iterations=[2, 2]")
    return asked


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_it_is_valid_and_asks_for_something(path, listed, cached):
    config = load_config(path)
    (cache, *_) = [cached(dataset.name) for dataset in config.all_datasets if not dataset.optional]
    plan = make_plan(load_config(path, overrides_for(config, listed, quick=False)), cache, str(path))
    assert plan.jobs
    assert {job.identity.run for job in plan.jobs} >= {run.label for run in config.runs if not run.sweep}


def test_lpba40_takes_the_place_of_its_stand_in_once_it_is_fetched(cached):
    path = FOLDER / "syn_matched.yaml"
    plan = make_plan(load_config(path), cached("lpba40"), str(path))
    assert list(plan.datasets) == ["lpba40"]
    assert {job.identity.run for job in plan.jobs} == {"identity", "ANTs SyN", "DIPY SyN"}
    assert {job.identity.threads for job in plan.jobs if job.identity.track == "matched"} == {1, 2}


@pytest.mark.parametrize("name", ["ds007328", "ds007328_volume", "lpba40"])
def test_pairs_that_are_known_beforehand_are_planned_without_their_data(name, tmp_path):
    path = FOLDER / f"{name}.yaml"
    assert make_plan(load_config(path), tmp_path, str(path)).jobs


@pytest.mark.parametrize("name", ["mrbrains18", "oasis2d"])
def test_pairs_that_only_the_data_tell_are_asked_for_in_one_sentence(name, tmp_path):
    path = FOLDER / f"{name}.yaml"
    with pytest.raises(DatasetError, match=f"python -m benchmarks fetch {name} --accept-licence") as caught:
        make_plan(load_config(path), tmp_path, str(path))
    assert "\n" not in str(caught.value)


def test_a_list_that_is_not_there_is_named():
    path = FOLDER / "pairs_csv.yaml"
    with pytest.raises(DatasetError, match=r"none\.csv: cannot be read: No such file"):
        make_plan(load_config(path, ["dataset.params.path=none.csv"]), FOLDER, str(path))


@pytest.mark.filterwarnings("default")  # as in a worker: third parties warn
@pytest.mark.parametrize("name", ON_DATA)
def test_it_runs_to_its_report_on_a_small_imitation(name, head_list, cached, tmp_path):
    path = FOLDER / f"{name}.yaml"
    whole = load_config(path)
    config = load_config(path, overrides_for(whole, head_list, quick=True))
    plan = make_plan(config, cached(whole.all_datasets[0].name), str(path))
    results = tmp_path / "results"
    records = records_of(config, plan.jobs, tmp_path / "cache", results)
    assert {record.identity.run for record in records} == {run.label for run in config.runs}
    assert {record.identity.run: record.failure for record in records if record.status is not Status.OK} == {}
    report = build_report(results, config, records).read_text()
    (heading,) = [line for line in report.splitlines() if line.startswith("| Run") and "Pairs ok" in line][:1]
    asked = [METRICS[column].title for column in config.report.columns]
    shown = [cell.strip() for cell in heading.strip("|").split("|")][3:]
    assert shown == asked or not asked
    assert len(evaluate_gates(config, records)) >= len(config.gates)
    if name == "ds007328":
        assert whole.figures.pairs == ("*",)
        (panels,) = (results / "figures" / "pairs").rglob("panels*.csv")
        assert "lmreg,image,SimpleITK," in panels.read_text()
    assert (results / "protocol.json").exists() == (config.protocol is not None)
    if config.protocol:
        check_protocol(json.loads((results / "protocol.json").read_text()))


@pytest.mark.filterwarnings("default")  # as in a worker: third parties warn
@pytest.mark.skipif(
    "REGBENCH_BRAINS" not in os.environ, reason="REGBENCH_BRAINS does not name the brain pair"
)
@pytest.mark.parametrize("label", ["lmreg", "greedy"])
def test_two_brains_on_different_grids_overlap_well_after_each_quick_backend(label, brain_cache, tmp_path):
    """The slow backends are left to a run of the config: they take minutes each."""
    path = FOLDER / "pairs_csv.yaml"
    brains = Path(os.environ["REGBENCH_BRAINS"], "pairs.csv")
    config = load_config(path, [f"dataset.params.path={brains}", "timing.warmup=0"])
    plan = make_plan(config, brain_cache, str(path))
    jobs = [job for job in plan.jobs if job.identity.run == label]
    (record,) = records_of(config, jobs, brain_cache, tmp_path / "results")
    assert record.status is Status.OK, record.failure
    assert len(record.labels.rows) == 13
    assert record.before["dice"] > 0.58
    assert record.after["dice"] > 0.68
    assert record.after["folding_fraction"] < 0.01


def test_names_are_unique():
    names = [load_config(path).name for path in CONFIGS]
    assert len(names) == len(set(names))


@pytest.mark.filterwarnings("default")  # as in a worker: third parties warn
def test_a_run_comes_back_from_disturbed_starts(tmp_path):
    path = FOLDER / "recovery.yaml"
    asked = ["dataset.params.draws=1", "dataset.pairs=[affine-0-*]", "timing.warmup=0", "resources.threads=1"]
    config = load_config(path, asked)
    records = records_of(config, make_plan(config, tmp_path, str(path)).jobs, tmp_path, tmp_path / "results")
    assert {record.identity.run: record.failure for record in records if record.status is not Status.OK} == {}
    assert all(len(record.probes_mm) == PROBES for record in records)
    gates = evaluate_gates(config, records)
    assert [gate.value for gate in gates] == [1.0] * len(config.gates), gates
    report = build_report(tmp_path / "results", config, records).read_text()
    assert "Recovery: recovery2d" in report


@pytest.mark.filterwarnings("default")  # as in a worker: third parties warn
def test_success_is_told_by_start(tmp_path):
    path = FOLDER / "capture_range.yaml"
    levels = ["dataset.params.translations_mm=[2, 5, 10]", "dataset.params.rotations_deg=[5, 90]"]
    config = load_config(path, [*levels, "dataset.params.draws=1", "timing.warmup=0", "resources.threads=1"])
    jobs = [
        job
        for job in make_plan(config, tmp_path, str(path)).jobs
        if job.identity.run in ("truth", "lmreg affine")
    ]
    records = records_of(config, jobs, tmp_path, tmp_path / "results")
    assert all(record.after["tre_mm"] < 1e-6 for record in records if record.identity.run == "truth")
    report = build_report(tmp_path / "results", config, records).read_text()
    assert "Success by start translation: capture_range2d" in report
    assert "Success by start rotation" not in report
    assert (tmp_path / "results" / "figures" / "capture-range" / "capture_range2d.csv").is_file()
