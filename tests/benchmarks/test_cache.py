"""What makes a job another job: real changes to a copy of the sources, to installed packages and to configs."""

import copy
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]

PLAN = """
import json, sys
from pathlib import Path
from benchmarks.config import Config
from benchmarks.plan import make_plan

config = Config.model_validate_json(sys.argv[1])
ids = {}
for job in make_plan(config, Path("cache"), "x.yaml").jobs:
    ids.setdefault(job.identity.run, []).append(job.job_id)
print(json.dumps({run: sorted(found) for run, found in ids.items()}))
"""

ADAPTER = '''
from toy import Toy


class Packaged(Toy):
    """Depends on a package."""

    name = "packaged"
    requires = ("packaged_solver",)
'''

CONFIG = {
    "name": "toy",
    "dataset": {"name": "toy:ToyDataset"},
    "runs": [
        {"label": "ours", "backend": "torch_lm", "params": {"model": "affine"}},
        {"label": "sitk", "backend": "simpleitk", "params": {"model": "rigid"}},
        {"label": "packaged", "backend": "packaged_adapter:Packaged"},
    ],
}


@pytest.fixture
def checkout(tmp_path):
    """Copy the sources, with an adapter whose package has version 1.0 beside them."""
    folder = tmp_path / "checkout"
    for name in ("benchmarks", "adapters", "datasets", "lmreg"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "tests" / "benchmarks" / "plugins" / "toy.py", folder)
    (folder / "packaged_adapter.py").write_text(ADAPTER)
    # Sources of the checkout are known by their content, what is installed elsewhere by its version.
    site = tmp_path / "site-packages"
    site.mkdir()
    (site / "packaged_solver.py").touch()
    install(folder, "1.0")
    return folder


def install(checkout, version):
    for old in checkout.parent.glob("site-packages/*.dist-info"):
        shutil.rmtree(old)
    info = checkout.parent / "site-packages" / f"packaged_solver-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: packaged-solver\nVersion: {version}\n")
    (info / "top_level.txt").write_text("packaged_solver\n")
    (info / "RECORD").write_text("packaged_solver.py,,\n")


@pytest.fixture
def ids(checkout, monkeypatch):
    """Return a function that plans a config in the copy and returns the ids of each run."""
    monkeypatch.setenv("PYTHONPATH", f"{checkout}:{checkout.parent / 'site-packages'}")

    def plan(config):
        done = subprocess.run(
            [sys.executable, "-c", PLAN, json.dumps(config)],
            cwd=checkout,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return plan


def changed(before, after):
    return {run for run in before if before[run] != after[run]}


def test_what_changes_runs_again_and_nothing_else(ids, checkout):
    before = ids(CONFIG)
    with (checkout / "lmreg" / "grid.py").open("a") as file:
        file.write("# changed\n")
    assert changed(before, ids(CONFIG)) == {"ours"}

    # The adapter itself, and a module that it leaves part of its work to.
    for name in ("simpleitk.py", "simpleitk_method.py"):
        before = ids(CONFIG)
        with (checkout / "adapters" / name).open("a") as file:
            file.write("# changed\n")
        assert changed(before, ids(CONFIG)) == {"sitk"}

    before = ids(CONFIG)
    install(checkout, "2.0")
    assert changed(before, ids(CONFIG)) == {"packaged"}

    before = ids(CONFIG)
    with (checkout / "reports_and_other_files.py").open("w") as file:
        file.write("# new\n")
    config = copy.deepcopy(CONFIG)
    config["runs"][1]["params"]["model"] = "affine"
    assert changed(before, ids(config)) == {"sitk"}


def written(tmp_path, data):
    path = tmp_path / "toy.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def test_new_pairs_new_backends_and_new_names_run_nothing_again(command, write_config, tmp_path):
    config = write_config("Shift", dataset={"name": "toy:ToyDataset", "pairs": ["blobs-0"]})
    assert command("run", config).returncode == 0
    original = yaml.safe_load(config.read_text())
    data = copy.deepcopy(original)
    data["dataset"]["pairs"].append("blobs-1")
    assert "2 of 4 jobs would run" in command("run", written(tmp_path, data), "--dry-run").stdout
    data["runs"].append({"label": "differentiable", "backend": "toy:Differentiable"})
    assert "4 of 6 jobs would run" in command("run", written(tmp_path, data), "--dry-run").stdout

    data = original | {"title": "Another title", "limits": {"timeout_s": 77}}
    data["runs"] = [{**run, "label": f"renamed {run['label']}"} for run in data["runs"]]
    data["gates"] = [{"metric": "tre_mm", "backend": "renamed shift", "bound": 0.5}]
    done = command("run", written(tmp_path, data), "--strict")
    assert done.returncode == 0, done.stderr
    assert "2 of 2 jobs are already done." in done.stdout
    assert "PASS" in done.stdout
    assert len((tmp_path / "results" / "toy" / "records.jsonl").read_text().splitlines()) == 2
