"""Bodies of webhooks, read as what they have in common: JSON, one event or a list of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

Event = Mapping[str, Any]


def told(body: bytes, title: str) -> Any:
    """The JSON of a delivery. Raises ValueError where it is none."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ValueError(f"expected a delivery of {title}: {error}") from error


def events(body: bytes, title: str) -> list[Event]:
    """The events of a delivery. Raises ValueError where it holds anything else."""
    found = told(body, title)
    listed = found if isinstance(found, list) else [found]
    if not all(isinstance(one, dict) for one in listed):
        raise ValueError(f"expected events of {title}")
    return listed
