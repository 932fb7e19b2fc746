"""Recover: writes whose answer was lost. Before anything else is pulled or sent, look at what stands there.

Equal to what stood there before: it was not sent. Equal to the lens image, case and spacing aside: it was sent.
A cut of the lens image may be the platform's or somebody's: it is journaled, and sent once more. Anything else is
somebody's, and the ordinary pull makes it a claim.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
from sqlalchemy import select

from connectors.base import Outcome, Raw, Result
from connectors.pace import going_first
from mapping.claims import Record, unanswered, wrote
from mapping.consent import left_by_itself
from mapping.model import RecordState, Seen, WriteKind
from mapping.values import cut_image, lossy_image, same
from sync.answers import Filing, opted_out
from sync.deeds import KINDS as DEEDS
from sync.erasures import follow
from sync.intents import finish
from sync.pull import Pulled
from sync.push import Pusher
from sync.store import bulk, records
from sync.store import schema as t
from sync.store.schema import MARK_RESOLVE
from sync.writes import Setting, Write

_decode = msgspec.json.Decoder(Write).decode


def recover(pusher: Pusher) -> int:
    """Settle the open intents of one connection; returns how many there were. Raises Failure if it cannot look.

    No opt-out leaves before that, so it goes first as they do.
    """
    with going_first():
        return _recover(pusher)


def _recover(pusher: Pusher) -> int:
    total = 0
    while True:
        with pusher.database.read() as conn:
            rows = conn.execute(
                select(t.write.c.id, t.write.c.row)
                .where(t.write.c.state == "intended", t.write.c.connection == pusher.name)
                .order_by(t.write.c.id)
                .limit(pusher.connector.batch)
            ).all()
        if not rows:
            return total
        total += len(rows)
        open_writes = [(row.id, _decode(row.row)) for row in rows]
        _creates(pusher, [(i, w) for i, w in open_writes if w.kind is WriteKind.CREATE])
        _deeds(pusher, [(i, w) for i, w in open_writes if w.kind in DEEDS])
        erasures = [(i, w) for i, w in open_writes if w.kind is WriteKind.ERASE]
        if erasures:
            _erasures(pusher, erasures)
        others = (WriteKind.CREATE, WriteKind.ERASE, *DEEDS)
        _others(pusher, [(i, w) for i, w in open_writes if w.kind not in others])


def _creates(pusher: Pusher, writes: Sequence[tuple[int, Write]]) -> None:
    """A create is there if our key is, or the address."""
    if not writes:
        return
    found = pusher.connector.find([w.address for _, w in writes], [w.person for _, w in writes])
    filing = Filing(pusher.name, pusher.puller)
    with pusher.database.write() as conn:
        pusher.puller.moment(conn)
        for identity, write in writes:
            raw = found.get(write.person) or found.get(write.address)
            if raw is None:
                filing.file(conn, write, identity, Outcome(Result.LATER, reason="never arrived"))
                continue
            shown = pusher.puller.decode(raw)
            fits = [s for s in write.settings if _arrived(s, shown)]
            ours = msgspec.structs.replace(write, settings=tuple(fits))
            filing.file(conn, ours, identity, Outcome(Result.APPLIED, shown.remote_id, _lost(shown), raw))
        filing.save(conn)
        follow(conn, [write.person for _, write in writes], pusher.puller.now())


def _erasures(pusher: Pusher, writes: Sequence[tuple[int, Write]]) -> None:
    """Asked for once more: that changes nothing where it was done, and what does not answer may be put away only."""
    filing = Filing(pusher.name, pusher.puller)
    with pusher.database.write() as conn:
        for identity, write in writes:
            filing.file(
                conn, write, identity, Outcome(Result.LATER, write.remote_id, reason="answer lost; asked again")
            )
        filing.save(conn)


def _deeds(pusher: Pusher, writes: Sequence[tuple[int, Write]]) -> None:
    """Lists, companies, ties and tasks: what no reading can tell is uncertain, and stays so."""
    if not writes:
        return
    found = pusher.deeds.left_open(writes)
    filing = Filing(pusher.name, pusher.puller)
    with pusher.database.write() as conn:
        pusher.puller.moment(conn)
        for identity, write, outcome in found:
            pusher.deeds.file(conn, write, identity, outcome)
            filing.file(conn, write, identity, outcome)
        filing.save(conn)


def _others(pusher: Pusher, writes: Sequence[tuple[int, Write]]) -> None:
    if not writes:
        return
    raws = pusher.connector.read(sorted({write.remote_id for _, write in writes}))
    with pusher.database.write() as conn:
        known = records.by_id(conn, sorted({write.record for _, write in writes}))
        rows: list[tuple[Any, ...]] = []
        ends, doubts = [], []
        for identity, write in writes:
            raw = raws.get(write.remote_id)
            state, record = _settle(pusher, known[write.record], write, raw)
            doubts += _doubts(pusher, known[write.record], record)
            known[record.id] = record
            ends.append((identity, state, "answer lost; read back", 0))
        for record in known.values():
            rows.append(records.to_row(record, None, MARK_RESOLVE))
        records.save(conn, rows, new=False)
        finish(conn, ends)
        columns = ("at", "revision", "record", "person", "name", "before", "after", "because")
        bulk.insert(conn, t.journal, columns, doubts)
        # What else changed there meanwhile is filed the ordinary way, after our own part is known to be ours.
        pusher.puller.store(conn, [raw for raw in raws.values() if raw is not None], Pulled())


def _doubts(pusher: Pusher, before: Record, after: Record) -> list[tuple[Any, ...]]:
    """Lines of the journal for what stands there and may be somebody's, before it is sent over."""
    return [
        (
            pusher.puller.now(),
            pusher.puller.revision,
            after.id,
            after.person,
            name,
            records.dump(before.known.get(name)),
            records.dump(after.known.get(name)),
            f"shown at {pusher.name} when an answer was lost",
        )
        for name, pair in after.pairs.items()
        if pair.shown is None and not same(before.known.get(name), after.known.get(name))
    ]


def _settle(pusher: Pusher, record: Record, write: Write, raw: Raw | None) -> tuple[str, Record]:
    """How one write ended, and its record with what proves to be ours."""
    if raw is None:
        done = write.kind is WriteKind.ARCHIVE
        return ("applied" if done else "not_sent"), record
    shown = pusher.puller.decode(raw)
    if write.kind is WriteKind.OPT_OUT:
        first = pusher.connector.purposes[0]
        if shown.subscribed and (write.purpose == first or not left_by_itself(shown.consent, write.purpose)):
            return "not_sent", record
        return "applied", opted_out(record, write.purpose, first, pusher.puller.now())
    if write.kind is WriteKind.ARCHIVE:
        return ("not_sent" if shown.state is RecordState.LIVE else "applied"), record
    cut = {s.name: s.after for s in write.settings if _cut(s, shown)}
    record = unanswered(record, cut, shown.fields) if cut else record
    arrived = [setting for setting in write.settings if _arrived(setting, shown)]
    if not arrived:
        return "applied" if cut else "not_sent", record
    sent = {setting.name: setting.after for setting in arrived}
    landed = {name: shown.fields.get(name) for name in sent}
    return "applied", wrote(record, sent, landed, version="", now=pusher.puller.now())


def _arrived(setting: Setting, shown: Seen) -> bool:
    """Whether a record shows that this setting reached it."""
    now = shown.fields.get(setting.name)
    if same(now, setting.before):
        return False
    return same(now, setting.after) or (lossy_image(setting.after, now) and not cut_image(setting.after, now))


def _cut(setting: Setting, shown: Seen) -> bool:
    """Whether a record shows a cut of this setting, which did not stand there before."""
    now = shown.fields.get(setting.name)
    return cut_image(setting.after, now) and not same(now, setting.before)


def _lost(shown: Seen) -> Seen:
    """What is shown, without a stamp: nobody can say whether the last change there was ours."""
    return replace(shown, version="")
