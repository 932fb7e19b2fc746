"""What can go wrong between a vendor and a listener, on request, and who carries the letters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import requests
from hubspot.utils.signature import Signature
from werkzeug.test import Client

from sandbox.hubspot import HubSpotSandbox
from sandbox.mailchimp import MailchimpSandbox
from sandbox.platform import SimClock
from sandbox.server import serving
from sandbox.webhooks_mischief import Mischief
from sandbox.webhooks_postman import Postman, delivering
from tests.sandbox.webhooks_listener import Heard, Listener, listening
from tests.sandbox.webhooks_mailchimp import verified

PEOPLE = 60


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as found:
        yield found


def busy(listener: Listener, *, most: int = 1, **mischief: Any) -> HubSpotSandbox:
    """A portal that has many events to tell, so many at a time."""
    box = HubSpotSandbox(clock=SimClock(), quotas=False)
    box.mailroom.habits.most = most
    box.postman.mischief = Mischief(**mischief)
    box.human_set_webhooks(f"{listener.url}/", ["contact.creation"])
    for number in range(PEOPLE):
        box.human_create({"email": f"p{number}@post.example"})
    return box


def ids(listener: Listener) -> list[int]:
    return [event["objectId"] for event in listener.events]


# -- late, doubled, unordered, lost -----------------------------------------------------------------


def test_without_mischief_each_event_comes_once_and_in_order(listener: Listener) -> None:
    """
    A postman that is asked for nothing delivers everything, in order, in one step.
    """
    box = busy(listener)
    box.postman.step()

    assert ids(listener) == list(box.state.records)
    assert box.postman.counts == {"true": PEOPLE}


def test_lost(listener: Listener) -> None:
    """
    A lost letter never comes, not even later, and the log says which events it held.
    """
    box = busy(listener, lost=0.3, seed=1)
    box.postman.deliver()
    lost = [event["objectId"] for one in box.postman.log if one.kind == "lost" for event in one.events]

    assert 0 < len(lost) < PEOPLE
    assert sorted([*ids(listener), *lost]) == list(box.state.records)
    assert box.postman.waiting() == 0


def test_doubled(listener: Listener) -> None:
    """
    A doubled letter comes twice with the same events, each time signed anew.
    """
    box = busy(listener, doubled=0.3, seed=1)
    box.postman.deliver()
    counts = Counter(ids(listener))

    assert set(counts) == set(box.state.records)
    assert set(counts.values()) == {1, 2}
    assert box.postman.counts["doubled"] == sum(counts.values()) - PEOPLE
    assert len({one.headers["X-HubSpot-Request-Timestamp"] for one in listener.posts}) == len(listener.posts)


@pytest.mark.parametrize("most", [1, 7])
def test_unordered(listener: Listener, most: int) -> None:
    """
    Events are shuffled within letters and across them; none is missing.
    """
    box = busy(listener, most=most, unordered=True, seed=1)
    box.postman.step()
    expected = list(box.state.records)

    assert ids(listener) != expected
    assert sorted(ids(listener)) == expected
    assert any(sorted(chunk) != chunk for chunk in ([e["objectId"] for e in one.events] for one in listener.posts)) is (
        most > 1
    )


def test_late(listener: Listener) -> None:
    """
    A late letter comes once its time has come, after younger ones, and is delayed no second time.
    """
    box = busy(listener, late=0.5, late_by=120.0, seed=1)
    box.postman.step()
    early = len(ids(listener))
    box.clock.advance(120)
    box.postman.step()

    assert 0 < early < PEOPLE
    assert sorted(ids(listener)) == list(box.state.records)
    assert ids(listener) != list(box.state.records)


def test_the_same_seed_brings_the_same_accidents() -> None:
    """
    Two portals with one seed lose, double and shuffle alike; another seed does otherwise.
    """
    seen = []
    for seed in (5, 5, 6):
        with listening() as listener:
            box = busy(listener, lost=0.1, doubled=0.1, late=0.2, unordered=True, seed=seed)
            box.postman.step()
            box.clock.advance(60)
            box.postman.step()
            seen.append(ids(listener))

    assert seen[0] == seen[1]
    assert seen[0] != seen[2]


def test_a_wrong_trick_is_refused() -> None:
    """
    Rates lie between 0 and 1.
    """
    with pytest.raises(ValueError, match="lost is a rate"):
        Mischief(lost=10)


# -- forged, replayed ------------------------------------------------------------------------------


def strict(box: HubSpotSandbox, listener: Listener) -> None:
    """Let the listener verify v3 with the vendor's SDK, on the sandbox's clock, and refuse the rest."""

    def answer(one: Heard) -> int:
        stamp = one.headers.get("X-HubSpot-Request-Timestamp")
        if stamp is None or abs(box.clock().timestamp() * 1000 - int(stamp)) > 300_000:
            return 401
        expected = Signature.get_signature(
            box.client_secret, one.body.decode(), "v3", listener.url + one.path, "POST", stamp
        )
        return 204 if expected == one.headers["X-HubSpot-Signature-v3"] else 401

    listener.answer = answer


def test_forgeries_are_refused_by_who_verifies(listener: Listener) -> None:
    """
    Every kind of forgery fails the vendor's own check; the true letters beside them pass.
    """
    box = busy(listener, forged=0.8, seed=2)
    strict(box, listener)
    box.postman.deliver()
    forged = [one for one in box.postman.log if one.kind == "forged"]

    assert {one.how for one in forged} == set(box.mailroom.forgeries)
    assert {one.status for one in forged} == {401}
    assert [one.status for one in box.postman.log if one.kind == "true"] == [204] * PEOPLE


def test_a_downgrade_still_has_a_good_old_signature(listener: Listener) -> None:
    """
    A listener that would also take v1 takes a recording for ever: the forgery that takes v3 away shows it.
    """
    box = busy(listener)
    box.postman.step()
    letter, _ = box.postman._sent[0]
    listener.heard.clear()
    box.postman.forge(letter, "downgraded")
    (one,) = listener.posts

    assert one.headers["X-HubSpot-Signature-v3"] is None
    assert Signature.is_valid(one.headers["X-HubSpot-Signature"], box.client_secret, one.body.decode(), None, "", "v1")


def test_replays(listener: Listener) -> None:
    """
    A recorded request is sent again byte for byte: within five minutes it verifies, after that it is too old.
    """
    box = busy(listener, replayed=0.5, seed=3)
    strict(box, listener)
    box.postman.deliver()
    replayed = [one for one in box.postman.log if one.kind == "replayed"]
    soon = box.postman.replay(0)
    box.clock.advance(301)
    late = box.postman.replay(0)

    assert replayed
    assert {one.status for one in replayed} == {204}
    assert (soon.status, late.status) == (204, 401)
    assert listener.posts[0].body == listener.posts[-1].body
    assert listener.posts[0].headers.items() == listener.posts[-1].headers.items()


@pytest.mark.parametrize("signed", [True, False])
def test_forgeries_of_mailchimps_letters(listener: Listener, signed: bool) -> None:
    """
    A signed hook is forged by its signature, an unsigned one by its address.
    """
    box = MailchimpSandbox(clock=SimClock())
    box.mailroom.habits.signed = signed
    made = box.human_add_webhook(f"{listener.url}/in?secret=long", ["subscribe"])

    def answer(one: Heard) -> int:
        good = verified(one, made["signing_secret"], box.clock()) if signed else one.path == "/in?secret=long"
        return 204 if good else 401

    listener.answer = answer
    box.postman.mischief = Mischief(forged=0.9, replayed=0.2, seed=1)
    for number in range(20):
        box.human_subscribe(f"p{number}@post.example")
    box.postman.deliver()
    by_kind = {kind: {one.status for one in box.postman.log if one.kind == kind} for kind in box.postman.counts}

    assert by_kind == {"true": {204}, "forged": {401}, "replayed": {204}}
    assert {one.how for one in box.postman.log if one.kind == "forged"} == set(box.mailroom.forgeries)


def test_a_forgery_that_does_not_exist(listener: Listener) -> None:
    """
    Only the known kinds of forgery can be asked for.
    """
    box = busy(listener)
    box.postman.step()
    letter, _ = box.postman._sent[0]
    with pytest.raises(ValueError, match="no such forgery: polite"):
        box.postman.forge(letter, "polite")


# -- who carries them ------------------------------------------------------------------------------


def test_nothing_leaves_this_machine(listener: Listener) -> None:
    """
    An address elsewhere is never called; behind a proxy that leads here it is, signed for the public address.
    """
    box = HubSpotSandbox(clock=SimClock(), quotas=False)
    public = "https://hooks.bakery.example"
    box.human_set_webhooks(f"{public}/in/crm", ["contact.creation"])
    box.human_create({"email": "ada@post.example"})
    box.postman.step()
    assert box.postman.summary()["unreachable"] == [f"{public}/in/crm"]
    assert box.postman.log[-1].status is None

    box.mailroom.wire.proxy[public] = listener.url
    box.clock.advance(3600)
    box.postman.step()
    (one,) = listener.posts
    stamp = one.headers["X-HubSpot-Request-Timestamp"]
    wanted = Signature.get_signature(box.client_secret, one.body.decode(), "v3", f"{public}/in/crm", "POST", stamp)

    assert (one.path, one.headers["Host"]) == ("/in/crm", "hooks.bakery.example")
    assert one.headers["X-HubSpot-Signature-v3"] == wanted


def test_several_at_once_lose_nothing(listener: Listener) -> None:
    """
    With ten requests under way at a time each event comes exactly once.
    """
    box = busy(listener)
    Postman(box.mailroom, at_once=10).step()

    assert sorted(ids(listener)) == list(box.state.records)
    assert box.postman.waiting() == 0


def test_a_postman_in_the_background(listener: Listener) -> None:
    """
    In a served sandbox events go out as soon as they happen, without a step by anybody.
    """
    box = HubSpotSandbox(quotas=False)
    box.human_set_webhooks(f"{listener.url}/", ["contact.creation"])
    with serving(box) as url, delivering([box.postman], every=60.0):
        body = {"action": "create", "arguments": {"props": {"email": "ada@post.example"}}}
        requests.post(f"{url}/_sandbox/edit", json=body, timeout=10)
        assert listener.arrived.wait(30)

    assert [event["objectId"] for event in listener.events] == list(box.state.records)


def test_the_sandboxes_own_routes(listener: Listener) -> None:
    """
    ``/_sandbox/webhooks`` says what waits and what was sent, plays tricks on request, and steps.
    """
    box = busy(listener, most=100)
    http = Client(box.app)

    def post(path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        answer = http.post(f"/_sandbox/{path}", data=orjson.dumps(body))
        return answer.status_code, orjson.loads(answer.data)

    assert http.get("/_sandbox/webhooks").json == {"waiting": PEOPLE, "unreachable": []}
    assert post("webhooks", {"lost": 1.0, "seed": 4})[0] == 200
    assert post("webhooks/step", {}) == (200, {"delivered": 1})
    assert http.get("/_sandbox/webhooks").json == {"waiting": 0, "lost": 1, "unreachable": []}
    assert post("webhooks", {"eaten": 0.5})[0] == 400
    assert post("webhooks", {"lost": 7})[0] == 400
    assert post("settings", {"proxy": {"https://hooks.example": "http://192.0.2.1"}})[0] == 400
    assert post("settings", {"proxy": {"https://hooks.example": listener.url}})[0] == 200
    assert box.mailroom.wire.here("https://hooks.example/a?b=c") == f"{listener.url}/a?b=c"
    assert listener.heard == []
