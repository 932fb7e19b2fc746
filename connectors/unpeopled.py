"""Platforms that name no people: what they tell are posts, and how often what was done with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from connectors.base import Cursor, Page, Raw
from connectors.declared import ReadOnly
from mapping.fields import FieldTable
from mapping.model import Seen


class Unpeopled(ReadOnly):
    """Names nobody: its listing of people is empty and whole, and what it tells comes by `feeds`. It says why in its
    `cannot`, under *people*, and the contract suite holds it to that: nobody is ever asked for."""

    table: ClassVar[FieldTable] = FieldTable(())

    def pages(self, cursor: Cursor | None, *, full: bool = False) -> Iterator[Page]:
        yield Page([], {"do": "done"}, 0, last=True, complete=True)

    def decode(self, raw: Raw) -> Seen:
        raise ValueError(f"{self.title} {self.cannot['people']}")

    def read(self, remote_ids: Sequence[str]) -> dict[str, Raw | None]:
        return dict.fromkeys(remote_ids)

    def find(self, addresses: Sequence[str], keys: Sequence[str]) -> dict[str, Raw]:
        return {}
