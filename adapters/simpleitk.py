"""Adapter for SimpleITK: linear models and B-splines, and diffeomorphic demons."""

from __future__ import annotations

from typing import Protocol

import SimpleITK as sitk

from adapters.interface import Adapter, Problem, Registration, Resources
from adapters.simpleitk_demons import DemonsRegistration
from adapters.simpleitk_method import MethodRegistration
from adapters.simpleitk_params import DEMONS, SimpleITKParams


class _Solver(Protocol):
    def run(self) -> None: ...

    def registration(self) -> Registration: ...


class SimpleITKRegistration(Adapter[SimpleITKParams]):
    """SimpleITK's registration framework (Lowekamp et al., Front. Neuroinform. 2013).

    Timed: the pyramid and the optimisation. SimpleITK works on the images as they are, so nothing is
    converted before or after, except that demons have the moving image on the fixed grid beforehand.
    B-splines and demons come without an inverse. With more than one thread, ``mattes`` may differ in the last
    digits from run to run.
    """

    name = "simpleitk"
    requires = ("SimpleITK",)
    Params = SimpleITKParams

    def unsupported(self, problem: Problem) -> str | None:
        """Return a reason when the mesh has another number of axes than the images."""
        if reason := super().unsupported(problem):
            return reason
        mesh_size = self.params.mesh_size
        if isinstance(mesh_size, tuple) and len(mesh_size) != problem.dimension:
            return f"mesh_size {mesh_size} has {len(mesh_size)} axes and the images have {problem.dimension}"
        return None

    def prepare(self, problem: Problem, resources: Resources, seed: int) -> None:
        """Set threads; for demons, resample the moving image to the fixed grid."""
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(resources.threads)
        self._solver: _Solver
        if self.params.model in DEMONS:
            self._solver = DemonsRegistration(self.params, problem, resources)
        else:
            self._solver = MethodRegistration(self.params, problem, resources, seed)

    def register(self) -> None:
        """Run the pyramid."""
        self._solver.run()

    def result(self) -> Registration:
        """Return the transform, with an inverse for the linear models."""
        return self._solver.registration()
