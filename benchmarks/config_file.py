"""Reading a config file: YAML, overrides, validation, and errors that a user can act on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from benchmarks.config import Config
from benchmarks.yaml_text import YamlTextError, read_yaml

MAX_BYTES = 1_000_000
_LONGEST_SHOWN = 80


class ConfigError(Exception):
    """A config that cannot be run; the message is one line with file, place and the way out."""


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read and validate a config.

    Parameters
    ----------
    path : Path
        YAML file.
    overrides : sequence of str
        ``key.key=value`` each; the value is YAML, list items are addressed by number.

    Returns
    -------
    Config
        The validated config.

    Raises
    ------
    ConfigError
        When the file cannot be read, is no YAML mapping, or says something that no config may say.
    """
    data = _read_mapping(path)
    for override in overrides:
        apply_override(data, override)
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{path}: {first_problem(error)}") from None


def first_problem(error: ValidationError, prefix: str = "") -> str:
    """Return ``place: message (got value)`` for the first problem that pydantic found."""
    problem = error.errors(include_url=False)[0]
    place = prefix
    for part in problem["loc"]:
        # A tag of several kinds that a value may be of: nothing that the user wrote.
        if str(part).startswith("<"):
            continue
        if isinstance(part, int):
            place += f"[{part}]"
        else:
            place += f".{part}" if place else str(part)
    message = problem["msg"].removeprefix("Value error, ")
    got = problem.get("input")
    shown = f" (got {got!r})" if isinstance(got, bool | int | float | str) else ""
    return f"{place or 'top level'}: {message}{shown}"


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_BYTES} bytes, which no config is")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    try:
        data = read_yaml(text)
    except YamlTextError as error:
        raise ConfigError(f"{path}: {error}") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: must be a mapping with keys such as 'name', 'datasets' and 'runs'")
    return data


def apply_override(data: dict[str, Any], override: str) -> None:
    """Set one key of nested mappings and lists, as ``--set key.key=value`` asks.

    Raises
    ------
    ConfigError
        When it does not look like that, or addresses what is not there.
    """
    path, separator, text = override.partition("=")
    keys = path.split(".")
    option = f"--set {_shortened(override)}"
    if not separator or not all(keys):
        raise ConfigError(f"{option}: must look like key.key=value")
    try:
        value = read_yaml(text)
    except YamlTextError as error:
        raise ConfigError(f"{option}: {error}") from None
    place: Any = data
    for depth, key in enumerate(keys):
        last = depth == len(keys) - 1
        if isinstance(place, list):
            numbers = [str(number) for number in range(len(place))]
            if key not in numbers:
                raise ConfigError(f"{option}: {key!r} must be a number below {len(place)}")
            index: Any = numbers.index(key)
        elif isinstance(place, dict):
            index = key
            if not last:
                place.setdefault(key, {})
        else:
            raise ConfigError(f"{option}: {'.'.join(keys[:depth])!r} is a value, not a mapping")
        if last:
            place[index] = value
        else:
            place = place[index]


def _shortened(override: str) -> str:
    """Return an override on one line, as much as it takes to recognise it."""
    line = " ".join(override.split())
    return line if len(line) <= _LONGEST_SHOWN else f"{line[:_LONGEST_SHOWN]}..."
