"""Everybody judged by a segment: one statement in the database for each rule, and no row comes to Python."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    MetaData,
    String,
    Table,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    not_,
    select,
)
from sqlalchemy.schema import CreateTable

from mapping.rules import Moment, Top, by_the_day, conditions, text_of
from sync.segment import Segment
from sync.segment_sql import Compiler
from sync.segment_sql_turns import turns_of
from sync.store import schema as t

EVERYBODY = ""
"""In `turn`: the whole segment is to be judged again then."""


def _scratch(name: str, *columns: Column[str] | Column[int]) -> Table:
    return Table(
        f"segment_{name}",
        MetaData(),
        Column("person", String, primary_key=True),
        *columns,
        prefixes=["TEMPORARY"],
        sqlite_with_rowid=False,
    )


_chosen = _scratch("chosen")
_turning = _scratch("turning", Column("at", BigInteger, nullable=False))


class Whole:
    """Judges everybody at one moment, in one transaction. The best are counted once, when it begins."""

    def __init__(self, conn: Connection, segments: Iterable[Segment], moment: Moment) -> None:
        self._conn = conn
        self.thresholds: dict[Top, int | None] = {}
        """What it took to be among the best."""
        if conn.dialect.name != "sqlite":
            conn.exec_driver_sql("SET LOCAL plan_cache_mode TO auto")  # by what is asked, and not in general
        best: dict[Top, Table] = {}
        counting = Compiler(conn.dialect, moment)
        for top in sorted({top for segment in segments for top in tops(segment)}, key=text_of):
            table = best[top] = _scratch(f"best_{len(best)}", Column("total", BigInteger, nullable=False))
            self._fill(table, counting.best(top))
            self.thresholds[top] = conn.execute(select(func.min(table.c.total))).scalar()
        self._compiler = Compiler(conn.dialect, moment, best)

    def choose(self, segment: Segment) -> Table:
        """Who is in it now, in a table of this transaction."""
        self._fill(_chosen, self._compiler.people(segment.rule))
        return _chosen

    def judge(self, segment: Segment, revision: int, *, told: bool) -> tuple[int, int]:
        """Make its members those who are in it now, and its turns theirs; returns how many entered and left. Unless
        *told*, nobody did: they were in it before anybody looked."""
        self.choose(segment)
        moved = self._pass(segment.name, revision, told=told)
        self._set_turns(segment)
        return moved

    def end(self) -> None:
        """Have a server look at how much there is by now. Until its own housekeeping comes by, it would take the turns
        for so few that it reads all of them for each changed person."""
        if self._conn.dialect.name != "sqlite":
            self._conn.exec_driver_sql("ANALYZE member, turn")

    def _fill(self, table: Table, rows: Any) -> None:
        self._conn.execute(CreateTable(table, if_not_exists=True))
        if self._conn.dialect.name == "sqlite":
            self._conn.execute(delete(table))
        else:  # of rows deleted in its own transaction PostgreSQL would keep all
            self._conn.exec_driver_sql(f'TRUNCATE "{table.name}"')
        self._conn.execute(insert(table).from_select([column.name for column in table.columns], rows))

    def _pass(self, name: str, revision: int, *, told: bool) -> tuple[int, int]:
        """Make the members of a segment those that were chosen."""
        now = self._compiler.moment.now
        m = t.member.c
        stays = exists().where(_chosen.c.person == m.person)
        gone = and_(m.segment == name, not_(stays))
        there = exists().where(m.segment == name, m.person == _chosen.c.person)
        came = select(_chosen.c.person).where(not_(there))
        if told:
            for people, entered in ((select(m.person).where(gone), False), (came, True)):
                values = (literal(name), *people.selected_columns, literal(entered), literal(now), literal(revision))
                rows = people.with_only_columns(*values)
                columns = ["segment", "person", "entered", "at", "revision"]
                self._conn.execute(insert(t.passage).from_select(columns, rows))
        left = self._conn.execute(delete(t.member).where(gone)).rowcount
        rows = came.with_only_columns(literal(name), _chosen.c.person, literal(now))
        adding = insert(t.member).from_select(["segment", "person", "since"], rows)
        entered_ = self._conn.execute(adding, execution_options={"preserve_rowcount": True}).rowcount
        return (entered_, left) if told else (0, 0)

    def _set_turns(self, segment: Segment) -> None:
        """Write the turns that are other than before: day by day most stay."""
        turns = turns_of(self._compiler, segment.rule)
        c, name = t.turn.c, segment.name
        if turns is None:
            self._conn.execute(delete(t.turn).where(c.segment == name))
        else:
            self._fill(_turning, turns)
            stays = exists().where(_turning.c.person == c.person, _turning.c.at == c.at)
            self._conn.execute(delete(t.turn).where(c.segment == name, not_(stays)))
            there = exists().where(c.segment == name, c.person == _turning.c.person)
            rows = select(literal(name), _turning.c.person, _turning.c.at).where(not_(there))
            self._conn.execute(insert(t.turn).from_select(["segment", "person", "at"], rows))
        if by_the_day(segment.rule):
            row = {"segment": name, "person": EVERYBODY, "at": self._compiler.moment.midnight}
            self._conn.execute(insert(t.turn), row)


def tops(segment: Segment) -> set[Top]:
    """What its rule says about the best."""
    return {one for one in conditions(segment.rule) if isinstance(one, Top)}
