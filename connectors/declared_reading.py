"""The reading half of a connector that is data: everybody, one by one, and what is told beside them.

`connectors.declared` adds what is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, ClassVar
from urllib.parse import quote

import msgspec

from connectors.base import Cursor, Page, Raw, StreamPage
from connectors.batches import spread
from connectors.chained import Part, chained
from connectors.codecs import millis
from connectors.declared_opening import DeclaredOpening
from connectors.declared_records import Records
from connectors.declared_values import Feed, Many, One, Search
from connectors.errors import NotOffered
from connectors.finding import in_listing
from connectors.http import Response
from connectors.leaving import Says
from connectors.paths import Envelope, bury, dig
from connectors.readings import Refusals
from connectors.walk import Collection
from mapping.facts import Facts
from mapping.model import ConsentSeen, Millis, RecordState, Seen, Value


class DeclaredReading(DeclaredOpening):
    """How people, and what is told beside them, are listed, read, understood and searched for, by the values below."""

    refusals: ClassVar[Refusals] = Refusals()
    people: ClassVar[Collection]
    one: ClassVar[One]
    many: ClassVar[Many | None] = None
    search: ClassVar[Search | None] = None
    created: ClassVar[str] = ""  # path of the moment at which a record was made
    clears: ClassVar[Value] = None  # what empties a field there
    says: ClassVar[tuple[Says, ...]] = ()  # what a record says of consent

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.streams = tuple(feed.stream for feed in cls.feeds)
        if hasattr(cls, "one") and cls.one.erase:
            cls.erases = True

    # -- pull ---------------------------------------------------------------------------------------------------

    def pages(self, cursor: Cursor | None, *, full: bool = False) -> Iterator[Page]:
        parts = self._parts()
        if parts is None:
            pages = self._walk(self._listing(), self._dressed).pages(cursor, full=full)
        else:
            pages = chained(parts, self._walk, cursor, full=full)
        return (replace(page, complete=page.complete and not self.forgets) for page in pages)

    def _parts(self) -> Sequence[Part] | None:
        """The listings that together hold everybody, where there is no single one: the streams that show people."""
        return [self._shown_in(feed) for feed in self.feeds if feed.shows is not None] or None

    def _shown_in(self, feed: Feed) -> Part:
        """Everybody who shows in a stream, each once on a page, as the last item shows them."""

        def people(bodies: list[bytes]) -> list[bytes]:
            items = (msgspec.json.decode(body, type=dict[str, Any]) for body in self._told(feed.stream.name, bodies))
            shown = [feed.shows(item) for item in items if feed.shows is not None]
            return list({dig(one, self.people.id): msgspec.json.encode(one) for one in shown}.values())

        return Part(feed.stream.name, feed.collection, people)

    def _listing(self) -> Collection:
        """The people, as this account is asked for them."""
        return self.people

    def _dressed(self, bodies: list[bytes]) -> list[bytes]:
        """Records with what belongs to them and has to be asked for separately."""
        return bodies

    @cached_property
    def _records(self) -> Records:
        return Records(self.fields)

    def decode(self, raw: Raw) -> Seen:
        body = self._records.body(raw)
        problems: list[str] = []
        fields = self._records.fields(body, problems)
        addresses = self._addresses(body)
        _, modified = self.people.head(body)
        return Seen(
            raw.remote_id,
            fields,
            addresses,
            str(dig(body, self.people.stamp) or "") if self.people.stamp else "",
            modified,
            millis(str(dig(body, self.created) or "")) if self.created else 0,
            self._state(body),
            self._consent(body, addresses, modified),
            self._subscribed(body),
            self._merged(body),
            problems=tuple(problems),
        )

    def _addresses(self, body: Mapping[str, Any]) -> tuple[str, ...]:
        """All e-mail addresses, the main one first."""
        main = self._records.one(body, "email")
        return (str(main),) if main else ()

    def _state(self, body: Mapping[str, Any]) -> RecordState:
        return RecordState.LIVE

    def _consent(
        self, body: Mapping[str, Any], addresses: tuple[str, ...], modified: Millis
    ) -> tuple[ConsentSeen, ...]:
        """What the record says about consent. A status that merely reads "subscribed" is no grant."""
        return tuple(seen for one in self.says if addresses for seen in one.read(body, addresses[0]))

    def _subscribed(self, body: Mapping[str, Any]) -> bool | None:
        """Whether the platform would mail this record; None where it does not mail, or does not say."""
        return None

    def _merged(self, body: Mapping[str, Any]) -> tuple[str, ...]:
        """Ids of records that were merged into this one."""
        return ()

    # -- streams ------------------------------------------------------------------------------------------------

    def stream_pages(self, name: str, cursor: Cursor | None, *, full: bool = False) -> Iterator[StreamPage]:
        feed = self._feed(name)
        for page in self._walk(feed.collection, partial(self._told, name)).pages(cursor, full=full):
            if not feed.stream.events:
                complete = page.complete and not self.forgets
                yield StreamPage(page.cursor, page.records, None, (), page.total, page.last, complete, page.refused)
                continue
            told = Facts()
            for item in page.records:
                facts = self.facts(name, item)
                told.touchpoints += facts.touchpoints
                told.feedback += facts.feedback
            yield StreamPage(page.cursor, (), told, (), page.total, page.last, page.complete, page.refused)

    @property
    def _owner(self) -> Any:
        """Whose account it is, where that matters to what its streams say."""
        return None

    def _told(self, name: str, bodies: list[bytes]) -> list[bytes]:
        """Items of a stream, of the entries that are listed."""
        feed = self._feed(name)
        if feed.unfold is None and feed.hanging is None:
            return bodies
        entries = (self._grown(feed, msgspec.json.decode(body, type=dict[str, Any])) for body in bodies)
        unfolded = (feed.unfold(entry, self._owner) if feed.unfold is not None else [entry] for entry in entries)
        return [msgspec.json.encode(item) for items in unfolded for item in items]

    def _grown(self, feed: Feed, entry: dict[str, Any]) -> dict[str, Any]:
        """An entry with all that hangs on it."""
        hanging = feed.hanging
        if hanging is not None and dig(entry, hanging.more):
            rest = replace(hanging.collection, path=hanging.collection.path.format(id=entry["id"]))
            found = self._listed(rest)
            bury(entry, hanging.at, [dig(one, hanging.keeps) for one in found] if hanging.keeps else found)
        return entry

    def facts(self, name: str, item: Raw) -> Facts:
        return self._feed(name).reads(self._records.body(item))

    def _feed(self, name: str) -> Feed:
        for feed in self.feeds:
            if feed.stream.name == name:
                return feed
        raise NotOffered(self.title, f"stream {name!r}", "streams")

    # -- read by id ---------------------------------------------------------------------------------------------

    def read(self, remote_ids: Sequence[str]) -> dict[str, Raw | None]:
        """Many in a call where there is one for that. Who is not among them is asked for alone, because a list may also
        leave out who is only put away, or not visible; unless it forgets: of them nothing is said."""
        found: dict[str, Raw | None] = {}
        if self.many is not None:
            for start in range(0, len(remote_ids), self.many.most):
                found |= self._read_many(self.many, remote_ids[start : start + self.many.most])
            if self.forgets:
                return found
        missing = [one for one in remote_ids if one not in found]
        return found | dict(zip(missing, spread(missing, self._read, self.limits.at_once), strict=True))

    def _read_many(self, many: Many, remote_ids: Sequence[str]) -> dict[str, Raw]:
        query = [(many.parameter, ",".join(remote_ids)), (many.size, many.most), *self._listing().query]
        response = self._http.request("GET", many.path, query=query, operation="read records")
        bodies = Envelope(self._good(response, "read records").body).items(many.items)
        return {raw.remote_id: raw for raw in map(self._identified, self._dressed(bodies))}

    def _read(self, named: str) -> Raw | None:
        """One record by what names it; None proves that it is not there."""
        response = self._http.request("GET", self._path(named), operation="read record")
        if response.status in self.refusals.gone:
            return None
        return self._raw(self._good(response, "read record"))

    def _path(self, named: str) -> str:
        return self.one.path.format(id=quote(named, safe=""))

    def _raw(self, response: Response) -> Raw:
        """The record that an answer shows. Misread where it shows none."""
        try:
            body = Envelope(response.body).raw(self.one.item)
            (dressed,) = self._dressed([body])
            return self._identified(dressed)
        except (msgspec.DecodeError, ValueError) as error:
            raise self._http.misread("read record", f"an answer shows no record ({error})") from error

    def _identified(self, body: bytes) -> Raw:
        return Raw.of(self.people.head(msgspec.json.decode(body, type=dict[str, Any]))[0], body)

    # -- find ---------------------------------------------------------------------------------------------------

    def find(self, addresses: Sequence[str], keys: Sequence[str]) -> dict[str, Raw]:
        """Records by address: it names a record in the path as its id does, or is searched for."""
        if self.search is None:
            raws = spread(list(addresses), self._read, self.limits.at_once)
            return {address: raw for address, raw in zip(addresses, raws, strict=True) if raw is not None}
        forms = {**{address: address.lower() for address in addresses}, **{key: key for key in keys}}
        found = self._sought({form for form in forms.values() if form}, self.search.pages)
        return {one: found[form] for one, form in forms.items() if form in found}

    def _sought(self, asked: set[str], pages: int) -> dict[str, Raw]:
        """In the listing where that costs less than searching for each."""
        listing = self._walk(self._listing(), self._dressed).pages(None)
        found, whole = in_listing(listing, asked, self._names, pages * len(asked))
        if whole:
            return found
        left = [one for one in asked if one not in found]
        hits = spread(left, self._searched, self.limits.at_once)
        raws = [raw for raw in self.read(sorted({one for ids in hits for one in ids})).values() if raw is not None]
        return found | {name: raw for raw in raws for name in self._names(raw) if name in left}

    def _searched(self, term: str) -> list[str]:
        """Ids of the records that a search for an address or a key of ours finds: whoever names `search` says how."""
        raise NotOffered(self.title, "searching for people", "search")

    def _names(self, raw: Raw) -> tuple[str, ...]:
        """Everything by which a record may be looked for: addresses in small letters, and our key."""
        return tuple(address.lower() for address in self._addresses(self._records.body(raw)))
