import torch

from lmreg.grid import Grid
from lmreg.pyramid import downsample, level_grid, level_spacing_mm, smoothing_matrix


def test_rows_sum_to_one_and_keep_symmetry():
    matrix = smoothing_matrix(33, 9)
    torch.testing.assert_close(matrix.sum(1), torch.ones(9, dtype=torch.float64))
    torch.testing.assert_close(matrix.flip(0, 1), matrix)


def test_the_same_size_is_the_image_itself():
    image = torch.rand(1, 7, 6)
    assert downsample(image, (7, 6)) is image


def test_a_straight_line_stays_one_inside():
    line = torch.arange(65, dtype=torch.float64)[None]
    coarse = downsample(line, (17,))
    torch.testing.assert_close(
        coarse[0, 3:-3], torch.arange(17, dtype=torch.float64)[3:-3] * 4, rtol=0, atol=1e-9
    )


def test_levels_double_the_coarser_of_the_two_spacings():
    fixed = Grid.from_spacing((64, 64, 20), (1.0, 1.0, 3.0))
    moving = Grid.from_spacing((100, 100, 100), (0.5, 0.5, 0.5))
    assert level_spacing_mm(fixed, moving, 2) == 4.0
    assert level_grid(fixed, 4.0, 2).shape == (17, 17, 15)
    assert level_grid(fixed, 1.0, 0) is fixed
