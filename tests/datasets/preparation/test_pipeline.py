"""Whole preparations: what comes along, what is kept, and what is refused."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from datasets.base import DatasetError
from datasets.preparation import Preparation, prepare

SHIFT_MM = (2.0, 3.0, -2.0)
IMAGES = ("fixed", "moving", "fixed_mask", "moving_mask", "fixed_labels", "moving_labels")


def kept(tmp_path):
    return sorted(path.name for path in (tmp_path / "derived" / "set").glob("*/content/*"))


def steps(tmp_path):
    """How many results of each step are kept."""
    manifests = (tmp_path / "derived" / "set").glob("*/manifest.json")
    return Counter(json.loads(path.read_text())["recipe"]["step"] for path in manifests)


def content(image):
    grid = (image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())
    return image.GetPixelID(), grid, sitk.GetArrayFromImage(image).tobytes()


def on_one_grid(*images):
    return len({(i.GetSize(), i.GetSpacing(), i.GetOrigin(), i.GetDirection()) for i in images}) == 1


def test_nothing_asked_is_nothing_done(pair, tmp_path):
    assert prepare(pair, Preparation(), tmp_path, "set") == pair
    assert not list(tmp_path.iterdir())


def test_labels_and_masks_follow_their_images_and_stay_whole_numbers(pair, tmp_path):
    asked = Preparation(
        orientation="RAS",
        mask="foreground",
        crop="foreground",
        crop_margin_mm=3,
        spacing_mm=1.7,
        intensity="unit",
    )
    prepared = prepare(pair, asked, tmp_path, "set")
    for side in ("fixed", "moving"):
        image, mask, labels = (getattr(prepared, f"{side}{what}") for what in ("", "_mask", "_labels"))
        assert on_one_grid(image, mask, labels)
        assert set(np.unique(sitk.GetArrayFromImage(labels))) == {0, 3, 7}
        assert set(np.unique(sitk.GetArrayFromImage(mask))) == {0, 1}
        assert sitk.GetArrayFromImage(image).max() == 1.0
        assert image.GetSpacing() == (1.7, 1.7, 1.7)
        assert image.GetDirection() == (-1, 0, 0, 0, -1, 0, 0, 0, 1)
        before = sitk.GetArrayFromImage(getattr(pair, f"{side}_labels"))
        volume_mm3 = (before == 7).sum() * 3.0
        assert (sitk.GetArrayFromImage(labels) == 7).sum() * 1.7**3 == pytest.approx(volume_mm3, rel=0.05)
    assert kept(tmp_path) == ["image.mha"] * 2 + ["labels.mha"] * 2 + ["mask.mha"] * 2
    stored = sorted(tmp_path.rglob("*.mha"))
    made = [path.stat().st_mtime_ns for path in stored]
    again = prepare(pair, asked, tmp_path, "set")
    assert [content(getattr(again, name)) for name in IMAGES] == [
        content(getattr(prepared, name)) for name in IMAGES
    ]
    assert [path.stat().st_mtime_ns for path in stored] == made
    assert steps(tmp_path) == {"images": 2}


def test_an_image_of_several_pairs_is_prepared_once(pair, tmp_path):
    asked = Preparation(spacing_mm=2.0)
    prepare(pair, asked, tmp_path, "set")
    third = sitk.Image(pair.moving)
    third.SetOrigin((1.0, 2.0, 3.0))
    other = replace(pair, info=replace(pair.info, pair_id="two"), moving=third)
    assert prepare(other, asked, tmp_path, "set").fixed.GetSpacing() == (2.0, 2.0, 2.0)
    assert steps(tmp_path) == {"images": 3}
    prepare(pair, replace(asked, spacing_mm=2.5), tmp_path, "set")
    assert steps(tmp_path) == {"images": 5}
    relabelled = replace(pair, fixed_labels=pair.fixed_labels * 2)
    assert sitk.GetArrayFromImage(prepare(relabelled, asked, tmp_path, "set").fixed_labels).max() == 14
    assert steps(tmp_path) == {"images": 6}


def test_a_given_mask_is_kept_and_cropped_to(pair, tmp_path):
    array = np.zeros((20, 28, 36), np.uint8)
    array[5:11, 6:16, 7:19] = 1
    mask = sitk.GetImageFromArray(array)
    mask.CopyInformation(pair.fixed)
    asked = Preparation(mask="foreground", crop="foreground")
    prepared = prepare(replace(pair, fixed_mask=mask), asked, tmp_path, "set")
    assert prepared.fixed.GetSize() == (12, 10, 6)
    assert sitk.GetArrayFromImage(prepared.fixed_mask).all()
    assert np.array_equal(
        sitk.GetArrayFromImage(prepared.fixed), sitk.GetArrayFromImage(pair.fixed)[5:11, 6:16, 7:19]
    )
    assert prepared.fixed.GetOrigin() == pair.fixed.TransformIndexToPhysicalPoint((7, 6, 5))
    assert prepared.moving.GetSize() != pair.moving.GetSize()


def test_the_prealignment_is_found_once_and_kept_beside_the_images(pair, tmp_path):
    asked = Preparation(prealignment="rigid")
    prepared = prepare(pair, asked, tmp_path, "set")
    assert prepared.moving is pair.moving
    point = (20.0, 12.0, 30.0)
    moved = prepared.prealignment.TransformPoint(point)
    assert np.subtract(moved, point) == pytest.approx(SHIFT_MM, abs=0.3)
    assert kept(tmp_path) == ["transform.h5"]
    (manifest,) = tmp_path.rglob("manifest.json")
    recipe = json.loads(manifest.read_text())["recipe"]
    assert (recipe["pair"], recipe["step"], recipe["model"]) == ("one", "prealignment", "rigid")
    stored = next(tmp_path.rglob("transform.h5"))
    made = stored.stat().st_mtime_ns
    renamed = replace(pair, info=replace(pair.info, pair_id="two"))
    again = prepare(renamed, replace(asked, slice_size=128), tmp_path, "set")
    assert again.prealignment.TransformPoint(point) == moved
    assert stored.stat().st_mtime_ns == made
    assert len(kept(tmp_path)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"prealignment": "affine"},
        {"prealignment_metric": "mattes"},
        {"spacing_mm": 2.5},
        {"crop": "foreground"},
    ],
)
def test_what_a_prealignment_depends_on_tells_it_apart(pair, tmp_path, change):
    asked = Preparation(prealignment="rigid")
    prepare(pair, asked, tmp_path, "set")
    prepare(pair, replace(asked, **change), tmp_path, "set")
    assert steps(tmp_path)["prealignment"] == 2


SCRIPT = """
import sys
from pathlib import Path
import SimpleITK as sitk
from datasets.pair import Pair, PairInfo
from datasets.preparation import Preparation, prepare, version

root, cache = map(Path, sys.argv[1:])
images = [sitk.ReadImage(str(root / (name + ".mha"))) for name in ("fixed", "moving")]
pair = Pair(PairInfo("one", 3, ("a", "b"), "test"), *images)
prepare(pair, Preparation(prealignment="rigid", bias_correction="n4"), cache, "set")
print(version())
"""


def test_changed_code_is_another_result_of_its_step_and_another_version_of_all(pair, tmp_path, checkout):
    """In a copy of the package, whose sources are changed one after the other."""
    shutil.copytree(
        checkout / "datasets", tmp_path / "datasets", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("fixed", "moving"):
        sitk.WriteImage(getattr(pair, name), str(tmp_path / f"{name}.mha"))

    def run(changed=None):
        if changed:
            with (tmp_path / "datasets" / "preparation" / changed).open("a") as source:
                source.write("# changed\n")
        command = [sys.executable, "-c", SCRIPT, tmp_path, tmp_path / "cache"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        made = steps(tmp_path / "cache")
        return done.stdout, made["images"], made["bias_correction"], made["prealignment"]

    first = run()
    assert run() == first
    assert first[1:] == (2, 2, 1)
    second = run("prealignment.py")
    assert second[1:] == (4, 2, 2)
    third = run("intensities.py")
    assert third[1:3] == (6, 4)
    fourth = run("resolution.py")
    assert fourth[1:] == (8, *third[2:])
    assert len({first[0], second[0], third[0], fourth[0]}) == 4


def test_another_image_is_another_prealignment(pair, tmp_path):
    asked = Preparation(prealignment="rigid")
    prepare(pair, asked, tmp_path, "set")
    moved = sitk.Image(pair.moving)
    moved.SetOrigin((0.0, 0.0, 0.0))
    prepare(replace(pair, moving=moved), asked, tmp_path, "set")
    assert len(kept(tmp_path)) == 2


def test_a_bias_field_is_sought_once_for_every_image_whatever_its_pairs(pair, tmp_path):
    asked = Preparation(bias_correction="n4", mask="foreground")
    prepared = prepare(pair, asked, tmp_path, "set")
    assert steps(tmp_path) == {"bias_correction": 2, "images": 2}
    exchanged = replace(
        pair,
        fixed=pair.moving,
        moving=pair.fixed,
        fixed_labels=pair.moving_labels,
        moving_labels=pair.fixed_labels,
    )
    again = prepare(exchanged, replace(asked, spacing_mm=3.0), tmp_path, "set")
    assert steps(tmp_path) == {"bias_correction": 2, "images": 4}
    assert again.moving.GetSpacing() == (3.0, 3.0, 3.0)
    assert on_one_grid(prepared.fixed, pair.fixed)


def test_a_damaged_result_is_made_again(pair, tmp_path):
    asked = Preparation(prealignment="rigid")
    point = (20.0, 12.0, 30.0)
    expected = prepare(pair, asked, tmp_path, "set").prealignment.TransformPoint(point)
    stored = next(tmp_path.rglob("transform.h5"))
    content = bytearray(stored.read_bytes())
    content[len(content) // 2] ^= 0xFF
    stored.write_bytes(content)
    again = prepare(pair, asked, tmp_path, "set").prealignment.TransformPoint(point)
    assert again == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Preparation(spacing_mm=40.0), "is 1×2×1 after preparation, fewer than 4 samples"),
        (Preparation(orientation="LPS"), "is 2D, which cannot be reoriented to LPS"),
        (Preparation(crop="foreground"), "has no foreground"),
        (Preparation(mask="foreground"), "has no foreground"),
        (Preparation(mask="otsu"), "has no foreground"),
        (Preparation(intensity="unit"), "has the same value 0 at the percentiles 0.5 and 99.5"),
        (Preparation(bias_correction="n4"), "holds no positive value"),
        (Preparation(prealignment="rigid"), "has no centre of mass"),
    ],
)
def test_what_cannot_be_done_is_said_with_pair_and_image(pair, tmp_path, asked, message):
    if "samples" in message:
        faulty = pair
    elif "2D" in message:
        faulty = replace(pair, fixed=pair.fixed[:, :, 10])
    else:
        faulty = replace(pair, fixed=pair.fixed * 0, moving=pair.moving * 0)
    with pytest.raises(DatasetError) as caught:
        prepare(faulty, asked, tmp_path, "set")
    assert str(caught.value).startswith("pair one: the ")
    assert message in str(caught.value)
    assert "or change the preparation" in str(caught.value)


def test_two_processes_at_once_find_one_prealignment(pair, tmp_path, checkout):
    for name in ("fixed", "moving"):
        sitk.WriteImage(getattr(pair, name), str(tmp_path / f"{name}.mha"))
    script = f"""
import sys
from pathlib import Path
import SimpleITK as sitk
from datasets.pair import Pair, PairInfo
from datasets.preparation import Preparation, prepare

root, me, other = Path({str(tmp_path)!r}), *sys.argv[1:]
images = [sitk.ReadImage(str(root / (name + ".mha"))) for name in ("fixed", "moving")]
pair = Pair(PairInfo("one", 3, ("a", "b"), "test"), *images)
(root / me).touch()
while not (root / other).exists():
    pass
prepared = prepare(pair, Preparation(prealignment="rigid"), root / "cache", "set")
print(prepared.prealignment.TransformPoint((1.0, 2.0, 3.0)))
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, me, other], cwd=checkout, stdout=subprocess.PIPE, text=True
        )
        for me, other in (("one", "two"), ("two", "one"))
    ]
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert outputs[0] == outputs[1] != ""
    assert kept(tmp_path / "cache") == ["transform.h5"]
