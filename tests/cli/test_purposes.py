"""What mail is for: who leaves one purpose leaves no other, and who leaves marketing leaves all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.hubspot_portal import WIDE
from sandbox.mailchimp import LIST
from sandbox.town_workshops import WORKSHOPS
from tests.cli.audiences import connect, in_both, status_of, two_audiences
from tests.cli.shop import CREDENTIALS, Shop

ONE_TO_ONE = 1002
"""The number of one of the account's subscriptions."""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A newsletter, an audience and a HubSpot subscription for workshops; nothing was read yet."""
    with two_audiences(tmp_path) as opened:
        assert connect(opened, "--audience", "all").code == 0
        both = ["--base-url", opened.hubspot, "--fields", "given_name", "--direction", "both"]
        assert opened.run("connect", "hubspot", *both, **CREDENTIALS).code == 0
        say(opened, "connections.mailchimp-workshops", 'purpose = "workshops"')
        say(opened, "connections.hubspot", f'purposes = {{{ONE_TO_ONE} = "workshops"}}')
        yield opened


def say(shop: Shop, section: str, line: str) -> None:
    """Add a line to a section of the file."""
    path = shop.folder / "regulars.toml"
    text = path.read_text("utf-8")
    assert f"[{section}]\n" in text
    path.write_text(text.replace(f"[{section}]\n", f"[{section}]\n{line}\n"), "utf-8")


def everywhere(shop: Shop, count: int) -> list[str]:
    """So many addresses of people who are subscribed in both audiences, and in HubSpot without having left anything."""
    assert shop.street is not None
    portal = shop.street.hubspot.state
    found = [
        one
        for one in in_both(shop)
        if one in portal.by_email and not one.startswith("info") and not portal.consents.get(one)
    ]
    assert len(found) >= count
    return found[:count]


def left(shop: Shop, address: str) -> set[int]:
    """The subscriptions that somebody left at HubSpot."""
    assert shop.street is not None
    said = shop.street.hubspot.state.consents.get(address, {})
    return {number for number, consent in said.items() if consent.state == "UNSUBSCRIBED"}


def shown(shop: Shop, address: str) -> tuple[str, str, set[int]]:
    """Where an address stands: in the newsletter, in the workshops, and at HubSpot."""
    return status_of(shop, address, LIST), status_of(shop, address, WORKSHOPS), left(shop, address)


def test_who_leaves_one_purpose_leaves_it_wherever_it_is_and_nothing_else(shop: Shop) -> None:
    """The audience and the subscription of one purpose follow each other; marketing reaches all; then it settles."""
    assert shop.street is not None
    assert shop.run("sync").code in (0, 1)
    one, two, three = everywhere(shop, 3)
    shop.street.mailchimp.human_unsubscribe(one, list_id=WORKSHOPS)
    shop.street.hubspot.human_opt_out(two, ONE_TO_ONE)
    shop.street.mailchimp.human_unsubscribe(three, list_id=LIST)
    plan = shop.run("plan", "--limit", "0")
    assert shop.run("sync").code in (0, 1)
    person, tongue = shop.run("person", one), shop.run("person", one, "--json").json
    again = shop.run("sync", "--json").json

    assert "opt-out of workshops" in plan.out
    assert shown(shop, one) == ("subscribed", "unsubscribed", {ONE_TO_ONE})
    assert shown(shop, two) == ("subscribed", "unsubscribed", {ONE_TO_ONE})
    assert shown(shop, three)[:2] == ("unsubscribed", "unsubscribed")
    assert WIDE in left(shop, three)
    assert again["planned"] == 0
    assert "for workshops: must not be mailed" in person.out
    assert [(said["purpose"], said["state"]) for said in tongue["purposes"]] == [("workshops", "withdrawn")]


def test_a_newsletter_that_one_signs_up_for_again_is_no_way_back_into_what_was_left(shop: Shop) -> None:
    """Rules ask for each purpose by its name, and know no other."""
    assert shop.street is not None
    (one,) = everywhere(shop, 1)
    shop.street.mailchimp.human_unsubscribe(one, list_id=WORKSHOPS)
    assert shop.run("sync").code in (0, 1)
    shop.street.mailchimp.human_unsubscribe(one, list_id=LIST)
    shop.street.mailchimp.human_subscribe(one, list_id=LIST)
    assert shop.run("sync").code in (0, 1)

    def state(purpose: str) -> list[str]:
        rule = f'{{ all = [{{ consent = "withdrawn", purpose = "{purpose}" }}, {{ field = "email", is = "{one}" }}] }}'
        told: list[dict[str, Any]] = shop.run("segment", "out", "--preview", rule, "--json").json["sample"]
        return [line["email"] for line in told]

    wrong = shop.run("segment", "out", "--preview", '{ consent = "withdrawn", purpose = "workshop" }')

    assert (state("workshops"), state("marketing")) == ([one], [])
    assert shown(shop, one)[:2] == ("subscribed", "unsubscribed")
    assert (wrong.code, 'Did you mean "workshops"?' in wrong.err) == (2, True)


def test_a_purpose_that_is_taken_away_is_read_anew(shop: Shop) -> None:
    """Whoever left what counts as marketing from now on has left everything."""
    assert shop.street is not None
    (one,) = everywhere(shop, 1)
    shop.street.mailchimp.human_unsubscribe(one, list_id=WORKSHOPS)
    assert shop.run("sync").code in (0, 1)
    before = status_of(shop, one, LIST)
    path = shop.folder / "regulars.toml"
    path.write_text(path.read_text("utf-8").replace('purpose = "workshops"\n', ""), "utf-8")
    assert shop.run("sync").code in (0, 1)

    assert (before, status_of(shop, one, LIST)) == ("subscribed", "unsubscribed")


MISTAKES = (
    ("mailchimp", 'purposes = {7 = "x"}', "no subscriptions that are left one by one"),
    ("hubspot", 'purpose = "x"', "HubSpot is not for one purpose"),
    ("mailchimp", 'purpose = "Two words"', "a name of yours in small letters"),
)


@pytest.mark.parametrize(("connection", "line", "said"), MISTAKES, ids=[line for _, line, _ in MISTAKES])
def test_what_cannot_be_said_of_a_connection_is_refused(shop: Shop, connection: str, line: str, said: str) -> None:
    """In a sentence that names the key."""
    say(shop, f"connections.{connection}", line)
    answer = shop.run("connections")

    assert answer.code == 2
    assert said in answer.err
    assert f"connections.{connection}" in answer.err


@pytest.mark.parametrize(
    ("purposes", "said"),
    [
        ('{1001 = "workshops", 1002 = "workshops"}', "both for"),
        ('{"One to One" = "workshops"}', "no number of a subscription"),
    ],
)
def test_a_subscription_goes_by_its_number_and_has_a_purpose_of_its_own(shop: Shop, purposes: str, said: str) -> None:
    """Else nobody could say what an opt-out of that purpose is there."""
    path = shop.folder / "regulars.toml"
    old = f'purposes = {{{ONE_TO_ONE} = "workshops"}}'
    path.write_text(path.read_text("utf-8").replace(old, f"purposes = {purposes}"), "utf-8")
    answer = shop.run("connections")

    assert (answer.code, said in answer.err) == (2, True)
