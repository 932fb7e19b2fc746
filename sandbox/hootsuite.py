"""Hootsuite, rehearsed: the social profiles, messages and posts of one member, on loopback.

Docs      the vendor's descriptions of its REST, Analytics and Inbox 2.0 APIs and developer.hootsuite.com, read 2026-11;
          `Switches` holds what they leave open
Emulates  the member and their profiles; messages by state and window of four weeks, by cursor; posts with lifetime
          figures by network, profiles and the day of the last change; webhooks of an app (batches with ``seq_no``) and
          of the inbox (conversations that were closed); OAuth with HTTP Basic, tokens of an hour and refresh tokens
          that serve once; 20 calls a second and 100,000 a day, with their headers
Keys      only credentials that start with ``sandbox-`` exist here
Not emulated
          scheduling, approving and deleting messages, media, ow.ly links; organizations, teams, members, SCIM; figures
          of profiles and of ads; message events beside those of sending; the inbox's lookups, virtual agents, queues
          and live figures; Amplify; comments; a webhook that is switched off after failing for long
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from sandbox.hootsuite_webhooks import HootsuiteMailroom
from sandbox.platform import Answer, Call, Clock, Emulator, Route, State, Stop
from sandbox.rotating import Rotating
from sandbox.webhooks_postman import Postman

Json = dict[str, Any]
MEMBER: Final = "15240789"
WINDOW: Final = timedelta(weeks=4)
CHANGES: Final = timedelta(days=30)
PERIOD: Final = timedelta(days=731)
MEASURED: Final = frozenset(
    ("FACEBOOKPAGE", "TWITTER", "INSTAGRAMBUSINESS", "TIKTOKBUSINESS", "YOUTUBECHANNEL", "PINTEREST", "THREADS")
)
STATES: Final = ("PENDING_APPROVAL", "REJECTED", "SENT", "SCHEDULED", "SEND_FAILED_PERMANENTLY")


@dataclass(frozen=True, slots=True)
class Switches:
    """What the documents leave open. Both settings of each have to pass.

    *analytics*: the plan has the Analytics API, or refuses it. *signature*: how the proof of a webhook is written, or
    that it is the shared secret itself.
    """

    analytics: bool = True
    signature: str = "hex"  # base64, secret


@dataclass(slots=True)
class Message:
    """A message for one profile, and the post that it became."""

    id: str
    profile: str
    text: str
    state: str
    due: datetime
    post: str = ""
    figures: dict[str, float] = field(default_factory=dict)
    refreshed: datetime | None = None


@dataclass
class HootsuiteState(State):
    profiles: dict[str, str] = field(default_factory=dict)  # id -> network
    messages: dict[str, Message] = field(default_factory=dict)
    last: int = 4_138_470_000
    sequence: int = 0

    def number(self) -> str:
        self.last += 1
        return str(self.last)


class HootsuiteSandbox(Emulator):
    """The member of a small bakery; `human_…` methods do what people do in the product and on the networks."""

    name = "hootsuite"
    state: HootsuiteState
    mailroom: HootsuiteMailroom

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        quotas: bool = True,
        switches: Switches | None = None,
        a_second: int = 20,
        a_day: int = 100_000,
        token: str = "sandbox-hootsuite-demo",
    ) -> None:
        super().__init__(HootsuiteState(), clock=clock, quotas=quotas)
        self.switches = switches or Switches()
        self.a_second, self.a_day = a_second, a_day
        self._starts: deque[datetime] = deque()
        self._spent = (date.min, 0)
        self.tokens = {token}  # holds as long as the sandbox does: the demo's
        self.app_access = Rotating(self.clock, basic=True, revokes=False, scope="offline analytics:read", seconds=3599)
        self.app_access.routes(self.route, "/oauth2/auth", "/oauth2/token", proof=True, more=("scope",))
        self.mailroom = HootsuiteMailroom(self, self.switches.signature)
        self.postman = Postman(self.mailroom)
        window = ("startTime", "endTime", "state", "socialProfileIds", "limit", "cursor")
        self.route("GET", "/v1/me", self.me)
        self.route("GET", "/v1/socialProfiles", self.profiles)
        self.route("GET", "/v1/messages", self.messages, query=window, listing=True)
        self.route("GET", "/v1/messages/<id>", self.message)
        self.route("POST", "/v1/analytics/posts", self.posts, query=("datatype", "networkId", "cursor", "limit"))

    # -- the door ------------------------------------------------------------------------------------

    def authenticate(self, call: Call, route: Route) -> Answer | None:
        if route.traits.get("open"):
            return None
        call.token = call.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        if call.token in self.tokens or self.app_access.holds(call.token):
            return None
        return failed(401, 401, "The access token is expired or unknown")

    def spend(self, call: Call, route: Route) -> Answer | None:
        """Per second, and per day from midnight on (facts: 20 and 100,000)."""
        if route.traits.get("open"):
            return None
        while self._starts and self._starts[0] <= call.now - timedelta(seconds=1):
            self._starts.popleft()
        day, spent = self._spent
        spent = spent if day == call.now.date() else 0
        if len(self._starts) >= self.a_second or spent >= self.a_day:
            return self.too_many()
        self._starts.append(call.now)
        self._spent = (call.now.date(), spent + 1)
        return None

    def headers(self, call: Call, route: Route) -> tuple[tuple[str, str], ...]:
        if not self.quotas or route.traits.get("open"):
            return ()
        return (
            ("X-Account-Quota", f"{self.a_day} per day"),
            ("X-Account-Quota-Used", str(self._spent[1])),
            ("X-Account-Rate-Limit-Requests-Remaining", str(max(0, self.a_second - len(self._starts)))),
        )

    def too_many(self, retry_after: float | None = None) -> Answer:
        wait = () if retry_after is None else (("Retry-After", f"{retry_after:g}"),)
        return failed(429, 1003, "Account plan limit exceeded")._replace(headers=wait)

    def broken(self, status: int = 500) -> Answer:
        return failed(status, 5000, "Something went wrong")

    def malformed(self, message: str) -> Answer:
        return failed(400, 4000, message)

    # -- what there is -------------------------------------------------------------------------------

    def me(self, call: Call) -> Answer:
        return Answer(200, {"data": {"id": MEMBER, "email": "rosa@bakery.example", "fullName": "Rosa Baker"}})

    def profiles(self, call: Call) -> Answer:
        shown = [
            {"id": one, "type": network, "socialNetworkId": f"9{one}", "socialNetworkUsername": "the_bakery"}
            for one, network in self.state.profiles.items()
        ]
        return Answer(200, {"data": shown})

    def message(self, call: Call) -> Answer:
        found = self.state.messages.get(call.args["id"])
        if found is None:
            raise Stop(failed(404, 40_003, "Message not found"))
        return Answer(200, {"data": show(found)})

    def messages(self, call: Call) -> Answer:
        """description: sorted by the time of sending; both ends are needed, four weeks apart at most."""
        start, end = (self._moment(call.one(name), name) for name in ("startTime", "endTime"))
        if end < start or end - start > WINDOW:
            raise Stop(failed(400, 4001, "endTime must not be later than 4 weeks from startTime"))
        state = call.one("state")
        if state and state not in STATES:
            raise Stop(failed(400, 4002, f"{state} is no state"))
        wanted = set(call.many("socialProfileIds"))
        found = [
            one
            for one in sorted(self.state.messages.values(), key=lambda one: (one.due, one.id))
            if start <= one.due <= end and (not state or one.state == state) and (not wanted or one.profile in wanted)
        ]
        page, following = self._page(call, found, 50)
        cursor = {"next": following, "previous": None}
        return Answer(200, {"data": [show(one) for one in page], "metadata": {"cursor": cursor}})

    def _page(self, call: Call, found: list[Message], usual: int) -> tuple[list[Message], str | None]:
        """A cursor names the last one that was shown."""
        limit = int(call.one("limit", str(usual)))
        if not 1 <= limit <= 100:
            raise Stop(failed(400, 4004, "limit is between 1 and 100"))
        cursor, start = call.one("cursor"), 0
        if cursor:
            ids = [one.id for one in found]
            if cursor not in ids:
                raise Stop(failed(400, 4005, "this cursor belongs to another question"))
            start = ids.index(cursor) + 1
        page = found[start : start + limit]
        return page, page[-1].id if start + limit < len(found) else None

    def _moment(self, text: str, name: str) -> datetime:
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except ValueError:
            raise Stop(failed(400, 4000, f"{name} is no time")) from None

    def posts(self, call: Call) -> Answer:
        """description: lifetime figures; the profiles are needed, ten at most; the rest may be left out."""
        if not self.switches.analytics:
            raise Stop(problem(403, "forbidden", "This plan has no access to Analytics"))
        network = call.one("networkId")
        if network not in MEASURED or call.one("datatype", "ORGANIC") != "ORGANIC":
            raise Stop(problem(422, "invalid-argument", "networkId"))
        filters = self.body(call, ("filters",)).get("filters") or {}
        self.only(filters, ("profileId", "lastModified", "reportingPeriod"), "filters")
        profiles = (filters.get("profileId") or {}).get("in") or ()
        if not 1 <= len(profiles) <= 10:
            raise Stop(problem(422, "invalid-argument", "profileId needs one to ten"))
        changed = self._since(filters.get("lastModified"), call.now, CHANGES)
        made = self._since(filters.get("reportingPeriod"), call.now, PERIOD)
        found = [
            one
            for one in sorted(self.state.messages.values(), key=lambda one: (one.due, one.id))
            if one.post
            and one.profile in profiles
            and self.state.profiles[one.profile] == network
            and (made is None or one.due.date() >= made)
            and (changed is None or (one.refreshed or one.due).date() >= changed)
        ]
        page, following = self._page(call, found, 10)
        info = {"next": {"cursor": following}} if following else {}
        return Answer(200, {"data": [posted(one) for one in page], "metadata": {"collectionInfo": info}})

    def _since(self, given: Json | None, now: datetime, longest: timedelta) -> date | None:
        if given is None:
            return None
        self.only(given, ("timespan",), "a filter of time")
        self.only(given["timespan"], ("since", "until"), "timespan")
        since = date.fromisoformat(given["timespan"]["since"])
        if since < (now - longest).date():
            raise Stop(problem(422, "invalid-argument", f"since is more than {longest.days} days ago"))
        return since

    # -- what people do ------------------------------------------------------------------------------

    def profile_of(self, network: str) -> str:
        """The profile on a network; connected where it is not there yet."""
        for one, there in self.state.profiles.items():
            if there == network:
                return one
        return self.human_connect(network)

    def human_connect(self, network: str) -> str:
        made = self.state.number()
        self.state.profiles[made] = network
        return made

    def human_send(self, text: str, network: str = "FACEBOOKPAGE", profile: str = "") -> str:
        """Send a message now; gives the post's id on the network."""
        made = self._make(text, profile or self.profile_of(network), "SENT", self.clock())
        self.mailroom.tell_state(made.id, made.state, self.clock())
        return made.post

    def human_schedule(self, text: str, days: float, network: str = "FACEBOOKPAGE") -> str:
        return self._make(text, self.profile_of(network), "SCHEDULED", self.clock() + timedelta(days=days)).id

    def human_engage(self, post: str, **more: float) -> None:
        """People on the network do something with a post."""
        found = next(one for one in self.state.messages.values() if one.post == post)
        for name, count in more.items():
            found.figures[name] = found.figures.get(name, 0) + count
        found.refreshed = self.clock()

    def human_set_webhooks(self, url: str, secret: str) -> None:
        """Set the address of the app's webhooks, and of the inbox's write-back."""
        self.mailroom.set_up(url, secret)

    def human_resolve(self, contact: str, medium: str = "fb", email: str = "", wrote: bool = True) -> None:
        """An agent closes a conversation with somebody."""
        self.mailroom.tell_conversation(contact, medium, email, wrote, self.clock())

    def load(self, records: Iterable[Mapping[str, Any]]) -> int:
        """Messages as they were sent long ago: text, network, at, figures."""
        before = len(self.state.messages)
        for record in records:
            made = self._make(str(record["text"]), self.profile_of(str(record["network"])), "SENT", record["at"])
            made.figures = dict(record.get("figures", {}))
            made.refreshed = record["at"]
        return len(self.state.messages) - before

    def _make(self, text: str, profile: str, state: str, due: datetime) -> Message:
        number = self.state.number()
        made = Message(number, profile, text, state, due, f"post-{number}" if state == "SENT" else "")
        self.state.messages[number] = made
        return made

    def dump(self) -> Iterator[Json]:
        for one in self.state.messages.values():
            yield {"kind": "message", **show(one)}


def stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def show(one: Message) -> Json:
    """A message as the REST API shows it."""
    shown: Json = {
        "id": one.id,
        "state": one.state,
        "text": one.text,
        "socialProfile": {"id": one.profile},
        "scheduledSendTime": stamp(one.due),
        "createdByMember": {"id": MEMBER},
    }
    return {**shown, "postId": one.post} if one.post else shown


def posted(one: Message) -> Json:
    """A post as Analytics shows it."""
    return {
        "createdAt": stamp(one.due),
        "lastRefreshed": stamp(one.refreshed or one.due),
        "profileId": one.profile,
        "externalProfileId": f"9{one.profile}",
        "sourceLink": f"https://network.example/{one.post}",
        "externalId": one.post,
        "content": one.text,
        "metrics": {name: float(count) for name, count in one.figures.items()},
        "postType": "POST",
    }


def failed(status: int, code: int, message: str) -> Answer:
    return Answer(status, {"errors": [{"code": code, "message": message, "id": "0000015bd565ee00-8fbd"}]})


def problem(status: int, title: str, detail: str) -> Answer:
    """Analytics words errors otherwise than the REST API."""
    kind = (("Content-Type", "application/json"),)
    return Answer(status, {"title": title, "status": status, "detail": detail}, kind)
