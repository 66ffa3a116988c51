"""Names of files that come from outside, refused where they would leave their folder."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

_LONGEST_COMPONENT = 255


def inside(folder: Path, name: str) -> Path:
    """Return the path of a file below a folder.

    Parameters
    ----------
    folder : Path
        Where the file must stay.
    name : str
        Relative path, parts separated by ``/``, from a source that is not trusted.

    Raises
    ------
    ValueError
        When the name is empty, absolute, climbs with ``..``, names a drive, or holds a backslash or a control
        character; the message says which.
    """
    parts = PurePosixPath(name).parts
    if not parts:
        raise ValueError("its name is empty")
    if PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor:
        raise ValueError(f"its name {name!r} is absolute")
    if ".." in parts:
        raise ValueError(f"its name {name!r} leaves the folder")
    if "\\" in name or any(not character.isprintable() for character in name):
        raise ValueError(f"its name {name!r} holds a character that no file name should")
    if any(len(part.encode()) > _LONGEST_COMPONENT for part in parts):
        raise ValueError("its name is too long")
    return folder.joinpath(*parts)
