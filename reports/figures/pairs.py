"""All pictures of one pair, with what to see in them."""

from __future__ import annotations

from reports.figures.checkerboard import checkerboard_figures
from reports.figures.comparison import comparison_figures
from reports.figures.contours import contour_figures
from reports.figures.deformation import deformation_figures
from reports.figures.drawing import Drawing, Plate
from reports.figures.slices import WITH_SIDES
from reports.kept_slices import KeptSlices

COMPARISON = (
    "A row per {rows}{oracle}: the moving image as prealigned, what the run made of it, {middle}the fixed "
    "image, and the absolute differences from it. All images share one intensity scale, all differences "
    "another; RMSE is that of the whole image inside the mask. Look for edges in the differences: a well "
    "aligned pair leaves only what its appearance differs by.{sides}"
)
CHECKERBOARD = (
    "Fixed and warped image in alternate squares, the fixed one in the upper left corner; before is the prealigned "
    "start. Where a boundary runs on across the edges of the squares the images are aligned, where it steps they are "
    "not.{sides}"
)
CONTOURS = (
    "Outlines of the labels over the fixed image: blue those of the fixed image, orange those of the moving image as "
    "warped, drawn above. Blue that shows beside orange is a boundary missed; where only orange is seen both agree. "
    "Dice is the mean over all labels of the whole image.{sides}"
)
DEFORMATION = (
    "Above, lines of the fixed grid where the transform takes them, over the moving image (in 3D the part of "
    "the motion within the slice). Below, log J on one scale for all runs, inside the mask; cyan marks "
    "folds. Smooth colours that stay near the middle tell a regular map.{sides}"
)
SIDES = " Slices in radiological convention: R and L are the patient's right and left."


def pair_plates(kept: KeptSlices, oracle: str | None) -> list[Plate]:
    """Return the seven panels, checkerboards, outlines and deformation of a pair; the panels are shown unasked."""
    sides = SIDES if WITH_SIDES & set(kept.planes) else ""
    with_oracle = oracle in kept.labels
    comparison = COMPARISON.format(
        rows="run" if len(kept.planes) == 1 else "plane",
        oracle=f" (the oracle is {oracle})" if with_oracle else "",
        middle="what the oracle made of it, " if with_oracle else "",
        sides=sides,
    )
    kinds = (
        ("panels", "warped images and differences", comparison, comparison_figures(kept, oracle), False),
        ("checkerboard", "checkerboards", CHECKERBOARD.format(sides=sides), checkerboard_figures(kept), True),
        ("contours", "outlines of labels", CONTOURS.format(sides=sides), contour_figures(kept), True),
        (
            "deformation",
            "deformation grids and Jacobian",
            DEFORMATION.format(sides=sides),
            deformation_figures(kept),
            True,
        ),
    )
    return [
        _plate(kept, stem, what, caption, drawn, folded=f) for stem, what, caption, drawn, f in kinds if drawn
    ]


def _plate(
    kept: KeptSlices, stem: str, what: str, caption: str, drawn: list[Drawing], *, folded: bool
) -> Plate:
    key = kept.key
    return Plate(
        ("pairs", key.dataset, key.pair_id, stem), f"{key.pair_id}: {what}", caption, tuple(drawn), folded
    )
