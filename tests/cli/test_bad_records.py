"""Records that no platform should have: each is kept, or refused with its reason, and the rest goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from sqlalchemy import select

from connectors import Settings, platform
from connectors.base import Connector
from connectors.http import WsgiTransport
from mapping.decisions import Policies
from mapping.model import Direction
from sandbox.clock import SimClock
from sandbox.hubspot import HubSpotSandbox
from sandbox.mailchimp import MailchimpSandbox
from sync.engine import Engine
from sync.store import schema as t
from sync.store.database import open_database
from sync.wired import Wired

BASE = "http://127.0.0.1:9"
STRANGE = {
    "emoji": {"email": "emoji@example.org", "firstname": "🥐🥖", "lastname": "👩‍👩‍👧"},
    "right to left": {"email": "rtl@example.org", "firstname": "שרה", "lastname": "ליבנה"},
    "NUL": {"email": "nul@example.org", "firstname": "A\x00da", "lastname": "\x00"},
    "a megabyte": {"email": "long@example.org", "firstname": "x" * 1_000_000},
    "an absurd date": {"email": "date@example.org", "date_of_birth": "0000-99-99", "firstname": "Absurd"},
    "a broken address": {"email": "broken@example.org", "hs_additional_emails": "not an address;@;a@b@c"},
    "line ends": {"email": "lines@example.org", "firstname": "one\r\ntwo", "lastname": "A\u030angstro\u0308m"},
}


@pytest.fixture
def places() -> tuple[HubSpotSandbox, MailchimpSandbox, SimClock]:
    clock = SimClock()
    hubspot, mailchimp = HubSpotSandbox(clock=clock, quotas=False), MailchimpSandbox(clock=clock, quotas=False)
    hubspot.load([{"properties": properties} for properties in STRANGE.values()])
    mailchimp.load([{"email_address": str(one["email"]), "status": "subscribed"} for one in STRANGE.values()])
    return hubspot, mailchimp, clock


def test_strange_records_are_kept_and_the_rest_goes_on(
    places: tuple[HubSpotSandbox, MailchimpSandbox, SimClock], store_url: str | None, tmp_path: Path
) -> None:
    """Emoji, right-to-left text, NUL, a megabyte, absurd dates and broken addresses lose nothing and stop nobody."""
    hubspot, mailchimp, clock = places

    def seconds() -> float:
        return clock().timestamp()

    def opened(name: str, secret: dict[str, str], app: Callable[..., Iterable[bytes]], settings: Settings) -> Connector:
        made: Connector = platform(name).connector(
            secret, settings, transport=WsgiTransport(app), clock=seconds, sleep=clock.sleep
        )
        return made

    one = opened("hubspot", {"token": "sandbox-hubspot-demo"}, hubspot.app, Settings(base_url=BASE))
    two = opened(
        "mailchimp",
        {"api_key": "sandbox-mailchimp-demo-us0"},
        mailchimp.app,
        Settings(base_url=BASE, audience="a1b2c3d4e5"),
    )
    kinds = {row.name: row.kind for made in (one, two) for row in made.fields}

    def now() -> int:
        return int(seconds() * 1000)

    with open_database(store_url, tmp_path, now=now) as database:
        wired = [Wired("hubspot", one, Direction.BOTH), Wired("mailchimp", two, Direction.BOTH)]
        engine = Engine(database, wired, Policies(kinds=kinds, region="DE"), now=now)
        first, second = engine.sync(), engine.sync()
        with database.read() as conn:
            names = set(conn.execute(select(t.person.c.name)).scalars())

    assert first.failures == {}
    assert first.closes()
    assert first.people == len(STRANGE)
    assert second.planned == 0
    assert {"🥐🥖 👩‍👩‍👧", "שרה ליבנה"} <= names
