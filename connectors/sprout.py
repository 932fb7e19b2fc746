"""Sprout Social: who wrote to a business on its social profiles, and what was done with its posts.

Docs     api.sproutsocial.com/docs (read 2026-11)
Pace     60 calls a minute and 250,000 a month for the whole account; no header tells what is left
Quirks   Questions are POSTs that change nothing: filters are texts such as `created_time.in(A..B)`, and every field
         that is wanted has to be named. The customer's number stands in each path.
         Of one question it tells 10,000 results and breaks off: windows of time are halved until they fit.
         Messages come by cursor, posts by page; a page after the last one is refused. A 202 means to ask again.
         Messages are those that were received and those that were sent: whoever is one of the profiles is left out.
         There is no list of people: they are whoever wrote in the last two years, by the id that the network gave them.
         What a message is follows from words in its `post_type`, which differ by network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar

from connectors import kit
from mapping.facts import By, Channel, Facts, Touch, Touchpoint, Way
from mapping.fields import FieldTable, reads
from mapping.model import Millis
from mapping.values import Kind

MOST, PAGE, TWO_YEARS = 10_000, 50, 730 * kit.DAY
SCALE = {"positive": 1.0, "neutral": 0.0, "negative": -1.0}
KINDS = (
    ("REVIEW", Touch.REVIEWED, Channel.SOCIAL),
    ("MESSAGE", Touch.CHATTED, Channel.CHAT),
    ("MESSENGER", Touch.CHATTED, Channel.CHAT),
    ("WHATSAPP", Touch.CHATTED, Channel.CHAT),
    ("COMMENT", Touch.COMMENTED, Channel.SOCIAL),
    ("REPLY", Touch.COMMENTED, Channel.SOCIAL),
    ("", Touch.MENTIONED, Channel.SOCIAL),
)
"""What a message is, by a word in its type; a post of somebody else's mentions the business."""
WROTE = ["guid", "created_time", "network", "post_type", "sentiment", "from.guid", "from.name", "from.screen_name"]
POSTED = ["guid", "created_time", "network", "text"]
FIGURES = [
    "impressions",
    "engagements",
    "reactions",
    "comments_count",
    "shares_count",
    "post_link_clicks",
    "video_views",
]


def within(since: Millis, until: Millis) -> kit.Ask:
    """A window of time, in whole seconds and without a zone, which is asked for apart."""
    ends = (datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S") for at in (since, until + 999))
    return kit.Ask(body={"filters": [f"created_time.in({'..'.join(ends)})"]})


def one_of(field: str, values: Sequence[str]) -> Mapping[str, Any]:
    return {"filters": [f"{field}.eq({', '.join(values)})"]}


def kind(post_type: str) -> tuple[Touch, Channel]:
    """What somebody did, by the type of the message."""
    return next((touch, where) for word, touch, where in KINDS if word in post_type)


def wrote(item: Mapping[str, Any]) -> Facts:
    """A message that somebody wrote."""
    post_type = str(item.get("post_type") or "")
    touch, where = kind(post_type)
    tone = SCALE.get(str(item.get("sentiment") or "").lower())
    who, at, detail = (
        str(kit.dig(item, "from.guid")),
        kit.millis(item.get("created_time")),
        post_type.replace("_", " ").lower(),
    )
    told = Touchpoint(str(item["guid"]), who, touch, at, where, Way.IN, By.PERSON, detail=detail, sentiment=tone)
    return Facts(touchpoints=[told])


def author(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**item["from"], "created_time": item.get("created_time"), "network": item.get("network")}


def theirs(item: Mapping[str, Any], owner: frozenset[str]) -> Iterator[Mapping[str, Any]]:
    """A message, where it is nobody's of the business."""
    who = str(kit.dig(item, "from.guid") or "")
    names = (who, who.rpartition(":")[2], str(kit.dig(item, "from.screen_name") or ""))
    if who and not owner.intersection(names):
        yield item


def _asked(path: str, overlap: Millis, inner: kit.Pager, most: int, total: str = "", **body: Any) -> kit.Collection:
    pager = kit.Windowed(kit.Posted(inner), within, 28 * kit.DAY, TWO_YEARS, most, total)
    body |= {"sort": ["created_time:asc"], "timezone": "UTC"}
    since, path = kit.Since("", overlap), f"/v1/{{customer}}/{path}"
    return kit.Collection(path, "data", pager, "guid", "created_time", since, body=body, unfolds="created_time")


MESSAGES = _asked(
    "messages", kit.DAY, kit.Cursored("page_cursor", "paging.next_cursor", ("limit", 100)), MOST, fields=WROTE
)
POSTS = _asked(
    "analytics/posts",
    30 * kit.DAY,
    kit.Numbered("page", ("limit", PAGE), pages="paging.total_pages"),
    MOST // PAGE,
    "paging.total_pages",
    fields=POSTED,
    metrics=[f"lifetime.{name}" for name in FIGURES],
)


class Sprout(kit.ReadOnly):
    """Messages and posts of one customer at Sprout Social."""

    name: ClassVar[str] = "sprout"
    title: ClassVar[str] = "Sprout Social"
    base_url: ClassVar[str] = "https://api.sproutsocial.com"
    sign_ins = (kit.by_key("api_token", "API token", "from Settings › Global Features › API"),)
    limits = kit.Limits((kit.Window(60, 60.0, air=1.0), kit.Window(250_000, 30 * 86_400.0, waits=False)), at_once=2)
    readings = (kit.When(202, kit.Verdict.DOWN),)
    me = kit.Me(
        "/v1/metadata/client",
        "data.0.customer_id",
        "data.0.name",
        ("It may read messages, and posts with their figures.",),
        audiences=kit.Audiences("data", "customer_id"),
    )
    people = MESSAGES
    many = kit.Many("", "data", most=25)
    forgets: ClassVar[bool] = True
    feeds = (
        kit.Feed(
            kit.Stream("messages", "What people wrote, commented and reviewed", events=True),
            MESSAGES,
            wrote,
            unfold=theirs,
            shows=author,
        ),
        kit.Feed(
            kit.Stream("posts", "Posts, and what was done with them"),
            POSTS,
            kit.Published("text", "created_time", "metrics", id="guid", network="network"),
        ),
    )
    table = FieldTable(
        (
            reads("name", "name", Kind.NAME, label="Whole name"),
            reads("handle", "screen_name", label="Name on the network"),
        )
    )
    cannot: ClassVar[Mapping[str, str]] = {
        "writing": "takes no changes of people: everything is read only",
        "deletions": "knows whoever wrote in the last two years: who is not shown any more is not gone",
        "hooks": "calls nobody: it is asked",
        "cases": "does not say in a case whose it is; what somebody wrote in it is read as a message",
        "profiles": "counts followers of a profile by the day, which says nothing of anybody: this is not read",
        "permissions": "mails nobody, and a message is no consent",
        **dict.fromkeys(("email", "phone", "mobile", "address", "website"), "knows people by their profiles alone"),
        **dict.fromkeys(("given_name", "family_name"), "shows whole names"),
        **dict.fromkeys(("company", "job_title", "birthday", "language"), "knows nothing of the kind"),
        **dict.fromkeys(("lifecycle", "stage", "role", "owner", "vip", "tags"), "keeps its labels on messages"),
    }

    @cached_property
    def _profiles(self) -> Sequence[Mapping[str, Any]]:
        path = f"/v1/{self._audience}/metadata/customer"
        found: Sequence[Mapping[str, Any]] = self._got(path, "list profiles").get("data") or ()
        if not found:
            raise kit.TooNarrow("the token opens no social profile.", platform=self.title, fix="Widen its rights.")
        return found

    @cached_property
    def _owner(self) -> frozenset[str]:
        """By what the business itself writes."""
        found = (one.get(key) for one in self._profiles for key in ("native_id", "native_name"))
        return frozenset(str(name) for name in found if name)

    def _located(self, collection: kit.Collection) -> kit.Collection:
        """Of one customer, and of all their profiles."""
        profiles = one_of("customer_profile_id", [str(one["customer_profile_id"]) for one in self._profiles])
        path = collection.path.format(customer=self._audience)
        return replace(collection, path=path, body=kit.merged(collection.body or {}, profiles))

    def _read_many(self, many: kit.Many, remote_ids: Sequence[str]) -> dict[str, kit.Raw]:
        """Whoever wrote, by their newest message."""
        body = kit.merged({**(self.people.body or {}), "sort": ["created_time:desc"]}, one_of("from.guid", remote_ids))
        pager = replace(self.people.pager, longest=TWO_YEARS)  # type: ignore[type-var]
        feed = replace(self.feeds[0], collection=replace(self.people, body=body, pager=pager))
        part, found = self._shown_in(feed), dict[str, kit.Raw]()
        for page in self._walk(part.collection, lambda bodies: part.dressed(bodies[::-1])).pages(None):
            found = {raw.remote_id: raw for raw in page.records} | found
            if len(found) == len(remote_ids):
                break
        return found
