"""Steps that read what Mailchimp tells beside its members: the activity of every campaign."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from benchmarks.measured import Done
from sync.store import schema as t
from sync.streams import StreamPuller

if TYPE_CHECKING:
    from benchmarks.steps import Bench

NAME, STREAM = "mailchimp", "activity"
COUNTS = ("read", "new", "stray", "refused", "gone")


def activity(bench: Bench) -> Callable[[], Done]:
    """One pull of the stream into a store that knows the members already."""
    connector = bench.mailchimp
    connector.check()
    database = bench.store()
    stream = next(one for one in connector.streams if one.name == STREAM)
    before = dict(connector.calls())

    def work() -> Done:
        told = StreamPuller(database, NAME, connector, bench.now).pull(stream)
        requests = {key: n - before.get(key, 0) for key, n in connector.calls().items() if n > before.get(key, 0)}
        counts = {key: getattr(told, key) for key in COUNTS}
        kind = t.touchpoint.c.kind
        with database.read() as conn:
            for name, count in conn.execute(select(kind, func.count()).group_by(kind)):
                counts[f"stored {name}"] = count
            counts["campaigns"] = conn.execute(select(func.count()).select_from(t.campaign)).scalar_one()
        counts["stored"] = sum(count for name, count in counts.items() if name.startswith("stored "))
        return Done(told.read, requests, counts, [told.failure] if told.failure else [])

    return work
