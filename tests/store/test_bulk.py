"""Bulk statements do what their rows would do one by one, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete

from sync.store import bulk
from sync.store.bulk import Row
from sync.store.database import Database
from sync.store.schema import decision, meta, release, secret

COLUMNS = ("connection", "brake", "size", "at")
KEY = ("connection", "brake")

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4)
numbers = st.integers(-(2**31), 2**31 - 1)
rows = st.lists(st.tuples(st.sampled_from(["a", "b", "", "x\"'\\\n\t"]), texts, numbers, numbers), max_size=60)
quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def everything(conn: Connection) -> dict[tuple[str, str], tuple[int, int]]:
    found = conn.exec_driver_sql("SELECT connection, brake, size, at FROM release").all()
    return {(a, b): (c, d) for a, b, c, d in found}


def emptied(conn: Connection) -> None:
    conn.execute(delete(release))


@quick
@given(before=rows, after=rows, update=st.sampled_from([(), ("size",), ("size", "at")]))
def test_upsert(database: Database, before: list[Row], after: list[Row], update: tuple[str, ...]) -> None:
    """The first row of a key makes it, later ones set only the columns to update, in order."""
    expected: dict[Any, Any] = {}
    for a, b, size, at in before:
        expected[a, b] = (size, at)
    for a, b, size, at in after:
        old = expected.setdefault((a, b), (size, at))
        expected[a, b] = (size if "size" in update else old[0], at if "at" in update else old[1])

    with database.write() as conn:
        emptied(conn)
        bulk.upsert(conn, release, COLUMNS, before, KEY, ("size", "at"))
        bulk.upsert(conn, release, COLUMNS, iter(after), KEY, update)

        assert everything(conn) == expected


@quick
@given(before=rows, after=rows)
def test_insert_ignore(database: Database, before: list[Row], after: list[Row]) -> None:
    """The first of a key stays; the number of new ones is told."""
    expected: dict[Any, Any] = {}
    for a, b, size, at in before:
        expected.setdefault((a, b), (size, at))
    known = len(expected)
    for a, b, size, at in after:
        expected.setdefault((a, b), (size, at))

    with database.write() as conn:
        emptied(conn)
        bulk.insert_ignore(conn, release, COLUMNS, before)
        added = bulk.insert_ignore(conn, release, COLUMNS, after)

        assert everything(conn) == expected
        assert added == len(expected) - known


@quick
@given(before=rows, after=st.lists(st.tuples(numbers, texts), max_size=60))
def test_update_by(database: Database, before: list[Row], after: list[tuple[int, str]]) -> None:
    """The last value of a key wins; keys that are not there do nothing."""
    expected = {(a, b): (size, at) for a, b, size, at in before}
    for size, brake in after:
        expected = {key: (size if key[1] == brake else old[0], old[1]) for key, old in expected.items()}

    with database.write() as conn:
        emptied(conn)
        bulk.upsert(conn, release, COLUMNS, before, KEY, ("size", "at"))
        bulk.update_by(conn, release, "brake", ("size",), after)

        assert everything(conn) == expected


@quick
@given(before=rows, values=st.lists(st.one_of(texts, st.sampled_from(["a", "b"])), max_size=40), within=st.booleans())
def test_select_and_delete_in(database: Database, before: list[Row], values: list[str], within: bool) -> None:
    """Both take exactly the rows whose column is among the values, once each, and meet the other conditions."""
    state = {(a, b): (size, at) for a, b, size, at in before}
    wanted = [*values, *(row[1] for row in before[:5])]
    also = {"connection": "a"} if within else None
    hit = {key for key in state if key[1] in wanted and (not within or key[0] == "a")}

    with database.write() as conn:
        emptied(conn)
        bulk.upsert(conn, release, COLUMNS, before, KEY, ("size", "at"))
        columns = [release.c.connection, release.c.brake, release.c.size]
        found = bulk.select_in(conn, columns, release.c.brake, wanted, also)
        count = bulk.delete_in(conn, release.c.brake, wanted, also)

        assert sorted(found) == sorted((*key, state[key][0]) for key in hit)
        assert count == len(hit)
        assert everything(conn) == {key: value for key, value in state.items() if key not in hit}


@quick
@given(before=rows, to=st.integers(-5, 5), values=st.lists(st.sampled_from(["a", "b", ""]), max_size=5))
def test_raise_in(database: Database, before: list[Row], to: int, values: list[str]) -> None:
    """What is lower is raised where the key is among the values; what is as high or higher stays."""
    state = {(a, b): (size, at) for a, b, size, at in before}

    with database.write() as conn:
        emptied(conn)
        bulk.upsert(conn, release, COLUMNS, before, KEY, ("size", "at"))
        bulk.raise_in(conn, release.c.size, to, release.c.connection, values)

        assert everything(conn) == {
            key: (max(size, to), at) if key[0] in values else (size, at) for key, (size, at) in state.items()
        }


@pytest.mark.parametrize("size", [1, 11, 12, 13, 499, 500, 501, 1_000, 25_000])
def test_every_size(database: Database, size: int) -> None:
    """Chunks and the switch to staging tables lose and double nothing at their edges."""
    made = [(f"k{number}", str(number)) for number in range(size)]
    with database.write() as conn:
        bulk.insert(conn, meta, ("key", "value"), made)
        bulk.upsert(conn, meta, ("key", "value"), made, ("key",), ("value",))
        bulk.update_by(conn, meta, "key", ("value",), [(value + "!", key) for key, value in made])
        found = bulk.select_in(conn, [meta.c.key, meta.c.value], meta.c.key, [key for key, _ in made * 2])

        assert sorted(found) == sorted((key, value + "!") for key, value in made)
        assert bulk.delete_in(conn, meta.c.key, [key for key, _ in made]) == size


def test_nothing_is_nothing(database: Database) -> None:
    """No rows, no statement, no error."""
    with database.write() as conn:
        bulk.insert(conn, meta, ("key", "value"), [])
        bulk.upsert(conn, meta, ("key", "value"), [], ("key",), ("value",))
        bulk.update_by(conn, meta, "key", ("value",), [])

        assert bulk.insert_ignore(conn, meta, ("key", "value"), []) == 0
        assert bulk.select_in(conn, [meta.c.key], meta.c.key, []) == []
        assert bulk.delete_in(conn, meta.c.key, []) == 0


@pytest.mark.parametrize("times", [1, 40])
def test_all_types_come_back(database: Database, times: int) -> None:
    """Text of any script, bytes, big numbers and blanks are read back as they were written."""
    strange = 'Zoë "quoted" \\N \\. \t\n\r كارين 🥐 ' + "long " * 50_000
    columns = ("id", "kind", "record", "name", "value", "rejects", "at", "revision")
    made = [(2**53 + number, "", number, "", strange, None, 2**53, 2**31 - 1) for number in range(times)]
    sealed = [(f"{number}", bytes(range(256))) for number in range(times)]
    with database.write() as conn:
        bulk.upsert(conn, decision, columns, made, ("id",), ("value", "rejects"))
        bulk.upsert(conn, secret, ("name", "sealed"), sealed, ("name",), ("sealed",))
        found = bulk.select_in(conn, [decision.c[name] for name in columns], decision.c.id, [row[0] for row in made])
        opened = bulk.select_in(conn, [secret.c.name, secret.c.sealed], secret.c.name, [row[0] for row in sealed])

    assert sorted(found) == made
    assert sorted(opened) == sorted(sealed)


def test_insert_refuses_a_second_of_one_key(database: Database) -> None:
    """Insert is for what cannot be there; the whole transaction is taken back."""
    with pytest.raises(Exception, match="(?i)unique") as caught, database.write() as conn:
        bulk.insert(conn, meta, ("key", "value"), [("a", "1"), ("b", "2"), ("a", "3")])

    assert type(caught.value).__mro__[1].__name__ in ("IntegrityError", "DatabaseError")
    with database.read() as conn:
        assert bulk.select_in(conn, [meta.c.key], meta.c.key, ["a", "b"]) == []


def test_staging_tables_do_not_mix(database: Database) -> None:
    """Many tables and column lists in one transaction and the next keep their rows apart."""
    many = [(f"k{number}", "1") for number in range(100)]
    turned = [("2", f"k{number}") for number in range(50)]
    for _ in range(2):
        with database.write() as conn:
            bulk.upsert(conn, meta, ("key", "value"), many, ("key",), ("value",))
            bulk.upsert(conn, meta, ("value", "key"), turned, ("key",), ("value",))
            bulk.upsert(conn, meta, ("key", "value"), many[:20], ("key",), ("value",))
    with database.read() as conn:
        found: dict[str, str] = dict(
            bulk.select_in(conn, [meta.c.key, meta.c.value], meta.c.key, [key for key, _ in many])
        )

    assert found == {f"k{number}": "2" if 20 <= number < 50 else "1" for number in range(100)}


@quick
@given(before=rows, values=st.lists(st.sampled_from(["a", "b", "c", "x\"'\\\n\t"]), max_size=3))
def test_select_each(database: Database, before: list[Row], values: list[str]) -> None:
    """Several statements about the same values give what each would give by itself."""
    statements = (
        "SELECT connection, brake, size, at FROM release WHERE connection {}",
        """SELECT DISTINCT a.connection, b.size FROM release a CROSS JOIN release b
           WHERE b.connection = a.connection AND b.brake = a.brake AND a.connection {}""",
    )
    with database.write() as conn:
        emptied(conn)
        bulk.upsert(conn, release, COLUMNS, before, KEY, ("size", "at"))
        found, sizes = bulk.select_each(conn, statements, values)
        expected = {(*key, *rest) for key, rest in everything(conn).items() if key[0] in values}

        assert sorted(found) == sorted(expected)
        assert set(sizes) == {(row[0], row[2]) for row in expected}


@pytest.mark.parametrize("count", [1, 500, 501, 20_001])
def test_select_each_of_many(database: Database, count: int) -> None:
    """However many values there are, each row comes once."""
    with database.write() as conn:
        emptied(conn)
        bulk.insert(conn, release, COLUMNS, [(f"c{number}", "", number, 0) for number in range(count)])
        (found,) = bulk.select_each(
            conn, ("SELECT size FROM release WHERE connection {}",), [f"c{number}" for number in range(count)]
        )

        assert sorted(found) == [(number,) for number in range(count)]


def test_what_is_sent_together_is_done_and_answered(database: Database) -> None:
    """Small writes in one go are there afterwards, and several questions have their answers in order."""
    with database.write() as conn:
        emptied(conn)
        with bulk.together(conn):
            bulk.insert_ignore(conn, release, COLUMNS, [("a", "x", 1, 2), ("b", "x", 1, 2)])
            bulk.upsert(conn, release, COLUMNS, [("a", "x", 3, 4)], KEY, ("size",))
            bulk.delete_in(conn, release.c.connection, ["b"], {"brake": "x"})
        sizes, counts = bulk.select_together(
            conn,
            ("SELECT connection, size, at FROM release WHERE size > {} AND at < {}", (2, 3)),
            ("SELECT count(*) FROM release", ()),
        )

        assert (sizes, counts) == ([("a", 3, 2)], [(1,)])
