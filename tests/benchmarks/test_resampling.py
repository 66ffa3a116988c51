from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from benchmarks.resampling import (
    InvalidResult,
    cheaply,
    compose,
    covered_fraction,
    displacement_field,
    inside_fraction,
    sampled,
    voxel_centres,
    warp_image,
    warp_labels,
)


@pytest.fixture
def grid() -> sitk.Image:
    """Oblique, anisotropic, flipped."""
    image = sitk.Image([7, 6, 5], sitk.sitkFloat32)
    image.SetSpacing([0.9, 1.4, 2.5])
    image.SetOrigin([4.0, -20.0, 13.0])
    rotation = np.array(sitk.Euler3DTransform((0, 0, 0), 0.2, -0.4, 0.3).GetMatrix()).reshape(3, 3)
    image.SetDirection((rotation @ np.diag([-1.0, 1.0, -1.0])).ravel().tolist())
    return image


def test_composition_applies_the_registration_first() -> None:
    shift = sitk.TranslationTransform(2, (1.0, 0.0))
    scale = sitk.ScaleTransform(2, (10.0, 10.0))
    assert compose(shift, scale, 2).TransformPoint((1.0, 2.0)) == (20.0, 20.0)
    assert compose(scale, shift, 2).TransformPoint((1.0, 2.0)) == (11.0, 20.0)


def test_composition_with_nothing_is_the_other_part() -> None:
    shift = sitk.TranslationTransform(2, (1.0, 0.0))
    for transform in (compose(shift, None, 2), compose(None, shift, 2)):
        assert transform.TransformPoint((1.0, 2.0)) == (2.0, 2.0)
    assert compose(None, None, 2).TransformPoint((1.0, 2.0)) == (1.0, 2.0)


def test_displacement_field_is_where_points_go(grid: sitk.Image) -> None:
    transform = sitk.Euler3DTransform((1.0, 2.0, 3.0), 0.1, 0.2, -0.1, (4.0, 5.0, 6.0))
    field = displacement_field(transform, grid)
    assert field.dtype == np.float64
    x = np.array(grid.TransformIndexToPhysicalPoint((6, 2, 3)))
    np.testing.assert_allclose(x + field[3, 2, 6], transform.TransformPoint(x.tolist()), atol=1e-12)


def test_linear_transforms_are_evaluated_as_others_are(grid: sitk.Image) -> None:
    affine = sitk.AffineTransform(
        [1.1, 0.1, 0.0, -0.2, 0.9, 0.05, 0.3, 0.0, 1.2], [3.0, -4.0, 5.0], [9.0, 8.0, 7.0]
    )
    linear = sitk.CompositeTransform([affine, sitk.Euler3DTransform((1.0, 2.0, 3.0), 0.1, 0.2, -0.1)])
    field = displacement_field(linear, grid)
    as_field = sitk.TransformToDisplacementField(
        linear,
        sitk.sitkVectorFloat64,
        grid.GetSize(),
        grid.GetOrigin(),
        grid.GetSpacing(),
        grid.GetDirection(),
    )
    np.testing.assert_allclose(field, sitk.GetArrayFromImage(as_field), atol=1e-11)
    assert cheaply(linear, field, grid) is linear


def test_costly_transforms_are_sampled_once(grid: sitk.Image) -> None:
    spline = sitk.BSplineTransformInitializer(grid, [4, 4, 4])
    spline.SetParameters(np.random.default_rng(1).normal(size=len(spline.GetParameters())).tolist())
    field = displacement_field(spline, grid)
    cheap = cheaply(spline, field, grid)
    assert isinstance(cheap.Downcast(), sitk.DisplacementFieldTransform)
    np.testing.assert_allclose(displacement_field(cheap, grid), field, atol=1e-9)


def test_sampled_transform_has_the_displacement_at_every_voxel(grid: sitk.Image) -> None:
    field = np.random.default_rng(0).normal(size=(5, 6, 7, 3))
    np.testing.assert_allclose(displacement_field(sampled(field, grid), grid), field, atol=1e-9)


def test_voxel_centres_and_inside_fraction(grid: sitk.Image) -> None:
    index = np.array([[0, 0, 0], [4, 5, 6], [1, 2, 3]])
    points = voxel_centres(index, grid)
    np.testing.assert_allclose(points[1], grid.TransformIndexToPhysicalPoint((6, 5, 4)))
    edge = np.array(grid.TransformContinuousIndexToPhysicalPoint((-0.4, 5.4, 0.0)))
    beyond = np.array(grid.TransformContinuousIndexToPhysicalPoint((-0.6, 5.4, 0.0)))
    assert inside_fraction(points, grid) == 1.0
    assert inside_fraction(np.vstack([points, edge, beyond]), grid) == pytest.approx(4 / 5)


def test_images_are_interpolated_and_labels_are_not() -> None:
    array = np.array([[0, 10, 20, 30]], dtype=np.uint8)
    image = sitk.GetImageFromArray(array)
    shift = sitk.TranslationTransform(2, (0.75, 0.0))
    warped = warp_image(image, shift, image, outside=-1.0)
    np.testing.assert_allclose(sitk.GetArrayFromImage(warped), [[7.5, 17.5, 27.5, -1.0]])
    labels = warp_labels(image, shift, image)
    assert labels.GetPixelID() == sitk.sitkUInt8
    np.testing.assert_array_equal(sitk.GetArrayFromImage(labels), [[10, 20, 30, 0]])


def test_invalid_transforms_are_refused_with_a_reason(grid: sitk.Image) -> None:
    with pytest.raises(InvalidResult, match="the transform is 2D, the fixed image 3D"):
        displacement_field(sitk.Transform(2, sitk.sitkIdentity), grid)
    with pytest.raises(InvalidResult, match="not a SimpleITK transform: ndarray"):
        displacement_field(np.eye(4), grid)  # type: ignore[arg-type]
    field = np.zeros((5, 6, 7, 3))
    field[0, 0, 0, 0] = np.nan
    with pytest.raises(InvalidResult, match=r"not finite at 0\.\d+% of"):
        displacement_field(sampled(field, grid), grid)
    affine = sitk.AffineTransform(3)
    affine.SetTranslation((np.inf, 0.0, 0.0))
    with pytest.raises(InvalidResult, match=r"not finite at 100\.00% of"):
        displacement_field(affine, grid)


def test_a_field_covers_what_lies_in_its_grid(grid: sitk.Image) -> None:
    index = np.argwhere(np.ones(grid.GetSize()[::-1]))
    centres = voxel_centres(index, grid)
    half = sitk.Image([7, 6, 2], sitk.sitkVectorFloat64)
    half.SetSpacing(grid.GetSpacing())
    half.SetOrigin(grid.GetOrigin())
    half.SetDirection(grid.GetDirection())
    field = sitk.DisplacementFieldTransform(half)
    assert covered_fraction(field, centres) == pytest.approx(2 / 5)
    affine = sitk.AffineTransform(3)
    assert covered_fraction(affine, centres) == 1.0
    # The one that was added last is applied first, and only that one sees the fixed points.
    assert covered_fraction(sitk.CompositeTransform([affine, field]), centres) == pytest.approx(2 / 5)
    assert covered_fraction(sitk.CompositeTransform([field, affine]), centres) == 1.0
