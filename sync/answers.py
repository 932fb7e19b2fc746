"""Answers: what each one says of its record, turned into rows that are saved together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from connectors.base import Outcome, Raw, Result
from mapping.claims import EVERY, Pair, Record, creating, first_sight, leaving, wrote
from mapping.model import ConsentSeen, ConsentState, Millis, RecordState, Seen, WriteKind
from mapping.values import same
from sync.erasures import confirm
from sync.intents import finish
from sync.pull import Pulled, Puller
from sync.store import bulk, records
from sync.store import schema as t
from sync.store.schema import MARK_FOLD, MARK_RESOLVE
from sync.writes import UNDO, Write

_BESIDE = (WriteKind.COMPANY, WriteKind.COMPANY_AWAY, WriteKind.TASK)
"""What says nothing of the record that it is about."""


class Filing:
    """Turns answers into rows: what each record now shows and what we sent, all saved together."""

    def __init__(self, connection: str, puller: Puller) -> None:
        self._connection = connection
        self._puller = puller
        self._first = puller.connector.purposes[0]
        self._records: dict[int, Record] = {}
        self._marks: dict[int, int] = {}
        self._new: list[tuple[Any, ...]] = []
        self._made: set[str] = set()  # remote ids of those, not stored yet
        self._links: list[tuple[str, str, int]] = []
        self._ends: list[tuple[int, str, str, int]] = []
        self._next = 0

    def file(self, conn: Connection, write: Write, identity: int, outcome: Outcome) -> None:
        """File one answer."""
        if write.kind is WriteKind.ERASE:
            self._erased(conn, write, identity, outcome)
            return
        if outcome.shown is not None:
            outcome = replace(outcome, shown=self._puller.without_lists(outcome.shown))
        if outcome.result is Result.APPLIED and self._split_off(conn, write, outcome):
            outcome = replace(outcome, result=Result.REFUSED, reason="the record made for it was split off")
        if outcome.result is Result.APPLIED:
            record = self._applied(conn, write, outcome)
            self._ends.append((identity, "applied", outcome.reason if outcome.blamed else "", record))
        elif outcome.result is Result.LATER:
            self._ends.append((identity, "not_sent", outcome.reason, 0))
        elif outcome.result is Result.MAYBE:
            self._ends.append((identity, "uncertain", outcome.reason, 0))
        elif outcome.code == "exists" and outcome.raw is not None and self._unknown(conn, outcome.raw):
            self._store_made(conn)  # they have the ids that would be given next
            self._puller.store(conn, [outcome.raw], Pulled())
            self._ends.append((identity, "not_sent", "already there; linked", 0))
        else:
            self._ends.append((identity, "refused", outcome.reason or outcome.result.value, 0))
            self._refused(conn, write, outcome)

    def _erased(self, conn: Connection, write: Write, identity: int, outcome: Outcome) -> None:
        """Whoever is not there any more is erased as well."""
        if outcome.result in (Result.APPLIED, Result.GONE):
            confirm(conn, write.record, self._puller.now())
            self._ends.append((identity, "applied", "", write.record))
        else:
            state = "not_sent" if outcome.result is Result.LATER else "refused"
            self._ends.append((identity, state, outcome.reason, 0))

    def _split_off(self, conn: Connection, write: Write, outcome: Outcome) -> bool:
        """Whether a create found the record that was made for it earlier, and a person gave to somebody else."""
        if write.kind is not WriteKind.CREATE:
            return False
        stored = records.by_remote(conn, self._connection, [outcome.remote_id])
        return bool(stored) and stored[outcome.remote_id][records.PERSON] not in (None, write.person)

    def _unknown(self, conn: Connection, raw: Raw) -> bool:
        """Whether the record that has the address already is news: then it is linked, else it is somebody else's, as is
        one that was made a moment ago for somebody with the same mailbox."""
        return raw.remote_id not in self._made and not records.digests(conn, self._connection, [raw.remote_id])

    def _record(self, conn: Connection, identity: int) -> Record:
        if identity not in self._records:
            self._records.update(records.by_id(conn, [identity]))
        return self._records[identity]

    def preload(self, conn: Connection, ids: Sequence[int]) -> None:
        """Fetch the records of a batch at once."""
        self._puller.moment(conn)
        self._records.update(records.by_id(conn, [identity for identity in ids if identity]))

    def _applied(self, conn: Connection, write: Write, outcome: Outcome) -> int:
        if write.kind is WriteKind.CREATE:
            return self._created(conn, write, outcome)
        if write.kind in _BESIDE:
            return write.record
        record, now = self._record(conn, write.record), self._puller.now()
        mark = 0
        if write.kind is WriteKind.OPT_OUT:
            # An update of the same record may still be waiting: its mark must not be taken away.
            record, mark = opted_out(record, write.purpose, self._first, now), MARK_FOLD
        elif write.kind is WriteKind.ARCHIVE:
            record, mark = replace(record, state=RecordState.ARCHIVED), MARK_FOLD
        elif write.kind in (WriteKind.LIST, WriteKind.TIE):
            after = settled(record, write, None, now)  # they have no part in the record's own stamp
            stamp = record.version, record.pushed, record.pushed_names
            record = replace(after, version=stamp[0], pushed=stamp[1], pushed_names=stamp[2])
            mark = MARK_FOLD
        else:
            record = settled(record, _taken(write, outcome), outcome.shown, now)
            left = {setting.name: setting.after for setting in write.settings if setting.name in outcome.blamed}
            record = replace(record, refused=record.refused | left)
            undone = any(setting.rule == UNDO for setting in write.settings)
            mark = MARK_RESOLVE if write.email is not None else MARK_FOLD if undone or left else 0
        self._records[record.id], self._marks[record.id] = record, mark
        return record.id

    def _created(self, conn: Connection, write: Write, outcome: Outcome) -> int:
        stored = records.by_remote(conn, self._connection, [outcome.remote_id])
        now = self._puller.now()
        if stored:
            record = settled(records.from_row(stored[outcome.remote_id]), _taken(write, outcome), outcome.shown, now)
            record = replace(record, person=write.person)
            self._records[record.id], self._marks[record.id] = record, MARK_RESOLVE
        else:
            self._next = max(self._next, records.next_id(conn))
            record = made(self._next, self._connection, _taken(write, outcome), outcome, self._puller.revision, now)
            self._next += 1
            self._new.append(records.to_row(record, None, MARK_RESOLVE))
            self._made.add(outcome.remote_id)
        source = conn.execute(select(t.record.c.id).where(t.record.c.person == write.person).limit(1)).scalar()
        self._links += [("made", write.person, identity) for identity in (record.id, source) if identity]
        if source:
            self._marks.setdefault(int(source), MARK_FOLD)
        return record.id

    def _refused(self, conn: Connection, write: Write, outcome: Outcome) -> None:
        """Remember what the platform would not take, so that it is not offered again unchanged."""
        if write.kind in _BESIDE:
            return
        if write.kind is WriteKind.CREATE:
            # Its person may have been joined to another since: then the id is that of the record that founded it.
            for column in (t.record.c.person, t.record.c.founder):
                source = conn.execute(select(t.record.c.id).where(column == write.person).limit(1)).scalar()
                if source is not None:
                    break
            else:
                return
            record = self._record(conn, int(source))
            news = {creating(self._connection): outcome.reason or "refused"}
        else:
            record = self._record(conn, write.record)
            # Where the platform names the field, or a new address is among them, the rest is tried again without.
            names = outcome.blamed or (("email",) if write.email is not None else ())
            blamed = [s for s in write.settings if s.name in names] or write.settings
            news = {setting.name: setting.after for setting in blamed}
            if write.kind is WriteKind.OPT_OUT:
                news = {leaving(write.purpose, self._first): outcome.reason or "refused"}
        self._records[record.id] = replace(record, refused={**record.refused, **news})
        self._marks[record.id] = MARK_FOLD

    def _keep_waiting(self, conn: Connection) -> None:
        """Whoever is not on every connection may wait for a create there, and the mark of that stands at a record
        that an update has just been answered for: it stays."""
        done = {self._records[i].person: i for i, mark in self._marks.items() if not mark and i in self._records}
        connections = set(conn.execute(select(t.connection.c.name)).scalars()) if done else set()
        there: dict[str, set[str]] = defaultdict(set)
        columns = [t.record.c.person, t.record.c.connection]
        for person, connection in bulk.select_in(conn, columns, t.record.c.person, sorted(done)) if done else ():
            there[person].add(connection)
        self._marks.update({i: MARK_FOLD for person, i in done.items() if connections - there[person]})

    def save(self, conn: Connection) -> None:
        """Write everything filed so far."""
        self._keep_waiting(conn)
        if self._puller.beside:
            # Others may have marked these records since the plan. Only a plan knows what is done, and it follows.
            self._marks = {identity: max(mark, MARK_FOLD) for identity, mark in self._marks.items()}
        rows = [records.to_row(self._records[i], None, mark) for i, mark in self._marks.items() if i in self._records]
        records.save(conn, rows, new=False)
        records.mark(conn, [i for i, mark in self._marks.items() if i not in self._records and mark], MARK_FOLD)
        self._store_made(conn)
        bulk.insert_ignore(conn, t.identifier, ("kind", "value", "record"), self._links)
        finish(conn, self._ends)

    def _store_made(self, conn: Connection) -> None:
        records.save(conn, self._new, new=True)
        self._new.clear()


def _taken(write: Write, outcome: Outcome) -> Write:
    """The part of a write that was applied: all of it, less what the answer blames."""
    if not outcome.blamed:
        return write
    return msgspec.structs.replace(write, settings=tuple(s for s in write.settings if s.name not in outcome.blamed))


def settled(record: Record, write: Write, shown: Seen | None, now: Millis) -> Record:
    """A record after one of our updates was answered."""
    sent = {setting.name: setting.after for setting in write.settings}
    landed = sent if shown is None else {name: shown.fields.get(name) for name in sent}
    record = wrote(record, sent, landed, version=shown.version if shown is not None else "", now=now)
    if write.email is not None:
        others = [address for address in record.addresses[1:] if not same(address, write.email)]
        record = replace(record, addresses=(str(landed.get("email") or write.email), *others))
    return record


def opted_out(record: Record, purpose: str, first: str, now: Millis) -> Record:
    """A record after our opt-out was answered; written into its consent, so that its echo is no news. Who left the
    *first* purpose of a connection gets no mail of it any more."""
    address = record.addresses[0] if record.addresses else ""
    rest = tuple(seen for seen in record.consent if seen.purpose != purpose or seen.address != address)
    ours = ConsentSeen(address, ConsentState.WITHDRAWN, purpose, now, "our own opt-out")
    stays = record.subscribed if purpose != first else False
    return replace(record, subscribed=stays, consent=(*rest, ours), read_at=now)


def made(identity: int, connection: str, write: Write, outcome: Outcome, revision: int, now: Millis) -> Record:
    """A record that we created: what we put there is ours and no claim."""
    sent = {setting.name: setting.after for setting in write.settings}
    seen = outcome.shown or Seen(outcome.remote_id, dict(sent), (write.address,), subscribed=write.subscribed or None)
    fields = {"email": write.address, **seen.fields}
    record = first_sight(identity, connection, replace(seen, fields=fields), revision=revision, now=now)
    return replace(
        record,
        remote_id=outcome.remote_id,
        person=write.person,
        first=revision + 1,  # after every record that this run saw, so that it never founds the person it was made for
        joined=revision,
        pairs={name: Pair(value, record.known.get(name)) for name, value in sent.items()},
        pushed=seen.version,
        pushed_names=EVERY,
        pushed_at=now,
        addresses=seen.addresses or (write.address,),
    )
