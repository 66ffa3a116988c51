"""What a deformable registration was asked to do, in one language and one set of units for all backends."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from adapters.interface import JsonValue


@dataclass(frozen=True)
class Schedule:
    """A schedule after conversion to common units, for reports that put backends beside each other.

    Levels stand from coarse to fine. Smoothing is a standard deviation, never a variance.

    Attributes
    ----------
    similarity : str
        In the field's words.
    window_voxels : int or None
        Width of the window of a local similarity, in voxels of the level; None where there is none.
    iterations : tuple of int
        The most per level.
    shrink_factors : tuple of int
        By which each level is coarser than the image.
    pyramid_sigmas_voxels : tuple of float
        Smoothing of the images per level, in voxels of the image.
    longest_update_voxels : float
        To which the longest vector of an update is scaled, in voxels of the level.
    update_sigma_voxels, total_sigma_voxels : float
        Gaussian smoothing of each update and of the total field, in voxels of the level; 0 is none.
    stops_early : str
        When a level ends before its iterations are used up.
    threads : int
        What the backend was given.
    own_words : dict of str to str
        By attribute, the backend's own keyword and value.
    """

    similarity: str
    window_voxels: int | None
    iterations: tuple[int, ...]
    shrink_factors: tuple[int, ...]
    pyramid_sigmas_voxels: tuple[float, ...]
    longest_update_voxels: float
    update_sigma_voxels: float
    total_sigma_voxels: float
    stops_early: str
    threads: int
    own_words: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, JsonValue]:
        """Return the attributes by name, as records hold them."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }
