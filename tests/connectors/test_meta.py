"""Meta's quirks: people who are nowhere listed, ids of three kinds, errors by code, usage in per cent."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from connectors import platform
from connectors.base import Account
from connectors.errors import BadCredentials, Later, TooNarrow
from connectors.hooks import Heard
from connectors.signing import Delivery, agreed_token, doubt
from mapping.facts import Channel, Facts, Touch, Way
from sandbox.clock import SimClock
from sandbox.meta import COMMENTS_ONLY, PERSON, SECRET, MetaSandbox, Switches
from sandbox.meta_state import INSTAGRAM, PAGE
from tests.connectors.joined import Joined, joined

TOKEN = "sandbox-meta-demo"
DAY = 86_400
EVERY = tuple(stream.name for stream in platform("meta").connector.streams)


def opened(
    *streams: str, token: str = TOKEN, secret: str = SECRET, most: int = 48_000, **switches: bool
) -> tuple[Joined, MetaSandbox]:
    clock = SimClock()
    box = MetaSandbox(clock=clock, switches=Switches(**switches), most=most)
    credential = {"page_token": token, **({"app_secret": secret} if secret else {})}
    return joined("meta", box, clock, credential, streams=streams), box


def told(one: Joined, name: str, cursor: Any = None) -> Facts:
    """Everything that a stream tells, from *cursor* on."""
    found = Facts()
    for page in one.connector.stream_pages(name, cursor):
        one.cursor = page.cursor
        for facts in (
            [page.facts] if page.facts is not None else [one.connector.facts(name, item) for item in page.items]
        ):
            found.touchpoints += facts.touchpoints
            found.feedback += facts.feedback
            found.campaigns += facts.campaigns
    return found


def calls(one: Joined, part: str) -> int:
    return sum(part in sent.url for sent in one.wire.sent)


# -- signing in -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("demands", [False, True])
def test_the_apps_secret_proves_itself_and_stays_here(demands: bool) -> None:
    """With each call goes a hash of the token, and never the secret."""
    one, _ = opened(demands_proof=demands)

    account = one.connector.check()

    sent = one.wire.sent[0]
    assert account.name == "Rye & Crumb (@ryeandcrumb on Instagram)"
    assert len(parse_qs(urlsplit(sent.url).query)["appsecret_proof"][0]) == 64
    assert SECRET not in repr(one.wire.sent)
    assert TOKEN not in sent.url


def test_a_token_alone_is_enough_unless_the_app_demands_a_proof() -> None:
    """Then the refusal says what is missing."""
    free, _ = opened(secret="")
    strict, _ = opened(secret="", demands_proof=True)

    assert free.connector.check().id == PAGE
    with pytest.raises(BadCredentials, match="appsecret_proof"):
        strict.connector.check()


def test_a_token_that_is_no_pages_is_refused_with_what_to_do() -> None:
    """A person's token opens the graph, and no page."""
    one, _ = opened(token=PERSON)

    with pytest.raises(BadCredentials, match="opens no page") as caught:
        one.connector.check()

    assert "/PAGE?fields=access_token" in caught.value.fix


def test_what_a_token_may_is_tried_out() -> None:
    """Each listing once, with one entry; what a chosen stream needs and lacks is said apart."""
    one, _ = opened("comments", "messages", token=COMMENTS_ONLY)

    account: Account = one.connector.check(rights=True)

    assert len(account.may) == 4
    assert any("`forms`: leads_retrieval" in text for text in account.may_not)
    assert account.lacks == ("`messages` needs pages_messaging.",)


def test_without_instagram_nothing_is_asked_there() -> None:
    """Its people are nobody, and its streams say why they fail."""
    one, _ = opened(*EVERY, linked=False)

    assert one.connector.check(rights=True).name == "Rye & Crumb"
    assert one.pull() == {}
    with pytest.raises(TooNarrow, match="no account on Instagram"):
        told(one, "media")


# -- people -----------------------------------------------------------------------------------------------------


def test_people_are_whoever_answered_wrote_or_commented() -> None:
    """Each under the id that Meta has for them; answers to forms alone have an address."""
    one, box = opened(*EVERY)
    bo, cy, di = box.human_arrive("Bo Lund"), box.human_arrive("cy.bakes", on="instagram"), box.human_arrive("Di Moor")
    lead = box.human_answer_form({"email": "ada@example.org", "full_name": "Ada Berg", "city": "Ulm"})
    box.human_message(bo, "Are you open?")
    box.human_comment(box.human_post("Rye is back"), bo, "At last!")
    box.human_comment_media(box.human_publish("Buns"), cy, "Lovely")
    box.human_recommend(di, "The best rye")

    found = one.pull()

    assert {who: seen.fields for who, seen in found.items()} == {
        f"lead:{lead}": {"email": "ada@example.org", "name": "Ada Berg", "address": {"city": "Ulm"}},
        bo: {"name": "Bo Lund"},
        f"ig:{cy}": {"handle": "cy.bakes"},
        di: {"name": "Di Moor"},
    }
    assert {who for who, seen in found.items() if seen.addresses} == {f"lead:{lead}"}


def test_streams_that_are_not_read_bring_no_people() -> None:
    """Who only wrote is nobody where messages are not read."""
    one, box = opened("comments", token=COMMENTS_ONLY)
    box.human_message(box.human_arrive("Bo Lund"), "Are you open?")
    box.human_answer_form({"email": "ada@example.org"})

    assert one.pull() == {}
    assert calls(one, "conversations") + calls(one, "leadgen") == 0


def test_a_form_is_asked_only_for_what_is_new() -> None:
    """Each form goes on from its own newest answer; a new form is read whole; old answers leave nobody gone."""
    one, box = opened()
    box.load({"answers": {"email": f"p{n}@example.org"}} for n in range(250))
    everybody = one.pull()
    one.clock.advance(3600)
    box.human_answer_form({"email": "ada@example.org"})
    box.human_answer_form({"email": "bo@example.org"}, form="Cake")

    news = one.pull()
    one.clock.advance(200 * DAY)
    pages = one.pages(full=True)

    assert len(everybody) == 250
    assert {seen.addresses for seen in news.values()} >= {("ada@example.org",), ("bo@example.org",)}
    assert len(news) < 70  # and those of the minute before the newest that was known
    assert [page.records for page in pages if page.records] == []
    assert not any(page.complete for page in pages)


def test_a_listing_that_was_broken_off_goes_on_where_it_stood() -> None:
    """Forms that were read are not read again."""
    one, box = opened("forms", "comments")
    for form in ("Bread", "Cake", "Buns"):
        box.human_answer_form({"email": f"{form.lower()}@example.org"}, form=form)
    box.human_comment(box.human_post("Rye is back"), box.human_arrive("Bo Lund"), "At last!")
    turning = one.connector.pages(None)
    first = next(page for page in turning if page.records)
    before = calls(one, "/leads?")

    rest = list(one.connector.pages(first.cursor))

    met = [raw.remote_id for page in [first, *rest] for raw in page.records]
    assert before == 1
    assert calls(one, "/leads?") == 3
    assert len(met) == len(set(met)) == 4


@pytest.mark.parametrize("more", [{"short": True}, {"trails": True}, {"shows_self": False}, {"names": False}])
def test_what_is_unconfirmed_changes_nothing_for_whom_it_shows(more: dict[str, Any]) -> None:
    """Short pages, an empty last one, conversations without the page, comments without their authors."""
    one, box = opened(*EVERY, **more)
    bo = box.human_arrive("Bo Lund")
    box.load({"answers": {"email": f"p{n}@example.org"}} for n in range(120))
    post = box.human_post("Rye is back")
    for number in range(120):
        box.human_comment(post, bo, f"Question {number}")
    box.human_message(bo, "Are you open?")
    box.human_message(bo, "We are.", out=True)

    found, comments, messages = one.pull(), told(one, "comments"), told(one, "messages")

    assert len(found) == 121
    assert found[bo].fields == {"name": "Bo Lund"}
    assert len(comments.touchpoints) == (0 if more == {"names": False} else 120)
    assert {touch.way for touch in messages.touchpoints} == {Way.IN, Way.OUT}


def test_a_participants_address_is_no_address() -> None:
    """Facebook makes one of each id; taken for an address it would join strangers."""
    one, box = opened("messages")
    bo = box.human_arrive("Bo Lund")
    box.human_message(bo, "Hello")

    (seen,) = one.pull().values()

    assert "@facebook.com" in str(box.state.nodes[f"t_{bo}"].values)
    assert seen.addresses == ()


def test_who_cannot_be_read_is_not_gone() -> None:
    """Who only commented has a profile that nobody may see: nothing is said. Old answers and none at all are alike."""
    one, box = opened()
    bo, cy = box.human_arrive("Bo Lund"), box.human_arrive("cy.bakes", on="instagram")
    lead = box.human_answer_form({"email": "ada@example.org"})
    box.human_message(box.human_arrive("Di Moor"), "Hello")
    di = next(key for key, node in box.state.nodes.items() if node.values.get("wrote"))

    found = one.connector.read([bo, f"ig:{cy}", f"lead:{lead}", "lead:1", di])

    assert {one for one, raw in found.items() if raw is not None} == {f"lead:{lead}", di}
    assert [one for one, raw in found.items() if raw is None] == ["lead:1"]


def test_questions_of_ones_own_can_be_chosen() -> None:
    """What a form asks beside the usual is offered, once, and read by its key."""
    one, box = opened()
    box.human_answer_form({"email": "ada@example.org", "favourite_bread": "rye"})
    (own,) = [field for field in one.connector.remote_fields() if "favourite" in field.remote]
    assert own.row is not None
    chosen = joined("meta", box, one.clock, {"page_token": TOKEN}, fields=one.connector.table.choose(None, [own.row]))

    (seen,) = chosen.pull().values()

    assert (own.remote, own.writable) == ("answers.favourite_bread", False)
    assert seen.fields["favourite_bread"] == "rye"


# -- what was done ----------------------------------------------------------------------------------------------


def test_figures_stand_with_posts_where_nobody_is_named() -> None:
    """Reactions, comments and shares of a page's post; likes and comments on Instagram, unless they are hidden."""
    one, box = opened(*EVERY)
    bo = box.human_arrive("Bo Lund")
    post = box.human_post("Rye is back\nfrom tomorrow on")
    box.human_react(post, bo)
    box.human_share(post)
    box.human_comment(post, bo, "At last!")
    box.human_like(box.human_publish("New buns"))
    box.human_publish("No likes here", hides_likes=True)

    (campaign,), media = told(one, "posts").campaigns, told(one, "media").campaigns

    assert (campaign.title, campaign.channel) == ("Rye is back", "social")
    assert campaign.figures == {"reactions": 1, "comments": 1, "shares": 1}
    assert {one.title: one.figures for one in media} == {
        "New buns": {"likes": 1, "comments": 0},
        "No likes here": {"comments": 0},
    }


def test_answers_to_comments_are_comments_and_our_own_are_none() -> None:
    """On Facebook they are listed with the others, on Instagram they hang on them."""
    one, box = opened(*EVERY)
    bo, cy = box.human_arrive("Bo Lund"), box.human_arrive("cy.bakes", on="instagram")
    post, media = box.human_post("Rye is back"), box.human_publish("Buns")
    first = box.human_comment(post, bo, "When?")
    box.human_comment(post, PAGE, "Tomorrow", answers=first)
    second = box.human_comment(post, bo, "Thanks", answers=first)
    there = box.human_comment_media(media, cy, "Lovely")
    box.human_comment_media(media, INSTAGRAM, "Thanks", answers=there)
    reply = box.human_comment_media(media, cy, "See you", answers=there)

    page, instagram = told(one, "comments").touchpoints, told(one, "instagram_comments").touchpoints

    assert {(touch.key, touch.who, touch.campaign) for touch in page} == {(first, bo, post), (second, bo, post)}
    assert {(touch.key, touch.who) for touch in instagram} == {(there, f"ig:{cy}"), (reply, f"ig:{cy}")}
    assert {(touch.kind, touch.channel) for touch in page} == {(Touch.COMMENTED, Channel.SOCIAL)}


def test_more_comments_than_fit_are_all_told() -> None:
    """A post with more of them than come along with it is listed by itself."""
    one, box = opened("comments")
    bo, post = box.human_arrive("Bo Lund"), box.human_post("A hundred questions")
    for number in range(230):
        box.human_comment(post, bo, f"Question {number}")

    touches = told(one, "comments").touchpoints

    assert len({touch.key for touch in touches}) == len(touches) == 230


def test_posts_of_the_last_month_are_looked_at_again() -> None:
    """A comment that comes late under one of them is told; older posts are left."""
    one, box = opened("comments")
    bo, old = box.human_arrive("Bo Lund"), box.human_post("Long ago")
    one.clock.advance(60 * DAY)
    recent = box.human_post("Lately")
    told(one, "comments")
    one.clock.advance(20 * DAY)
    late = box.human_comment(recent, bo, "Still there?")
    box.human_comment(old, bo, "And this?")

    touches = told(one, "comments", one.cursor).touchpoints

    assert [touch.key for touch in touches] == [late]


def test_conversations_are_read_until_nothing_is_new() -> None:
    """They cannot be asked for by time, and are listed newest first."""
    one, box = opened("messages")
    people = [box.human_arrive(f"Guest {number}") for number in range(80)]
    for who in people:
        box.human_message(who, "Hello")
        one.clock.advance(3600)
    first = told(one, "messages")
    before = calls(one, "/conversations")
    box.human_message(people[0], "Are you still there?")

    second = told(one, "messages", one.cursor)

    assert len(first.touchpoints) == 80
    assert before == 4
    assert calls(one, "/conversations") == before + 1
    assert sum(touch.who == people[0] for touch in second.touchpoints) == 2


def test_recommendations_are_reviews() -> None:
    """One for each person, whichever way."""
    one, box = opened("reviews")
    bo, di = box.human_arrive("Bo Lund"), box.human_arrive("Di Moor")
    box.human_recommend(bo, "The best rye")
    box.human_recommend(di, "Sold out again", yes=False)

    said = told(one, "reviews").feedback

    assert {(word.who, word.kind, word.score, word.comment) for word in said} == {
        (bo, "review", 1.0, "The best rye"),
        (di, "review", 0.0, "Sold out again"),
    }


# -- limits and errors ------------------------------------------------------------------------------------------


def test_near_the_limit_calls_leave_room_for_each_other() -> None:
    """From three quarters on; the last ones come twenty seconds apart."""
    one, _ = opened(most=100)
    waits = []
    for _ in range(100):
        before = one.clock.now
        one.connector.check(rights=False)
        del one.connector.__dict__["_owner"]
        waits.append((one.clock.now - before).total_seconds())

    assert max(waits[:75]) < 1
    assert max(waits) >= 19
    assert sum(waits) < 600


def test_who_is_shut_out_for_long_stops_and_says_so() -> None:
    """The minutes that Meta names are longer than a run waits."""
    one, _ = opened(most=3)
    with pytest.raises(Later, match="80001") as caught:
        for _ in range(4):
            one.connector.check()
            del one.connector.__dict__["_owner"]

    assert caught.value.after > DAY / 2


@pytest.mark.parametrize("kind", ["error_before", "error_after", "rate_limit", "lost_answer"])
def test_what_passes_is_tried_again(kind: str) -> None:
    """Whatever the status: the code says that it passes."""
    one, box = opened()
    box.faults.add(kind)

    assert one.connector.check().id == PAGE
    assert len(one.wire.sent) == 2


def test_a_right_that_is_missing_is_named() -> None:
    """Code 200 with the permission in Meta's own words."""
    one, _ = opened(token=COMMENTS_ONLY)

    with pytest.raises(TooNarrow, match="leads_retrieval"):
        one.pull()


# -- webhooks ---------------------------------------------------------------------------------------------------


def heard(box: MetaSandbox) -> list[Heard]:
    """What the platform has to tell, as it arrives, each proven."""
    hooks, room, now = platform("meta").connector.hooks, box.mailroom, box.clock()
    assert hooks is not None
    sealed = [room.seal(letter, now) for letter in room.pack(room.due(now))]
    for each in sealed:
        headers = {name.lower(): value for name, value in each.headers.items()}
        assert doubt(hooks.rules, Delivery("POST", each.url, headers, each.body), [SECRET], now.timestamp()) is None
    return [hooks.hear(each.body) for each in sealed]


def test_a_delivery_of_many_changes_asks_for_each_once() -> None:
    """Answers by id, people who wrote by theirs, comments and messages by their streams; reactions are facts."""
    _, box = opened()
    box.human_subscribe_app("https://hooks.bakery.example")
    bo, cy = box.human_arrive("Bo Lund"), box.human_arrive("cy.bakes", on="instagram")
    lead = box.human_answer_form({"email": "zoë@example.org"})
    post = box.human_post("Rye is back / today")
    box.human_comment(post, bo, "At last!")
    box.human_react(post, bo, "love")
    box.human_react(post, bo, "love", verb="remove")
    box.human_message(bo, "Grüße")
    box.human_message(bo, "Hello", out=True)
    box.human_recommend(bo, "The best rye")
    box.human_message(cy, "Hi")
    box.human_comment_media(box.human_publish("Buns"), cy, "Lovely")
    box.human_post("I love your bread", who=bo)

    page, instagram = heard(box)

    assert list(page.records) == [f"lead:{lead}", bo]
    assert sorted(page.streams) == ["comments", "messages", "posts", "reviews", "visitor_posts"]
    (touch,) = page.facts.touchpoints
    assert (touch.who, touch.kind, touch.campaign, touch.detail) == (bo, Touch.REACTED, post, "love")
    assert list(instagram.records) == [f"ig:{cy}"]
    assert sorted(instagram.streams) == ["instagram_comments", "instagram_messages"]
    assert [each.odd for each in (page, instagram)] == [[], []]


def test_what_is_no_delivery_is_told_and_what_is_strange_is_counted() -> None:
    """Bodies of another kind raise; fields that nobody asked for are odd."""
    hooks = platform("meta").connector.hooks
    assert hooks is not None
    strange = {"object": "page", "entry": [{"id": PAGE, "changes": [{"field": "videos", "value": {}}]}]}

    assert hooks.hear(msgspec.json.encode(strange)).odd == ["videos"]
    for body in (b"{", b"[]", b'{"object":"user","entry":[]}', b'{"object":"page"}'):
        with pytest.raises(ValueError, match="delivery"):
            hooks.hear(body)


def test_the_address_is_checked_with_a_token_that_follows_from_the_secret() -> None:
    """Whoever has another one gets no answer."""
    hooks = platform("meta").connector.hooks
    assert hooks is not None
    assert hooks.challenge is not None
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444"}

    assert hooks.challenge.met({**asked, "hub.verify_token": agreed_token(SECRET)}, [SECRET]) == "1158201444"
    assert hooks.challenge.met({**asked, "hub.verify_token": "another"}, [SECRET]) is None
    assert any("{token}" in step for step in hooks.by_hand)
