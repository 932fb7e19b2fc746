"""Hootsuite: what the social profiles of one member published, and what was done with it.

Docs     apidocs.hootsuite.com (REST and Analytics, read 2026-11), developer.hootsuite.com
Pace     20 calls a second and 100,000 a day; `X-Account-Quota` states the day, `X-Account-Quota-Used` what is spent of
         it. A 429 says nothing of how long
Quirks   Access holds an hour; a refresh token serves once, so that the new one is stored before it is used.
         Messages are asked for by when they were to be sent, four weeks at a time, and tell no figures.
         Posts with their figures come from Analytics, which a plan may lack: network by network, ten profiles at a
         time, by the day on which something last changed; of changes it tells thirty days, of posts two years.
         It knows networks that Analytics does not (LinkedIn): their messages have no figures.
         A message is known by Hootsuite's number, a post by its network's: nothing joins them, so read one of the two.
         People occur in conversations of the inbox alone, which it tells once, by webhook (CRM write-back, Inbox 2.0),
         proven by a shared secret; what became of messages an app is told, in batches with a keyed SHA-512 of the body.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

from connectors import kit
from mapping.facts import By, Channel, Facts, Touch, Touchpoint, Way
from mapping.model import Millis

POSTS = "/v1/analytics/posts"
FOUR_WEEKS = 28 * kit.DAY - 1000  # for the ends of a window are whole seconds
MEASURED = (
    "FACEBOOKPAGE", "TWITTER", "INSTAGRAMBUSINESS", "TIKTOKBUSINESS", "YOUTUBECHANNEL", "PINTEREST", "THREADS",
)  # fmt: skip
"""The networks that Analytics knows."""
PROFILES = 10  # in one question
OAUTH = kit.OAuthApp(
    "https://platform.hootsuite.com/oauth2/auth",
    "https://platform.hootsuite.com/oauth2/token",
    scopes=("offline", "analytics:read"),
    in_header=True,
    pkce=True,
)


def of_profiles(part: str) -> kit.Ask:
    """Some profiles of one network, as `parts_of` names them."""
    network, _, profiles = part.partition(" ")
    return kit.Ask([("networkId", network)], {"filters": {"profileId": {"in": profiles.split()}}})


def parts_of(profiles: Iterable[Mapping[str, Any]]) -> list[str]:
    """The measured profiles, by network, a few at a time: `FACEBOOKPAGE 11 12`."""
    by_network: dict[str, list[str]] = {}
    for one in profiles:
        by_network.setdefault(str(one.get("type")), []).append(str(one["id"]))
    return [
        " ".join((network, *sorted(ids)[start : start + PROFILES]))
        for network, ids in sorted(by_network.items())
        if network in MEASURED
        for start in range(0, len(ids), PROFILES)
    ]


def day(at: Millis) -> str:
    return kit.iso_z(at)[:10]


def quota(pace: kit.Pace, response: kit.Response) -> None:
    """What is left of the day: `100000 per day` less what was used."""
    most = response.headers.get("x-account-quota", "").partition(" ")[0]
    used = response.headers.get("x-account-quota-used", "").strip()
    if most.isdecimal() and used.isdecimal():
        pace.quota(max(0, int(most) - int(used)), int(most))


# -- webhooks ---------------------------------------------------------------------------------------------------

HEADER = "x-hootsuite-signature"
HEX, BASE64 = 128, 88  # characters of a SHA-512
STREAMS = ("messages", "posts")
QUIET = ("ping", "apps", "comments")  # of no concern: a probe, the app itself, and what the business itself comments
CLOSED = ("CONVERSATION_RESOLVED", "CONVERSATION_SET_TO_PENDING")


def hear(body: bytes) -> kit.Heard:
    """Which streams changed, or who talked with the business. Raises ValueError where the body is neither."""
    found = kit.events(body, "Hootsuite")
    if closed := [one for one in found if one.get("type") in CLOSED]:
        return kit.Heard(facts=Facts(touchpoints=[touch for one in closed for touch in talked(one)]))
    if not all(one.get("type") for one in found):
        raise ValueError("expected a list of events, or a conversation")
    kinds = [str(one["type"]).removeprefix("com.hootsuite.").removesuffix(".event.v1") for one in found]
    odd = dict.fromkeys(kind for kind in kinds if kind not in (*QUIET, "messages"))
    return kit.Heard(streams=STREAMS if "messages" in kinds else (), odd=list(odd))


def talked(told: Mapping[str, Any]) -> list[Touchpoint]:
    """A conversation in which the person wrote; known by an address that the inbox holds, else by its own id of them.
    Of X it tells nobody."""
    who = kit.dig(told, "data.contactProfile.id")
    wrote = any(one.get("direction") == "INBOUND" for one in kit.dig(told, "data.messages") or ())
    if not who or not wrote:
        return []
    held = {one.get("attribute"): one.get("value") for one in kit.dig(told, "data.contactAttributes") or ()}
    address = held.get("email") or ""
    key, medium = str(told.get("idempotencyKey") or ""), str(kit.dig(told, "data.medium.id") or "")
    at = kit.millis(kit.dig(told, "data.conversation.createdAt") or told.get("timestamp"))
    named = address if "@" in address else str(who)
    return [Touchpoint(key, named, Touch.CHATTED, at, Channel.CHAT, Way.IN, By.PERSON, detail=medium)]


def decoded(text: str) -> bytes:
    return kit.unhex(text) if len(text) == HEX else kit.unbase64(text)


HOOKS = kit.Hooks(
    rules=(
        kit.Hmac(
            HEADER,
            kit.body_only,
            kit.whole_header,
            decoded,
            hashing="sha512",
            only=lambda text: len(text.strip()) in (HEX, BASE64),
        ),
        kit.SecretInHeader(HEADER),
    ),
    types=("application/json",),
    asks="the shared secret of the app's webhooks",
    hear=hear,
    greets=True,
    alone="who talked with the business in the inbox",
    by_hand=(
        "In Hootsuite, open the app under App directory › Developer apps, and set {address} as its webhooks address.",
        "For the inbox, open Admin settings › Integration and APIs › CRM, and set {address} as the write back URL.",
    ),
)


class Hootsuite(kit.Unpeopled):
    """Messages and posts of one member's social profiles at Hootsuite."""

    name: ClassVar[str] = "hootsuite"
    title: ClassVar[str] = "Hootsuite"
    base_url: ClassVar[str] = "https://platform.hootsuite.com"
    sign_ins = (kit.by_oauth(OAUTH),)
    limits = kit.Limits((kit.Window(20, 1.0, air=0.05),), at_once=4, told=quota)
    me = kit.Me("/v1/me", "data.id", "data.fullName", ("It may read messages, and posts with their figures.",))
    feeds = (
        kit.Feed(
            kit.Stream("messages", "Messages that were sent, without figures"),
            kit.Collection(
                "/v1/messages",
                "data",
                kit.Windowed(
                    kit.Cursored("cursor", "metadata.cursor.next", ("limit", 100)),
                    kit.between("startTime", "endTime"),
                    FOUR_WEEKS,
                    730 * kit.DAY,
                ),
                stamp="scheduledSendTime",
                since=kit.Since("", kit.DAY),
                query=(("state", "SENT"),),
            ),
            kit.Published("text", "scheduledSendTime"),
        ),
        kit.Feed(
            kit.Stream("posts", "Posts on the networks, and what was done with them", "analytics:read"),
            kit.Collection(
                POSTS,
                "data",
                kit.Cursored("cursor", "metadata.collectionInfo.next.cursor", ("limit", 100)),
                id="externalId",
                stamp="lastRefreshed",
                since=kit.Since("filters.lastModified.timespan.since", kit.DAY, day, within=29 * kit.DAY),
                query=(("datatype", "ORGANIC"),),
                body={},
            ),
            kit.Published("title|content", "createdAt", "metrics", id="externalId"),
        ),
    )
    hooks: ClassVar[kit.Hooks | None] = HOOKS
    cannot: ClassVar[Mapping[str, str]] = {
        "people": "lists nobody: conversations of its inbox come by webhook",
        "writing": "has no people that could be written, and nothing is published there",
    }

    def _located(self, collection: kit.Collection) -> kit.Collection:
        """Posts are asked for by the profiles that there are, and of two years at most."""
        if collection.path != POSTS:
            return collection
        if not self._measured:
            fix = "Read its messages instead, which have no figures."
            raise kit.TooNarrow("no social profile is on a network that Analytics knows.", platform=self.title, fix=fix)
        period = {"filters": {"reportingPeriod": {"timespan": {"since": day(self._now() - 729 * kit.DAY)}}}}
        pager = kit.Each(collection.pager, self._measured, of_profiles)
        return replace(collection, pager=pager, body=kit.merged(collection.body or {}, period))

    @cached_property
    def _measured(self) -> list[str]:
        return parts_of(self._got("/v1/socialProfiles", "list social profiles").get("data") or ())
