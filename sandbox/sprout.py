"""Sprout Social, rehearsed: the messages and posts of one customer, on loopback.

Docs      api.sproutsocial.com/docs, read 2026-11; `Switches` holds what it leaves open
Emulates  the client's customers and a customer's profiles; messages received and sent, by filters, in the order of
          time, by cursor; analytics of posts by page; no more than 10,000 results of one question; 60 calls a minute
          and 250,000 a month without a header; the answer 202 that is none yet
Keys      only credentials that start with ``sandbox-`` exist here
Not emulated
          publishing and media, listening topics, figures of profiles by day, cases, tags, groups, users, teams and
          queues; OAuth; filters other than by profile, time and author; operators other than ``eq`` and ``in`` with two
          dots; time zones other than UTC; messages that networks take back by themselves
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sandbox.platform import Answer, Call, Clock, Emulator, Route, State, Stop, Unknown
from sandbox.webhooks import NoMailroom
from sandbox.webhooks_postman import Postman

Json = dict[str, Any]
CUSTOMER: Final = 687_751
MONTH: Final = timedelta(days=30)
FILTER: Final = re.compile(r"([\w.]+)\.(eq|in)\((.*)\)")
MESSAGE_FIELDS: Final = frozenset(
    ("guid", "created_time", "network", "post_type", "text", "sentiment", "customer_profile_id", "perma_link")
) | {"from.guid", "from.name", "from.screen_name"}
POST_FIELDS: Final = frozenset(("guid", "created_time", "network", "post_type", "text", "perma_link"))
METRICS: Final = frozenset(
    f"lifetime.{name}"
    for name in (
        *("impressions", "engagements", "reactions", "likes", "comments_count", "shares_count"),
        *("post_link_clicks", "post_content_clicks", "video_views"),
    )
)


@dataclass(frozen=True, slots=True)
class Switches:
    """What the documents leave open. Both settings of each have to pass.

    *prefixed*: the id of whoever wrote names the network before a colon, or does not. *sentiment*: the plan tells it.
    """

    prefixed: bool = True
    sentiment: bool = True


@dataclass(slots=True)
class Message:
    guid: str
    profile: int
    author: str
    name: str
    handle: str
    kind: str
    text: str
    at: datetime
    sentiment: str = "unclassified"
    figures: dict[str, int] | None = None  # of a post of the business


@dataclass
class SproutState(State):
    profiles: dict[int, tuple[str, str]] = field(default_factory=dict)  # number -> network, its own id there
    messages: dict[str, Message] = field(default_factory=dict)
    last: int = 1000

    def number(self) -> int:
        self.last += 1
        return self.last


class SproutSandbox(Emulator):
    """The profiles of a small bakery; `human_…` methods do what people do on the networks."""

    name = "sprout"
    state: SproutState

    def __init__(
        self,
        *,
        token: str = "sandbox-sprout-demo",
        clock: Clock | None = None,
        quotas: bool = True,
        switches: Switches | None = None,
        a_minute: int = 60,
        a_month: int = 250_000,
        most: int = 10_000,
    ) -> None:
        super().__init__(SproutState(), clock=clock, quotas=quotas)
        self.switches = switches or Switches()
        if not token.startswith("sandbox-"):
            raise ValueError("a credential of the sandbox starts with sandbox-")
        self.tokens = {token}
        self.a_minute, self.a_month, self.most = a_minute, a_month, most
        self.unready = 0  # answers 202 so many times more
        self._starts: deque[datetime] = deque()
        self.mailroom = NoMailroom(self)
        self.postman = Postman(self.mailroom)
        self.state.profiles[self.state.number()] = ("facebook", "900100")
        self.route("GET", "/v1/metadata/client", self.client)
        self.route("GET", "/v1/<customer>/metadata/customer", self.customer)
        self.route("POST", "/v1/<customer>/messages", self.messages, listing=True)
        self.route("POST", "/v1/<customer>/analytics/posts", self.posts)

    # -- the door ------------------------------------------------------------------------------------

    def authenticate(self, call: Call, route: Route) -> Answer | None:
        token = call.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        if token not in self.tokens:
            return Answer(401, {"error": "Unauthorized"})
        if call.args.get("customer", str(CUSTOMER)) != str(CUSTOMER):
            return Answer(403, {"error": "Forbidden"})
        return None

    def spend(self, call: Call, route: Route) -> Answer | None:
        while self._starts and self._starts[0] <= call.now - MONTH:
            self._starts.popleft()
        minute = sum(at > call.now - timedelta(minutes=1) for at in self._starts)
        if minute >= self.a_minute or len(self._starts) >= self.a_month:
            return self.too_many()
        self._starts.append(call.now)
        return None

    def headers(self, call: Call, route: Route) -> tuple[tuple[str, str], ...]:
        return (("X-Sprout-API-Version", "1.1"),)

    def too_many(self, retry_after: float | None = None) -> Answer:
        wait = () if retry_after is None else (("Retry-After", f"{retry_after:g}"),)
        return Answer(429, {"error": "Too Many Requests"}, wait)

    def broken(self, status: int = 500) -> Answer:
        return Answer(status, {"error": "Internal Server Error"})

    def malformed(self, message: str) -> Answer:
        return Answer(400, {"error": message})

    # -- questions -----------------------------------------------------------------------------------

    def client(self, call: Call) -> Answer:
        return Answer(200, {"data": [{"customer_id": CUSTOMER, "name": "The Bakery"}]})

    def customer(self, call: Call) -> Answer:
        shown = [
            {
                "customer_profile_id": number,
                "network_type": network,
                "name": "The Bakery",
                "native_name": "the_bakery",
                "native_id": native,
                "groups": [1],
            }
            for number, (network, native) in self.state.profiles.items()
        ]
        return Answer(200, {"data": shown})

    def messages(self, call: Call) -> Answer:
        """Forward only, by cursor; past 10,000 nothing is told, and nothing says so."""
        body = self._asked(call, ("filters", "fields", "sort", "limit", "page_cursor", "timezone"), MESSAGE_FIELDS)
        found, limit = self._found(body, list(self.state.messages.values())), self._limit(body, 100)
        start = int(body.get("page_cursor") or "0")
        page = [self._show(one, body["fields"]) for one in found[start : start + limit]]
        more = start + limit < len(found)
        return Answer(200, {"data": page, "paging": {"next_cursor": str(start + limit)} if more else {}})

    def posts(self, call: Call) -> Answer:
        """Of a question without fields only the guid comes; a page after the last one is refused."""
        known = ("filters", "fields", "metrics", "sort", "limit", "page", "timezone")
        body = self._asked(call, known, POST_FIELDS)
        if strange := set(body.get("metrics") or ()) - METRICS:
            raise Stop(Answer(400, {"error": f"{min(strange)} is no metric of posts"}))
        own = [one for one in self.state.messages.values() if one.figures is not None]
        found, limit, page = self._found(body, own), self._limit(body, 50), int(body.get("page") or 1)
        pages = max(1, -(-len(found) // limit))
        if page > pages:
            raise Stop(Answer(400, {"error": "page is greater than total_pages"}))
        shown = [
            {
                **self._show(one, body.get("fields") or ["guid"]),
                "metrics": self._figures(one, body.get("metrics") or ()),
            }
            for one in found[(page - 1) * limit : page * limit]
        ]
        return Answer(200, {"data": shown, "paging": {"current_page": page, "total_pages": pages}})

    def _asked(self, call: Call, known: Sequence[str], fields: frozenset[str]) -> Json:
        if self.unready:
            self.unready -= 1
            raise Stop(Answer(202, {"data": []}))
        body: Json = self.body(call, known)
        if strange := set(body.get("fields") or ()) - fields:
            raise Unknown(f"field {min(strange)}")
        if body.get("timezone", "UTC") != "UTC":
            raise Unknown(f"time zone {body['timezone']}")
        return body

    def _limit(self, body: Json, most: int) -> int:
        limit = int(body.get("limit") or 50)
        if not 1 <= limit <= most:
            raise Stop(Answer(400, {"error": f"limit is at most {most}"}))
        return limit

    def _found(self, body: Json, among: list[Message]) -> list[Message]:
        given = {}
        for text in body.get("filters") or ():
            parts = FILTER.fullmatch(text)
            if parts is None or parts[1] not in ("customer_profile_id", "created_time", "from.guid"):
                raise Unknown(f"filter {text}")
            given[parts[1]] = parts[3]
        if "customer_profile_id" not in given or "created_time" not in given:
            raise Stop(Answer(400, {"error": "filters need customer_profile_id and created_time"}))
        profiles = {int(one) for one in given["customer_profile_id"].split(",")}
        if profiles - set(self.state.profiles):
            raise Stop(Answer(403, {"error": "Forbidden"}))
        since, until = (self._moment(one) for one in given["created_time"].split(".."))
        authors = [one.strip() for one in given["from.guid"].split(",")] if "from.guid" in given else None
        order = (body.get("sort") or ["created_time:desc"])[0]
        if order not in ("created_time:asc", "created_time:desc"):
            raise Unknown(f"sort {order}")
        found = [
            one
            for one in sorted(among, key=lambda one: (one.at, one.guid), reverse=order.endswith("desc"))
            if one.profile in profiles and since <= one.at <= until and (authors is None or one.author in authors)
        ]
        return found[: self.most]

    def _moment(self, text: str) -> datetime:
        try:
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        except ValueError:
            raise Stop(Answer(400, {"error": f"{text} is no time"})) from None

    def _show(self, one: Message, fields: Iterable[str]) -> Json:
        """What was named, and nothing else."""
        whole = {
            "guid": one.guid,
            "created_time": f"{one.at:%Y-%m-%dT%H:%M:%SZ}",
            "network": self.state.profiles[one.profile][0],
            "post_type": one.kind,
            "text": one.text,
            "sentiment": one.sentiment if self.switches.sentiment else None,
            "customer_profile_id": one.profile,
            "perma_link": f"https://network.example/{one.guid}",
        }
        author = {"from.guid": one.author, "from.name": one.name, "from.screen_name": one.handle}
        shown: Json = {name: whole[name] for name in fields if whole.get(name) is not None}
        wanted = {name.removeprefix("from."): author[name] for name in fields if author.get(name)}
        return {**shown, "from": wanted} if wanted else shown

    def _figures(self, one: Message, metrics: Iterable[str]) -> Json:
        counts = one.figures or {}
        return {name: counts.get(name.removeprefix("lifetime.")) for name in metrics}

    # -- what people do ------------------------------------------------------------------------------

    def profile_of(self, network: str) -> int:
        for number, (there, _) in self.state.profiles.items():
            if there == network:
                return number
        number = self.state.number()
        self.state.profiles[number] = network, str(900_000 + number)
        return number

    def human_write(
        self,
        name: str,
        handle: str = "",
        kind: str = "FACEBOOK_COMMENT",
        text: str = "",
        tone: str = "",
        guid: str = "",
    ) -> str:
        """Somebody writes; gives their id. Whoever wrote before is named by *guid*."""
        network = kind.partition("_")[0].lower()
        number = str(self.state.number())
        author = guid or (f"{network}:{number}" if self.switches.prefixed else number)
        self._add(network, author, name, handle, kind, text, self.clock(), tone or "unclassified")
        return author

    def human_publish(self, text: str, network: str = "facebook") -> str:
        """The business publishes a post; gives its guid."""
        native = self.state.profiles[self.profile_of(network)][1]
        author = f"{network}:{native}" if self.switches.prefixed else native
        kind = f"{network.upper()}_POST"
        made = self._add(network, author, "The Bakery", "the_bakery", kind, text, self.clock())
        made.figures = {}
        return made.guid

    def human_engage(self, post: str, **more: int) -> None:
        figures = self.state.messages[post].figures
        if figures is None:
            raise ValueError(f"{post} is no post of the business")
        for name, count in more.items():
            figures[name] = figures.get(name, 0) + count

    def human_delete(self, author: str) -> None:
        """Somebody takes back all they wrote."""
        kept = {guid: one for guid, one in self.state.messages.items() if one.author != author}
        self.state.messages = kept

    def load(self, records: Iterable[Mapping[str, Any]]) -> int:
        """What was written or published long ago: name, handle, kind, at; or text, network, at, figures."""
        before = len(self.state.messages)
        for record in records:
            if "figures" in record:
                made = self.state.messages[self.human_publish(str(record["text"]), str(record["network"]))]
                made.at, made.figures = record["at"], dict(record["figures"])
                continue
            kind = str(record.get("kind", "FACEBOOK_COMMENT"))
            network = kind.partition("_")[0].lower()
            author = f"{network}:{self.state.number()}"
            self._add(network, author, str(record["name"]), str(record.get("handle", "")), kind, "", record["at"])
        return len(self.state.messages) - before

    def _add(
        self, network: str, author: str, name: str, handle: str, kind: str, text: str, at: datetime, tone: str = ""
    ) -> Message:
        guid = f"m{self.state.number()}"
        made = Message(guid, self.profile_of(network), author, name, handle, kind, text, at, tone or "unclassified")
        self.state.messages[guid] = made
        return made

    def dump(self) -> Iterator[Json]:
        for one in self.state.messages.values():
            yield {"kind": "message", **self._show(one, sorted(MESSAGE_FIELDS))}
