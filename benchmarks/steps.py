"""The steps that are measured. Each runs in a fresh process and says what it did, so that it can be checked."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, Table, func, select
from sqlalchemy.engine import make_url

from benchmarks import bare
from benchmarks.measured import Done, Order
from benchmarks.streams_steps import activity
from benchmarks.street import EXTRA
from connectors import Settings, platform
from connectors.base import Connector
from connectors.pace import Pace
from mapping.decisions import Policies
from mapping.fields import Field, FieldTable
from mapping.model import Direction, WriteKind
from sandbox.mailchimp import LIST
from sync import runs
from sync.balance import Balance
from sync.engine import Engine
from sync.pull import Puller
from sync.resolve import resolve
from sync.store import schema as t
from sync.store.database import Database, open_database
from sync.wired import Wired


@dataclass
class Bench:
    """The open parts of one step. Nothing in here is measured but what a step does with it."""

    order: Order
    clock: Callable[[], float] = field(init=False)
    hubspot: Connector = field(init=False)
    mailchimp: Connector = field(init=False)

    def __post_init__(self) -> None:
        self.clock = lambda: time.time() + self.order.ahead
        self.hubspot = self._open("hubspot", {"token": bare.TOKEN}, "", hubspot_fields(self.order.properties))
        self.mailchimp = self._open("mailchimp", {"api_key": bare.KEY}, LIST, mailchimp_fields())

    def now(self) -> int:
        return round(self.clock() * 1000)

    def _open(self, name: str, credential: Mapping[str, str], audience: str, fields: FieldTable) -> Connector:
        settings = Settings(base_url=self.order.addresses[name], audience=audience, fields=fields, region="DE")
        make: Callable[..., Connector] = platform(name).connector
        return make(credential, settings, pace=Pace(at_once=10), clock=self.clock)  # quotas are off on both sides

    def store(self) -> Database:
        """The store that this step works on: a file of the step's folder, or a schema of REGULARS_DATABASE."""
        url = os.environ.get("REGULARS_DATABASE")
        if url:
            parsed = make_url(url)
            url = parsed.update_query_dict({"schema": self.order.store}).render_as_string(hide_password=False)
        return open_database(url, Path(self.order.folder), now=self.now)

    def engine(self, database: Database) -> Engine:
        wired = [
            Wired("hubspot", self.hubspot, Direction.BOTH, platform="hubspot"),
            Wired("mailchimp", self.mailchimp, Direction.BOTH, platform="mailchimp"),
        ]
        kinds = {row.name: row.kind for one in wired for row in one.connector.fields}
        ranks = {one.name: rank for rank, one in enumerate(wired)}
        return Engine(database, wired, Policies(ranks=ranks, kinds=kinds, region="DE"), now=self.now)


def hubspot_fields(properties: Sequence[str]) -> FieldTable:
    """The connector's table, and a row for each further property of the town: what one gets by choosing them all."""
    table = platform("hubspot").connector.table
    known = {remote for row in table for remote in row.remote.split("+")} | {"hs_email_optout"}
    names = {"favourite_bread": "bread"}
    return table.choose(None, [Field(names.get(one, one), one, label=one) for one in properties if one not in known])


def mailchimp_fields() -> FieldTable:
    """The connector's table, and the audience's own merge field."""
    table = platform("mailchimp").connector.table
    bread = replace(table.by_name["company"], name="bread", remote="merge_fields.BREAD", label="Favourite bread")
    return table.choose(None, [bread])


def preload() -> None:
    """Load what is loaded lazily, so that it counts as start-up and not as work."""
    for name in (
        "hubspot.crm.contacts",
        "hubspot.crm.properties",
        "mailchimp_marketing",
        "mailchimp_marketing.api.batches_api",
        "mailchimp_marketing.api.root_api",
    ):
        importlib.import_module(name)


Step = Callable[[Bench], Callable[[], Done]]
"""Gets everything ready and returns what is measured."""


def pull(name: str) -> Step:
    """A first pull of one connection into an empty store: read, decode and file each record, and the cursor."""

    def ready(bench: Bench) -> Callable[[], Done]:
        connector = bench.hubspot if name == "hubspot" else bench.mailchimp
        account = connector.check()
        database = bench.store()
        runs.register(database, [(name, name)])
        runs.opened(database, name, account.id, account.name, connector.fields.fingerprint(), [])
        _, revision = runs.begin(database, "sync", bench.now())
        before = dict(connector.calls())

        def work() -> Done:
            pulled = Puller(database, name, connector, revision, bench.now).pull(full=False)
            requests = {key: n - before.get(key, 0) for key, n in connector.calls().items() if n > before.get(key, 0)}
            counts = {key: getattr(pulled, key) for key in ("pulled", "new", "changed", "unchanged", "refused")}
            with database.read() as conn:
                counts["stored"] = _count(conn, t.record)
                counts["unfilled"] = _without(conn, bench.order.properties) if name == "hubspot" else 0
            return Done(pulled.new, requests, counts)

        return work

    return ready


def resolved(step: Step) -> Step:
    """The same, and afterwards addresses lead to records, as facts want it."""

    def ready(bench: Bench) -> Callable[[], Done]:
        work = step(bench)

        def both() -> Done:
            done = work()
            resolve(bench.store(), 1)
            return done

        return both

    return ready


def _without(conn: Connection, properties: Sequence[str]) -> int:
    """How many stored records lack the first of the properties that every contact has."""
    assert any(one.startswith(EXTRA) for one in properties)
    return _count(conn, t.document, t.document.c.known.not_like(f'%"{EXTRA}00"%'))


def bare_loop(what: Callable[[Bench], tuple[int, int]]) -> Step:
    def ready(bench: Bench) -> Callable[[], Done]:
        def work() -> Done:
            count, requests = what(bench)
            return Done(count, {"pages": requests})

        return work

    return ready


def sync(*, full: bool = False) -> Step:
    """One run of the engine over both connections."""

    def ready(bench: Bench) -> Callable[[], Done]:
        database = bench.store()
        engine = bench.engine(database)

        def work() -> Done:
            balance = engine.sync(full=full)
            return summed(balance, database)

        return work

    return ready


def _count(conn: Connection, table: Table, *where: ColumnElement[bool]) -> int:
    return int(conn.execute(select(func.count()).select_from(table).where(*where)).scalar_one())


def summed(balance: Balance, database: Database) -> Done:
    """A balance as counts, with all that must not be in it."""
    done = Done()
    for name, one in balance.connections.items():
        done.records += one.pulled
        calls = {operation: count for operation, count in one.calls.items() if operation != "quota_left"}
        done.requests |= {f"{name}: {operation}": count for operation, count in calls.items()}
        for key in ("pulled", "new", "changed", "unchanged", "refused", "gone", "planned", "applied", "held"):
            done.counts[f"{name}.{key}"] = getattr(one, key)
        for key in ("refused_writes", "pending", "moved", "opt_outs", "creates"):
            done.counts[f"{name}.{key}"] = getattr(one, key)
    done.counts |= {"people": balance.people, "planned": balance.planned, "conflicts": balance.conflicts}
    with database.read() as conn:
        for name in balance.connections:
            mine = (t.write.c.run == balance.run, t.write.c.connection == name)
            for kind in WriteKind:
                done.counts[f"{name}.{kind.value}"] = _count(conn, t.write, *mine, t.write.c.kind == kind.value)
            done.counts[f"{name}.tags"] = _count(conn, t.write, *mine, t.write.c.row.like('%["tags",%'))
            done.counts[f"{name}.stored"] = _count(conn, t.record, t.record.c.connection == name)
    done.wrong += [f"{name}: {failure}" for name, failure in balance.failures.items()]
    done.wrong += [f"{stop.connection} was stopped: {stop.text}" for stop in balance.stops]
    done.wrong += [] if balance.closes() else ["the balance does not close"]
    return done


STEPS: Mapping[str, Step] = {
    "pull hubspot": pull("hubspot"),
    "sdk hubspot": bare_loop(lambda b: bare.hubspot_sdk(b.order.addresses["hubspot"], b.order.properties)),
    "raw hubspot": bare_loop(
        lambda b: bare.hubspot_raw(b.order.addresses["hubspot"], b.order.properties, Path(b.order.folder))
    ),
    "pull mailchimp": pull("mailchimp"),
    "sdk mailchimp": bare_loop(lambda b: bare.mailchimp_sdk(b.order.addresses["mailchimp"])),
    "raw mailchimp": bare_loop(lambda b: bare.mailchimp_raw(b.order.addresses["mailchimp"], Path(b.order.folder))),
    "first sync": sync(),
    "echoes": sync(),
    "settling re-read": sync(full=True),
    "re-read": sync(full=True),
    "no change": sync(),
    "1 % changed": sync(),
    "members": resolved(pull("mailchimp")),
    "activity": activity,
    "activity again": activity,
}
