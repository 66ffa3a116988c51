from __future__ import annotations

from typing import Any

import SimpleITK as sitk

from adapters.interface import Problem, Resources
from adapters.reference import Identity, NoParams, Truth


def test_identity_leaves_points_where_they_are(synthetic_pair: Any) -> None:
    adapter = Identity(NoParams())
    adapter.prepare(synthetic_pair("rotation", 3).problem, Resources(), 0)
    adapter.register()
    point = (3.0, -4.0, 5.0)
    assert adapter.result().transform.TransformPoint(point) == point


def test_truth_needs_an_answer() -> None:
    image = sitk.Image([8, 8], sitk.sitkFloat32)
    reason = Truth(NoParams()).unsupported(Problem(image, image))
    assert reason is not None
    assert "true transform" in reason


def test_truth_has_an_inverse_where_it_is_a_closed_form() -> None:
    image = sitk.Image([8, 8], sitk.sitkFloat32)
    field = sitk.DisplacementFieldTransform(sitk.Image([8, 8], sitk.sitkVectorFloat64, 2))
    for transform, invertible in ((sitk.TranslationTransform(2, (1.0, 2.0)), True), (field, False)):
        adapter = Truth(NoParams())
        adapter.prepare(Problem(image, image, true_transform=transform), Resources(), 0)
        adapter.register()
        assert (adapter.result().inverse is not None) == invertible
