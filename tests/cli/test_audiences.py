"""Segments as audiences of ads: only of people who allowed marketing, and for as long as they do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.meta_audiences import MetaAudiencesSandbox
from tests.cli.shop import Shop, beside

RULE = """
[segments.everybody]
title = "Everybody"
destinations = { meta_audiences = "list" }
all = [{ field = "email", empty = false }]
"""
AUDIENCE = "Regulars: Everybody"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """HubSpot, Mailchimp and an ad account; a segment that everybody is in."""
    with beside(tmp_path, 60, "meta_audiences", "--direction", "both", "--create", "everyone") as shop:
        settle(shop)
        path = shop.folder / "regulars.toml"
        path.write_text(path.read_text("utf-8") + RULE, "utf-8")
        yield shop


def box(shop: Shop) -> MetaAudiencesSandbox:
    assert shop.street is not None
    found = shop.street.others["meta_audiences"]
    assert isinstance(found, MetaAudiencesSandbox)
    return found


def members(shop: Shop, status: str) -> dict[str, str]:
    """Mailchimp's members of a status: hash and address."""
    assert shop.street is not None
    shown = [one for one in shop.street.mailchimp.dump() if one["kind"] == "member" and one["status"] == status]
    return {hashlib.sha256(one["email_address"].lower().encode()).hexdigest(): one["email_address"] for one in shown}


def settle(shop: Shop) -> int:
    """Sync until nothing is left to write; gives what the last run planned."""
    for _ in range(4):
        done = shop.run("sync", "--json")
        assert done.code in (0, 1), done.err
    return int(done.json["planned"])


def test_only_who_allowed_it_is_on_an_audience_and_leaves_it_at_once(shop: Shop) -> None:
    """
    Everybody is in the segment; on the audience are those with recorded consent. Who unsubscribes is taken off, and
    stays off; nothing is left to write afterwards.
    """
    assert shop.street is not None
    assert box(shop).named() == {}
    left = settle(shop)
    on, allowed = set(box(shop).named()[AUDIENCE]), members(shop, "subscribed")

    assert left == 0
    assert on
    assert on <= set(allowed)
    assert not on & set(members(shop, "unsubscribed"))

    who = min(on)
    shop.street.mailchimp.human_unsubscribe(allowed[who])
    left = settle(shop)

    assert set(box(shop).named()[AUDIENCE]) == on - {who}
    assert left == 0
    assert box(shop).refused == []


def test_what_put_people_on_an_audience_can_be_undone(shop: Shop) -> None:
    """
    The run that did is taken back: the audience is empty again, and stays so though everybody is in the segment.
    """
    put = shop.run("sync", "--json").json["run"]
    before = len(box(shop).named()[AUDIENCE])

    undone = shop.run("undo", str(put), "--yes")
    left = settle(shop)

    assert before
    assert undone.code in (0, 1), undone.err
    assert box(shop).named()[AUDIENCE] == []
    assert left == 0
