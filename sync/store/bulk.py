"""Many rows at once: the hot paths, past SQLAlchemy's row handling and straight to the driver.

Each function takes an open SQLAlchemy connection (from `Database.read` or `write`) and works inside its transaction.
Rows are plain tuples in the order of *columns*; values are what both drivers take as they are (str, int, float, bool,
bytes, None). Each call has the same effect as its rows one by one, in order, on both databases: of two rows with one
key the later wins. PostgreSQL's text takes no NUL character, so callers keep those inside JSON, which escapes them.

SQLite runs prepared statements over the rows: give rows sorted by key where you can, it is twice as fast.
PostgreSQL gets the rows by COPY, then one statement.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from operator import itemgetter
from typing import Any

import msgspec
import psycopg
from psycopg import sql
from sqlalchemy import Column, Connection, Table

Row = tuple[Any, ...]

FEW = 12
"""Below this many rows PostgreSQL takes them one by one in a pipeline, which beats making a staging table."""

_SQLITE_CHUNK = 500
_POSTGRES_CHUNK = 20_000


def insert(conn: Connection, table: Table, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Add rows. A key that is there already raises the driver's IntegrityError."""
    driver = _driver(conn)
    if isinstance(driver, sqlite3.Connection):
        driver.executemany(_insert(table.name, tuple(columns)), rows).close()
    else:
        with driver.cursor() as cursor:
            _copy(cursor, table.name, columns, rows)


def insert_ignore(conn: Connection, table: Table, columns: Sequence[str], rows: Iterable[Row]) -> int:
    """Add the rows whose key is not there yet; returns how many."""
    return _merge(conn, table, tuple(columns), list(rows), "ON CONFLICT DO NOTHING")


def upsert(
    conn: Connection,
    table: Table,
    columns: Sequence[str],
    rows: Iterable[Row],
    key: Sequence[str],
    update: Sequence[str],
) -> None:
    """Add rows, and where *key* (the columns of a unique index) is there already, set only the columns *update*."""
    columns, key, update = tuple(columns), tuple(key), tuple(update)
    rows = list(rows)
    if conn.dialect.name != "sqlite":
        rows = _last_of_each(columns, rows, key, update)
    _merge(conn, table, columns, rows, _on_conflict(key, update))


def update_by(conn: Connection, table: Table, key_column: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Set *columns* in the rows whose *key_column* equals the last value of each tuple; no such row: nothing."""
    driver = _driver(conn)
    columns = tuple(columns)
    if isinstance(driver, sqlite3.Connection):
        driver.executemany(_update(table.name, columns, key_column, "?"), rows).close()
        return
    rows = list({row[-1]: row for row in rows}.values())
    with driver.cursor() as cursor:
        if len(rows) <= FEW:
            cursor.executemany(_update(table.name, columns, key_column, "%s"), rows)
            return
        staging = _stage(cursor, table.name, (*columns, key_column), rows)
        settings = ", ".join(f'"{column}" = staged."{column}"' for column in columns)
        cursor.execute(
            f'UPDATE "{table.name}" AS target SET {settings} FROM "{staging}" AS staged'  # noqa: S608 - our names
            f' WHERE target."{key_column}" = staged."{key_column}"'
        )
        cursor.execute(f'TRUNCATE "{staging}"')


def select_in(
    conn: Connection,
    columns: Sequence[Column[Any]],
    column: Column[Any],
    values: Iterable[object],
    also: Mapping[str, object] | None = None,
) -> list[Row]:
    """The *columns* of the rows whose *column* is one of *values*, and whose columns named in *also* equal what it
    says; in any order."""
    names = ", ".join(f'"{one.name}"' for one in columns)
    start = f'SELECT {names} FROM "{column.table.name}"'  # noqa: S608 - our names
    found: list[Row] = []
    for cursor in _each_chunk(_driver(conn), start, column.name, values, also or {}):
        found += cursor.fetchall()
    return found


def select_together(conn: Connection, *statements: tuple[str, Sequence[object]]) -> list[list[Row]]:
    """The rows of several statements, each with its values, for which `{}` stands. A server gets them all at once: one
    way there and back instead of one for each."""
    driver = _driver(conn)
    if isinstance(driver, sqlite3.Connection):
        found = []
        for statement, values in statements:
            lite = driver.execute(statement.format(*"?" * len(values)), values)
            found.append(lite.fetchall())
            lite.close()
        return found
    with driver.pipeline():
        cursors = [driver.execute(one.format(*["%s"] * len(values)), values) for one, values in statements]
        return [cursor.fetchall() for cursor in cursors]


def select_each(conn: Connection, statements: Sequence[str], values: Iterable[object]) -> list[list[Row]]:
    """The rows of several statements about the same values, for which `{}` stands after a column's name. A server gets
    them as one, which takes a third of the time, and answers in JSON, so columns are what that knows."""
    driver = _driver(conn)
    wanted = list(dict.fromkeys(values))
    found: list[list[Row]] = [[] for _ in statements]
    if isinstance(driver, sqlite3.Connection):
        for chunk in _filled(wanted):
            test = f"IN ({', '.join('?' * len(chunk))})"
            for place, statement in enumerate(statements):
                lite = driver.execute(statement.format(test), chunk)
                found[place] += lite.fetchall()
                lite.close()
        return found
    whole = _as_one(tuple(statements))
    for begin in range(0, len(wanted), _POSTGRES_CHUNK):
        for place, row in driver.execute(whole, {"values": wanted[begin : begin + _POSTGRES_CHUNK]}):
            found[place].append(tuple(_object(row).values()))
    return found


_object = msgspec.json.Decoder(dict[str, Any]).decode


@lru_cache
def _as_one(statements: tuple[str, ...]) -> str:
    parts = (one.format("= ANY(%(values)s)") for one in statements)
    return " UNION ALL ".join(
        f"SELECT {place}, CAST(row_to_json(one) AS text) FROM ({part}) AS one"  # noqa: S608 - our statements
        for place, part in enumerate(parts)
    )


@contextmanager
def together(conn: Connection) -> Iterator[None]:
    """What few rows need is sent to a server at once, and answered at the end of the block."""
    driver = _driver(conn)
    with nullcontext() if isinstance(driver, sqlite3.Connection) else driver.pipeline():
        yield


def delete_in(
    conn: Connection, column: Column[Any], values: Iterable[object], also: Mapping[str, object] | None = None
) -> int:
    """Delete the rows that `select_in` would give; returns how many."""
    start = f'DELETE FROM "{column.table.name}"'  # noqa: S608 - our names
    return sum(cursor.rowcount for cursor in _each_chunk(_driver(conn), start, column.name, values, also or {}))


def raise_in(conn: Connection, column: Column[Any], to: int, key: Column[Any], values: Iterable[object]) -> None:
    """Raise *column* to the number *to* in the rows whose *key* is one of *values*, and where it is lower."""
    start = f'UPDATE "{column.table.name}" SET "{column.name}" = {to:d}'  # noqa: S608 - our names
    for _ in _each_chunk(_driver(conn), start, key.name, values, {}, f' AND "{column.name}" < {to:d}'):
        pass


_Driver = sqlite3.Connection | psycopg.Connection[Row]
_Cursor = psycopg.Cursor[Row]


def _driver(conn: Connection) -> _Driver:
    """The driver's own connection, which is in SQLAlchemy's transaction."""
    driver = conn.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection | psycopg.Connection)
    assert conn.in_transaction()
    return driver


def _merge(conn: Connection, table: Table, columns: tuple[str, ...], rows: list[Row], conflict: str) -> int:
    if not rows:
        return 0
    driver = _driver(conn)
    if isinstance(driver, sqlite3.Connection):
        lite = driver.executemany(f"{_insert(table.name, columns)} {conflict}", rows)
        lite.close()
        return lite.rowcount
    with driver.cursor() as cursor:
        if len(rows) <= FEW:
            cursor.executemany(f"{_insert(table.name, columns, '%s')} {conflict}", rows)
            return cursor.rowcount
        staging = _stage(cursor, table.name, columns, rows)
        names = ", ".join(f'"{column}"' for column in columns)
        cursor.execute(
            f'INSERT INTO "{table.name}" ({names}) SELECT {names} FROM "{staging}" {conflict}'  # noqa: S608
        )
        count = cursor.rowcount
        cursor.execute(f'TRUNCATE "{staging}"')
        return count


def _each_chunk(
    driver: _Driver, start: str, column: str, values: Iterable[object], also: Mapping[str, object], end: str = ""
) -> Iterable[Any]:
    """Run one statement per chunk of distinct values, *end* behind it; the cursors, one after the other."""
    wanted = list(dict.fromkeys(values))
    if isinstance(driver, sqlite3.Connection):
        for chunk in _filled(wanted):
            statement = _where(start, column, tuple(also), f"IN ({', '.join('?' * len(chunk))})", "?") + end
            lite = driver.execute(statement, (*also.values(), *chunk))
            yield lite
            lite.close()
        return
    statement = _where(start, column, tuple(also), "= ANY(%s)", "%s") + end
    for begin in range(0, len(wanted), _POSTGRES_CHUNK):
        with driver.cursor() as cursor:
            yield cursor.execute(statement, (*also.values(), wanted[begin : begin + _POSTGRES_CHUNK]))


def _filled(wanted: list[object]) -> Iterable[list[object]]:
    """Values in chunks, each filled up with its last one to a power of two, so that few statements are prepared."""
    size = 1 << (min(len(wanted), _SQLITE_CHUNK) - 1).bit_length() if wanted else 0
    for begin in range(0, len(wanted), max(size, 1)):
        chunk = wanted[begin : begin + size]
        yield chunk + [chunk[-1]] * (size - len(chunk))


def _last_of_each(
    columns: tuple[str, ...], rows: list[Row], key: tuple[str, ...], update: tuple[str, ...]
) -> list[Row]:
    """One row per key, as if they had come one by one: the first's values, and of *update* the last's. PostgreSQL
    refuses to touch a row twice in one statement."""
    places = [columns.index(name) for name in key]
    key_of = itemgetter(*places)
    if len(set(map(key_of, rows))) == len(rows):
        return rows
    changing = [columns.index(name) for name in update]
    merged: dict[object, list[Any]] = {}
    for number, row in enumerate(rows):
        name = key_of(row) if all(row[place] is not None for place in places) else (number, None)  # NULLs differ
        first = merged.setdefault(name, list(row))
        for place in changing:
            first[place] = row[place]
    return [tuple(row) for row in merged.values()]


def _copy(cursor: _Cursor, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    with cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)) as copy:
        write = copy.write_row
        for row in rows:
            write(row)


def _stage(cursor: _Cursor, table: str, columns: tuple[str, ...], rows: list[Row]) -> str:
    """Put rows into a temporary table of this session, made once; returns its name."""
    name = _staging_name(table, columns)
    names = ", ".join(f'"{column}"' for column in columns)
    cursor.execute(
        f'CREATE TEMPORARY TABLE IF NOT EXISTS "{name}" ON COMMIT DELETE ROWS'  # noqa: S608 - our names
        f' AS SELECT {names} FROM "{table}" WITH NO DATA'
    )
    _copy(cursor, name, columns, rows)
    return name


@lru_cache
def _staging_name(table: str, columns: tuple[str, ...]) -> str:
    return f"bulk_{table}_{abs(hash(columns)):x}"


@lru_cache
def _insert(table: str, columns: tuple[str, ...], mark: str = "?") -> str:
    names = ", ".join(f'"{column}"' for column in columns)
    return f'INSERT INTO "{table}" ({names}) VALUES ({", ".join([mark] * len(columns))})'  # noqa: S608 - our names


@lru_cache
def _update(table: str, columns: tuple[str, ...], key: str, mark: str) -> str:
    settings = ", ".join(f'"{column}" = {mark}' for column in columns)
    return f'UPDATE "{table}" SET {settings} WHERE "{key}" = {mark}'  # noqa: S608 - our names


@lru_cache
def _on_conflict(key: tuple[str, ...], update: tuple[str, ...]) -> str:
    target = ", ".join(f'"{column}"' for column in key)
    settings = ", ".join(f'"{column}" = excluded."{column}"' for column in update)
    return f"ON CONFLICT ({target}) DO " + (f"UPDATE SET {settings}" if update else "NOTHING")


@lru_cache
def _where(start: str, column: str, also: tuple[str, ...], test: str, mark: str) -> str:
    conditions = [*(f'"{name}" = {mark}' for name in also), f'"{column}" {test}']
    return f"{start} WHERE {' AND '.join(conditions)}"
