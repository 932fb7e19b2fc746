"""What is due at a connection follows from the store, on both kinds of it."""

from __future__ import annotations

from sync import dues, inbox, runs
from sync.balance import Balance
from sync.inbox import Mail
from sync.store.database import Database

NOW = 1_790_000_000_000


def known(database: Database, name: str) -> dues.Due:
    with database.read() as conn:
        return dues.known(conn)[name]


def test_a_run_that_was_broken_off_is_taken_over(database: Database) -> None:
    """By whoever takes the lease of one of its connections next; at the others it stays due."""
    runs.register(database, [("a", "toy"), ("b", "toy")])
    first, _ = runs.begin(database, "sync", NOW)
    with database.write() as conn:
        fresh = dues.begin(conn, ["a", "b"], first, carries=True)
    broken = known(database, "a").broken_off, known(database, "b").broken_off
    second, _ = runs.begin(database, "hear", NOW)
    with database.write() as conn:
        taken_over = dues.begin(conn, ["a"], second, carries=True)
    runs.end(database, second, Balance(run=second), NOW)

    assert (fresh, broken, taken_over) == (False, (True, True), True)
    assert (known(database, "a").broken_off, known(database, "b").broken_off) == (False, True)


def test_what_is_owed_is_owed_until_it_was_planned(database: Database) -> None:
    """And what a connection's own run left is no news to it, so that two who are stuck do not wake each other."""
    runs.register(database, [("a", "toy"), ("b", "toy")])
    with database.write() as conn:
        told = dues.owe(conn, {"b": "plan"}, NOW)
    owed = known(database, "b").owed
    with database.write() as conn:
        dues.begin(conn, ["b"], 7, carries=True)
        dues.end(conn, {"b": dues.End(left="plan")})
        again = dues.owe(conn, {"b": "plan"}, NOW)
    quiet = known(database, "b").carries()
    with database.write() as conn:
        other = dues.owe(conn, {"b": "another plan"}, NOW)

    assert (told, owed, again, quiet, other) == (["b"], NOW, [], False, ["b"])
    assert known(database, "b").carries()


def test_mail_and_looks(database: Database) -> None:
    """Mail is heard, but not before a first look, and not before a look that nobody judged is made again."""
    runs.register(database, [("a", "toy")])
    before = known(database, "a")
    with database.durable(beside=True) as conn:
        inbox.file(conn, [Mail("a", "key", NOW, b"{}")])
    with database.write() as conn:
        dues.begin(conn, ["a"], 0, carries=False)
        dues.look(conn, "a", begun=True)
        unjudged = dues.unjudged(conn)

    assert (before.must_look, before.carries()) == (True, False)
    assert (known(database, "a").mail, known(database, "a").looking, unjudged) == (True, True, {"a"})
