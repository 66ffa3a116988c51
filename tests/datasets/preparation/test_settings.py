"""What a preparation may ask for."""

import pytest
from pydantic import TypeAdapter, ValidationError

from datasets.preparation import Preparation

SETTINGS = TypeAdapter(Preparation)


def test_by_default_nothing_is_done():
    assert Preparation().description == "as they are"


def test_the_description_names_the_steps_in_their_order():
    asked = SETTINGS.validate_python(
        {
            "axial_slices": [0.5],
            "prealignment": "affine",
            "intensity": "unit",
            "spacing_mm": 2,
            "bias_correction": "n4",
            "crop": "foreground",
            "crop_margin_mm": 5,
            "mask": "otsu",
            "orientation": "RAS",
        }
    )
    assert asked.description == (
        "reoriented to RAS, masked by Otsu's threshold, cropped to the foreground and 5 mm around it, bias field "
        "removed by N4, resampled to 2 mm, intensities scaled to [0, 1] between the percentiles 0.5 and 99.5, "
        "affine prealignment with SimpleITK, cut into axial slices"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("orientation", "LPP"),
        ("orientation", "lps"),
        ("orientation", "LPSR"),
        ("orientation", ""),
        ("mask", "brain"),
        ("crop_margin_mm", -1),
        ("bias_correction", "n3"),
        ("spacing_mm", 0),
        ("spacing_mm", float("nan")),
        ("spacing_mm", float("inf")),
        ("intensity_percentiles", [5, 5]),
        ("intensity_percentiles", [0, 101]),
        ("prealignment", "deformable"),
        ("prealignment_metric", "ssd"),
        ("axial_slices", [0]),
        ("axial_slices", [0.501, 0.502]),
        ("slice_size", 8),
        ("spacing", 1),
    ],
)
def test_what_cannot_be_meant_is_refused(name, value):
    with pytest.raises(ValidationError) as caught:
        SETTINGS.validate_python({name: value})
    assert caught.value.errors()[0]["loc"][0] == name


@pytest.mark.parametrize("code", ["LPS", "RAS", "SAR", "IPL"])
def test_orientations_name_a_direction_of_each_axis(code):
    assert SETTINGS.validate_python({"orientation": code}).orientation == code
