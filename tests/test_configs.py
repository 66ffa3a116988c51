"""Every config of the repository says only what a config may say."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from benchmarks.config_file import load_config
from benchmarks.plan import make_plan

CONFIGS = sorted((Path(__file__).parent.parent / "configs").glob("*.yaml"))


@pytest.fixture
def listed(tmp_path):
    """A list of one pair of small volumes, for the configs that ask for one."""
    image = sitk.GetImageFromArray(np.random.default_rng(0).random((8, 8, 8), np.float32))
    for name in ("a", "b"):
        sitk.WriteImage(image, str(tmp_path / f"{name}.nii.gz"))
    path = tmp_path / "pairs.csv"
    path.write_text("pair_id,fixed,moving\na_b,a.nii.gz,b.nii.gz\n")
    return path


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_it_is_valid_and_asks_for_something(path, listed, tmp_path):
    config = load_config(path)
    overrides = []
    if config.dataset is not None and config.dataset.name == "csv":
        overrides = [f"dataset.params.path={listed}"]
    for number, dataset in enumerate(config.datasets):
        if dataset.name == "csv":
            overrides.append(f"datasets.{number}.params.path={listed}")
    plan = make_plan(load_config(path, overrides), tmp_path / "cache", str(path))
    assert plan.jobs
    assert {job.identity.run for job in plan.jobs} >= {run.label for run in config.runs if not run.sweep}


def test_names_are_unique():
    names = [load_config(path).name for path in CONFIGS]
    assert len(names) == len(set(names))
