"""What our connectors send is what the vendors describe, and what they are answered is read whole."""

from __future__ import annotations

import pytest

from connectors.base import Change
from mapping.values import Kind
from sandbox.clock import SimClock
from sandbox.hubspot import HubSpotSandbox
from sandbox.mailchimp import MailchimpSandbox
from tests import described as descriptions
from tests.connectors.joined import Watched, open_hubspot, open_mailchimp
from tests.described import Described

pytestmark = descriptions.needs_specs

SORTS = "sorts"
"""HubSpot's description types the members of `sorts` as texts; the service wants objects (hubspot-api-python #236)."""


def sorts_aside(described: Described) -> list[str]:
    return [text for text in described.violations if SORTS not in text]


def test_hubspot_requests_are_as_described() -> None:
    """Every kind of call is made once; none breaks the description, sorting aside."""
    clock = SimClock()
    joined = open_hubspot(HubSpotSandbox(clock=clock), clock, own_key=True)
    described = descriptions.hubspot(joined.sandbox.app)
    joined.connector._http._transport = Watched(described)  # type: ignore[attr-defined]
    one = joined.connector
    one.check(rights=True)
    one.remote_fields()
    one.add_own_key()
    made = one.create([Change("", {"given_name": "A"}, address="a@example.org", key="p1")])
    joined.pull()
    joined.pull()
    one.find(["a@example.org"], ["p1"])
    change = Change(made[0].remote_id, {"address": {"city": "York"}, "company": None}, address="a@example.org")
    one.update([change])
    one.history([change.remote_id], ["company"])
    one.opt_out([change], "marketing")
    one.opt_out([change], "1001")
    one.archive([change])

    assert sorts_aside(described) == [], described.report()
    assert dict(described.undescribed) == {}


def test_mailchimp_requests_are_as_described() -> None:
    """Every kind of call is made once; none breaks the description."""
    clock = SimClock()
    joined = open_mailchimp(MailchimpSandbox(clock=clock), clock)
    described = descriptions.mailchimp(joined.sandbox.app)
    joined.connector._http._transport = Watched(described)  # type: ignore[attr-defined]
    one = joined.connector
    one.check(rights=True)
    one.remote_fields()
    news = [Change("", {"given_name": "A"}, address=f"p{n}@example.org", subscribed=True) for n in range(50)]
    made = one.create(news)
    joined.pull()
    joined.pull()
    one.find(["p1@example.org"], [])
    changes = [
        Change(outcome.remote_id, {"given_name": "B"}, address=new.address)
        for outcome, new in zip(made, news, strict=True)
    ]
    one.update(changes)
    one.update([Change(made[0].remote_id, {"phone": None}, address="p0@example.org", tags_on=("T",))])
    one.opt_out(changes[:2], "marketing")
    one.archive(changes[:1])
    one.add_field(one.wanted_field("Favourite cake", Kind.TEXT))
    for stream in one.streams:
        list(one.stream_pages(stream.name, None))

    assert described.violations == [], described.report()
    assert {"POST /3.0/lists/{list_id}/merge-fields", "GET /3.0/reports"} <= set(described.counts)
    results = {path for path in described.undescribed if not path.startswith("GET /_")}
    assert {path.split("/")[1] for path in results} <= {"batch-results", "results"} or pytest.fail(str(results))
