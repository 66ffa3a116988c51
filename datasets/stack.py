"""Consecutive sections of one stack, as serial-section microscopy has them."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from datasets.base import DatasetError, refuse_source
from datasets.cache import sha256
from datasets.fetching import FetchRequest
from datasets.pair import Pair, PairInfo
from datasets.preparation import Preparation, PreparedDataset
from datasets.preparation import version as preparation_version
from datasets.stacks import Axis, Stack, find_stack

_CODE = ("analyze.py", "reading.py", "stack.py", "stacks.py", "tiff.py")

Index = Annotated[int, Field(ge=0)]
SizeMm = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class StackParams:
    """Parameters of ``stack``.

    Attributes
    ----------
    path : Path
        A volume (NIfTI and whatever else ITK reads), a TIFF file of many pages, or the folder of a Zarr array or group.
    array : str
        Which array of a Zarr group, such as 0 in OME-Zarr.
    axis : {"x", "y", "z"}
        Across which the sections lie: z runs over the pages of a TIFF file and the first axis of a Zarr array.
    step : int
        Section i is the fixed image, i + step the moving one.
    first : int
        The first section that takes part, counted from 0.
    last : int or None
        The last one; None is the last of the stack.
    voxel_mm : tuple of float or None
        Voxel size along x, y and z; None takes it from the header of a volume. TIFF and Zarr need it.
    preparation : Preparation
        What is done to the images.
    """

    path: Path
    array: Annotated[
        str, Field(pattern=r"^([A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*)?$")
    ] = ""
    axis: Axis = "z"
    step: Annotated[int, Field(ge=1)] = 1
    first: Index = 0
    last: Index | None = None
    voxel_mm: tuple[SizeMm, SizeMm, SizeMm] | None = None
    preparation: Preparation = Preparation()


class StackPairs(PreparedDataset[StackParams]):
    """Consecutive sections of a volume, a TIFF or a Zarr stack that you have."""

    name = "stack"
    Params = StackParams

    @property
    def version(self) -> str:
        """Hash of the stack's files and of the code that reads them."""
        return self._version

    @property
    def description(self) -> str:
        """Where the sections come from and how they were prepared."""
        params = self.params
        return (
            f"Sections of {params.path.name} across {params.axis}, each with the one {params.step} further on "
            f"({params.preparation.description}): neighbouring anatomy without a known transform. Aligning neighbours "
            "is no evidence that a whole stack comes out straight."
        )

    def fetch(self, request: FetchRequest) -> None:
        """Check that the stack can be read; nothing is downloaded.

        Raises
        ------
        DatasetError
            When it cannot.
        """
        refuse_source(request, self.name)
        fixed, _ = self._indices[self.source_pairs()[0].pair_id]
        self._stack.section(self.params.axis, fixed)

    def source_pairs(self) -> tuple[PairInfo, ...]:
        """List the pairs, from the header of the stack.

        Raises
        ------
        DatasetError
            When the stack cannot be read, or has too few sections.
        """
        subject = self.params.path.name.partition(".")[0]
        return tuple(
            PairInfo(pair_id, 2, (subject,), "consecutive", sections=indices)
            for pair_id, indices in self._indices.items()
        )

    def read(self, pair_id: str) -> Pair:
        """Read two sections.

        Raises
        ------
        DatasetError
            When they cannot be read.
        """
        fixed, moving = (self._stack.section(self.params.axis, index) for index in self._indices[pair_id])
        info = next(info for info in self.source_pairs() if info.pair_id == pair_id)
        return Pair(info, fixed, moving)

    @cached_property
    def _stack(self) -> Stack:
        return find_stack(self.params.path, self.params.array, self.params.voxel_mm)

    @cached_property
    def _indices(self) -> dict[str, tuple[int, int]]:
        params = self.params
        sections = self._stack.length(params.axis)
        end = sections if params.last is None else params.last + 1
        if end > sections or end - params.first <= params.step:
            raise DatasetError(
                f"{params.path}: has {sections} sections across {params.axis}: no pair {params.step} apart lies "
                f"between the first {params.first} and the last {end - 1} asked for"
            )
        digits = len(str(sections - 1))
        return {
            f"{index:0{digits}d}-{index + params.step:0{digits}d}": (index, index + params.step)
            for index in range(params.first, end - params.step)
        }

    @cached_property
    def _version(self) -> str:
        digest = hashlib.sha256(preparation_version().encode())
        for path in self._stack.files:
            name = path.relative_to(self.params.path.parent).as_posix()
            digest.update(f"{name} {sha256(path)}\n".encode())
        for module in _CODE:
            digest.update(sha256(Path(__file__).with_name(module)).encode())
        return digest.hexdigest()[:16]
