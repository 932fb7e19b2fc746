"""Records of a declared connector, read through its field table. Pure: a stored record decodes without asking."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from connectors.base import Raw
from connectors.codecs import put
from connectors.paths import dig
from mapping.fields import Codec, Field
from mapping.model import Value
from mapping.values import Kind, blank

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_TEXTUAL = frozenset({Kind.TEXT, Kind.NAME, Kind.EMAIL, Kind.PHONE})


class Records:
    """Decodes records through one field table."""

    def __init__(self, rows: Iterable[Field]) -> None:
        self._rows = [(row.name, row.remote, _reading(row)) for row in rows if row.readable]
        self._by_name = {name: (remote, read) for name, remote, read in self._rows}

    def body(self, raw: Raw) -> dict[str, Any]:
        """The record as JSON. Raises ValueError where it is none."""
        try:
            return _decode(raw.body)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise ValueError(f"record {raw.remote_id} is no record: {error}") from error

    def fields(self, body: Mapping[str, Any], problems: list[str]) -> dict[str, Value]:
        """What is there, in our words; a value that makes no sense is left out and named."""
        fields: dict[str, Value] = {}
        for name, remote, read in self._rows:
            found = dig(body, remote)
            if not blank(found):
                put(fields, name, read, found, problems)
        return fields

    def one(self, body: Mapping[str, Any], name: str) -> Value:
        """One field of a record; None where it is blank, makes no sense, or is none there."""
        if name not in self._by_name:
            return None
        fields: dict[str, Value] = {}
        remote, read = self._by_name[name]
        found = dig(body, remote)
        if not blank(found):
            put(fields, name, read, found, [])
        return fields.get(name)


def _reading(row: Field) -> Codec:
    """How a row reads. Where it says nothing, a text has to be one."""
    if row.reads is not None:
        return row.reads
    return _text if row.kind in _TEXTUAL else _same


def _text(raw: Value) -> Value:
    if not isinstance(raw, str):
        raise TypeError("not a text")
    return raw


def _same(raw: Value) -> Value:
    return raw
