"""What the tables of an export have in common: columns, batches, and whose a record is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, Table, func, select, tuple_

from mapping.values import Kind
from sync.store import bulk
from sync.store import schema as t

BATCH = 2_000


class Type(StrEnum):
    """What a column holds. Any of them may be blank (None)."""

    TEXT = "text"
    LIST = "list"  # of texts
    NUMBER = "number"
    COUNT = "count"  # a whole number
    MONEY = "money"  # an exact decimal
    FLAG = "flag"
    TIME = "time"  # milliseconds since 1970 UTC


class Heading(NamedTuple):
    """One column: its name and what it holds."""

    name: str
    type: Type = Type.TEXT


Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Export:
    """A table for others."""

    headings: tuple[Heading, ...]
    count: Callable[[Connection], int]
    batches: Callable[[Connection], Iterator[list[Row]]]


TYPES = {Kind.NUMBER: Type.NUMBER, Kind.FLAG: Type.FLAG, Kind.SET: Type.LIST}
"""What a column of one of our fields holds, where it is no text."""


def count_of(conn: Connection, table: Table, *only: ColumnElement[bool]) -> int:
    return int(conn.execute(select(func.count()).select_from(table).where(*only)).scalar_one())


def pages(conn: Connection, query: Select[Any], key: Sequence[ColumnElement[Any]]) -> Iterator[list[Any]]:
    """The rows of *query* by *key*, which stands first in it, a batch at a time."""
    width, last = len(key), None
    while True:
        page = query
        if last is not None:
            page = page.where(key[0] > last[0] if width == 1 else tuple_(*key) > tuple_(*last))
        rows: list[Any] = list(conn.execute(page.order_by(*key).limit(BATCH)))
        if rows:
            last = tuple(rows[-1][:width])
            yield rows
        if len(rows) < BATCH:
            return


def holders(conn: Connection, record_ids: Iterable[int]) -> dict[int, Row]:
    """Our record id → (person, connection, remote id)."""
    columns = [t.record.c[name] for name in ("id", "person", "connection", "remote_id")]
    return {row[0]: (row[1] or "", *row[2:]) for row in bulk.select_in(conn, columns, t.record.c.id, record_ids)}


NOBODY = ("", "", "")
