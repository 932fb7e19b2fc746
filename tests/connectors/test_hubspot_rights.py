"""What a HubSpot credential may do: the scopes of people and of the chosen streams, on the sandbox."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from connectors.base import Account
from connectors.hubspot import HubSpot
from connectors.hubspot_streams import STREAMS
from sandbox.clock import SimClock
from sandbox.hubspot import HubSpotSandbox
from sandbox.hubspot_access import ALL_SCOPES
from tests.connectors.joined import Joined, open_hubspot

EVERY = tuple(stream.name for stream in STREAMS)


@pytest.fixture
def box() -> HubSpotSandbox:
    return HubSpotSandbox(clock=SimClock())


def looked(box: HubSpotSandbox, scopes: Iterable[str], streams: tuple[str, ...]) -> tuple[Account, Joined]:
    """What `check` says of a token with these scopes, for a connection that reads these streams."""
    box.allow("sandbox-narrow", list(scopes))
    opened = open_hubspot(box, SimClock(), token="sandbox-narrow", streams=streams)
    return opened.connector.check(rights=True), opened


@pytest.mark.parametrize(
    ("stream", "scope", "what"),
    [
        ("companies", "crm.objects.companies.read", "read companies"),
        ("deals", "crm.objects.deals.read", "read deals"),
        ("deals", "crm.objects.companies.read", "read companies"),
        ("tickets", "crm.objects.tickets.read", "read tickets"),
        ("emails", "sales-email-read", "read emails"),
        ("lists", "crm.lists.read", "read lists"),
        ("feedback_submissions", "crm.objects.feedback_submissions.read", "read feedback_submissions"),
    ],
)
def test_the_scope_that_a_chosen_stream_lacks_is_named(box: HubSpotSandbox, stream: str, scope: str, what: str) -> None:
    """
    Before the first sync, and for the streams that were chosen only.
    """
    chosen, _ = looked(box, ALL_SCOPES - {scope}, (stream,))
    without, _ = looked(box, ALL_SCOPES - {scope}, ())

    assert chosen.lacks == (f"It may not {what}: the scope {scope} is missing.",)
    assert without.lacks == ()
    assert without.may_not == chosen.may_not == ()


def test_with_every_scope_every_stream_may_be_read(box: HubSpotSandbox) -> None:
    """
    Each object type is tried once, with one record, and nothing is written by it.
    """
    account, opened = looked(box, ALL_SCOPES, EVERY)

    assert (account.may_not, account.lacks) == ((), ())
    assert {f"It may read {name}." for name in EVERY} <= set(account.may)
    assert opened.connector.calls()["may we read companies?"] == 1


def test_calls_meetings_and_notes_open_with_contacts(box: HubSpotSandbox) -> None:
    """
    A token without contacts lacks those activities too, and hears so for each.
    """
    account, _ = looked(box, ALL_SCOPES - {"crm.objects.contacts.read"}, ("calls", "notes", "companies"))

    assert [said.partition(":")[0] for said in account.lacks] == ["It may not read calls", "It may not read notes"]
    assert "It may not read contacts: the scope crm.objects.contacts.read is missing." in account.may_not


def test_without_being_asked_no_right_is_tried(box: HubSpotSandbox) -> None:
    """
    A run that only opens the account spends no calls on rights.
    """
    opened = open_hubspot(box, SimClock(), streams=EVERY)
    account = opened.connector.check()

    assert isinstance(opened.connector, HubSpot)
    assert (account.may, account.lacks) == ((), ())
    assert not any(name.startswith("may we") for name in opened.connector.calls())
