"""Every kind of data set from its files to the report: fetched, prepared, registered and scored."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml

from benchmarks.plugins import dataset_class
from datasets.fetching import FetchRequest

ROOT = Path(__file__).parents[2]
QUICK = {"model": "translation", "iterations": [20], "shrink_factors": [2], "smoothing_sigmas_voxels": [1.0]}


@pytest.fixture
def command(tmp_path):
    def run(*arguments):
        data = ("--data-dir", tmp_path / "cache")
        return subprocess.run(
            [sys.executable, "-m", "benchmarks", *map(str, (*arguments, *data))],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


@pytest.fixture
def local_sets(write_klein2009, write_sessions, tmp_path):
    """Data sets that a user has, as a config names them."""
    sections = np.random.default_rng(0).integers(0, 200, (1, 24, 26)).repeat(6, axis=0).astype(np.uint8)
    tifffile.imwrite(tmp_path / "sections.tif", sections)
    bids = write_sessions(tmp_path / "study", {"01": ("1", "2")})
    return [
        {"name": "klein2009", "params": {"path": str(write_klein2009(tmp_path / "MGH10")), "subset": 1}},
        {"name": "bids", "params": {"path": str(bids), "labels_path": str(bids / "derivatives" / "drawn")}},
        {
            "name": "stack",
            "params": {"path": str(tmp_path / "sections.tif"), "voxel_mm": [1, 1, 1], "last": 1},
        },
    ]


def test_sets_that_were_fetched_and_sets_that_a_user_has(
    command, local_sets, lpba40_archive, oasis_archive, mrbrains18_archive, tmp_path
):
    done = command("fetch", "lpba40", "--accept-licence", "--from", lpba40_archive)
    assert done.returncode == 0, done.stderr
    assert "780 pairs" in done.stdout
    archives = {"oasis2d": oasis_archive, "oasis3d": oasis_archive, "mrbrains18": mrbrains18_archive}
    for name, archive in archives.items():
        kind = dataset_class(name)
        request = FetchRequest(accept_licence=True, source=archive)
        kind(kind.Params(), tmp_path / "cache").fetch(request)
    fetched = [{"name": name, "params": {"subset": 1}} for name in ("lpba40", *archives)]
    config = {
        "name": "sets",
        "datasets": fetched + local_sets,
        "runs": [
            {"label": "identity", "backend": "identity", "track": "reference"},
            {"label": "translation", "backend": "simpleitk", "params": QUICK},
        ],
        "resources": {"threads": 1},
        "timing": {"repeats": 1, "warmup": 0},
    }
    path = tmp_path / "sets.yaml"
    path.write_text(yaml.safe_dump(config))
    done = command("run", path, "--offline", "--results-dir", tmp_path / "results")
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "results" / "sets" / "records.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert len(records) == 14
    assert {record["status"] for record in records} == {"ok"}
    for record in records:
        scores, name = record["after"], record["identity"]["dataset"]
        assert (scores["dice"] is None) == (name == "stack")
        assert scores["ncc"] > (-1.0 if name == "mrbrains18" else 0.3)
    assert {
        record["identity"]["dataset_params"].get("labels")
        for record in records
        if record["identity"]["dataset"] == "lpba40"
    } == {54}
    report = (tmp_path / "results" / "sets" / "report.md").read_text()
    assert "54 labels" in report
