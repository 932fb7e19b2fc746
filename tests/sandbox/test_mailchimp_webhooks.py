"""Mailchimp's webhooks: registered as described, signed as the guide says, tried again and switched off."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.sandbox.mailchimp_caller import ADA, Caller
from tests.sandbox.webhooks_listener import Heard, Listener, listening
from tests.sandbox.webhooks_mailchimp import ALL, HOOKS, advance_to_next, hook, told, verified


@pytest.fixture
def call() -> Caller:
    return Caller()


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as found:
        yield found


# -- registering -----------------------------------------------------------------------------------


def test_the_address_is_checked_by_a_get(call: Caller, listener: Listener) -> None:
    """
    A hook is made where a GET of its address, query included, gives 200, and refused where it does not.
    """
    made = call("POST", HOOKS, {"url": f"{listener.url}/in?secret=x", "events": {"subscribe": True}})
    listener.answer = lambda _: 404
    wrong = call("POST", HOOKS, {"url": f"{listener.url}/other"})
    gone = call("POST", HOOKS, {"url": "http://127.0.0.1:1/"})
    elsewhere = call("POST", HOOKS, {"url": "https://hooks.bakery.example/"})

    assert made.status_code == 200
    assert [(one.method, one.path, one.body) for one in listener.heard] == [
        ("GET", "/in?secret=x", b""),
        ("GET", "/other", b""),
    ]
    assert {call.title(answer) for answer in (wrong, gone, elsewhere)} == {(400, "Invalid Resource")}
    assert call("GET", HOOKS).json["total_items"] == 1


@pytest.mark.parametrize("way", ["POST", ""])
def test_the_other_ways_to_check(call: Caller, listener: Listener, way: str) -> None:
    """
    Accounts are said to check with an empty POST, too; or not at all.
    """
    call.box.mailroom.habits.check = way
    hook(call, f"{listener.url}/in")

    assert [(one.method, one.body) for one in listener.heard] == ([("POST", b"")] if way else [])


def test_the_secret_is_shown_once(call: Caller, listener: Listener) -> None:
    """
    Only the answer to the creation has the signing secret; a second hook for one address is refused.
    """
    made = hook(call, f"{listener.url}/in")
    again = call("POST", HOOKS, {"url": f"{listener.url}/in"})
    changed = call("PATCH", f"{HOOKS}/{made['id']}", {"events": {"campaign": False}}).json
    read = call("GET", f"{HOOKS}/{made['id']}").json
    listed = call("GET", HOOKS).json["webhooks"]

    assert made["signing_enabled"] is True
    assert len(made["signing_secret"]) == 64
    assert call.title(again) == (400, "Invalid Resource")
    assert changed == read == listed[0]
    assert read.keys() == {"id", "url", "events", "sources", "list_id", "signing_enabled"}
    assert (read["events"]["campaign"], read["events"]["profile"]) == (False, True)
    assert call("DELETE", f"{HOOKS}/{made['id']}").status_code == 204
    assert call("GET", HOOKS).json["total_items"] == 0


def test_flags_and_paths_that_make_no_sense(call: Caller, listener: Listener) -> None:
    """
    An address without a scheme, a hook that is not there, a source that is neither true nor false are refused.
    """
    wrong = call("POST", HOOKS, {"url": "bakery.example/in"})
    unknown = call("POST", HOOKS, {"url": f"{listener.url}/in", "sources": {"api": "no"}})
    strange = call("POST", HOOKS, {"url": f"{listener.url}/in", "events": {"opened": True}})

    assert call.title(wrong) == (400, "Invalid Resource")
    assert (unknown.status_code, strange.status_code) == (501, 501)
    assert call.title(call("GET", f"{HOOKS}/none")) == (404, "Resource Not Found")
    assert call("GET", HOOKS).json["total_items"] == 0


def test_two_hooks_of_one_audience(call: Caller, listener: Listener) -> None:
    """
    Each hears what it wants, with its own secret; what happened before the second was made is no news for it.
    """
    first = hook(call, f"{listener.url}/a", events={"profile": True})
    call.box.human_update(ADA, {"FNAME": "A."})
    second = hook(call, f"{listener.url}/b", events={"profile": True, "unsubscribe": True})
    call.box.human_update(ADA, {"FNAME": "B."})
    call.box.human_unsubscribe(ADA)
    call.box.postman.deliver()
    told_to = {path: [one for one in listener.posts if one.path == path] for path in ("/a", "/b")}

    assert [one.form["type"] for one in told_to["/a"]] == ["profile", "profile"]
    assert [one.form["type"] for one in told_to["/b"]] == ["profile", "unsubscribe"]
    for path, made in (("/a", first), ("/b", second)):
        assert all(verified(one, made["signing_secret"], call.box.clock()) for one in told_to[path])


def test_a_moved_hook_is_checked_again(call: Caller, listener: Listener) -> None:
    """
    A new address is asked before the hook points there.
    """
    made = hook(call, f"{listener.url}/in")
    moved = call("PATCH", f"{HOOKS}/{made['id']}", {"url": f"{listener.url}/new"})
    listener.answer = lambda _: 500
    refused = call("PATCH", f"{HOOKS}/{made['id']}", {"url": f"{listener.url}/newer"})

    assert moved.json["url"] == f"{listener.url}/new"
    assert call.title(refused) == (400, "Invalid Resource")
    assert call("GET", f"{HOOKS}/{made['id']}").json["url"] == f"{listener.url}/new"


# -- signatures ------------------------------------------------------------------------------------


def test_signatures_hold_by_the_guide(call: Caller, listener: Listener) -> None:
    """
    A delivery is signed over its raw form body with the hook's own secret, at the time of the attempt.
    """
    secret = hook(call, f"{listener.url}/in")["signing_secret"]
    call.box.human_update(ADA, {"FNAME": "Ådä & Söhne", "LNAME": "O'Neil"})
    call.box.postman.deliver()
    (one,) = listener.posts

    assert one.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert verified(one, secret, call.box.clock())
    assert not verified(one, secret + "x", call.box.clock())
    assert one.form["data[merges][FNAME]"] == "Ådä & Söhne"


def test_hooks_of_old_are_unsigned(call: Caller, listener: Listener) -> None:
    """
    A hook that was made before there were signatures has no secret but the one in its address.
    """
    call.box.mailroom.habits.signed = False
    made = hook(call, f"{listener.url}/in?secret=long")
    call.box.human_update(ADA, {"FNAME": "A."})
    call.box.postman.deliver()

    assert made["signing_enabled"] is False
    assert "signing_secret" not in made
    assert listener.posts[0].headers["X-Mailchimp-Signature"] is None
    assert listener.posts[0].path == "/in?secret=long"


# -- attempts --------------------------------------------------------------------------------------


def test_three_more_attempts_within_75_minutes(call: Caller, listener: Listener) -> None:
    """
    What fails is tried again three times at growing intervals, each time signed anew, and then dropped.
    """
    secret = hook(call, f"{listener.url}/in")["signing_secret"]
    stamps = []

    def refuse(one: Heard) -> int:
        assert verified(one, secret, call.box.clock())
        stamps.append(call.box.clock())
        return 500

    listener.answer = refuse
    call.box.human_update(ADA, {"FNAME": "A."})
    call.box.postman.deliver()
    while call.box.postman.waiting():
        advance_to_next(call.box)
        call.box.postman.deliver()
    waits = [(later - one).total_seconds() for one, later in pairwise(stamps)]

    assert len(stamps) == 4
    assert waits == sorted(waits)
    assert sum(waits) == pytest.approx(75 * 60, abs=1)
    assert len({one.body for one in listener.posts}) == 1


def test_410_switches_a_hook_off(call: Caller, listener: Listener) -> None:
    """
    410 ends a hook at once: no attempt more, nothing of what waits, and nothing new, until it is made again.
    """
    made = hook(call, f"{listener.url}/in")
    listener.answer = lambda _: 410
    call.box.human_update(ADA, {"FNAME": "A."})
    call.box.human_update(ADA, {"FNAME": "B."})
    call.box.postman.deliver()
    listener.answer = lambda _: 200
    call.box.human_update(ADA, {"FNAME": "C."})
    call("PATCH", f"{HOOKS}/{made['id']}", {"events": ALL})
    call.box.human_update(ADA, {"FNAME": "D."})

    assert told(call, listener) == []
    assert len(listener.posts) == 1
    assert call.box.postman.waiting() == 0
    assert call("DELETE", f"{HOOKS}/{made['id']}").status_code == 204
    hook(call, f"{listener.url}/in")
    call.box.human_update(ADA, {"FNAME": "E."})
    assert told(call, listener) == ["profile"]


@pytest.mark.parametrize("listed", [True, False])
def test_a_hook_that_keeps_failing_is_switched_off(call: Caller, listener: Listener, listed: bool) -> None:
    """
    After so many letters in a row that never got through a hook is off; the API shows it still, or no longer.
    """
    call.box.mailroom.habits.off_listed = listed
    call.box.mailroom.habits.failures = 2
    hook(call, f"{listener.url}/in")
    for text, status in (("A.", 500), ("B.", 200), ("C.", 500), ("D.", 500), ("E.", 200)):
        listener.answer = lambda _, status=status: status  # type: ignore[misc]
        call.box.human_update(ADA, {"FNAME": text})
        call.box.postman.deliver()
        while call.box.postman.waiting():
            advance_to_next(call.box)
            call.box.postman.deliver()

    names = [form["data[merges][FNAME]"] for form in listener.forms]
    assert names == [*["A."] * 4, "B.", *["C."] * 4, *["D."] * 4]
    assert call("GET", HOOKS).json["total_items"] == int(listed)
