"""Overtake: whoever may have left is heard before anything else is, and their opt-outs leave at once.

A run calls it before it hears other deliveries, and between two batches of any other writes. It looks again at the
records that the waiting deliveries name, folds and plans those people alone, and sends the opt-outs of that plan; the
other writes of those people wait for the next plan, since the one under way knows them as they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from sqlalchemy import Connection, select

from connectors.pace import going_first
from mapping.model import ConsentState
from sync import carry, inbox, meter
from sync.attend import MOST, Agenda, conclude, hear, held_by
from sync.inbox import Filed
from sync.people import plan_few
from sync.resolve import Identity
from sync.store import bulk
from sync.store import schema as t
from sync.wired import Run, Wired, Works


@dataclass(slots=True)
class Overtake:
    """What one run does about those who leave meanwhile. Calling it where nobody did costs one look at the inbox."""

    works: Works
    run: Run
    identity: Identity
    seen: int = 0  # deliveries up to this one were heard, or could not be
    told: int = 0  # the ledger's lines up to this one are known to the plan, or were heeded

    def __call__(self) -> None:
        if self.works.beside:
            self._heed_others()
        names = [wired.name for wired in self.works.connections.values() if self._can_hear(wired)]
        while names:
            with self.works.database.read() as conn:
                if not inbox.came_first(conn, names, self.seen):
                    return
                self.seen = inbox.newest_id(conn)
            self._hear(names)
            names = [name for name in names if name not in self.run.balance.failures]

    def about_to_plan(self) -> None:
        """What the ledger says so far will be in the plan."""
        with self.works.database.read() as conn:
            self.told = meter.last_consent(conn)

    def _can_hear(self, wired: Wired) -> bool:
        run, name = self.run, wired.name
        there = name in run.chosen and name in run.pullers and name not in run.balance.failures
        return there and wired.connector.hooks is not None

    def _hear(self, names: Sequence[str]) -> None:
        """Hear all that goes first, and send what follows from it."""
        heard: list[tuple[Wired, Agenda]] = []
        for name in names:
            wired, after = self.works.connections[name], 0
            while deliveries := self._waiting(name, after):
                after = deliveries[-1].id
                with going_first():
                    found = hear(self.works, self.run, wired, deliveries)
                if found is None:
                    break
                heard.append((wired, found))
        conclude(self.works, self.run, self.identity, heard)
        with self.works.database.read() as conn:
            people = _concerned(conn, heard)
        self._send(people)

    def _send(self, people: Sequence[str]) -> None:
        """Send the opt-outs that follow for these people."""
        self.run.left.update(people)
        with self.works.people():
            planned = plan_few(self.works.database, self.works.targets(), self.works.policies, people)
        with closing(planned) as spool:
            carry.guard_leading(self.works, self.run, spool)
            carry.push_leading(self.works, self.run, spool)

    def _heed_others(self) -> None:
        """Runs at other connections hear, too: whoever the ledger says has left since this run began."""
        with self.works.database.read() as conn:
            before, self.told = self.told, meter.last_consent(conn)
            people = _withdrawn(conn, before) if before < self.told else []
        if people:
            self._send(people)

    def _waiting(self, name: str, after: int) -> list[Filed]:
        with self.works.database.read() as conn:
            return inbox.waiting_first(conn, name, MOST, after)


def _withdrawn(conn: Connection, after: int) -> list[str]:
    """Everybody who has an address of which a line behind *after* says that its owner left."""
    c = t.consent.c
    query = select(c.address).where(c.id > after, c.state == ConsentState.WITHDRAWN.value).distinct()
    return _known_by(conn, list(conn.execute(query).scalars()))


def _known_by(conn: Connection, addresses: Sequence[str]) -> list[str]:
    held = bulk.select_in(conn, [t.identifier.c.record], t.identifier.c.value, sorted(addresses), {"kind": "email"})
    people = bulk.select_in(conn, [t.record.c.person], t.record.c.id, sorted({row[0] for row in held}))
    return sorted({row[0] for row in people if row[0] is not None})


def _concerned(conn: Connection, heard: Sequence[tuple[Wired, Agenda]]) -> list[str]:
    """Everybody to whom one of the records belongs, or an address that one of them carries."""
    ids: set[int] = set()
    for wired, found in heard:
        remote = [*found.records, *held_by(conn, list(found.addresses), wired.name)]
        mine = bulk.select_in(conn, [t.record.c.id], t.record.c.remote_id, remote, {"connection": wired.name})
        ids.update(row[0] for row in mine)
    addresses = bulk.select_in(conn, [t.identifier.c.value], t.identifier.c.record, sorted(ids), {"kind": "email"})
    values = sorted({row[0] for row in addresses})
    held = bulk.select_in(conn, [t.identifier.c.record], t.identifier.c.value, values, {"kind": "email"})
    ids.update(row[0] for row in held)
    people = bulk.select_in(conn, [t.record.c.person], t.record.c.id, sorted(ids))
    return sorted({row[0] for row in people if row[0] is not None})
