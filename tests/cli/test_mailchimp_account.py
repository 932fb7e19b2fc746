"""Several audiences of one Mailchimp account: one credential, one pace, one person."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from regulars.workspace import Workspace
from sandbox.mailchimp import LIST
from sandbox.town_workshops import WORKSHOPS
from tests.cli.audiences import KEY, connect, in_both, settings, status_of, two_audiences
from tests.cli.shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A business with no connection yet, and a Mailchimp account with two audiences."""
    with two_audiences(tmp_path) as opened:
        yield opened


# ---- one account ---------------------------------------------------------------------------------------------------


def test_audiences_of_one_account_share_its_pace(shop: Shop) -> None:
    """
    Ten calls at once hold for all of them together: their connectors wait in one queue.
    """
    assert connect(shop, "--audience", "all").code == 0
    business = Workspace(shop.folder)
    try:
        first, second = business.open("mailchimp"), business.open("mailchimp-workshops")

        assert first.pace is not None
        assert first.pace is second.pace
    finally:
        business.close()


def test_a_new_key_serves_all(shop: Shop) -> None:
    """
    Connecting any of them again renews the credential of each, and one in the environment opens each.
    """
    assert connect(shop, "--audience", "all").code == 0
    assert shop.street is not None
    box = shop.street.mailchimp
    box.keys["sandbox-new-us0"] = box.keys.pop(KEY["MAILCHIMP_API_KEY"])
    old = shop.run("doctor")
    given = shop.run("doctor", REGULARS_MAILCHIMP_API_KEY="sandbox-new-us0")
    again = connect(shop, "--name", "mailchimp-workshops", MAILCHIMP_API_KEY="sandbox-new-us0")

    assert old.code != 0
    assert given.code == 0, given.out
    assert again.code == 0, again.err
    assert shop.run("doctor").code == 0


def test_disconnecting_the_holder_keeps_the_credential_for_the_others(shop: Shop) -> None:
    """
    The next one holds it from then on.
    """
    assert connect(shop, "--audience", "all").code == 0
    answer = shop.run("disconnect", "mailchimp", "--yes", "--json")
    found = settings(shop)

    assert answer.json == {"disconnected": "mailchimp", "credential_kept_for": "mailchimp-workshops"}
    assert list(found) == ["mailchimp-workshops"]
    assert "credential" not in found["mailchimp-workshops"]
    assert shop.run("sync").code in (0, 1)


def test_a_credential_that_cannot_be_opened_any_more_stops_no_disconnect(shop: Shop) -> None:
    """
    With another key the first is closed all the same; the other one is left without a credential, and says so.
    """
    assert connect(shop, "--audience", "all").code == 0
    other = {"REGULARS_KEY": base64.b64encode(bytes(32)).decode()}
    answer = shop.run("disconnect", "mailchimp", "--yes", **other)
    asked = shop.run("doctor")

    assert answer.code == 0, answer.err
    assert list(settings(shop)) == ["mailchimp-workshops"]
    assert "mailchimp-workshops has no credential" in asked.out
    assert connect(shop, "--name", "mailchimp-workshops", **KEY).code == 0


def test_status_shows_what_belongs_together(shop: Shop) -> None:
    """
    Below the one that holds the credential stand those that it opens too.
    """
    assert connect(shop, "--audience", "all").code == 0
    assert shop.run("sync").code in (0, 1)
    told = shop.run("status", "--json").json["connections"]
    lines = [line.split() for line in shop.run("status").out.splitlines()]

    assert {one["name"]: one["credential"] for one in told} == dict.fromkeys(
        ("mailchimp", "mailchimp-workshops"), "mailchimp"
    )
    assert ["└", "mailchimp-workshops"] in [line[:2] for line in lines]


def test_the_campaigns_of_an_audience_are_filed_once(shop: Shop) -> None:
    """
    A campaign is its audience's: both connections read the account's reports, and each keeps its own.
    """
    assert connect(shop, "--audience", "all", "--streams", "activity").code == 0
    told = shop.run("sync", "--json").json["connections"]
    assert shop.street is not None
    box = shop.street.mailchimp
    mailed = [one for one in box.list_of(WORKSHOPS).members.values() if one.status == "subscribed"]
    box.human_send_campaign("Courses in May", list_id=WORKSHOPS)
    again = shop.run("sync", "--json").json["connections"]

    def new(document: dict[str, Any], name: str) -> int:
        return int(document[name]["streams"]["activity"]["new"])

    assert new(told, "mailchimp") > 0
    assert new(told, "mailchimp-workshops") == 0
    assert new(again, "mailchimp") == 0
    assert new(again, "mailchimp-workshops") == len(mailed) > 0


# ---- one person ----------------------------------------------------------------------------------------------------


def test_who_leaves_one_audience_leaves_the_other(shop: Shop) -> None:
    """
    An opt-out is the person's: it reaches every audience that may be written to, and a sign-up in one never reaches
    another.
    """
    assert shop.street is not None
    box = shop.street.mailchimp
    assert connect(shop, "--audience", "all").code == 0
    assert shop.run("sync").code in (0, 1)
    first, second = in_both(shop)[:2]
    box.human_unsubscribe(first, list_id=WORKSHOPS)
    box.human_unsubscribe(second, list_id=LIST)
    plan = shop.run("plan", "--json").json
    assert shop.run("sync").code in (0, 1)
    after = shop.run("sync", "--json").json

    assert status_of(shop, first, LIST) == "unsubscribed"
    assert status_of(shop, second, WORKSHOPS) == "unsubscribed"
    assert {write["connection"] for write in plan["writes"]} == {"mailchimp", "mailchimp-workshops"}
    assert after["planned"] == 0
    assert box.resubscribed == []


def test_a_name_goes_from_one_audience_to_the_other_and_back_by_undo(shop: Shop) -> None:
    """
    One person in two audiences is one person: a correction reaches both, and undo takes it back in both.
    """
    assert shop.street is not None
    box = shop.street.mailchimp
    assert connect(shop, "--audience", "all").code == 0
    assert shop.run("sync").code in (0, 1)
    address = in_both(shop)[0]
    other = box.list_of(WORKSHOPS).find(address)
    assert other is not None
    before = other.merge["FNAME"]
    box.human_update(address, {"FNAME": "Ottilie"}, list_id=LIST)
    run = shop.run("sync", "--json").json
    changed = box.list_of(WORKSHOPS).find(address)
    assert changed is not None
    seen = changed.merge["FNAME"]
    undone = shop.run("undo", str(run["run"]), "--yes")
    back = box.list_of(WORKSHOPS).find(address)
    assert back is not None

    assert seen == "Ottilie"
    assert undone.code in (0, 1), undone.err
    assert back.merge["FNAME"] == before
    assert shop.run("plan", "--json").json["writes"] == []


def test_a_hand_that_changes_the_audience_stops_the_connection(shop: Shop) -> None:
    """
    Another audience is another account to the guard: nothing of it is believed until a person says so.
    """
    assert connect(shop, "--audience", LIST).code == 0
    assert shop.run("sync").code in (0, 1)
    before = shop.run("status", "--json").json["people"]
    path = shop.folder / "regulars.toml"
    path.write_text(path.read_text("utf-8").replace(LIST, WORKSHOPS), "utf-8")
    stopped = shop.run("sync", "--json").json
    after = shop.run("status", "--json").json

    assert [stop["brake"] for stop in after["connections"][0]["stopped"]] == ["wrong_account"]
    assert stopped["planned"] == 0
    assert after["people"] == before
