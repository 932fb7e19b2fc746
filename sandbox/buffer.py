"""Buffer, rehearsed: the organizations, channels and posts of one account, over GraphQL on loopback.

Docs      the guides, types and reference at developers.buffer.com, read 2026-11; `Switches` holds what they leave open
Emulates  the queries `account`, `channels`, `posts` (filters by channel, status, due date and creation; sorted; by
          cursor) and `post`, with the figures of posts; errors within a 200; three stacked windows of calls with their
          headers; personal keys, and an app's access with refresh tokens that serve once
Keys      only credentials that start with ``sandbox-`` exist here
Not emulated
          mutations (posts and ideas are made by hand), ideas, tags, notes, assets, templates, posting limits,
          aggregated figures, comments; fragments, aliases and directives; query cost and depth; scopes; the daily round
          in which figures are fetched
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sandbox.graphql import Invalid, Schema
from sandbox.platform import Answer, Call, Clock, Emulator, Route, State, Stop
from sandbox.rotating import Rotating
from sandbox.webhooks import NoMailroom
from sandbox.webhooks_postman import Postman

Json = dict[str, Any]
ORGANIZATION: Final = "5f1e0000000000000000000a"
LAST: Final = datetime(9999, 1, 1, tzinfo=UTC)  # where posts without a due date sort
MOST: Final = 100
STATUSES: Final = ("draft", "needs_approval", "scheduled", "sending", "sent", "error")
SERVICES: Final = ("instagram", "facebook", "linkedin", "mastodon")
KINDS: Final[Mapping[str, Mapping[str, str | None]]] = {
    "Account": {"id": None, "email": None, "name": None, "timezone": None, "organizations": "Organization"},
    "Organization": {"id": None, "name": None},
    "Channel": {"id": None, "name": None, "service": None, "organizationId": None, "isDisconnected": None},
    "PostsResults": {"edges": "PostsEdge", "pageInfo": "PageInfo"},
    "PostsEdge": {"cursor": None, "node": "Post"},
    "PageInfo": {"hasNextPage": None, "endCursor": None, "hasPreviousPage": None, "startCursor": None},
    "Post": {
        **dict.fromkeys(("id", "status", "text", "createdAt", "updatedAt", "dueAt", "sentAt", "externalLink")),
        **dict.fromkeys(("channelId", "channelService", "metricsUpdatedAt")),
        "metrics": "PostMetric",
        "channel": "Channel",
    },
    "PostMetric": {"type": None, "name": None, "description": None, "value": None, "unit": None},
}
TAKES: Final = {
    "channels": {"input": "ChannelsInput!"},
    "posts": {"input": "PostsInput!", "first": "Int", "after": "String"},
    "post": {"input": "PostInput!"},
}


@dataclass(frozen=True, slots=True)
class Switches:
    """What the documents leave open. Both settings of each have to pass.

    *strangers*: who has no good key gets 401, or an error within a 200. *hint*: how long to wait stands in the body of
    a 429, or in Retry-After. *stated*: limits stand in `RateLimit-Policy` for each window, or in `RateLimit-Limit` for
    whichever is the tightest. *undated*: a post published past Buffer has no due date.
    """

    strangers: int = 401
    hint: str = "header"
    stated: str = "policy"
    undated: bool = True


@dataclass(slots=True)
class Post:
    """One post. `figures` are counts by type; `rate` is its engagement rate in percent."""

    id: str
    channel: str
    text: str
    status: str
    created: datetime
    due: datetime | None
    sent: datetime | None
    figures: dict[str, int] = field(default_factory=dict)
    rate: float | None = None
    fetched: datetime | None = None  # when its figures were last asked for


@dataclass
class BufferState(State):
    organizations: dict[str, str] = field(default_factory=lambda: {ORGANIZATION: "The Bakery"})
    channels: dict[str, tuple[str, str]] = field(default_factory=dict)  # id -> organization, service
    posts: dict[str, Post] = field(default_factory=dict)
    last: int = 0

    def number(self) -> str:
        self.last += 1
        return f"5f1e{self.last:020x}"


class BufferSandbox(Emulator):
    """The account of a small bakery; `human_…` methods do what people do in the product and on the networks."""

    name = "buffer"
    state: BufferState

    def __init__(
        self,
        *,
        api_key: str = "sandbox-buffer-demo",
        clock: Clock | None = None,
        quotas: bool = True,
        switches: Switches | None = None,
        quarter: int = 100,
        day: int = 100,
        month: int = 3_000,
    ) -> None:
        super().__init__(BufferState(), clock=clock, quotas=quotas)
        self.switches = switches or Switches()
        if not api_key.startswith("sandbox-"):
            raise ValueError("a credential of the sandbox starts with sandbox-")
        self.keys = {api_key}
        self.windows = ((900, quarter), (86_400, day), (30 * 86_400, month))
        self._starts: deque[datetime] = deque()
        self.mailroom = NoMailroom(self)
        self.postman = Postman(self.mailroom)
        self.schema = Schema(
            KINDS,
            TAKES,
            {
                "account": ("Account", self._account),
                "channels": ("Channel", self._channels),
                "posts": ("PostsResults", self._posts),
                "post": ("Post", self._post),
            },
        )
        self.app_access = Rotating(self.clock, basic=False, revokes=True, scope="account:read posts:read insights:read")
        self.app_access.routes(self.route, "/auth", "/token", proof=True, more=("scope",))
        self.route("POST", "/", self.query, listing=True)

    # -- the door ------------------------------------------------------------------------------------

    def authenticate(self, call: Call, route: Route) -> Answer | None:
        """Bearer, a personal key or an app's token."""
        if route.traits.get("open"):
            return None
        call.token = call.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        if call.token in self.keys or self.app_access.holds(call.token):
            return None
        return _failed("UNAUTHENTICATED", "An access token is required", self.switches.strangers)

    def spend(self, call: Call, route: Route) -> Answer | None:
        """Three rolling windows, each for itself; a refused call is not counted."""
        if route.traits.get("open"):
            return None
        longest, _ = self.windows[-1]
        while self._starts and self._starts[0] <= call.now - timedelta(seconds=longest):
            self._starts.popleft()
        for seconds, most in self.windows:
            recent = self._recent(seconds, call.now)
            if len(recent) >= most:
                return self.too_many((recent[-most] - call.now).total_seconds() + seconds)
        self._starts.append(call.now)
        return None

    def _recent(self, seconds: int, now: datetime) -> list[datetime]:
        return [at for at in self._starts if at > now - timedelta(seconds=seconds)]

    def headers(self, call: Call, route: Route) -> tuple[tuple[str, str], ...]:
        if not self.quotas or route.traits.get("open"):
            return ()
        if self.switches.stated == "policy":
            policies = ", ".join(f'"{most}-in-{seconds}s";q={most};w={seconds}' for seconds, most in self.windows)
            return (("RateLimit-Policy", policies),)
        left = {most - len(self._recent(seconds, call.now)): (seconds, most) for seconds, most in self.windows}
        seconds, most = left[min(left)]
        recent = self._recent(seconds, call.now)
        reset = (recent[0] if recent else call.now) + timedelta(seconds=seconds)
        stated = (("RateLimit-Limit", str(most)), ("RateLimit-Remaining", str(max(0, min(left)))))
        return (*stated, ("RateLimit-Reset", stamp(reset)))

    def too_many(self, retry_after: float | None = None) -> Answer:
        told: Json = {"code": "RATE_LIMIT_EXCEEDED", "limitType": "CLIENT_ACCOUNT"}
        seconds = None if retry_after is None else int(retry_after) + (retry_after % 1 > 0)
        if seconds is not None and self.switches.hint == "body":
            told["retryAfter"] = seconds
        wait = (("Retry-After", str(seconds)),) if seconds is not None and self.switches.hint == "header" else ()
        return Answer(429, {"errors": [{"message": "Too many requests from this client.", "extensions": told}]}, wait)

    def broken(self, status: int = 500) -> Answer:
        """Errors of the server come within a 200; a gateway before it has statuses of its own."""
        return _failed("UNEXPECTED", "Something went wrong", 200 if status == 500 else status)

    def malformed(self, message: str) -> Answer:
        return _failed("BAD_REQUEST", message, 400)

    # -- queries -------------------------------------------------------------------------------------

    def query(self, call: Call) -> Answer:
        body = self.body(call, ("query", "variables", "operationName"))
        try:
            return Answer(200, {"data": self.schema.answer(str(body.get("query", "")), body.get("variables") or {})})
        except Invalid as error:
            return _failed("GRAPHQL_VALIDATION_FAILED", str(error), 400)

    def _account(self, _: Json) -> Json:
        held = [{"id": one, "name": name} for one, name in self.state.organizations.items()]
        named = {"id": "5f1e0000000000000000000b", "email": "rosa@bakery.example", "name": "Rosa Baker"}
        return {**named, "timezone": "Europe/Berlin", "organizations": held}

    def _channels(self, given: Json) -> list[Json]:
        asked = given["input"]
        self.only(asked, ("organizationId",), "ChannelsInput")
        mine = self._organization(asked)
        return [self._channel(one) for one, (organization, _) in self.state.channels.items() if organization == mine]

    def _channel(self, channel: str) -> Json:
        organization, service = self.state.channels[channel]
        shown = {"id": channel, "name": f"the_bakery_{service}", "service": service, "isDisconnected": False}
        return {**shown, "organizationId": organization}

    def _organization(self, asked: Mapping[str, Any]) -> str:
        found = str(asked.get("organizationId"))
        if found not in self.state.organizations:
            raise Stop(_failed("NOT_FOUND", "Organization not found"))
        return found

    def _posts(self, given: Json) -> Json:
        asked = given["input"]
        self.only(asked, ("organizationId", "filter", "sort"), "PostsInput")
        found = self._sorted(self._filtered(self._organization(asked), asked.get("filter") or {}), asked.get("sort"))
        first = given.get("first") or 20
        if first > MOST:
            raise Stop(_failed("BAD_USER_INPUT", f"first is at most {MOST}"))
        start = self._place(found, given["after"]) if given.get("after") else 0
        page = found[start : start + first]
        edges = [{"cursor": cursor(post.id), "node": self._shown(post)} for post in page]
        ends = {"startCursor": edges[0]["cursor"], "endCursor": edges[-1]["cursor"]} if edges else {}
        info = {"hasNextPage": start + first < len(found), "hasPreviousPage": False}
        return {"edges": edges, "pageInfo": {"startCursor": None, "endCursor": None, **info, **ends}}

    def _filtered(self, organization: str, wanted: Mapping[str, Any]) -> list[Post]:
        self.only(wanted, ("channelIds", "status", "dueAt", "createdAt"), "PostsFiltersInput")
        if strange := [one for one in wanted.get("status") or () if one not in STATUSES]:
            raise Stop(_failed("BAD_USER_INPUT", f"{strange[0]} is no PostStatus"))
        found = [post for post in self.state.posts.values() if self.state.channels[post.channel][0] == organization]
        if wanted.get("channelIds") is not None:
            found = [post for post in found if post.channel in wanted["channelIds"]]
        if wanted.get("status"):
            found = [post for post in found if post.status in wanted["status"]]
        for name in ("dueAt", "createdAt"):
            if (between := wanted.get(name)) is not None:
                self.only(between, ("start", "end"), "DateTimeComparator")
                found = [post for post in found if _within(post.due if name == "dueAt" else post.created, between)]
        return found

    def _sorted(self, posts: list[Post], orders: list[Json] | None) -> list[Post]:
        posts.sort(key=lambda post: post.id)
        for order in reversed(orders or [{"field": "dueAt", "direction": "desc"}]):
            self.only(order, ("field", "direction"), "PostSortInput")
            due = order.get("field") == "dueAt"
            posts.sort(
                key=lambda post: (post.due or LAST) if due else post.created,
                reverse=order.get("direction") == "desc",
            )
        return posts

    def _place(self, posts: list[Post], after: str) -> int:
        try:
            named = b64decode(after, validate=True).decode()
            return next(place for place, post in enumerate(posts, 1) if post.id == named)
        except (Error, UnicodeDecodeError, StopIteration):
            raise Stop(_failed("BAD_USER_INPUT", "after is no cursor of this query")) from None

    def _post(self, given: Json) -> Json:
        self.only(given["input"], ("id",), "PostInput")
        post = self.state.posts.get(str(given["input"].get("id")))
        if post is None:
            raise Stop(_failed("NOT_FOUND", "Post not found"))
        return self._shown(post)

    def _shown(self, post: Post) -> Json:
        """A network that did not tell a figure has none in the list; before the first daily round there is none."""
        figures = [_metric(kind, float(value), "count") for kind, value in post.figures.items()]
        if post.rate is not None:
            figures.append(_metric("engagementRate", post.rate, "percentage"))
        return {
            "id": post.id,
            "status": post.status,
            "text": post.text,
            "createdAt": stamp(post.created),
            "updatedAt": stamp(post.sent or post.created),
            "dueAt": stamp(post.due) if post.due else None,
            "sentAt": stamp(post.sent) if post.sent else None,
            "externalLink": f"https://network.example/{post.id}" if post.sent else None,
            "channelId": post.channel,
            "channelService": self.state.channels[post.channel][1],
            "metricsUpdatedAt": stamp(post.fetched) if post.fetched else None,
            "metrics": figures if post.fetched else None,
            "channel": self._channel(post.channel),
        }

    # -- what people do ------------------------------------------------------------------------------

    def channel_of(self, service: str, organization: str = ORGANIZATION) -> str:
        """The channel of a network; connected where it is not there yet."""
        if service not in SERVICES:
            raise ValueError(f"no such network: {service}")
        for one, held in self.state.channels.items():
            if held == (organization, service):
                return one
        made = self.state.number()
        self.state.channels[made] = organization, service
        return made

    def human_organization(self, name: str) -> str:
        made = self.state.number()
        self.state.organizations[made] = name
        return made

    def human_publish(self, text: str, service: str = "instagram", organization: str = ORGANIZATION) -> str:
        """Share a post now."""
        now = self.clock()
        return self._make(text, service, "sent", now, now, now, organization)

    def human_publish_elsewhere(self, text: str, service: str = "instagram") -> str:
        """Publish in the network's own app: Buffer sees it there."""
        now = self.clock()
        due = None if self.switches.undated else now
        return self._make(text, service, "sent", now, due, now, ORGANIZATION)

    def human_schedule(self, text: str, days: float, service: str = "instagram") -> str:
        now = self.clock()
        return self._make(text, service, "scheduled", now, now + timedelta(days=days), None, ORGANIZATION)

    def human_engage(self, post: str, **more: int) -> None:
        """People on the network do something, and the daily round brings the figures."""
        found = self.state.posts[post]
        for kind, count in more.items():
            found.figures[kind] = found.figures.get(kind, 0) + count
        seen = found.figures.get("reach") or found.figures.get("impressions")
        if seen:
            found.rate = round(100 * found.figures.get("reactions", 0) / seen, 2)
        found.fetched = self.clock()

    def human_delete(self, post: str) -> None:
        del self.state.posts[post]

    def load(self, records: Iterable[Mapping[str, Any]]) -> int:
        """Posts as they were published long ago: text, service, at, figures."""
        before = len(self.state.posts)
        for record in records:
            at = record["at"]
            made = self._make(str(record["text"]), str(record["service"]), "sent", at, at, at, ORGANIZATION)
            self.human_engage(made, **record.get("figures", {}))
        return len(self.state.posts) - before

    def _make(
        self,
        text: str,
        service: str,
        status: str,
        created: datetime,
        due: datetime | None,
        sent: datetime | None,
        organization: str,
    ) -> str:
        channel = self.channel_of(service, organization)
        made = Post(self.state.number(), channel, text, status, created, due, sent)
        self.state.posts[made.id] = made
        return made.id

    def dump(self) -> Iterator[Json]:
        for post in self.state.posts.values():
            yield {"kind": "post", **self._shown(post)}


def stamp(at: datetime) -> str:
    """ISO 8601 in UTC, in milliseconds."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


def cursor(post: str) -> str:
    """An opaque place in a listing."""
    return b64encode(post.encode()).decode()


def _metric(kind: str, value: float, unit: str) -> Json:
    return {"type": kind, "name": kind.title(), "description": f"How many {kind}", "value": value, "unit": unit}


def _within(at: datetime | None, between: Mapping[str, Any]) -> bool:
    if at is None:
        return False
    start, end = (datetime.fromisoformat(between[name]) if between.get(name) else None for name in ("start", "end"))
    return (start is None or at >= start) and (end is None or at <= end)


def _failed(code: str, message: str, status: int = 200) -> Answer:
    return Answer(status, {"data": None, "errors": [{"message": message, "extensions": {"code": code}}]})
