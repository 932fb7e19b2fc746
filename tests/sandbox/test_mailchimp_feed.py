"""What the emulated Mailchimp shows of one member: activity, feed, notes, events; by SDK, and a test per behaviour."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.mailchimp import LIST, Switches
from tests.sandbox.mailchimp_caller import ADA, MEMBERS, Caller, Json
from tests.sandbox.mailchimp_served import Served, every, town_served

ONE = f"{MEMBERS}/{ADA}"


@pytest.fixture
def served() -> Iterator[Served]:
    with town_served(people=60, campaigns=12) as opened:
        yield opened


@pytest.fixture
def call() -> Caller:
    return Caller()


def test_the_feed_tells_what_the_reports_tell(served: Served) -> None:
    """
    Of each member the feed has as many sent, opened and clicked as the reports of all campaigns.
    """
    client, sandbox = served.client(), served.sandbox
    wanted: dict[str, list[str]] = {}
    for report in every(client.reports.get_all_campaign_reports, "reports"):
        for row in every(client.reports.get_email_activity_for_campaign, "emails", report["id"]):
            found = wanted.setdefault(row["email_id"], [])
            found += ["sent", *(deed["action"] for deed in row["activity"])]
    for member in sandbox.list_of(None).members.values():
        pages: list[list[Json]] = []
        while True:
            page = client.lists.get_list_member_activity_feed(
                LIST,
                member.contact_id,
                count=10,
                offset=10 * len(pages),
                activity_filters=["sent", "open", "click", "bounce"],
            )["activity"]
            pages.append(page)
            if len(page) < 10:
                break
        feed = [one for page in pages for one in page]
        recent = client.lists.get_list_member_activity(LIST, member.key, action=["open", "click", "sent", "bounce"])

        assert sorted(one["activity_type"] for one in feed) == sorted(wanted.get(member.key, []))
        assert [one["created_at_timestamp"] for one in feed] == sorted(
            (one["created_at_timestamp"] for one in feed), reverse=True
        )
        assert len(recent["activity"]) == min(50, len(feed))
    with_all = client.lists.get_list_member_activity_feed(LIST, member.key, count=100)
    assert set(with_all) == {"activity", "email_id", "list_id"}


def test_notes(served: Served) -> None:
    """
    Written, listed, read, changed and deleted over the API.
    """
    client = served.client()
    key = next(m.key for m in served.sandbox.list_of(None).members.values() if m.status == "subscribed")
    made = client.lists.create_list_member_note(LIST, key, {"note": "Likes rye."})
    client.lists.create_list_member_note(LIST, key, {"note": "Comes on Fridays."})
    changed = client.lists.update_list_member_note(LIST, key, made["id"], {"note": "Likes spelt."})
    listed = client.lists.get_list_member_notes(LIST, key, sort_field="note_id", sort_dir="DESC")

    assert changed["note"] == client.lists.get_list_member_note(LIST, key, made["id"])["note"] == "Likes spelt."
    assert [note["note"] for note in listed["notes"]] == ["Comes on Fridays.", "Likes spelt."]
    assert client.lists.get_list_member(LIST, key)["last_note"]["note"] in ("Comes on Fridays.", "Likes spelt.")
    feed = client.lists.get_list_member_activity_feed(LIST, key, activity_filters=["note"])["activity"]
    assert {one["note_id"] for one in feed} == {str(note["id"]) for note in listed["notes"]}
    for note in listed["notes"]:
        client.lists.delete_list_member_note(LIST, key, note["id"])
    assert client.lists.get_list_member_notes(LIST, key)["total_items"] == 0
    assert "last_note" not in client.lists.get_list_member(LIST, key)


def test_events(served: Served) -> None:
    """
    An event answers 204 without an id; sent twice it is there twice; it stands in the feed.
    """
    client = served.client()
    key = next(m.key for m in served.sandbox.list_of(None).members.values() if m.status == "subscribed")
    event = {"name": "bread_course", "properties": {"day": "Friday"}, "occurred_at": "2025-11-05T10:00:00+00:00"}
    answers = [client.lists.create_list_member_event(LIST, key, event) for _ in range(2)]
    listed = client.lists.get_list_member_events(LIST, key)

    assert [answer.status_code for answer in answers] == [204, 204]
    assert [one["name"] for one in listed["events"]] == ["bread_course"] * 2
    assert listed["events"][0]["occurred_at"] == event["occurred_at"]
    feed = client.lists.get_list_member_activity_feed(LIST, key, activity_filters=["event"])["activity"]
    assert feed[0]["event_name"] == "bread_course"


def test_people_write_notes_and_do_things(call: Caller) -> None:
    """
    Notes and events made in the product show up over the API.
    """
    note = call.box.human_note(ADA, "Asked for a cake.", by="Otto")
    call.box.human_edit_note(ADA, note["id"], "Asked for two cakes.")
    call.box.human_event(ADA, "visited", {"shop": "Jena"})
    listed = call("GET", f"{ONE}/notes").json["notes"]

    assert [(one["note"], one["created_by"]) for one in listed] == [("Asked for two cakes.", "Otto")]
    assert call("GET", f"{ONE}/events").json["events"][0]["properties"] == {"shop": "Jena"}
    call.box.human_delete_note(ADA, note["id"])
    assert call("GET", f"{ONE}/notes").json["notes"] == []
    with pytest.raises(LookupError):
        call.box.human_delete_note(ADA, note["id"])


def test_leaving_in_the_feed(call: Caller) -> None:
    """
    Sent, bounced, left and signed up, newest first; a complaint has no place in the feed, only in the activity.
    """
    campaign = call.box.human_send_campaign("Brotpost")["id"]
    call.box.clock.advance(60)
    call.box.human_soft_bounce(ADA)
    call.box.clock.advance(60)
    call.box.human_unsubscribe(ADA, campaign_id=campaign)
    call.box.human_subscribe("eve@post.example")
    other = call.box.human_send_campaign("Again")["id"]
    call.box.human_complain("eve@post.example", campaign_id=other)

    kinds = [one["activity_type"] for one in call("GET", f"{ONE}/activity-feed").json["activity"]]
    assert kinds == ["unsub", "bounce", "sent", "generic_signup"]
    eve = f"{MEMBERS}/eve@post.example"
    assert [one["action"] for one in call("GET", f"{eve}/activity?action=abuse").json["activity"]] == ["abuse"]
    assert call("GET", f"{eve}/activity-feed?activity_filters=unsub").json["activity"] == []


@pytest.mark.parametrize("touches", [True, False])
def test_notes_and_the_stamp(touches: bool) -> None:
    """
    (?) Whether notes and events move last_changed.
    """
    call = Caller(Switches(notes_touch=touches))
    before = call.read()["last_changed"]
    call.box.clock.advance(60)
    call("POST", f"{ONE}/notes", {"note": "Likes rye."})

    assert (call.read()["last_changed"] != before) is touches


def test_what_is_refused(call: Caller) -> None:
    """
    Notes without text or too long, events with odd names, unknown filters, strange ids.
    """
    wrong = [
        call("POST", f"{ONE}/notes", {"note": ""}),
        call("POST", f"{ONE}/notes", {"note": "x" * 1001}),
        call("POST", f"{ONE}/events", {"name": "x"}),
        call("POST", f"{ONE}/events", {"name": "visited", "occurred_at": "soon"}),
        call("GET", f"{ONE}/activity-feed?activity_filters=slept"),
        call("GET", f"{ONE}/activity?action=slept"),
        call("GET", f"{ONE}/notes?sort_field=length"),
    ]
    missing = [call("GET", f"{ONE}/notes/99"), call("GET", f"{MEMBERS}/nobody/activity-feed")]

    assert {call.title(answer) for answer in wrong} == {(400, "Invalid Resource")}
    assert {call.title(answer) for answer in missing} == {(404, "Resource Not Found")}
    assert call("POST", f"{ONE}/events", {"name": "visited", "properties": {"n": 1}}).status_code == 501
    assert call("POST", f"{ONE}/notes", {"note": "x", "colour": "red"}).status_code == 501


def test_the_erased_take_their_notes_along(call: Caller) -> None:
    """
    Deleted for good and back by the form: none of the old notes and events.
    """
    call.box.human_note(ADA, "Likes rye.")
    call.box.human_event(ADA, "visited")
    call("POST", f"{ONE}/actions/delete-permanent")
    call.box.human_subscribe(ADA)

    assert call("GET", f"{ONE}/notes").json["total_items"] == 0
    assert call("GET", f"{ONE}/events").json["total_items"] == 0
