"""Sprout Social's quirks: people are whoever wrote, questions break off, and what a message is stands in its type."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connectors.errors import BadCredentials, TooNarrow
from connectors.sprout import Sprout, kind
from mapping.facts import By, Campaign, Channel, Touch, Touchpoint, Way
from sandbox.clock import SimClock
from sandbox.sprout import CUSTOMER, SproutSandbox, Switches
from tests.connectors.joined import Joined, joined

TOKEN = {"api_token": "sandbox-sprout-demo"}


def opened(*, quotas: bool = True, most: int = 10_000, **switches: object) -> Joined:
    clock = SimClock()
    box = SproutSandbox(clock=clock, quotas=quotas, most=most, switches=Switches(**switches))  # type: ignore[arg-type]
    return joined("sprout", box, clock, TOKEN)


def touches(one: Joined) -> list[Touchpoint]:
    pages = one.connector.stream_pages("messages", None, full=True)
    return [touch for page in pages if page.facts is not None for touch in page.facts.touchpoints]


def campaigns(one: Joined, cursor: Any = None) -> tuple[list[Campaign], Any]:
    found: list[Campaign] = []
    for page in one.connector.stream_pages("posts", cursor):
        found += [made for item in page.items for made in one.connector.facts("posts", item).campaigns]
        cursor = page.cursor
    return found, cursor


def test_people_are_whoever_wrote_each_once() -> None:
    """By the id that the network gave them, under the name that their last message shows."""
    one = opened()
    ada = one.sandbox.human_write("Ada", "ada_berg")
    for name in ("Ada B.", "Ada Berg"):
        one.clock.advance(60)
        one.sandbox.human_write(name, "ada_berg", guid=ada)
    bo = one.sandbox.human_write("Bo", kind="INSTAGRAM_COMMENT")

    people = one.pull()

    assert set(people) == {ada, bo}
    assert people[ada].fields == {"name": "Ada Berg", "handle": "ada_berg"}
    assert (people[ada].addresses, people[ada].consent, people[ada].subscribed) == ((), (), None)


@pytest.mark.parametrize("prefixed", [True, False])
def test_what_the_business_writes_is_nobodys(prefixed: bool) -> None:
    """However ids are written, its own profiles are no people, and what they sent is no touchpoint."""
    one = opened(prefixed=prefixed)
    one.sandbox.human_publish("Rye at seven")
    ada = one.sandbox.human_write("Ada")

    assert set(one.pull()) == {ada}
    assert [touch.who for touch in touches(one)] == [ada]


@pytest.mark.parametrize(
    ("post_type", "what", "where"),
    [
        ("FACEBOOK_POST_COMMENT", Touch.COMMENTED, Channel.SOCIAL),
        ("INSTAGRAM_DIRECT_MESSAGE", Touch.CHATTED, Channel.CHAT),
        ("FACEBOOK_MESSENGER", Touch.CHATTED, Channel.CHAT),
        ("WHATSAPP", Touch.CHATTED, Channel.CHAT),
        ("GOOGLE_REVIEW", Touch.REVIEWED, Channel.SOCIAL),
        ("TWITTER_REPLY", Touch.COMMENTED, Channel.SOCIAL),
        ("TWEET", Touch.MENTIONED, Channel.SOCIAL),
    ],
)
def test_what_a_message_is_follows_from_its_type(post_type: str, what: Touch, where: Channel) -> None:
    """A post of somebody else's mentions the business."""
    assert kind(post_type) == (what, where)


@pytest.mark.parametrize("sentiment", [True, False])
def test_a_message_is_a_touchpoint_of_a_person_with_its_tone(sentiment: bool) -> None:
    """Where the plan tells a tone. Its number makes it the same each time."""
    one = opened(sentiment=sentiment)
    ada = one.sandbox.human_write("Ada", kind="FACEBOOK_COMMENT", tone="negative")

    (first,), (second,) = touches(one), touches(one)

    assert first == second
    assert (first.who, first.kind, first.way, first.by) == (ada, Touch.COMMENTED, Way.IN, By.PERSON)
    assert first.sentiment == (-1.0 if sentiment else None)
    assert first.detail == "facebook comment"


def test_a_window_that_breaks_off_is_read_in_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one question so many results are told and no word that there are more."""
    messages, posts = Sprout.feeds
    pager = replace(messages.collection.pager, most=300)  # type: ignore[type-var]
    few = replace(messages, collection=replace(messages.collection, pager=pager))
    monkeypatch.setattr(Sprout, "feeds", (few, posts))
    one = opened(most=300, quotas=False)
    start = one.clock() - timedelta(days=20)
    one.sandbox.load({"name": f"Name {n}", "at": start + timedelta(minutes=n)} for n in range(1000))

    assert len(one.pull()) == 1000


def test_figures_of_posts_are_read_again_for_a_month() -> None:
    """What a network does not count is missing, not zero; older posts are left."""
    one = opened()
    old = one.sandbox.human_publish("Old")
    one.clock.advance(40 * 86_400)
    new = one.sandbox.human_publish("Rye at seven", "instagram")
    one.sandbox.human_engage(new, impressions=400, reactions=12)
    _, cursor = campaigns(one)
    for post in (old, new):
        one.sandbox.human_engage(post, reactions=1)
    one.clock.advance(600)

    again, _ = campaigns(one, cursor)

    assert [(made.remote_id, made.title) for made in again] == [(new, "instagram: Rye at seven")]
    assert again[0].figures == {"impressions": 400, "reactions": 13}
    assert again[0].channel == "social"


def test_pages_of_posts_end_with_the_last_one() -> None:
    """The one after it would be refused."""
    one = opened(quotas=False)
    at = one.clock() - timedelta(days=3)
    one.sandbox.load({"text": f"Loaf {n}", "network": "facebook", "at": at, "figures": {}} for n in range(100))

    found, _ = campaigns(one)

    assert len({made.remote_id for made in found}) == 100


def test_somebody_is_read_by_their_newest_message() -> None:
    """Many in one question; who took everything back is not told to be gone."""
    one = opened()
    people = [one.sandbox.human_write(f"Name {n}") for n in range(30)]
    one.clock.advance(60)
    one.sandbox.human_write("Ada Berg", guid=people[0])
    one.sandbox.human_delete(people[1])
    one.connector.check()
    before = len(one.wire.sent)

    found = one.connector.read(people)

    assert set(found) == set(people) - {people[1]}
    assert found[people[0]] is not None
    assert one.connector.decode(found[people[0]]).fields["name"] == "Ada Berg"  # type: ignore[arg-type]
    assert len(one.wire.sent) - before <= 5
    assert one.connector.find(["ada@example.org"], ["p1"]) == {}


def test_an_answer_that_is_none_yet_is_asked_for_again() -> None:
    """202: nothing is taken from it."""
    one = opened()
    ada = one.sandbox.human_write("Ada")
    one.connector.check()
    one.sandbox.unready = 2

    assert set(one.pull()) == {ada}


def test_a_minute_holds_sixty_calls() -> None:
    """No header says so: the pace keeps to it by itself."""
    one = opened()
    started = one.clock.now
    for _ in range(130):
        one.connector.check()

    assert {sent.url.rpartition("/")[2] for sent in one.wire.sent} == {"client"}
    assert len(one.wire.sent) == 130
    assert one.clock.now - started >= timedelta(minutes=2)


def test_the_customer_is_an_audience() -> None:
    """Its number stands in each path; one that the token does not open is refused."""
    one = opened()
    other = joined("sprout", one.sandbox, one.clock, TOKEN, audience="4711")
    stranger = joined("sprout", one.sandbox, one.clock, {"api_token": "sandbox-sprout-nobody"})

    account = one.connector.check()

    assert [(choice.id, choice.label) for choice in account.audiences] == [(str(CUSTOMER), "The Bakery")]
    with pytest.raises(TooNarrow):
        other.pull()
    with pytest.raises(BadCredentials):
        stranger.connector.check()


def test_a_customer_without_profiles_says_so() -> None:
    """There is nothing to ask for."""
    one = opened()
    one.sandbox.state.profiles.clear()

    with pytest.raises(TooNarrow, match="no social profile"):
        one.pull()
