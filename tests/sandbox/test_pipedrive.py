"""The Pipedrive emulator's refusals, budgets and events; what it answers is checked through the connector."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sandbox.clock import SimClock
from sandbox.pipedrive import PipedriveSandbox

HEADERS = {"x-api-token": "sandbox-pipedrive-demo"}
PERSONS = "/api/v2/persons"


def box(**more: Any) -> PipedriveSandbox:
    return PipedriveSandbox(clock=SimClock(step=timedelta(0)), **more)


def test_what_it_does_not_know_it_refuses() -> None:
    """An unknown path, parameter or field is answered 501, and noted."""
    one = box()
    client = one.app.test_client()

    answers = [
        client.get("/api/v2/deals", headers=HEADERS),
        client.get(f"{PERSONS}?filter_id=1", headers=HEADERS),
        client.post(PERSONS, headers=HEADERS, json={"name": "Ada", "shoe_size": 40}),
        client.get(f"{PERSONS}?include_fields=picture", headers=HEADERS),
    ]

    assert [answer.status_code for answer in answers] == [501] * 4
    assert len(one.refused) == 4


def test_a_burst_and_a_day_have_limits() -> None:
    """So many calls in any 2 seconds, and a budget of tokens by kind of call."""
    one = box(burst=3, daily=70)
    client = one.app.test_client()

    burst = [client.get(PERSONS, headers=HEADERS).status_code for _ in range(4)]
    one.clock.advance(3)
    spent = client.get(PERSONS, headers=HEADERS)
    one.clock.advance(86_400)
    tomorrow = client.get(PERSONS, headers=HEADERS)

    assert burst == [200, 200, 200, 429]
    assert (spent.status_code, spent.headers["x-daily-requests-left"]) == (429, "0")
    assert (tomorrow.status_code, tomorrow.headers["x-daily-requests-left"]) == (200, "50")


def test_a_cursor_meets_everybody_once_while_people_change() -> None:
    """Whoever changes during a walk by update time is met again behind; nobody is skipped."""
    one = box(quotas=False)
    one.load({"name": f"Person {n}", "emails": [f"p{n}@example.org"]} for n in range(9))
    client = one.app.test_client()
    query, met = "sort_by=update_time&limit=3", []

    cursor = ""
    while True:
        answer = client.get(f"{PERSONS}?{query}{cursor}", headers=HEADERS).json
        assert answer is not None
        met += [person["id"] for person in answer["data"]]
        if len(met) == 3:
            one.human_update(met[0], {"first_name": "Augusta"})
        following = answer["additional_data"].get("next_cursor")
        if not following:
            break
        cursor = f"&cursor={following}"

    assert sorted(set(met)) == sorted(one.state.persons)
    assert met[-1] == met[0]


def test_a_merge_is_two_events_that_name_each_other() -> None:
    """The one that is merged is told as deleted with where it went; the other as changed."""
    one = box(quotas=False)
    hook = {"subscription_url": "https://hooks.bakery.example", "event_action": "*", "event_object": "person"}
    one.app.test_client().post("/v1/webhooks", headers=HEADERS, json={**hook, "version": "2.0"})
    loser, winner = one.human_create("Ada Berg", "a@example.org"), one.human_create("Ada Berg", "ada@example.org")
    one.state.outbox.notices.clear()

    one.human_merge(loser, winner)

    events = [notice.event for notice in one.state.outbox.notices.values()]
    assert [(event["meta"]["action"], event["meta"]["entity_id"]) for event in events] == [
        ("delete", str(loser)),
        ("change", str(winner)),
    ]
    assert events[0]["previous"]["merged_to_id"] == winner


def test_a_status_changes_once_and_leaving_is_always_taken() -> None:
    """A change that is not allowed is answered 200 and does nothing."""
    one = box(quotas=False)
    number = one.human_create("Ada Berg", "ada@example.org")
    client = one.app.test_client()

    seen = []
    for status in ("subscribed", "archived", "unsubscribed", "subscribed"):
        answer = client.patch(f"{PERSONS}/{number}", headers=HEADERS, json={"marketing_status": status}).json
        assert answer is not None
        seen.append(answer["data"]["marketing_status"])

    assert seen == ["subscribed", "subscribed", "unsubscribed", "unsubscribed"]
