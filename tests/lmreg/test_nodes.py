import pytest
import torch

from lmreg.nodes import NodeGrid, bump_matrix, cardinal_matrix

LIKE = torch.zeros((), dtype=torch.float64)


@pytest.mark.parametrize(
    ("samples", "spacing"), [((9,), (2.0,)), ((10, 1), (2.0, 2.0)), ((12, 7, 5), (3.0, 1.0, 2.0))]
)
def test_nodes_span_the_grid_at_most_the_wanted_spacing_apart(
    samples: tuple[int, ...], spacing: tuple[float, ...]
) -> None:
    nodes = NodeGrid.spread(samples, spacing, LIKE)
    for n, wanted, h, count in zip(samples, spacing, nodes.spacing, nodes.shape, strict=True):
        assert h <= wanted
        assert n == 1 or h * (count - 1) == pytest.approx(n - 1)


def test_interpolation_passes_through_the_nodes() -> None:
    nodes = NodeGrid.spread((13, 9), (2.0, 4.0), LIKE)
    values = torch.randn(2, *nodes.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    fields = nodes.interpolating.evaluate(values)
    torch.testing.assert_close(fields[:, ::2, ::4], values, atol=1e-6, rtol=0)


@pytest.mark.parametrize("matrix", [bump_matrix, cardinal_matrix])
@pytest.mark.parametrize(("samples", "elements"), [(1, 1), (9, 4), (9, 8), (20, 7)])
def test_a_translation_is_kept(matrix: object, samples: int, elements: int) -> None:
    rows = matrix(samples, elements).sum(1)  # type: ignore[operator]
    torch.testing.assert_close(rows, torch.ones(samples, dtype=torch.float64), atol=1e-6, rtol=0)


def test_carried_to_finer_nodes_the_field_stays_the_same_in_space() -> None:
    coarse = NodeGrid.spread((17, 17), (2.0, 2.0), LIKE)
    fine = NodeGrid.spread((33, 33), (2.0, 2.0), LIKE)
    values = torch.randn(2, *coarse.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    carried = fine.carried_from(coarse, values)
    torch.testing.assert_close(carried[:, ::2, ::2], 2 * values, atol=1e-6, rtol=0)
    field = fine.interpolating.evaluate(carried)[:, ::2, ::2]
    torch.testing.assert_close(field, 2 * coarse.interpolating.evaluate(values), atol=0.2, rtol=0)
