"""The interface behind which every registration backend stands."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]
ParamsT = TypeVar("ParamsT")


@dataclass(frozen=True)
class Resources:
    """What a backend may use.

    Attributes
    ----------
    threads : int
        Threads for every library; the environment variables that set them are in force before any import.
    device : str
        ``cpu``, ``cuda`` or ``cuda:N``.
    """

    threads: int = 1
    device: str = "cpu"


@dataclass(frozen=True)
class Problem:
    """What a backend is given: two images, and masks where they exist.

    Attributes
    ----------
    fixed, moving : SimpleITK.Image
        float32 scalar images in ITK's physical space (LPS, mm), intensities normalised once for all backends
        to about [0, 1]. Their grids may differ in size, spacing, origin and direction. Never modified.
    fixed_mask : SimpleITK.Image or None
        uint8 on the grid of ``fixed``, 1 where the image counts. Backends may ignore it.
    moving_mask : SimpleITK.Image or None
        uint8 on the grid of ``moving``.
    true_transform : SimpleITK.Transform or None
        The answer, where it is known. The harness hands it to reference rows alone.
    """

    fixed: sitk.Image
    moving: sitk.Image
    fixed_mask: sitk.Image | None = None
    moving_mask: sitk.Image | None = None
    true_transform: sitk.Transform | None = None

    @property
    def dimension(self) -> int:
        """Number of spatial axes, 2 or 3."""
        return int(self.fixed.GetDimension())


@dataclass(frozen=True)
class Registration:
    """A backend's answer.

    Attributes
    ----------
    transform : SimpleITK.Transform
        Maps physical points of the fixed image to physical points of the moving image: what ITK's resampler
        wants.
    inverse : SimpleITK.Transform or None
        Maps physical points of the moving image to physical points of the fixed image, where the backend has
        it.
    statistics : mapping
        Solver statistics worth comparing (``iterations``, ``final_cost``, ``status``, ...).
    effective : mapping
        The schedule in the backend's own words and units, after conversion from the config's units.
    trace : tuple of tuple of float
        Cost per iteration, one tuple per level, coarse to fine; empty where the backend does not tell.
    schedule : mapping
        The schedule in common units (:class:`adapters.schedule.Schedule`); empty where the adapter does not tell.
    """

    transform: sitk.Transform
    inverse: sitk.Transform | None = None
    statistics: Mapping[str, JsonValue] = field(default_factory=dict)
    effective: Mapping[str, JsonValue] = field(default_factory=dict)
    trace: tuple[tuple[float, ...], ...] = ()
    schedule: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True)
class Gradients:
    """Gradient of the mean squared error between the warped moving image and the fixed image.

    Attributes
    ----------
    moving, fixed : ndarray
        Shape of the image, numpy axis order (reverse of ITK's); through the solve, not only through the warp.
    parameters : ndarray
        With respect to the transform parameters at the solution, flat.
    """

    moving: npt.NDArray[np.floating[Any]]
    fixed: npt.NDArray[np.floating[Any]]
    parameters: npt.NDArray[np.floating[Any]]


class Adapter(ABC, Generic[ParamsT]):
    """One registration backend. An instance serves one problem at a time: prepare, register, result.

    Third-party libraries are imported inside methods only, so that listing adapters imports none of them.

    Attributes
    ----------
    name : str
        The name under which configs ask for it.
    requires : tuple of str
        Import names that must be installed.
    dimensions : tuple of int
        Image dimensions that it can do.
    devices : tuple of str
        Kinds of device that it can use: ``cpu``, ``cuda``.
    reference : bool
        True for rows that are no competitors and may see the true transform.
    Params : type
        A frozen pydantic dataclass that forbids extra keys: parameters with defaults and units.
    """

    name: ClassVar[str]
    requires: ClassVar[tuple[str, ...]] = ()
    dimensions: ClassVar[tuple[int, ...]] = (2, 3)
    devices: ClassVar[tuple[str, ...]] = ("cpu",)
    reference: ClassVar[bool] = False
    Params: ClassVar[type[Any]]

    def __init__(self, params: ParamsT) -> None:
        self.params = params

    def unavailable(self) -> str | None:
        """Return what the installed backend lacks for these parameters, or None when it lacks nothing."""
        return None

    def unsupported(self, problem: Problem) -> str | None:
        """Return why this problem cannot be done, or None when it can."""
        if problem.dimension not in self.dimensions:
            wanted = " and ".join(f"{dimension}D" for dimension in self.dimensions)
            return f"{self.name} does {wanted} images, not {problem.dimension}D"
        return None

    @abstractmethod
    def prepare(self, problem: Problem, resources: Resources, seed: int) -> None:
        """Bring both images into the backend's own form. Not timed."""

    @abstractmethod
    def register(self) -> None:
        """Run the registration; ends when the backend's own transform is ready. Timed as ``forward_s``."""

    @abstractmethod
    def result(self) -> Registration:
        """Convert the backend's transform. Not timed."""


class DifferentiableAdapter(Adapter[ParamsT]):
    """A backend that can be backpropagated through."""

    @property
    def differentiates(self) -> bool:
        """Whether this parameter set has a backward pass; it is timed and reported only then."""
        return True

    @abstractmethod
    def loss(self) -> float:
        """Return the mean squared error that :meth:`backward` differentiates, after :meth:`register`. Not timed.

        Summed in double precision: differences of it are what a gradient is checked against.
        """

    @abstractmethod
    def backward(self) -> Gradients:
        """Differentiate the mean squared error after :meth:`register`. Timed as ``backward_s``."""
