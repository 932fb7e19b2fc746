"""Fields of an account's own, as a value: where they are described, and what becomes of them here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.base import RemoteField
from connectors.codecs import read_date, read_flag, read_number
from connectors.paths import dig
from connectors.walk import Collection
from mapping.fields import Codec, Field, FieldTable, Way
from mapping.values import Kind

CODECS: Mapping[Kind, Codec] = {Kind.DATE: read_date, Kind.NUMBER: read_number, Kind.FLAG: read_flag}


@dataclass(frozen=True, slots=True)
class OwnFields:
    """The account's description of its fields: a *listing* of entries, with a name at *id*, a *label* and a *type*.

    A field stands in a record *under* a path, and is of the kind that *kinds* has for its type ("" where none is told):
    of another type it is shown, and cannot be carried. *counts* leaves entries out. *whole*: a field of the table that
    the description lacks is not there. Our name of it is theirs, of *longest* characters.
    """

    listing: Collection
    under: str
    kinds: Mapping[str, Kind]
    id: str = "name"
    label: str = "name"
    type: str = "type"
    counts: Callable[[Mapping[str, Any]], bool] = field(default=lambda _: True)
    whole: bool = False
    way: Way = Way.BOTH
    longest: int = 40

    def described(self, entries: Iterable[Mapping[str, Any]], table: FieldTable) -> list[RemoteField]:
        """The fields of an account: those of the *table*, and its own."""
        known = {row.remote: row for row in table}
        own = {one.remote: one for one in self._own(entries)}
        there = [row for row in table if not self.whole or row.remote in own or not row.remote.startswith(self.under)]
        ready = [RemoteField(row.remote, row.label, row.kind, row.writable, row) for row in there]
        return [*ready, *(one for one in own.values() if one.remote not in known)]

    def _own(self, entries: Iterable[Mapping[str, Any]]) -> Iterator[RemoteField]:
        for one in entries:
            if self.counts(one):
                name, told = str(dig(one, self.id)), str(one.get(self.type) or "")
                kind = self.kinds.get(told)
                remote, label = f"{self.under}{name}", str(dig(one, self.label) or name)
                made = kind and Field(
                    name[: self.longest].lower(), remote, kind, self.way, CODECS.get(kind), label=label
                )
                yield RemoteField(remote, label, told, self.way is Way.BOTH, made or None)
