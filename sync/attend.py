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
from sync import dues, erasures, inbox, runs
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
    erased: dict[str, None] = field(default_factory=dict)
    facts: list[Facts] = field(default_factory=list)
    done: list[tuple[int, int, str]] = field(default_factory=list)

    def add(self, delivery: Filed, heard: Heard) -> None:
        self.records.update(dict.fromkeys(heard.records))
        self.addresses.update(dict.fromkeys(heard.addresses))
        self.streams.update(dict.fromkeys(heard.streams))
        self.erased.update(dict.fromkeys(heard.erased))
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
    """Look again at what the inbox names, at each connection that the run is about; first at those who may have left,
    whose opt-outs do not wait for the rest."""
    _open(works, run)
    run.overtake()
    listened: list[tuple[Wired, Agenda]] = []
    for wired in works.connections.values():
        if wired.name not in run.chosen or wired.connector.hooks is None or wired.name in run.balance.failures:
            continue
        with works.database.read() as conn:
            deliveries = inbox.waiting(conn, wired.name, MOST)
        if (found := hear(works, run, wired, deliveries)) is not None:
            listened.append((wired, found))
        run.overtake()
    conclude(works, run, identity, listened)


def _open(works: Works, run: Run) -> None:
    """Stops that stand hold here too, and what was sent last time is settled first."""
    with works.database.read() as conn:
        run.doubted |= dues.unjudged(conn)
    for wired in works.connections.values():
        if wired.name not in run.chosen:
            continue
        stops = runs.all_stops(works.database, wired.name)
        run.stop(works.database, unreleased(stops, runs.released(works.database)))
        run.pullers[wired.name] = works.puller(run, wired)
        try:
            run.balance.recovered += recover(works.pusher(run, wired))
        except Failure as failure:
            run.failed(wired.name, failure)


def hear(works: Works, run: Run, wired: Wired, deliveries: Sequence[Filed]) -> Agenda | None:
    """Look again at the records that deliveries name; None where the platform could not be asked, and they wait on."""
    found = agenda(wired.connector, deliveries)
    try:
        _look(works, run, wired, found)
    except Failure as failure:
        run.failed(wired.name, failure)
        return None
    return found


def conclude(works: Works, run: Run, identity: Identity, heard: Sequence[tuple[Wired, Agenda]]) -> None:
    """Work out who is who after looking again, file what else was told, and settle the deliveries."""
    for wired, found in heard:
        if found.erased:
            with works.database.overwriting() as conn:
                erasures.told(conn, wired.name, list(found.erased), works.now())
    with works.people():
        resolve(works.database, run.revision, identity, beside=works.beside)
    for wired, found in heard:
        _listen(works, run, wired, found)
    if any(found.streams for _, found in heard):
        with works.people():
            work_out(works.database, works.revision(run))
    for _, found in heard:
        with works.database.write() as conn:
            inbox.settle(conn, found.done, run.id, works.now())


def _look(works: Works, run: Run, wired: Wired, found: Agenda) -> None:
    """Read the named records, and file what is there and what is gone."""
    puller, counts = run.pullers[wired.name], Pulled()
    with works.database.read() as conn:
        known = held_by(conn, list(found.addresses), wired.name)
    wanted = list(dict.fromkeys((*found.records, *known)))
    for start in range(0, len(wanted), wired.connector.batch):
        _read(puller, wanted[start : start + wired.connector.batch], counts)
    with works.database.read() as conn:
        strange = [address for address in found.addresses if not held_by(conn, [address], wired.name)]
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


def held_by(conn: Connection, addresses: Sequence[str], connection: str) -> list[str]:
    """The remote ids of this connection's records that carry one of these addresses."""
    if not addresses:
        return []
    values = [records.ledger_address(address) for address in addresses]
    held = bulk.select_in(conn, [t.identifier.c.record], t.identifier.c.value, values, {"kind": "email"})
    ids = [row[0] for row in held]
    rows = bulk.select_in(conn, [t.record.c.remote_id], t.record.c.id, ids, {"connection": connection})
    return sorted({row[0] for row in rows})


def _read(puller: Puller, remote_ids: Sequence[str], counts: Pulled) -> None:
    """Read these records directly; known ones that do not answer are gone, but where a platform forgets."""
    answers = puller.connector.read(remote_ids)
    with puller.database.write() as conn:
        puller.store(conn, [raw for raw in answers.values() if raw is not None], counts)
        missing = [remote_id for remote_id in remote_ids if answers.get(remote_id) is None]
        rows = records.by_remote(conn, puller.name, missing).values()
        live = [records.from_row(row) for row in rows if row[records.STATE] == RecordState.LIVE]
        puller.away(conn, [] if puller.connector.forgets else live, counts)


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
