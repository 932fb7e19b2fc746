"""A business with four platforms: HubSpot, Mailchimp, Pipedrive and Brevo of one town come to agree, and stay so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from regulars import street
from sandbox.brevo import BrevoSandbox
from sandbox.pipedrive import PipedriveSandbox
from tests.cli.shop import CREDENTIALS, Shop

BOTH = ["--direction", "both", "--fields", "given_name,family_name,phone"]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """All four connected, two-way, on a small town."""
    made = street.build(40, 3, quotas=False, campaigns=0, also=("pipedrive", "brevo"))
    with street.open_street(made, [0] * 4) as (hubspot, mailchimp, pipedrive, brevo):
        shop = Shop(tmp_path, hubspot, mailchimp, made)
        shop.open()
        further = {one.variable: one.credential for one in street.OTHERS.values()}
        for name, address in (("pipedrive", pipedrive), ("brevo", brevo)):
            create = ["--create", "everyone"] if name == "pipedrive" else ["--create", "none"]
            done = shop.run("connect", name, "--base-url", address, *BOTH, *create, **CREDENTIALS, **further)
            assert done.code == 0, done.err
        yield shop


def test_four_platforms_come_to_agree_and_stay_so(shop: Shop) -> None:
    """
    Blanks are filled on each, everybody is made at Pipedrive once, who left anywhere has left everywhere, and another
    sync has nothing to do.
    """
    assert shop.street is not None
    pipedrive, brevo = shop.street.others["pipedrive"], shop.street.others["brevo"]
    assert isinstance(pipedrive, PipedriveSandbox)
    assert isinstance(brevo, BrevoSandbox)
    known = len(pipedrive.living())
    left = next(one for one in brevo.state.contacts.values() if one.blacklisted and one.left).email

    first = shop.run("sync", "--json")
    for _ in range(2):
        shop.run("sync")
    before = sum(box.writes.total() for box in shop.street.emulators)
    last = shop.run("sync", "--json")
    people = orjson.loads(shop.run("people", "--json", "--limit", "1000").out)

    assert first.code in (0, 1), first.err
    assert last.code in (0, 1), last.err
    assert sum(box.writes.total() for box in shop.street.emulators) == before
    assert len(pipedrive.living()) > known
    emails = [one.email.lower() for one in pipedrive.living()]
    assert len(emails) == len(set(emails))
    assert left not in shop.street.mailchimp.resubscribed
    assert len(people["people"] if isinstance(people, dict) else people) <= shop.street.people + 5


def test_what_one_edits_another_shows(shop: Shop) -> None:
    """
    A phone corrected at Pipedrive reaches Brevo, and an unsubscribe at Brevo reaches Pipedrive.
    """
    assert shop.street is not None
    pipedrive, brevo = shop.street.others["pipedrive"], shop.street.others["brevo"]
    assert isinstance(pipedrive, PipedriveSandbox)
    assert isinstance(brevo, BrevoSandbox)
    shop.run("sync")
    shop.run("sync")
    shared = [
        person
        for person in pipedrive.living()
        if person.email.lower() in brevo.state.by_email
        and person.marketing == "subscribed"
        and not brevo.contact(person.email).blacklisted
    ]

    pipedrive.human_update(shared[0].id, {"phones": [{"value": "+49 731 2000001", "primary": True}]})
    brevo.human_unsubscribe(shared[1].email)
    for _ in range(2):
        done = shop.run("sync")
        assert done.code in (0, 1), done.err

    assert brevo.contact(shared[0].email).attributes["SMS"] == "+497312000001"
    assert pipedrive.state.persons[shared[1].id].marketing == "unsubscribed"
