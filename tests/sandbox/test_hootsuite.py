"""The Hootsuite emulator: its windows, its two ways of wording errors, its tokens, and its refusals."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from sandbox.clock import SimClock
from sandbox.hootsuite import HootsuiteSandbox
from sandbox.rotating import CLIENT, SECRET

KEY = {"Authorization": "Bearer sandbox-hootsuite-demo"}
BASIC = {"Authorization": "Basic " + b64encode(f"{CLIENT}:{SECRET}".encode()).decode()}
WEEKS = {"startTime": "2026-01-01T00:00:00Z", "endTime": "2026-01-29T00:00:00Z"}


@pytest.fixture
def box() -> HootsuiteSandbox:
    return HootsuiteSandbox(clock=SimClock())


def get(box: HootsuiteSandbox, path: str, **query: str) -> Any:
    return box.app.test_client().get(path, query_string=query, headers=KEY)


def posts(box: HootsuiteSandbox, filters: Any, **query: str) -> Any:
    asked = {"networkId": "FACEBOOKPAGE", **query}
    return box.app.test_client().post("/v1/analytics/posts", query_string=asked, json={"filters": filters}, headers=KEY)


def test_messages_come_by_window_state_and_cursor(box: HootsuiteSandbox) -> None:
    """Sorted by when they were to be sent."""
    box.human_send("One")
    box.human_send("Two")
    box.human_schedule("Three", days=1)

    first = get(box, "/v1/messages", state="SENT", limit="1", **WEEKS).json
    second = get(box, "/v1/messages", state="SENT", limit="1", cursor=first["metadata"]["cursor"]["next"], **WEEKS).json

    assert [one["text"] for one in first["data"] + second["data"]] == ["One", "Two"]
    assert second["metadata"]["cursor"]["next"] is None
    assert len(get(box, "/v1/messages", **WEEKS).json["data"]) == 3
    assert get(box, f"/v1/messages/{first['data'][0]['id']}").json["data"]["postId"].startswith("post-")


@pytest.mark.parametrize(
    "query",
    [
        {**WEEKS, "endTime": "2026-01-29T00:00:01Z"},
        {**WEEKS, "endTime": "2025-12-29T00:00:00Z"},
        {**WEEKS, "startTime": "soon"},
        {**WEEKS, "state": "LOST"},
        {**WEEKS, "limit": "101"},
        {**WEEKS, "cursor": "4711"},
    ],
)
def test_a_question_that_does_not_fit_is_refused(box: HootsuiteSandbox, query: dict[str, str]) -> None:
    """With a code and words."""
    found = get(box, "/v1/messages", **query)

    assert found.status_code == 400
    assert set(found.json["errors"][0]) == {"code", "message", "id"}


def test_analytics_words_its_errors_otherwise(box: HootsuiteSandbox) -> None:
    """A title, a status and details; profiles are needed, and times are bounded."""
    box.human_send("Rye at seven")
    mine = {"profileId": {"in": [box.profile_of("FACEBOOKPAGE")]}}
    far = {"timespan": {"since": "2025-11-01"}}

    wrong = [posts(box, {}), posts(box, {**mine, "lastModified": far}), posts(box, mine, networkId="LINKEDIN")]

    assert [one.status_code for one in wrong] == [422, 422, 422]
    assert {one.json["title"] for one in wrong} == {"invalid-argument"}
    assert [one["content"] for one in posts(box, {**mine, "reportingPeriod": far}).json["data"]] == ["Rye at seven"]


def test_what_it_does_not_know_it_refuses(box: HootsuiteSandbox) -> None:
    """Answered 501, and noted."""
    get(box, "/v1/messages", includeUnscheduledReviewMsgs="true", **WEEKS)
    get(box, "/v1/media/1")
    posts(box, {"profileId": {"in": ["1"]}, "tags": []})

    assert len(box.refused) == 3
    assert get(box, "/v1/messages/4711").status_code == 404


def test_tokens_hold_an_hour_and_renew_once(box: HootsuiteSandbox) -> None:
    """By HTTP Basic alone; used a second time, a refresh token is refused, and what was given stays."""
    grant = box.app_access.begin()
    form = {"grant_type": "refresh_token", "refresh_token": grant["refresh_token"]}
    client = box.app.test_client()
    box.clock.advance(3600)
    expired = client.get("/v1/me", headers={"Authorization": f"Bearer {grant['access_token']}"})

    in_form = client.post("/oauth2/token", data={**form, "client_id": CLIENT, "client_secret": SECRET})
    renewed: Any = client.post("/oauth2/token", data=form, headers=BASIC).json
    again = client.post("/oauth2/token", data=form, headers=BASIC)
    other = client.post("/oauth2/token", data={"grant_type": "password"}, headers=BASIC)

    assert (expired.status_code, in_form.status_code) == (401, 401)
    assert (again.status_code, other.status_code) == (400, 400)
    assert box.app_access.holds(renewed["access_token"])


def test_a_code_is_allowed_in_the_browser_and_serves_once(box: HootsuiteSandbox) -> None:
    """For the redirect address that it was asked for with."""
    client = box.app.test_client()
    back = "http://localhost:8723/"
    asked = {"response_type": "code", "client_id": CLIENT, "redirect_uri": back, "state": "s", "scope": "offline"}
    page = client.get("/oauth2/auth", query_string=asked)
    (code,) = box.app_access.codes
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back}

    first = client.post("/oauth2/token", data=form, headers=BASIC)
    again = client.post("/oauth2/token", data=form, headers=BASIC)

    assert code in page.get_data(as_text=True)
    assert (first.status_code, again.status_code) == (200, 400)


def test_quotas_by_second_and_day_are_told() -> None:
    """20 and 100,000; both refuse in the same words."""
    clock = SimClock()
    box = HootsuiteSandbox(clock=clock, a_second=2, a_day=3)

    statuses = []
    for _ in range(4):
        statuses.append(get(box, "/v1/me").status_code)
        if statuses[-1] == 429:
            clock.advance(1)
    last = get(box, "/v1/me")

    assert statuses == [200, 200, 429, 200]
    assert last.status_code == 429
    assert (last.headers["X-Account-Quota"], last.headers["X-Account-Quota-Used"]) == ("3 per day", "3")
    assert last.json["errors"][0]["code"] == 1003


def test_webhooks_come_in_batches_and_conversations_alone(box: HootsuiteSandbox) -> None:
    """Five seconds are gathered; the inbox repeats after hours."""
    box.human_set_webhooks("https://hooks.bakery.example", "sandbox-shared-secret")
    for n in range(3):
        box.human_send(f"Loaf {n}")
        box.human_resolve(f"contact-{n}")
    box.clock.advance(6)
    room = box.mailroom

    letters = room.pack(room.due(box.clock()))

    assert [len(letter.notices) for letter in letters] == [3, 1, 1, 1]
    assert room.wait(0) is not None
    assert room.wait(6) is None


def test_a_state_is_kept_and_restored(box: HootsuiteSandbox) -> None:
    """Messages, profiles and the sequence of events."""
    box.human_send("Rye at seven")
    kept = box.snapshot()
    box.state.messages.clear()

    box.restore(kept)

    assert [one["text"] for one in box.dump()] == ["Rye at seven"]
