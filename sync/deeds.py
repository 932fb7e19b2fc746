"""Deeds: what is written beside the fields of records. Lists, companies, who belongs to them, and tasks.

Each kind is made ready (looked at again, directly), carried out, and filed with its answer. Putting somebody on a list
or to a company twice changes nothing. A company or a task is made once: where its answer was lost it is *uncertain*.
A company is then looked for in a complete listing; a task is left to a person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, select, update

from connectors.base import Connector, Outcome, Result
from connectors.deeds import Task
from connectors.errors import Failure
from mapping.facts import Tie
from mapping.model import WriteKind
from sync import ties_load
from sync.filing import file_members, remember_list, remote_list
from sync.intents import finish, note_made
from sync.pull import Puller
from sync.store import records
from sync.store import schema as t
from sync.store.database import Database
from sync.store.schema import MARK_FOLD
from sync.ties import company_key
from sync.writes import TO_BE_MADE, Setting, Write

KINDS = frozenset({WriteKind.LIST, WriteKind.COMPANY, WriteKind.TIE, WriteKind.COMPANY_AWAY, WriteKind.TASK})
BROKEN_OFF = "the run was broken off before the answer came"


class Ready(NamedTuple):
    """The writes of a batch that still hold, and how many others have to be planned anew."""

    writes: list[Write]
    moved: int = 0


@dataclass(frozen=True, slots=True)
class Deeds:
    """The deeds of one connection in one run."""

    database: Database
    name: str
    connector: Connector
    puller: Puller

    # ---- before it leaves --------------------------------------------------------------------------------------

    def ready(self, kind: WriteKind, batch: list[Write]) -> Ready:
        """What of a batch may leave. Raises Failure where nobody can look."""
        if kind is WriteKind.TIE:
            return self._ready_ties(batch)
        if kind is WriteKind.COMPANY:
            with self.database.read() as conn:
                known = ties_load.founded_names(conn, self.name, [write.purpose for write in batch])
            writes = [write for write in batch if company_key(write.purpose) not in known]
            return Ready(writes, len(batch) - len(writes))
        return Ready(batch)

    def _ready_ties(self, batch: list[Write]) -> Ready:
        """Ties as they are about to leave: with the number of a company that was just made, and to nobody who was put
        to a company meanwhile. One whose company could not be made waits."""
        with self.database.read() as conn:
            made = ties_load.founded_names(conn, self.name, [w.purpose for w in batch if _to_be_made(w)])
        numbered = [_numbered(write, made.get(company_key(write.purpose), "")) for write in batch]
        asked = [write for write in numbered if not _to_be_made(write)]
        there = self.connector.deeds.companies_of([write.remote_id for write in asked]) if asked else {}
        writes = [write for write in asked if _stands(write, there.get(write.remote_id, ()))]
        moved = [write for write in asked if write not in writes]
        if moved:
            with self.database.write() as conn:
                now = self.puller.now()
                ties_load.file_ties(conn, self.name, {w.record: there.get(w.remote_id, ()) for w in moved}, now)
                records.mark(conn, [write.record for write in moved], MARK_FOLD)
        return Ready(writes, len(moved))

    def intend(self, conn: Connection, batch: Sequence[Write], first: int) -> None:
        """Beside the intents, in their transaction: which companies are about to be made."""
        names = [(w.purpose, first + place) for place, w in enumerate(batch) if w.kind is WriteKind.COMPANY]
        ties_load.found(conn, self.name, names)

    # ---- the calls ---------------------------------------------------------------------------------------------

    def call(self, kind: WriteKind, batch: Sequence[Write]) -> Sequence[Outcome]:
        """Carry out a batch; one outcome for each, in order."""
        if kind is WriteKind.LIST:
            return self._lists(batch)
        if kind is WriteKind.TIE:
            return self._ties(batch)
        if kind is WriteKind.COMPANY:
            fields = [{setting.name: setting.after for setting in write.settings} for write in batch]
            return self.connector.deeds.create_companies(fields)
        return _one_after_another(batch, self._company_away if kind is WriteKind.COMPANY_AWAY else self._task)

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

    def _ties(self, batch: Sequence[Write]) -> Sequence[Outcome]:
        pairs = [(write.remote_id, _company(write)) for write in batch]
        on = [pair for write, pair in zip(batch, pairs, strict=True) if write.settings[0].after]
        off = [pair for write, pair in zip(batch, pairs, strict=True) if not write.settings[0].after]
        refused = dict(self.connector.deeds.associate(on)) if on else {}
        refused |= self.connector.deeds.dissociate(off) if off else {}
        return [
            Outcome(Result.REFUSED, who, reason=refused[who, company], code="invalid")
            if (who, company) in refused
            else Outcome(Result.APPLIED, who)
            for who, company in pairs
        ]

    def _company_away(self, write: Write) -> Outcome:
        """Put a company away that we made, where it is still as we made it and nobody belongs to it."""
        deeds, there = self.connector.deeds, self.connector.deeds.company(write.remote_id)
        if there is not None:
            if there.people or company_key(there.fields.get("name")) != company_key(write.purpose):
                why = "somebody belongs to it by now" if there.people else "it has another name by now"
                return Outcome(
                    Result.REFUSED, write.remote_id, reason=f"{write.purpose!r} stays: {why}", code="changed"
                )
            deeds.archive_company(write.remote_id)
        return Outcome(Result.APPLIED, write.remote_id)

    def _task(self, write: Write) -> Outcome:
        """Make a task, or take one back that is still as it was made."""
        deeds = self.connector.deeds
        if not write.takes_task:
            return deeds.create_task(write.remote_id, task_of(write))
        there = deeds.task(write.purpose)
        if there is not None:
            if there != task_of(write):
                return Outcome(Result.REFUSED, write.purpose, reason="somebody changed the task since", code="changed")
            deeds.archive_task(write.purpose)
        return Outcome(Result.APPLIED, write.purpose)

    # ---- after the answer --------------------------------------------------------------------------------------

    def file(self, conn: Connection, write: Write, identity: int, outcome: Outcome) -> None:
        """What an answer says beside the record, in the transaction that files it."""
        now, applied = self.puller.now(), outcome.result is Result.APPLIED
        if write.kind is WriteKind.COMPANY:
            self._file_company(conn, write, identity, outcome)
        elif write.kind is WriteKind.TASK and applied and not write.takes_task:
            note_made(conn, identity, outcome.remote_id)
        elif write.kind is WriteKind.TIE and applied:
            if write.settings[0].after:
                tie = Tie(write.remote_id, _company(write))
                ties_load.file_ties(conn, self.name, {write.record: [tie]}, now)
            else:
                ties_load.cut_ties(conn, self.name, [(write.record, _company(write))])
        elif write.kind is WriteKind.COMPANY_AWAY and applied:
            ties_load.founded(conn, self.name, write.purpose, "away")
            ties_load.company_gone(conn, self.name, self.connector.companies_in, write.remote_id, now)

    def _file_company(self, conn: Connection, write: Write, identity: int, outcome: Outcome) -> None:
        state = {
            Result.APPLIED: "made",
            Result.MAYBE: "intended",
            Result.LATER: "not_sent",
        }.get(outcome.result, "refused")
        ties_load.founded(conn, self.name, write.purpose, state, outcome.remote_id, outcome.reason)
        if outcome.result is Result.APPLIED:
            note_made(conn, identity, outcome.remote_id)
            fields = {setting.name: setting.after for setting in write.settings}
            stream, now = self.connector.companies_in, self.puller.now()
            ties_load.file_company(conn, self.name, stream, outcome.remote_id, fields, now)
        elif outcome.result is Result.MAYBE:
            self._list_again(conn)

    def not_sent(self, conn: Connection, batch: Sequence[Write]) -> None:
        """None of these left."""
        for write in batch:
            if write.kind is WriteKind.COMPANY:
                ties_load.founded(conn, self.name, write.purpose, "not_sent")

    def _list_again(self, conn: Connection) -> None:
        """Read all companies at the next pull: only a complete listing proves that one is not there."""
        s = t.stream.c
        mine = (s.connection == self.name) & (s.name == self.connector.companies_in)
        conn.execute(update(t.stream).where(mine).values(cursor=None))

    # ---- what a run left open ----------------------------------------------------------------------------------

    def left_open(self, writes: Sequence[tuple[int, Write]]) -> list[tuple[int, Write, Outcome]]:
        """What became of deeds whose answers nobody saw. Raises Failure where nobody can look."""
        asked = [write.remote_id for _, write in writes if write.kind is WriteKind.TIE]
        there = self.connector.deeds.companies_of(asked) if asked else {}
        return [(identity, write, self._left_open(write, there)) for identity, write in writes]

    def _left_open(self, write: Write, there: Mapping[str, Sequence[Tie]]) -> Outcome:
        if write.kind is WriteKind.LIST:
            return _arrived(False)  # doing it twice changes nothing, so it is done again
        if write.kind is WriteKind.TIE:
            at = any(tie.organization == _company(write) for tie in there.get(write.remote_id, ()))
            return _arrived(at is bool(write.settings[0].after))
        if write.kind is WriteKind.COMPANY_AWAY:
            return _arrived(self.connector.deeds.company(write.remote_id) is None)
        if write.takes_task:
            return _arrived(self.connector.deeds.task(write.purpose) is None)
        return Outcome(Result.MAYBE, reason=BROKEN_OFF)


def companies_heard(conn: Connection, connection: str, stream: str, *, news: bool) -> None:
    """After a pull of companies: settle those that may have been made, and with *news* plan again whoever waits."""
    s = t.stream.c
    text = conn.execute(select(s.cursor).where(s.connection == connection, s.name == stream)).scalar()
    whole = text is not None and bool(msgspec.json.decode(text)["done"])
    w = t.write.c
    query = select(w.id, w.row).where(t.UNCERTAIN, w.connection == connection, w.kind == WriteKind.COMPANY.value)
    for identity, row in conn.execute(query).all():
        name = _decode(row).purpose
        if ties_load.company_named(conn, connection, name):
            finish(conn, [(identity, "applied", "its answer was lost; a company of this name is there", 0)])
            ties_load.founded(conn, connection, name, "made")
        elif whole:
            finish(conn, [(identity, "not_sent", "its answer was lost; a complete listing does not have it", 0)])
            ties_load.founded(conn, connection, name, "not_sent")
        else:
            continue
        news = True
    if news:
        ties_load.wake(conn, connection)


_decode = msgspec.json.Decoder(Write).decode


def task_of(write: Write) -> Task:
    """The task that a write makes, or takes back."""
    said = {s.name: s.before if write.takes_task else s.after for s in write.settings}
    return Task(
        str(said["subject"]),
        int(said["due"]),
        str(said.get("owner") or ""),
        str(said.get("note") or ""),
    )


def _one_after_another(batch: Sequence[Write], act: Callable[[Write], Outcome]) -> list[Outcome]:
    """Outcomes of single calls. What follows a failure is for later; where nothing was done before it, it is raised."""
    outcomes: list[Outcome] = []
    for write in batch:
        try:
            outcomes.append(act(write))
        except Failure as failure:
            if not outcomes:
                raise
            left = len(batch) - len(outcomes)
            return outcomes + [Outcome(Result.LATER, reason=str(failure))] * left
    return outcomes


def _arrived(yes: bool) -> Outcome:
    reason = "answer lost; read back"
    return Outcome(Result.APPLIED if yes else Result.LATER, reason=reason)


def _company(write: Write) -> str:
    """The company of a tie, by its remote id."""
    setting = write.settings[0]
    return str(setting.after or setting.before)


def _to_be_made(write: Write) -> bool:
    return bool(write.settings[0].after == TO_BE_MADE)


def _numbered(write: Write, company: str) -> Write:
    """A tie with the number of its company, where that was only made after it was planned."""
    if not _to_be_made(write) or not company:
        return write
    setting: Setting = write.settings[0]._replace(after=company)
    return msgspec.structs.replace(write, settings=(setting,))


def _stands(write: Write, there: Sequence[Tie]) -> bool:
    """Whether a tie is still what the plan took it for."""
    if write.settings[0].after:
        return not there
    return any(tie.organization == _company(write) and not tie.label for tie in there)
