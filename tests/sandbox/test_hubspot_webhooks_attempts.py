"""When HubSpot tells again, and when no more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.hubspot import HubSpotSandbox
from sandbox.platform import SimClock
from tests.sandbox.webhooks_listener import Listener, listening


@pytest.fixture
def box() -> HubSpotSandbox:
    return HubSpotSandbox(clock=SimClock(), quotas=False)


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as found:
        yield found


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
def test_ten_more_attempts_within_a_day(box: HubSpotSandbox, status: int) -> None:
    """
    4xx and 5xx are tried again ten times over at most 24 hours, each with a new stamp, the same events, and a number.
    """
    with listening(lambda _: status) as listener:
        box.human_set_webhooks(f"{listener.url}/", ["contact.creation"])
        box.human_create({"email": "ada@post.example"})
        began = box.clock()
        while (due := box.postman.next_due()) is not None:
            box.clock.advance(max(0.0, (due - box.clock()).total_seconds()))
            box.postman.step()
        passed = (box.clock() - began).total_seconds()

    assert [one.events[0]["attemptNumber"] for one in listener.posts] == list(range(11))
    assert len({one.events[0]["eventId"] for one in listener.posts}) == 1
    assert len({one.headers["X-HubSpot-Request-Timestamp"] for one in listener.posts}) == 11
    assert 12 * 3600 < passed < 24 * 3600


def test_attempts_are_spread_at_random(box: HubSpotSandbox, listener: Listener) -> None:
    """
    Notifications that failed together are not all due together again.
    """
    listener.answer = lambda _: 503
    box.human_set_webhooks(f"{listener.url}/", ["contact.creation"])
    for number in range(20):
        box.human_create({"email": f"p{number}@post.example"})
    box.postman.step()

    assert len({notice.due for notice in box.state.outbox.notices.values()}) == 20


def test_no_answer_in_time_and_nobody_there(box: HubSpotSandbox) -> None:
    """
    A listener that hangs and one that is gone are tried again, and heard when they are back.
    """
    with listening(lambda _: 0) as listener:
        box.mailroom.patience = 0.05
        box.human_set_webhooks(f"{listener.url}/", ["contact.creation"])
        box.human_create({"email": "ada@post.example"})
        assert [one.status for one in box.postman.step()] == [None]
    box.mailroom.patience = 5.0
    box.clock.advance(600)
    assert [one.status for one in box.postman.step()] == [None]
    with listening() as listener:
        box.human_set_webhooks(f"{listener.url}/", ["contact.creation"])
        box.clock.advance(3600)
        assert [one.status for one in box.postman.step()] == [200]

    assert listener.events[0]["attemptNumber"] == 2
    assert box.postman.waiting() == 0


def test_what_waits_is_part_of_the_state(box: HubSpotSandbox, listener: Listener) -> None:
    """
    A snapshot holds what has not been told; restored, it is told again, as a vendor that crashed would.
    """
    box.human_set_webhooks(f"{listener.url}/", ["contact.creation"])
    box.human_create({"email": "ada@post.example"})
    kept = box.snapshot()
    box.postman.deliver()
    box.restore(kept)
    box.postman.deliver()

    assert len(listener.events) == 2
    assert listener.events[0] == listener.events[1]
