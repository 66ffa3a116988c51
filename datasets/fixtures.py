"""The five 2D fixtures: what is shown, how it moves, how the two images of it are taken, and how they are spoiled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from datasets import icbm152, photograph
from datasets.appearance import scan_signal
from datasets.derived import code_hashes
from datasets.draws import random_motion, random_spline, rotation
from datasets.pair import Pair, PairInfo
from datasets.recipes import Motion, Scanner, Spline
from datasets.scenes import PhotographScene, Scene, TemplateSlice
from datasets.spoiling import occlude, show_apart
from datasets.synthesis import Stage, slice_grid, subject_warp
from datasets.warps import LinearWarp, Warp

FIXTURES_CODE = (
    "appearance.py",
    "draws.py",
    "fixtures.py",
    "grid.py",
    "icbm152.py",
    "photograph.py",
    "recipes.py",
    "scenes.py",
    "spoiling.py",
    "synthesis.py",
    "warps.py",
)

PHOTOGRAPH = "photograph"
BRAINS = "brains"
_CENTRE_MM = icbm152.CENTRE_MM[:2]
_PLAIN = Scanner()


@dataclass(frozen=True)
class Shift:
    """A translation along x.

    Attributes
    ----------
    distance_px : float
        Pixels are 1 mm.
    """

    distance_px: float


@dataclass(frozen=True)
class Turn:
    """A rotation about the centre of the brain.

    Attributes
    ----------
    angle_deg : float
        From x towards y.
    """

    angle_deg: float


@dataclass(frozen=True)
class Fixture:
    """How a pair is made.

    Attributes
    ----------
    pair_id, kind : str
        What it is called, and what distinguishes it.
    scene : str
        What is shown: a key of ``SCENES``.
    movement : Shift, Turn, Motion or Spline
        The true transform, fixed points to moving points.
    fixed, moving : Scanner
        How the images are taken.
    spoiled : {"occlusion", "low-overlap"} or None
        What is done to them afterwards.
    """

    pair_id: str
    kind: str
    scene: str
    movement: Shift | Turn | Motion | Spline
    fixed: Scanner = _PLAIN
    moving: Scanner = _PLAIN
    spoiled: Literal["occlusion", "low-overlap"] | None = None


# Heights of the template's slices; None is the photograph.
SCENES: Mapping[str, int | None] = {
    "translation": 18,
    "rotation": 10,
    PHOTOGRAPH: None,
    "bspline": 6,
    BRAINS: 22,
}

FIXTURES = (
    Fixture("translation", "translation", "translation", Shift(3.5)),
    Fixture("rotation", "rotation", "rotation", Turn(15.0)),
    Fixture(
        PHOTOGRAPH,
        "affine",
        PHOTOGRAPH,
        Motion(translation_mm=3.0, rotation_deg=5.0, scaling=0.06, shear=0.05),
    ),
    Fixture("bspline", "bspline", "bspline", Spline(control_points=4, amplitude_mm=8.0)),
    # Two visits to one scanner: the head lies a little differently, coil and gain have drifted.
    Fixture(
        BRAINS,
        BRAINS,
        BRAINS,
        Motion(translation_mm=1.5, rotation_deg=1.5),
        fixed=Scanner(noise=0.015),
        moving=Scanner(gamma=1.1, bias=0.15, noise=0.015),
    ),
)


def fixture_origins() -> dict[str, str]:
    """Return the hashes of the files and of the code that fixtures are made from, by name."""
    return {
        "template": icbm152.fingerprint(),
        "photograph": photograph.fingerprint(),
        **code_hashes(FIXTURES_CODE),
    }


def info_of(fixture: Fixture) -> PairInfo:
    """Return what is known of a fixture before it is made."""
    subject = PHOTOGRAPH if SCENES[fixture.scene] is None else "icbm152"
    return PairInfo(fixture.pair_id, 2, (subject,), fixture.kind)


def make_fixtures(fixtures: Sequence[Fixture], seed: int) -> Iterator[Pair]:
    """Make pairs one by one.

    As in :func:`datasets.synthesis.make_pairs` the moving image is the fixed scene seen through the inverse of the
    true map. A movement that is drawn depends on the scene and the seed alone, so that a fixture moves alike
    whatever spoils it.

    Parameters
    ----------
    fixtures : sequence of Fixture
        What to make.
    seed : int
        Source of all random numbers.
    """
    stage = Stage(icbm152.load_template(), slice_grid(), supersampling=1, seed=seed)
    for fixture in fixtures:
        yield _make(stage, _scene(stage, fixture.scene), fixture)


def _scene(stage: Stage, name: str) -> Scene:
    height = SCENES[name]
    if height is None:
        return PhotographScene(photograph.load_photograph(_CENTRE_MM), stage.grid)
    return TemplateSlice(stage, height, subject_warp(stage))


def _warp(stage: Stage, fixture: Fixture) -> Warp:
    rng = stage.rng(f"fixture {fixture.scene}")
    centre_mm = np.asarray(_CENTRE_MM)
    match fixture.movement:
        case Shift(distance_px):
            offset_mm = np.array([distance_px * stage.grid.spacing_mm, 0.0])
            return LinearWarp(np.eye(2), offset_mm)
        case Turn(angle_deg):
            return LinearWarp.about(centre_mm, rotation([angle_deg]), np.zeros(2))
        case Motion() as motion:
            return random_motion(rng, motion, centre_mm)
        case Spline(control_points, amplitude_mm):
            return random_spline(rng, stage.grid, [control_points] * 2, amplitude_mm)


def _make(stage: Stage, scene: Scene, fixture: Fixture) -> Pair:
    warp, grid = _warp(stage, fixture), stage.grid
    views = (scene.view(lambda points: points), scene.view(warp.inverse))
    fixed, moving = (
        grid.image(
            scan_signal(view.signal, grid, scanner, stage.rng(f"{fixture.pair_id} {name}")).astype(np.float32)
        )
        for view, scanner, name in zip(
            views, (fixture.fixed, fixture.moving), ("fixed", "moving"), strict=True
        )
    )
    masks = [None if view.mask is None else grid.image(view.mask.astype(np.uint8)) for view in views]
    labels = [None if view.labels is None else grid.image(view.labels) for view in views]
    pair = Pair(
        info=info_of(fixture),
        fixed=fixed,
        moving=moving,
        fixed_mask=masks[0],
        moving_mask=masks[1],
        fixed_labels=labels[0],
        moving_labels=labels[1],
        label_names=icbm152.LABEL_NAMES,
        true_transform=warp.transform(grid, step=1),
    )
    match fixture.spoiled:
        case "occlusion":
            return occlude(pair, stage.rng(f"{fixture.pair_id} patch"))
        case "low-overlap":
            return show_apart(pair)
        case None:
            return pair
