"""Of an e-mail logged at HubSpot, what leaves the connector."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.base import Raw
from connectors.hubspot_facts import facts_of
from connectors.hubspot_touches import narrowed
from mapping.facts import By, Touch
from sandbox.clock import SimClock
from sandbox.hubspot import HubSpotSandbox
from tests.connectors.joined import open_hubspot

OTHERS = '{"Received": ["from 192.0.2.7"], "To": ["boss@elsewhere.example"], "Auto-Submitted": ["auto-replied; why"]}'


def record(**properties: Any) -> bytes:
    return json.dumps({"id": "7", "createdAt": "2026-01-02T03:04:05Z", "properties": properties}).encode()


@pytest.mark.parametrize(
    ("headers", "kept"),
    [(OTHERS, '{"auto-submitted":"auto-replied"}'), ('{"To": ["a@a.example"]}', None), ("no JSON", None), (None, None)],
)
def test_of_the_headers_one_word_stays(headers: str | None, kept: str | None) -> None:
    """
    Whether a machine sent it, where the headers say so; all else of the record is as it came.
    """
    found = json.loads(narrowed("emails", record(hs_email_subject="Hi", hs_email_headers=headers)))

    assert found["properties"].get("hs_email_headers") == kept
    assert found["properties"]["hs_email_subject"] == "Hi"
    assert (found["id"], found["createdAt"]) == ("7", "2026-01-02T03:04:05Z")


@pytest.mark.parametrize("broken", [b"[]", b'{"id": "7 hs_email_headers', record(hs_email_headers=[1])])
def test_what_is_no_record_is_left_to_be_refused(broken: bytes) -> None:
    """
    Nothing is lost on the way to whoever says what is wrong with it.
    """
    assert narrowed("emails", broken) == broken


def test_no_other_record_is_touched() -> None:
    """
    Byte for byte.
    """
    other = record(hs_email_headers=OTHERS)

    assert narrowed("calls", other) is other


def test_no_address_of_the_headers_reaches_an_item() -> None:
    """
    A machine's answer is known as one from the narrowed item alone.
    """
    clock = SimClock()
    box = HubSpotSandbox(clock=clock)
    person = str(box.human_create({"email": "ada@ada.example"}))
    mail = {"hs_email_direction": "INCOMING_EMAIL", "hs_email_headers": OTHERS, "hs_timestamp": "2026-01-02T03:04:05Z"}
    number = str(box.human_create_object("emails", mail))
    box.human_associate("emails", number, "contacts", person)
    pages = list(open_hubspot(box, clock).connector.stream_pages("emails", None))
    items: list[Raw] = [item for page in pages for item in page.items]
    (touch,) = facts_of("emails", items[0]).touchpoints

    assert b"boss@elsewhere" not in items[0].body
    assert b"192.0.2.7" not in items[0].body
    assert (touch.kind, touch.by) == (Touch.REPLIED, By.MACHINE)
