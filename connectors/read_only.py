"""Platforms to which nothing is written, and those among them that name no people: what they declare, and keep to.

Each says in its `cannot` why: *writes*, *leaving* and, where nobody is named, *people*. The contract suite holds them
to it: nothing of that kind may ever be sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from connectors.base import Change, Cursor, Outcome, Page, Raw, Result
from connectors.declared import Declared
from mapping.fields import FieldTable
from mapping.model import Seen

WRITES, LEAVING, PEOPLE = "writes", "leaving", "people"


class ReadOnly(Declared):
    """A platform whose people are read and never written."""

    reads_only: ClassVar[bool] = True

    def update(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return self._cannot(changes, WRITES)

    def create(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return self._cannot(changes, WRITES)

    def archive(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return self._cannot(changes, WRITES)

    def opt_out(self, changes: Sequence[Change], purpose: str) -> Sequence[Outcome]:
        return self._cannot(changes, LEAVING)

    def _cannot(self, changes: Sequence[Change], what: str) -> Sequence[Outcome]:
        why = f"{self.title} {self.cannot[what]}"
        return [Outcome(Result.REFUSED, one.remote_id, reason=why, code="cannot") for one in changes]


class Unpeopled(ReadOnly):
    """A platform that names nobody: its listing of people is empty and whole, and what it tells comes by `feeds`."""

    table: ClassVar[FieldTable] = FieldTable(())

    def pages(self, cursor: Cursor | None, *, full: bool = False) -> Iterator[Page]:
        yield Page([], {"do": "done"}, 0, last=True, complete=True)

    def decode(self, raw: Raw) -> Seen:
        raise ValueError(f"{self.title} {self.cannot[PEOPLE]}")

    def read(self, remote_ids: Sequence[str]) -> dict[str, Raw | None]:
        return dict.fromkeys(remote_ids)

    def find(self, addresses: Sequence[str], keys: Sequence[str]) -> dict[str, Raw]:
        return {}
