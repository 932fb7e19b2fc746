"""The town's campaigns: the same from the same seed, beside a town that they leave as it is, and cheap in numbers."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from hashlib import sha256
from pathlib import Path

import orjson
import pytest

from sandbox.mailchimp import MailchimpSandbox
from sandbox.platform import SimClock
from sandbox.town import Town, build_town, populate
from sandbox.town_campaigns import (
    Campaigns,
    campaigns_among,
    campaigns_for,
    campaigns_of,
    with_touchpoints,
)
from sandbox.town_people import CLOSED

ROOT = Path(__file__).parents[2]
UNTOUCHED = "dce0ed8fb961c93911a10ded828b2ba947b8ef435fbbd65a7b9f269bbe7311e1"
PRINT = """
from hashlib import sha256
from sandbox.town import build_town
from sandbox.town_campaigns import campaigns_of, with_touchpoints
town = build_town(people=200, seed=11)
past = campaigns_of(town, 10)
deeds = [past.deeds(n, place) for n in range(10) for place in past.sent_to(n)]
print(sha256(repr((past.campaigns, deeds)).encode() + with_touchpoints(town, past).truth_json()).hexdigest())
"""


@pytest.fixture(scope="module")
def town() -> Town:
    return build_town(people=600, seed=5)


@pytest.fixture(scope="module")
def past(town: Town) -> Campaigns:
    return campaigns_of(town, 20)


def test_same_seed_same_past() -> None:
    """
    Two processes with other hash seeds compute the same bytes.
    """
    prints = {
        subprocess.run(
            [sys.executable, "-c", PRINT],
            env={"PYTHONHASHSEED": hash_seed, "PATH": ""},
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "4321")
    }

    assert len(prints) == 1


def test_the_town_stays_as_it_was() -> None:
    """
    Contacts, members and truth of a town are what they were before there were campaigns.
    """
    town = build_town(people=60, seed=3)
    campaigns_of(town, 5).touchpoints(town)

    assert sha256(town.truth_json() + orjson.dumps([town.contacts, town.members])).hexdigest() == UNTOUCHED
    assert b'"touchpoints"' not in town.truth_json()
    assert b'"touchpoints"' in with_touchpoints(town, campaigns_of(town, 5)).truth_json()


def test_deeds_fit_the_members(town: Town, past: Campaigns) -> None:
    """
    Mail goes to those subscribed at that time; deeds come after it, before the membership ended and before the
    town's last day, never twice in one second; only the last campaign ends a membership.
    """
    statuses = {id: status for person in town.truth.people for id, status in person.statuses.items()}
    ends: dict[str, list[str]] = {}
    for number, campaign in enumerate(past.campaigns):
        for place in past.sent_to(number):
            contact, deeds = past.contacts[place], past.deeds(number, place)
            assert past.got(number, place)
            assert statuses[contact] not in ("pending", "transactional")
            assert list(deeds) == sorted(deeds, key=lambda deed: (deed.at, deed.kind != "open"))
            assert len({(deed.at, deed.kind, deed.detail) for deed in deeds}) == len(deeds)
            assert all(campaign.sent < deed.at < CLOSED for deed in deeds)
            ends.setdefault(contact, []).extend(
                deed.kind for deed in deeds if deed.kind in ("unsub", "abuse") or deed.detail == "hard"
            )
    for contact, kinds in ends.items():
        match statuses[contact]:
            case "unsubscribed":
                assert kinds == ["unsub"]
            case "cleaned":
                assert kinds in (["abuse"], ["bounce"])
            case _:
                assert kinds == []


def test_all_sorts_occur(town: Town, past: Campaigns) -> None:
    """
    Each kind of touchpoint; people of whom only machines are heard, and people who read and stopped.
    """
    truth = past.touchpoints(town)
    kinds = {kind for counts in truth.values() for kind in counts}
    machines = [who for who, counts in truth.items() if counts.get("machine_open", 0) > 3 and "open" not in counts]

    assert kinds == {"sent", "open", "machine_open", "click", "soft_bounce", "hard_bounce", "unsub", "abuse"}
    assert len(machines) > 20
    assert sum(sum(counts.values()) - counts["sent"] for counts in truth.values()) == past.count()


def test_many_records_cost_little_memory(town: Town) -> None:
    """
    A past of so many records is as small as one of few: nothing but the membership of each is kept.
    """
    tracemalloc.start()
    past = campaigns_for(town, 50_000)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert 50_000 <= past.count() <= 60_000
    assert size < 1_000_000
    assert campaigns_for(town, 50_000).campaigns == past.campaigns


def test_an_audience_has_one_past(town: Town, past: Campaigns) -> None:
    """
    A past is put in once, after the members; who complained is cleaned for that reason.
    """
    box = MailchimpSandbox(clock=SimClock())
    populate(town, None, box)

    assert box.load_past(past) == 20
    assert {m.left_by for m in box.list_of(None).members.values()} >= {"person", "bounce", "complaint"}
    with pytest.raises(ValueError, match="already"):
        box.load_past(past)


def test_nobody_gets_mail() -> None:
    """
    Without recipients there is no past of so many records; one of none is fine.
    """
    nobody = build_town(people=0, contacts=3, members=0, seed=1)

    assert campaigns_among((), 1, 2).count() == 0
    with pytest.raises(ValueError, match="nobody"):
        campaigns_for(nobody, 10)
