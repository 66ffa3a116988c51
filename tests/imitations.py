"""Small imitations of published data sets, in their true structure."""

from __future__ import annotations

import functools
import gzip
import tarfile
import zipfile
from pathlib import Path

import nibabel as nib
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


@functools.cache
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
    inner = zip_of(write_lpba40(folder), folder / "LPBA40subjects.delineation_space.zip")
    outer = folder / "LPBA40_Subjects_Delineation_Space_MRI_and_label_files.zip"
    with zipfile.ZipFile(outer, "w") as archive:
        archive.write(inner, inner.name)
    return outer


def small_brain(shape: tuple[int, ...], seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Image and labels 1 to ``count`` of an ellipsoid that lies a little elsewhere for every seed, x first."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*(np.linspace(-1.3, 1.3, n) for n in shape), indexing="ij"))
    axes = grid - rng.uniform(-0.08, 0.08, (len(shape),) + (1,) * len(shape))
    brain = (axes**2).sum(axis=0) < 1
    angle = (np.arctan2(axes[1], axes[0]) / (2 * np.pi)) % 1.0
    labels = np.where(brain, 1 + (angle * count).astype(int).clip(0, count - 1), 0)
    image = brain * (80.0 + 60 * np.cos(labels) + 20 * axes[-1]) + rng.normal(0, 2, shape) * brain
    return ndimage.gaussian_filter(image, 0.7).clip(1).astype(np.float32) * brain, labels.astype(np.uint8)


def save_nifti(path: Path, array: np.ndarray, spacing_mm: tuple[float, ...]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, np.diag([*spacing_mm, 1.0])), path)


def tar_of(tree: Path, archive: Path) -> Path:
    with tarfile.open(archive, "w") as packed:
        for path in sorted(tree.iterdir()):
            packed.add(path, path.name)
    return archive


def zip_of(tree: Path, archive: Path) -> Path:
    """Pack a folder under its own name."""
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(tree.rglob("*")):
            packed.write(path, path.relative_to(tree.parent))
    return archive


OASIS_LABELS = "# No. Label Name: R G B A\n" + "".join(
    f"{label:<4}{name:<32}{label} 0 0 0\n"
    for label, name in enumerate(
        ("Unknown", "Left-Cortex", "Right-Cortex", "Left-White-Matter", "Brain-Stem")
    )
)


@pytest.fixture(scope="session")
def write_oasis():
    """Write neurite-oasis below a folder, as slices (``slice_*``) and volumes (``aligned_*``)."""

    def write(folder: Path, numbers=(1, 2, 3, 10)) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for number in numbers:
            subject = folder / f"OASIS_OAS1_{number:04d}_MR1"
            for kind, shape, seg in (("slice", (40, 48, 1), 24), ("aligned", (20, 24, 28), 35)):
                image, labels = small_brain(tuple(n for n in shape if n > 1), number, 4)
                save_nifti(subject / f"{kind}_norm.nii.gz", image.reshape(shape) / 255, (1.0, 1.0, 1.0))
                save_nifti(subject / f"{kind}_seg{seg}.nii.gz", labels.reshape(shape), (1.0, 1.0, 1.0))
        for table in ("seg24_labels.txt", "seg35_labels.txt"):
            (folder / table).write_text(OASIS_LABELS)
        (folder / "subjects.txt").write_text("".join(f"OASIS_OAS1_{n:04d}_MR1\n" for n in numbers))
        return folder

    return write


@pytest.fixture(scope="session")
def oasis_archive(write_oasis, tmp_path_factory):
    """The archive of four subjects."""
    folder = tmp_path_factory.mktemp("oasis")
    return tar_of(write_oasis(folder / "tree"), folder / "neurite-oasis.tar")


@pytest.fixture(scope="session")
def write_mrbrains18():
    """Write the training set of MRBrainS18 below a folder."""

    def write(folder: Path, names=("1", "4", "5", "7", "14", "070", "148")) -> Path:
        spacing_mm = (0.958, 0.958, 3.0)
        for number, name in enumerate(names):
            image, labels = small_brain((30, 32, 12), number, 10)
            head = image + 20
            save_nifti(folder / "training" / name / "segm.nii.gz", labels, spacing_mm)
            for modality, contrast in (("reg_T1", head), ("reg_IR", 200 - head), ("FLAIR", np.sqrt(head))):
                save_nifti(folder / "training" / name / "pre" / f"{modality}.nii.gz", contrast, spacing_mm)
            save_nifti(folder / "training" / name / "orig" / "FLAIR.nii.gz", head, spacing_mm)
        return folder / "training"

    return write


@pytest.fixture(scope="session")
def mrbrains18_archive(write_mrbrains18, tmp_path_factory):
    """The archive of seven subjects."""
    folder = tmp_path_factory.mktemp("mrbrains18")
    return zip_of(write_mrbrains18(folder), folder / "training.zip")


@pytest.fixture(scope="session")
def write_klein2009(write_analyze):
    """Write brains and atlases in the layout of Klein et al. 2009, as Analyze."""

    def write(folder: Path, names=("m1", "m2", "m10")) -> Path:
        for kind in ("Brains", "Atlases"):
            (folder / kind).mkdir(parents=True)
        for number, name in enumerate(names):
            image, labels = small_brain((24, 28, 22), number, 6)
            write_analyze(folder / "Brains" / name, image.astype(np.int16), (1.0, 1.5, 1.0), suffix=".img")
            write_analyze(folder / "Atlases" / name, labels, (1.0, 1.5, 1.0), suffix=".img")
        return folder

    return write


@pytest.fixture(scope="session")
def write_sessions():
    """Write a BIDS folder: sessions by subject, one run each unless ``runs`` says otherwise, and derived labels."""

    def write(folder: Path, sessions: dict[str, tuple[str, ...]], runs: tuple[str, ...] = ("",)) -> Path:
        for subject, labels in sessions.items():
            for number, session in enumerate(labels):
                image, drawn = small_brain((20, 22, 18), number, 4)
                for run in runs:
                    stem = f"sub-{subject}_ses-{session}{f'_run-{run}' if run else ''}"
                    place = Path(f"sub-{subject}", f"ses-{session}", "anat")
                    save_nifti(folder / place / f"{stem}_T1w.nii.gz", image, (2.0, 2.0, 2.0))
                    derived = folder / "derivatives" / "drawn" / place
                    save_nifti(derived / f"{stem}_desc-lobes_dseg.nii.gz", drawn, (2.0, 2.0, 2.0))
        return folder

    return write
