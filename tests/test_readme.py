"""What README.md tells a reader to type works as it stands there."""

import os
import re
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


@pytest.fixture
def example(tmp_path):
    """Save the files that the README shows, beside a pair of images as its dataset wants them."""
    for name, text in re.findall(r"`(my_\w+\.\w+)`[^`]*:\n\n```\w+\n(.*?)```", README, re.DOTALL):
        (tmp_path / name).write_text(text)
    images = tmp_path / "my_images"
    images.mkdir()
    noise = np.random.default_rng(0).normal(size=(40, 40, 40))
    fixed = ndimage.gaussian_filter(noise, 4, mode="constant") ** 2
    fixed[:8] = fixed[-8:] = 0
    fixed[:, :8] = fixed[:, -8:] = 0
    fixed[:, :, :8] = fixed[:, :, -8:] = 0
    for role, image in (("fixed", fixed), ("moving", np.roll(fixed, 3, axis=1))):
        sitk.WriteImage(sitk.GetImageFromArray(image.astype(np.float32)), str(images / f"one_{role}.nii.gz"))
    return tmp_path


def test_the_examples_run_together(example):
    assert sorted(path.name for path in example.glob("my_*.*")) == [
        "my_backend.py",
        "my_config.yaml",
        "my_dataset.py",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "run", "my_config.yaml", "--strict"],
        cwd=example,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = (example / "results" / "my-benchmark" / "report.md").read_text()
    assert "centre of mass" in report
    assert "PASS" in report


def test_every_make_target_that_it_names_exists():
    targets = re.findall(r"^([\w%-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = set(re.findall(r"(?:^|`)make ([\w-]+)", README, re.MULTILINE))
    assert {"bench", "test", "data-ds007328"} <= named
    patterns = [target.replace("%", "*") for target in targets]
    assert [name for name in named if not any(fnmatchcase(name, pattern) for pattern in patterns)] == []


def test_every_config_that_it_names_exists():
    named = set(re.findall(r"configs/(\w+\.yaml)", README)) - {"x.yaml"}
    assert named
    for name in named:
        assert (ROOT / "configs" / name).exists()
