"""Buffer's quirks: one address for everything, errors within a 200, limits by window, figures that go on changing."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from connectors.base import Raw, StreamPage
from connectors.buffer import ACCOUNT, POSTS
from connectors.errors import BadCredentials, Later, Misread, Spent, TooNarrow
from mapping.facts import Campaign
from sandbox.buffer import BufferSandbox, Switches
from sandbox.clock import SimClock
from tests.connectors.joined import Joined, joined

KEY = {"api_key": "sandbox-buffer-demo"}
APP = {"client_id": "sandbox-client", "client_secret": "sandbox-client-secret"}


def opened(audience: str = "", *, day: int = 100, quotas: bool = True, **switches: object) -> Joined:
    clock = SimClock()
    box = BufferSandbox(clock=clock, day=day, quotas=quotas, switches=Switches(**switches))  # type: ignore[arg-type]
    return joined("buffer", box, clock, KEY, audience=audience)


def read(one: Joined, *, full: bool = False) -> list[Raw]:
    """What the posts say from the cursor on."""
    pages: list[StreamPage] = list(one.connector.stream_pages("posts", one.cursor, full=full))
    one.cursor = pages[-1].cursor
    return [raw for page in pages for raw in page.items]


def campaigns(one: Joined, items: list[Raw]) -> list[Campaign]:
    return [made for raw in items for made in one.connector.facts("posts", raw).campaigns]


def test_a_post_becomes_a_campaign_with_its_figures() -> None:
    """Counts are figures in Buffer's words; a rate follows from them, and is none. The title is one short line."""
    one = opened()
    post = one.sandbox.human_publish("Rye at seven.  " + "Come early! " * 20 + "\n\nOr late.", "linkedin")
    one.sandbox.human_engage(post, reactions=12, comments=2, reach=400)

    (found,) = campaigns(one, read(one))

    assert found.remote_id == post
    assert found.title.startswith("linkedin: Rye at seven. Come early!")
    assert (len(found.title), found.title[-1]) == (80, "…")
    assert (found.channel, found.figures) == ("social", {"reactions": 12, "comments": 2, "reach": 400})
    assert found.at == round(one.sandbox.state.posts[post].sent.timestamp() * 1000)


def test_what_is_not_published_yet_is_not_told() -> None:
    """A planned post reached nobody; figures that a network did not tell are missing, not zero."""
    one = opened()
    one.sandbox.human_schedule("Tomorrow", days=1)
    one.sandbox.human_publish("Today")

    (found,) = campaigns(one, read(one))

    assert (found.title, found.figures) == ("instagram: Today", {})


@pytest.mark.parametrize("undated", [True, False])
def test_a_post_from_past_buffer_is_read_at_the_latest_with_a_full_reading(undated: bool) -> None:
    """It may have no due date, by which what changed is asked for."""
    one = opened(undated=undated)
    one.sandbox.human_publish("First")
    read(one)
    one.clock.advance(3600)
    native = one.sandbox.human_publish_elsewhere("From the telephone")

    soon = {raw.remote_id for raw in read(one)}
    whole = {raw.remote_id for raw in read(one, full=True)}

    assert (native in soon) is not undated
    assert native in whole


def test_figures_of_a_month_are_looked_at_again_and_older_ones_left() -> None:
    """Each reading after the first asks for the posts of the last thirty days."""
    one = opened()
    old = one.sandbox.human_publish("Long ago")
    one.clock.advance(40 * 86_400)
    new = one.sandbox.human_publish("Now")
    read(one)
    for post in (old, new):
        one.sandbox.human_engage(post, reactions=5)
    one.clock.advance(600)

    again = campaigns(one, read(one))

    assert [(made.remote_id, made.figures) for made in again] == [(new, {"reactions": 5})]


def test_one_key_opens_several_organizations() -> None:
    """Each is an audience of its own, and only the chosen one's posts are read."""
    one = opened()
    other = one.sandbox.human_organization("The Mill")
    one.sandbox.human_publish("Ours")
    theirs = one.sandbox.human_publish("Theirs", organization=other)
    at_the_mill = joined("buffer", one.sandbox, one.clock, KEY, audience=other)

    account = one.connector.check()

    assert [choice.label for choice in account.audiences] == ["The Bakery", "The Mill"]
    assert [made.title for made in campaigns(one, read(one))] == ["instagram: Ours"]
    assert [raw.remote_id for raw in read(at_the_mill)] == [theirs]
    with pytest.raises(Misread, match="Organization not found"):
        read(opened("nobody's"))


@pytest.mark.parametrize("strangers", [401, 200])
def test_an_error_within_200_says_who_must_act(strangers: int) -> None:
    """A key that is not known is one, by its status or by its code."""
    one = opened(strangers=strangers)
    stranger = joined("buffer", one.sandbox, one.clock, {"api_key": "sandbox-buffer-nobody"})

    with pytest.raises(BadCredentials):
        stranger.connector.check()


@pytest.mark.parametrize(("code", "failure"), [("FORBIDDEN", TooNarrow), ("UNEXPECTED", Later), ("ANYTHING", Misread)])
def test_a_code_decides_what_an_error_is(code: str, failure: type[Exception]) -> None:
    """The status is 200 each time."""
    one = opened()
    body = {"data": None, "errors": [{"message": "No", "extensions": {"code": code}}]}
    told = one.wire.send

    def answered(*given: object) -> object:
        answer = told(*given)  # type: ignore[arg-type]
        return type(answer)(200, answer.headers, json.dumps(body).encode())

    one.wire.send = answered  # type: ignore[method-assign, assignment]

    with pytest.raises(failure, match="No"):
        one.connector.check()


def test_a_failure_of_the_server_is_passed_over() -> None:
    """Within a 200, too: nothing here changes anything, so it is asked again."""
    one = opened()
    one.sandbox.human_publish("Rye at seven")
    one.sandbox.faults.add("error_before", times=2)

    assert len(read(one)) == 1
    assert one.sandbox.faults.seen["error_before"] == 2


@pytest.mark.parametrize("hint", ["body", "header"])
def test_a_full_quarter_of_an_hour_is_told_with_its_end(hint: str) -> None:
    """Another program spent it: the 429 says when to come again, in its body or in a header."""
    one = opened(hint=hint, day=10_000)
    one.connector.check()
    for _ in range(99):
        one.sandbox._starts.append(one.clock())

    with pytest.raises(Later) as caught:
        one.connector.check()

    assert 800 < caught.value.after <= 901


def test_a_spent_day_is_not_slept_through() -> None:
    """A hundred calls in a day is the smallest plan: the next one is refused here, and nobody waits for tomorrow."""
    one = opened(quotas=False)
    for _ in range(100):
        one.connector.check()
    one.clock.advance(901)
    started = one.clock.now

    with pytest.raises(Spent, match="100 calls in 24 hours"):
        one.connector.check()

    assert len(one.wire.sent) == 100
    assert one.clock.now - started < timedelta(seconds=60)


@pytest.mark.parametrize(("stated", "calls"), [("policy", 500), ("plain", 100)])
def test_a_larger_plan_is_learned_from_the_policies(stated: str, calls: int) -> None:
    """They name their windows. A limit without one may be anybody's, and changes nothing."""
    one = opened(stated=stated, day=500)

    one.connector.check()

    assert one.connector.pace is not None
    day = next(shared.window for shared in one.connector.pace._windows if shared.window.seconds == 86_400)
    assert day.calls == calls


def test_a_refresh_token_is_stored_before_it_is_used() -> None:
    """It serves once, and one used twice ends everything: a crash right after the renewal loses nothing."""
    one = opened()
    one.sandbox.human_publish("Rye at seven")
    grant = one.sandbox.app_access.begin()
    kept: list[dict[str, str]] = []

    def keep_and_crash(parts: object) -> None:
        kept.append(dict(parts))  # type: ignore[call-overload]
        raise KeyboardInterrupt

    tokens = {name: grant[name] for name in ("access_token", "refresh_token")}
    first = joined("buffer", one.sandbox, one.clock, {**APP, **tokens}, renewed=keep_and_crash)
    one.clock.advance(3601)
    with pytest.raises(KeyboardInterrupt):
        first.connector.check()
    second = joined("buffer", one.sandbox, one.clock, kept[0])

    assert len(read(second)) == 1
    assert kept[0]["refresh_token"] != grant["refresh_token"]


@pytest.mark.parametrize("query", [ACCOUNT, POSTS])
def test_a_query_is_graphql(query: str) -> None:
    """By a parser that is neither ours nor the emulator's."""
    graphql = pytest.importorskip("graphql")

    (operation,) = graphql.parse(query).definitions

    assert operation.operation.value == "query"
