"""How the emulated Mailchimp reads, refuses and misbehaves: a test per behaviour."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.mailchimp import LIST, MailchimpSandbox, Switches
from sandbox.mailchimp_state import key_of
from sandbox.platform import ConnectionDropped, Rewrite
from tests.sandbox.mailchimp_caller import ADA, MEMBERS, Caller


@pytest.fixture
def call() -> Caller:
    return Caller()


# -- reading -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inclusive", [True, False])
def test_listing_by_time(inclusive: bool) -> None:
    """
    since/before cut by last_changed; whether the very second counts is open; sorting goes both ways.
    """
    call = Caller(Switches(since_inclusive=inclusive))
    first = call.read()["last_changed"].replace("+", "%2B")
    call.box.clock.advance(10)
    call.box.human_subscribe("eve@post.example")
    call.box.clock.advance(10)
    call.box.human_unsubscribe("eve@post.example")

    def listed(query: str) -> list[str]:
        return [m["email_address"][:3] for m in call("GET", f"{MEMBERS}?{query}").json["members"]]

    assert listed(f"since_last_changed={first}") == (["ada", "eve"] if inclusive else ["eve"])
    assert listed("before_last_changed=2030-01-01") == ["ada", "eve"]
    assert listed("sort_field=last_changed&sort_dir=DESC") == ["eve", "ada"]
    assert listed(f"status=unsubscribed&unsubscribed_since={first}") == ["eve"]
    assert call("GET", f"{MEMBERS}?unsubscribed_since={first}").status_code == 400
    assert call("GET", f"{MEMBERS}?since_last_changed=yesterday").status_code == 400


def test_selections(call: Caller) -> None:
    """
    fields or exclude_fields, not both; names that do not exist are refused; both reach into objects.
    """
    both = call("GET", f"{MEMBERS}?fields=members.id&exclude_fields=members.tags")
    strange = call("GET", f"{MEMBERS}?fields=members.shoe_size")
    cut = call("GET", f"{MEMBERS}/{ADA}?fields=id,merge_fields.FNAME").json
    rest = call("GET", f"{MEMBERS}/{ADA}?exclude_fields=merge_fields.FNAME,location").json

    assert call.title(both) == (400, "Bad Request")
    assert call.title(strange) == (422, "Requested Fields Invalid")
    assert cut == {"id": key_of(ADA), "merge_fields": {"FNAME": "Ada"}}
    assert "location" not in rest
    assert "FNAME" not in rest["merge_fields"]
    assert "LNAME" in rest["merge_fields"]
    assert call("GET", f"{MEMBERS}?count=1001").status_code == 400


def test_a_changed_member_is_shown_changed(call: Caller) -> None:
    """
    Encoded members are kept between pages; a change of any kind shows at once.
    """
    path = f"{MEMBERS}?fields=members.merge_fields.FNAME,members.tags_count,members.status"
    assert call("GET", path).json["members"][0]["merge_fields"]["FNAME"] == "Ada"

    call.box.human_update(ADA, {"FNAME": "Augusta"})
    call.box.human_tag(ADA, "VIP")
    call("PATCH", f"{MEMBERS}/{ADA}", {"status": "unsubscribed"})

    shown = call("GET", path).json["members"][0]
    assert shown == {"merge_fields": {"FNAME": "Augusta"}, "tags_count": 1, "status": "unsubscribed"}


# -- misbehaviour --------------------------------------------------------------------------------------------


def test_what_is_unknown_is_refused(call: Caller) -> None:
    """
    Unknown paths, methods, parameters and body fields give 501 and are on record.
    """
    answers = [
        call("GET", "/automations"),
        call("DELETE", f"/lists/{LIST}"),
        call("GET", f"{MEMBERS}?interest_ids=1"),
        call("PATCH", f"{MEMBERS}/{ADA}", {"shoe_size": 42}),
        call("PATCH", f"{MEMBERS}/{ADA}", {"merge_fields": {"ADDRESS": {"planet": "Mars"}}}),
    ]

    assert [answer.status_code for answer in answers] == [501] * 5
    assert all("the sandbox does not know" in answer.json["message"] for answer in answers)
    assert len(call.box.refused) == 5


@pytest.mark.parametrize("status", [429, 403])
def test_throttling_has_no_json(status: int) -> None:
    """
    A throttled call answers 429 without a body, or 403 with a page; a gateway's 502 is a page too.
    """
    call = Caller(Switches(throttle_status=status))
    call.box.faults.add("rate_limit")
    call.box.faults.add("html")

    throttled, gateway = call("GET", "/ping"), call("GET", "/ping")

    assert (throttled.status_code, gateway.status_code) == (status, 502)
    assert "json" not in f"{throttled.content_type} {gateway.content_type}"


def test_faults_before_and_after_the_effect(call: Caller) -> None:
    """
    A write may be lost, done without an answer, done twice, or done for every other member only.
    """
    patch = ("PATCH", f"{MEMBERS}/{ADA}", {"merge_fields": {"BREAD": "Rye"}})
    call.box.faults.add("error_before")
    assert call.title(call(*patch)) == (500, "Internal Server Error")
    assert call.read()["merge_fields"]["BREAD"] == ""
    call.box.faults.add("lost_answer")
    with pytest.raises(ConnectionDropped):
        call(*patch)
    assert call.read()["merge_fields"]["BREAD"] == "Rye"
    call.box.faults.add("partial", every=2)
    members = [{"email_address": f"n{n}@post.example", "status": "subscribed"} for n in range(4)]
    answer = call.batch(*members)

    assert (answer["total_created"], answer["error_count"]) == (2, 2)
    assert {error["error_code"] for error in answer["errors"]} == {"ERROR_GENERIC"}


@pytest.mark.parametrize(("how", "seen"), [("insert", [0, 1, 1, 2]), ("remove", [0, 1, 3])])
def test_a_page_shifts(call: Caller, how: str, seen: list[int]) -> None:
    """
    Paging by offset over a moving set repeats or leaves out a member.
    """
    for number in range(1, 4):
        call.box.human_subscribe(f"n{number}@post.example")
    ids = [m["id"] for m in call("GET", MEMBERS).json["members"]]
    call.box.faults.add("page_shift", path="*/members", skip=1, how=how)

    pages = [call("GET", f"{MEMBERS}?count=2&offset={offset}").json["members"] for offset in (0, 2)]

    assert [ids.index(m["id"]) for page in pages for m in page] == seen


def test_rewritten_values(call: Caller) -> None:
    """
    A platform that rewrites what it is given, at once or later, moves the stamp with a late rewrite.
    """
    call.box.rewrites = {"BREAD": Rewrite("lower"), "LNAME": Rewrite("trim", delay=30.0)}
    written = call("PATCH", f"{MEMBERS}/{ADA}", {"merge_fields": {"BREAD": "RYE", "LNAME": " Byron "}}).json
    call.box.clock.advance(31)
    later = call.read()

    assert (written["merge_fields"]["BREAD"], written["merge_fields"]["LNAME"]) == ("rye", " Byron ")
    assert later["merge_fields"]["LNAME"] == "Byron"
    assert later["last_changed"] > written["last_changed"]


@pytest.mark.parametrize("touches", [True, False])
def test_a_write_of_the_same(touches: bool) -> None:
    """
    (?) Whether writing what already stands there moves last_changed is a switch.
    """
    call = Caller(Switches(unchanged_touches=touches))
    before = call.read()["last_changed"]
    call.box.clock.advance(60)
    call("PATCH", f"{MEMBERS}/{ADA}", {"merge_fields": {"FNAME": "Ada"}})

    assert (call.read()["last_changed"] != before) == touches


def test_errors_on_request(call: Caller) -> None:
    """
    X-Trigger-Error gives the named error, X-HTTP-Method-Override another method; no JSON is a parse error.
    """
    asked = call("GET", "/ping", **{"X-Trigger-Error": "InternalServerError"})
    other = call("POST", f"{MEMBERS}/{ADA}", {"vip": True}, **{"X-HTTP-Method-Override": "PATCH"})
    garbled: Any = call.http.post(
        f"/3.0{MEMBERS}", data=b"{", headers={"Authorization": "Bearer sandbox-mailchimp-demo-us0"}
    )

    assert call.title(asked) == (500, "Internal Server Error")
    assert other.json["vip"] is True
    assert call.title(garbled) == (400, "JSON Parse Error")


def test_snapshot_and_dump(call: Caller) -> None:
    """
    The state can be kept and put back, and shown whole.
    """
    kept = call.box.snapshot()
    call.box.human_update(ADA, {"FNAME": "Augusta"})
    call.box.restore(kept)
    audience, member = call.box.dump()

    assert call.read()["merge_fields"]["FNAME"] == "Ada"
    assert (audience["kind"], member["kind"], member["status"]) == ("audience", "member", "subscribed")


def test_a_credential_of_the_sandbox_is_marked() -> None:
    """
    A key that could be real is never taken.
    """
    with pytest.raises(ValueError, match="sandbox-"):
        MailchimpSandbox(api_key="0123456789abcdef0123456789abcdef-us19")


def test_setting_up(call: Caller) -> None:
    """
    Merge fields, categories, interests and hooks that make no sense are refused; those that do are found again.
    """
    home = f"/lists/{LIST}"
    wrong = [
        call("POST", f"{home}/merge-fields", {"name": "Shoe", "type": "shoe"}),
        call("POST", f"{home}/merge-fields", {"name": "Again", "type": "text", "tag": "FNAME"}),
        call("POST", f"{home}/merge-fields", {"name": "Long", "type": "text", "tag": "MORETHANTENLETTERS"}),
        call("POST", f"{home}/interest-categories", {"title": "T", "type": "shoe"}),
        call("POST", f"{home}/webhooks", {"url": "bakery.example"}),
        call("GET", f"{MEMBERS}?count=many"),
        call("GET", f"{MEMBERS}?vip_only=perhaps"),
        call("GET", f"{MEMBERS}?status=gone"),
        call("GET", f"{MEMBERS}?sort_field=email_address"),
    ]
    missing = [
        call("GET", "/lists/nothing"),
        call("GET", f"{home}/merge-fields/99"),
        call("GET", f"{home}/segments/99"),
        call("GET", f"{home}/webhooks/99"),
        call("GET", f"{home}/interest-categories/99/interests"),
        call("GET", "/batches/99"),
    ]

    assert {call.title(answer) for answer in wrong} == {(400, "Invalid Resource")}
    assert {call.title(answer) for answer in missing} == {(404, "Resource Not Found")}
    assert call("GET", f"{home}/merge-fields/1").json["tag"] == "FNAME"
    assert call("GET", f"{home}/merge-fields?type=birthday&required=false").json["total_items"] == 1
    assert call("GET", f"/lists?email={ADA}").json["total_items"] == 1


def test_segment_members_and_jobs(call: Caller) -> None:
    """
    A segment lists its subscribed members; jobs are listed, and may take a while.
    """
    call.box.human_tag(ADA, "VIP")
    segment = call("GET", f"/lists/{LIST}/segments").json["segments"][0]
    inside = call("GET", f"/lists/{LIST}/segments/{segment['id']}/members").json
    again = call("POST", f"/lists/{LIST}/segments", {"name": "VIP", "static_segment": []})
    slow = Caller(Switches(batch_delay=30.0))
    slow("POST", "/batches", {"operations": [{"method": "DELETE", "path": f"/lists/{LIST}/members/{ADA}"}]})
    slow.box.clock.advance(10)
    working = slow("GET", "/batches").json["batches"][0]
    slow.box.clock.advance(30)
    done = slow("GET", f"/batches/{working['id']}").json

    assert [member["email_address"] for member in inside["members"]] == [ADA]
    assert call("GET", f"/lists/{LIST}/segments/{segment['id']}").json["member_count"] == 1
    assert call.title(again) == (400, "Invalid Resource")
    assert (working["status"], done["status"], done["errored_operations"]) == ("started", "finished", 0)
    assert slow.read()["status"] == "archived"
