"""YAML that users write: plain data alone, and whatever is wrong with it told in one line."""

from __future__ import annotations

import reprlib
from typing import Any

import yaml

MAX_NODES = 100_000


class YamlTextError(ValueError):
    """A text that is no YAML, or no plain data; the message is one line without the text's name."""


class _Loader(yaml.SafeLoader):
    """Safe loader that refuses a key given twice, and tells where a value is not what it looks like."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping."""
        seen: set[str] = set()
        for key_node, _ in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    problem=f"a list or a mapping cannot be a key (line {line})"
                )
            if key_node.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"key {key_node.value!r} is given twice (line {line})"
                )
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Build a value."""
        try:
            value = super().construct_object(node, deep)
            if isinstance(value, int):
                str(
                    value
                )  # Python prints no integer of thousands of digits, and messages and files would have to
        except (ValueError, ArithmeticError, LookupError, AttributeError):
            # PyYAML takes for granted that what looks like a number or a date is one.
            kind = node.tag.rpartition(":")[2]
            raise yaml.constructor.ConstructorError(
                problem=f"{reprlib.repr(node.value)} cannot be read as {kind} (line {node.start_mark.line + 1}); "
                "put it in quotes if it is text"
            ) from None
        return value


def read_yaml(text: str) -> Any:
    """Read a YAML text.

    Raises
    ------
    YamlTextError
        When it is no YAML, asks for more than plain data, gives a key twice, holds a value that cannot be what its
        form says, is nested too deeply, or would become too large.
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
        if node is not None and _expanded_size(node, {}) > MAX_NODES:
            raise YamlTextError(f"its YAML aliases expand to more than {MAX_NODES} values")
        return yaml.load(text, Loader=_Loader)  # a SafeLoader
    except yaml.YAMLError as error:
        raise YamlTextError(f"not valid YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise YamlTextError("nested too deeply or refers to itself") from None


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
