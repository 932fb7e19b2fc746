"""What Mailchimp tells of, and in which words: held against the examples of its guides."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import pytest

from sandbox.mailchimp import LIST
from sandbox.mailchimp_state import key_of
from tests.sandbox.mailchimp_caller import ADA, MEMBERS, Caller
from tests.sandbox.webhooks_listener import Listener, listening
from tests.sandbox.webhooks_mailchimp import BOB, PEOPLE, hook, told, verified

MERGES: Final = ("EMAIL", "FNAME", "LNAME", "ADDRESS", "PHONE", "BIRTHDAY", "COMPANY", "BREAD")
# The examples of the guides, as sets of keys; web_id is what others saw beside them (3p).
PROFILE: Final = {"id", "list_id", "email", "email_type", "ip_opt", "web_id"}
EXAMPLES: Final = {
    "subscribe": PROFILE | {"ip_signup"},
    "unsubscribe": PROFILE | {"action", "reason"},
    "profile": PROFILE,
    "upemail": {"list_id", "new_id", "new_email", "old_email"},
    "cleaned": {"list_id", "reason", "email"},
    "campaign": {"id", "subject", "status", "reason", "list_id"},
}


@pytest.fixture
def call() -> Caller:
    return Caller()


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as found:
        yield found


def test_each_event_is_worded_as_in_the_guides(call: Caller, listener: Listener) -> None:
    """
    All six events come, form-encoded with bracket keys, and have the keys of the vendor's examples.
    """
    hook(call, f"{listener.url}/in")
    box = call.box
    box.human_subscribe(BOB, {"FNAME": "Bob"})
    box.human_update(BOB, {"LNAME": "Brot", "ADDRESS": {"addr1": "Markt 1", "city": "Jena", "state": "TH", "zip": "1"}})
    box.human_change_address(BOB, "robert@post.example")
    sent = box.human_send_campaign("News", subject="Fresh bread")
    box.human_bounce(ADA)
    box.human_unsubscribe("robert@post.example")
    box.postman.deliver()
    kinds = [form["type"] for form in listener.forms]

    assert kinds == ["subscribe", "profile", "upemail", "profile", "campaign", "cleaned", "unsubscribe"]
    for form in listener.forms:
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", form["fired_at"])
        keys = {found[1] for name in form if (found := re.fullmatch(r"data\[(\w+)\]", name))}
        assert keys == EXAMPLES[form["type"]], form
        merges = {found[1] for name in form if (found := re.match(r"data\[merges\]\[(\w+)\]", name))}
        assert merges == (set(MERGES) if "email_type" in keys else set())
    by_kind = dict(zip(kinds, listener.forms, strict=True))
    assert by_kind["profile"]["data[merges][ADDRESS][city]"] == "Jena"
    assert by_kind["upemail"]["data[old_email]"] == BOB
    assert (by_kind["campaign"]["data[id]"], by_kind["campaign"]["data[status]"]) == (sent["id"], "sent")
    assert (by_kind["cleaned"]["data[email]"], by_kind["cleaned"]["data[reason]"]) == (ADA, "hard")
    assert (by_kind["unsubscribe"]["data[action]"], by_kind["unsubscribe"]["data[reason]"]) == ("unsub", "manual")


def test_an_unsubscribe_names_its_campaign(call: Caller, listener: Listener) -> None:
    """
    Who leaves by the link in a mail is told with the campaign; its id is the one that the member shows.
    """
    hook(call, f"{listener.url}/in")
    sent = call.box.human_send_campaign("News")
    call.box.human_unsubscribe(ADA, campaign_id=sent["id"])
    call.box.postman.deliver()
    form = listener.forms[-1]

    assert form["data[campaign_id]"] == sent["id"]
    assert form["data[id]"] == call.read()["unique_email_id"]


def test_our_own_writes_do_not_echo(call: Caller, listener: Listener) -> None:
    """
    With ``api: false`` writes over the API, single, in a batch and in a job, make no events; people's deeds do.
    """
    hook(call, f"{listener.url}/in", sources=PEOPLE)
    call("PATCH", f"{MEMBERS}/{key_of(ADA)}", {"merge_fields": {"FNAME": "A."}})
    call.batch({"email_address": BOB, "status": "subscribed"})
    operation = {"method": "DELETE", "path": f"{MEMBERS}/{key_of(BOB)}"}
    call("POST", "/batches", {"operations": [operation]})
    call("GET", "/ping")
    assert told(call, listener) == []

    call.box.human_update(ADA, {"FNAME": "Ada"})
    assert told(call, listener) == ["profile"]


@pytest.mark.parametrize(("source", "expected"), [("user", 2), ("admin", 2), ("api", 2)])
def test_events_by_source(call: Caller, listener: Listener, source: str, expected: int) -> None:
    """
    Each source alone is heard alone: the subscriber's, the team's and the API's; campaigns whatever the sources.
    """
    sources = {**dict.fromkeys(PEOPLE, False), source: True}
    hook(call, f"{listener.url}/in", sources=sources)
    box = call.box
    for email in (BOB, "cora@post.example", "dora@post.example"):
        box.human_subscribe(email)
    box.postman.deliver()
    listener.heard.clear()
    box.human_unsubscribe(BOB)
    box.human_unsubscribe("cora@post.example", by="admin")
    call("PATCH", f"{MEMBERS}/{key_of('dora@post.example')}", {"status": "unsubscribed"})
    box.human_send_campaign("News")
    box.postman.deliver()
    gone = {"user": BOB, "admin": "cora@post.example", "api": "dora@post.example"}

    assert len(listener.forms) == expected
    assert [form.get("data[email]") for form in listener.forms] == [gone[source], None]


def test_tags_and_what_changes_nothing_are_silent(call: Caller, listener: Listener) -> None:
    """
    Tags, opens, notes and writes of what stood there already make no event, nor does what people do while pending.
    """
    call.box.list_of(None).double_optin = True
    hook(call, f"{listener.url}/in")
    box = call.box
    box.human_tag(ADA, "VIP")
    box.human_note(ADA, "Likes rye")
    box.human_update(ADA, {"FNAME": "Ada"})
    call("PATCH", f"{MEMBERS}/{key_of(ADA)}", {"merge_fields": {"FNAME": "Ada"}})
    box.human_subscribe(BOB, {"FNAME": "Bob"}, confirm=False)
    box.human_update(BOB, {"FNAME": "Bobby"})
    assert told(call, listener) == []

    box.human_confirm(BOB)
    assert told(call, listener) == ["subscribe"]


@pytest.mark.parametrize("way", ["cleaned", "unsubscribe"])
def test_complaints(call: Caller, listener: Listener, way: str) -> None:
    """
    "This is spam" is told with the reason ``abuse``, in either of the two events that have one; never in both.
    """
    call.box.mailroom.habits.complaint = way
    hook(call, f"{listener.url}/in")
    sent = call.box.human_send_campaign("News")
    call.box.human_complain(ADA, campaign_id=sent["id"])

    assert told(call, listener) == ["campaign", way]
    assert (listener.forms[-1]["data[reason]"], listener.forms[-1]["data[campaign_id]"]) == ("abuse", sent["id"])


@pytest.mark.parametrize("tells", [True, False])
def test_archiving_and_erasing(call: Caller, listener: Listener, tells: bool) -> None:
    """
    A subscriber who is erased, or (a reading) archived, is told as unsubscribed by ``delete``; who had left, is not.
    """
    call.box.mailroom.habits.archive_tells = tells
    box = call.box
    for email in (BOB, "cora@post.example"):
        box.human_subscribe(email)
    box.human_unsubscribe("cora@post.example")
    hook(call, f"{listener.url}/in")
    box.human_archive(ADA)
    assert told(call, listener) == (["unsubscribe"] if tells else [])
    box.human_delete_permanent(BOB)
    box.human_delete_permanent("cora@post.example")
    box.human_delete_permanent(ADA)
    assert told(call, listener) == ["unsubscribe"]

    assert (listener.forms[-1]["data[email]"], listener.forms[-1]["data[action]"]) == (BOB, "delete")


def test_interests_are_shown_by_name(call: Caller, listener: Listener) -> None:
    """
    ``INTERESTS`` lists the names of the chosen ones, with a comma between.
    """
    home = f"/lists/{LIST}/interest-categories"
    category = call("POST", home, {"title": "Likes", "type": "checkboxes"}).json["id"]
    ids = [call("POST", f"{home}/{category}/interests", {"name": name}).json["id"] for name in ("Rye", "Spelt", "Oat")]
    hook(call, f"{listener.url}/in")
    call("PATCH", f"{MEMBERS}/{key_of(ADA)}", {"interests": {ids[0]: True, ids[1]: True}})

    assert told(call, listener) == ["profile"]
    assert listener.forms[0]["data[merges][INTERESTS]"] == "Rye,Spelt"


@pytest.mark.parametrize(("zone", "hour"), [("UTC", "09"), ("Europe/Berlin", "10")])
def test_the_zone_of_fired_at(call: Caller, listener: Listener, zone: str, hour: str) -> None:
    """
    ``fired_at`` has no zone: UTC, or the account's own, as both have been said.
    """
    call.box.mailroom.habits.zone = zone
    hook(call, f"{listener.url}/in")
    call.box.human_update(ADA, {"FNAME": "A."})
    call.box.postman.deliver()

    assert listener.forms[0]["fired_at"].startswith(f"2026-01-01 {hour}:00:0")


def test_members_taken_over_are_no_news(call: Caller, listener: Listener) -> None:
    """
    Loading a past makes no event, and what happens to those members later does.
    """
    hook(call, f"{listener.url}/in")
    call.box.load([{"email_address": BOB, "status": "subscribed"}])
    call.box.human_tag(BOB, "VIP")
    assert told(call, listener) == []
    call.box.human_unsubscribe(BOB)
    assert told(call, listener) == ["unsubscribe"]


def test_a_hook_made_in_the_product(call: Caller, listener: Listener) -> None:
    """
    A person sets a hook up and takes it away; what waits for it then is dropped.
    """
    made = call.box.human_add_webhook(f"{listener.url}/in", ["profile"], ["user"])
    call.box.human_update(ADA, {"FNAME": "A."})
    assert told(call, listener) == ["profile"]
    assert verified(listener.posts[0], made["signing_secret"], call.box.clock())

    call.box.human_update(ADA, {"FNAME": "B."})
    call.box.human_drop_webhook(made["id"])
    assert told(call, listener) == []
    assert call.box.postman.waiting() == 0
    with pytest.raises(ValueError, match="cannot reach"):
        call.box.human_add_webhook("http://127.0.0.1:1/", ["profile"])
