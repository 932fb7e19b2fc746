"""What Meta tells beside people: posts and forms with their figures, and who commented, wrote, or said how it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from connectors import kit
from connectors.meta_fields import INSTAGRAM, person
from mapping.facts import By, Channel, Facts, Feedback, Touch, Touchpoint, Way

Body = Mapping[str, Any]
Items = Iterator[Body]

MONTH, OVERLAP = 30 * kit.DAY, 60_000
IG_MEDIA = "/{instagram}/media"


def listed(path: str, fields: str, operation: str, size: int = 100, **more: Any) -> kit.Collection:
    """What lies at *path*. A short page is not the last one: only what names no next one is."""
    query = (*more.pop("query", ()), ("fields", fields))
    pager = kit.Cursored("after", "paging.cursors.after", ("limit", size), more="paging.next")
    return kit.Collection(path, "data", pager, query=query, operation=operation, **more)


def on_instagram(collection: kit.Collection) -> bool:
    """Whether it is there only where an account on Instagram is linked."""
    return "{instagram}" in collection.path or ("platform", "instagram") in collection.query


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose account it is: the page, and what is linked on Instagram."""

    page: str
    name: str
    instagram: str = ""
    handle: str = ""

    def is_self(self, somebody: Body) -> bool:
        named = bool(self.handle) and somebody.get("username") == self.handle
        return named or str(somebody.get("id")) in (self.page, self.instagram)

    def by(self, prefix: str, somebody: Body | None, told: Body) -> Items:
        """What was told, by whom; nothing where nobody is named, or we are."""
        if somebody and somebody.get("id") and not self.is_self(somebody):
            shown = {key: somebody[key] for key in ("name", "username") if somebody.get(key)}
            yield {**told, "who": f"{prefix}{somebody['id']}", **shown}


Unfold = Callable[[Body, Owner], Items]
Reads = Callable[[Body], Facts]


# -- what hangs on entries: `id`, `who`, what is shown of them, `at`, and what it is about ------------------------


def inside(entry: Body, edge: str) -> list[Body]:
    return kit.dig(entry, f"{edge}.data") or []


def comments(entry: Body, owner: Owner) -> Items:
    for one in inside(entry, "comments"):
        told = {"id": one["id"], "at": one.get("created_time"), "post": entry["id"], "text": one.get("message")}
        yield from owner.by("", one.get("from"), told)


def instagram_comments(entry: Body, owner: Owner) -> Items:
    """Comments on media and the replies to them."""
    first = inside(entry, "comments")
    for one in [*first, *(reply for comment in first for reply in inside(comment, "replies"))]:
        told = {"id": one["id"], "at": one.get("timestamp"), "post": entry["id"], "text": one.get("text")}
        yield from owner.by(INSTAGRAM, one.get("from"), told)


def visitor_posts(entry: Body, owner: Owner) -> Items:
    told = {"id": entry["id"], "at": entry.get("created_time"), "text": entry.get("message")}
    yield from owner.by("", entry.get("from"), told)


def messages(prefix: str) -> Unfold:
    def unfold(entry: Body, owner: Owner) -> Items:
        """Messages of a conversation, each under whoever is not us."""
        other = next((one for one in inside(entry, "participants") if not owner.is_self(one)), None)
        for one in inside(entry, "messages"):
            way = Way.OUT if owner.is_self(one.get("from") or {}) else Way.IN
            yield from owner.by(prefix, other, {"id": one["id"], "at": one.get("created_time"), "way": way.value})

    return unfold


def reviews(entry: Body, owner: Owner) -> Items:
    """Who recommends the page or does not. One has no id of its own, and each person says it once."""
    author, said = entry.get("reviewer") or {}, entry.get("recommendation_type")
    told = {"id": f"review {author.get('id')}", "at": entry.get("created_time"), "text": entry.get("review_text")}
    if said in ("positive", "negative"):
        yield from owner.by("", author, {**told, "score": float(said == "positive")})


# -- what one item says -----------------------------------------------------------------------------------------


def _did(kind: Touch, channel: Channel = Channel.SOCIAL) -> Reads:
    def read(item: Body) -> Facts:
        way = Way(item.get("way", Way.IN))
        by = By.PERSON if way is Way.IN else By.UNKNOWN  # a page may have a machine that answers
        at, post, text = kit.millis(item.get("at")), item.get("post") or "", item.get("text") or ""
        return Facts(touchpoints=[Touchpoint(item["id"], item["who"], kind, at, channel, way, by, post, text)])

    return read


def _said(item: Body) -> Facts:
    at, text = kit.millis(item.get("at")), item.get("text") or ""
    return Facts(feedback=[Feedback(item["id"], item["who"], "review", item["score"], at, text)])


# -- the streams ------------------------------------------------------------------------------------------------

# Posts are asked for by when they were made, and go on being commented and liked: those of a month are read again.
_LATELY: Mapping[str, Any] = {"since": kit.Since("since", OVERLAP, kit.unix_seconds, before=MONTH)}
_POSTED: Mapping[str, Any] = {"unfolds": "created_time"}
_COUNTED = "limit(0).summary(total_count)"
_POST = f"id,message,created_time,shares,reactions.{_COUNTED},comments.{_COUNTED}"
_COMMENT, _REPLY = "id,created_time,from,message", "id,timestamp,from,text"
_IG_COMMENT = f"{_REPLY},replies.limit(50){{{_REPLY}}}"
_COMMENTED = f"id,created_time,comments.filter(stream).limit(100){{{_COMMENT}}}"
_IG_COMMENTED = f"id,timestamp,comments.limit(50){{{_IG_COMMENT}}}"
_REVIEW = "created_time,recommendation_type,review_text,reviewer"
_USERS, _IG = "pages_read_user_content", "instagram_basic"

POSTS = listed("/me/published_posts", _POST, "list posts", stamp="created_time", **_LATELY)
COMMENTS = listed("/me/feed", _COMMENTED, "list comments", 25, **_LATELY, **_POSTED)
VISITORS = listed("/me/visitor_posts", _COMMENT, "list visitors", **_LATELY, **_POSTED)
REVIEWS = listed("/me/ratings", _REVIEW, "list reviews", **_POSTED)
FORMS = listed("/me/leadgen_forms", "id,name,created_time,leads_count", "list forms", stamp="created_time")
MEDIA = listed(IG_MEDIA, "id,caption,timestamp,like_count,comments_count", "list media", stamp="timestamp", **_LATELY)
IG_COMMENTS = listed(IG_MEDIA, _IG_COMMENTED, "list comments (instagram)", 25, unfolds="timestamp", **_LATELY)
MORE = listed("/{id}/comments", _COMMENT, "list more comments", query=(("filter", "stream"),))
IG_MORE = listed("/{id}/comments", _IG_COMMENT, "list more comments (instagram)", 50)


def _conversations(platform: str) -> kit.Collection:
    fields = "id,updated_time,participants,messages.limit(20){id,created_time,from}"
    asked, how = (("platform", platform),), {"since": kit.NewestFirst(OVERLAP), "unfolds": "updated_time"}
    return listed("/me/conversations", fields, f"list conversations ({platform})", 25, query=asked, **how)


def _events(
    stream: kit.Stream, collection: kit.Collection, reads: Reads, unfold: Unfold, more: kit.Collection | None = None
) -> kit.Feed:
    hanging = kit.Hanging("comments.data", "comments.paging.next", more) if more is not None else None
    return kit.Feed(replace(stream, events=True), collection, reads, unfold, hanging, person)


_POST_FIGURES = {
    "reactions": "reactions.summary.total_count",
    "comments": "comments.summary.total_count",
    "shares": "shares.count",
}
_MEDIUM = kit.Published(
    "caption", "timestamp", {"likes": "like_count", "comments": "comments_count"}, otherwise="Post on Instagram"
)
_FORM = kit.Published("name", "created_time", {"leads": "leads_count"}, channel="form", otherwise="Form")
_ANSWERS = kit.Stream("forms", "Answers to lead ads, and how many each form has", "leads_retrieval")
_SAID = kit.Stream("reviews", "Recommendations of the page", _USERS)
_ON_POSTS = kit.Stream("comments", "Comments on posts, by those whom Facebook names", _USERS)
_VISITED = kit.Stream("visitor_posts", "What visitors wrote on the page", _USERS)
_WROTE = kit.Stream("messages", "Messenger: who wrote when, without the words", "pages_messaging")
_IG_WROTE = kit.Stream("instagram_messages", "The same on Instagram", f"{_IG}, instagram_manage_messages")
_ON_MEDIA = kit.Stream("instagram_comments", "Comments on Instagram", f"{_IG}, instagram_manage_comments")
_POSTED_THERE = kit.Stream(
    "posts", "Posts of the page, and how often they were liked and shared", "pages_read_engagement"
)
_IG_POSTED = kit.Stream("media", "Posts on Instagram, and how often they were liked", _IG)
FEEDS = (
    kit.Feed(_POSTED_THERE, POSTS, kit.Published("message", "created_time", _POST_FIGURES)),
    _events(_ON_POSTS, COMMENTS, _did(Touch.COMMENTED), comments, MORE),
    _events(_VISITED, VISITORS, _did(Touch.MENTIONED), visitor_posts),
    _events(_WROTE, _conversations("messenger"), _did(Touch.CHATTED, Channel.CHAT), messages("")),
    _events(_SAID, REVIEWS, _said, reviews),
    kit.Feed(_ANSWERS, FORMS, _FORM),
    kit.Feed(_IG_POSTED, MEDIA, _MEDIUM),
    _events(_ON_MEDIA, IG_COMMENTS, _did(Touch.COMMENTED), instagram_comments, IG_MORE),
    _events(_IG_WROTE, _conversations("instagram"), _did(Touch.CHATTED, Channel.CHAT), messages(INSTAGRAM)),
)
