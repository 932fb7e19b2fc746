"""Hootsuite's quirks: tokens that serve once, windows of four weeks, figures by network, webhooks of two kinds."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.base import Raw, StreamPage
from connectors.errors import BadCredentials, Later, Spent, TooNarrow
from connectors.hootsuite import HOOKS, hear, parts_of
from connectors.signing import Delivery, Doubt, doubt
from mapping.facts import By, Campaign, Channel, Touch, Way
from sandbox.clock import SimClock
from sandbox.hootsuite import HootsuiteSandbox, Switches
from tests.connectors.joined import Joined, joined

APP = {"client_id": "sandbox-client", "client_secret": "sandbox-client-secret"}
DEMO = {"access_token": "sandbox-hootsuite-demo", "refresh_token": "sandbox-refresh-0", **APP}
PUBLIC = "https://hooks.bakery.example/webhooks/hootsuite"
SECRET = "sandbox-shared-secret"


def opened(*, quotas: bool = True, a_day: int = 100_000, **switches: object) -> Joined:
    clock = SimClock()
    made = Switches(**switches)  # type: ignore[arg-type]
    box = HootsuiteSandbox(clock=clock, quotas=quotas, switches=made, a_day=a_day)
    return joined("hootsuite", box, clock, DEMO)


def read(one: Joined, name: str, *, full: bool = False) -> list[Raw]:
    pages: list[StreamPage] = list(one.connector.stream_pages(name, one.cursor, full=full))
    one.cursor = pages[-1].cursor
    return [raw for page in pages for raw in page.items]


def campaigns(one: Joined, name: str, items: list[Raw]) -> list[Campaign]:
    return [made for raw in items for made in one.connector.facts(name, raw).campaigns]


def test_messages_of_years_are_read_four_weeks_at_a_time() -> None:
    """Each once, whatever lies between; those that were not sent are none."""
    one = opened()
    long_ago = one.clock() - timedelta(days=700)
    one.sandbox.load(
        {"text": f"Loaf {n}", "network": "TWITTER", "at": long_ago + timedelta(days=n)} for n in range(690)
    )
    one.sandbox.human_schedule("Tomorrow", days=1)

    found = campaigns(one, "messages", read(one, "messages"))

    assert len({made.remote_id for made in found}) == 690
    assert {made.title for made in found} >= {"Loaf 0", "Loaf 689"}
    assert {made.channel for made in found} == {"social"}
    assert all(made.figures == {} for made in found)
    assert len(one.wire.sent) < 40


def test_afterwards_only_the_last_messages_are_asked_for() -> None:
    """A window from the newest one on."""
    one = opened()
    one.sandbox.human_send("First")
    read(one, "messages")
    one.clock.advance(40 * 86_400)
    one.sandbox.human_send("Second")
    before = len(one.wire.sent)

    found = campaigns(one, "messages", read(one, "messages"))

    assert [made.title for made in found] == ["First", "Second"]
    assert len(one.wire.sent) - before == 2


def test_figures_come_network_by_network_ten_profiles_at_a_time() -> None:
    """LinkedIn has none there."""
    one = opened()
    for _ in range(12):
        profile = one.sandbox.human_connect("INSTAGRAMBUSINESS")
        post = one.sandbox.human_send("Rye at seven", profile=profile)
        one.sandbox.human_engage(post, likes=3, engagement_rate=2.5)
    one.sandbox.human_send("Elsewhere", "FACEBOOKPAGE")
    one.sandbox.human_send("Unmeasured", "LINKEDINCOMPANY")

    found = campaigns(one, "posts", read(one, "posts"))

    asked = [sent.url for sent in one.wire.sent if "analytics" in sent.url]
    assert len(found) == 13
    assert [made.figures for made in found if made.title == "Rye at seven"] == [{"likes": 3}] * 12
    assert [url.count("networkId=INSTAGRAMBUSINESS") for url in asked] == [0, 1, 1]


def test_only_the_profiles_that_analytics_knows_are_asked_for() -> None:
    """By network, in order; and where there is none nothing is asked, and it says what to do instead."""
    one = opened()
    one.sandbox.human_send("Unmeasured", "LINKEDINCOMPANY")

    with pytest.raises(TooNarrow, match="Read its messages instead"):
        read(one, "posts")
    assert not any("analytics" in sent.url for sent in one.wire.sent)
    shown = [{"id": str(n), "type": "THREADS"} for n in range(11, 23)] + [{"id": "9", "type": "LINKEDIN"}]
    assert parts_of(shown) == ["THREADS 11 12 13 14 15 16 17 18 19 20", "THREADS 21 22"]


def test_after_a_long_rest_all_posts_are_read_again() -> None:
    """Changes are told of thirty days."""
    one = opened()
    old = one.sandbox.human_send("Old")
    read(one, "posts")
    one.clock.advance(20 * 86_400)
    one.sandbox.human_send("New")
    soon = campaigns(one, "posts", read(one, "posts"))
    one.clock.advance(60 * 86_400)
    one.sandbox.human_engage(old, likes=1)

    later = campaigns(one, "posts", read(one, "posts"))

    assert [made.title for made in soon] == ["Old", "New"]
    assert [(made.title, made.figures) for made in later] == [("Old", {"likes": 1}), ("New", {})]
    assert "lastModified" not in str(one.wire.sent[-1].body)


def test_a_plan_without_analytics_says_so_and_messages_are_read() -> None:
    """It is the credential that is too narrow, not the platform that is broken."""
    one = opened(analytics=False)
    one.sandbox.human_send("Rye at seven")

    with pytest.raises(TooNarrow, match="no access to Analytics"):
        read(one, "posts")
    assert len(read(one, "messages")) == 1


def test_a_crash_between_a_renewal_and_its_use_loses_nothing() -> None:
    """A refresh token serves once, so that the new one is stored before anything else; without that, nobody gets in."""
    one = opened()
    one.sandbox.human_send("Rye at seven")
    grant = one.sandbox.app_access.begin()
    tokens = {name: grant[name] for name in ("access_token", "refresh_token")}
    kept: list[dict[str, str]] = []

    def keep_and_crash(parts: object) -> None:
        kept.append(dict(parts))  # type: ignore[call-overload]
        raise KeyboardInterrupt

    first = joined("hootsuite", one.sandbox, one.clock, {**APP, **tokens}, renewed=keep_and_crash)
    one.clock.advance(3600)
    with pytest.raises(KeyboardInterrupt):
        first.connector.check()
    again = joined("hootsuite", one.sandbox, one.clock, {**APP, **tokens})
    second = joined("hootsuite", one.sandbox, one.clock, kept[0])

    assert second.connector.check().name == "Rosa Baker"
    assert set(one.sandbox.app_access.refresh) == {kept[0]["refresh_token"]}
    with pytest.raises(BadCredentials):
        again.connector.check()


def test_the_app_proves_itself_by_http_basic() -> None:
    """Its secret in the form is not taken, and so is never sent there."""
    one = opened()
    grant = one.sandbox.app_access.begin()
    tokens = {name: grant[name] for name in ("access_token", "refresh_token")}
    mine = joined("hootsuite", one.sandbox, one.clock, {**APP, **tokens})
    one.clock.advance(3600)

    mine.connector.check()

    (renewal,) = [sent for sent in mine.wire.sent if sent.url.endswith("/oauth2/token")]
    assert renewal.headers["Authorization"].startswith("Basic ")
    assert b"secret" not in (renewal.body or b"")


def test_a_day_that_is_used_up_is_not_called_into() -> None:
    """The answers tell what is left; a twentieth is kept."""
    one = opened(a_day=100)
    with pytest.raises(Spent, match="of 100 calls of today are left"):
        for _ in range(101):
            one.connector.check()

    assert len(one.wire.sent) == 95


def test_a_429_without_a_wait_is_passed_over_or_put_off() -> None:
    """Per second or per day: nothing tells them apart."""
    one = opened()
    one.sandbox.faults.add("rate_limit", times=2)
    one.connector.check()
    one.sandbox.faults.add("rate_limit", times=9)

    with pytest.raises(Later, match="1003: Account plan limit exceeded"):
        one.connector.check()


def sealed(one: Joined) -> list[Delivery]:
    """What the webhooks have to say by now."""
    room, now = one.sandbox.mailroom, one.clock()
    letters = [room.seal(letter, now) for letter in room.pack(room.due(now))]
    return [Delivery(s.method, s.url, {k.lower(): v for k, v in s.headers.items()}, s.body) for s in letters]


@pytest.mark.parametrize("signature", ["hex", "base64", "secret"])
def test_a_webhook_is_believed_however_its_proof_is_written(signature: str) -> None:
    """And a wrong one never is."""
    one = opened(signature=signature)
    one.sandbox.human_set_webhooks(PUBLIC, SECRET)
    one.sandbox.human_send("Rye at seven")
    one.clock.advance(6)

    (told,) = sealed(one)
    bare = Delivery("POST", PUBLIC, {"x-hootsuite-signature": "no secret"}, told.body)

    assert doubt(HOOKS.rules, told, [SECRET], 0.0) is None
    assert doubt(HOOKS.rules, told, ["another"], 0.0) is Doubt.FORGED
    assert doubt(HOOKS.rules, bare, [SECRET], 0.0) is Doubt.FORGED


def test_what_became_of_messages_comes_in_one_batch_and_names_streams() -> None:
    """A probe and news of the app itself ask for nothing; what is not known is counted."""
    one = opened()
    one.sandbox.human_set_webhooks(PUBLIC, SECRET)
    for text in ("One", "Two"):
        one.sandbox.human_send(text)
    one.clock.advance(6)

    (told,) = sealed(one)
    quiet = hear(b'[{"type": "com.hootsuite.ping.event.v1"}, {"type": "com.hootsuite.apps.event.v1"}]')
    strange = hear(b'[{"type": "com.hootsuite.weather.event.v1"}]')

    assert told.body.count(b"seq_no") == 2
    assert hear(told.body).streams == ("messages", "posts")
    assert (list(quiet.streams), list(quiet.odd)) == ([], [])
    assert list(strange.odd) == ["weather"]
    for body in (b"[1]", b"{}", b"[", b"\xff"):
        with pytest.raises(ValueError, match="expected"):
            hear(body)


@pytest.mark.parametrize(
    ("conversation", "who"),
    [
        ({"email": "ada@example.org"}, "ada@example.org"),
        ({}, "contact-1"),
        ({"medium": "tw"}, None),
        ({"wrote": False}, None),
    ],
)
def test_a_conversation_of_the_inbox_is_told_of_whoever_wrote(conversation: dict[str, object], who: str | None) -> None:
    """By an address that the inbox holds, else by its own id; of X, and where only the business wrote, of nobody."""
    one = opened()
    one.sandbox.human_set_webhooks(PUBLIC, SECRET)
    one.sandbox.human_resolve("contact-1", **conversation)

    (told,) = sealed(one)
    touches = hear(told.body).facts.touchpoints

    assert [touch.who for touch in touches] == ([who] if who else [])
    assert all((t.kind, t.channel, t.way, t.by) == (Touch.CHATTED, Channel.CHAT, Way.IN, By.PERSON) for t in touches)
    assert hear(told.body).facts.touchpoints == touches
