"""Push: planned writes leave in the platform's largest batches, and every answer is recorded.

For each batch: look again at what was read too long ago, and drop what changed (it is planned anew); make the
intents durable; call; file each answer with the record it changed, in one transaction. A crash between the call and
its filing leaves intents that `sync.recover` reads back before anything else happens.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import Connection, select, update

from connectors.base import Change, Connector, Outcome, Raw, Result
from connectors.errors import Failure, Later, MaybeSent
from mapping.claims import EVERY, OPT_OUT, Pair, Record, creating, first_sight, wrote
from mapping.model import ConsentSeen, ConsentState, Millis, RecordState, Seen, WriteKind
from mapping.values import same
from sync.filing import file_members, remember_list, remote_list
from sync.pull import Pulled, Puller
from sync.store import bulk, records
from sync.store import schema as t
from sync.store.database import Database
from sync.store.schema import MARK_FOLD, MARK_RESOLVE
from sync.writes import UNDO, Write


@dataclass(slots=True)
class Pushed:
    """What became of a connection's writes. `pending` are tried again by the next run."""

    applied: int = 0
    refused: int = 0
    pending: int = 0
    moved: int = 0  # changed under us: planned anew
    lost: int = 0  # their answers were lost: read back next
    by_kind: Counter[WriteKind] = field(default_factory=Counter)


class Interrupted(Exception):
    """The connection cannot go on now; what was not sent stays planned."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


@dataclass(slots=True)
class Pusher:
    """Carries out one connection's writes for one run."""

    database: Database
    name: str
    connector: Connector
    puller: Puller
    run: int
    fresh_for: Millis
    blocked: Collection[str] = ()  # connections whose claims may not travel now
    check: Callable[[], None] = lambda: None  # raises where the lease was lost
    sent: Callable[[int], None] = lambda count: None
    counts: Pushed = field(default_factory=Pushed)

    def push(self, writes: Iterable[Write], kind: WriteKind) -> None:
        """Send *writes*, all of one kind. Raises Interrupted where the connection cannot go on."""
        for batch in _batches(writes, self.connector.batch):
            ready = self._fresh(self._free(batch))
            if ready:
                ids = self._intend(ready)
                self._answered(kind, ready, ids, self._call(kind, ready, ids))
            self.sent(len(batch))

    def _free(self, batch: list[Write]) -> list[Write]:
        """Without the writes that rest on a claim of a stopped connection. Opt-outs always travel."""
        if not self.blocked or batch[0].kind is WriteKind.OPT_OUT:
            return batch
        sources = sorted({s.source.record for write in batch for s in write.settings if s.source is not None})
        with self.database.read() as conn:
            rows = bulk.select_in(conn, [t.record.c.id, t.record.c.connection], t.record.c.id, sources)
        stopped = {identity for identity, connection in rows if connection in self.blocked}
        free = [w for w in batch if not any(s.source and s.source.record in stopped for s in w.settings)]
        self.counts.pending += len(batch) - len(free)
        return free

    def _fresh(self, batch: list[Write]) -> list[Write]:
        """The writes whose records still show what the plan saw; stale ones are read again first."""
        ids = [write.record for write in batch if write.record]
        if not ids:
            return batch
        oldest = self.puller.now() - self.fresh_for
        with self.database.read() as conn:
            known = records.by_id(conn, ids)
        stale = [known[identity] for identity in ids if known[identity].read_at < oldest]
        moved = self._look_again(stale) if stale else set()
        self.counts.moved += len(moved)
        return [write for write in batch if write.record not in moved]

    def _look_again(self, stale: Sequence[Record]) -> set[int]:
        """Read records directly; file what changed and name those whose writes have to be planned anew."""
        try:
            raws = self.connector.read([record.remote_id for record in stale])
        except Failure as failure:
            raise Interrupted(failure) from failure
        moved, rows = set(), []
        for record in stale:
            raw = raws.get(record.remote_id)
            if raw is None:
                moved.add(record.id)  # absent from one direct read: the next complete listing decides
                rows.append(records.to_row(record, None, 0))
                continue
            looked, edits = self.puller.look(record, self.connector.decode(raw))
            if edits or looked.consent != record.consent or looked.state is not record.state:
                moved.add(record.id)
        changed = [raws[record.remote_id] for record in stale if record.id in moved]
        with self.database.write() as conn:
            self.puller.store(conn, [raw for raw in changed if raw is not None], Pulled())
            records.save(conn, rows, new=False)
        return moved

    def _intend(self, batch: Sequence[Write]) -> list[int]:
        """Make the intents durable before anything leaves; returns their ids."""
        columns = ("id", "run", "connection", "kind", "record", "person", "row", "state", "at")
        self.check()
        with self.database.durable() as conn:
            first = next_write_id(conn)
            rows = [
                (
                    first + place,
                    self.run,
                    self.name,
                    w.kind.value,
                    w.record,
                    w.person,
                    records.dump(w),
                    "intended",
                    self.puller.now(),
                )
                for place, w in enumerate(batch)
            ]
            bulk.insert(conn, t.write, columns, rows)
        return list(range(first, first + len(batch)))

    def _call(self, kind: WriteKind, batch: Sequence[Write], ids: Sequence[int]) -> Sequence[Outcome]:
        changes = [_change(write, self.connector.by_member) for write in batch]
        try:
            if kind is WriteKind.UPDATE:
                return self.connector.update(changes)
            if kind is WriteKind.CREATE:
                return self.connector.create(changes)
            if kind is WriteKind.OPT_OUT:
                return self.connector.opt_out(changes, batch[0].purpose)
            if kind is WriteKind.LIST:
                return self._lists(batch)
            return self.connector.archive(changes)
        except MaybeSent as failure:
            raise Interrupted(failure) from failure  # the intents stay; they are read back first thing
        except Failure as failure:
            reason = "not sent: " + ("try again later" if isinstance(failure, Later) else str(failure))
            with self.database.write() as conn:
                finish(conn, [(identity, "not_sent", reason, 0) for identity in ids])
            self.counts.pending += len(batch)
            raise Interrupted(failure) from failure

    def _lists(self, batch: Sequence[Write]) -> Sequence[Outcome]:
        """Put records on static lists and take them off, list by list."""
        outcomes: dict[tuple[int, str], Outcome] = {}
        for title in dict.fromkeys(write.purpose for write in batch):
            mine = [write for write in batch if write.purpose == title]
            on = [write.remote_id for write in mine if write.settings[0].after]
            off = [write.remote_id for write in mine if not write.settings[0].after]
            with self.database.read() as conn:
                there = remote_list(conn, self.name, title)
            done = self.connector.put_on_list(title, there, on, off)
            taken = [write.record for write in mine if write.remote_id not in done.refused]
            with self.database.write() as conn:
                remember_list(conn, self.name, self.connector.lists_in, title, done.listing)
                off_now = {write.record for write in mine if not write.settings[0].after}
                file_members(conn, self.name, title, taken, off_now, self.puller.now())
            for write in mine:
                reason = done.refused.get(write.remote_id, "")
                result = Result.REFUSED if reason else Result.APPLIED
                outcomes[write.record, title] = Outcome(result, write.remote_id, reason=reason)
        return [outcomes[write.record, write.purpose] for write in batch]

    def _answered(
        self, kind: WriteKind, batch: Sequence[Write], ids: Sequence[int], outcomes: Sequence[Outcome]
    ) -> None:
        """File a batch's answers: writes, records and journal in one transaction."""
        filing = Filing(self.name, self.puller)
        with self.database.write() as conn:
            filing.preload(conn, [write.record for write in batch])
            for write, identity, outcome in zip(batch, ids, outcomes, strict=True):
                if outcome.result is Result.MAYBE:
                    self.counts.lost += 1
                    continue
                filing.file(conn, write, identity, outcome)
                if outcome.result is Result.APPLIED:
                    self.counts.applied += 1
                    self.counts.by_kind[kind] += 1
                elif outcome.result is Result.LATER:
                    self.counts.pending += 1
                else:
                    self.counts.refused += 1
            filing.save(conn)


def _batches(writes: Iterable[Write], size: int) -> Iterator[list[Write]]:
    iterator = iter(writes)
    while batch := list(islice(iterator, size)):
        yield batch


def _change(write: Write, by_member: str) -> Change:
    """A write as its connector is asked for it. The set that is changed *by_member* goes as additions and removals:
    whatever else hangs there stays."""
    values = {setting.name: setting.after for setting in write.settings if setting.name not in ("email", by_member)}
    members = next((setting for setting in write.settings if setting.name == by_member), None)
    before, after = (set(members.before or ()), set(members.after or ())) if members is not None else (set(), set())
    return Change(
        write.remote_id,
        values,
        write.address,
        email=write.email,
        key=write.person if write.kind is WriteKind.CREATE else "",
        subscribed=write.subscribed,
        tags_on=tuple(sorted(after - before)),
        tags_off=tuple(sorted(before - after)),
    )


def next_write_id(conn: Connection) -> int:
    """The next free write id; only the holder of the lease adds writes."""
    found = conn.execute(select(t.write.c.id).order_by(t.write.c.id.desc()).limit(1)).scalar()
    return int(found or 0) + 1


def finish(conn: Connection, ends: Sequence[tuple[int, str, str, int]]) -> None:
    """Say how writes ended: (id, state, reason, record)."""
    bulk.update_by(
        conn,
        t.write,
        "id",
        ("state", "reason"),
        [(state, records.clean(reason), identity) for identity, state, reason, _ in ends],
    )
    bulk.update_by(conn, t.write, "id", ("record",), [(record, identity) for identity, _, _, record in ends if record])


class Filing:
    """Turns answers into rows: what each record now shows and what we sent, all saved together."""

    def __init__(self, connection: str, puller: Puller) -> None:
        self._connection = connection
        self._puller = puller
        self._records: dict[int, Record] = {}
        self._marks: dict[int, int] = {}
        self._new: list[tuple[Any, ...]] = []
        self._links: list[tuple[str, str, int]] = []
        self._ends: list[tuple[int, str, str, int]] = []
        self._next = 0

    def file(self, conn: Connection, write: Write, identity: int, outcome: Outcome) -> None:
        """File one answer."""
        if outcome.result is Result.APPLIED and self._split_off(conn, write, outcome):
            outcome = replace(outcome, result=Result.REFUSED, reason="the record made for it was split off")
        if outcome.result is Result.APPLIED:
            record = self._applied(conn, write, outcome)
            self._ends.append((identity, "applied", outcome.reason if outcome.blamed else "", record))
        elif outcome.result is Result.LATER:
            self._ends.append((identity, "not_sent", outcome.reason, 0))
        elif outcome.code == "exists" and outcome.raw is not None and self._unknown(conn, outcome.raw):
            self._puller.store(conn, [outcome.raw], Pulled())
            self._ends.append((identity, "not_sent", "already there; linked", 0))
        else:
            self._ends.append((identity, "refused", outcome.reason or outcome.result.value, 0))
            self._refused(conn, write, outcome)

    def _split_off(self, conn: Connection, write: Write, outcome: Outcome) -> bool:
        """Whether a create found the record that was made for it earlier, and a person gave to somebody else."""
        if write.kind is not WriteKind.CREATE:
            return False
        stored = records.by_remote(conn, self._connection, [outcome.remote_id])
        return bool(stored) and stored[outcome.remote_id][records.PERSON] not in (None, write.person)

    def _unknown(self, conn: Connection, raw: Raw) -> bool:
        """Whether the record that has the address already is news: then it is linked, else it is somebody else's."""
        return not records.digests(conn, self._connection, [raw.remote_id])

    def _record(self, conn: Connection, identity: int) -> Record:
        if identity not in self._records:
            self._records.update(records.by_id(conn, [identity]))
        return self._records[identity]

    def preload(self, conn: Connection, ids: Sequence[int]) -> None:
        """Fetch the records of a batch at once."""
        self._records.update(records.by_id(conn, [identity for identity in ids if identity]))

    def _applied(self, conn: Connection, write: Write, outcome: Outcome) -> int:
        if write.kind is WriteKind.CREATE:
            return self._created(conn, write, outcome)
        record, now = self._record(conn, write.record), self._puller.now()
        mark = 0
        if write.kind is WriteKind.OPT_OUT:
            # An update of the same record may still be waiting: its mark must not be taken away.
            record, mark = opted_out(record, write.purpose, now), MARK_FOLD
        elif write.kind is WriteKind.ARCHIVE:
            record, mark = replace(record, state=RecordState.ARCHIVED), MARK_FOLD
        elif write.kind is WriteKind.LIST:
            after = settled(record, write, None, now)  # lists have no part in the record's own stamp
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
        source = conn.execute(select(t.record.c.id).where(t.record.c.person == write.person).limit(1)).scalar()
        self._links += [("made", write.person, identity) for identity in (record.id, source) if identity]
        if source:
            self._marks.setdefault(int(source), MARK_FOLD)
        return record.id

    def _refused(self, conn: Connection, write: Write, outcome: Outcome) -> None:
        """Remember what the platform would not take, so that it is not offered again unchanged."""
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
                news = {OPT_OUT: outcome.reason or "refused"}
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
        rows = [records.to_row(self._records[i], None, mark) for i, mark in self._marks.items() if i in self._records]
        records.save(conn, rows, new=False)
        records.mark(conn, [i for i, mark in self._marks.items() if i not in self._records and mark], MARK_FOLD)
        records.save(conn, self._new, new=True)
        bulk.insert_ignore(conn, t.identifier, ("kind", "value", "record"), self._links)
        finish(conn, self._ends)


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


def opted_out(record: Record, purpose: str, now: Millis) -> Record:
    """A record after our opt-out was answered; written into its consent, so that its echo is no news."""
    address = record.addresses[0] if record.addresses else ""
    rest = tuple(seen for seen in record.consent if seen.purpose != purpose or seen.address != address)
    ours = ConsentSeen(address, ConsentState.WITHDRAWN, purpose, now, "our own opt-out")
    return replace(record, subscribed=False, consent=(*rest, ours), read_at=now)


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


def mark_all(conn: Connection) -> None:
    """Everybody has to be folded and planned again: a policy, a direction or a rule changed."""
    conn.execute(update(t.record).where(t.record.c.mark == 0, t.record.c.person.is_not(None)).values(mark=MARK_FOLD))
