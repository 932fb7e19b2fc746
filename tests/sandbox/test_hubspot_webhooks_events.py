"""What HubSpot tells of, and in which words: held against the tables of its guide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from sandbox.hubspot import HubSpotSandbox
from sandbox.hubspot_webhooks import APP_ID
from sandbox.hubspot_webhooks_api import DEVELOPER_KEY
from sandbox.platform import SimClock
from tests.sandbox.inprocess import call
from tests.sandbox.webhooks_listener import Listener, listening

Json = dict[str, Any]
CONTACTS = "/crm/v3/objects/contacts"
HOOKS = f"/webhooks/v3/{APP_ID}"
KEYED = f"?hapikey={DEVELOPER_KEY}"
# The tables of the guide: fields of every notification, and those of each kind.
GENERAL: Final = {
    **dict.fromkeys(("eventId", "subscriptionId", "portalId", "appId", "occurredAt", "attemptNumber"), int),
    **dict.fromkeys(("subscriptionType", "changeSource", "sourceId"), str),
}
OBJECT: Final[dict[str, type]] = {"objectId": int}
MERGE: Final[dict[str, type]] = {
    **dict.fromkeys(("primaryObjectId", "newObjectId", "numberOfPropertiesMoved"), int),
    "mergedObjectIds": list,
    **OBJECT,
}
ASSOCIATION: Final[dict[str, type]] = {
    **dict.fromkeys(("fromObjectId", "toObjectId"), int),
    **dict.fromkeys(("associationRemoved", "isPrimaryAssociation"), bool),
    "associationType": str,
}
FIELDS: Final[dict[str, dict[str, type]]] = {
    "creation": {**OBJECT, "changeFlag": str},
    "deletion": OBJECT,
    "privacyDeletion": OBJECT,
    "propertyChange": {**OBJECT, "propertyName": str, "propertyValue": str},
    "merge": MERGE,
    "associationChange": ASSOCIATION,
}


@pytest.fixture
def box() -> HubSpotSandbox:
    return HubSpotSandbox(clock=SimClock(), quotas=False)


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as found:
        yield found


def kinds(events: list[Json]) -> list[tuple[str, int]]:
    return [(event["subscriptionType"], event["objectId"]) for event in events]


def test_each_event_has_the_fields_of_the_guide(box: HubSpotSandbox, listener: Listener) -> None:
    """
    All kinds of notification are sent, with the fields and types that the guide's tables list, and no others.
    """
    what = ["creation", "deletion", "merge", "associationChange"]
    events = [f"{name}.{one}" for name in ("contact", "company", "deal") for one in what]
    names = {"contact": ["email"], "companies": ["name"], "deals": ["dealstage"]}
    box.human_set_webhooks(f"{listener.url}/", [*events, "contact.privacyDeletion"], names)
    ada, bob = (box.human_create({"email": f"{name}@post.example"}) for name in ("ada", "bob"))
    shop = box.human_create_object("companies", {"name": "Shop"}, {"contacts": ada})
    deal = box.human_create_object("deals", {"dealname": "Bread", "dealstage": "appointmentscheduled"})
    box.human_update_object("deals", deal, {"dealstage": "closedwon"})
    box.human_associate("deals", deal, "contacts", ada)
    box.human_dissociate("contacts", ada, "companies", shop)
    box.human_merge(ada, bob)
    box.human_delete_object("deals", deal)
    box.human_erase(ada)
    box.postman.deliver()
    seen = {event["subscriptionType"] for event in listener.events}

    for event in listener.events:
        expected = {**GENERAL, **FIELDS[event["subscriptionType"].split(".")[1]]}
        assert {name: type(value) for name, value in event.items()} == expected
        assert (event["portalId"], event["appId"], event["attemptNumber"]) == (box.portal_id, APP_ID, 0)
    assert {name.split(".")[1] for name in seen} == set(FIELDS)
    assert {one["associationType"] for one in listener.events if "associationType" in one} == {
        *("CONTACT_TO_COMPANY", "COMPANY_TO_CONTACT", "DEAL_TO_CONTACT", "CONTACT_TO_DEAL")
    }


def test_a_creation_and_its_properties_are_events_of_their_own(box: HubSpotSandbox, listener: Listener) -> None:
    """
    One save makes a creation and a change of each property that somebody follows, with its value as text.
    """
    box.human_set_webhooks(f"{listener.url}/", ["contact.creation"], {"contact": ["email", "city"]})
    id = int(box.human_create({"email": "Ada@Post.example", "lastname": "Ada"}))
    box.human_update(str(id), {"city": "Jena", "lastname": "Byron"})
    box.human_update(str(id), {"city": ""})
    box.human_update(str(id), {"city": ""})
    box.postman.deliver()
    events = listener.events

    assert kinds(events) == [("contact.creation", id), *[("contact.propertyChange", id)] * 3]
    assert [(one["propertyName"], one["propertyValue"]) for one in events[1:]] == [
        ("email", "ada@post.example"),
        ("city", "Jena"),
        ("city", ""),
    ]
    assert events[0]["occurredAt"] == events[1]["occurredAt"]


def test_who_changed_it_is_told_as_in_the_history(box: HubSpotSandbox, listener: Listener) -> None:
    """
    ``changeSource`` and ``sourceId`` of a property are those of its history: a person's, the API's, the portal's own.
    """
    box.human_set_webhooks(f"{listener.url}/", ["contact.deletion"], {"contact": ["city", "hs_email_optout"]})
    id = call(box, "POST", CONTACTS, {"properties": {"email": "ada@post.example", "city": "Bern"}}).json["id"]
    box.human_update(id, {"city": "Basel"})
    box.human_opt_out("ada@post.example")
    read = call(box, "GET", f"{CONTACTS}/{id}?propertiesWithHistory=city,hs_email_optout").json
    call(box, "DELETE", f"{CONTACTS}/{id}")
    box.postman.deliver()
    history = read["propertiesWithHistory"]
    told = [(one["changeSource"], one["sourceId"]) for one in listener.events]

    expected = [(one["sourceType"], one["sourceId"]) for one in [*history["city"][::-1], *history["hs_email_optout"]]]
    assert told[:3] == expected
    assert told[0][0] == "INTEGRATION"
    assert told[1][0] == "CRM_UI"
    assert told[3] == told[0]


def test_batch_writes_are_told_one_by_one(box: HubSpotSandbox, listener: Listener) -> None:
    """
    250 creations in three calls go out in requests of up to a hundred events, in order, each event once.
    """
    box.human_set_webhooks(f"{listener.url}/", ["contact.creation"])
    for start in (0, 100, 200):
        inputs = [{"properties": {"email": f"p{n}@post.example"}} for n in range(start, min(start + 100, 250))]
        assert call(box, "POST", CONTACTS + "/batch/create", {"inputs": inputs}).status_code == 201
    box.postman.deliver()
    ids = [event["objectId"] for event in listener.events]

    assert [len(one.events) for one in listener.posts] == [100, 100, 50]
    assert ids == list(box.state.records)
    assert len({event["eventId"] for event in listener.events}) == 250


def test_an_erasure_is_also_a_deletion(box: HubSpotSandbox, listener: Listener) -> None:
    """
    A privacy deletion, by a person or over the API, makes two notifications with one object id.
    """
    box.human_set_webhooks(f"{listener.url}/", ["contact.deletion", "contact.privacyDeletion"])
    ada, bob = (int(box.human_create({"email": f"{name}@post.example"})) for name in ("ada", "bob"))
    box.human_erase(str(ada))
    call(box, "POST", CONTACTS + "/gdpr-delete", {"objectId": str(bob)})
    box.postman.deliver()

    both = ("contact.deletion", "contact.privacyDeletion")
    assert kinds(listener.events) == [(kind, id) for id in (ada, bob) for kind in both]


@pytest.mark.parametrize("new_id", [False, True])
@pytest.mark.parametrize("chatty", [False, True])
def test_merges(listener: Listener, new_id: bool, chatty: bool) -> None:
    """
    A merge names the winner, those who went and the record that is left; both readings of the rest are there.
    """
    box = HubSpotSandbox(clock=SimClock(), quotas=False, merge_makes_new_id=new_id)
    box.mailroom.habits.merge_tells_deletion = box.mailroom.habits.merge_tells_properties = chatty
    keep, lose = (int(box.human_create({"email": f"{name}@post.example"})) for name in ("ada", "bob"))
    box.human_update(str(lose), {"city": "Jena"})
    box.human_set_webhooks(f"{listener.url}/", ["contact.merge", "contact.deletion"], {"contact": ["city"]})
    kept = int(box.human_merge(str(keep), str(lose)))
    box.postman.deliver()
    found = {event["subscriptionType"]: event for event in listener.events}
    merge = found["contact.merge"]

    assert (kept != keep) is new_id
    assert (merge["primaryObjectId"], merge["mergedObjectIds"], merge["newObjectId"]) == (keep, [lose], kept)
    assert merge["changeSource"] == "CRM_UI"
    assert ("contact.deletion" in found, "contact.propertyChange" in found) == (chatty, chatty)
    assert not chatty or found["contact.deletion"]["objectId"] == lose


def test_a_primary_company_is_told_twice(box: HubSpotSandbox, listener: Listener) -> None:
    """
    The primary association comes with the plain one, from the contact's side; the company's side knows none.
    """
    box.human_set_webhooks(f"{listener.url}/", ["contact.associationChange", "company.associationChange"])
    ada = box.human_create({"email": "ada@post.example"})
    shop = box.human_create_object("companies", {"name": "Shop"}, {"contacts": ada})
    box.human_dissociate("contacts", ada, "companies", shop)
    box.postman.deliver()
    told = [(e["associationType"], e["isPrimaryAssociation"], e["associationRemoved"]) for e in listener.events]

    there, back = "CONTACT_TO_COMPANY", "COMPANY_TO_CONTACT"
    for removed in (False, True):
        assert sorted(one for one in told if one[2] is removed) == [
            (back, False, removed),
            (there, False, removed),
            (there, True, removed),
        ]


def test_generic_subscriptions_name_the_object_type(box: HubSpotSandbox, listener: Listener) -> None:
    """
    ``object.*`` tells of activities too, with ``objectTypeId``; a property says whether it is sensitive.
    """
    settings = {"targetUrl": f"{listener.url}/", "throttling": {"maxConcurrentRequests": 10}}
    call(box, "PUT", f"{HOOKS}/settings{KEYED}", settings)
    for body in (
        {"eventType": "object.creation", "objectTypeId": "0-46"},
        {"eventType": "object.propertyChange", "objectTypeId": "0-46", "propertyName": "hs_note_body"},
    ):
        call(box, "POST", f"{HOOKS}/subscriptions{KEYED}", {**body, "active": True})
    box.human_create_object("notes", {"hs_timestamp": "2026-01-01T08:00:00Z", "hs_note_body": "Called"})
    box.human_create_object("tasks", {"hs_timestamp": "2026-01-01T08:00:00Z"})
    box.postman.deliver()
    made, changed = listener.events

    assert (made["subscriptionType"], made["objectTypeId"]) == ("object.creation", "0-46")
    assert (changed["propertyValue"], changed["isSensitive"]) == ("Called", False)


def test_only_what_is_asked_for_is_told(box: HubSpotSandbox, listener: Listener) -> None:
    """
    Paused subscriptions, no settings and other properties are silent; what waits when the app goes is dropped.
    """
    box.human_create({"email": "early@post.example"})
    box.human_set_webhooks(f"{listener.url}/", ["contact.creation", "company.creation"], {"contact": ["city"]})
    next(iter(box.state.hooks.values())).active = False
    ada = box.human_create({"email": "ada@post.example"})
    box.human_update(ada, {"phone": "123"})

    assert box.postman.waiting() == 0
    box.human_create_object("companies", {"name": "Shop"})
    assert box.postman.waiting() == 1
    call(box, "DELETE", f"{HOOKS}/settings{KEYED}")
    assert box.postman.deliver() == []
    assert box.postman.waiting() == 0
    box.human_create_object("companies", {"name": "Shop 2"})
    assert box.postman.waiting() == 0
    assert listener.heard == []


def test_a_private_app_follows_what_there_is(box: HubSpotSandbox) -> None:
    """
    An event that does not exist, or a change of no property, is refused in the product; setting up anew replaces.
    """
    for events in (["contact.birthday"], ["contact.propertyChange"]):
        with pytest.raises(ValueError, match="no event that a private app can follow"):
            box.human_set_webhooks("http://127.0.0.1:1/", events)
    box.human_set_webhooks("http://127.0.0.1:1/", ["contact.creation"])
    box.human_set_webhooks("http://127.0.0.1:1/", ["deal.creation"])
    assert [hook.event for hook in box.state.hooks.values()] == ["deal.creation"]

    box.human_drop_webhooks()
    assert (box.state.hook_settings, box.state.hooks) == (None, {})
