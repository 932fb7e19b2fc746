"""Deliveries: what is due to whom, what became of each attempt, and again what somebody wants again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, func, insert, select, update

from mapping.model import Millis
from sync.store.records import clean
from sync.store.schema_events import (
    ACTIVE,
    DELIVERED,
    DISABLED,
    DUE,
    GIVEN_UP,
    WAITING,
    attempt,
    delivery,
    event,
    subscription,
)
from webhooks import outgoing
from webhooks.outgoing_schedule import Said, meaning, next_attempt, rest

STATES = {WAITING: "waiting", DELIVERED: "delivered", GIVEN_UP: "given up"}


class Due(NamedTuple):
    """A delivery that is to leave now."""

    id: int
    event: str
    kind: str
    at: Millis
    data: str
    attempts: int


class Attempt(NamedTuple):
    """One try: the answer's status, 0 for none."""

    number: int
    at: Millis
    status: int
    note: str


class Line(NamedTuple):
    """A delivery as it is listed."""

    id: int
    subscription: str
    event: str
    kind: str
    state: str
    attempts: list[Attempt]
    due: Millis


def listeners_due(conn: Connection, now: Millis) -> list[str]:
    """The subscriptions to which something is due."""
    s, d = subscription.c, delivery.c
    waits = select(d.id).where(DUE, d.subscription == s.id, d.due <= now).exists()
    ready = select(s.id).where(s.state == ACTIVE, s.rests_until <= now, waits)
    return list(conn.execute(ready.order_by(s.made, s.id)).scalars())


def due(conn: Connection, listener: str, now: Millis, most: int) -> list[Due]:
    """What is due to one of them, oldest first."""
    d, e = delivery.c, event.c
    rows = (
        select(d.id, d.event, e.kind, e.at, e.data, d.attempts)
        .join_from(delivery, event, e.id == d.event)
        .where(DUE, d.subscription == listener, d.due <= now)
        .order_by(d.due, d.id)
        .limit(most)
    )
    return [Due(*row) for row in conn.execute(rows)]


def note(conn: Connection, listener: str, which: Due, status: int, said: str, now: Millis, asked: Millis = 0) -> Said:
    """Write an attempt down, and what follows from it: done, again, given up, the subscription disabled or ended."""
    d, s = delivery.c, subscription.c
    number = conn.execute(select(func.count()).where(attempt.c.delivery == which.id)).scalar_one() + 1
    row = {"delivery": which.id, "number": number, "at": now, "status": status, "note": clean(said, 300)}
    conn.execute(insert(attempt).values(**row))
    mine, told = delivery.update().where(d.id == which.id), subscription.update().where(s.id == listener)
    answer, attempts = meaning(status), which.attempts + 1
    if answer is Said.TAKEN:
        conn.execute(mine.values(state=DELIVERED, attempts=attempts))
        conn.execute(told.values(failures=0, failing_since=0, rests_until=0))
        return answer
    if answer is Said.GONE:
        conn.execute(mine.values(state=GIVEN_UP, attempts=attempts))
        outgoing.end(conn, listener)
        return answer
    known = conn.execute(select(s.failures, s.failing_since).where(s.id == listener)).first()
    failures, since = (1, now) if known is None else (known.failures + 1, known.failing_since or now)
    conn.execute(told.values(failures=failures, failing_since=since, rests_until=now + rest(failures)))
    again = next_attempt(attempts, now, f"{listener} {which.event}", asked)
    first = conn.execute(select(d.first_at).where(d.id == which.id)).scalar_one() or now
    if again is not None:
        conn.execute(mine.values(attempts=attempts, due=again, first_at=first))
        return answer
    conn.execute(mine.values(state=GIVEN_UP, attempts=attempts, first_at=first))
    if since <= first:  # nothing got through meanwhile
        conn.execute(told.values(state=DISABLED, note=f"nothing got through for three days; at last: {said}"[:300]))
    return answer


def replay(conn: Connection, identity: int, now: Millis) -> bool:
    """Deliver something once more, with the same id; whether there is such a delivery to somebody who listens."""
    d, s = delivery.c, subscription.c
    listens = select(s.id).where(s.id == d.subscription).exists()
    again = update(delivery).where(d.id == identity, listens)
    return bool(conn.execute(again.values(state=WAITING, attempts=0, first_at=0, due=now)).rowcount)


def newest(conn: Connection, most: int, listener: str = "", states: Sequence[int] = ()) -> list[Line]:
    """The newest deliveries, each with its attempts."""
    d = delivery.c
    rows = select(d.id, d.subscription, d.event, event.c.kind, d.state, d.due)
    rows = rows.join_from(delivery, event, event.c.id == d.event).order_by(d.id.desc()).limit(most)
    if listener:
        rows = rows.where(d.subscription == listener)
    if states:
        rows = rows.where(d.state.in_(states))
    found = conn.execute(rows).all()
    a = attempt.c
    tries: dict[int, list[Attempt]] = {}
    mine = select(attempt).where(a.delivery.in_([row.id for row in found])).order_by(a.delivery, a.number)
    for row in conn.execute(mine):
        tries.setdefault(row.delivery, []).append(Attempt(row.number, row.at, row.status, row.note))
    return [
        Line(row.id, row.subscription, row.event, row.kind, STATES[row.state], tries.get(row.id, []), row.due)
        for row in found
    ]


def counts(conn: Connection) -> dict[str, dict[str, int]]:
    """Deliveries by subscription and state."""
    d = delivery.c
    found: dict[str, dict[str, int]] = {}
    for listener, state, number in conn.execute(
        select(d.subscription, d.state, func.count()).group_by(d.subscription, d.state)
    ):
        found.setdefault(listener, dict.fromkeys(STATES.values(), 0))[STATES[state]] = int(number)
    return found
