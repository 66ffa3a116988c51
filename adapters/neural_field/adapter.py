"""Adapter of the registration by coordinate networks."""

from __future__ import annotations

from typing import Annotated, Literal

import SimpleITK as sitk
from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass
from typing_extensions import override

from adapters.coordinates import lps_field_transform
from adapters.interface import Adapter, JsonValue, Problem, Registration, Resources
from adapters.options import Count, NonNegative, Positive
from adapters.tensors import image_tensor, tensor_index_to_lps

WITH_INVERSE = frozenset({"inverse_consistency", "gradient_inverse_consistency"})
DEFAULT_WEIGHTS = {
    "none": 0.0,
    "bending": 1e-3,
    "inverse_consistency": 10.0,
    "gradient_inverse_consistency": 0.3,
}


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class NeuralFieldParams:
    """Parameters of the registration by coordinate networks.

    Attributes
    ----------
    similarity : str
        ``ncc``, ``ssd`` or ``lncc`` (correlation within patches).
    patch_voxels : int or None
        ``lncc``: side of the patches, in voxels of each level; 5 by default.
    regulariser : str
        ``none``, ``bending``, ``inverse_consistency`` or ``gradient_inverse_consistency``. The last two fit two fields
        at once, there and back, and give an inverse.
    weight : float or None
        Of the regulariser; by default 1e-3, 10 and 0.3. Bending and inverse consistency count lengths in units of half
        the fixed image's longest side; gradient inverse consistency has no unit.
    width : int
        Units of each hidden layer.
    layers : int
        Hidden layers.
    frequency : float
        ω₀ of the sines: the larger it is, the finer is what the field can do at once.
    iterations : tuple of int
        Adam's steps at each level, coarse to fine; every level has twice the resolution of the one before it, and the
        last is the images' own.
    learning_rate : float
        Adam's, at the start; it falls as half a cosine to zero.
    points : int
        Random points at which the similarity is taken in each step.
    regulariser_points : int
        Random points at which the regulariser is taken in each step.
    """

    similarity: Literal["ncc", "ssd", "lncc"] = "ncc"
    patch_voxels: Annotated[int, Field(ge=2, le=15)] | None = None
    regulariser: Literal["none", "bending", "inverse_consistency", "gradient_inverse_consistency"] = (
        "gradient_inverse_consistency"
    )
    weight: NonNegative | None = None
    width: Annotated[int, Field(ge=1, le=4096)] = 64
    layers: Annotated[int, Field(ge=1, le=16)] = 3
    frequency: Positive = 15.0
    iterations: Annotated[tuple[Count, ...], Field(min_length=1, max_length=12)] = (100, 100, 150)
    learning_rate: Positive = 1e-3
    points: Annotated[int, Field(ge=2)] = 2048
    regulariser_points: Annotated[int, Field(ge=2)] = 512

    @model_validator(mode="after")
    def _consistent(self) -> NeuralFieldParams:
        if self.patch_voxels is not None and self.similarity != "lncc":
            raise ValueError("patch_voxels goes with similarity 'lncc'")
        if self.weight is not None and self.regulariser == "none":
            raise ValueError("weight has no effect with regulariser 'none'")
        return self

    @property
    def fields(self) -> int:
        """How many fields are fitted."""
        return 2 if self.regulariser in WITH_INVERSE else 1


class NeuralField(Adapter[NeuralFieldParams]):
    """Coordinate network fitted to one pair (Wolterink et al. 2022), no training data, with a choice of regulariser."""

    name = "neural_field"
    requires = ("torch", "lmreg")
    devices = ("cpu", "cuda")
    Params = NeuralFieldParams

    @override
    def prepare(self, problem: Problem, resources: Resources, seed: int) -> None:
        """Copy the images to tensors on the device."""
        import torch

        from lmreg.grid import Grid

        torch.set_num_threads(resources.threads)
        self._seed = seed
        self._geometry = (problem.fixed, problem.moving)
        device = torch.device(resources.device)
        fixed, moving = (image_tensor(image, device)[0] for image in self._geometry)
        self._images = (fixed, moving)
        fixed_affine, moving_affine = (tensor_index_to_lps(image).to(device) for image in self._geometry)
        self._grids = (Grid(fixed.shape[1:], fixed_affine), Grid(moving.shape[1:], moving_affine))

    def register(self) -> None:
        """Draw the networks' weights, fit them, and take their displacements at all voxels."""
        import torch

        from adapters.neural_field.fit import Objective, fit
        from adapters.neural_field.frame import Frame, FramedPair
        from adapters.neural_field.network import Siren, sampled

        params = self.params
        random = torch.Generator().manual_seed(self._seed)
        device, dim = self._images[0].device, self._grids[0].dim
        fields = [
            Siren(dim, params.width, params.layers, params.frequency, random).to(device)
            for _ in range(params.fields)
        ]
        numbers = reversed(range(len(params.iterations)))
        levels = [FramedPair.at_level(self._images, self._grids, number) for number in numbers]
        objective = Objective(
            params.similarity,
            params.patch_voxels or 5,
            params.regulariser,
            self._weight,
            params.points,
            params.regulariser_points,
        )
        self._trace = fit(levels, params.iterations, fields, objective, params.learning_rate, random)
        self._unknowns = sum(parameter.numel() for field in fields for parameter in field.parameters())
        scale_mm = Frame.of(self._grids[0]).scale_mm
        self._displacements_mm = [
            scale_mm * sampled(field, image.sample_points())
            for field, image in zip(fields, (levels[-1].fixed, levels[-1].moving), strict=False)
        ]

    def result(self) -> Registration:
        """Bring the displacements to SimpleITK; the inverse is the second field's, where there are two."""
        params, trace = self.params, self._trace
        transform, *inverse = (
            lps_field_transform(sitk.GetImageFromArray(field.double().cpu().numpy(), isVector=True), grid)
            for field, grid in zip(self._displacements_mm, self._geometry, strict=False)
        )
        statistics: dict[str, JsonValue] = {
            "iterations": sum(map(len, trace)),
            "final_cost": trace[-1][-1],
            "parameters": self._unknowns,
        }
        effective: dict[str, JsonValue] = {
            "model": f"{params.fields} × SIREN, {params.layers} layers of {params.width}",
            "similarity": params.similarity,
            "regulariser": params.regulariser,
            "weight": self._weight,
            "iterations": list(params.iterations),
            "timed_part": "images are tensors before; pyramid, fit and displacement at every voxel inside",
        }
        return Registration(transform, inverse[0] if inverse else None, statistics, effective, trace)

    @property
    def _weight(self) -> float:
        params = self.params
        return DEFAULT_WEIGHTS[params.regulariser] if params.weight is None else params.weight
