"""Changes that leave no trace, seen by the full pull that comes by itself: the engine over rehearsed platforms."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from sqlalchemy import select

from connectors import mailchimp_segments
from mapping.decisions import Policies
from sandbox.clock import SimClock
from sandbox.hubspot import HubSpotSandbox
from sandbox.mailchimp import MailchimpSandbox
from sync.balance import Balance
from sync.engine import Engine
from sync.store import schema as t
from sync.store.database import Database
from sync.wired import Wired
from tests.connectors.joined import KEY, Joined, open_hubspot, open_mailchimp

HOUR, WEEK = 3600, 7 * 86_400


@dataclass
class Desk:
    """An engine over one connection, and the time there."""

    database: Database
    joined: Joined
    stream: str
    full_every: int = WEEK * 1000

    def sync(self, after: int = 0) -> Balance:
        """A run, so many seconds after the last."""
        clock = self.joined.clock
        clock.sleep(after)
        wired = Wired("there", self.joined.connector, streams=(self.stream,))
        policies = Policies(ranks={"there": 0}, kinds={}, region="DE")
        now = lambda: round(clock().timestamp() * 1000)  # noqa: E731
        balance = Engine(self.database, [wired], policies, now=now, full_every=self.full_every).sync()
        assert not balance.failures
        assert balance.connections["there"].streams[self.stream].failure == ""
        return balance

    def count(self, table: object) -> int:
        with self.database.read() as conn:
            return len(conn.execute(select(table)).all())  # type: ignore[call-overload]


def test_an_association_that_leaves_no_trace_is_seen_within_a_week(database: Database) -> None:
    """
    HubSpot moves no stamp for it: an hour later it is not seen, after seven days it is, and only then by itself.
    """
    clock = SimClock()
    box = HubSpotSandbox(clock=clock, quotas=False)
    ada, bo = (box.human_create({"email": f"{name}@example.org"}) for name in ("ada", "bo"))
    firm = box.human_create_object("companies", {"name": "Berg"})
    box.human_associate("contacts", ada, "companies", firm)
    _later_ones(box, clock)
    desk = Desk(database, open_hubspot(box, clock), "companies")
    desk.sync()
    box.human_associate("contacts", bo, "companies", firm)
    desk.sync(HOUR)
    soon = desk.count(t.tie)
    desk.sync(WEEK)

    assert (soon, desk.count(t.tie)) == (1, 2)


def _later_ones(box: HubSpotSandbox, clock: SimClock) -> None:
    """A company that changed later: those before it are older than a pull of changes looks back."""
    clock.sleep(HOUR)
    box.human_create_object("companies", {"name": "Tal"})
    clock.sleep(HOUR)


def test_it_comes_never_where_nobody_wants_it(database: Database) -> None:
    """
    With 0, only when a person asks for everything.
    """
    clock = SimClock()
    box = HubSpotSandbox(clock=clock, quotas=False)
    ada = box.human_create({"email": "ada@example.org"})
    firm = box.human_create_object("companies", {"name": "Berg"})
    _later_ones(box, clock)
    desk = Desk(database, open_hubspot(box, clock), "companies", full_every=0)
    desk.sync()
    box.human_associate("contacts", ada, "companies", firm)
    desk.sync(10 * WEEK)

    assert desk.count(t.tie) == 0


@pytest.fixture
def audience(database: Database, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Three members, the first with a tag, in an audience that counts as large."""
    monkeypatch.setattr(mailchimp_segments, "SMALL", 0)
    clock = SimClock()
    box = MailchimpSandbox(clock=clock, api_key=KEY, quotas=False)
    for name in ("ada", "bo", "cy"):
        box.human_subscribe(f"{name}@example.org")
    box.human_tag("ada@example.org", "Gold")
    return Desk(database, open_mailchimp(box, clock), "segments")


def members(desk: Desk) -> list[str]:
    """Who has the tag, as the store knows it."""
    with desk.database.read() as conn:
        query = select(t.identifier.c.value).join(t.listed, t.listed.c.record == t.identifier.c.record)
        return sorted(conn.execute(query.where(t.identifier.c.kind == "email")).scalars())


def test_two_who_change_places_in_a_large_audience_are_seen_within_a_week(audience: Desk) -> None:
    """
    The tag's number of members is the same as before, and nothing else is asked for until then.
    """
    box = audience.joined.sandbox
    audience.sync()
    before = members(audience)
    box.human_untag("ada@example.org", "Gold")
    box.human_tag("bo@example.org", "Gold")
    audience.sync(WEEK)

    assert before == ["ada@example.org"]
    assert members(audience) == ["bo@example.org"]


def test_a_list_that_was_deleted_is_gone_after_a_full_pull_too(audience: Desk) -> None:
    """
    A full pull remembers what there was, and asks for it.
    """
    box = audience.joined.sandbox
    audience.sync()
    there = box.list_of(None)
    number = there.tag_ids.pop("Gold")
    del there.tags[number]
    for member in there.members.values():
        member.tags.pop(number, None)
    balance = audience.sync(WEEK)

    assert balance.connections["there"].streams["segments"].gone == 1
    assert members(audience) == []
