"""The scripts that a queueing system would be given, and the recipe that explains them."""

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from benchmarks.cluster_config import ClusterConfig
from benchmarks.config import Config
from benchmarks.config_file import ConfigError
from benchmarks.job_queue import job_script, queued_cluster

ROOT = Path(__file__).parents[2]
ASKED = {"queue_system": "slurm", "workers": 3, "cores": 4, "memory_gib": 16, "walltime": "12:00:00"}


@pytest.fixture
def recipe():
    """Return the config that docs/slurm.md shows, with a network interface that every machine has."""
    (text,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "slurm.md").read_text(), re.DOTALL)
    assert "interface: ib0 " in text
    return Config.model_validate(yaml.safe_load(text.replace("interface: ib0 ", "interface: lo ")))


def test_the_recipe_for_slurm_asks_for_what_it_says(recipe):
    lines = job_script(recipe.cluster, recipe.name).splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    directives = [line.removeprefix("#SBATCH ") for line in lines if line.startswith("#SBATCH")]
    assert directives == [
        "-J regbench-pairwise",
        "-p compute",
        "-A my-project",
        "-n 1",
        "--cpus-per-task=4",
        "--mem=16384M",
        "-t 12:00:00",
        "--exclusive",
        "--constraint=icelake",
    ]
    assert lines[-2] == "module load gcc/13"
    assert f"export PYTHONPATH={ROOT}" in lines[-3]
    worker = lines[-1].split()
    assert worker[:3] == [sys.executable, "-m", "distributed.cli.dask_worker"]
    assert worker[3].startswith("tcp://")
    options = dict(itertools.pairwise(worker))
    assert options["--nthreads"] == "1"
    assert options["--interface"] == "lo"
    assert options["--lifetime"] == f"{12 * 3600 - 300}s"


def test_pbs_is_asked_for_the_same():
    asked = ClusterConfig.model_validate(ASKED | {"queue_system": "pbs", "queue": "long"})
    directives = re.findall(r"^#PBS (.*)$", job_script(asked, "x"), re.MULTILINE)
    assert "-q long" in directives
    assert "-l select=1:ncpus=4:mem=16384mb" in directives
    assert "-l walltime=12:00:00" in directives
    assert "-l place=scatter:excl" in directives


def test_shared_nodes_are_asked_for_when_that_will_do():
    asked = ClusterConfig.model_validate(ASKED | {"exclusive": False})
    assert "--exclusive" not in job_script(asked, "x")


@pytest.mark.parametrize(
    "change",
    [
        {"walltime": "12:00"},
        {"walltime": "1:00:00\n#SBATCH --uid=0"},
        {"queue": "a b"},
        {"account": "a\n#SBATCH x"},
        {"directives": ["--x\nrm -rf ~"]},
        {"cores": 0},
        {"memory_gib": 0},
        {"queue_system": "cron"},
    ],
)
def test_what_no_queue_understands_is_refused(change):
    with pytest.raises(ValidationError):
        ClusterConfig.model_validate(ASKED | change)


@pytest.mark.parametrize(
    ("walltime", "seconds"), [("00:10:01", 601), ("100:00:00", 360_000), ("2-01:00:00", 176_400)]
)
def test_walltime_in_seconds(walltime, seconds):
    assert ClusterConfig.model_validate(ASKED | {"walltime": walltime}).walltime_s == seconds


def test_workers_have_the_cores_that_jobs_use(toy_config):
    with pytest.raises(ValidationError, match="cores must be at least the 8 threads"):
        toy_config("Shift", cluster=ASKED, resources={"threads": [2, 8]})


@pytest.mark.parametrize(("system", "submit"), [("slurm", "sbatch"), ("pbs", "qsub")])
def test_where_there_is_no_queue_the_error_says_so(monkeypatch, tmp_path, system, submit):
    monkeypatch.setenv("PATH", str(tmp_path))
    asked = ClusterConfig.model_validate(ASKED | {"queue_system": system})
    with pytest.raises(ConfigError, match=f"there is no {submit} here"), queued_cluster(asked, "x"):
        pass


def test_an_unknown_network_interface_is_a_usage_error():
    asked = ClusterConfig.model_validate(ASKED | {"interface": "nowhere0"})
    with pytest.raises(ConfigError, match=r"cluster: .*nowhere0"):
        job_script(asked, "x")


def test_the_command_prints_the_script(tmp_path, recipe):
    path = tmp_path / "pairwise.yaml"
    path.write_text(
        yaml.safe_dump(recipe.model_dump(mode="json", exclude_defaults=True) | {"cluster": ASKED})
    )

    def command(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "benchmarks", "job-script", str(path), *arguments],
            cwd=ROOT, capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    done = command()
    assert done.returncode == 0, done.stderr
    assert "#SBATCH --cpus-per-task=4" in done.stdout
    none = command("--set", "cluster=null")
    assert none.returncode == 2
    assert "has no 'cluster' section" in none.stderr
