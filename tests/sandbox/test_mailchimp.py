"""Mailchimp's own SDK, unmodified, over a real socket, against the sandbox and the vendor's description."""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import mailchimp_marketing
import pytest
import requests
from mailchimp_marketing.api_client import ApiClientError

from sandbox.mailchimp import LIST, VIEWER, MailchimpSandbox
from sandbox.mailchimp_state import key_of
from sandbox.platform import SimClock
from sandbox.server import serving
from sandbox.town import build_town, populate
from tests import described

KEY = "sandbox-mailchimp-demo-us0"
Json = dict[str, Any]


@dataclass
class Served:
    """A sandbox behind a socket, and how to reach it."""

    sandbox: MailchimpSandbox
    address: str
    seen: described.Described | None

    def client(self, **credential: str) -> Any:
        """The vendor's SDK, pointed here (facts, SDK)."""
        client = mailchimp_marketing.Client()
        client.set_config({**(credential or {"api_key": KEY}), "server": "us0"})
        client.api_client.host = f"{self.address}/3.0"
        return client


@pytest.fixture
def served() -> Iterator[Served]:
    """
    A small town behind a socket; where the vendor's description is at hand, each call is held against it.
    """
    sandbox = MailchimpSandbox(clock=SimClock())
    populate(build_town(people=120, seed=4), None, sandbox)
    seen = described.mailchimp(sandbox.app) if described.SPECS.is_dir() else None
    with serving(sandbox, app=seen) as address:
        yield Served(sandbox, address, seen)
    if seen is not None:
        print(seen.report())
        # Facts, Limits: a throttled call has no body; the description, which has one for errors, does not say so.
        assert [text for text in seen.violations if not text.endswith("answered 429 without a body")] == []
    assert sandbox.refused == []


def add(client: Any, email: str, **more: Any) -> Json:
    member: Json = client.lists.add_list_member(LIST, {"email_address": email, "status": "subscribed", **more})
    return member


def test_account_and_audience(served: Served) -> None:
    """
    The SDK finds the account, its audience with its counts, merge fields and interests.
    """
    client = served.client()
    category = client.lists.create_list_interest_category(LIST, {"title": "Courses", "type": "checkboxes"})
    interest = client.lists.create_interest_category_interest(LIST, category["id"], {"name": "Sourdough"})
    field = client.lists.add_list_merge_field(LIST, {"name": "Regulars key", "type": "text", "tag": "RKEY"})

    assert client.ping.get() == {"health_status": "Everything's Chimpy!"}
    assert client.root.get_root()["account_id"] == "sandbox-account"
    assert client.lists.get_all_lists()["lists"][0]["id"] == LIST
    stats = client.lists.get_list(LIST, include_total_contacts="true")["stats"]
    counted = [m.status for m in served.sandbox.list_of(None).members.values()]
    assert stats["member_count"] == counted.count("subscribed")
    assert stats["total_contacts"] == len(counted) - counted.count("archived")
    tags = [f["tag"] for f in client.lists.get_list_merge_fields(LIST, count=100)["merge_fields"]]
    assert tags == ["FNAME", "LNAME", "ADDRESS", "PHONE", "BIRTHDAY", "COMPANY", "BREAD", "RKEY"]
    assert field["merge_id"] == 8
    assert client.lists.get_list_interest_categories(LIST)["categories"][0]["id"] == category["id"]
    listed = client.lists.list_interest_category_interests(LIST, category["id"])["interests"]
    assert [one["id"] for one in listed] == [interest["id"]]


def test_all_members_are_read_once(served: Served) -> None:
    """
    Paging by offset gives each member that is not archived exactly once, in full or cut down.
    """
    client = served.client()
    pages: list[Json] = []
    total = 1
    while len(pages) < total:
        page = client.lists.get_list_members_info(LIST, count=17, offset=len(pages))
        pages += page["members"]
        total = page["total_items"]
    cut = client.lists.get_list_members_info(
        LIST, count=1000, fields=["members.contact_id", "members.merge_fields.FNAME", "total_items"]
    )
    without = client.lists.get_list_members_info(LIST, count=3, exclude_fields=["members.location", "list_id"])

    living = [m for m in served.sandbox.list_of(None).members.values() if m.status != "archived"]
    assert [m["contact_id"] for m in pages] == [m.contact_id for m in living]
    assert [m["contact_id"] for m in cut["members"]] == [m.contact_id for m in living]
    assert set(cut) == {"members", "total_items"}
    assert set(cut["members"][0]) == {"contact_id", "merge_fields"}
    assert set(cut["members"][0]["merge_fields"]) == {"FNAME"}
    assert "location" not in without["members"][0]
    assert "list_id" not in without
    archived = client.lists.get_list_members_info(LIST, status="archived", count=1000)
    assert archived["total_items"] == len(served.sandbox.list_of(None).members) - len(living) > 0


def test_a_member_through_its_life(served: Served) -> None:
    """
    Create, read by all three keys, update, tag, change the address, archive, erase.
    """
    client = served.client()
    made = add(client, "Ada@Post.example", merge_fields={"FNAME": "Ada"}, tags=["Brotkurs"])
    contact_id = made["contact_id"]
    for reference in (key_of("ada@post.example"), "ada@post.example", contact_id):
        assert client.lists.get_list_member(LIST, reference)["contact_id"] == contact_id
    assert made["email_address"] == "Ada@Post.example"

    body = {
        "email_address": "ada@post.example",
        "status_if_new": "subscribed",
        "merge_fields": {"LNAME": "Byron"},
    }
    put = client.lists.set_list_member(LIST, key_of("ada@post.example"), body)
    tags = {"tags": [{"name": "New tag", "status": "active"}, {"name": "Brotkurs", "status": "inactive"}]}
    answer = client.lists.update_list_member_tags(LIST, contact_id, tags)
    listed = client.lists.get_list_member_tags(LIST, contact_id)
    moved = client.lists.update_list_member(LIST, contact_id, {"email_address": "ada@example.org"})

    assert put["merge_fields"]["FNAME"] == "Ada"
    assert put["merge_fields"]["LNAME"] == "Byron"
    assert answer.status_code == 204
    assert [tag["name"] for tag in listed["tags"]] == ["New tag"]
    assert (moved["id"], moved["contact_id"]) == (key_of("ada@example.org"), contact_id)
    assert moved["unique_email_id"] == made["unique_email_id"]
    client.lists.delete_list_member(LIST, contact_id)
    assert client.lists.get_list_member(LIST, contact_id)["status"] == "archived"
    client.lists.delete_list_member_permanent(LIST, contact_id)
    with pytest.raises(ApiClientError) as error:
        add(client, "ada@example.org")
    assert json.loads(error.value.text)["title"] == "Forgotten Email Not Subscribed"


def test_five_hundred_at_once(served: Served) -> None:
    """
    A batch creates and updates, answers 200 with the failures named, and keeps its limit.
    """
    client, sandbox = served.client(), served.sandbox
    known = next(m.email for m in sandbox.list_of(None).members.values() if m.status == "subscribed")
    members: list[Json] = [{"email_address": f"new{n}@post.example", "status": "subscribed"} for n in range(498)]
    members += [{"email_address": known, "merge_fields": {"BREAD": "Rye"}}, {"email_address": "no address"}]
    answer = client.lists.batch_list_members(LIST, {"members": members, "update_existing": True})

    assert (answer["total_created"], answer["total_updated"], answer["error_count"]) == (498, 1, 1)
    assert answer["updated_members"][0]["merge_fields"]["BREAD"] == "Rye"
    assert answer["errors"][0]["email_address"] == "no address"
    again = client.lists.batch_list_members(LIST, {"members": members[:2], "update_existing": False})
    assert [e["error_code"] for e in again["errors"]] == ["ERROR_CONTACT_EXISTS"] * 2
    with pytest.raises(ApiClientError) as error:
        client.lists.batch_list_members(LIST, {"members": [*members, members[0]]})
    assert error.value.status_code == 400


def test_segments_are_tags(served: Served) -> None:
    """
    A static segment made over the API is a tag of its members, and the other way round.
    """
    client = served.client()
    member = add(client, "seg@post.example")
    segment = client.lists.create_segment(LIST, {"name": "regulars: loyal", "static_segment": ["seg@post.example"]})
    changed = client.lists.batch_segment_members(
        {"members_to_add": ["nobody@post.example"], "members_to_remove": ["seg@post.example"]},
        LIST,
        segment["id"],
    )

    assert segment["member_count"] == 1
    assert (changed["total_added"], changed["total_removed"], changed["error_count"]) == (0, 1, 1)
    assert client.lists.get_list_member(LIST, member["id"])["tags_count"] == 0
    names = [s["name"] for s in client.lists.list_segments(LIST, count=100, type="static")["segments"]]
    assert "regulars: loyal" in names
    assert client.lists.tag_search(LIST, name="regulars")["total_items"] == 1


def test_a_batch_job(served: Served) -> None:
    """
    A job's result is a tar.gz of JSON whose responses are JSON again; finished is not success.
    """
    client = served.client()
    operations: list[Json] = [
        {
            "method": "GET",
            "path": f"/lists/{LIST}/members",
            "operation_id": "all",
            "params": {"status": "subscribed"},
        },
        {
            "method": "POST",
            "path": f"/lists/{LIST}/members",
            "operation_id": "new",
            "body": json.dumps({"email_address": "job@post.example", "status": "subscribed"}),
        },
        {"method": "GET", "path": f"/lists/{LIST}/members/nobody", "operation_id": "none"},
    ]
    started = client.batches.start({"operations": operations})
    done = client.batches.status(started["id"])
    packed = requests.get(done["response_body_url"], timeout=10).content

    assert started["status"] == "pending"
    assert (done["status"], done["total_operations"], done["errored_operations"]) == ("finished", 3, 1)
    results = {}
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for entry in archive:
            content = archive.extractfile(entry)
            assert content is not None
            results.update({one["operation_id"]: one for one in json.load(content)})
    assert results["none"]["status_code"] == 404
    assert json.loads(results["new"]["response"])["email_address"] == "job@post.example"
    assert len(json.loads(results["all"]["response"])["members"]) > 10
    served.sandbox.clock.advance(700)
    assert requests.get(done["response_body_url"], timeout=10).status_code == 403
    fresh = client.batches.status(started["id"])["response_body_url"]
    assert requests.get(fresh, timeout=10).status_code == 200
    if served.seen is not None:
        assert {key.split("/")[1] for key in served.seen.undescribed} == {"batch-results"}


def test_webhooks_are_kept(served: Served) -> None:
    """
    Hooks are created, listed, changed and deleted.
    """
    served.sandbox.mailroom.habits.check = ""  # nobody listens there
    client = served.client()
    hook: Json = {
        "url": "http://127.0.0.1:1/hook",
        "events": {"subscribe": True},
        "sources": {"api": False, "user": True},
    }
    made = client.lists.create_list_webhook(LIST, hook)
    client.lists.update_list_webhook(LIST, made["id"], {"events": {"unsubscribe": True}})
    listed = client.lists.get_list_webhooks(LIST)["webhooks"]

    assert listed[0]["events"]["subscribe"]
    assert listed[0]["events"]["unsubscribe"]
    assert not listed[0]["sources"]["api"]
    client.lists.delete_list_webhook(LIST, made["id"])
    assert client.lists.get_list_webhooks(LIST)["total_items"] == 0


def test_credentials(served: Served) -> None:
    """
    Basic and Bearer open the account, a strange key does not, a low role not everywhere.
    """
    assert served.client(access_token=KEY).root.get_root()["role"] == "owner"
    with pytest.raises(ApiClientError) as strange:
        served.client(api_key="0123456789abcdef-us0").ping.get()
    with pytest.raises(ApiClientError) as low:
        served.client(api_key=VIEWER).lists.get_list_members_info(LIST)

    assert (strange.value.status_code, json.loads(strange.value.text)["title"]) == (401, "API Key Invalid")
    assert (low.value.status_code, json.loads(low.value.text)["title"]) == (403, "Forbidden")
    assert served.client(api_key=VIEWER).root.get_root()["role"] == "viewer"


def test_the_eleventh_call_at_once_is_refused(served: Served) -> None:
    """
    Ten calls at the same time pass; the others get a 429 without a body, which the SDK takes for success.
    """

    def ping(_: int) -> Any:
        return served.client().ping.get()

    with ThreadPoolExecutor(12) as pool:
        with served.sandbox.lock:  # nobody is answered while all twelve arrive
            waiting = [pool.submit(ping, number) for number in range(12)]
            deadline = time.monotonic() + 10
            while served.sandbox._in_flight < 12 and time.monotonic() < deadline:
                time.sleep(0.01)
        answers = [one.result() for one in waiting]

    refused = [answer for answer in answers if isinstance(answer, requests.Response)]
    assert [(answer.status_code, answer.content) for answer in refused] == [(429, b"")] * 2
