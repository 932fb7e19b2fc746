"""Mutants: the engine broken on purpose, each in one place, to break just one law.

A mutant that no test kills means a law that nobody checks. Each is named after its law; `MUTANTS[law]` gives them as
context managers that patch the engine and mend it again, with the kinds of event that the law is about.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import connectors.http
import mapping.claims
import mapping.consent
import mapping.identity
import mapping.survivorship
import regulars.trouble
import sync.answers
import sync.carry
import sync.engine
import sync.erasures
import sync.intents
import sync.people
import sync.plan
import sync.pull
import sync.push
import sync.resolve
import sync.tombs
import sync.undo
from connectors.errors import MaybeSent
from mapping.claims import Record
from mapping.decisions import Decision, DecisionKind, Policy, Reference
from mapping.model import RecordState
from mapping.survivorship import Choice
from mapping.values import same
from sync.store import bulk, records
from sync.store import schema as t
from sync.store.schema import MARK_FOLD
from tests.laws.mutant import Mutant, patched
from tests.laws.mutants_streams import STREAMS_MUTANTS
from tests.laws.world import FIELDS

# ---- nothing_is_lost ---------------------------------------------------------------------------------------------


def _no_journal(self: Any, record: Record, edits: Sequence[Any]) -> list[Any]:
    return []


# ---- it_settles: one remembered value instead of the pair ----------------------------------------------------------

_wrote = mapping.claims.wrote


def _wrote_one_value(record: Record, sent: Any, shown: Any, **more: Any) -> Record:
    """Remembers what was sent as what is shown: the platform's own spelling then looks like somebody's edit."""
    return _wrote(record, sent, sent, **{**more, "version": ""})


# ---- it_agrees: the write rule without "and it still shows our result" ---------------------------------------------

_shows = sync.plan._shows


def _sent_is_enough(record: Record, name: str, image: Any) -> bool:
    pair = record.pairs.get(name)
    return _shows(record, name, image) or (pair is not None and same(pair.sent, image))


# ---- derived_is_derived: an address that is left is forgotten ------------------------------------------------------

_file_identifiers = sync.resolve._file_identifiers


def _forgets_addresses(conn: Any, rows: Any) -> Any:
    rows = list(rows)
    if getattr(_forgets_addresses, "rebuilding", False):
        conn.execute(t.identifier.delete().where(t.identifier.c.record.in_([row[0] for row in rows])))
    return _file_identifiers(conn, rows)


@contextmanager
def _rebuild_forgets() -> Iterator[None]:
    """Only a rebuild forgets: it then finds other people than the runs did."""
    rebuild = sync.engine.Engine.rebuild

    def forgetful(self: Any) -> int:
        _forgets_addresses.rebuilding = True  # type: ignore[attr-defined]
        try:
            return rebuild(self)
        finally:
            _forgets_addresses.rebuilding = False  # type: ignore[attr-defined]

    with (
        patch.object(sync.resolve, "_file_identifiers", _forgets_addresses),
        patch.object(sync.engine.Engine, "rebuild", forgetful),
    ):
        yield


# ---- withdrawn_stays_withdrawn: a withdrawal holds for its own address only ----------------------------------------

_standing = mapping.consent.standing


def _own_address_only(facts: Any, address: str, *rest: Any) -> Any:
    return _standing([fact for fact in facts if fact.address == address], address, *rest)


# ---- blank_never_wipes: a clear is a value like any other ----------------------------------------------------------

_choose = mapping.survivorship._choose


def _clears_count(name: str, records: Any, said: Any, keeps: Any, policies: Any) -> Any:
    policy = replace(Policy(), clear=True)
    fields = dict.fromkeys((name,), policy)
    return _choose(name, records, said, keeps, replace(policies, fields=fields))


@contextmanager
def _blanks_wipe() -> Iterator[None]:
    plan = sync.plan.plan_person

    def careless(case: Any, person: Any, targets: Any, policies: Any) -> Any:
        fields = dict.fromkeys(policies.kinds, Policy(clear=True))
        return plan(case, person, targets, replace(policies, fields=fields))

    with (
        patch.object(mapping.survivorship, "_choose", _clears_count),
        patch.object(sync.people, "plan_person", careless),
    ):
        yield


# ---- absence_needs_proof: what a listing lacks is gone -------------------------------------------------------------


def _believes_absence(self: Any, suspects: Sequence[int], counts: Any) -> None:
    with self.database.write() as conn:
        found = records.by_id(conn, list(suspects))
        rows = [records.to_row(replace(record, state=RecordState.GONE), None, MARK_FOLD) for record in found.values()]
        records.save(conn, rows, new=False)


# ---- every_write_was_planned: a rehearsal writes -------------------------------------------------------------------


def _rehearsal_writes(works: Any, run: Any, spool: Any) -> None:
    sync.carry.carry_out(works, run, spool, sync.resolve.Identity())


# ---- why_has_an_answer: the source is lost -------------------------------------------------------------------------

_newest = mapping.survivorship._newest


def _no_source(*args: Any) -> Any:
    found = _newest(*args)
    return found._replace(source=Reference(0, "", 0)) if isinstance(found, Choice) else found


# ---- people_overrule_machines: identifiers beat a person's word ----------------------------------------------------

_cluster = mapping.identity.cluster


def _words_do_not_count(nodes: Any, holders: Any, same_pairs: Any, not_same: Any, **more: Any) -> Any:
    return _cluster(nodes, holders, same_pairs, (), **more)


# ---- nothing_is_doubled: the intent comes too late -------------------------------------------------------------------

_intend, _call = sync.push.Pusher._intend, sync.push.Pusher._call


@contextmanager
def _late_intent() -> Iterator[None]:
    """Intents become durable with their answers, and not before the writes leave: a crash in between leaves no trace,
    and what was sent looks like somebody's. Nothing else changes."""
    waiting: list[Any] = []

    def keep(conn: Any, table: Any, columns: Any, rows: Any) -> None:
        waiting.append((table, columns, list(rows)))

    def file(self: Any) -> None:
        with self.database.durable() as conn:
            for table, columns, rows in waiting:
                bulk.insert(conn, table, columns, rows)
        waiting.clear()

    def intend(self: Any, batch: Any) -> Any:
        waiting.clear()  # what a process left behind that died
        with patch.object(bulk, "insert", keep):
            return _intend(self, batch)

    def call(self: Any, kind: Any, batch: Any, ids: Any) -> Any:
        try:
            outcomes = _call(self, kind, batch, ids)
        except sync.push.Interrupted as broken:
            file(self)
            if not isinstance(broken.failure, MaybeSent):
                with self.database.write() as conn:
                    sync.intents.finish(conn, [(identity, "not_sent", str(broken), 0) for identity in ids])
            raise
        file(self)
        return outcomes

    with patch.object(sync.push.Pusher, "_intend", intend), patch.object(sync.push.Pusher, "_call", call):
        yield


# ---- every_write_can_be_undone: the hold restores what was written -------------------------------------------------


def _holds_the_new(record: Record, write: Any, revision: int, now: int) -> list[Any]:
    return [Decision(DecisionKind.HOLD, record.id, now, revision, s.name, s.after, 0, s.source) for s in write.settings]


def _undo_mutant() -> Any:
    return patch.object(sync.undo, "_holds", _holds_the_new)


# ---- order_does_not_matter: whoever was stored first wins ----------------------------------------------------------


def _by_arrival(candidate: Any, policies: Any) -> Any:
    record, _ = candidate
    return (-record.id,)


# ---- secrets_stay_secret: nothing is redacted ----------------------------------------------------------------------


@contextmanager
def _unredacted() -> Iterator[None]:
    """What platforms say back is passed on as it came."""
    with (
        patch.object(connectors.http.Http, "redact", lambda self, text: text),
        patch.object(regulars.trouble.Redactor, "clean", lambda self, text: text),
    ):
        yield


# ---- nothing_is_lost: an erasure that is refused or whose answer is lost is not asked for again --------------------


def _erases_once(self: Any, conn: Any, write: Any, identity: int, outcome: Any) -> None:
    sync.erasures.confirm(conn, write.record, self._puller.now())
    self._ends.append((identity, "refused", outcome.reason, 0))


MUTANTS: tuple[Mutant, ...] = (
    Mutant("nothing_is_lost", "edits are not journaled", patched(sync.pull.Puller, "_journal", _no_journal)),
    Mutant(
        "nothing_is_lost",
        "an erasure is asked for once, whatever the answer",
        patched(sync.answers.Filing, "_erased", _erases_once),
        ("erase", "erase", "fault", "lose", "kill", "sync"),
    ),
    Mutant(
        "nothing_is_lost",
        "whoever was erased comes in with the next page",
        patched(sync.tombs.Tombs, "back", lambda self, conn, connection, seen: {}),
        ("erase", "erase", "add", "add", "sync"),
    ),
    Mutant(
        "it_settles",
        "one remembered value instead of the pair",
        patched(sync.answers, "wrote", _wrote_one_value),
        ("edit", "edit", "sync"),
        tuple((place, name, rule) for name in FIELDS for place, rule in enumerate(("lower", "upper", "squeeze"))),
    ),
    Mutant(
        "it_agrees",
        "having sent a value is enough",
        patched(sync.plan, "_shows", _sent_is_enough),
        ("edit", "edit", "edit", "sync"),
    ),
    Mutant(
        "derived_is_derived", "a rebuild forgets past addresses", _rebuild_forgets, ("move", "move", "sync", "edit")
    ),
    Mutant(
        "withdrawn_stays_withdrawn",
        "an opt-out holds for its own address only",
        patched(sync.plan, "standing", _own_address_only),
        ("join", "leave", "move", "sync"),
    ),
    Mutant("blank_never_wipes", "a clear is a value like any other", _blanks_wipe, ("clear", "edit", "sync")),
    Mutant(
        "absence_needs_proof",
        "what a listing lacks is gone",
        patched(sync.pull.Puller, "prove", _believes_absence),
        ("hide", "edit", "sync"),
    ),
    Mutant(
        "every_write_was_planned",
        "a rehearsal writes",
        patched(sync.carry, "rehearse", _rehearsal_writes),
        ("rehearse", "edit"),
    ),
    Mutant("why_has_an_answer", "the source of a value is lost", patched(mapping.survivorship, "_newest", _no_source)),
    Mutant(
        "people_overrule_machines",
        "identifiers beat a person's word",
        patched(sync.resolve, "cluster", _words_do_not_count),
        ("split", "edit", "sync"),
    ),
    *STREAMS_MUTANTS,
)

CRASH_MUTANT = Mutant("nothing_is_doubled", "intents are written down after the answer, not before", _late_intent)
SECRETS_MUTANT = Mutant("secrets_stay_secret", "nothing is redacted", _unredacted)
UNDO_MUTANT = Mutant("every_write_can_be_undone", "the hold keeps what was written", _undo_mutant)
ORDER_MUTANT = Mutant(
    "order_does_not_matter", "whoever was stored first wins", patched(mapping.survivorship, "order", _by_arrival)
)
