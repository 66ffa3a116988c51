"""The base of values that the program writes to files and reads back."""

from __future__ import annotations

from typing import TypeVar, dataclass_transform

import msgspec

Value = TypeVar("Value", bound="Frozen")


@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class Frozen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An immutable value; its JSON has the names of its attributes.

    Reading refuses unknown keys, missing ones without a default, and wrong types. What a person writes, and wants to
    be told about in their own terms, is a :class:`benchmarks.section.Section`.
    """


def indented(value: Frozen) -> bytes:
    """Return the JSON of a value for files that people may look into."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def decoded(content: bytes, kind: type[Value]) -> Value:
    """Read a value from its JSON.

    Raises
    ------
    ValueError
        When the content is none of this kind; the message says where and why.
    """
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error
