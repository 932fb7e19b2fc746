"""Pull: pages of records into the store. A few pages and the cursor after them are one transaction.

A record whose raw bytes did not change costs a digest; one that changed is decoded, compared with what it last
showed, and its edits become claims. Nothing is taken as gone because a page lacks it: that needs a complete
listing in one piece, and then a direct read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from sqlalchemy import Connection, select, update

from connectors.base import Connector, Page, Raw
from connectors.errors import Failure
from mapping.claims import EVERY, Edit, Record, first_sight, observe
from mapping.consent import Fact, news
from mapping.model import BESIDE, ConsentState, Millis, RecordState, Seen
from sync import runs
from sync.erasures import bury_new
from sync.store import bulk, records
from sync.store import schema as t
from sync.store.database import Database
from sync.store.schema import MARK_FOLD, MARK_RESOLVE
from sync.tombs import ERASED, Tombs

KEPT_OUT = (
    "This person asked to be erased and is kept out. If they came back of their own accord,"
    " `regulars erase --lift ADDRESS` lets them in."
)

WORTH = 1000
"""Records that are worth a transaction. What a crash loses is read again."""


@dataclass(slots=True)
class Pulled:
    """What a pull saw. `vanished` are proven gone; `edited` had been known and were changed by somebody."""

    pulled: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    edited: int = 0
    gone: int = 0
    unheard: int = 0  # what a webhook should have told, and nobody did
    listed: int = -1
    suspects: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Puller:
    """Pulls one connection. `now` tells the time in milliseconds; `seen_page` is told each page's size and total."""

    database: Database
    name: str
    connector: Connector
    revision: int
    now: Callable[[], Millis]
    seen_page: Callable[[int, int | None], None] = lambda count, total: None
    newly_mapped: Collection[str] = ()
    lists: Collection[str] = ()  # titles of lists of ours that show as tags of those who are on them
    beside: bool = False  # whether other runs may be at work meanwhile, at other connections
    overtake: Callable[[], None] = lambda: None  # after some pages: hears who leaves meanwhile

    def moment(self, conn: Connection) -> None:
        """What is filed in this transaction is seen at the revision of now, whatever others have met meanwhile."""
        if self.beside:
            self.revision = runs.revision_now(conn)

    def pull(self, *, full: bool) -> Pulled:
        """Read all that is new since the last finished pull, or everything when *full* or when there was none."""
        with self.database.read() as conn:
            row = conn.execute(
                select(t.connection.c.cursor, t.connection.c.pulled_at).where(t.connection.c.name == self.name)
            ).one()
        stored = msgspec.json.decode(row.cursor) if row.cursor else None
        first_pull = row.pulled_at == 0
        if stored is not None and stored["full"] and not stored["done"] and not first_pull:
            full = True  # a broken-off listing proves nothing: list again from the start
        resumes = stored is not None and not stored["done"] and (first_pull or not full)
        cursor = stored["at"] if stored is not None and (resumes or not full) else None
        full = full or cursor is None or (first_pull and resumes)
        counts = Pulled()
        listed = _Bitmap() if not resumes and not first_pull else None  # what is read in one piece may prove complete
        for pages in self._grouped(self.connector.pages(cursor, full=full)):
            self._store_pages(pages, counts, listed, full)
            self.overtake()
        if listed is not None and pages[-1].complete:
            counts.listed = listed.count
            counts.suspects = self._missing(listed)
        return counts

    def _grouped(self, pages: Iterable[Page]) -> Iterator[list[Page]]:
        """Pages in groups worth a transaction; what was read before a failure is stored before it is raised."""
        group: list[Page] = []
        try:
            for page in pages:
                self.seen_page(len(page.records), page.total)
                group.append(page)
                if page.last or sum(len(one.records) for one in group) >= WORTH:
                    yield group
                    group = []
        except Failure:
            if group:
                yield group
            raise

    def _store_pages(self, pages: Sequence[Page], counts: Pulled, listed: _Bitmap | None, full: bool) -> None:
        with self.database.write() as conn:
            ids = self.store(conn, [raw for page in pages for raw in page.records], counts)
            if listed is not None:
                listed.add(ids)
            for remote_id, reason in (one for page in pages for one in page.refused):
                self._refuse(conn, remote_id, reason, counts)
            end = pages[-1]
            cursor = {"full": full, "done": end.last, "at": end.cursor}
            values: dict[str, Any] = {"cursor": msgspec.json.encode(cursor).decode()}
            if end.last:
                values["pulled_at"] = self.now()
            conn.execute(update(t.connection).where(t.connection.c.name == self.name).values(**values))

    def store(self, conn: Connection, raws: Sequence[Raw], counts: Pulled) -> list[int]:
        """File raw records and return our ids of them; unchanged ones cost one look-up a page."""
        self.moment(conn)
        known = records.digests(conn, self.name, [raw.remote_id for raw in raws])
        fresh, changed, twice = [], [], set[str]()
        for raw in raws:
            if raw.remote_id in twice:
                continue  # a page may show one record twice; the first look is enough
            twice.add(raw.remote_id)
            if raw.remote_id not in known:
                fresh.append(raw)
            elif known[raw.remote_id][1] not in (raw.digest, ERASED):
                changed.append(raw)
        counts.pulled += len(twice)
        counts.unchanged += len(twice) - len(fresh) - len(changed)
        ids = [identity for identity, _ in known.values()]
        if fresh:
            ids += self._add(conn, fresh, counts)
        if changed:
            self._change(conn, changed, counts)
        return ids

    def decode(self, raw: Raw) -> Seen:
        """One record in our words. Raises ValueError where it is none."""
        return self.without_lists(self.connector.decode(raw))

    def without_lists(self, seen: Seen) -> Seen:
        """What is shown, less the tags that are lists of ours: putting somebody on one is nobody's edit of tags."""
        name = self.connector.by_member
        tags = seen.fields.get(name) if self.lists else None
        if not tags or not any(tag in self.lists for tag in tags):
            return seen
        fields, rest = dict(seen.fields), [tag for tag in tags if tag not in self.lists]
        fields.pop(name)
        return replace(seen, fields=fields | ({name: rest} if rest else {}))

    def _decode(self, conn: Connection, raw: Raw, counts: Pulled) -> Seen | None:
        """One record in our words. A record that cannot be read is refused with its reason; the rest goes on."""
        try:
            seen = self.decode(raw)
        except ValueError as error:
            self._refuse(conn, raw.remote_id, str(error), counts)
            return None
        if seen.problems:
            self._note(conn, raw.remote_id, "; ".join(seen.problems))
        return seen

    def _refuse(self, conn: Connection, remote_id: str, reason: str, counts: Pulled) -> None:
        counts.refused += 1
        self._note(conn, remote_id, reason)

    def _note(self, conn: Connection, remote_id: str, reason: str) -> None:
        row = (self.name, remote_id, records.clean(reason), self.now())
        bulk.upsert(
            conn,
            t.refusal,
            ("connection", "remote_id", "reason", "at"),
            [row],
            ("connection", "remote_id"),
            ("reason", "at"),
        )

    def _add(self, conn: Connection, raws: Sequence[Raw], counts: Pulled) -> list[int]:
        """Records seen for the first time."""
        rows: list[tuple[Any, ...]] = []
        facts: list[Fact] = []
        merged: list[Seen] = []
        decoded = [(raw, seen) for raw in raws if (seen := self._decode(conn, raw, counts)) is not None]
        told = self._not_erased(conn, decoded, counts)
        now, identity = self.now(), records.next_id(conn)
        for raw, seen in told:
            record = first_sight(identity, self.name, seen, revision=self.revision, now=now)
            rows.append(records.to_row(record, raw.digest, MARK_RESOLVE))
            facts.extend(news((), seen.consent, identity, seen.modified or now) if seen.consent else ())
            if seen.merged_ids:
                merged.append(seen)
            identity += 1
        records.save(conn, rows, new=True)
        counts.new += len(rows)
        counts.unheard += len(rows)
        self._file_consent(conn, facts)
        for seen in merged:
            self._follow_merge(conn, seen)
        return [row[0] for row in rows]

    def _not_erased(
        self, conn: Connection, told: Sequence[tuple[Raw, Seen]], counts: Pulled
    ) -> Sequence[tuple[Raw, Seen]]:
        """Less whoever asked to be erased. A record that was there before they asked is erased as well; one made since
        is kept out, and somebody is told."""
        tombs = Tombs.of(conn)
        back = tombs.back(conn, self.name, [seen for _, seen in told]) if tombs is not None else {}
        for _, seen in told:
            if seen.remote_id in back:
                erasure, at = back[seen.remote_id]
                if not 0 < seen.created < at:
                    self._refuse(conn, seen.remote_id, KEPT_OUT, counts)
                    continue
                identity = records.next_id(conn)
                stone = Record(identity, self.name, seen.remote_id, {}, state=RecordState.ERASED)
                records.save(conn, [records.to_row(stone, ERASED, 0)], new=True)
                bury_new(conn, [(identity, self.name, seen.remote_id)], erasure)
                counts.unchanged += 1
        return [(raw, seen) for raw, seen in told if seen.remote_id not in back] if back else told

    def _change(self, conn: Connection, raws: Sequence[Raw], counts: Pulled) -> None:
        """Records that we knew and whose bytes changed."""
        stored = records.by_remote(conn, self.name, [raw.remote_id for raw in raws])
        rows, facts, lines = [], [], []
        for raw in raws:
            seen = self._decode(conn, raw, counts)
            if seen is None:
                continue
            row = stored[raw.remote_id]
            record = records.from_row(row)
            looked, edits = self.look(record, seen)
            counts.edited += bool(edits)
            told = news(record.consent, seen.consent, record.id, min(seen.modified or looked.read_at, looked.read_at))
            facts.extend(told)
            lines.extend(self._journal(looked, edits))
            mark = _mark(record, looked, edits, told)
            if mark:
                counts.changed += 1
                counts.unheard += self._tellable(edits) or not edits
            else:
                counts.unchanged += 1  # other bytes, nobody's edit: our own write, or what we do not look at
            digest = None if self._lags(record) else raw.digest  # what may lag is looked at once more
            rows.append(records.to_row(looked, digest, max(mark, row[records.MARK])))
            if seen.merged_ids:
                self._follow_merge(conn, seen)
        records.save(conn, rows, new=False)
        self._file_consent(conn, facts)
        bulk.insert(
            conn, t.journal, ("at", "revision", "record", "person", "name", "before", "after", "because"), lines
        )

    def _tellable(self, edits: Sequence[Edit]) -> bool:
        """Whether the platform's webhooks tell of such edits."""
        silent = self.connector.hooks.silent if self.connector.hooks is not None else ()
        return any(edit.name not in silent for edit in edits)

    def look(self, record: Record, seen: Seen) -> tuple[Record, tuple[Edit, ...]]:
        """A record looked at again, by this connection's rules. Its lists and its company are not told with it, and
        stay; so does a set that may still show what stood there before our own change."""
        stays = {name: value for name, value in record.known.items() if name.startswith(BESIDE)}
        if self._lags(record):
            name = self.connector.by_member
            stays[name] = record.known.get(name)
        if stays:
            fields = {name: value for name, value in {**seen.fields, **stays}.items() if value is not None}
            seen = replace(seen, fields=fields)
        return observe(
            record,
            seen,
            revision=self.revision,
            now=self.now(),
            exact_stamp=self.connector.exact_stamp,
            newly_mapped=self.newly_mapped,
        )

    def _lags(self, record: Record) -> bool:
        """Whether our last change of the record's tags may not show yet."""
        name, since = self.connector.by_member, self.now() - record.pushed_at
        ours = name in record.pushed_names or record.pushed_names == EVERY
        return bool(name) and ours and since < self.connector.members_lag

    def _journal(self, record: Record, edits: Sequence[Edit]) -> list[tuple[Any, ...]]:
        return [
            (
                record.read_at,
                self.revision,
                record.id,
                record.person,
                edit.name,
                records.dump(edit.before),
                records.dump(edit.after),
                f"edited at {self.name}",
            )
            for edit in edits
        ]

    def _file_consent(self, conn: Connection, facts: Sequence[Fact]) -> None:
        """Add lines to the ledger. It is keyed by address, so a withdrawal concerns everybody who has that address."""
        columns = ("address", "purpose", "state", "at", "explicit", "evidence", "record", "revision")
        rows = [
            (
                records.ledger_address(fact.address),
                fact.purpose,
                fact.state.value,
                fact.at,
                fact.explicit,
                fact.evidence,
                fact.record,
                self.revision,
            )
            for fact in facts
        ]
        bulk.insert(conn, t.consent, columns, rows)
        left = sorted({row[0] for row in rows if row[2] == ConsentState.WITHDRAWN})
        if left:
            held = bulk.select_in(conn, [t.identifier.c.record], t.identifier.c.value, left, {"kind": "email"})
            records.mark(conn, sorted({record for (record,) in held}), MARK_FOLD)

    def _follow_merge(self, conn: Connection, seen: Seen) -> None:
        """The platform merged others into this record: they are away, and stay linked to it."""
        stored = records.by_remote(conn, self.name, [seen.remote_id, *seen.merged_ids])
        winner = stored.pop(seen.remote_id, None)
        if winner is None or not stored:
            return
        key = f"{self.name}:{seen.remote_id}"
        losers = [row for row in stored.values() if row[records.STATE] != RecordState.MERGED]
        ids = [row[0] for row in losers]
        if not ids:
            return
        conn.execute(
            update(t.record).where(t.record.c.id.in_(ids)).values(state=RecordState.MERGED.value, mark=MARK_RESOLVE)
        )
        bulk.insert_ignore(
            conn, t.identifier, ("kind", "value", "record"), [("merged", key, row) for row in (*ids, winner[0])]
        )
        records.mark(conn, [winner[0]], MARK_RESOLVE)

    def _missing(self, listed: _Bitmap) -> list[int]:
        """Live records that a complete listing did not show; suspects, not yet proven gone."""
        with self.database.read() as conn:
            mine = select(t.record.c.id).where(t.record.c.connection == self.name)
            missing = [identity for identity in conn.execute(mine).scalars() if identity not in listed]
            away = set(conn.execute(mine.where(t.AWAY)).scalars()) if missing else set()
            return [identity for identity in missing if identity not in away]

    def prove(self, suspects: Sequence[int], counts: Pulled) -> None:
        """Read suspects directly. What answers is filed as usual; what does not is gone."""
        for start in range(0, len(suspects), self.connector.batch):
            with self.database.read() as conn:
                found = records.by_id(conn, suspects[start : start + self.connector.batch])
            answers = self.connector.read([record.remote_id for record in found.values()])
            with self.database.write() as conn:
                self.store(conn, [raw for raw in answers.values() if raw is not None], Pulled())
                gone = [identity for identity, r in found.items() if answers.get(r.remote_id, r) is None]
                self.away(conn, list(records.by_id(conn, gone).values()), counts)

    def away(self, conn: Connection, gone: Sequence[Record], counts: Pulled) -> None:
        """These records did not answer when they were read directly: they are gone."""
        rows = [records.to_row(replace(record, state=RecordState.GONE), None, MARK_FOLD) for record in gone]
        records.save(conn, rows, new=False)
        counts.gone += len(rows)
        counts.unheard += len(rows)


def _mark(before: Record, after: Record, edits: Sequence[Edit], told: Sequence[Fact]) -> int:
    """What a changed record asks for: new identifiers, another look at its person, or nothing."""
    if before.addresses != after.addresses:
        return MARK_RESOLVE
    same_standing = before.state is after.state and before.subscribed == after.subscribed
    return 0 if same_standing and not edits and not told else MARK_FOLD


class _Bitmap:
    """A set of record ids at one bit each, so that listing millions stays flat in memory."""

    def __init__(self) -> None:
        self._bits = bytearray()
        self.count = 0

    def add(self, ids: Sequence[int]) -> None:
        self.count += len(ids)
        for number in ids:
            place = number >> 3
            if place >= len(self._bits):
                self._bits.extend(bytes(place + 4096 - len(self._bits)))
            self._bits[place] |= 1 << (number & 7)

    def __contains__(self, number: int) -> bool:
        place = number >> 3
        return place < len(self._bits) and bool(self._bits[place] >> (number & 7) & 1)
