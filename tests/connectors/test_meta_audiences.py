"""Audiences: hashes that go in and never come out, consent that decides each day, and leaving that empties them all."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from connectors.base import Change, Result
from connectors.errors import TooNarrow
from connectors.meta_audiences import AT_ONCE, hashed
from sandbox.clock import SimClock
from sandbox.meta_audiences import ACCOUNT, MetaAudiencesSandbox
from tests.connectors.joined import Joined, joined

ADS = "sandbox-meta-ads"
TITLE = "Regulars: Loyal"


def opened(token: str = ADS, **more: Any) -> tuple[Joined, MetaAudiencesSandbox]:
    clock = SimClock()
    box = MetaAudiencesSandbox(clock=clock, **more)
    return joined("meta_audiences", box, clock, {"token": token}, audience=ACCOUNT), box


def sha(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()


def test_an_address_is_hashed_as_meta_wants_it() -> None:
    """Without spaces around it and in small letters; nothing else of a person leaves."""
    one, box = opened()

    one.connector.put_on_list(TITLE, "", [" Ada@Example.org "], [])

    assert hashed(" Ada@Example.org ") == sha("ada@example.org")
    assert box.named() == {TITLE: [sha("ada@example.org")]}
    assert not any(b"example.org" in (sent.body or b"") for sent in one.wire.sent)


def test_an_ad_account_is_chosen_as_an_audience_is() -> None:
    """A token opens several; without the right to fill audiences it says so."""
    one, _ = opened()
    narrow, _ = opened("sandbox-meta-demo")

    account = one.connector.check()

    assert (account.id, [option.id for option in account.audiences]) == (ACCOUNT, [ACCOUNT])
    with pytest.raises(TooNarrow, match="ads_management"):
        narrow.connector.put_on_list(TITLE, "", ["ada@example.org"], [])


def test_an_audience_is_made_once_and_found_again() -> None:
    """By its id, by its name where the answer was lost, and anew where somebody deleted it."""
    one, box = opened()
    box.faults.add("lost_answer", method="POST", path="*/customaudiences")
    with pytest.raises(Exception, match="may have taken effect"):
        one.connector.put_on_list(TITLE, "", ["ada@example.org"], [])

    found = one.connector.put_on_list(TITLE, "", ["ada@example.org"], [])
    again = one.connector.put_on_list(TITLE, found.listing, ["ada@example.org", "bo@example.org"], [])
    box.human_delete(found.listing)
    anew = one.connector.put_on_list(TITLE, found.listing, ["bo@example.org"], [])

    assert again.listing == found.listing
    assert anew.listing != found.listing
    assert box.named() == {TITLE: [sha("bo@example.org")]}


def test_doing_it_twice_changes_nothing_and_who_leaves_goes_first() -> None:
    """Taking off who is not on it is no error."""
    one, box = opened()
    listing = one.connector.put_on_list(TITLE, "", ["ada@example.org", "bo@example.org"], []).listing

    for _ in range(2):
        one.connector.put_on_list(TITLE, listing, ["cy@example.org"], ["ada@example.org", "nobody@example.org"])

    assert box.named() == {TITLE: [sha("bo@example.org"), sha("cy@example.org")]}
    assert [sent.method for sent in one.wire.sent[-2:]] == ["DELETE", "POST"]


def test_ten_thousand_go_in_one_call() -> None:
    """And those beyond them in a second one."""
    one, box = opened(quotas=False)

    one.connector.put_on_list(TITLE, "", [f"p{number}@example.org" for number in range(AT_ONCE + 5)], [])

    assert len(box.named()[TITLE]) == AT_ONCE + 5
    assert box.writes["POST", "/<audience>/users"] == 2


def test_who_leaves_is_taken_off_all_audiences_of_ours() -> None:
    """Opt-outs, undone creates and erasures alike; other people's audiences are left alone."""
    one, box = opened()
    for title in (TITLE, "Regulars: Gone quiet"):
        one.connector.put_on_list(title, "", ["ada@example.org", "bo@example.org", "cy@example.org"], [])
    box.human_make("Somebody else's", [sha("ada@example.org")])
    gone = Change("ada@example.org", address="ada@example.org"), Change("bo@example.org", address="bo@example.org")

    (left,) = one.connector.opt_out([gone[0]], "marketing")
    (erased,) = one.connector.erase([gone[1]])

    assert (left.result, erased.result) == (Result.APPLIED, Result.APPLIED)
    assert box.named() == {
        TITLE: [sha("cy@example.org")],
        "Regulars: Gone quiet": [sha("cy@example.org")],
        "Somebody else's": [sha("ada@example.org")],
    }


def test_a_mailbox_that_two_share_is_written_down_for_one() -> None:
    """The second is told that somebody has the address; the first may be made again."""
    one, _ = opened()
    shared = [Change("", address="office@example.org", key=key, subscribed=True) for key in ("p1", "p2", "p1")]

    done = one.connector.create(shared)

    assert [(each.result, each.code) for each in done] == [
        (Result.APPLIED, ""),
        (Result.REFUSED, "exists"),
        (Result.APPLIED, ""),
    ]


def test_nobody_is_written_down_without_consent() -> None:
    """And whoever is, is nowhere before a segment puts them on an audience."""
    one, box = opened()

    yes, no = one.connector.create(
        [Change("", address="Ada@example.org", subscribed=True), Change("", address="bo@example.org")]
    )

    assert (yes.result, yes.remote_id, no.result) == (Result.APPLIED, "ada@example.org", Result.REFUSED)
    assert yes.shown is not None
    assert (yes.shown.addresses, yes.shown.subscribed) == (("ada@example.org",), True)
    assert box.writes.total() == 0
