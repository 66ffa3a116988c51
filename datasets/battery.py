"""The stress battery: fifty pairs, each a fixture of ``fixtures2d`` under one stressor.

=============== ================================== =========================================== =====
stressor (kind) levels                             fixtures                                    pairs
=============== ================================== =========================================== =====
shift           0.3, 0.7 and 1.4 px                translation, photograph, brains                 9
rotation        2° and 15°                         all five                                       10
large-rotation  45° and 75°                        all five                                       10
noise           σ = 0, 0.02 and 0.1                rotation, photograph, bspline                   9
low-overlap     40 % of the field of view          translation, rotation, photograph, brains       4
occlusion       a patch of 25 %                    translation, rotation, photograph, bspline      4
bias            a field of 1 ± 0.4                 translation, rotation, photograph, bspline      4
                                                                                            total 50
=============== ================================== =========================================== =====

All five fixtures under all thirteen levels would be 65. A shift or a rotation takes the place of the fixture's own
movement, so that slices of the template differ little under it: shifts are applied to one clean slice, to the
photograph and to the pair with drifted intensities, while the rotations, which tell most, are applied to all. Noise
and bias leave out ``brains``, which has both already, and low overlap leaves out ``bspline``, whose transform nothing
determines where nothing is seen. Noise takes one fixture of each remaining model, rigid, affine and B-spline; σ = 0
is that fixture itself, which the noisy ones are to be compared with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from datasets import icbm152, photograph
from datasets.derived import DerivedDataset, code_hashes
from datasets.fixtures import (
    BRAINS,
    FIXTURES,
    Fixture,
    Shift,
    Turn,
    fixture_origins,
    info_of,
    make_fixtures,
)
from datasets.pair import Pair, PairInfo

SHIFTS_PX = (0.3, 0.7, 1.4)
ROTATIONS_DEG = (2, 15)
LARGE_ROTATIONS_DEG = (45, 75)
NOISE = (0, 0.02, 0.1)
BIAS = 0.4

_BY_NAME = {fixture.pair_id: fixture for fixture in FIXTURES}


def _cases() -> Iterator[Fixture]:
    for name in ("translation", "photograph", BRAINS):
        for distance_px in SHIFTS_PX:
            yield replace(_under(f"shift-{distance_px}", "shift", name), movement=Shift(distance_px))
    for kind, angles_deg in (("rotation", ROTATIONS_DEG), ("large-rotation", LARGE_ROTATIONS_DEG)):
        for name in _BY_NAME:
            for angle_deg in angles_deg:
                yield replace(_under(f"rotation-{angle_deg}", kind, name), movement=Turn(angle_deg))
    for name in ("rotation", "photograph", "bspline"):
        for sigma in NOISE:
            case = _under(f"noise-{sigma}", "noise", name)
            yield replace(case, moving=replace(case.moving, noise=sigma))
    for name in ("translation", "rotation", "photograph", BRAINS):
        yield replace(_under("low-overlap", "low-overlap", name), spoiled="low-overlap")
    for name in ("translation", "rotation", "photograph", "bspline"):
        yield replace(_under("occlusion", "occlusion", name), spoiled="occlusion")
        case = _under("bias", "bias", name)
        yield replace(case, moving=replace(case.moving, bias=BIAS))


def _under(stress: str, kind: str, name: str) -> Fixture:
    return replace(_BY_NAME[name], pair_id=f"{stress}-{name}", kind=kind)


CASES = tuple(_cases())


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Battery2DParams:
    """Parameters of ``battery2d``.

    Attributes
    ----------
    seed : int
        From which every drawn transform, place, bias field and noise derives.
    """

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0


class Battery2D(DerivedDataset[Battery2DParams]):
    """Fifty pairs of the fixtures under seven stressors."""

    name = "battery2d"
    Params = Battery2DParams
    label_names = icbm152.LABEL_NAMES

    @property
    def description(self) -> str:
        """What the pairs are and what they are no evidence of."""
        return (
            f"{len(CASES)} pairs of 256×256 pixels of 1 mm: slices of the ICBM 152 2009a T1 template and a photograph "
            f"({photograph.CREDIT}) under known transforms, each under one stressor: sub-pixel shifts, small and large "
            "rotations, noise, low overlap, occlusion or a bias field. Scores tell what a method withstands, one "
            "stressor at a time; they are no evidence about accuracy between different subjects."
        )

    def pairs(self) -> tuple[PairInfo, ...]:
        """List the pairs without reading an image."""
        return tuple(map(info_of, CASES))

    def _origins(self) -> Mapping[str, str]:
        return {**fixture_origins(), **code_hashes(("battery.py",))}

    def _make_pairs(self) -> Iterator[Pair]:
        return make_fixtures(CASES, self.params.seed)
