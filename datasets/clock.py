"""The time, as everything that is written down holds it."""

from __future__ import annotations

from datetime import UTC, datetime


def now_utc() -> str:
    """Return the time, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
