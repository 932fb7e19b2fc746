"""Guards, end to end on the real connectors: a connection that looks wrong is stopped before the first call that writes
to it, says in one sentence what was seen, and waits for a release; everything else goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.mailchimp import LIST
from sync.balance import Balance
from sync.guard import Brake, Limit, Limits
from sync.store import schema as t
from tests.laws.sandboxed import MAILCHIMP_TABLE, NEWS, Place, Sandboxed
from tests.laws.world import NO_BRAKES

PATHS = {"hubspot": ("/crm/", "/communication-preferences/"), "mailchimp": (LIST,), "news": (NEWS,)}
READING = ("/search", "/batch/read")


@dataclass(frozen=True)
class Guard:
    """One guard: which connection it stops, what has happened, and the words that its sentence must have."""

    brake: Brake
    place: str
    happened: Callable[[Sandboxed], object]
    says: str
    limits: Limits = NO_BRAKES
    marked: bool = True  # whether an edit can be made at the stopped connection meanwhile


def _change_place(world: Sandboxed, name: str, change: Callable[[Place], Place]) -> None:
    world.places = [change(place) if place.name == name else place for place in world.places]
    world.restart()


def _emptied(world: Sandboxed) -> None:
    audience = world.mailchimp.state.audiences[LIST]
    audience.members, audience.keys = {}, {}
    audience.version += 1
    world.mailchimp.restored()


def _deleted(world: Sandboxed) -> None:
    for name in ("bob", "cy", "di", "eve"):
        world.mailchimp.human_delete_permanent(f"{name}@example.org")


def _opted_out(world: Sandboxed) -> None:
    for name in ("bob", "cy", "hal"):
        world.hubspot.human_opt_out(f"{name}@example.org")


def _signed_up(world: Sandboxed) -> None:
    for number in range(3):
        world.mailchimp.human_subscribe(f"new{number}@example.org", {"FNAME": f"New {number}"})


def _overwritten(world: Sandboxed) -> None:
    for name in ("bob", "cy", "di"):
        world.hubspot.human_update(world.contact_id(f"{name}@example.org"), {"lastname": "Another"})


def _all_edited(world: Sandboxed) -> None:
    for name in ("bob", "cy", "di", "eve", "fay", "max"):
        world.mailchimp.human_update(f"{name}@example.org", {"LNAME": "Another"})


def _other_fields(world: Sandboxed) -> None:
    fields = MAILCHIMP_TABLE.choose([row.name for row in MAILCHIMP_TABLE if row.name != "birthday"])
    _change_place(world, "mailchimp", lambda place: replace(place, settings=replace(place.settings, fields=fields)))


def _other_account(world: Sandboxed) -> None:
    world.mailchimp.account_id = "somebody-elses"
    # The second audience is in the same account: a person accepts that, and the first waits.
    world.sync()
    world.engine.release("news")


GUARDS = (
    Guard(Brake.EMPTIED, "mailchimp", _emptied, "14 records and now lists none", marked=False),
    Guard(Brake.DELETES, "mailchimp", _deleted, "4 of 14", Limits(deletes=Limit(0.1, 3))),
    Guard(Brake.OPT_OUTS, "mailchimp", _opted_out, "3 opt-outs", Limits(opt_outs=Limit(0.1, 2))),
    Guard(Brake.CREATES, "hubspot", _signed_up, "3 records would be created", Limits(creates=Limit(0.1, 2))),
    Guard(Brake.CHANGES, "mailchimp", _overwritten, "records would be changed", Limits(changes=Limit(0.1, 2))),
    Guard(
        Brake.EVERYTHING_CHANGED,
        "mailchimp",
        _all_edited,
        "records changed at once",
        Limits(everything_changed=Limit(0.1, 3)),
    ),
    Guard(Brake.FIELDS_CHANGED, "mailchimp", _other_fields, "field table changed"),
    Guard(Brake.WRONG_ACCOUNT, "mailchimp", _other_account, "somebody-elses"),
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Sandboxed]:
    """The town in agreement, ten minutes later."""
    opened = Sandboxed(tmp_path)
    opened.populate()
    opened.until_quiet()
    opened.sim.advance(600)
    yield opened
    opened.close()


def run(world: Sandboxed) -> tuple[Balance, dict[str, list[str]]]:
    """A full run, and the calls that wrote, by connection."""
    world.walked.begin()
    balance = world.sync(full=True)
    made: dict[str, list[str]] = {name: [] for name in PATHS}
    for step in world.walked.passed:
        word, method, path = ([*step.split(" ", 2), ""])[:3]
        if word == "before" and method in ("POST", "PATCH", "PUT", "DELETE") and not path.endswith(READING):
            name = next(name for name, parts in PATHS.items() if any(part in path for part in parts))
            made[name].append(f"{method} {path}")
    return balance, made


def _mark(world: Sandboxed, place: str, email: str, value: str) -> None:
    """A person edits a phone number at one connection."""
    if place == "hubspot":
        world.hubspot.human_update(world.contact_id(email), {"phone": value})
    else:
        world.mailchimp.human_update(email, {"PHONE": value}, list_id=LIST if place == "mailchimp" else NEWS)


def _phone(world: Sandboxed, place: str, email: str) -> str:
    if place == "hubspot":
        contact = world.hubspot.state.contacts[world.hubspot.state.by_email[email]]
        return str(contact.props.get("phone", "")).replace(" ", "")
    audience = world.mailchimp.state.audiences[LIST if place == "mailchimp" else NEWS]
    member = next(member for member in audience.members.values() if member.email == email)
    return str(member.merge.get("PHONE", "")).replace(" ", "")


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.brake.value)
def test_a_guard_stops_one_connection_and_nothing_else(world: Sandboxed, guard: Guard) -> None:
    """Stopped before its first write, and with all that it claims; the others go on; a release lets it go on too."""
    _change_place(world, guard.place, lambda place: replace(place, limits=guard.limits))
    elsewhere = "mailchimp" if guard.place == "hubspot" else "hubspot"
    guard.happened(world)
    if guard.marked:
        _mark(world, guard.place, "lea@example.org", "030 888888")
    _mark(world, elsewhere, "ada@example.org", "030 999999")
    stopped, made = run(world)
    travelled = [_phone(world, place, "lea@example.org") == "030888888" for place in PATHS if place != guard.place]
    went_on = _phone(world, "news", "ada@example.org")
    waits = not guard.marked or _phone(world, guard.place, "ada@example.org")
    again, made_again = run(world)
    sentences = world.engine.release(guard.place)
    after, _ = run(world)
    quiet = world.until_quiet()

    assert [(stop.brake, stop.connection) for stop in stopped.stops] == [(guard.brake, guard.place)]
    assert guard.says in stopped.stops[0].text
    assert "\n" not in stopped.stops[0].text
    assert made[guard.place] == made_again[guard.place] == []
    assert travelled == [False, False]
    assert went_on == "030999999"
    assert waits != "030999999"
    assert {stop.brake for stop in again.stops} == {guard.brake}
    assert [stop.brake for stop in sentences] == [guard.brake]
    assert after.stops == []
    assert quiet[-1].planned == 0
    if guard.marked:
        phones = {_phone(world, place, "lea@example.org") for place in PATHS}
        assert phones == {"030888888"}
        assert {_phone(world, place, "ada@example.org") for place in PATHS} == {"030999999"}


def test_an_emptied_audience_takes_nobody_along(world: Sandboxed) -> None:
    """Even when a person releases it, the records there are detached, and nobody is deleted or changed elsewhere."""
    before = world.picture()
    _emptied(world)
    run(world)
    world.engine.release("mailchimp")
    run(world)
    world.until_quiet()
    after = world.picture()
    gone = [row for row in world.rows(t.record) if row["state"] == "gone"]

    assert after["contacts"] == before["contacts"]
    assert _without_tags(after) == _without_tags(before)
    assert {row["connection"] for row in gone} == {"mailchimp"}


def _without_tags(picture: dict[str, list[Any]]) -> list[Any]:
    return [line[:4] for line in picture["members"] if line[0] == NEWS]


def test_a_tag_stays_where_the_record_that_it_came_from_is_gone(world: Sandboxed) -> None:
    """A record that is away keeps its claims: a tag is taken away because somebody removed it, and never because the
    record that had it has gone."""
    _emptied(world)
    run(world)
    world.engine.release("mailchimp")
    run(world)
    world.until_quiet()
    ada = next(line for line in world.picture()["members"] if line[:2] == (NEWS, "ada@example.org"))

    assert ada[4] == ["cake", "vip"]


def test_what_a_guard_held_counts_at_once(world: Sandboxed) -> None:
    """Opt-outs that wait for a release are known: who left is made nowhere, and no write permits mail to them."""
    limits = Limits(opt_outs=Limit(0.0, 2))
    _change_place(world, "mailchimp", lambda place: replace(place, limits=limits))
    # They have confirmed their subscription, and are not in the second audience yet, where everybody is made.
    for number in range(4):
        world.mailchimp.human_subscribe(f"new{number}@example.org", {"FNAME": f"New {number}"})
        world.hubspot.human_create({"email": f"new{number}@example.org"})
        world.hubspot.human_opt_out(f"new{number}@example.org")
    world.mailchimp.human_subscribe("yes@example.org", {"FNAME": "Yes"})
    stopped, made = run(world)
    audience = world.mailchimp.state.audiences[NEWS]
    there = {member.email for member in audience.members.values()}
    held = {member.email: member.status for member in world.mailchimp.state.audiences[LIST].members.values()}
    world.engine.release("mailchimp")
    world.until_quiet()
    audience = world.mailchimp.state.audiences[LIST]
    statuses = {member.email: member.status for member in audience.members.values() if "new" in member.email}

    assert [stop.brake for stop in stopped.stops] == [Brake.OPT_OUTS]
    assert made["mailchimp"] == []
    assert there & {f"new{number}@example.org" for number in range(4)} == set()
    assert {held[f"new{number}@example.org"] for number in range(4)} == {"subscribed"}
    assert set(statuses.values()) == {"unsubscribed"}
    assert world.mailchimp.resubscribed == []
