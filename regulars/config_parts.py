"""What the models of `regulars.toml` are made of: closed sections, and durations."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field

_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def _millis(value: object) -> object:
    """A duration in milliseconds, from seconds or from text such as "90s", "10m", "12h" or "7d"."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value * 1000)
    if isinstance(value, str) and (found := re.fullmatch(r"(\d+)\s*([smhd])", value.strip())):
        return int(found[1]) * _UNITS[found[2]]
    raise ValueError('a duration is a number of seconds, or text such as "90s", "10m", "12h" or "7d"')


Duration = Annotated[int, BeforeValidator(_millis), Field(ge=0)]

CLOSED = ConfigDict(extra="forbid", frozen=True)
"""A section: closed, and never changed."""
