"""What all parts of a config file have in common."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from benchmarks.names import nearest_hint


class Section(BaseModel):
    """An immutable mapping of a config file; an unknown key is an error that names the nearest valid one."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: Any) -> Any:
        if isinstance(data, dict):
            for key in data:
                if key not in cls.model_fields:
                    raise ValueError(f"unknown key {key!r}{nearest_hint(str(key), cls.model_fields)}")
        return data
