"""The server of one store, in a process of its own (`benchmarks.talking`).

Serves the receiver as `regulars serve` does, and beside it, on another port, the bare limit: the same server, the same
store and the same post that commits in groups, but no check of a signature and no look at the body.
"""

from __future__ import annotations

import itertools
import time
from contextlib import closing
from pathlib import Path

import msgspec
from flask import Flask, Response, request
from sqlalchemy import delete

from benchmarks.measure import peak
from benchmarks.receiver_load import PUBLIC, SECRET
from benchmarks.talking import answer, questions
from connectors.hubspot_hooks import HOOKS as HUBSPOT
from connectors.mailchimp_hooks import HOOKS as MAILCHIMP
from sync import inbox
from sync.inbox import Mail
from sync.store.database import Database, open_database
from sync.store.schema_inbox import inbox as table
from webhooks.counts import Counts
from webhooks.health import create_health
from webhooks.listen import listening
from webhooks.post import Post
from webhooks.receiver import Door, create_app


class Order(msgspec.Struct):
    """The first time: over which store, the address of a server, or nothing for a file in the folder. Then: whether
    there is one more round, for which the inbox is emptied."""

    url: str
    folder: str


class Ports(msgspec.Struct):
    """Where each listens."""

    whole: int
    bare: int


class Held(msgspec.Struct):
    """What there was at the end of a round: deliveries that wait in the store, CPU seconds that the process spent since
    the round before, and the most MB that it ever had."""

    waiting: int
    cpu: float
    peak: float


def whole(database: Database, post: Post) -> Flask:
    """The receiver with a door for each platform."""
    doors = {name: Door(name, hooks, lambda: [SECRET]) for name, hooks in _HOOKS.items()}
    counts = Counts()
    return create_app(doors, post, counts, public=PUBLIC, pages=[create_health(database, counts)])


def bare(post: Post) -> Flask:
    """Whatever comes is filed."""
    app, numbers = Flask("bare"), itertools.count()

    @app.post("/webhooks/<connection>")
    def receive(connection: str) -> Response:
        body = request.get_data(cache=False)
        post.put(Mail(connection, f"{next(numbers):032x}", int(time.time() * 1000), body))
        return Response("ok\n", 200, mimetype="text/plain")

    return app


_HOOKS = {"hubspot": HUBSPOT, "mailchimp": MAILCHIMP}


def _main() -> None:
    asked = questions(Order)
    order = next(asked)
    with open_database(order.url or None, Path(order.folder), now=lambda: time.time_ns() // 1_000_000) as database:
        post = Post(database)
        with (
            closing(post),
            listening(whole(database, post), "127.0.0.1", 0) as ours,
            listening(bare(post), "127.0.0.1", 0) as limit,
        ):
            answer(Ports(ours, limit))
            before = time.process_time()
            for _ in asked:
                spent = time.process_time() - before
                answer(Held(_emptied(database), spent, peak()))
                before = time.process_time()


def _emptied(database: Database) -> int:
    """Empty the inbox; how many waited in it."""
    with database.read() as conn:
        waiting = sum(by["waiting"] for by in inbox.counts(conn).values())
    with database.write() as conn:
        conn.execute(delete(table))
    return waiting


if __name__ == "__main__":
    _main()
