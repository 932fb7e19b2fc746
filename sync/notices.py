"""Notices, kept: the matters that the store shows, and what each channel was told of them.

Level-triggered: what stands is read from the store each time, so a lost look loses nothing. Only failures come and go
with runs; runs are read behind a mark, which moves in the transaction that notes what they showed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, delete, func, or_, select

from mapping.model import Millis
from sync.notices_due import Counts, Kind, Matter, Name, end, stand
from sync.store import bulk
from sync.store import schema as t
from sync.store.records import clean
from sync.store.schema_events import DISABLED, subscription
from sync.store.schema_notices import notice, notice_channel, notice_told

FIRST = 50
"""How many runs are looked back at where nothing was looked at yet."""

ALIVE: Millis = 6 * 3_600_000
"""How long a run that has not ended is taken for one that still may; after that it was killed."""

_MARK = "notices.runs"
_SYNC = "sync"


class Mark(msgspec.Struct, frozen=True):
    """How far runs were read: the newest, and those before it that had not ended."""

    run: int = 0
    open: tuple[int, ...] = ()


class View(NamedTuple):
    """What the store shows now: all matters, how far runs were read for it, and what is to be forgotten."""

    matters: dict[Name, Matter]
    mark: Mark
    gone: list[Name]


class Channel(NamedTuple):
    """How a channel fares."""

    failures: int = 0
    rests_until: Millis = 0
    note: str = ""


# ---- what stands ---------------------------------------------------------------------------------------------------


def look(conn: Connection, names: Collection[str], now: Millis) -> tuple[View, bool]:
    """What stands now for the connections *names*, and whether that differs from what is noted."""
    known = matters(conn)
    found = {name: one for name, one in known.items() if _is_about(one, names)}
    mark, runs = _runs(conn, now)
    for row in runs:
        _read_run(conn, found, row, names, now)
    if runs:
        _all_ended(found, [(Kind.RUN, "")], now)
    _level(found, Kind.GUARD, _guards(conn, names), now, ends=not mark.open)  # stops come and go while a run lasts
    _level(found, Kind.SUBSCRIPTION, _disabled(conn), now)
    _level(found, Kind.WAITING, _waiting(conn, found, runs, names), now)
    gone = [name for name in known if name not in found]
    return View(found, mark, gone), bool(gone or runs or found != known)


def keep(conn: Connection, view: View) -> None:
    """Note what `look` saw."""
    rows = [(m.kind.value, m.subject, m.since, _encode(m.counts), m.ended) for m in view.matters.values()]
    columns = ("kind", "subject", "since", "counts", "ended")
    bulk.upsert(conn, notice, columns, rows, columns[:2], columns[2:])
    forget(conn, view.gone)
    bulk.upsert(
        conn, t.meta, ("key", "value"), [(_MARK, msgspec.json.encode(view.mark).decode())], ("key",), ("value",)
    )


def broke(conn: Connection, now: Millis) -> None:
    """A run could not even begin: it stands until one ends."""
    known = matters(conn).get((Kind.RUN, ""))
    counts = {"attempts": (known.counts.get("attempts", 0) if known and not known.ended else 0) + 1}
    one = stand(known, Matter(Kind.RUN, "", now, counts))
    row = (one.kind.value, one.subject, one.since, _encode(one.counts), 0)
    columns = ("kind", "subject", "since", "counts", "ended")
    bulk.upsert(conn, notice, columns, [row], columns[:2], columns[2:])


def matters(conn: Connection) -> dict[Name, Matter]:
    """The matters that are noted."""
    found = {}
    for row in conn.execute(select(notice)):
        one = Matter(Kind(row.kind), row.subject, row.since, msgspec.json.decode(row.counts), row.ended)
        found[one.name] = one
    return found


def forget(conn: Connection, names: Iterable[Name]) -> None:
    """Forget matters, and that they were told."""
    for kind, subject in names:
        for table in (notice, notice_told):
            conn.execute(delete(table).where(table.c.kind == kind.value, table.c.subject == subject))


def _is_about(one: Matter, names: Collection[str]) -> bool:
    """Whether a matter is still anybody's: a connection that was taken out of the file has none."""
    return one.kind in (Kind.RUN, Kind.SUBSCRIPTION) or one.subject in names


def _runs(conn: Connection, now: Millis) -> tuple[Mark, Sequence[Any]]:
    """The runs that ended since the last look, oldest first, and the mark behind them. Runs may overlap, so one that
    was still open then is looked for again, as long as it may be alive."""
    r = t.run.c
    text = conn.execute(select(t.meta.c.value).where(t.meta.c.key == _MARK)).scalar()
    mark = Mark() if text is None else msgspec.json.decode(text, type=Mark)
    new = or_(r.id > mark.run, r.id.in_(mark.open))
    query = select(r.id, r.kind, r.started, r.ended, r.balance).where(new).order_by(r.id.desc())
    rows = conn.execute(query.limit(FIRST) if text is None else query).all()[::-1]
    open_ = tuple(row.id for row in rows if row.ended is None and row.started > now - ALIVE)
    ended = sorted((row for row in rows if row.ended is not None), key=lambda row: (row.ended, row.id))
    return Mark(max([mark.run, *(row.id for row in rows)]), open_), ended


def _read_run(conn: Connection, found: dict[Name, Matter], row: Any, names: Collection[str], now: Millis) -> None:
    """A connection fails from the first run that says so to the first that looked at it whole and does not."""
    failing = set(failed(msgspec.json.decode(row.balance)))
    pulled = _pulled(conn)
    for name in names:
        known = found.get((Kind.FAILURE, name))
        if name in failing:
            runs = known.counts.get("runs", 0) if known and not known.ended else 0
            one = stand(known, Matter(Kind.FAILURE, name, row.started, {"runs": runs + 1}))
            found[one.name] = one
        elif known is not None and row.kind == _SYNC and pulled.get(name, 0) >= row.started:
            found[known.name] = end(known, now)


def failed(balance: Mapping[str, Any]) -> list[str]:
    """The connections that failed in a run, in whole or in one stream."""
    parts = balance.get("connections", {}).items()
    streams = {name for name, part in parts if any(one.get("failure") for one in part.get("streams", {}).values())}
    return sorted({*balance.get("failures", {}), *streams})


def _pulled(conn: Connection) -> dict[str, Millis]:
    c = t.connection.c
    return {row.name: row.pulled_at for row in conn.execute(select(c.name, c.pulled_at))}


def _guards(conn: Connection, names: Collection[str]) -> dict[str, Counts]:
    c = t.connection.c
    rows = conn.execute(select(c.name, c.stopped).where(c.stopped.is_not(None))).all()
    stops = {row.name: msgspec.json.decode(row.stopped) for row in rows if row.name in names}
    return {name: {one["brake"]: one["size"] for one in each} for name, each in stops.items() if each}


def _disabled(conn: Connection) -> dict[str, Counts]:
    rows = conn.execute(select(subscription.c.id).where(subscription.c.state == DISABLED))
    return {row.id: {} for row in rows}


def _waiting(
    conn: Connection, found: Mapping[Name, Matter], runs: Sequence[Any], names: Collection[str]
) -> dict[str, Counts]:
    """Writes that the newest run left, and such as may have arrived. Where a failure or a guard explains it, that is
    told instead."""
    newest = next((row for row in reversed(runs) if row.kind == _SYNC), None)
    parts = {} if newest is None else msgspec.json.decode(newest.balance).get("connections", {})
    w = t.write.c
    lost = conn.execute(select(w.connection, func.count()).where(t.UNCERTAIN).group_by(w.connection))
    unsure: dict[str, int] = {row[0]: row[1] for row in lost}
    waits: dict[str, Counts] = {}
    for name in names:
        known = found.get((Kind.WAITING, name))
        if newest is None:
            left = (
                {} if known is None or known.ended else {key: known.counts.get(key, 0) for key in ("held", "pending")}
            )
        else:
            left = {key: parts.get(name, {}).get(key, 0) for key in ("held", "pending")}
        counts = {key: n for key, n in {**left, "uncertain": unsure.get(name, 0)}.items() if n}
        explained = any(_stands(found.get((kind, name))) for kind in (Kind.FAILURE, Kind.GUARD))
        if counts and (_stands(known) or not explained):
            waits[name] = counts
    return waits


def _stands(one: Matter | None) -> bool:
    return one is not None and not one.ended


def _level(
    found: dict[Name, Matter], kind: Kind, standing: Mapping[str, Counts], now: Millis, *, ends: bool = True
) -> None:
    """Matters of a kind are those that the store shows now."""
    for subject, counts in standing.items():
        one = stand(found.get((kind, subject)), Matter(kind, subject, now, counts))
        found[one.name] = one
    if ends:
        _all_ended(found, [name for name in found if name[0] is kind and name[1] not in standing], now)


def _all_ended(found: dict[Name, Matter], names: Iterable[Name], now: Millis) -> None:
    for name in names:
        if name in found:
            found[name] = end(found[name], now)


# ---- what was told -------------------------------------------------------------------------------------------------


def told(conn: Connection) -> dict[str, dict[Name, Millis]]:
    """What each channel was told, and when."""
    found: dict[str, dict[Name, Millis]] = {}
    for row in conn.execute(select(notice_told)):
        found.setdefault(row.channel, {})[Kind(row.kind), row.subject] = row.at
    return found


def note_told(conn: Connection, channel: str, begun: Iterable[Name], ended: Iterable[Name], now: Millis) -> None:
    """A channel was told: of these that they stand, of those that they ended."""
    rows = [(channel, kind.value, subject, now) for kind, subject in begun]
    columns = ("channel", "kind", "subject", "at")
    bulk.upsert(conn, notice_told, columns, rows, columns[:3], columns[3:])
    c = notice_told.c
    for kind, subject in ended:
        conn.execute(delete(notice_told).where(c.channel == channel, c.kind == kind.value, c.subject == subject))
    conn.execute(delete(notice_channel).where(notice_channel.c.channel == channel))


def note_failed(conn: Connection, channel: str, note: str, rests_until: Millis) -> None:
    """A channel could not be told; it rests for a while."""
    failures = channels(conn).get(channel, Channel()).failures + 1
    row = (channel, failures, rests_until, clean(note, 300))
    columns = ("channel", "failures", "rests_until", "note")
    bulk.upsert(conn, notice_channel, columns, [row], columns[:1], columns[1:])


def channels(conn: Connection) -> dict[str, Channel]:
    """The channels that failed last time."""
    rows = conn.execute(select(notice_channel))
    return {row.channel: Channel(row.failures, row.rests_until, row.note) for row in rows}


def forget_channels(conn: Connection, kept: Collection[str]) -> None:
    """Forget channels that are configured no more."""
    for table in (notice_told, notice_channel):
        conn.execute(delete(table).where(table.c.channel.not_in(list(kept))))


def _encode(counts: Counts) -> str:
    return msgspec.json.encode(counts, order="sorted").decode()
