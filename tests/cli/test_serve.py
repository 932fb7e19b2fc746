"""`regulars serve` as a process: a platform tells, and seconds later the other one shows it; ended, nothing is lost."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable
from urllib.error import HTTPError

import pytest

from sandbox.server import free_port
from tests.cli.shop import Shop
from tests.cli.staying import address, end, running
from tests.webhooks.deliver import HUBSPOT_SECRET, PUBLIC, contact_event, hubspot

PATIENCE = 60.0
"""Seconds after which a change counts as lost; it takes less than one."""


def until(seen: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not seen():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def deliver(first: str, body: bytes, headers: dict[str, str]) -> int:
    """Deliver as HubSpot does, to the process that said this first; the answer's status."""
    request = urllib.request.Request(f"{address(first)}/webhooks/hubspot", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


@pytest.fixture
def told_town(town: Shop) -> Shop:
    """A town in agreement whose HubSpot may call, and which looks by itself only once an hour."""
    assert town.run("sync").code in (0, 1)
    with (town.folder / "regulars.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n[webhooks]\npublic_url = "{PUBLIC}"\nevery = "1h"\n')
    kept = town.run("webhooks", "hubspot", "--secret", stdin=HUBSPOT_SECRET + "\n")
    assert "kept" in kept.out, kept.err
    return town


def both_sides(shop: Shop) -> tuple[str, str]:
    """Somebody subscribed who is on both sides: their address and contact's id."""
    assert shop.street is not None
    contacts, audiences = shop.street.hubspot.state.by_email, shop.street.mailchimp.state.audiences
    for audience in audiences.values():
        for one in audience.members.values():
            if one.status == "subscribed" and one.email in contacts:
                return one.email, str(contacts[one.email])
    raise AssertionError("nobody is on both sides")


def last_name(shop: Shop, address: str) -> str:
    assert shop.street is not None
    for audience in shop.street.mailchimp.state.audiences.values():
        for one in audience.members.values():
            if one.email == address:
                return str(one.merge.get("LNAME", ""))
    return ""


def test_a_change_is_carried_while_serving(told_town: Shop) -> None:
    """Edited in HubSpot and told, the member shows it; forged ones are refused; SIGTERM ends it in order."""
    assert told_town.street is not None
    who, contact = both_sides(told_town)
    with running(told_town, "serve", "--port", "0") as (process, first):
        told_town.street.hubspot.human_update(contact, {"lastname": "Newname"})
        event = [contact_event("propertyChange", contact)]
        forged = deliver(first, *hubspot(event, time.time(), secret="another secret"))
        taken = deliver(first, *hubspot(event, time.time()))
        until(lambda: last_name(told_town, who) == "Newname")
        until(lambda: not told_town.run("inbox", "--waiting", "--json").json["deliveries"])
        code, said = end(process)

    listed = told_town.run("inbox", "--json").json
    assert (forged, taken, code) == (401, 200, 0), said
    assert "Ended" in said
    assert "Traceback" not in said
    assert listed["counts"]["hubspot"]["done"] == 1


def test_what_nobody_told_is_found_by_looking(told_town: Shop) -> None:
    """Every so often everything is looked at, and a change that no platform told of is carried; nothing goes wrong."""
    assert told_town.street is not None
    who, contact = both_sides(told_town)
    file = told_town.folder / "regulars.toml"
    file.write_text(file.read_text("utf-8").replace('every = "1h"', 'every = "1s"'), encoding="utf-8")
    with running(told_town, "worker") as (process, _):
        told_town.street.hubspot.human_update(contact, {"lastname": "Newname"})
        until(lambda: last_name(told_town, who) == "Newname")
        code, said = end(process)

    assert code == 0, said
    assert "Error" not in said


def test_received_alone_and_done_by_a_worker(told_town: Shop) -> None:
    """One process receives and is killed; another does the work later: nothing is lost."""
    assert told_town.street is not None
    who, contact = both_sides(told_town)
    with running(told_town, "serve", "--port", "0", "--no-worker") as (process, first):
        told_town.street.hubspot.human_update(contact, {"lastname": "Newname"})
        taken = deliver(first, *hubspot([contact_event("propertyChange", contact)], time.time()))
        process.kill()
    waiting = told_town.run("inbox", "--waiting", "--json").json
    with running(told_town, "worker") as (process, _):
        until(lambda: last_name(told_town, who) == "Newname")
        code, said = end(process)

    assert (taken, code) == (200, 0), said
    assert [one["state"] for one in waiting["deliveries"]] == ["waiting"]


def test_the_inbox_shows_and_replays(told_town: Shop) -> None:
    """One delivery whole, its state, and again; what is not there is said so."""
    with running(told_town, "serve", "--port", "0", "--no-worker") as (_, first):
        deliver(first, *hubspot([contact_event("creation", "5")], time.time()))

    shown = told_town.run("inbox", "1")
    again = told_town.run("inbox", "1", "--replay")
    wrong = told_town.run("inbox", "77")
    nobody = told_town.run("webhooks", "hubspt")

    assert "contact.creation" in shown.out
    assert "waits again" in again.out
    assert (wrong.code, "There is no delivery 77" in wrong.err) == (2, True)
    assert (nobody.code, "hubspot" in nobody.err) == (2, True)


def test_secrets_are_changed_without_a_gap(told_town: Shop) -> None:
    """A new secret leaves the former one valid until it is forgotten; none is ever shown again."""
    changed = told_town.run("webhooks", "hubspot", "--secret", "--json", stdin="another-long-secret-1\n")
    forgotten = told_town.run("webhooks", "hubspot", "--forget-former", "--json")
    made = told_town.run("webhooks", "mailchimp", "--new-secret")
    short = told_town.run("webhooks", "hubspot", "--secret", stdin="short\n")
    listed = told_town.run("webhooks", "--json")

    assert changed.json[0]["former_secret"] is True
    assert forgotten.json[0]["former_secret"] is False
    assert "?secret=" in made.err
    assert short.code == 2
    assert {one["connection"]: one["secret"] for one in listed.json} == {"hubspot": True, "mailchimp": True}
    assert "another-long-secret" not in changed.out + forgotten.out + listed.out


def test_both_platforms_tell_by_themselves(town: Shop) -> None:
    """Set up at Mailchimp by its API and at HubSpot by hand; from then on each change goes across by itself."""
    assert town.street is not None
    assert town.run("sync").code in (0, 1)
    port = free_port()
    with (town.folder / "regulars.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n[webhooks]\npublic_url = "http://127.0.0.1:{port}"\nevery = "1h"\n')
    boxes, (who, contact) = town.street, both_sides(town)
    refused = town.run("webhooks", "mailchimp", "--setup")
    with running(town, "serve", "--port", str(port)) as (process, first):
        made = town.run("webhooks", "mailchimp", "--setup")
        again = town.run("webhooks", "mailchimp", "--setup")
        steps = town.run("webhooks", "hubspot", "--setup", "--wait", "0")
        town.run("webhooks", "hubspot", "--secret", stdin=boxes.hubspot.client_secret + "\n")
        boxes.hubspot.human_set_webhooks(
            f"{address(first)}/webhooks/hubspot", ["contact.creation"], {"contact": ["firstname", "lastname"]}
        )
        boxes.hubspot.human_update(contact, {"lastname": "Newname"})
        until(lambda: last_name(town, who) == "Newname")
        boxes.mailchimp.human_unsubscribe(who)
        until(lambda: any(said.state == "UNSUBSCRIBED" for said in boxes.hubspot.state.consents.get(who, {}).values()))
        code, said = end(process)

    assert (refused.code, "regulars serve" in refused.err) == (2, True)
    assert ("from now on" in made.err, "as before" in again.err) == (True, True), made.err + again.err
    assert f"{address(first)}/webhooks/hubspot" in steps.err
    assert code == 0, said
    assert "Traceback" not in said
