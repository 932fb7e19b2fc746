"""`regulars sandbox` tells as it is served: nobody steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from regulars.street import HUBSPOT_TOKEN, MAILCHIMP_KEY, Street, build, load, open_street
from sandbox.mailchimp import LIST
from tests.sandbox.webhooks_listener import Heard, Listener, listening

Json = dict[str, Any]
SECONDS = 30  # for a machine that is busy; nothing waits that long


def edit(address: str, action: str, **arguments: Any) -> Any:
    body = {"action": action, "arguments": arguments}
    answer = requests.post(f"{address}/_sandbox/edit", json=body, timeout=SECONDS)
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]


def heard(listener: Listener, wanted: Callable[[Heard], bool]) -> Heard:
    """The first request that is wanted, as soon as it is there."""
    while True:
        for one in listener.posts:
            if wanted(one):
                return one
        listener.arrived.clear()
        assert any(map(wanted, listener.posts)) or listener.arrived.wait(SECONDS)


def street() -> Street:
    return build(people=12, seed=3, campaigns=0)


def test_a_served_street_tells(tmp_path: Path) -> None:
    """
    Both platforms tell of a person's edit by themselves; a stop and a start loses none of what waits.
    """
    kept = tmp_path / "street"
    with listening() as listener:
        with open_street(street(), (0, 0), kept) as (hubspot, mailchimp):
            edit(hubspot, "set_webhooks", url=f"{listener.url}/hubspot", events=["contact.creation"])
            hook = {"url": f"{listener.url}/mailchimp", "events": {"subscribe": True}, "sources": {"user": True}}
            made = requests.post(
                f"{mailchimp}/3.0/lists/{LIST}/webhooks", json=hook, auth=("x", MAILCHIMP_KEY), timeout=SECONDS
            )
            assert made.status_code == 200, made.text
            id = edit(hubspot, "create", props={"email": "ada@post.example"})
            edit(mailchimp, "subscribe", email="ada@post.example")
            heard(listener, lambda one: one.path == "/hubspot" and one.events[0]["objectId"] == int(id))
            heard(listener, lambda one: one.path == "/mailchimp" and one.form["data[email]"] == "ada@post.example")
            listener.answer = lambda one: 503
            edit(hubspot, "create", props={"email": "bob@post.example"})
            heard(listener, lambda one: one.path == "/hubspot" and len(listener.posts) > 2)
        again = load(kept)

    assert [one.event["subscriptionType"] for one in again.hubspot.state.outbox.notices.values()] == [
        "contact.creation"
    ]
    assert again.hubspot.state.hook_settings is not None
    assert HUBSPOT_TOKEN in again.hubspot.state.tokens
