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
from functools import cached_property, partial
from typing import Any, ClassVar

import msgspec

from connectors.base import Raw, Stream
from connectors.codecs import millis
from connectors.declared import ReadOnly
from connectors.declared_values import Audiences, Feed, Me
from connectors.errors import TooNarrow
from connectors.http import Verdict
from connectors.limits import Limits
from connectors.pace import Window
from connectors.pagers import Ask, Cursored, Numbered, Posted
from connectors.paths import dig
from connectors.readings import When
from connectors.signing_in import by_key
from connectors.walk import Collection, Since
from connectors.windows import Windowed
from mapping.facts import By, Campaign, Channel, Facts, Touch, Touchpoint, Way
from mapping.fields import FieldTable, reads
from mapping.model import Millis
from mapping.values import Kind

DAY = 86_400_000
WEEKS, YEARS = 28 * DAY, 730 * DAY
MOST, BY_ID = 10_000, 25  # results of one question; people in one
LONGEST_TITLE = 100
SCALE = {"positive": 1.0, "neutral": 0.0, "negative": -1.0}
KINDS = (
    ("REVIEW", Touch.REVIEWED, Channel.SOCIAL),
    ("MESSAGE", Touch.CHATTED, Channel.CHAT),
    ("MESSENGER", Touch.CHATTED, Channel.CHAT),
    ("WHATSAPP", Touch.CHATTED, Channel.CHAT),
    ("COMMENT", Touch.COMMENTED, Channel.SOCIAL),
    ("REPLY", Touch.COMMENTED, Channel.SOCIAL),
)
"""What a message is, by a word in its type; a post of somebody else's mentions the business."""
WROTE = ("guid", "created_time", "network", "post_type", "sentiment", "from.guid", "from.name", "from.screen_name")
FIGURES = (
    "impressions",
    "engagements",
    "reactions",
    "comments_count",
    "shares_count",
    "post_link_clicks",
    "video_views",
)


def moment(at: Millis) -> str:
    """Without a zone: which one it is, is said apart."""
    return datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def asked(filters: Sequence[str], since: Millis, until: Millis) -> Ask:
    """A window of time, in whole seconds, beside other filters."""
    return Ask(body={"filters": [*filters, f"created_time.in({moment(since)}..{moment(until + 999)})"]})


def one_of(field: str, values: Sequence[str]) -> str:
    return f"{field}.eq({', '.join(values)})"


def kind(post_type: str) -> tuple[Touch, Channel]:
    """What somebody did, by the type of the message."""
    return next(
        ((touch, where) for word, touch, where in KINDS if word in post_type), (Touch.MENTIONED, Channel.SOCIAL)
    )


def wrote(item: Mapping[str, Any]) -> Facts:
    """A message that somebody wrote."""
    post_type = str(item.get("post_type") or "")
    touch, where = kind(post_type)
    tone = SCALE.get(str(item.get("sentiment") or "").lower())
    who, at = str(dig(item, "from.guid")), millis(item.get("created_time"))
    detail = post_type.replace("_", " ").lower()
    told = Touchpoint(str(item["guid"]), who, touch, at, where, Way.IN, By.PERSON, detail=detail, sentiment=tone)
    return Facts(touchpoints=[told])


def post(item: Mapping[str, Any]) -> Facts:
    """A post of the business with its figures; what a network does not count is missing."""
    metrics = item.get("metrics") or {}
    figures = {name: round(count) for name in FIGURES if (count := metrics.get(f"lifetime.{name}")) is not None}
    title = " ".join(f"{item.get('network') or ''}: {item.get('text') or ''}".split())[:LONGEST_TITLE]
    return Facts(campaigns=[Campaign(str(item["guid"]), title, millis(item.get("created_time")), "social", figures)])


def theirs(item: Mapping[str, Any], owner: frozenset[str]) -> Iterator[Mapping[str, Any]]:
    """A message, where it is nobody's of the business."""
    who = str(dig(item, "from.guid") or "")
    names = (who, who.rpartition(":")[2], str(dig(item, "from.screen_name") or ""))
    if who and not owner.intersection(names):
        yield item


MESSAGES = Collection(
    "/v1/{customer}/messages",
    "data",
    Windowed(
        Posted(Cursored("page_cursor", "paging.next_cursor", ("limit", 100))), partial(asked, ()), WEEKS, YEARS, MOST
    ),
    id="guid",
    stamp="created_time",
    since=Since("", DAY),
    body={"fields": WROTE, "sort": ["created_time:asc"], "timezone": "UTC"},
    operation="list messages",
)
PAGE = 50
POSTS = Collection(
    "/v1/{customer}/analytics/posts",
    "data",
    Windowed(
        Posted(Numbered("page", ("limit", PAGE), pages="paging.total_pages")),
        partial(asked, ()),
        WEEKS,
        YEARS,
        MOST // PAGE,
        "paging.total_pages",
    ),
    id="guid",
    stamp="created_time",
    since=Since("", 30 * DAY),
    body={
        "fields": ["guid", "created_time", "network", "text"],
        "metrics": [f"lifetime.{name}" for name in FIGURES],
        "sort": ["created_time:asc"],
        "timezone": "UTC",
    },
    operation="list posts",
)


class Sprout(ReadOnly):
    """Messages and posts of one customer at Sprout Social."""

    name: ClassVar[str] = "sprout"
    title: ClassVar[str] = "Sprout Social"
    base_url: ClassVar[str] = "https://api.sproutsocial.com"
    sign_ins = (by_key("api_token", "API token", "from Settings › Global Features › API"),)
    limits = Limits((Window(60, 60.0, air=1.0), Window(250_000, 30 * 86_400.0, waits=False)), at_once=2)
    readings = (When(202, Verdict.DOWN),)
    me = Me(
        "/v1/metadata/client",
        "data.0.customer_id",
        "data.0.name",
        ("It may read messages, and posts with their figures.",),
        audiences=Audiences("data", "customer_id"),
    )
    people = replace(MESSAGES, unfolds="created_time")
    forgets: ClassVar[bool] = True
    feeds = (
        Feed(
            Stream("messages", "What people wrote, commented and reviewed", events=True), MESSAGES, wrote, unfold=theirs
        ),
        Feed(Stream("posts", "Posts, and what was done with them"), POSTS, post),
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
        "permissions": "mails nobody, and a message is no consent",
        **dict.fromkeys(("email", "phone", "mobile", "address", "website"), "knows people by their profiles alone"),
        **dict.fromkeys(("given_name", "family_name"), "shows whole names"),
        **dict.fromkeys(("company", "job_title", "birthday", "language"), "knows nothing of the kind"),
        **dict.fromkeys(("lifecycle", "stage", "role", "owner", "vip", "tags"), "keeps its labels on messages"),
    }

    # -- what is there ------------------------------------------------------------------------------------------

    @cached_property
    def _profiles(self) -> Sequence[Mapping[str, Any]]:
        path = f"/v1/{self._audience}/metadata/customer"
        response = self._http.request("GET", path, operation="list profiles")
        found: Sequence[Mapping[str, Any]] = self._typed(response, dict[str, Any]).get("data") or ()
        if not found:
            raise TooNarrow("the token opens no social profile.", platform=self.title, fix="Widen its rights.")
        return found

    @cached_property
    def _owner(self) -> frozenset[str]:
        """By what the business itself writes."""
        return frozenset(
            str(one[key]) for one in self._profiles for key in ("native_id", "native_name") if one.get(key)
        )

    def _located(self, collection: Collection) -> Collection:
        """Of one customer, and of all their profiles."""
        profiles = one_of("customer_profile_id", [str(one["customer_profile_id"]) for one in self._profiles])
        filters = [profiles, *(collection.body or {}).get("filters", ())]
        pager = replace(collection.pager, spelled=partial(asked, filters))  # type: ignore[type-var]
        return replace(collection, path=collection.path.format(customer=self._audience), pager=pager)

    # -- pull ---------------------------------------------------------------------------------------------------

    def _dressed(self, bodies: list[bytes]) -> list[bytes]:
        """Everybody who wrote, once, as their last message shows them."""
        found = (msgspec.json.decode(body, type=dict[str, Any]) for body in bodies)
        shown = [one for item in found for one in theirs(item, self._owner)]
        return list({one["from"]["guid"]: msgspec.json.encode({**one["from"], **_seen(one)}) for one in shown}.values())

    def _addresses(self, body: Mapping[str, Any]) -> tuple[str, ...]:
        return ()

    # -- read by id ---------------------------------------------------------------------------------------------

    def read(self, remote_ids: Sequence[str]) -> dict[str, Raw | None]:
        """Whoever wrote, by their newest message. Who is missing from it is not known to be gone."""
        found: dict[str, Raw | None] = {}
        for start in range(0, len(remote_ids), BY_ID):
            found |= self._newest(remote_ids[start : start + BY_ID])
        return found

    def _newest(self, who: Sequence[str]) -> dict[str, Raw]:
        body = {**(self.people.body or {}), "sort": ["created_time:desc"], "filters": [one_of("from.guid", who)]}
        pager = replace(self.people.pager, longest=YEARS)  # type: ignore[type-var]
        collection = replace(self.people, body=body, pager=pager)
        found: dict[str, Raw] = {}
        for page in self._walk(collection, self._first_shown).pages(None):
            found = {raw.remote_id: raw for raw in page.records} | found
            if len(found) == len(who):
                break
        return found

    def _first_shown(self, bodies: list[bytes]) -> list[bytes]:
        """The newest comes first, and counts."""
        return self._dressed(bodies[::-1])

    def find(self, addresses: Sequence[str], keys: Sequence[str]) -> dict[str, Raw]:
        """Nobody is known by an address there."""
        return {}


def _seen(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: item.get(key) for key in ("created_time", "network")}
