"""A webhook is a hint: what it names is read again by the ordinary way, and goes where it belongs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connectors.hubspot_hooks import hear as hear_hubspot
from connectors.mailchimp_hooks import hear as hear_mailchimp
from mapping.facts import Touch
from mapping.model import Millis
from sandbox.mailchimp import LIST
from sync import erasures, inbox
from sync.balance import Balance
from sync.inbox import Mail
from sync.store import schema as t
from tests.conftest import emptied
from tests.laws.sandboxed import Sandboxed, one_at_a_time
from tests.webhooks.deliver import contact_event, hubspot, mailchimp


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sandboxed]:
    """The town in agreement, on SQLite and on PostgreSQL in turn."""
    url = None if request.param == "sqlite" else emptied(request.getfixturevalue("postgres"))
    opened = Sandboxed(tmp_path, url, second=False)
    opened.populate()
    with one_at_a_time():
        opened.until_quiet()
        opened.sim.advance(120)
        yield opened
    opened.close()


def tell(world: Sandboxed, connection: str, *bodies: bytes) -> None:
    """File deliveries as the receiver does."""
    at: Millis = world.clock()
    with world.database.durable() as conn:
        inbox.file(conn, [Mail(connection, inbox.key_of(body), at, body) for body in bodies])


def heard(world: Sandboxed, connection: str, *bodies: bytes) -> Balance:
    tell(world, connection, *bodies)
    balance = world.engine.hear()
    assert not balance.failures
    return balance


def of_contact(contact: str, kind: str = "propertyChange", **more: object) -> bytes:
    return hubspot([contact_event(kind, contact, **more)], 0.0)[0]


def shared_person(world: Sandboxed) -> tuple[str, str]:
    """The address of somebody who is on both sides and subscribed, and their contact's id."""
    for one in world.mailchimp.state.audiences[LIST].members.values():
        if one.status == "subscribed" and one.email in world.hubspot.state.by_email:
            return one.email, world.contact_id(one.email)
    raise AssertionError("the town has nobody on both sides")


def member(world: Sandboxed, address: str) -> Any:
    members = world.mailchimp.state.audiences[LIST].members.values()
    return next(one for one in members if one.email == address)


def opted_out(world: Sandboxed, address: str) -> bool:
    """Whether HubSpot holds a withdrawal of that address."""
    return any(said.state == "UNSUBSCRIBED" for said in world.hubspot.state.consents[address].values())


def test_an_edit_in_one_is_in_the_other(world: Sandboxed) -> None:
    """A hint about one contact reads that contact alone, and its new name is written to the member."""
    address, contact = shared_person(world)
    world.hubspot.human_update(contact, {"lastname": "Newname"})
    before = world.hubspot.calls.total()

    balance = heard(world, "hubspot", of_contact(contact))

    assert member(world, address).merge["LNAME"] == "Newname"
    assert balance.connections["hubspot"].pulled == 1
    assert balance.connections["mailchimp"].applied == 1
    assert world.hubspot.calls.total() - before <= 2
    assert world.sync().planned == 0


def test_an_opt_out_in_one_is_in_the_other(world: Sandboxed) -> None:
    """An unsubscribe in the newsletter reaches the CRM, with why they left."""
    address, _ = shared_person(world)
    world.mailchimp.human_unsubscribe(address)
    body, _ = mailchimp("unsubscribe", 0.0, email=address, id="8a25ff1d98", action="unsub", reason="manual")

    heard(world, "mailchimp", body)

    assert opted_out(world, address)
    with world.database.read() as conn:
        rows = conn.execute(select(t.touchpoint.c.kind, t.touchpoint.c.detail)).all()
    assert [tuple(row) for row in rows] == [(Touch.UNSUBSCRIBED.value, "unsub manual")]
    assert world.sync().planned == 0


def test_late_doubled_and_unordered_hints_are_one_look(world: Sandboxed) -> None:
    """Many hints about one record, in any order and number, cost one reading and end alike."""
    _, contact = shared_person(world)
    world.hubspot.human_update(contact, {"lastname": "Newname"})
    bodies = [of_contact(contact, eventId=number, occurredAt=9_000 - number) for number in range(30)]
    tell(world, "hubspot", *bodies)
    tell(world, "hubspot", *reversed(bodies))

    balance = world.engine.hear()
    again = heard(world, "hubspot", of_contact(contact, eventId=99))

    assert balance.connections["hubspot"].pulled == 1
    assert again.planned == 0
    with world.database.read() as conn:
        assert inbox.counts(conn)["hubspot"] == {"waiting": 0, "done": 31, "refused": 0}


def test_deletion_and_merge_are_followed(world: Sandboxed) -> None:
    """Somebody deleted is away here and nowhere else, somebody erased has no name here any more; two contacts merged
    stay one person."""
    address, gone = shared_person(world)
    keep, lose, away = [one for one in map(str, world.hubspot.state.contacts) if one != gone][:3]
    world.hubspot.human_erase(gone)
    world.hubspot.human_delete(away)
    winner = world.hubspot.human_merge(keep, lose)
    merge = of_contact(winner, "merge", primaryObjectId=int(keep), mergedObjectIds=[int(lose)], newObjectId=int(winner))

    heard(world, "hubspot", of_contact(gone, "privacyDeletion"), of_contact(away, "deletion"), merge)

    with world.database.read() as conn:
        rows = conn.execute(select(t.record.c.remote_id, t.record.c.state).where(t.record.c.connection == "hubspot"))
        states = {row.remote_id: row.state for row in rows}
    assert gone not in states
    assert "erased" in states.values()
    assert (states[away], states[winner]) == ("archived", "live")
    assert states[lose if winner != lose else keep] == "merged"
    assert member(world, address).status == "subscribed"


def test_one_bad_delivery_does_not_stop_the_rest(world: Sandboxed) -> None:
    """What is no list of events is refused with its reason; an unknown kind is noted; the others are heard."""
    _, contact = shared_person(world)
    strange = hubspot([contact_event("creation", "1") | {"subscriptionType": "starship.launch"}], 0.0)[0]

    balance = heard(world, "hubspot", b'{"not": "a list"}', strange, of_contact(contact))

    with world.database.read() as conn:
        told = {one.body[:12]: (one.state, one.note) for one in inbox.newest(conn, 9)}
    assert balance.connections["hubspot"].pulled == 1
    assert told[b'{"not": "a l'][0] == "refused"
    assert "list of HubSpot events" in told[b'{"not": "a l'][1]
    assert told[strange[:12]][0] == "done"
    assert any("starship.launch" in note for _, note in told.values())


def test_a_platform_that_is_down_loses_nothing(world: Sandboxed) -> None:
    """The delivery waits on, and is heard once the platform answers."""
    address, contact = shared_person(world)
    world.hubspot.human_update(contact, {"lastname": "Newname"})
    world.hubspot.faults.add("error_before", path="*/batch/read", times=50)
    tell(world, "hubspot", of_contact(contact))

    first = world.engine.hear()
    world.hubspot.faults.clear()
    second = world.engine.hear()

    assert "hubspot" in first.failures
    assert not second.failures
    assert member(world, address).merge["LNAME"] == "Newname"


def test_a_stopped_connection_stays_stopped(world: Sandboxed) -> None:
    """A guard's stop holds for what webhooks bring, until a person releases it."""
    address, contact = shared_person(world)
    world.hubspot.human_update(contact, {"lastname": "Newname"})
    with world.database.write() as conn:
        stop = '[{"connection":"mailchimp","brake":"deletes","size":9,"text":"9 of 10 are gone."}]'
        conn.execute(t.connection.update().where(t.connection.c.name == "mailchimp").values(stopped=stop))

    balance = heard(world, "hubspot", of_contact(contact))

    assert balance.connections["mailchimp"].held == 1
    assert member(world, address).merge["LNAME"] != "Newname"


def test_what_the_events_name() -> None:
    """HubSpot's kinds of events and Mailchimp's, and what each asks to be looked at."""
    events = [
        contact_event("propertyChange", "5"),
        contact_event("privacyDeletion", "6"),
        contact_event("creation", "7") | {"subscriptionType": "deal.creation"},
        contact_event("associationChange", "0", fromObjectId=8, toObjectId=9, associationType="CONTACT_TO_COMPANY"),
        contact_event("x", "11") | {"subscriptionType": "object.propertyChange", "objectTypeId": "0-2"},
    ]  # fmt: skip
    found = hear_hubspot(hubspot(events, 0.0)[0])
    moved = hear_mailchimp(mailchimp("upemail", 0.0, new_email="new@example.org", old_email="old@example.org")[0])
    campaign = hear_mailchimp(mailchimp("campaign", 0.0, subject="Bread")[0])

    assert (list(found.records), set(found.streams), list(found.odd)) == (["5", "6", "8"], {"deals", "companies"}, [])
    assert list(moved.addresses) == ["new@example.org", "old@example.org"]
    assert list(campaign.streams) == ["activity"]


def test_whom_a_platform_erased_is_forgotten_here_and_asked_about(world: Sandboxed) -> None:
    """What HubSpot said of whoever asked there to be forgotten is gone; Mailchimp keeps them until a person says."""
    address, contact = shared_person(world)
    world.hubspot.human_erase(contact)
    heard(world, "hubspot", of_contact(contact, "privacyDeletion"))
    states = {(row["connection"], row["state"]) for row in world.rows(t.record)}
    with world.database.read() as conn:
        (erasure,) = erasures.all_erasures(conn)
    said = " ".join(str(value) for row in world.rows(t.record) for value in row.values())
    world.sim.advance(120)
    balance = world.engine.sync(full=True)

    assert ("hubspot", "erased") in states
    assert (erasure.source, erasure.known, erasure.waiting) == ("hubspot", ("mailchimp",), {})
    assert contact not in said.split()
    assert member(world, address).status == "subscribed"
    assert not balance.stops
    assert address not in world.hubspot.state.by_email


def test_a_deletion_that_is_not_so_forgets_nobody(world: Sandboxed) -> None:
    """A delivery that claims it of somebody who is still there is a hint like any other."""
    _, contact = shared_person(world)
    heard(world, "hubspot", of_contact(contact, "privacyDeletion"))
    with world.database.read() as conn:
        found = erasures.all_erasures(conn)

    assert found == []
