"""A town's Mailchimp with its past, joined to the connector, each call held against the vendor's description."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from connectors.base import Cursor, StreamPage
from mapping.facts import By, Listing, Touch, Touchpoint
from sandbox.clock import SimClock
from sandbox.mailchimp import MailchimpSandbox, Switches
from sandbox.town import Town, build_town, populate
from sandbox.town_campaigns import campaigns_of, with_touchpoints
from tests import described
from tests.connectors.joined import Joined, Watched, open_mailchimp
from tests.sandbox.mailchimp_caller import NEWER

Place = tuple[str, int, str, str]
NAMES = {
    Touch.SENT: "sent",
    Touch.OPENED: "open",
    Touch.CLICKED: "click",
    Touch.UNSUBSCRIBED: "unsub",
    Touch.COMPLAINED: "abuse",
}


RESULTS = frozenset({"batch-results", "results"})
"""Where the answers of batch jobs lie: outside the API, under an address of their own."""


@dataclass
class Streamed:
    """A connector whose streams are pulled, and what came of them, as a store would keep it."""

    joined: Joined
    town: Town
    seen: described.Described | None = None
    cursors: dict[str, Cursor] = field(default_factory=dict)
    touches: dict[Place, Touchpoint] = field(default_factory=dict)
    lists: dict[str, Listing] = field(default_factory=dict)
    bodies: dict[str, bytes] = field(default_factory=dict)

    @property
    def box(self) -> MailchimpSandbox:
        box: MailchimpSandbox = self.joined.sandbox
        return box

    def take(self, name: str, *, full: bool = False, stop: int = 0) -> list[StreamPage]:
        """Pull a stream on from its cursor; end after *stop* pages, as a crash would."""
        pages = []
        cursor = self.cursors.get(name)
        for page in self.joined.connector.stream_pages(name, cursor, full=full):
            pages.append(page)
            self.cursors[name] = page.cursor
            self._keep(name, page)
            if stop and len(pages) == stop:
                break
        return pages

    def pull(self, name: str, *, full: bool = False) -> list[StreamPage]:
        """The same to the end; a full pull begins anew."""
        if full:
            self.cursors.pop(name, None)
        pages = self.take(name, full=full)
        assert pages[-1].last
        return pages

    def calls(self, name: str) -> int:
        """How many requests a pull to the end costs."""
        self.joined.wire.sent.clear()
        self.pull(name)
        return len(self.joined.wire.sent)

    def _keep(self, name: str, page: StreamPage) -> None:
        facts = [self.joined.connector.facts(name, item) for item in page.items]
        self.bodies |= {item.remote_id: item.body for item in page.items}
        facts += [page.facts] if page.facts is not None else []
        for one in facts:
            for touch in one.touchpoints:
                assert 0 < len(touch.key) <= 64
                self.touches.setdefault((self.contact(touch.who), touch.at, touch.kind.value, touch.key), touch)
            self.lists |= {listing.remote_id: listing for listing in one.listings}
        for gone in page.gone:
            self.lists.pop(gone, None)

    def contact(self, who: str) -> str:
        member = self.box.list_of(None).find(who)
        assert member is not None
        return member.contact_id

    def counted(self) -> dict[str, dict[str, int]]:
        """How often each kind befell each person of the town."""
        owners = {contact: person.person for person in self.town.truth.people for contact in person.members}
        found: dict[str, Counter[str]] = {}
        for (contact, _, _, _), touch in self.touches.items():
            found.setdefault(owners[contact], Counter())[_kind(touch)] += 1
        return {who: dict(kinds) for who, kinds in found.items()}


def _kind(touch: Touchpoint) -> str:
    if touch.kind is Touch.OPENED and touch.by is By.MACHINE:
        return "machine_open"
    return f"{touch.detail}_bounce" if touch.kind is Touch.BOUNCED else NAMES[touch.kind]


@contextmanager
def streamed(people: int = 120, campaigns: int = 8, switches: Switches | None = None) -> Iterator[Streamed]:
    clock = SimClock()
    sandbox = MailchimpSandbox(clock=clock, switches=switches)
    town = build_town(people=people, seed=4)
    past = campaigns_of(town, campaigns)
    populate(town, None, sandbox)
    sandbox.load_past(past)
    joined = open_mailchimp(sandbox, clock)
    seen = described.mailchimp(sandbox.app, newer=NEWER) if described.SPECS.is_dir() else None
    if seen is not None:
        joined.wire = Watched(seen)
        joined.connector._http._transport = joined.wire  # type: ignore[attr-defined]
    yield Streamed(joined, with_touchpoints(town, past), seen)
    if seen is not None:
        # The gate in front throttles without a body and answers with pages (facts, Limits); no description says so.
        gate = ("without a body", "with text/html")
        assert [text for text in seen.violations if not any(words in text for words in gate)] == [], seen.report()
        results = {path for path in seen.undescribed if path.split("/")[1] in RESULTS}
        assert set(seen.undescribed) == results, seen.report()
    assert sandbox.refused == []
    assert sandbox.resubscribed == []
