"""Streams: what platforms tell beside their records, pulled page by page into the tables of facts.

A stream of objects (companies, deals, calls) is remembered by a digest per object: what did not change costs a look-up,
and the facts of one that did are replaced. What hangs on an object may change without a trace of it there (who works
for a company), so streams of objects are read whole now and then. A stream of events only ever adds. A fact that names
somebody whom the store does not know yet is kept as stray, and finds home when that record arrives. Nothing is taken
as gone because a page lacks it; only what the platform calls deleted is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from connectors.base import Connector, Raw, Stream, StreamPage
from connectors.errors import Failure
from mapping.facts import Facts
from mapping.model import Millis
from sync.balance import StreamBalance
from sync.filing import file_facts, forget_items, next_item, with_news
from sync.store import bulk, records
from sync.store import schema as t
from sync.store.database import Database

WORTH = 1000
"""Items that are worth a transaction."""

_facts = msgspec.json.Decoder(Facts).decode
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class StreamPuller:
    """Pulls the streams of one connection."""

    database: Database
    name: str
    connector: Connector
    now: Callable[[], Millis]
    seen_page: Callable[[str, int, int | None], None] = lambda stream, count, total: None
    full_every: Millis = 0
    overtake: Callable[[], None] = lambda: None  # after some pages: hears who leaves meanwhile

    def pull(self, stream: Stream, *, full: bool = False) -> StreamBalance:
        """Read all that is new in *stream*, or everything when *full*, when it was never read or when it is time again.
        A failure ends the stream and not the run: it is told in the result, and the next run goes on from there."""
        told = StreamBalance()
        place, full_at = self._place(stream.name)
        began, cursor = self.now(), None
        whole = full or place is None or (not stream.events and due(full_at, began, self.full_every))
        if place is not None and place["done"]:
            cursor = place["at"]
        elif place is not None and (place["full"] or not whole):
            whole, cursor, began = place["full"], place["at"], place["began"]  # it broke off: go on there
        try:
            for pages in self._grouped(stream, self.connector.stream_pages(stream.name, cursor, full=whole)):
                self._store(stream, pages, told, full=whole, began=began)
                self.overtake()
        except Failure as failure:
            told.failure = str(failure)
        return told

    def _place(self, stream: str) -> tuple[dict[str, Any] | None, Millis]:
        """Where the last pull ended or broke off, and when the last full one began."""
        mine = (t.stream.c.connection == self.name) & (t.stream.c.name == stream)
        with self.database.read() as conn:
            row = conn.execute(select(t.stream.c.cursor, t.stream.c.full_at).where(mine)).first()
        if row is None or not row.cursor:
            return None, 0
        return msgspec.json.decode(row.cursor), int(row.full_at)

    def _grouped(self, stream: Stream, pages: Iterator[StreamPage]) -> Iterator[list[StreamPage]]:
        group: list[StreamPage] = []
        size = 0
        try:
            for page in pages:
                count = len(page.items) + (len(page.facts.touchpoints) if page.facts is not None else 0)
                self.seen_page(stream.name, count, page.total)
                group.append(page)
                size += count
                if page.last or size >= WORTH:
                    yield group
                    group, size = [], 0
        except Failure:
            if group:
                yield group
            raise

    def _store(
        self, stream: Stream, pages: Sequence[StreamPage], told: StreamBalance, *, full: bool, began: Millis
    ) -> None:
        with self.database.write() as conn:
            for page in pages:
                if page.facts is not None:
                    self._events(conn, stream, page.facts, told)
                for remote_id, reason in page.refused:
                    self._refuse(conn, stream, remote_id, reason, told)
            items = {item.remote_id: item for page in pages for item in page.items}
            if items:
                self._objects(conn, stream, list(items.values()), told)
            gone = [remote_id for page in pages for remote_id in page.gone]
            if gone:
                told.gone += self._gone(conn, stream, gone)
            end = pages[-1]
            cursor = _encode({"full": full, "done": end.last, "at": end.cursor, "began": began}).decode()
            row = (self.name, stream.name, cursor, self.now() if end.last else 0, began if full and end.last else 0)
            changing = ["cursor", *(["pulled_at"] if end.last else []), *(["full_at"] if full and end.last else [])]
            bulk.upsert(
                conn,
                t.stream,
                ("connection", "name", "cursor", "pulled_at", "full_at"),
                [row],
                ("connection", "name"),
                changing,
            )

    def _events(self, conn: Connection, stream: Stream, facts: Facts, told: StreamBalance) -> None:
        """Facts that came ready and never change. Those of strangers wait as items of their own."""
        told.read += len(facts.touchpoints) + len(facts.feedback)
        filed, strays = file_facts(conn, self.name, [(0, facts)], self.now())
        told.facts += filed
        told.new += filed
        lost = [one for stray in strays.values() for one in stray.singly()]
        told.stray += len(lost)
        rows = [
            (identity, self.name, stream.name, key, b"", _encode(left).decode(), True)
            for identity, (key, left) in enumerate(lost, next_item(conn))
        ]
        names = ("id", "connection", "stream", "remote_id", "digest", "body", "stray")
        bulk.insert_ignore(conn, t.item, names, rows)

    def _objects(self, conn: Connection, stream: Stream, items: Sequence[Raw], told: StreamBalance) -> None:
        told.read += len(items)
        where = {"connection": self.name, "stream": stream.name}
        columns = [t.item.c.remote_id, t.item.c.id, t.item.c.digest]
        rows = bulk.select_in(conn, columns, t.item.c.remote_id, [item.remote_id for item in items], where)
        known = {remote_id: (identity, digest) for remote_id, identity, digest in rows}
        fresh = next_item(conn)
        read: list[tuple[int, Raw, Facts]] = []
        for item in items:
            identity, digest = known.get(item.remote_id, (0, None))
            if digest == item.digest:
                continue
            try:
                facts = self.connector.facts(stream.name, item)
            except ValueError as error:
                self._refuse(conn, stream, item.remote_id, str(error), told)
                continue
            told.changed += identity > 0
            told.new += identity == 0
            read.append((identity or fresh, item, facts))
            fresh += identity == 0
        forget_items(conn, [identity for identity, item, _ in read if item.remote_id in known], self.now())
        filed, strays = file_facts(conn, self.name, [(identity, facts) for identity, _, facts in read], self.now())
        told.facts += filed
        told.deals += sum(len(facts.deals) for _, _, facts in read)
        told.stray += len(strays)
        names = ("id", "connection", "stream", "remote_id", "digest", "body", "stray", "gone")
        bulk.upsert(
            conn,
            t.item,
            names,
            [
                (
                    identity,
                    self.name,
                    stream.name,
                    item.remote_id,
                    item.digest,
                    _encode(strays[identity]).decode() if identity in strays else "{}",
                    identity in strays,
                    False,
                )
                for identity, item, _ in read
            ],
            ("id",),
            ("digest", "body", "stray", "gone"),
        )

    def _gone(self, conn: Connection, stream: Stream, remote_ids: Sequence[str]) -> int:
        where = {"connection": self.name, "stream": stream.name}
        rows = bulk.select_in(conn, [t.item.c.id, t.item.c.gone], t.item.c.remote_id, remote_ids, where)
        ids = [identity for identity, gone in rows if not gone]
        forget_items(conn, ids, self.now(), ended=True)
        bulk.update_by(conn, t.item, "id", ("digest", "gone", "stray"), [(None, True, False, one) for one in ids])
        return len(ids)

    def _refuse(self, conn: Connection, stream: Stream, remote_id: str, reason: str, told: StreamBalance) -> None:
        told.refused += 1
        row = (self.name, f"{stream.name} {remote_id}", records.clean(reason), self.now())
        columns = ("connection", "remote_id", "reason", "at")
        bulk.upsert(conn, t.refusal, columns, [row], ("connection", "remote_id"), ("reason", "at"))

    def bring_home(self) -> int:
        """File the stray facts of this connection whose people the store knows by now; returns how many items. Asked in
        each run: a record may have come, or have got another address, in this run or in one that broke off."""
        home, last = 0, 0
        query = select(t.item.c.id, t.item.c.digest, t.item.c.body).where(t.STRAY, t.item.c.connection == self.name)
        while True:
            with self.database.read() as conn:
                rows = conn.execute(query.where(t.item.c.id > last).order_by(t.item.c.id).limit(WORTH)).all()
                if not rows:
                    return home
                last = rows[-1].id
                told = {row.id: (row, _facts(row.body)) for row in rows}
                known = with_news(conn, self.name, [(identity, facts) for identity, (_, facts) in told.items()])
            if not known:
                continue
            with self.database.write() as conn:
                ends = []
                for row, facts in (told[identity] for identity in known):
                    _, strays = file_facts(conn, self.name, [(row.id if row.digest else 0, facts)], self.now())
                    home += not strays
                    left = _encode(next(iter(strays.values()))).decode() if strays else "{}"
                    ends.append((left, bool(strays), row.id))
                bulk.update_by(conn, t.item, "id", ("body", "stray"), ends)


def due(full_at: Millis, now: Millis, every: Millis) -> bool:
    """Whether it is time to read a stream whole whose last full pull began at *full_at*; never where *every* is 0."""
    return every > 0 and now - full_at >= every
