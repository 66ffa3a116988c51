"""Decodes records one after the other; what is equal in neighbours, as the scores of repeats are, is made once."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import NODEFAULT, Raw, field, structs

from benchmarks.records import RunRecord

# The larger parts of a record that repeats of a job mostly have in common.
_IN_COMMON = ("before", "after", "labels", "labels_before")


class SharingDecoder:
    """Returns the record that a line is; parts equal to those of the last are the same objects.

    Many records of few different results take a third less memory so, and the time of making their parts anew.
    """

    def __init__(self) -> None:
        self._decode = msgspec.json.Decoder(_WithRawParts).decode
        kinds = {one.name: one.type for one in structs.fields(RunRecord)}
        self._parts = tuple((name, _LastRead(name, kinds[name])) for name in _IN_COMMON)

    def __call__(self, line: bytes) -> RunRecord:
        """Decode a line.

        Raises
        ------
        msgspec.ValidationError
            When it is not a record.
        msgspec.DecodeError
            When it is not JSON.
        """
        read = structs.asdict(self._decode(line))
        for name, part in self._parts:
            read[name] = part.of(read[name])
        return RunRecord(**read)


class _LastRead:
    """A part of a record as it was last read."""

    def __init__(self, name: str, kind: Any) -> None:
        self._name = name
        self._decode = msgspec.json.Decoder(kind).decode
        self._text: bytes | None = None
        self._value: Any = None

    def of(self, raw: Raw) -> Any:
        """Decode the part unless it is the last again."""
        text = bytes(raw)
        if text != self._text:
            try:
                self._value = self._decode(text)
            except msgspec.ValidationError as error:
                raise msgspec.ValidationError(f"{self._name}: {error}") from error
            self._text = text
        return self._value


def _with_raw_parts() -> type[msgspec.Struct]:
    """Return what is a record but for the parts in common, which are left as they are written."""
    fields = []
    for one in structs.fields(RunRecord):
        if one.name in _IN_COMMON:
            fields.append((one.name, Raw, Raw(b"{}")))
        elif one.default_factory is not NODEFAULT:
            fields.append((one.name, one.type, field(default_factory=one.default_factory)))
        else:
            fields.append((one.name, one.type, one.default))
    return msgspec.defstruct("RecordWithRawParts", fields, kw_only=True, forbid_unknown_fields=True)


_WithRawParts = _with_raw_parts()
