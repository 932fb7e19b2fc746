"""Brevo's quirks: answers that show nothing, a blacklist without a reason, a number that is there once, lists."""

from __future__ import annotations

import pytest

from connectors.base import Change, Result
from mapping.model import ConsentState
from sandbox.brevo import BrevoSandbox, Switches
from sandbox.clock import SimClock
from tests.connectors.joined import Joined, joined

KEY = {"api_key": "sandbox-brevo-demo"}


def opened(**more: object) -> Joined:
    clock = SimClock()
    box = BrevoSandbox(clock=clock, switches=Switches(**more))  # type: ignore[arg-type]
    return joined("brevo", box, clock, KEY)


def test_many_are_changed_in_one_call_and_looked_at_in_one() -> None:
    """The answer shows nothing; the listing of what changed tells what stands there now."""
    one = opened()
    one.sandbox.load({"email": f"p{n}@example.org"} for n in range(250))
    changes = [Change(str(n), {"given_name": f"Name {n}"}) for n in one.sandbox.state.contacts]

    done = one.connector.update(changes)

    assert [outcome.shown.fields["given_name"] for outcome in done if outcome.shown] == [
        f"Name {n}" for n in one.sandbox.state.contacts
    ]
    calls = one.connector.calls()
    assert (calls["update records"], calls["list contacts"], len(calls)) == (3, 1, 2)


def test_who_fails_in_a_batch_is_sent_alone_to_learn_why() -> None:
    """The batch names numbers without reasons."""
    one = opened()
    first = one.sandbox.human_create("ada@example.org", {"SMS": "+49 30 1234567"})
    second = one.sandbox.human_create("bo@example.org")
    same = {"phone": "+49 30 1234567", "given_name": "Bo"}

    done = one.connector.update([Change(str(second), same), Change(str(first), {"given_name": "Ada"})])

    assert [(outcome.result, outcome.blamed) for outcome in done] == [
        (Result.REFUSED, ("phone",)),
        (Result.APPLIED, ()),
    ]


@pytest.mark.parametrize("numbers", ["bare", "plus"])
def test_a_number_reads_back_with_its_country_code(numbers: str) -> None:
    """Brevo may leave the plus out; a number without a country code is not sent at all."""
    one = opened(numbers=numbers)
    who = one.sandbox.human_create("ada@example.org")
    row = one.connector.fields.by_name["phone"]

    (done,) = one.connector.update([Change(str(who), {"phone": "+49 30 1234567"})])

    assert done.shown is not None
    assert done.shown.fields["phone"] == "+49301234567"
    assert "country code" in row.fitted("030 1234567")[1]


def test_a_contact_is_made_without_a_number_that_somebody_else_has() -> None:
    """The number is named as what was not taken."""
    one = opened()
    one.sandbox.human_create("ada@example.org", {"SMS": "+49301234567"})
    values = {"given_name": "Bo", "phone": "+49 30 1234567"}

    (done,) = one.connector.create([Change("", values, address="bo@example.org", subscribed=True)])

    assert (done.result, done.blamed) == (Result.APPLIED, ("phone",))
    assert one.sandbox.contact("bo@example.org").attributes == {"FIRSTNAME": "Bo"}


def test_nobody_is_made_without_consent_and_nobody_twice() -> None:
    """Brevo knows no contact that may not be mailed; an address that is there is linked."""
    one = opened()
    who = one.sandbox.human_create("ada@example.org")

    done = one.connector.create(
        [Change("", {}, address="new@example.org"), Change("", {}, address="Ada@example.org", subscribed=True)]
    )

    assert [(outcome.result, outcome.code) for outcome in done] == [
        (Result.REFUSED, "cannot"),
        (Result.REFUSED, "exists"),
    ]
    assert done[1].remote_id == str(who)
    assert done[1].raw is not None


def test_a_new_address_keeps_the_contact() -> None:
    """It goes as the attribute EMAIL; one that is taken is refused."""
    one = opened()
    who = one.sandbox.human_create("ada@example.org")
    one.sandbox.human_create("bo@example.org")

    (moved,) = one.connector.update([Change(str(who), address="ada@example.org", email="ada@example.com")])
    (taken,) = one.connector.update([Change(str(who), address="ada@example.com", email="bo@example.org")])

    assert moved.shown is not None
    assert moved.shown.addresses == ("ada@example.com",)
    assert (taken.result, taken.code) == (Result.REFUSED, "exists")


@pytest.mark.parametrize(
    ("happened", "told", "state"),
    [
        ("unsubscribe", True, ConsentState.WITHDRAWN),
        ("complain", True, ConsentState.WITHDRAWN),
        ("bounce", True, ConsentState.UNDELIVERABLE),
        ("bounce", False, ConsentState.WITHDRAWN),
    ],
)
def test_a_bounce_is_nobodys_wish(happened: str, told: bool, state: ConsentState) -> None:
    """The blacklist is the same; the statistics tell, and where they say nothing it counts as leaving."""
    one = opened(statistics=told)
    who = one.sandbox.human_create("ada@example.org")
    getattr(one.sandbox, f"human_{happened}")("ada@example.org")

    listed = one.pull()[str(who)]
    raw = one.raw(str(who))

    assert [consent.state for consent in listed.consent] == [state]
    assert raw is not None
    assert one.connector.decode(raw) == listed
    assert all(consent.at > 0 for consent in listed.consent if happened != "bounce")


def test_leaving_one_list_is_leaving() -> None:
    """It is read as a withdrawal, with the list's number."""
    one = opened()
    who = one.sandbox.human_create("ada@example.org")
    listing = one.sandbox.human_list("Weekly")
    one.sandbox.human_unsubscribe("ada@example.org", listing)

    (consent,) = one.pull()[str(who)].consent

    assert (consent.state, consent.evidence) == (ConsentState.WITHDRAWN, f"Brevo: left list {listing}")


def test_a_segment_becomes_a_list_once() -> None:
    """Made in a folder of its own, filled 150 at a time, and doing it twice changes nothing."""
    one = opened()
    one.sandbox.load({"email": f"p{n}@example.org"} for n in range(200))
    ids = [str(n) for n in one.sandbox.state.contacts]

    listed = one.connector.put_on_list("Regulars: VIP", "", ids, [])
    one.connector.put_on_list("Regulars: VIP", "", ids[:10], ids[10:])
    again = one.connector.put_on_list("Regulars: VIP", listed.listing, [*ids[:10], "99999"], [])
    (page,) = one.connector.stream_pages("lists", None)
    (facts,) = [one.connector.facts("lists", item) for item in page.items]

    assert list(again.refused) == ["99999"]
    assert [(found.title, found.who) for found in facts.listings] == [("Regulars: VIP", tuple(ids[:10]))]
    assert list(one.sandbox.state.folders.values()) == ["Regulars"]


def test_who_is_erased_is_gone_for_good_and_twice_is_as_good() -> None:
    """By the number that names the contact."""
    one = opened()
    who = str(one.sandbox.human_create("ada@example.org"))

    first, again = (one.connector.erase([Change(who)])[0] for _ in range(2))

    assert (first.result, again.result) == (Result.APPLIED, Result.GONE)
    assert one.raw(who) is None
    assert one.connector.erases


def test_attributes_that_an_account_lacks_are_not_offered() -> None:
    """A French account calls them otherwise; its own can be carried."""
    one = opened()
    one.sandbox.state.attributes = {"NOM": "text", "SMS": "text", "BORN": "date", "SPENT": "float", "VIP": "boolean"}

    rows = {field.remote: field.row for field in one.connector.remote_fields()}

    assert "attributes.FIRSTNAME" not in rows
    assert {remote: row.kind for remote, row in rows.items() if row is not None} == {
        "email": "email",
        "attributes.NOM": "text",
        "attributes.SMS": "phone",
        "attributes.BORN": "date",
        "attributes.SPENT": "number",
        "attributes.VIP": "flag",
    }


@pytest.mark.parametrize("answer", [200, 404])
def test_a_hook_is_made_once_and_made_anew_where_its_secret_is_not_known(answer: int) -> None:
    """However Brevo answers where there is none."""
    one = opened(empty_hooks=answer)
    address, spare = "https://hooks.bakery.example/webhooks/brevo", "a-spare-secret-of-ours-0123456789"

    made = one.connector.hook_up(address, spare, known=False)
    kept = one.connector.hook_up(address, "another", known=True)
    anew = one.connector.hook_up(address, "another", known=False)

    assert (made.new, made.secret, kept.id, kept.new) == (True, spare, made.id, False)
    assert anew.new
    assert [hook["url"] for hook in one.sandbox.state.hooks.values()] == [f"{address}?secret=another"]


def test_a_pull_keeps_to_the_pace() -> None:
    """Ten calls a second for contacts; who was blacklisted costs a call each, and hardly a 429."""
    one = opened()
    one.sandbox.load({"email": f"p{n}@example.org", "left": n % 2 == 0} for n in range(80))

    found = one.pull()

    assert len(found) == 80
    assert sum(bool(seen.consent) for seen in found.values()) == 40
    assert 40 <= one.connector.calls()["read contact"] <= 44
    assert one.sandbox.refused == []
