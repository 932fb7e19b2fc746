"""HubSpot's webhooks journal: called as its description says, and strict about everything else."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from werkzeug.test import TestResponse

from sandbox.hubspot import HubSpotSandbox
from sandbox.hubspot_journal import DAYS_KEPT, JOURNAL, MINUTES_OPEN, SCOPES, SUBSCRIPTIONS
from sandbox.platform import SimClock
from tests.described import Described, needs_specs
from tests.sandbox.inprocess import Reply, call, form

SPECS = tuple(f"hubspot/2026-03/webhooks-journal-{part}.json" for part in ("journal", "subscriptions"))
ASKED = {
    "objectTypeId": "0-1",
    "subscriptionType": "OBJECT",
    "portalId": 4242,
    "actions": ["CREATE", "UPDATE", "DELETE", "MERGE"],
    "properties": ["email", "lastname"],
    "objectIds": [],
}


class App:
    """An app with a token of its own, and every call of it held against HubSpot's description."""

    def __init__(self, *, scopes: frozenset[str] = SCOPES, **facts: Any) -> None:
        self.clock = SimClock()
        self.box = HubSpotSandbox(clock=self.clock, quotas=False, **facts)
        self.checked = Described(self.box.app, SPECS)
        self.renew(scopes)

    def renew(self, scopes: frozenset[str] = SCOPES) -> None:
        """Get a token of the app; it lives for half an hour."""
        parts = {"client_id": self.box.client_id, "client_secret": self.box.client_secret}
        fields = {"grant_type": "client_credentials", **parts, "scope": " ".join(scopes)}
        self.token = form(self.box, "/oauth/v1/token", fields).json["access_token"]

    def get(self, path: str) -> Reply:
        return call(self.checked, "GET", JOURNAL + path, token=self.token)

    def post(self, path: str, body: Any) -> Reply:
        return call(self.checked, "POST", path, body, token=self.token)

    def file(self, found: Reply) -> TestResponse:
        """The file at the address that an answer names, fetched as anybody may."""
        return self.box.app.test_client().get(found.json["url"].partition("localhost")[2])

    def violations(self) -> list[str]:
        """What is not as described. An empty 204 is in the guide and in none of the descriptions."""
        return [one for one in self.checked.violations if "answered 204" not in one]


@pytest.fixture
def app() -> App:
    return App()


def changed(app: App, *names: str) -> list[str]:
    """Contacts are made, each an entry of its own."""
    made = []
    for name in names:
        made.append(app.box.human_create({"email": f"{name}@example.org", "lastname": name}))
        app.get("/latest")
    return made


@needs_specs
def test_every_way_of_reading_is_as_described(app: App) -> None:
    """One by one and in batches, from either end and from a place on, entries come in order, once each."""
    empty = app.get("/earliest").status_code
    app.post(SUBSCRIPTIONS, ASKED)
    changed(app, "a", "b", "c")
    first, last = app.get("/earliest").json["currentOffset"], app.get("/latest").json["currentOffset"]
    second = app.get(f"/offset/{first}/next").json["currentOffset"]
    batches = [
        [one["currentOffset"] for one in app.get(path).json["results"]]
        for path in ("/batch/earliest/2", "/batch/latest/2", f"/batch/{first}/next/9")
    ]
    read = app.post(f"{JOURNAL}/batch/read", {"inputs": [second]}).json["results"]
    end = app.get(f"/offset/{last}/next?installPortalId=4242").status_code

    assert (empty, end) == (204, 204)
    assert batches == [[first, second], [second, last], [second, last]]
    assert [one["currentOffset"] for one in read] == [second]
    assert app.violations() == []


@needs_specs
def test_subscriptions_are_made_changed_and_dropped(app: App) -> None:
    """One for each kind and object type; the same again changes it; what is not asked for is not written."""
    made = app.post(SUBSCRIPTIONS, ASKED).json
    again = app.post(SUBSCRIPTIONS, {**ASKED, "properties": ["email"]}).json
    (contact,) = changed(app, "a")
    app.box.human_update(contact, {"lastname": "Other"})
    silent = app.get(f"/offset/{app.get('/earliest').json['currentOffset']}/next").status_code
    shown = orjson.loads(app.file(app.get("/earliest")).data)["journalEvents"]
    key = f"{SUBSCRIPTIONS}/{made['id']}"
    one = call(app.checked, "GET", key, token=app.token).json
    listed = call(app.checked, "GET", SUBSCRIPTIONS, token=app.token).json["results"]
    dropped = [call(app.checked, "DELETE", key, token=app.token).status_code for _ in range(2)]

    assert (made["id"], one, listed) == (again["id"], again, [again])
    assert (silent, dropped) == (204, [204, 404])
    assert [event["propertyChanges"] for event in shown] == [{"email": "a@example.org"}]
    assert app.violations() == []


def test_a_file_is_open_for_a_while_and_to_anybody(app: App) -> None:
    """Its address is its own key, which expires; a token sent there is refused, as a store of files refuses it."""
    app.post(SUBSCRIPTIONS, ASKED)
    changed(app, "a")
    entry = app.get("/latest")
    path = entry.json["url"].partition("localhost")[2]
    open_, signed = app.file(entry), call(app.box, "GET", path, token="sandbox-hubspot-demo")
    app.clock.advance(MINUTES_OPEN / 1000 + 1)

    assert orjson.loads(open_.data)["offset"] == entry.json["currentOffset"]
    assert signed.status_code == 400
    assert app.file(entry).status_code == 403
    assert app.file(app.get("/latest")).status_code == 200


def test_three_days_are_kept(app: App) -> None:
    """An offset from before, or of nobody, is not found."""
    app.post(SUBSCRIPTIONS, ASKED)
    changed(app, "a")
    old = app.get("/latest").json["currentOffset"]
    app.clock.advance(DAYS_KEPT / 1000 + 1)
    app.renew()
    changed(app, "b")

    assert [app.get(f"/offset/{one}/next").status_code for one in (old, "nonsense")] == [404, 404]
    assert app.get("/batch/earliest/9").json["results"][0]["currentOffset"] != old


@pytest.mark.parametrize("end", ["204", "same"])
def test_the_end_is_answered_either_way(end: str) -> None:
    """Nothing new is an empty 204, or the same place once more."""
    app = App(journal_end=end)
    app.post(SUBSCRIPTIONS, ASKED)
    changed(app, "a")
    last = app.get("/latest").json["currentOffset"]
    found = app.get(f"/offset/{last}/next")

    assert (found.status_code, found.json and found.json["currentOffset"]) == (
        (204, None) if end == "204" else (200, last)
    )


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", f"{JOURNAL}/latest?limit=5", None, 501),
        ("GET", f"{JOURNAL}/batch/earliest/0", None, 400),
        ("GET", f"{JOURNAL}/batch/earliest/many", None, 400),
        ("GET", f"{JOURNAL}/latest?installPortalId=mine", None, 400),
        ("GET", "/webhooks-journal/journal-local/2026-03/latest", None, 501),
        ("GET", "/webhooks/v4/journal/latest", None, 501),
        ("POST", "/webhooks-journal/snapshots/2026-03/crm", {"snapshotRequests": []}, 501),
        ("POST", f"{SUBSCRIPTIONS}/filters", {}, 501),
        ("POST", SUBSCRIPTIONS, {**ASKED, "listIds": []}, 501),
        ("POST", SUBSCRIPTIONS, {**ASKED, "subscriptionType": "LIST_MEMBERSHIP"}, 501),
        ("POST", SUBSCRIPTIONS, {**ASKED, "actions": ["GDPR_DELETE"]}, 400),
        ("POST", SUBSCRIPTIONS, {**ASKED, "portalId": 1}, 400),
        ("POST", SUBSCRIPTIONS, {"subscriptionType": "OBJECT"}, 400),
    ],
)
def test_what_is_unknown_or_wrong_is_refused(app: App, method: str, path: str, body: Any, status: int) -> None:
    """Parameters, paths, fields and values that the description does not have."""
    assert call(app.box, method, path, body, token=app.token).status_code == status


def test_it_takes_the_scopes_and_the_token_of_an_app() -> None:
    """No token, one of an account, and one without the scope open nothing."""
    few = App(scopes=frozenset(("developer.webhooks_journal.read",)))
    wrong = {"grant_type": "client_credentials", "client_id": "x", "client_secret": "y", "scope": ""}

    assert call(few.box, "GET", f"{JOURNAL}/latest").status_code == 403
    assert call(few.box, "GET", f"{JOURNAL}/latest", token="nobody").status_code == 401
    assert call(few.box, "GET", SUBSCRIPTIONS, token=few.token).status_code == 403
    assert few.get("/latest").status_code == 204
    assert form(few.box, "/oauth/v1/token", wrong).status_code == 400
