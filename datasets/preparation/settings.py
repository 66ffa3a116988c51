"""What a config may ask of the images of a dataset before any backend sees them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from datasets.preparation.prealignment import LinearModel, Metric

_STEPS_OF_PAIRS = frozenset({"prealignment", "prealignment_metric", "axial_slices", "slice_size"})
_AXES = re.compile(r"(?=.*[RL])(?=.*[AP])(?=.*[IS])[RLAPIS]{3}")


def _orientation_code(code: str) -> str:
    if not _AXES.fullmatch(code):
        raise ValueError("must name a direction of each axis, as LPS or RAS do")
    return code


def _distinct_heights(heights: tuple[float, ...]) -> tuple[float, ...]:
    if len({round(100 * height) for height in heights}) < len(heights):
        raise ValueError("heights must differ by a hundredth at least, which is what pair ids tell apart")
    return heights


def _rising(percentiles: tuple[float, float]) -> tuple[float, float]:
    if percentiles[0] >= percentiles[1]:
        raise ValueError("the first percentile must be below the second")
    return percentiles


Share = Annotated[float, Field(gt=0, lt=1)]
Percentile = Annotated[float, Field(ge=0, le=100)]
LengthMm = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Preparation:
    """What is done to the images of a pair before any backend sees them, in the order of the attributes.

    By default nothing. What is prepared counts as the original from there on: scores are taken on the prepared
    grid, and the harness resamples the prepared moving image once.

    Attributes
    ----------
    orientation : str or None
        Reorder and flip the axes of volumes so that they point as the three letters say (``LPS``: to the
        left, to the back, up); physical positions stay. None leaves them.
    mask : {"given", "foreground", "otsu"}
        Where the dataset gives no mask: none at all; the voxels that are not zero, for images without a skull;
        or the largest part above Otsu's threshold (Otsu 1979) with its holes filled.
    crop : {"none", "foreground"}
        ``foreground`` cuts each image to the box around its mask, or its voxels that are not zero where it has
        none.
    crop_margin_mm : float
        What is left around that box.
    bias_correction : {"none", "n4"}
        Divide by the smooth field that N4 (Tustison et al. 2010) finds inside the mask, or in the voxels above
        zero where there is none.
    spacing_mm : float or None
        Resample images linearly, masks and labels by nearest neighbour, to cubic voxels of this size; None
        leaves the grids.
    intensity : {"as_given", "unit"}
        ``unit`` scales intensities linearly so that the two percentiles of the whole image become 0 and 1, and
        clips what is beyond.
    intensity_percentiles : tuple of two floats
        0 and 100 are the extremes.
    prealignment : {"none", "rigid", "affine"}
        Common start of all backends, found with SimpleITK. It is kept beside the images and composed with what a
        backend finds, never applied to them.
    prealignment_metric : {"correlation", "mattes"}
        Correlation for images of one modality, Mattes' mutual information for two.
    axial_slices : tuple of float
        Cut 2D pairs out of the prealigned volumes, at these shares of the height of the fixed image's
        foreground. The moving image is resampled in that plane, through the prealignment. Empty keeps volumes.
    slice_size : int
        Pixels along both axes of a slice; their size is ``spacing_mm``, or 1 mm.
    """

    orientation: Annotated[str, AfterValidator(_orientation_code)] | None = None
    mask: Literal["given", "foreground", "otsu"] = "given"
    crop: Literal["none", "foreground"] = "none"
    crop_margin_mm: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 0.0
    bias_correction: Literal["none", "n4"] = "none"
    spacing_mm: LengthMm | None = None
    intensity: Literal["as_given", "unit"] = "as_given"
    intensity_percentiles: Annotated[tuple[Percentile, Percentile], AfterValidator(_rising)] = (0.5, 99.5)
    prealignment: Literal["none"] | LinearModel = "none"
    prealignment_metric: Metric = "correlation"
    axial_slices: Annotated[tuple[Share, ...], AfterValidator(_distinct_heights)] = ()
    slice_size: Annotated[int, Field(ge=16, le=4096)] = 256

    @property
    def description(self) -> str:
        """The steps asked for, in their order, as a clause for a report."""
        return ", ".join(self._steps()) or "as they are"

    @property
    def image_steps(self) -> dict[str, str]:
        """What is asked of the steps that each image goes through by itself; empty where that is nothing."""
        values = {one.name: (getattr(self, one.name), one.default) for one in fields(self)}
        return {
            name: repr(value)
            for name, (value, default) in values.items()
            if name not in _STEPS_OF_PAIRS and value != default
        }

    def _steps(self) -> Iterator[str]:
        if self.orientation is not None:
            yield f"reoriented to {self.orientation}"
        if self.mask == "foreground":
            yield "masked to what is not zero"
        if self.mask == "otsu":
            yield "masked by Otsu's threshold"
        if self.crop == "foreground":
            yield f"cropped to the foreground and {self.crop_margin_mm:g} mm around it"
        if self.bias_correction == "n4":
            yield "bias field removed by N4"
        if self.spacing_mm is not None:
            yield f"resampled to {self.spacing_mm:g} mm"
        if self.intensity == "unit":
            low, high = self.intensity_percentiles
            yield f"intensities scaled to [0, 1] between the percentiles {low:g} and {high:g}"
        if self.prealignment != "none":
            yield f"{self.prealignment} prealignment with SimpleITK"
        if self.axial_slices:
            yield "cut into axial slices"
