import itertools

import numpy as np
import pytest

from benchmarks.rectangles import Rectangle, largest_rectangle


def plane(*rows):
    return np.array([[letter == "#" for letter in row] for row in rows])


def test_a_hand_made_plane():
    covered = plane(
        "..#...",
        ".####.",
        ".#####",
        "..####",
        "......",
    )
    assert largest_rectangle(covered) == Rectangle(row=1, column=2, rows=3, columns=3)


def test_whole_and_empty_planes():
    assert largest_rectangle(np.ones((3, 5), dtype=bool)) == Rectangle(0, 0, 3, 5)
    assert largest_rectangle(np.zeros((3, 5), dtype=bool)) is None


def test_of_equals_the_first_from_the_top():
    assert largest_rectangle(plane("##..", "....", "..##")) == Rectangle(0, 0, 1, 2)


@pytest.mark.parametrize("seed", range(5))
def test_no_rectangle_is_larger_than_the_one_found(seed):
    covered = np.random.default_rng(seed).random((7, 9)) < 0.8
    areas = [
        rows * columns
        for row, column in itertools.product(range(7), range(9))
        for rows, columns in itertools.product(range(1, 8 - row), range(1, 10 - column))
        if covered[row : row + rows, column : column + columns].all()
    ]
    found = largest_rectangle(covered)
    assert found.area == max(areas)
    assert covered[found.row : found.row + found.rows, found.column : found.column + found.columns].all()
