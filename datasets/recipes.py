"""Which pairs are made from the template: deformations and scanners, by kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Scanner:
    """How an image of the template is taken.

    Attributes
    ----------
    contrast : {"t1", "inverted"}
        The template's own contrast, or one in which dark tissue is bright and bright tissue dark.
    gamma : float
        Exponent applied to the intensities, which are in [0, 1].
    bias : float
        Largest relative deviation of a smooth multiplicative field from 1.
    noise : float
        Standard deviation of the noise in both channels of the complex signal, relative to full scale.
    """

    contrast: Literal["t1", "inverted"] = "t1"
    gamma: float = 1.0
    bias: float = 0.0
    noise: float = 0.0


_PLAIN = Scanner()


@dataclass(frozen=True)
class Motion:
    """An affine motion about the centre of the brain whose numbers are drawn at random.

    Every attribute is the largest magnitude; numbers are drawn from its upper half, with a random sign, so
    that a motion is never trivially small.

    Attributes
    ----------
    translation_mm : float
        Per axis; the fraction of a millimetre is drawn anew, between a quarter and three quarters.
    rotation_deg : float
        Per axis.
    scaling : float
        Relative change of length per axis.
    shear : float
        Per pair of axes.
    """

    translation_mm: float = 0.0
    rotation_deg: float = 0.0
    scaling: float = 0.0
    shear: float = 0.0


@dataclass(frozen=True)
class Spline:
    """A free-form deformation by few control points over the whole image.

    Attributes
    ----------
    control_points : int
        Per axis.
    amplitude_mm : float
        Largest displacement.
    """

    control_points: int
    amplitude_mm: float


@dataclass(frozen=True)
class Flow:
    """A diffeomorphism that is the flow of a random stationary velocity field.

    Attributes
    ----------
    control_spacing_mm : float
        Scale of the field: distance between its control points.
    amplitude_mm : float
        Speed of the fastest point per unit time, so that no point moves further.
    """

    control_spacing_mm: float
    amplitude_mm: float


@dataclass(frozen=True)
class Recipe:
    """How one pair is made. The true transform applies ``deformation`` first, then ``motion``.

    Attributes
    ----------
    kind : str
        Names the pair; random numbers depend on it and on the seed, not on the other recipes.
    slice_z_mm : int
        Height of the axial slice in the template, for 2D.
    motion : Motion or None
        Linear part.
    deformation : Spline, Flow or None
        Nonlinear part.
    fixed, moving : Scanner
        How the two images are taken.
    """

    kind: str
    slice_z_mm: int = 0
    motion: Motion | None = None
    deformation: Spline | Flow | None = None
    fixed: Scanner = _PLAIN
    moving: Scanner = _PLAIN


RECIPES_2D = (
    Recipe("translation", 18, motion=Motion(translation_mm=5.0)),
    Recipe("rotation", 10, motion=Motion(rotation_deg=10.0)),
    Recipe("affine", 24, motion=Motion(translation_mm=3.0, rotation_deg=5.0, scaling=0.06, shear=0.05)),
    Recipe("bspline", 6, deformation=Spline(control_points=4, amplitude_mm=8.0)),
    Recipe("diffeomorphic", 14, deformation=Flow(control_spacing_mm=32.0, amplitude_mm=8.0)),
    Recipe(
        "diffeomorphic-bias-noise",
        20,
        deformation=Flow(control_spacing_mm=32.0, amplitude_mm=8.0),
        fixed=Scanner(noise=0.02),
        moving=Scanner(gamma=1.15, bias=0.2, noise=0.02),
    ),
    Recipe(
        "cross-modal",
        8,
        motion=Motion(translation_mm=2.0, rotation_deg=3.0),
        deformation=Flow(control_spacing_mm=32.0, amplitude_mm=6.0),
        fixed=Scanner(noise=0.01),
        moving=Scanner(contrast="inverted", gamma=0.8, bias=0.2, noise=0.02),
    ),
)

RECIPES_3D = (
    Recipe(
        "diffeomorphic",
        motion=Motion(translation_mm=2.0, rotation_deg=2.0),
        deformation=Flow(control_spacing_mm=36.0, amplitude_mm=8.0),
    ),
    Recipe(
        "diffeomorphic-bias-noise",
        motion=Motion(translation_mm=2.0, rotation_deg=2.0),
        deformation=Flow(control_spacing_mm=36.0, amplitude_mm=8.0),
        fixed=Scanner(noise=0.02),
        moving=Scanner(gamma=1.15, bias=0.2, noise=0.02),
    ),
    Recipe(
        "cross-modal",
        motion=Motion(translation_mm=2.0, rotation_deg=2.0),
        deformation=Flow(control_spacing_mm=36.0, amplitude_mm=6.0),
        fixed=Scanner(noise=0.01),
        moving=Scanner(contrast="inverted", gamma=0.8, bias=0.2, noise=0.02),
    ),
)
