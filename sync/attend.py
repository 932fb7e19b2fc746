"""Attend: what the inbox names is looked at again, in batches, by the way of an ordinary pull.

Deliveries are coalesced: a record named a hundred times is read once. A delivery is done when what it names has been
filed; a crash before that looks again, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from connectors.base import Connector
from connectors.errors import Failure
from connectors.hooks import Heard
from mapping.facts import Facts
from mapping.model import RecordState
from sync import inbox, runs
from sync.deeds import companies_heard
from sync.filing import file_facts
from sync.guard import unreleased
from sync.inbox import Filed
from sync.organizations import work_out
from sync.pull import Pulled, Puller
from sync.recover import recover
from sync.resolve import Identity, resolve
from sync.store import bulk, records
from sync.store import schema as t
from sync.store.schema_inbox import DONE, REFUSED
from sync.streams import StreamPuller
from sync.wired import Run, Wired, Works

MOST = 500
"""Deliveries that are taken together. What comes meanwhile is the next run's."""


@dataclass(slots=True)
class Agenda:
    """What a few deliveries ask for, each thing once."""

    records: dict[str, None] = field(default_factory=dict)
    addresses: dict[str, None] = field(default_factory=dict)
    streams: dict[str, None] = field(default_factory=dict)
    facts: list[Facts] = field(default_factory=list)
    done: list[tuple[int, int, str]] = field(default_factory=list)

    def add(self, delivery: Filed, heard: Heard) -> None:
        self.records.update(dict.fromkeys(heard.records))
        self.addresses.update(dict.fromkeys(heard.addresses))
        self.streams.update(dict.fromkeys(heard.streams))
        if heard.facts.about():
            self.facts.append(heard.facts)
        note = f"not understood: {', '.join(heard.odd)}" if heard.odd else ""
        self.done.append((delivery.id, DONE, note))


def agenda(connector: Connector, deliveries: Sequence[Filed]) -> Agenda:
    """Read deliveries. One that cannot be read is refused with its reason; the rest goes on."""
    found = Agenda()
    assert connector.hooks is not None
    for delivery in deliveries:
        try:
            found.add(delivery, connector.hooks.hear(delivery.body))
        except ValueError as error:
            found.done.append((delivery.id, REFUSED, records.clean(str(error))))
    return found


def attend(works: Works, run: Run, identity: Identity) -> None:
    """Look again at what the inbox names, at each connection that the run is about."""
    listened: list[tuple[Wired, Agenda]] = []
    for wired in works.connections.values():
        stops = runs.all_stops(works.database, wired.name)
        run.stop(works.database, unreleased(stops, runs.released(works.database)))
        run.pullers[wired.name] = works.puller(run, wired)
        if wired.name not in run.chosen or wired.connector.hooks is None:
            continue
        try:
            run.balance.recovered += recover(works.pusher(run, wired))
            with works.database.read() as conn:
                found = agenda(wired.connector, inbox.waiting(conn, wired.name, MOST))
            _look(works, run, wired, found)
            listened.append((wired, found))
        except Failure as failure:
            run.balance.failures[wired.name] = str(failure)
            run.blocked.add(wired.name)
    resolve(works.database, run.revision, identity)
    for wired, found in listened:
        _listen(works, run, wired, found)
    if any(found.streams for _, found in listened):
        work_out(works.database, run.revision)
    for _, found in listened:
        with works.database.write() as conn:
            inbox.settle(conn, found.done, run.id, works.now())


def _look(works: Works, run: Run, wired: Wired, found: Agenda) -> None:
    """Read the named records, and file what is there and what is gone."""
    puller, counts = run.pullers[wired.name], Pulled()
    with works.database.read() as conn:
        known = _held_by(conn, wired.name, list(found.addresses))
    wanted = list(dict.fromkeys((*found.records, *known)))
    for start in range(0, len(wanted), wired.connector.batch):
        _read(puller, wanted[start : start + wired.connector.batch], counts)
    with works.database.read() as conn:
        strange = [address for address in found.addresses if not _held_by(conn, wired.name, [address])]
    if strange:
        there = wired.connector.find(strange, [])
        with works.database.write() as conn:
            puller.store(conn, list(there.values()), counts)
    balance = run.balance.connections[wired.name]
    balance.pulled += counts.pulled
    balance.new += counts.new
    balance.changed += counts.changed
    balance.unchanged += counts.unchanged
    balance.refused += counts.refused
    balance.gone += counts.gone


def _held_by(conn: Connection, connection: str, addresses: Sequence[str]) -> list[str]:
    """The remote ids of this connection's records that carry one of these addresses."""
    if not addresses:
        return []
    values = [records.ledger_address(address) for address in addresses]
    held = bulk.select_in(conn, [t.identifier.c.record], t.identifier.c.value, values, {"kind": "email"})
    ids = [row[0] for row in held]
    rows = bulk.select_in(conn, [t.record.c.remote_id], t.record.c.id, ids, {"connection": connection})
    return sorted({row[0] for row in rows})


def _read(puller: Puller, remote_ids: Sequence[str], counts: Pulled) -> None:
    """Read these records directly; known ones that do not answer are gone."""
    answers = puller.connector.read(remote_ids)
    with puller.database.write() as conn:
        puller.store(conn, [raw for raw in answers.values() if raw is not None], counts)
        missing = [remote_id for remote_id in remote_ids if answers.get(remote_id) is None]
        rows = records.by_remote(conn, puller.name, missing).values()
        live = [records.from_row(row) for row in rows if row[records.STATE] == RecordState.LIVE]
        puller.away(conn, live, counts)


def _listen(works: Works, run: Run, wired: Wired, found: Agenda) -> None:
    """File what only the events told, and read what is new in the streams that they named."""
    now = works.now()
    if found.facts:
        with works.database.write() as conn:
            file_facts(conn, wired.name, [(0, facts) for facts in found.facts], now)
    puller = StreamPuller(works.database, wired.name, wired.connector, works.now)
    if found.records or found.addresses:
        puller.bring_home()
    for stream in wired.connector.streams:
        if stream.name in found.streams and stream.name in wired.streams:
            told = run.balance.connections[wired.name].streams[stream.name] = puller.pull(stream)
            if stream.name == wired.connector.companies_in:
                with works.database.write() as conn:
                    companies_heard(conn, wired.name, stream.name, news=bool(told.new or told.changed or told.gone))
