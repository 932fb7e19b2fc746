"""A business with everything: eight platforms of one town come to agree, and stay so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from regulars import street
from sandbox.brevo import BrevoSandbox
from sandbox.pipedrive import PipedriveSandbox
from tests.cli.shop import CREDENTIALS, Answer, Shop

FURTHER = ("pipedrive", "brevo", "meta", "buffer", "hootsuite", "sprout")
BOTH = ["--direction", "both", "--create", "none", "--fields", "given_name,family_name,phone"]


@pytest.fixture(
    params=[pytest.param((2_000, FURTHER), marks=pytest.mark.long), (60, FURTHER[:-1])], ids=["all", "some"]
)
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    """All eight connected, as far as each can go; of few people all but Sprout Social, at whose pace one waits."""
    people, further = request.param
    made = street.build(people, 3, quotas=False, also=further)
    with street.open_street(made, [0] * (2 + len(further))) as (hubspot, mailchimp, *others):
        shop = Shop(tmp_path, hubspot, mailchimp, made)
        shop.open()
        for name, address in zip(further, others, strict=True):
            one = street.OTHERS[name]
            ways = BOTH if name in ("pipedrive", "brevo") else ["--streams", one.streams or "all"]
            done = shop.run("connect", name, "--base-url", address, *ways, **CREDENTIALS, **one.environment)
            assert done.code == 0, f"{name}: {done.err}"
        yield shop


def synced(shop: Shop) -> dict[str, Any]:
    done: Answer = shop.run("sync", "--json")
    assert done.code in (0, 1), done.err
    found: dict[str, Any] = done.json
    return found


def mailed(shop: Shop) -> set[str]:
    """Whom a newsletter would reach, by address."""
    assert shop.street is not None
    brevo = shop.street.others["brevo"]
    assert isinstance(brevo, BrevoSandbox)
    members = shop.street.mailchimp.list_of(None).members.values()
    there = {one.email.lower() for one in members if one.status == "subscribed"}
    return there | {one.email.lower() for one in brevo.state.contacts.values() if not one.blacklisted}


def gone(shop: Shop) -> set[str]:
    """Who left a newsletter or the CRM's marketing, by address."""
    assert shop.street is not None
    brevo, pipedrive = shop.street.others["brevo"], shop.street.others["pipedrive"]
    assert isinstance(brevo, BrevoSandbox)
    assert isinstance(pipedrive, PipedriveSandbox)
    members = shop.street.mailchimp.list_of(None).members.values()
    left = {one.email.lower() for one in members if one.status == "unsubscribed"}
    left |= {one.email.lower() for one in brevo.state.contacts.values() if one.blacklisted and one.left}
    return left | {one.email.lower() for one in pipedrive.living() if one.marketing == "unsubscribed"}


def came_back(shop: Shop) -> set[str]:
    """Who confirmed a sign-up of their own at the newsletter: that is later than what anybody else here says."""
    assert shop.street is not None
    members = shop.street.mailchimp.list_of(None).members.values()
    return {one.email.lower() for one in members if one.status == "subscribed" and one.ip_opt and one.timestamp_opt}


def test_eight_platforms_come_to_agree_and_stay_so(shop: Shop) -> None:
    """
    Who left one has left all unless they came back themselves, nobody is subscribed again, another sync writes nothing,
    a rebuild finds the same people, whoever asks why is told, and nothing was asked that a platform does not know.
    """
    assert shop.street is not None
    left = gone(shop)
    began = perf_counter()
    first = synced(shop)
    lasted = perf_counter() - began
    second = synced(shop)
    third = synced(shop)
    before = [box.writes.total() for box in shop.street.emulators]
    last = synced(shop)
    people = shop.run("people", "--limit", "100000", "--json").json
    rebuilt = shop.run("rebuild", "--json")
    again = shop.run("people", "--limit", "100000", "--json").json
    wrote = {name: one["planned"] for name, one in first["connections"].items() if one["planned"]}
    print(
        f"\n{shop.street.people:,} people of the town on {len(first['connections'])} platforms:"
        f" {people['total']:,} in {lasted:.1f} s,"
        f" {first['conflicts']:,} conflicts, writes planned {wrote}; then"
        f" {[sum(one['planned'] for one in run['connections'].values()) for run in (second, third, last)]}"
    )

    assert [box.writes.total() for box in shop.street.emulators] == before
    assert sum(one["planned"] for one in last["connections"].values()) == 0
    assert left
    assert mailed(shop) & left <= came_back(shop)
    assert shop.street.mailchimp.resubscribed == []
    assert rebuilt.code == 0
    assert again == people
    assert [one for one in shop.street.emulators if one.refused] == []
    for one in people["people"][:25]:
        assert shop.run("why", one["id"]).code == 0
