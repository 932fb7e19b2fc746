"""Segments of the emulated Mailchimp, which are tags: the vendor's SDK over a socket, and a test per behaviour."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.mailchimp import LIST, Switches
from sandbox.mailchimp_state import key_of
from tests.sandbox.mailchimp_caller import ADA, MEMBERS, Caller
from tests.sandbox.mailchimp_served import Served, every, town_served

HOME = f"/lists/{LIST}/segments"
EVE = "eve@post.example"


@pytest.fixture
def served() -> Iterator[Served]:
    with town_served(people=60, campaigns=1) as opened:
        yield opened


@pytest.fixture
def call() -> Caller:
    made = Caller()
    made.box.human_subscribe(EVE)
    return made


def test_a_segment_through_its_life(served: Served) -> None:
    """
    Made, found, filled in a batch and one by one, listed, renamed, emptied, deleted: the members keep their
    subscription.
    """
    client, audience = served.client(), served.sandbox.list_of(None)
    emails = [m.email for m in audience.members.values() if m.status == "subscribed"][:6]
    before = {key: member.status for key, member in audience.members.items()}
    made = client.lists.create_segment(LIST, {"name": "regulars: loyal", "static_segment": emails[:2]})
    changed = client.lists.batch_segment_members(
        {"members_to_add": emails[2:5], "members_to_remove": emails[:1]}, LIST, made["id"]
    )
    one = client.lists.create_segment_member(LIST, made["id"], {"email_address": emails[5]})
    client.lists.remove_segment_member(LIST, made["id"], key_of(emails[1]))
    inside = every(client.lists.get_segment_members_list, "members", LIST, made["id"], count=2)
    renamed = client.lists.update_segment(LIST, made["id"], {"name": "regulars: true"})
    tags = client.lists.get_list_member_tags(LIST, key_of(emails[4]))["tags"]
    emptied = client.lists.update_segment(LIST, made["id"], {"name": "regulars: true", "static_segment": []})

    assert (made["type"], made["member_count"]) == ("static", 2)
    assert (changed["total_added"], changed["total_removed"], changed["error_count"]) == (3, 1, 0)
    assert one["id"] == key_of(emails[5])
    assert sorted(row["email_address"] for row in inside) == sorted(emails[2:])
    assert (renamed["id"], renamed["member_count"]) == (made["id"], 4)
    assert "regulars: true" in [tag["name"] for tag in tags]
    assert emptied["member_count"] == 0
    client.lists.delete_segment(LIST, made["id"])
    assert client.lists.tag_search(LIST, name="regulars")["total_items"] == 0
    assert {key: member.status for key, member in audience.members.items()} == before


def test_the_tags_of_a_town_are_segments(served: Served) -> None:
    """
    Each tag is listed once as a static segment, with as many members as have it.
    """
    client, audience = served.client(), served.sandbox.list_of(None)
    listed = every(client.lists.list_segments, "segments", LIST, count=2, type="static")

    assert {row["name"] for row in listed} == set(audience.tag_ids)
    for row in listed:
        having = [m for m in audience.members.values() if row["id"] in m.tags and m.status == "subscribed"]
        assert row["member_count"] == len(having)
        assert client.lists.get_segment(LIST, row["id"])["member_count"] == len(having)
    assert client.lists.list_segments(LIST, type="saved")["total_items"] == 0


def test_who_counts_as_inside(call: Caller) -> None:
    """
    A segment lists the subscribed; others where they are asked for.
    """
    call.box.human_add_to_segment(ADA, "VIP")
    call.box.human_add_to_segment(EVE, "VIP")
    call.box.human_unsubscribe(EVE)
    id = call("GET", HOME).json["segments"][0]["id"]

    def sizes(query: str) -> tuple[int, int]:
        listed = call("GET", f"{HOME}/{id}/members{query}").json
        return call("GET", f"{HOME}/{id}{query}").json["member_count"], listed["total_items"]

    assert sizes("") == (1, 1)
    assert sizes("?include_unsubscribed=true") == (2, 2)
    call.box.human_remove_from_segment(ADA, "VIP")
    assert sizes("") == (0, 0)


def test_an_id_is_never_used_again(call: Caller) -> None:
    """
    A segment made after one was deleted has an id of its own, and none of its members.
    """
    first = call("POST", HOME, {"name": "One", "static_segment": [ADA]}).json["id"]
    call("DELETE", f"{HOME}/{first}")
    second = call("POST", HOME, {"name": "Two", "static_segment": []}).json["id"]

    assert second != first
    assert call.read()["tags"] == []
    assert call.title(call("GET", f"{HOME}/{first}")) == (404, "Resource Not Found")


def test_a_rename_shows_at_its_members(call: Caller) -> None:
    """
    The tag of each member has the new name at once; a name that is taken is refused.
    """
    first = call("POST", HOME, {"name": "One", "static_segment": [ADA]}).json["id"]
    call("POST", HOME, {"name": "Two", "static_segment": []})
    call("GET", MEMBERS)
    taken = call("PATCH", f"{HOME}/{first}", {"name": "Two"})
    call("PATCH", f"{HOME}/{first}", {"name": "Three", "static_segment": [EVE, "nobody@post.example"]})

    assert call.title(taken) == (400, "Invalid Resource")
    listed = {m["email_address"]: [t["name"] for t in m["tags"]] for m in call("GET", MEMBERS).json["members"]}
    assert listed == {ADA: [], EVE: ["Three"]}


def test_what_is_refused(call: Caller) -> None:
    """
    More than 500, strangers, members that are not inside, strange ids, conditions: each in its way.
    """
    id = call("POST", HOME, {"name": "One", "static_segment": []}).json["id"]
    many = [f"n{n}@post.example" for n in range(501)]
    wrong = [
        call("POST", f"{HOME}/{id}", {"members_to_add": many}),
        call("POST", f"{HOME}/{id}/members", {"email_address": "nobody@post.example"}),
        call("PATCH", f"{HOME}/{id}", {"static_segment": []}),
        call("GET", f"{HOME}?type=round"),
        call("GET", f"{HOME}?since_updated_at=soon"),
    ]
    missing = [
        call("DELETE", f"{HOME}/{id}/members/{key_of(ADA)}"),
        call("DELETE", f"{HOME}/{id}/members/nobody"),
        call("PATCH", f"{HOME}/99", {"name": "None"}),
        call("DELETE", f"{HOME}/99"),
        call("GET", f"{HOME}/99/members"),
    ]

    assert {call.title(answer) for answer in wrong} == {(400, "Invalid Resource")}
    assert {call.title(answer) for answer in missing} == {(404, "Resource Not Found")}
    assert call("POST", HOME, {"name": "Saved", "options": {"match": "any"}}).status_code == 501


def test_part_of_a_batch_fails(call: Caller) -> None:
    """
    With a partial fault some are added and the others named; the answer is 200 all the same.
    """
    id = call("POST", HOME, {"name": "One", "static_segment": []}).json["id"]
    call.box.faults.add("partial", every=2)
    answer = call("POST", f"{HOME}/{id}", {"members_to_add": [ADA, EVE]}).json

    assert (answer["total_added"], answer["error_count"]) == (1, 1)
    assert answer["errors"][0]["email_addresses"] == [EVE]


@pytest.mark.parametrize("moves", [True, False])
def test_the_stamp_of_a_segment(moves: bool) -> None:
    """
    (?) Whether a segment's updated_at moves when members come and go.
    """
    call = Caller(Switches(members_update_segment=moves))
    made = call("POST", HOME, {"name": "One", "static_segment": []}).json
    call.box.clock.advance(60)
    call("POST", f"{HOME}/{made['id']}", {"members_to_add": [ADA]})
    since = made["updated_at"].replace("+", "%2B")

    assert call("GET", f"{HOME}?since_updated_at={since}").json["total_items"] == int(moves)
    assert call("GET", f"{HOME}?before_created_at={since}").json["total_items"] == 0


@pytest.mark.parametrize(("how", "seen"), [("insert", [0, 1, 1, 2]), ("remove", [0, 1, 3])])
def test_a_page_of_members_shifts(call: Caller, how: str, seen: list[int]) -> None:
    """
    Paging through a segment while it moves repeats or leaves out a member.
    """
    emails = [ADA, EVE, "n1@post.example", "n2@post.example"]
    for email in emails[2:]:
        call.box.human_subscribe(email)
    id = call("POST", HOME, {"name": "All", "static_segment": emails}).json["id"]
    call.box.faults.add("page_shift", path="*/members", skip=1, how=how)

    pages = [call("GET", f"{HOME}/{id}/members?count=2&offset={n}").json["members"] for n in (0, 2)]

    assert [emails.index(m["email_address"]) for page in pages for m in page] == seen


def test_several_audiences(call: Caller) -> None:
    """
    Members, tags, campaigns and interests of two audiences are apart.
    """
    other = call.box.add_audience("Wholesale", "f0f0f0f0f0")
    call.box.human_subscribe(ADA, list_id=other.id)
    call.box.human_add_to_segment(ADA, "Cafés", list_id=other.id)
    call.box.human_send_campaign("To cafés", list_id=other.id)

    assert [one["id"] for one in call("GET", "/lists").json["lists"]] == [LIST, other.id]
    assert call("GET", f"{HOME}").json["total_items"] == 0
    assert call("GET", f"/lists/{other.id}/segments").json["total_items"] == 1
    assert call("GET", f"/campaigns?list_id={other.id}").json["campaigns"][0]["emails_sent"] == 1
    assert call("GET", f"/campaigns?list_id={LIST}").json["total_items"] == 0
    with pytest.raises(LookupError):
        call.box.human_open(ADA)  # got nothing in the first audience


def test_interests_one_by_one(call: Caller) -> None:
    """
    A category and an interest are read alone, too.
    """
    home = f"/lists/{LIST}/interest-categories"
    category = call("POST", home, {"title": "Courses", "type": "checkboxes"}).json["id"]
    interest = call("POST", f"{home}/{category}/interests", {"name": "Sourdough"}).json["id"]

    assert call("GET", f"{home}/{category}").json["title"] == "Courses"
    assert call("GET", f"{home}/{category}/interests/{interest}").json["name"] == "Sourdough"
    assert call.title(call("GET", f"{home}/{category}/interests/none")) == (404, "Resource Not Found")
