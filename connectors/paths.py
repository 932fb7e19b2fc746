"""Dotted paths into JSON: `data.items`, `errors.0.code`, `custom_fields.abc`. An empty path is the whole.

`Envelope` digs in an answer without decoding what it does not look at, so that records keep their bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_array = msgspec.json.Decoder(list[msgspec.Raw])


def dig(body: Any, path: str) -> Any:
    """What stands at *path*; None where there is nothing."""
    here = body
    for step in path.split(".") if path else ():
        if isinstance(here, Mapping):
            here = here.get(step)
        elif isinstance(here, list) and step.isdecimal():
            here = here[int(step)] if int(step) < len(here) else None
        else:
            return None
    return here


def bury(body: dict[str, Any], path: str, value: Any) -> None:
    """Put *value* at *path*, making objects on the way."""
    *way, last = path.split(".")
    for step in way:
        body = body.setdefault(step, {})
    body[last] = value


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Both bodies in one, *over* winning; objects within them are put together likewise, lists one after the other, and
    neither is changed."""
    found = {name: merged(one, {}) if isinstance(one, Mapping) else one for name, one in under.items()}
    for name, one in over.items():
        there = found.get(name)
        if isinstance(there, Mapping) and isinstance(one, Mapping):
            found[name] = merged(there, one)
        elif isinstance(there, list) and isinstance(one, list):
            found[name] = [*there, *one]
        else:
            found[name] = one
    return found


class Envelope:
    """An answer around what was asked for."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def raw(self, path: str) -> bytes:
        """The bytes of what stands at *path*; empty where there is nothing. Raises msgspec.DecodeError."""
        here = self.body
        for step in path.split(".") if path else ():
            if not here:
                return b""
            if here[:1] == b"[" and step.isdecimal():
                members = _array.decode(here)
                here = bytes(members[int(step)]) if int(step) < len(members) else b""
            elif here[:1] == b"{":
                here = bytes(_object.decode(here).get(step, b""))
            else:
                return b""
        return here.strip()

    def value(self, path: str) -> Any:
        """What stands at *path*, decoded; None where there is nothing."""
        found = self.raw(path)
        return msgspec.json.decode(found) if found else None

    def items(self, path: str) -> list[bytes]:
        """The members of the list at *path*, undecoded; none where there is no list. Raises msgspec.DecodeError."""
        found = self.raw(path)
        return [bytes(one) for one in _array.decode(found)] if found and found != b"null" else []
