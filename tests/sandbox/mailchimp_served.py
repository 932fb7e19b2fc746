"""A small town's Mailchimp behind a socket, its past included, for the vendor's own SDK."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import mailchimp_marketing

from sandbox.mailchimp import MailchimpSandbox, Switches
from sandbox.platform import SimClock
from sandbox.server import serving
from sandbox.town import Town, build_town, populate
from sandbox.town_campaigns import Campaigns, campaigns_of, with_touchpoints
from tests import described
from tests.sandbox.mailchimp_caller import NEWER

Json = dict[str, Any]
KEY: Final = "sandbox-mailchimp-demo-us0"
# The description lists the values of these two as whole arrays of one, although its own text gives
# ``?activity_filters=open,bounce,click``: several values at once are no violation.
SEVERAL: Final = ("query activity_filters: $: [", "query action: $: [")


@dataclass
class Served:
    """A sandbox behind a socket, the town in it, and how to reach it."""

    sandbox: MailchimpSandbox
    town: Town
    past: Campaigns
    address: str
    seen: described.Described | None

    def client(self, key: str = KEY) -> Any:
        """The vendor's SDK, pointed here (facts, SDK)."""
        client = mailchimp_marketing.Client()
        client.set_config({"api_key": key, "server": "us0"})
        client.api_client.host = f"{self.address}/3.0"
        return client


@contextmanager
def town_served(people: int = 120, campaigns: int = 8, switches: Switches | None = None) -> Iterator[Served]:
    """Each call is held against the vendor's description where that is at hand; nothing may be refused."""
    sandbox = MailchimpSandbox(clock=SimClock(), switches=switches)
    town = build_town(people=people, seed=4)
    past = campaigns_of(town, campaigns)
    populate(town, None, sandbox)
    sandbox.load_past(past)
    seen = described.mailchimp(sandbox.app, newer=NEWER) if described.SPECS.is_dir() else None
    with serving(sandbox, app=seen) as address:
        yield Served(sandbox, with_touchpoints(town, past), past, address, seen)
    if seen is not None:
        print(seen.report())
        assert [text for text in seen.violations if not any(several in text for several in SEVERAL)] == []
        assert dict(seen.undescribed) == {}
    assert sandbox.refused == []


def every(read: Any, name: str, *path: str, count: int = 1000, **query: Any) -> list[Json]:
    """All pages of a listing, by offset, as its ``total_items`` says."""
    found: list[Json] = []
    total = 1
    while len(found) < total:
        page = read(*path, count=count, offset=len(found), **query)
        total = page["total_items"]
        found += page[name]
        if not page[name]:
            break
    return found
