"""A crowd for segments, put straight into a store: people, records, touchpoints, deals, consent, relationships.

The database makes the rows itself, from numbers alone, in the same words on SQLite and PostgreSQL. So both hold the
same crowd each time, and ten million rows need no Python. Dice are the number of a row, stirred.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from sqlalchemy import text

from sync.store import schema as t
from sync.store.database import Database

NOW = int(datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp() * 1000)
DAY = 86_400_000
TOUCHES = 10
"""Touchpoints a person, on average: from 4 to 16."""

_STEP = 100_000  # people a transaction
_SIDES = 1_048_573
_THREE_YEARS = 90_000  # milliseconds per point of a die


def person_of(number: int) -> str:
    """The id of a person, as `_PERSON` says it."""
    return f"p_{10_000_000_000 + number * 48_271 % 2_147_483_647}"


_PERSON = "('p_' || CAST(10000000000 + n * 48271 % 2147483647 AS TEXT))"
_MAIL = "('c' || CAST(100000000 + n AS TEXT) || '@example.com')"


def _dice(salt: int, number: str = "n") -> str:
    return f"((({number}) * 1103515245 + {salt * 7919 + 12345}) % 2147483648 / 64 * 69069 % {_SIDES})"


def _two(number: str) -> str:
    return f"substr(CAST(100 + {number} AS TEXT), 2)"


_DICED = """
  SELECT n, k, {record} AS record, {first} AS d, {second} % 1000 AS e, {age} AS age
  FROM (SELECT a.n AS n, b.n AS k FROM bench_number a CROSS JOIN bench_few b
        WHERE a.n > {low} AND a.n <= {high} AND b.n <= {most}) AS pairs
"""

# Kind, channel, way and by of a touchpoint, up to this die of a thousand.
_KINDS = (
    (550, "sent", "email", "out", "unknown"), (700, "opened", "email", "in", "person"),
    (770, "opened", "email", "in", "machine"), (830, "clicked", "email", "in", "person"),
    (840, "clicked", "email", "in", "machine"), (890, "purchased", "shop", "in", "person"),
    (894, "reviewed", "web", "in", "person"), (920, "wrote", "email", "in", "person"),
    (940, "wrote", "email", "out", "person"), (955, "called", "phone", "out", "person"),
    (970, "called", "phone", "in", "person"), (978, "met", "meeting", "out", "person"),
    (984, "ticket", "ticket", "in", "person"), (988, "chatted", "chat", "in", "person"),
    (994, "bounced", "email", "out", "unknown"), (1000, "noted", "note", "", "person"),
)  # fmt: skip


def _kind(place: int) -> str:
    return "CASE " + " ".join(f"WHEN e < {row[0]} THEN '{row[place]}'" for row in _KINDS) + " END"


def _statements(people: int, low: int, high: int) -> Iterator[str]:
    """The rows of the people from *low* on, up to *high*. Three of ten have a second record."""
    some = f"FROM bench_number WHERE n > {low} AND n <= {high}"
    day = f"{_two(f'(1 + {_dice(1)} % 12)')} || '-' || {_two(f'(1 + {_dice(2)} % 28)')}"
    birthday = f"CASE WHEN n % 10 = 4 THEN '1980-' ELSE '' END || {day}"
    named = f"""'{{"name":"Person ' || n || '","birthday":"' || {birthday} || '","""
    fields = named + """"city":"Bern","visits":' || (n % 50) || '}'"""
    person = "INSERT INTO person (id, name, email, fields, records)"
    yield f"{person} SELECT {_PERSON}, 'Person ' || n, {_MAIL}, {fields}, 1 {some}"
    record = "INSERT INTO record (id, connection, remote_id, person, founder, first)"
    yield f"{record} SELECT n, 'mailchimp', 'm' || n, {_PERSON}, {_PERSON}, 1 {some}"
    second = f"{some} AND n % 10 < 3"
    yield f"{record} SELECT n + {people}, 'hubspot', 'h' || n, {_PERSON}, {_PERSON}, 1 {second}"
    identifier = "INSERT INTO identifier (kind, value, record)"
    yield f"{identifier} SELECT 'email', {_MAIL}, n {some}"
    other = f"CASE WHEN n % 2 = 0 THEN {_MAIL} ELSE 'other.' || {_MAIL} END"
    yield f"{identifier} SELECT 'email', {other}, n + {people} {second}"
    role = "CASE WHEN n % 20 < 12 THEN 'customer' WHEN n % 20 < 18 THEN 'prospect'"
    role += " WHEN n % 20 < 19 THEN 'supplier' ELSE 'partner' END"
    stage = f"CASE WHEN {_dice(3)} % 50 = 0 THEN 'advocacy' ELSE '' END"
    until = f"CASE WHEN {_dice(4)} % 33 = 0 THEN {NOW - DAY} END"
    yield (
        "INSERT INTO relationship (person, role, stage, since, until)"
        f" SELECT {_PERSON}, {role}, {stage}, {NOW} - {_dice(5)} * {_THREE_YEARS}, {until} {some}"
    )
    consent = "INSERT INTO consent (address, purpose, state, at, explicit)"
    for state, salt, share in (("granted", 6, "< 85"), ("withdrawn", 7, "< 8"), ("undeliverable", 8, "< 3")):
        explicit = "true" if state == "granted" else "false"
        yield (
            f"{consent} SELECT {_MAIL}, 'marketing', '{state}', {NOW} - {_dice(salt + 10)} * {_THREE_YEARS}, {explicit}"
            f" {some} AND {_dice(salt)} % 100 {share}"
        )
    said = f"CASE WHEN {_dice(20)} % 20 < 10 THEN 'nps' WHEN {_dice(20)} % 20 < 17 THEN 'csat' ELSE 'review' END"
    score = f"CASE WHEN {_dice(20)} % 20 < 10 THEN {_dice(21)} % 11 ELSE 1 + {_dice(21)} % 5 END"
    yield (
        "INSERT INTO feedback (record, at, key, kind, score)"
        f" SELECT n, {NOW} - {_dice(22)} * {_THREE_YEARS}, 'f' || n, {said}, {score} {some} AND n % 4 = 0"
    )
    pair = {"low": low, "high": high, "first": _dice(30, "n * 16 + k"), "second": _dice(31, "n * 16 + k")}
    age = f"{_dice(32, 'n * 16 + k')} * {_THREE_YEARS} + CASE WHEN n % 4 = 0 THEN {95 * DAY} ELSE 0 END"
    whose = f"CASE WHEN k > 6 AND n % 10 < 3 THEN n + {people} ELSE n END"
    by = f"CASE WHEN n % 11 = 0 AND e < 840 AND e >= 550 THEN 'machine' ELSE {_kind(4)} END"
    yield (
        'INSERT INTO touchpoint (record, at, kind, key, item, channel, way, "by", campaign)'
        f" SELECT record, {NOW} - age, {_kind(1)}, 'k' || k, 0, {_kind(2)}, {_kind(3)}, {by}, 'c' || d % 40"
        f" FROM ({_DICED.format(**pair, record=whose, age=age, most=f'{TOUCHES - 6} + a.n % 13')}) AS diced"
    )
    state = "CASE WHEN e < 750 THEN 'won' WHEN e < 900 THEN 'open' ELSE 'lost' END"
    closed = f"{_dice(40, 'n * 16 + k')} * {_THREE_YEARS}"
    yield (
        "INSERT INTO deal (id, connection, remote_id, state, amount, currency, closed)"
        f" SELECT n * 4 + k, 'hubspot', 'd' || (n * 4 + k), {state}, d % 50000, 'EUR', {NOW} - age"
        f" FROM ({_DICED.format(**pair, record='n', age=closed, most='a.n % 3')}) AS diced"
    )
    party = "INSERT INTO deal_party (record, deal, organization) SELECT {0}, a.n * 4 + b.n, '' FROM bench_number a"
    of = f" CROSS JOIN bench_few b WHERE a.n > {low} AND a.n <= {high} AND b.n <= a.n % 3"
    yield party.format("a.n") + of
    yield party.format(f"a.n + {people}") + of + " AND a.n % 10 = 0"  # by both records on one deal


_FILLED = (
    t.person, t.record, t.identifier, t.relationship, t.consent, t.feedback, t.touchpoint, t.deal, t.deal_party,
)  # fmt: skip


def fill(database: Database, people: int) -> None:
    """Put *people* into an empty store. Indexes are made when the rows are there, and a server gets to know them."""
    indexes = [index for table in _FILLED for index in sorted(table.indexes, key=lambda index: str(index.name))]
    with database.write() as conn:
        for index in indexes:
            index.drop(conn)
        for table, count in (("bench_number", people), ("bench_few", TOUCHES + 6)):
            numbers = f"SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM c WHERE n < {count}"
            conn.execute(text(f"CREATE TABLE {table} (n BIGINT PRIMARY KEY)"))
            conn.execute(text(f"INSERT INTO {table} WITH RECURSIVE c(n) AS ({numbers}) SELECT n FROM c"))
    for low in range(0, people, _STEP):
        with database.write() as conn:
            for statement in _statements(people, low, min(low + _STEP, people)):
                conn.execute(text(statement.replace(":", r"\:")))
    with database.write() as conn:
        for index in indexes:
            index.create(conn)
        for table in ("bench_number", "bench_few"):
            conn.execute(text(f"DROP TABLE {table}"))
    if not database.is_sqlite:  # what its own housekeeping does sooner or later
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            conn.execute(text("VACUUM ANALYZE"))
