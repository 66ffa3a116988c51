import numpy as np
import pytest
import SimpleITK as sitk

from benchmarks.kept_transforms import (
    Frame,
    KeptTransform,
    LinearMap,
    SampledMap,
    read_kept,
    rms_distance_mm,
    write_kept,
)
from benchmarks.transform_artefacts import kept_transform
from datasets.pair import Pair, PairInfo

FRAME = Frame((20, 30), np.diag([0.5, 2.0]), np.array([-3.0, 7.0]))
SHIFT = LinearMap(np.eye(2), np.array([1.0, -2.0]))


def oblique(size=(30, 20)):
    """A grid that is turned, flipped and anisotropic."""
    image = sitk.GetImageFromArray(np.random.default_rng(0).random(size[::-1]).astype(np.float32))
    image.SetSpacing((0.5, 2.0))
    image.SetOrigin((-3.0, 7.0))
    image.SetDirection((0.6, 0.8, 0.8, -0.6))
    return image


def waves():
    """A smooth displacement of up to 1.5 mm."""
    rows, columns = np.mgrid[0:20, 0:30].astype(float)
    u = np.stack([np.sin(rows / 3) * 0.3, 1.5 * np.cos(columns / 5)], axis=-1)
    return SampledMap(u.astype(np.float32), FRAME)


def pair_of(image, true=None, prealignment=None):
    mask = sitk.GetArrayFromImage(image) > 0.3
    drawn = sitk.GetImageFromArray(mask.astype(np.uint8))
    drawn.CopyInformation(image)
    info = PairInfo("p", 2, ("s",), "k", sections=(4, 6))
    return Pair(info, image, image, fixed_mask=drawn, true_transform=true, prealignment=prealignment)


def some_points(image, count=40):
    rng = np.random.default_rng(1)
    index = rng.uniform(0, np.array(image.GetSize()) - 1, (count, 2))
    return np.array([image.TransformContinuousIndexToPhysicalPoint(one) for one in index.tolist()])


def mapped(transform, points):
    return np.array([transform.TransformPoint(point) for point in points.tolist()])


def test_a_linear_transform_is_kept_exactly_with_prealignment_and_truth(tmp_path):
    image = oblique()
    rigid = sitk.Euler2DTransform((1.0, 9.0), 0.3, (2.5, -1.5))
    start, true = sitk.TranslationTransform(2, (4.0, 1.0)), sitk.AffineTransform(2)
    true.Scale(1.1)
    write_kept(tmp_path / "a.npz", kept_transform(pair_of(image, true, start), rigid))
    kept = read_kept(tmp_path, "a.npz")
    points = some_points(image)
    assert isinstance(kept.found, LinearMap)
    np.testing.assert_allclose(kept.found.forward(points), mapped(start, mapped(rigid, points)), atol=1e-11)
    np.testing.assert_allclose(kept.true.forward(points), mapped(true, points), atol=1e-11)
    np.testing.assert_allclose(kept.found.inverse(kept.found.forward(points)), points, atol=1e-11)
    assert kept.sections == (4, 6)
    np.testing.assert_array_equal(kept.mask, sitk.GetArrayFromImage(image) > 0.3)
    assert not list(tmp_path.glob("*.part"))


def test_another_transform_is_kept_as_its_displacement(tmp_path):
    image = oblique()
    spline = sitk.BSplineTransformInitializer(image, [3, 3])
    spline.SetParameters(np.random.default_rng(2).normal(0, 0.3, len(spline.GetParameters())).tolist())
    write_kept(tmp_path / "a.npz", kept_transform(pair_of(image), spline))
    kept = read_kept(tmp_path, "a.npz")
    assert isinstance(kept.found, SampledMap)
    assert kept.true is None
    index = np.argwhere(kept.mask)
    centres = np.array([image.TransformIndexToPhysicalPoint(one) for one in index[:, ::-1].tolist()])
    np.testing.assert_allclose(kept.fixed.points(index), centres, atol=1e-12)
    np.testing.assert_allclose(kept.found.forward(centres), mapped(spline, centres), atol=1e-5)


def test_points_lie_in_an_image_up_to_the_outer_edges_of_its_voxels():
    corner = FRAME.points(np.array([[0, 0], [19, 29]]))
    half = 0.5 * np.array([0.5, 2.0])
    for step, inside in ((0.99, True), (1.01, False)):
        beyond = corner + step * half * np.array([[-1, -1], [1, 1]])
        assert FRAME.holds(beyond).tolist() == [inside, inside]
    assert not FRAME.holds(np.full((1, 2), np.nan)).any()


def test_a_sampled_map_is_inverted_to_a_thousandth_of_a_voxel():
    field = waves()
    points = FRAME.points(np.argwhere(np.ones((20, 30), dtype=bool)))
    back = field.inverse(field.forward(points))
    inner = FRAME.holds(field.forward(points))
    assert inner.mean() > 0.9
    assert np.abs(back - points)[inner].max() < 2e-3
    np.testing.assert_allclose(field.forward(field.inverse(points)), points, atol=5e-4)


def test_beyond_its_image_a_sampled_map_goes_on_as_at_its_border():
    u = np.tile(np.array([1.0, -2.0], dtype=np.float32), (20, 30, 1))
    far = np.array([[1e3, -1e3], [np.nan, 0.0]])
    np.testing.assert_allclose(SampledMap(u, FRAME).forward(far), SHIFT.forward(far) * [[1, 1], [1, np.nan]])


def test_a_singular_map_has_no_inverse():
    assert np.isnan(LinearMap(np.zeros((2, 2)), np.zeros(2)).inverse(np.ones((3, 2)))).all()


def test_distance_between_maps_is_that_of_the_points():
    points = FRAME.points(np.argwhere(np.ones((20, 30), dtype=bool)))
    assert rms_distance_mm(SHIFT, LinearMap(np.eye(2), np.zeros(2)), points) == pytest.approx(np.sqrt(5))
    turned = LinearMap(np.array([[0.0, -1.0], [1.0, 0.0]]), np.zeros(2))
    by_hand = np.sqrt(np.mean(np.sum((points @ turned.matrix.T - points) ** 2, axis=1)))
    assert rms_distance_mm(turned, LinearMap(np.eye(2), np.zeros(2)), points) == pytest.approx(by_hand)


@pytest.mark.parametrize("change", ["cut", "garbage", "mask", "field", "nothing", "elsewhere"])
def test_a_file_that_is_none_is_named(tmp_path, change):
    kept = KeptTransform(FRAME, FRAME, np.ones((20, 30), dtype=bool), waves(), None, (0, 1))
    path, name = tmp_path / "results" / "a.npz", "a.npz"
    write_kept(path, kept)
    match change:
        case "cut":
            path.write_bytes(path.read_bytes()[:300])
        case "garbage":
            path.write_bytes(b"no archive")
        case "nothing":
            path.unlink()
        case "elsewhere":
            name = "../a.npz"
            path.rename(tmp_path / "a.npz")
        case _:
            with np.load(path) as stored:
                arrays = dict(stored)
            arrays |= {"mask": arrays["mask"][1:]} if change == "mask" else {}
            arrays |= {"found/displacement_mm": np.zeros((3, 3, 2))} if change == "field" else {}
            np.savez(path, **arrays)
    with pytest.raises(ValueError, match=r"a\.npz (lies outside|is missing|cannot be read)"):
        read_kept(tmp_path / "results", name)
