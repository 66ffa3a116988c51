"""Small imitations of published data sets, in their true structure."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pytest
from nibabel.analyze import AnalyzeHeader
from scipy import ndimage

# Where structures lie, as shares of the half axes of a brain: away from the midline, forward, upward.
LPBA40_PLACES = {
    21: (0.25, 0.60, 0.70),
    23: (0.50, 0.60, 0.45),
    25: (0.65, 0.50, 0.10),
    27: (0.45, 0.20, 0.75),
    29: (0.40, 0.75, -0.15),
    31: (0.60, 0.50, -0.18),
    33: (0.15, 0.65, -0.25),
    41: (0.50, -0.10, 0.70),
    43: (0.30, -0.40, 0.75),
    45: (0.70, -0.20, 0.35),
    47: (0.60, -0.50, 0.40),
    49: (0.15, -0.50, 0.50),
    61: (0.25, -0.75, 0.35),
    63: (0.50, -0.75, 0.10),
    65: (0.45, -0.75, -0.22),
    67: (0.15, -0.80, 0.05),
    81: (0.75, 0.15, -0.05),
    83: (0.75, -0.15, -0.22),
    85: (0.60, 0.05, -0.50),
    87: (0.30, 0.10, -0.45),
    89: (0.20, -0.55, -0.20),
    91: (0.45, -0.35, -0.45),
    101: (0.50, 0.25, 0.10),
    121: (0.15, 0.20, 0.40),
    161: (0.18, 0.30, 0.10),
    163: (0.35, 0.05, 0.05),
    165: (0.40, -0.20, -0.18),
}
LPBA40_UNPAIRED = {181: (0.0, -0.60, -0.60), 182: (0.0, -0.15, -0.70)}
HALF_AXES = (14.0, 18.0, 14.0)
SHAPE = (36, 44, 36)


def lpba40_subject(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Image and labels of a subject, voxels running to the left, to the back and up."""
    rng = np.random.default_rng(number)
    away = rng.uniform(-1.5, 1.5, 3)
    grid = np.stack(np.meshgrid(*(np.arange(n, dtype=float) for n in SHAPE), indexing="ij"))
    middle = (np.array(SHAPE) - 1) / 2 + away

    def within(lateral: float, forward: float, upward: float, radius: float) -> np.ndarray:
        centre = middle + np.array([lateral, -forward, upward]) * HALF_AXES
        offsets = (grid - centre[:, None, None, None]) / np.array(HALF_AXES)[:, None, None, None]
        return (offsets**2).sum(axis=0) < radius**2

    brain = within(0, 0, 0, 1.0)
    labels = np.zeros(SHAPE, np.int16)
    for label, (lateral, forward, upward) in LPBA40_PLACES.items():
        labels[within(lateral, forward, upward, 0.16)] = label
        labels[within(-lateral, forward, upward, 0.16)] = label + 1
    for label, place in LPBA40_UNPAIRED.items():
        labels[within(*place, 0.2)] = label
    tissue = brain * (100.0 + 30 * np.sin(labels)) + (labels > 0) * 40.0
    image = ndimage.gaussian_filter(tissue, 0.8) + rng.normal(0, 2, SHAPE)
    return np.where(brain, image.clip(1), 0).astype(np.int16), np.where(brain, labels, 0)


@pytest.fixture(scope="session")
def write_analyze():
    """Write an Analyze image, header beside voxels, and return the header's path."""

    def write(
        stem: Path,
        voxels: np.ndarray,
        spacing_mm: tuple[float, ...],
        endian: str = "<",
        suffix: str = ".img.gz",
    ) -> Path:
        header = AnalyzeHeader(endianness=endian)
        header.set_data_dtype(voxels.dtype)
        header.set_data_shape(voxels.shape)
        header.structarr["pixdim"][1 : 1 + len(spacing_mm)] = spacing_mm
        path = stem.with_name(f"{stem.name}.hdr")
        path.write_bytes(header.binaryblock)
        content = voxels.astype(voxels.dtype.newbyteorder(endian)).tobytes(order="F")
        stem.with_name(stem.name + suffix).write_bytes(
            gzip.compress(content, 1) if suffix.endswith(".gz") else content
        )
        return path

    return write


@pytest.fixture(scope="session")
def write_lpba40(write_analyze):
    """Write LPBA40 below a folder: both byte orders, labels of two types, axes flipped as asked."""

    def write(folder: Path, numbers=range(1, 41), flipped: tuple[int, ...] = ()) -> Path:
        tree = folder / "LPBA40" / "delineation_space"
        tree.mkdir(parents=True)
        (folder / "LPBA40" / "LICENSE.txt").write_text("An imitation.\n")
        (tree / "lpba40.label.xml").write_text('<labelset><label id="21" fullname="x"/></labelset>\n')
        for number in numbers:
            name = f"S{number:02d}"
            (tree / name).mkdir()
            image, labels = (np.flip(array, flipped)[..., np.newaxis] for array in lpba40_subject(number))
            endian = "<>"[number % 2]
            labels = labels.astype(np.uint8 if number % 3 else np.int16)
            stem = tree / name / f"{name}.delineation"
            for kind, array in (("skullstripped", image), ("structure.label", labels)):
                write_analyze(stem.with_name(f"{stem.name}.{kind}"), array, (1.0, 1.0, 1.0, 1.0), endian)
        return folder / "LPBA40"

    return write


@pytest.fixture(scope="session")
def lpba40_archive(write_lpba40, tmp_path_factory):
    """The archive of all 40 subjects: a zip in a zip."""
    folder = tmp_path_factory.mktemp("lpba40")
    tree = write_lpba40(folder)
    inner = folder / "LPBA40subjects.delineation_space.zip"
    with zipfile.ZipFile(inner, "w") as archive:
        for path in sorted(tree.rglob("*")):
            archive.write(path, path.relative_to(folder))
    outer = folder / "LPBA40_Subjects_Delineation_Space_MRI_and_label_files.zip"
    with zipfile.ZipFile(outer, "w") as archive:
        archive.write(inner, inner.name)
    return outer
