from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from pydantic import ValidationError

from datasets.base import FetchError
from datasets.fetching import FetchRequest
from datasets.outlines import Outline
from datasets.pair import Pair
from datasets.shapes import Shapes2D, Shapes2DParams

KINDS = ("circle", "triangle", "hollow-circle", "hollow-triangle")


def shapes(**params: int) -> Shapes2D:
    return Shapes2D(Shapes2DParams(**params), Path("nowhere"))


def array(image: sitk.Image | None) -> np.ndarray:
    assert image is not None
    return sitk.GetArrayFromImage(image)


def both(pair: Pair) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(array(pair.fixed), array(pair.fixed_labels)), (array(pair.moving), array(pair.moving_labels))]


def test_kinds_come_in_turn_and_a_larger_number_adds_to_a_smaller() -> None:
    few, many = shapes(count=4), shapes(count=9)
    assert tuple(info.kind for info in few.pairs()) == KINDS
    assert many.pairs()[:4] == few.pairs()
    assert few.versions().items() <= many.versions().items()
    assert few.choosing == ("count",)
    assert len({info.pair_id for info in many.pairs()}) == 9
    assert len({subject for info in many.pairs() for subject in info.subjects}) == 18
    for info in few.pairs():
        for ours, theirs in zip(both(few.load(info.pair_id)), both(many.load(info.pair_id)), strict=True):
            assert np.array_equal(ours[0], theirs[0])
            assert np.array_equal(ours[1], theirs[1])


def test_another_seed_draws_other_shapes() -> None:
    first, other = (array(shapes(seed=seed).load("circle-0000").fixed) for seed in (0, 1))
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("seed", range(5))
def test_images_and_labels_agree(seed: int) -> None:
    dataset = shapes(count=8, seed=seed)
    for info in dataset.pairs():
        pair = dataset.load(info.pair_id)
        hollow = info.kind.startswith("hollow")
        assert list(pair.label_names.values()) == (["shape", "hole"] if hollow else ["shape"])
        assert pair.true_transform is None
        assert pair.fixed.GetSize() == pair.moving.GetSize() == (128, 128)
        for image, labels in both(pair):
            assert image.dtype == np.float32
            assert image.min() == 0
            assert image.max() == 1
            assert np.array_equal(labels == 1, image > 0.5)
            assert set(np.unique(labels)) == ({0, 1, 2} if hollow else {0, 1})
            assert not np.concatenate([image[[0, -1]].ravel(), image[:, [0, -1]].ravel()]).any()
            if hollow:
                assert image[labels == 2].max() <= 0.5
        fixed, moving = (labels > 0 for _, labels in both(pair))
        assert (fixed & moving).sum() > 0.1 * min(fixed.sum(), moving.sum())
        assert not np.array_equal(fixed, moving)


def test_areas_and_distances_are_those_of_circles_and_triangles() -> None:
    side = np.arange(-40, 40) + 0.5
    points = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    circle = Outline("circle", (3.0, -2.0), 20.0, 0.0, 0.0)
    triangle = Outline("triangle", (3.0, -2.0), 20.0, 0.7, 0.0)
    assert (circle.distance_mm(points) < 0).sum() == pytest.approx(np.pi * 400, rel=0.01)
    assert (triangle.distance_mm(points) < 0).sum() == pytest.approx(3 * np.sqrt(3) / 4 * 400, rel=0.01)
    centre = np.array([[3.0, -2.0]])
    assert circle.distance_mm(centre) == pytest.approx(-20)
    assert triangle.distance_mm(centre, share=0.5) == pytest.approx(-5)


def test_what_is_wrong_is_named() -> None:
    with pytest.raises(KeyError, match="no pair 'square-0000', only circle-0000"):
        shapes().load("square-0000")
    with pytest.raises(FetchError, match="shapes2d: is not fetched from anywhere"):
        shapes().fetch(FetchRequest(source=Path("shapes.zip")))
    with pytest.raises(ValidationError, match="size"):
        shapes(size=8)


def test_description_and_version_tell_what_it_is() -> None:
    assert "64×64 pixels" in shapes(size=64).description
    assert "no evidence about anatomy" in shapes().description
    assert shapes(seed=1).version == shapes(seed=2).version
