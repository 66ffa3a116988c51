"""Reading a config file: YAML, overrides, validation, and errors that a user can act on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from benchmarks.config import Config

MAX_BYTES = 1_000_000
MAX_NODES = 100_000


class ConfigError(Exception):
    """A config that cannot be run; the message is one line with file, place and the way out."""


class _Loader(yaml.SafeLoader):
    """Safe loader that refuses a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping."""
        seen: set[str] = set()
        for key_node, _ in node.value:
            if key_node.value in seen:
                line = key_node.start_mark.line + 1
                raise yaml.constructor.ConstructorError(
                    problem=f"key {key_node.value!r} is given twice (line {line})"
                )
            if isinstance(key_node.value, str):
                seen.add(key_node.value)
        return super().construct_mapping(node, deep)


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
        if str(part).startswith("<"):
            continue
        if isinstance(part, int):
            place += f"[{part}]"
        elif part not in ("oracle", "bound", "ratio", "differentiable") or not place.endswith("]"):
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
        node = yaml.compose(text, Loader=_Loader)
        if node is not None and _expanded_size(node, {}) > MAX_NODES:
            raise ConfigError(f"{path}: its YAML aliases expand to more than {MAX_NODES} values")
        data = yaml.load(text, Loader=_Loader)  # a SafeLoader
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply or refers to itself") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: must be a mapping with keys such as 'name', 'datasets' and 'runs'")
    return data


def _expanded_size(node: yaml.Node, known: dict[int, int]) -> int:
    """Count the values that a node stands for once its aliases are followed."""
    if id(node) not in known:
        children: list[yaml.Node] = []
        if isinstance(node, yaml.SequenceNode):
            children = node.value
        elif isinstance(node, yaml.MappingNode):
            children = [child for item in node.value for child in item]
        known[id(node)] = 1 + sum(_expanded_size(child, known) for child in children)
    return known[id(node)]


def apply_override(data: dict[str, Any], override: str) -> None:
    """Set one key of nested mappings and lists, as ``--set key.key=value`` asks.

    Raises
    ------
    ConfigError
        When it does not look like that, or addresses what is not there.
    """
    path, separator, text = override.partition("=")
    keys = path.split(".")
    if not separator or not all(keys):
        raise ConfigError(f"--set {override}: must look like key.key=value")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"--set {override}: the value is not valid YAML") from None
    place: Any = data
    for depth, key in enumerate(keys):
        last = depth == len(keys) - 1
        if isinstance(place, list):
            if not key.isdecimal() or int(key) >= len(place):
                raise ConfigError(f"--set {override}: {key!r} must be a number below {len(place)}")
            index: Any = int(key)
        elif isinstance(place, dict):
            index = key
            if not last:
                place.setdefault(key, {})
        else:
            raise ConfigError(f"--set {override}: {'.'.join(keys[:depth])!r} is a value, not a mapping")
        if last:
            place[index] = value
        else:
            place = place[index]
