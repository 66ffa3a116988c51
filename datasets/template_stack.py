"""A stack of sections of the ICBM 152 template, each moved by a jitter of its own that is known."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Annotated

import numpy as np
import SimpleITK as sitk
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from datasets import icbm152, synthesis
from datasets.appearance import scan
from datasets.draws import random_motion
from datasets.pair import Pair, PairInfo
from datasets.recipes import Motion, Scanner
from datasets.template import RECIPE_CODE, SUBJECT, Seed, TemplateDataset
from datasets.warps import LinearWarp, product

# Height of the middle section.
MIDDLE_Z_MM = 18
_NOISE = 0.01


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class TemplateStackParams:
    """Parameters of ``template_stack``.

    Attributes
    ----------
    seed : int
        From which the jitter and the noise derive.
    sections : int
        How many; the middle one lies 18 mm above the template's origin.
    section_mm : int
        From one section to the next.
    translation_mm : float
        Largest jitter along each axis.
    rotation_deg : float
        Largest jitter about the centre.
    """

    seed: Seed = 0
    sections: Annotated[int, Field(ge=2, le=41)] = 15
    section_mm: Annotated[int, Field(ge=1, le=2)] = 2
    translation_mm: Annotated[float, Field(ge=0, le=20)] = 4.0
    rotation_deg: Annotated[float, Field(ge=0, le=20)] = 3.0


class TemplateStack(TemplateDataset[TemplateStackParams]):
    """Axial sections, 256×256 at 1 mm, each paired with the next, as if cut apart and laid down by hand."""

    name = "template_stack"
    Params = TemplateStackParams
    code = (*RECIPE_CODE, "template_stack.py")

    @property
    def description(self) -> str:
        """What the pairs are and what they are no evidence of."""
        params = self.params
        return (
            f"{params.sections} consecutive axial sections of the ICBM 152 2009a T1 template, {params.section_mm} mm "
            f"apart, 256×256 at 1 mm, each moved by its own known translation (up to {params.translation_mm:g} mm per "
            f"axis) and rotation (up to {params.rotation_deg:g}°) and with noise of its own. The true transform of a "
            "pair undoes their relative jitter; what else differs between neighbours is anatomy, which a registration "
            "should leave alone."
        )

    def pairs(self) -> tuple[PairInfo, ...]:
        """List the pairs without reading an image."""
        digits = len(str(self.params.sections - 1))
        return tuple(
            PairInfo(
                f"{fixed:0{digits}d}-{fixed + 1:0{digits}d}",
                2,
                (SUBJECT,),
                "consecutive",
                sections=(fixed, fixed + 1),
            )
            for fixed in range(self.params.sections - 1)
        )

    def _make_pairs(self) -> Iterator[Pair]:
        cutter = _Cutter(self.params)
        fixed = cutter.section(0)
        for info in self.pairs():
            assert info.sections is not None
            moving = cutter.section(info.sections[1])
            yield Pair(
                info=info,
                fixed=fixed.image,
                moving=moving.image,
                fixed_mask=fixed.mask,
                moving_mask=moving.mask,
                fixed_labels=fixed.labels,
                moving_labels=moving.labels,
                label_names=icbm152.LABEL_NAMES,
                true_transform=relative(fixed.jitter, moving.jitter).transform(cutter.stage.grid, 1),
            )
            fixed = moving


@dataclasses.dataclass(frozen=True)
class _Section:
    """A section as it lies on its slide; ``jitter`` maps where a point was in the stack to where it is now."""

    image: sitk.Image
    mask: sitk.Image
    labels: sitk.Image
    jitter: LinearWarp


class _Cutter:
    """Cuts sections out of the template, of the same subject as the other template datasets have."""

    def __init__(self, params: TemplateStackParams) -> None:
        self._params = params
        self.stage = synthesis.Stage(
            icbm152.load_template(), synthesis.slice_grid(), supersampling=1, seed=params.seed
        )
        self._subject = synthesis.subject_warp(self.stage)

    def section(self, place: int) -> _Section:
        params, grid = self._params, self.stage.grid
        rng = self.stage.rng(f"section {place}")
        motion = Motion(translation_mm=params.translation_mm, rotation_deg=params.rotation_deg)
        jitter = random_motion(rng, motion, np.asarray(icbm152.CENTRE_MM[:2]))
        template = self.stage.template.axial_slice(
            MIDDLE_Z_MM + params.section_mm * (place - params.sections // 2)
        )
        points = self._subject.forward(jitter.inverse(grid.points()))
        anatomy = template.at(points).block_means(grid, 1)
        image = scan(anatomy, grid, Scanner(noise=_NOISE), rng)
        return _Section(
            image=grid.image(image.astype(np.float32)),
            mask=grid.image((anatomy.brain >= 0.5).astype(np.uint8)),
            labels=grid.image(anatomy.labels()),
            jitter=jitter,
        )


def relative(fixed: LinearWarp, moving: LinearWarp) -> LinearWarp:
    """Return the map from points of one section to those of another, given how each was moved."""
    matrix = moving.matrix @ np.linalg.inv(fixed.matrix)
    return LinearWarp(matrix, moving.offset_mm - product(matrix, fixed.offset_mm))
