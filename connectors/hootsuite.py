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
         People occur in conversations of the inbox alone, which it tells once, by webhook.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

from connectors.base import Stream
from connectors.codecs import iso_z, millis
from connectors.declared_values import Feed, Me
from connectors.errors import TooNarrow
from connectors.hooks import Hooks
from connectors.hootsuite_hooks import HOOKS
from connectors.http import Response
from connectors.limits import Limits
from connectors.oauth_app import OAuthApp
from connectors.pace import Pace, Window
from connectors.pagers import Ask, Cursored
from connectors.paths import merged
from connectors.signing_in import by_oauth
from connectors.unpeopled import Unpeopled
from connectors.walk import Collection, Since
from connectors.windows import Each, Windowed
from mapping.facts import Campaign, Facts
from mapping.model import Millis

POSTS = "/v1/analytics/posts"
DAY = 86_400_000
FOUR_WEEKS = 28 * DAY - 1000  # for the ends of a window are whole seconds
MEASURED = (
    "FACEBOOKPAGE", "TWITTER", "INSTAGRAMBUSINESS", "TIKTOKBUSINESS", "YOUTUBECHANNEL", "PINTEREST", "THREADS",
)  # fmt: skip
"""The networks that Analytics knows."""
PROFILES = 10  # in one question
LONGEST_TITLE = 100
OAUTH = OAuthApp(
    "https://platform.hootsuite.com/oauth2/auth",
    "https://platform.hootsuite.com/oauth2/token",
    scopes=("offline", "analytics:read"),
    in_header=True,
    pkce=True,
)


def between(since: Millis, until: Millis) -> Ask:
    """The window in which messages were to be sent, in whole seconds."""
    return Ask([("startTime", iso_z(since)), ("endTime", iso_z(until + 999))])


def of_profiles(part: str) -> Ask:
    """Some profiles of one network, as `parts_of` names them."""
    network, _, profiles = part.partition(" ")
    return Ask([("networkId", network)], {"filters": {"profileId": {"in": profiles.split()}}})


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
    return iso_z(at)[:10]


def message(item: Mapping[str, Any]) -> Facts:
    """A message that was sent; nobody says what became of it."""
    return _campaign(item["id"], item.get("text"), item.get("scheduledSendTime"))


def post(item: Mapping[str, Any]) -> Facts:
    """A post with its figures; those that are no counts (rates, times) are left out."""
    metrics = item.get("metrics") or {}
    figures = {name: round(value) for name, value in metrics.items() if value == round(value)}
    return _campaign(item["externalId"], item.get("title") or item.get("content"), item.get("createdAt"), figures)


def _campaign(named: Any, text: Any, at: Any, figures: Mapping[str, int] | None = None) -> Facts:
    title = " ".join(str(text or "").split())[:LONGEST_TITLE]
    return Facts(campaigns=[Campaign(str(named), title, millis(at), "social", dict(figures or {}))])


def quota(pace: Pace, response: Response) -> None:
    """What is left of the day: `100000 per day` less what was used."""
    most = response.headers.get("x-account-quota", "").partition(" ")[0]
    used = response.headers.get("x-account-quota-used", "").strip()
    if most.isdecimal() and used.isdecimal():
        pace.quota(max(0, int(most) - int(used)), int(most))


class Hootsuite(Unpeopled):
    """Messages and posts of one member's social profiles at Hootsuite."""

    name: ClassVar[str] = "hootsuite"
    title: ClassVar[str] = "Hootsuite"
    base_url: ClassVar[str] = "https://platform.hootsuite.com"
    sign_ins = (by_oauth(OAUTH),)
    limits = Limits((Window(20, 1.0, air=0.05),), at_once=4, told=quota)
    me = Me("/v1/me", "data.id", "data.fullName", ("It may read messages, and posts with their figures.",))
    feeds = (
        Feed(
            Stream("messages", "Messages that were sent, without figures"),
            Collection(
                "/v1/messages",
                "data",
                Windowed(Cursored("cursor", "metadata.cursor.next", ("limit", 100)), between, FOUR_WEEKS, 730 * DAY),
                stamp="scheduledSendTime",
                since=Since("", DAY),
                query=(("state", "SENT"),),
            ),
            message,
        ),
        Feed(
            Stream("posts", "Posts on the networks, and what was done with them", "analytics:read"),
            Collection(
                POSTS,
                "data",
                Cursored("cursor", "metadata.collectionInfo.next.cursor", ("limit", 100)),
                id="externalId",
                stamp="lastRefreshed",
                since=Since("filters.lastModified.timespan.since", DAY, day, within=29 * DAY),
                query=(("datatype", "ORGANIC"),),
                body={},
            ),
            post,
        ),
    )
    hooks: ClassVar[Hooks | None] = HOOKS
    cannot: ClassVar[Mapping[str, str]] = {
        "people": "lists nobody: conversations of its inbox come by webhook",
        "writing": "has no people that could be written, and nothing is published there",
    }

    def _located(self, collection: Collection) -> Collection:
        """Posts are asked for by the profiles that there are, and of two years at most."""
        if collection.path != POSTS:
            return collection
        if not self._measured:
            fix = "Read its messages instead, which have no figures."
            raise TooNarrow("no social profile is on a network that Analytics knows.", platform=self.title, fix=fix)
        period = {"filters": {"reportingPeriod": {"timespan": {"since": day(self._now() - 729 * DAY)}}}}
        pager = Each(collection.pager, self._measured, of_profiles)
        return replace(collection, pager=pager, body=merged(collection.body or {}, period))

    @cached_property
    def _measured(self) -> list[str]:
        response = self._http.request("GET", "/v1/socialProfiles", operation="list social profiles")
        return parts_of(self._typed(response, dict[str, Any]).get("data") or ())
