from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from adapters.coordinates import (
    axes_to_lps,
    centre_point,
    grid_array,
    grid_field_transform,
    index_to_lps,
    lps_field_transform,
    lps_ras_flip,
    ras_matrix_transform,
)


def oblique_image(dimension: int) -> sitk.Image:
    """Unlike sizes and spacings; direction rotated by 30 degrees about the last axis, first axis mirrored."""
    size, spacing = (5, 7, 4)[:dimension], (1.5, 0.8, 2.5)[:dimension]
    image = sitk.Image(list(size), sitk.sitkFloat32)
    image.SetSpacing(spacing)
    image.SetOrigin((10.0, -20.0, 30.0)[:dimension])
    direction = np.eye(dimension)
    direction[:2, :2] = [[-np.cos(np.pi / 6), -0.5], [-0.5, np.cos(np.pi / 6)]]
    image.SetDirection(direction.ravel().tolist())
    return image


both_dimensions = pytest.mark.parametrize("dimension", [2, 3])


@both_dimensions
def test_index_to_lps_agrees_with_itk(dimension: int) -> None:
    image = oblique_image(dimension)
    index = [3, 5, 2][:dimension]
    point = index_to_lps(image) @ [*index, 1.0]
    assert point[:dimension] == pytest.approx(image.TransformIndexToPhysicalPoint(index))


def test_lps_to_ras_mirrors_the_first_two_axes() -> None:
    assert lps_ras_flip(3) @ [1.0, 2.0, 3.0, 1.0] == pytest.approx([-1.0, -2.0, 3.0, 1.0])
    assert lps_ras_flip(2) @ [1.0, 2.0, 1.0] == pytest.approx([-1.0, -2.0, 1.0])


@both_dimensions
def test_axes_to_lps_turns_the_first_axis(dimension: int) -> None:
    image = oblique_image(dimension)
    first = np.eye(dimension + 1)[0]
    expected = np.subtract(
        image.TransformIndexToPhysicalPoint([1] + [0] * (dimension - 1)), image.GetOrigin()
    )
    assert (axes_to_lps(image) @ first)[:dimension] * 1.5 == pytest.approx(expected)


@both_dimensions
def test_grid_array_is_indexed_like_itk(dimension: int) -> None:
    image = oblique_image(dimension)
    index = [3, 5, 2][:dimension]
    image[index] = 7.0
    array = grid_array(image)
    assert array.shape == image.GetSize()
    assert array.flags["C_CONTIGUOUS"]
    assert array[tuple(index)] == 7.0
    array[tuple(index)] = 0.0
    assert image[index] == 7.0, "the array must be a copy"


@both_dimensions
def test_field_along_the_first_axis_moves_points_along_it(dimension: int) -> None:
    image = oblique_image(dimension)
    field = np.zeros((*image.GetSize(), dimension))
    field[..., 0] = 1.5
    transform = grid_field_transform(field, image)
    start, neighbour = [1] * dimension, [2] + [1] * (dimension - 1)
    moved = transform.TransformPoint(image.TransformIndexToPhysicalPoint(start))
    assert moved == pytest.approx(image.TransformIndexToPhysicalPoint(neighbour))


@both_dimensions
def test_field_vectors_stay_with_their_voxels(dimension: int) -> None:
    image = oblique_image(dimension)
    index = (3, 5, 2)[:dimension]
    field = np.zeros((*image.GetSize(), dimension))
    field[index] = np.arange(1, dimension + 1)
    transform = grid_field_transform(field, image)
    here = image.TransformIndexToPhysicalPoint(list(index))
    turned = axes_to_lps(image)[:dimension, :dimension] @ np.arange(1, dimension + 1)
    assert np.subtract(transform.TransformPoint(here), here) == pytest.approx(turned)
    elsewhere = image.TransformIndexToPhysicalPoint([0] * dimension)
    assert transform.TransformPoint(elsewhere) == pytest.approx(elsewhere)


def test_field_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(7, 5, 2\) does not fit a grid of size \(5, 7\)"):
        grid_field_transform(np.zeros((7, 5, 2)), oblique_image(2))


def test_field_transform_takes_geometry_from_the_grid_and_leaves_its_input_alone() -> None:
    image = oblique_image(3)
    field = sitk.Image(list(image.GetSize()), sitk.sitkVectorFloat32, 3)
    transform = lps_field_transform(field, image)
    assert transform.GetDisplacementField().GetDirection() == image.GetDirection()
    assert field.GetDirection() == (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@both_dimensions
@given(data=st.data())
def test_ras_matrix_commutes_with_the_flip(dimension: int, data: Any) -> None:
    entry = st.floats(-3, 3)
    matrix = np.eye(dimension + 1)
    for row in range(dimension):
        for column in range(dimension + 1):
            matrix[row, column] += data.draw(entry)
    point = np.array([data.draw(st.floats(-50, 50)) for _ in range(dimension)])
    flip = lps_ras_flip(dimension)
    in_ras = matrix @ flip @ [*point, 1.0]
    expected = (flip @ in_ras)[:dimension]
    transform = ras_matrix_transform(matrix)
    assert np.allclose(transform.TransformPoint(point.tolist()), expected, atol=1e-9)


@both_dimensions
def test_centre_is_half_way_between_opposite_corners(dimension: int) -> None:
    image = oblique_image(dimension)
    last = [size - 1 for size in image.GetSize()]
    corners = [image.TransformIndexToPhysicalPoint(index) for index in ([0] * dimension, last)]
    assert centre_point(image) == pytest.approx(np.mean(corners, axis=0))
