"""Where points end, in the moving image's own terms."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from benchmarks.normalisation import normalise, region_of_interest
from benchmarks.probes import DIGITS, PROBES, probes_mm
from benchmarks.recovery import rms_distance_mm
from datasets.capture_range import CaptureRange2D, CaptureRangeParams
from datasets.pair import Pair, PairInfo

TOLERANCE_MM = 2 * 10.0**-DIGITS


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> CaptureRange2D:
    params = CaptureRangeParams(draws=1, translations_mm=(40.0,), rotations_deg=(90.0,), spacing_mm=4.0)
    return CaptureRange2D(params, tmp_path_factory.mktemp("far"))


def small_pair() -> Pair:
    image = sitk.GetImageFromArray(np.zeros((3, 4), np.float32))
    moving = sitk.Image(image)
    moving.SetSpacing((2.0, 0.5))
    moving.SetOrigin((10.0, 20.0))
    moving.SetDirection((0.0, -1.0, 1.0, 0.0))
    return Pair(PairInfo("p", 2, ("s",), "kind"), image, moving)


def test_ends_are_counted_from_the_first_voxel_along_the_axes_of_the_moving_image() -> None:
    pair = small_pair()
    mask = np.zeros((3, 4), bool)
    mask[1, 2] = True
    # (2, 1) goes to (11, 23): 1 beyond the origin in x, 3 in y; the image's first axis is y, its second is -x.
    assert probes_mm(pair, sitk.TranslationTransform(2, (9.0, 22.0)), mask) == ((3.0, -1.0),)


def test_a_mask_has_a_fixed_number_of_different_probes(far: CaptureRange2D) -> None:
    pair = far.load("draw-0-undisturbed")
    found = probes_mm(pair, sitk.Transform(2, sitk.sitkIdentity), region_of_interest(pair))
    assert len(set(found)) == PROBES


@pytest.mark.parametrize("name", ["translation-40mm", "rotation-90deg"])
def test_the_truth_ends_in_the_same_place_from_every_start(far: CaptureRange2D, name: str) -> None:
    pairs = [far.load(f"draw-0-{start}") for start in ("undisturbed", name)]
    ends = [probes_mm(pair, pair.true_transform, region_of_interest(pair)) for pair in pairs]
    assert rms_distance_mm(*ends) < TOLERANCE_MM
    starts = [probes_mm(p, sitk.Transform(2, sitk.sitkIdentity), region_of_interest(p)) for p in pairs]
    assert rms_distance_mm(*starts) > 30


@pytest.mark.parametrize("name", ["translation-40mm", "rotation-90deg"])
def test_intensities_are_the_same_from_every_start(far: CaptureRange2D, name: str) -> None:
    found = [normalise(far.load(f"draw-0-{start}")) for start in ("undisturbed", name)]
    for image in ("fixed", "moving"):
        arrays = [sitk.GetArrayFromImage(getattr(one, image)) for one in found]
        assert arrays[1] == pytest.approx(arrays[0], abs=1e-6)


def test_a_distance_is_a_root_mean_square() -> None:
    assert rms_distance_mm([(0.0, 0.0), (1.0, 1.0)], [(3.0, 4.0), (1.0, 1.0)]) == pytest.approx(
        np.sqrt(25 / 2)
    )


def test_different_numbers_of_probes_are_no_distance() -> None:
    with pytest.raises(ValueError, match="1 and 2 probes"):
        rms_distance_mm([(0.0, 0.0)], [(0.0, 0.0), (1.0, 1.0)])
    with pytest.raises(ValueError, match="0 and 0 probes"):
        rms_distance_mm([], [])
