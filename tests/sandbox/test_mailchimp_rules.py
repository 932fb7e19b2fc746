"""What the emulated Mailchimp does with members: a test per behaviour, and both settings of its switches."""

from __future__ import annotations

import pytest

from sandbox.mailchimp import LIST, Refused, Switches
from sandbox.mailchimp_state import key_of
from tests.sandbox.mailchimp_caller import ADA, HOME, MEMBERS, Caller


@pytest.fixture
def call() -> Caller:
    return Caller()


# -- consent -------------------------------------------------------------------------------------------


def test_a_field_write_never_changes_the_status(call: Caller) -> None:
    """
    PUT with status_if_new alone leaves the status of a known member as it is.
    """
    call.box.human_unsubscribe(ADA)
    body = {"email_address": ADA, "status_if_new": "subscribed", "merge_fields": {"LNAME": "Byron"}}

    answer = call("PUT", f"{MEMBERS}/{key_of(ADA)}", body).json

    assert (answer["status"], answer["merge_fields"]["LNAME"]) == ("unsubscribed", "Byron")


@pytest.mark.parametrize("leave", ["unsubscribe", "complain", "bounce"])
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_who_left_is_not_resubscribed(call: Caller, leave: str, method: str) -> None:
    """
    Subscribing one who left or was cleaned is refused; pending is the way back.
    """
    call.box.human(leave, {"email": ADA})
    back = {"email_address": ADA, "status": "subscribed", "status_if_new": "subscribed"}
    if method == "PATCH":
        del back["status_if_new"]

    answer = call(method, f"{MEMBERS}/{ADA}", back)

    assert call.title(answer) == (400, "Member In Compliance State")
    assert call("PATCH", f"{MEMBERS}/{ADA}", {"status": "pending"}).json["status"] == "pending"
    call.box.human_confirm(ADA)
    assert call.read()["status"] == "subscribed"
    assert call.box.resubscribed == []


@pytest.mark.parametrize("may", [True, False])
def test_one_whom_the_api_unsubscribed(may: bool) -> None:
    """
    (?) Whether the API may take back its own unsubscription is a switch; if it does, it is on record.
    """
    call = Caller(Switches(api_leavers_may_return=may))
    call("PATCH", f"{MEMBERS}/{ADA}", {"status": "unsubscribed"})

    answer = call("PATCH", f"{MEMBERS}/{ADA}", {"status": "subscribed"})

    assert answer.status_code == (200 if may else 400)
    assert call.box.resubscribed == ([ADA] if may else [])


@pytest.mark.parametrize("dangerous", [True, False])
def test_the_batch_may_resubscribe(dangerous: bool) -> None:
    """
    (?) "update_existing: whether this will change existing members' subscription status", taken at its word or not.
    """
    call = Caller(Switches(batch_resubscribes=dangerous))
    call.box.human_unsubscribe(ADA)

    quiet = call.batch({"email_address": ADA, "merge_fields": {"BREAD": "Rye"}})
    loud = call.batch({"email_address": ADA, "status": "subscribed"})

    assert quiet["updated_members"][0]["status"] == "unsubscribed"
    assert loud["total_updated"] == int(dangerous)
    assert loud["error_count"] == int(not dangerous)
    assert call.box.resubscribed == ([ADA] if dangerous else [])


def test_a_cleaned_address_stays_cleaned_in_a_batch(call: Caller) -> None:
    """
    Mailchimp's own mark is no status that a caller takes away, or gives.
    """
    call.box.human_bounce(ADA)

    back = call.batch({"email_address": ADA, "status": "subscribed"})
    given = call.batch({"email_address": "eve@post.example", "status": "cleaned"})

    assert (back["error_count"], given["error_count"]) == (1, 1)
    assert call.read()["status"] == "cleaned"


def test_double_optin() -> None:
    """
    The form waits for the click; a write over the API with `subscribed` skips the confirmation.
    """
    call = Caller(double_optin=True)
    waiting = call.box.human_subscribe("eve@post.example", confirm=False)
    body = {"email_address": "bob@post.example", "status": "subscribed"}

    assert waiting["status"] == "pending"
    assert not waiting["timestamp_opt"]
    assert call.box.human_confirm("eve@post.example")["timestamp_opt"]
    assert call("POST", MEMBERS, body).json["status"] == "subscribed"


def test_evidence_is_kept(call: Caller) -> None:
    """
    The moment and the host of an opt-in come from the form, or from the caller.
    """
    body = {
        "email_address": "eve@post.example",
        "status": "subscribed",
        "timestamp_opt": "2020-01-02T03:04:05+00:00",
    }

    form, given = call.read(), call("POST", MEMBERS, {**body, "ip_opt": "198.51.100.7"}).json

    assert form["timestamp_opt"].startswith("2026-")
    assert form["ip_opt"] == "203.0.113.9"
    assert (given["timestamp_opt"], given["ip_opt"]) == ("2020-01-02T03:04:05+00:00", "198.51.100.7")


def test_the_forgotten_come_back_only_by_themselves(call: Caller) -> None:
    """
    After erasure neither create, batch nor address change brings the address in; a form does.
    """
    key = key_of(ADA)
    assert call("POST", f"{MEMBERS}/{key}/actions/delete-permanent").status_code == 204
    call.box.human_subscribe("eve@post.example")

    put = call("PUT", f"{MEMBERS}/{key}", {"email_address": ADA, "status_if_new": "subscribed"})
    moved = call("PATCH", f"{MEMBERS}/eve@post.example", {"email_address": ADA})

    assert call.title(call("GET", f"{MEMBERS}/{key}")) == (404, "Resource Not Found")
    assert call.title(put) == call.title(moved) == (400, "Forgotten Email Not Subscribed")
    assert call.batch({"email_address": ADA, "status": "subscribed"})["error_count"] == 1
    assert call.box.human_subscribe(ADA)["status"] == "subscribed"


# -- members ---------------------------------------------------------------------------------------------


def test_refused_addresses(call: Caller) -> None:
    """
    A known address, none, a fake one and a role are refused, each in its own words.
    """

    def create(email: str, **more: str) -> tuple[int, str]:
        return call.title(call("POST", MEMBERS, {"email_address": email, **more}))

    assert create(ADA.upper(), status="subscribed") == (400, "Member Exists")
    assert create("not an address", status="subscribed") == (400, "Invalid Resource")
    assert create("fake@post.example", status="subscribed") == (400, "Invalid Resource")
    assert create("noreply@post.example", status="subscribed") == (400, "Invalid Resource")
    assert create("eve@post.example") == (400, "Invalid Resource")
    assert create("eve@post.example", status="archived") == (400, "Invalid Resource")
    with pytest.raises(Refused):
        call.box.human_subscribe("not an address")


@pytest.mark.parametrize("stable", [True, False])
def test_an_address_changes(stable: bool) -> None:
    """
    The hash follows the address, contact_id stays, unique_email_id does either (?); a taken address is refused.
    """
    call = Caller(Switches(unique_email_id_stable=stable))
    before = call.read()
    call.box.human_subscribe("eve@post.example")

    taken = call("PATCH", f"{MEMBERS}/{before['id']}", {"email_address": "Eve@post.example"})
    after = call.box.human_change_address(ADA, "Ada@example.org")

    assert call.title(taken) == (400, "Member Exists")
    assert (after["id"], after["email_address"]) == (key_of("ada@example.org"), "Ada@example.org")
    assert after["contact_id"] == before["contact_id"]
    assert (after["unique_email_id"] == before["unique_email_id"]) == stable
    assert call("GET", f"{MEMBERS}/{before['id']}").status_code == 404
    with pytest.raises(Refused):
        call.box.human_change_address("ada@example.org", "eve@post.example")


def test_put_guards_its_hash(call: Caller) -> None:
    """
    A new member's address must be the one that the path names, and needs a status.
    """
    wrong = call(
        "PUT",
        f"{MEMBERS}/{key_of('x@post.example')}",
        {"email_address": "y@post.example", "status": "subscribed"},
    )
    lacking = call("PUT", f"{MEMBERS}/{key_of('x@post.example')}", {"email_address": "x@post.example"})

    assert call.title(wrong) == call.title(lacking) == (400, "Invalid Resource")


@pytest.mark.parametrize("new", [True, False])
def test_archived_members(new: bool) -> None:
    """
    DELETE archives; the listing leaves them out unless asked (?); status_if_new brings them back, or not (?).
    """
    call = Caller(Switches(archived_is_new=new, archived_listed=not new))
    call("DELETE", f"{MEMBERS}/{key_of(ADA)}")

    listed = call("GET", MEMBERS).json["total_items"]
    back = call("PUT", f"{MEMBERS}/{key_of(ADA)}", {"email_address": ADA, "status_if_new": "subscribed"}).json

    assert listed == int(not new)
    assert back["status"] == ("subscribed" if new else "archived")
    assert call.box.human_archive(ADA)["status"] == "archived"
    assert call("GET", f"{MEMBERS}?status=archived").json["total_items"] == 1
    assert call.box.human_unarchive(ADA)["status"] in ("subscribed", "archived")


@pytest.mark.parametrize(
    ("tag", "value", "kept"),
    [
        ("BIRTHDAY", "3/7", "03/07"),
        ("BIRTHDAY", "02/29", "02/29"),
        ("BIRTHDAY", "13/01", None),
        ("BIRTHDAY", "1980-03-07", None),
        ("PHONE", "+49 (0)151 123", "+49 (0)151 123"),
        ("COUNT", "12", 12),
        ("COUNT", "twelve", None),
        ("SINCE", "2024-02-30", None),
        ("SINCE", "2024-02-28T10:00:00Z", "2024-02-28"),
        ("SIZE", "L", "L"),
        ("SIZE", "XXL", None),
        ("SITE", "bakery.example", None),
        ("SITE", "https://bakery.example/", "https://bakery.example/"),
        ("PLZ", "07743", "07743"),
        ("PLZ", "7743", None),
        ("TELUS", "(415) 555-0101", "415-555-0101"),
        ("TELUS", "030 1234", None),
        ("BREAD", "x" * 255, "x" * 255),
        ("BREAD", "x" * 256, None),
        ("BREAD", "", ""),
        ("ADDRESS", HOME, {**HOME, "addr2": ""}),
        ("ADDRESS", {**HOME, "zip": ""}, None),
        ("ADDRESS", {**HOME, "country": ""}, {**HOME, "addr2": "", "country": "US"}),
        ("ADDRESS", {"addr1": "", "city": ""}, ""),
    ],
)
def test_merge_fields_are_checked_and_kept(call: Caller, tag: str, value: object, kept: object) -> None:
    """
    Each type is kept in Mailchimp's own form, or refused with the field's name; then nothing is written.
    """
    for extra, kind, options in (
        ("COUNT", "number", {}),
        ("SINCE", "date", {}),
        ("SIZE", "dropdown", {"choices": ["S", "L"]}),
        ("SITE", "url", {}),
        ("PLZ", "zip", {}),
        ("TELUS", "phone", {"phone_format": "US"}),
    ):
        call.box.add_merge_field(extra, extra, kind, options=options)

    answer = call("PATCH", f"{MEMBERS}/{ADA}", {"merge_fields": {"FNAME": "Augusta", tag: value}})

    if kept is None:
        assert call.title(answer) == (400, "Invalid Resource")
        assert answer.get_json(force=True)["errors"][0]["field"] == tag
        assert call.read()["merge_fields"]["FNAME"] == "Ada"
        assert call.batch({"email_address": ADA, "merge_fields": {tag: value}})["errors"][0]["field"] == tag
    else:
        assert answer.json["merge_fields"][tag] == kept
        assert call.read()["merge_fields"][tag] == kept


def test_required_and_unknown_merge_fields() -> None:
    """
    A required field must be there unless the caller skips the check; an unknown one is ignored or refused (?).
    """
    call = Caller(Switches(unknown_merge="refuse", long_text="cut"))
    call.box.add_merge_field("TITLE", "Title", "text", required=True)
    body = {"email_address": "eve@post.example", "status": "subscribed", "merge_fields": {"FNAME": "E" * 300}}

    refused = call("POST", MEMBERS, body)
    taken = call("POST", f"{MEMBERS}?skip_merge_validation=true", body)

    assert call.title(refused) == (400, "Invalid Resource")
    assert taken.json["merge_fields"]["FNAME"] == "E" * 255
    unknown = {"merge_fields": {"SHOE": "42"}}
    assert call("PATCH", f"{MEMBERS}/{ADA}?skip_merge_validation=true", unknown).status_code == 400
    assert Caller()("PATCH", f"{MEMBERS}/{ADA}", unknown).status_code == 200


@pytest.mark.parametrize("touch", [True, False])
def test_tags(touch: bool) -> None:
    """
    Tag writes may take a while, and may leave last_changed alone (?); tags in a PUT are ignored.
    """
    call = Caller(Switches(tags_touch=touch, tag_delay=5.0))
    before = call.read()
    call.box.clock.advance(60)

    answer = call("POST", f"{MEMBERS}/{ADA}/tags", {"tags": [{"name": "VIP", "status": "active"}], "is_syncing": True})

    assert answer.status_code == 204
    assert not answer.data
    assert call.read()["tags_count"] == 0
    call.box.clock.advance(6)
    assert [tag["name"] for tag in call.read()["tags"]] == ["VIP"]
    assert (call.read()["last_changed"] != before["last_changed"]) == touch
    ignored = {"email_address": ADA, "status_if_new": "subscribed", "tags": ["Other"]}
    assert call("PUT", f"{MEMBERS}/{ADA}", ignored).json["tags_count"] == 1
    assert call.box.human_untag(ADA, "VIP")["tags"] == []


def test_batch_tags_and_duplicates(call: Caller) -> None:
    """
    sync_tags replaces, without it names are added; a doubled address fails the call unless the check is skipped.
    """
    call.box.human_tag(ADA, "Old")
    added = call.batch({"email_address": ADA, "tags": ["New"]})["updated_members"][0]
    synced = call.batch({"email_address": ADA, "tags": ["Third"]}, sync_tags=True)["updated_members"][0]
    twice = {"members": [{"email_address": ADA}, {"email_address": ADA.upper()}], "update_existing": True}

    assert [tag["name"] for tag in added["tags"]] == ["Old", "New"]
    assert [tag["name"] for tag in synced["tags"]] == ["Third"]
    assert call.title(call("POST", f"/lists/{LIST}", twice)) == (400, "Invalid Resource")
    assert call("POST", f"/lists/{LIST}?skip_duplicate_check=true", twice).json["total_updated"] == 1


def test_a_batch_may_need_a_status() -> None:
    """
    (?) Where a known member must come with a status, one without is an error of its own.
    """
    strict = Caller(Switches(batch_needs_status=True))
    member = {"email_address": ADA, "merge_fields": {"BREAD": "Rye"}}

    assert strict.batch(member)["errors"][0]["field"] == "status"
    assert Caller().batch(member)["total_updated"] == 1
    assert Caller().batch({"email_address": "eve@post.example"})["error_count"] == 1


def test_interests_and_permissions(call: Caller) -> None:
    """
    Interests are id → boolean, permissions a list; ids that the audience lacks are refused.
    """
    category = call("POST", f"/lists/{LIST}/interest-categories", {"title": "T", "type": "checkboxes"}).json
    path = f"/lists/{LIST}/interest-categories/{category['id']}/interests"
    interest = call("POST", path, {"name": "Rye"}).json["id"]
    permission = call.read()["marketing_permissions"][0]["marketing_permission_id"]
    body = {
        "interests": {interest: True},
        "marketing_permissions": [{"marketing_permission_id": permission, "enabled": True}],
    }

    after = call("PATCH", f"{MEMBERS}/{ADA}", body).json

    assert after["interests"] == {interest: True}
    assert [p["enabled"] for p in after["marketing_permissions"]] == [True, False]
    assert call("PATCH", f"{MEMBERS}/{ADA}", {"interests": {"nope": True}}).status_code == 400
