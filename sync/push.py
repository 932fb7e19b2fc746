"""Push: planned writes leave in the platform's largest batches, and every answer is recorded.

For each batch: look again at what was read too long ago, and drop what changed (it is planned anew); make the
intents durable; call; file each answer with the record it changed, in one transaction. A crash between the call and
its filing leaves intents that `sync.recover` reads back before anything else happens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, update

from connectors.base import Change, Connector, Outcome, Result
from connectors.errors import Failure, Later, MaybeSent
from connectors.pace import going_first
from mapping.claims import Record
from mapping.model import Millis, WriteKind
from sync.answers import Filing
from sync.deeds import KINDS as DEEDS
from sync.deeds import Deeds
from sync.intents import finish, next_write_id
from sync.pull import Pulled, Puller
from sync.store import bulk, records
from sync.store import schema as t
from sync.store.database import Database
from sync.store.schema import MARK_FOLD
from sync.writes import ONCE, Write


@dataclass(slots=True)
class Pushed:
    """What became of a connection's writes. `pending` are tried again by the next run."""

    applied: int = 0
    refused: int = 0
    pending: int = 0
    moved: int = 0  # changed under us: planned anew
    lost: int = 0  # their answers were lost: read back next
    uncertain: int = 0  # their answers were lost, and no reading tells
    resting: Counter[str] = field(default_factory=Counter)  # of the pending: on which stopped connection they rest
    by_kind: Counter[WriteKind] = field(default_factory=Counter)


_ASKED_FOR = (WriteKind.TASK, WriteKind.COMPANY_AWAY, WriteKind.ERASE)
"""What a person asked for, whatever the record shows by now."""


Holds = Callable[[Connection, Sequence[Write]], list[Write]]
"""Those of some writes that a plan made at this moment would contain just so."""


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
    overtake: Callable[[], None] = lambda: None  # between two batches: hears who left meanwhile
    left: Collection[str] = ()  # people who did, whose writes are planned anew
    holds: Holds | None = None  # asked before a write leaves beside other runs, whether a plan would still have it
    counts: Pushed = field(default_factory=Pushed)
    deeds: Deeds = field(init=False)

    def __post_init__(self) -> None:
        self.deeds = Deeds(self.database, self.name, self.connector, self.puller)

    def push(self, writes: Iterable[Write], kind: WriteKind) -> None:
        """Send *writes*, all of one kind. Raises Interrupted where the connection cannot go on."""
        leaving = kind is WriteKind.OPT_OUT
        for batch in _batches(writes, self.connector.batch, by_purpose=leaving):
            with going_first(when=leaving):
                ready = self._ready(kind, self._free(batch))
                ready, ids = self._intend(ready) if ready else ([], [])
                if ready:
                    self._answered(kind, ready, ids, self._call(kind, ready, ids))
            self.sent(len(ready))
            if not leaving:
                self.overtake()

    def _free(self, batch: list[Write]) -> list[Write]:
        """Without the writes that rest on a claim of a stopped connection, and those of people who left meanwhile.
        Opt-outs always travel."""
        if batch[0].kind is WriteKind.OPT_OUT:
            return batch
        stay = [write for write in batch if write.person not in self.left]
        self.counts.pending += len(batch) - len(stay)
        if not self.blocked:
            return stay
        sources = sorted({s.source.record for write in stay for s in write.settings if s.source is not None})
        with self.database.read() as conn:
            rows = bulk.select_in(conn, [t.record.c.id, t.record.c.connection], t.record.c.id, sources)
        stopped = {identity: connection for identity, connection in rows if connection in self.blocked}
        free = []
        for write in stay:
            rests_on = {stopped[s.source.record] for s in write.settings if s.source and s.source.record in stopped}
            if rests_on:
                self.counts.pending += 1
                self.counts.resting.update(rests_on)
            else:
                free.append(write)
        return free

    def _ready(self, kind: WriteKind, batch: list[Write]) -> list[Write]:
        """What still holds when it is looked at again."""
        fresh = batch if kind in _ASKED_FOR else self._fresh(batch)
        if kind not in DEEDS or not fresh:
            return fresh
        try:
            ready = self.deeds.ready(kind, fresh)
        except Failure as failure:
            raise Interrupted(failure) from failure
        self.counts.moved += ready.moved
        return ready.writes

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
        moved, absent = set(), []
        for record in stale:
            raw = raws.get(record.remote_id)
            if raw is None:
                moved.add(record.id)  # absent from one direct read: the next complete listing decides
                absent.append(record.id)
                continue
            looked, edits = self.puller.look(record, self.puller.decode(raw))
            if edits or looked.consent != record.consent or looked.state is not record.state:
                moved.add(record.id)
        changed = [raws[record.remote_id] for record in stale if record.id in moved]
        with self.database.write() as conn:
            self.puller.store(conn, [raw for raw in changed if raw is not None], Pulled())
            again = records.by_id(conn, absent).values()
            records.save(conn, [records.to_row(record, None, 0) for record in again], new=False)
        return moved

    def _intend(self, batch: list[Write]) -> tuple[list[Write], list[int]]:
        """Make the intents durable before anything leaves; returns what leaves, and their ids. What another run came
        to know between the plan and this moment is heeded."""
        columns = ("id", "run", "connection", "kind", "record", "person", "row", "state", "at")
        self.check()
        with self.database.durable() as conn:
            if self.holds is not None:
                stands = self.holds(conn, batch)
                self.counts.moved += len(batch) - len(stands)
                batch = stands
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
            self.deeds.intend(conn, batch, first)
        return batch, list(range(first, first + len(batch)))

    def _call(self, kind: WriteKind, batch: Sequence[Write], ids: Sequence[int]) -> Sequence[Outcome]:
        changes = [_change(write, self.connector.by_member) for write in batch]
        try:
            if kind is WriteKind.UPDATE:
                return self.connector.update(changes)
            if kind is WriteKind.CREATE:
                return self.connector.create(changes)
            if kind is WriteKind.OPT_OUT:
                return self.connector.opt_out(changes, batch[0].purpose)
            if kind is WriteKind.ARCHIVE:
                return self.connector.archive(changes)
            if kind is WriteKind.ERASE:
                return self.connector.erase(changes)
            return self.deeds.call(kind, batch)
        except MaybeSent as failure:
            raise Interrupted(failure) from failure  # the intents stay; they are read back first thing
        except Failure as failure:
            reason = "not sent: " + ("try again later" if isinstance(failure, Later) else str(failure))
            with self.database.write() as conn:
                finish(conn, [(identity, "not_sent", reason, 0) for identity in ids])
                self.deeds.not_sent(conn, batch)
            self.counts.pending += len(batch)
            raise Interrupted(failure) from failure

    def _answered(
        self, kind: WriteKind, batch: Sequence[Write], ids: Sequence[int], outcomes: Sequence[Outcome]
    ) -> None:
        """File a batch's answers: writes, records and journal in one transaction."""
        filing = Filing(self.name, self.puller)
        with self.database.write() as conn:
            filing.preload(conn, [write.record for write in batch])
            for write, identity, outcome in zip(batch, ids, outcomes, strict=True):
                self.deeds.file(conn, write, identity, outcome)
                if outcome.result is Result.MAYBE and write.kind not in ONCE:
                    self.counts.lost += 1
                    continue
                filing.file(conn, write, identity, outcome)
                if outcome.result is Result.APPLIED or (kind is WriteKind.ERASE and outcome.result is Result.GONE):
                    self.counts.applied += 1
                    self.counts.by_kind[kind] += 1
                elif outcome.result is Result.MAYBE:
                    self.counts.uncertain += 1
                elif outcome.result is Result.LATER:
                    self.counts.pending += 1
                else:
                    self.counts.refused += 1
            filing.save(conn)


def _batches(writes: Iterable[Write], size: int, *, by_purpose: bool) -> Iterator[list[Write]]:
    """As many as a call takes; of opt-outs, those of one purpose, since one call says what is left."""
    waiting: dict[str, list[Write]] = {}
    for write in writes:
        batch = waiting.setdefault(write.purpose if by_purpose else "", [])
        batch.append(write)
        if len(batch) == size:
            yield waiting.pop(write.purpose if by_purpose else "")
    yield from waiting.values()


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


def mark_all(conn: Connection) -> None:
    """Everybody has to be folded and planned again: a policy, a direction or a rule changed."""
    conn.execute(update(t.record).where(t.record.c.mark == 0, t.record.c.person.is_not(None)).values(mark=MARK_FOLD))
