"""Several audiences of one account, and the merge fields that each may have."""

from __future__ import annotations

import pytest

from sandbox.mailchimp import LIST, MailchimpSandbox, Switches
from sandbox.mailchimp_state import key_of
from sandbox.platform import SimClock
from sandbox.town import build_town, populate
from sandbox.town_workshops import WORKSHOPS, populate_workshops, with_workshops
from tests.sandbox.mailchimp_caller import ADA, Caller, Json

OTHER = "f0f0f0f0f0"
FIELDS = f"/lists/{LIST}/merge-fields"


@pytest.fixture
def call() -> Caller:
    return Caller()


def wrong(answer: Json) -> list[str]:
    """The fields that a refusal blames."""
    return [one["field"] for one in answer["errors"]]


def test_one_address_is_another_member_in_each_audience(call: Caller) -> None:
    """
    Its status, fields, tags and contact id are the audience's; leaving one leaves the other alone.
    """
    call.box.add_audience("Workshops", OTHER)
    call.box.human_subscribe(ADA, {"FNAME": "Augusta"}, list_id=OTHER)
    call.box.human_tag(ADA, "Rye", list_id=OTHER)
    call.box.human_unsubscribe(ADA, list_id=OTHER)
    here = call("GET", f"/lists/{LIST}/members/{key_of(ADA)}").json
    there = call("GET", f"/lists/{OTHER}/members/{key_of(ADA)}").json

    assert (here["status"], there["status"]) == ("subscribed", "unsubscribed")
    assert (here["merge_fields"]["FNAME"], there["merge_fields"]["FNAME"]) == ("Ada", "Augusta")
    assert (here["tags_count"], there["tags_count"]) == (0, 1)
    assert here["contact_id"] != there["contact_id"]
    assert here["id"] == there["id"]


def test_a_merge_field_is_made_in_one_audience(call: Caller) -> None:
    """
    It has the tag that was asked for, or one of Mailchimp's own; the other audience knows nothing of it.
    """
    call.box.add_audience("Workshops", OTHER)
    made = call("POST", FIELDS, {"name": "Favourite cake", "type": "text", "tag": "cake", "public": True}).json
    unnamed = call("POST", FIELDS, {"name": "Favourite bun", "type": "phone"}).json

    assert (made["tag"], made["type"], made["public"], made["list_id"]) == ("CAKE", "text", True, LIST)
    assert unnamed["tag"].startswith("MMERGE")
    assert {"CAKE", unnamed["tag"]} <= set(call.box.merge_tags(LIST))
    assert "CAKE" not in call.box.merge_tags(OTHER)


REFUSED: tuple[tuple[Json, list[str]], ...] = (
    ({"type": "text"}, ["name"]),
    ({"name": "Cake"}, ["type"]),
    ({"name": "Cake", "type": "cake"}, ["type"]),
    ({"name": "Cake", "type": "text", "tag": "ELEVENCHARS"}, ["tag"]),
    ({"name": "Cake", "type": "text", "tag": "KÄSE"}, ["tag"]),
    ({"name": "Cake", "type": "text", "tag": "fname"}, ["tag"]),
)


@pytest.mark.parametrize(("body", "blamed"), REFUSED)
def test_a_merge_field_that_cannot_be_is_refused(call: Caller, body: Json, blamed: list[str]) -> None:
    """
    With the field that is wrong; nothing is made.
    """
    before = call.box.merge_tags()
    answer = call("POST", FIELDS, body)

    assert call.title(answer) == (400, "Invalid Resource")
    assert wrong(answer.get_json(force=True)) == blamed
    assert call.box.merge_tags() == before


@pytest.mark.parametrize("most", [30, 80])
def test_an_audience_has_so_many_merge_fields_and_no_more(most: int) -> None:
    """
    30 on most plans, 80 on the largest (3p).
    """
    call = Caller(Switches(most_fields=most))
    answers = [
        call("POST", FIELDS, {"name": f"Field {number}", "type": "text"})
        for number in range(most - len(call.box.merge_tags()) + 1)
    ]

    assert {answer.status_code for answer in answers[:-1]} == {200}
    assert call.title(answers[-1]) == (400, "Invalid Resource")
    assert len(call.box.merge_tags()) == most


def test_the_second_audience_of_the_town_is_as_its_truth_says() -> None:
    """
    Some are in both audiences and some in one; each member there is a person's of the truth, with the status it has.
    """
    box = MailchimpSandbox(clock=SimClock())
    town, workshops = with_workshops(build_town(people=300, seed=5))
    populate(town, None, box)
    populate_workshops(workshops, box)
    members = {one.contact_id: one for one in box.list_of(WORKSHOPS).members.values()}
    told = {id: status for person in town.truth.people for id, status in person.statuses.items() if id in members}
    both = {one.email.lower() for one in members.values()} & {
        one.email.lower() for one in box.list_of(LIST).members.values()
    }
    left = [out.record for person in town.truth.people for out in person.opt_outs if out.record in members]

    assert told == {id: member.status for id, member in members.items()}
    assert 0 < len(both) < len(members)
    assert sorted(left) == sorted(id for id, member in members.items() if member.status == "unsubscribed")
    assert left
    assert with_workshops(build_town(people=300, seed=5))[0].truth_json() == town.truth_json()
