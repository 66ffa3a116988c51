import subprocess
import sys
import zipfile
from pathlib import Path

import msgspec
import pytest
import SimpleITK as sitk
import yaml

from benchmarks.config import Config
from benchmarks.local_workers import LocalWorkers
from benchmarks.plan import make_plan
from benchmarks.record_store import RecordStore
from benchmarks.records import RunRecord
from benchmarks.runner import run_jobs, run_settings

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def toy_plugins(monkeypatch):
    """Make ``toy:Class`` importable here and in worker processes."""
    folder = str(Path(__file__).parent / "plugins")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", folder)


@pytest.fixture
def toy_config():
    """Build a config on the toy dataset with the given toy backends."""

    def build(*backends, **sections):
        runs = [{"label": name.lower(), "backend": f"toy:{name}"} for name in backends]
        data = {"name": "toy", "dataset": {"name": "toy:ToyDataset"}, "runs": runs, **sections}
        return Config.model_validate(data)

    return build


@pytest.fixture
def make_record():
    """Build a record of a job, ``ok`` unless told otherwise."""

    def build(job_id, status="ok", identity=None, **fields):
        asked = {
            "run": "ours",
            "backend": "torch_lm",
            "backend_version": {"lmreg": "source-0"},
            "params": {},
            "track": "matched",
            "dataset": "template2d",
            "dataset_version": "1",
            "dataset_params": {},
            "evaluation_version": "source-1",
            "pair_id": "translation-0",
            "kind": "translation",
            "subjects": ("icbm152",),
            "dimension": 2,
            "seed": 0,
            "repeat": 0,
            "threads": 2,
            "device": "cpu",
        }
        circumstances = {
            "commit": "0" * 40,
            "dirty": False,
            "python": "3.11.7",
            "platform": "Linux",
            "cpu": "a processor",
            "cores": 2,
            "memory_mib": 1000,
            "gpu": "",
            "packages": {},
            "effective_threads": {},
            "load_average": 0.1,
            "concurrent_jobs": 1,
            "warmup": 1,
            "fresh_workers": False,
            "host": "here",
            "started_utc": "2026-01-01T00:00:00.000+00:00",
        }
        told = {
            "job_id": job_id,
            "identity": asked | (identity or {}),
            "status": status,
            "provenance": circumstances,
            **fields,
        }
        return msgspec.convert(told, RunRecord)

    return build


@pytest.fixture
def run_toy(tmp_path):
    """Run a config to the end and return its records by run label and pair."""

    def run(config):
        plan = make_plan(config, tmp_path / "cache", "toy.yaml")
        store = RecordStore(tmp_path / "results" / "records.jsonl")
        results = tmp_path / "results"
        with LocalWorkers(run_settings(config, tmp_path / "cache", results)) as workers:
            run_jobs(plan.jobs, workers, store, lambda job: None, lambda record: None)
        return store.read()

    return run


@pytest.fixture
def write_config(tmp_path):
    def write(*backends, **sections):
        runs = [{"label": name.lower(), "backend": f"toy:{name}"} for name in backends]
        data = {
            "name": "toy",
            "dataset": {"name": "toy:ToyDataset"},
            "runs": [{"label": "identity", "backend": "identity", "track": "reference"}, *runs],
            "resources": {"threads": 1},
            **sections,
        }
        path = tmp_path / "toy.yaml"
        path.write_text(yaml.safe_dump(data))
        return path

    return write


@pytest.fixture
def command(tmp_path):
    def start(*arguments):
        return [sys.executable, "-m", "benchmarks", *map(str, arguments)]

    def run(*arguments, results=True):
        extra = ("--results-dir", tmp_path / "results") if results else ()
        return subprocess.run(
            start(*arguments, *extra), cwd=ROOT, capture_output=True, text=True, timeout=120
        )

    run.start = start
    return run


@pytest.fixture
def tiny_disk(tmp_path, request):
    """Mount a file system of so many KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={request.param}k", "none", str(folder)],
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f"file systems cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def archive(tmp_path):
    """The archive that the remote toy dataset consists of."""
    from toy import SHIFT_MM, blobs

    path = tmp_path / "toy.zip"
    with zipfile.ZipFile(path, "w") as opened:
        for side, shift in (("fixed", (0, 0)), ("moving", SHIFT_MM)):
            image = tmp_path / f"{side}.nii"
            sitk.WriteImage(sitk.GetImageFromArray(blobs(shift)), str(image))
            opened.write(image, image.name)
    return path
