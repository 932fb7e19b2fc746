"""What some of the town wrote on networks, and what was published by Sprout Social."""

from __future__ import annotations

from datetime import timedelta

from sandbox.sprout import SproutSandbox
from sandbox.town import Town
from sandbox.town_elsewhere import LAST_POST, NETWORKS, Further, Record, chosen, published

WRITTEN = ("FACEBOOK_COMMENT", "INSTAGRAM_COMMENT", "FACEBOOK_MESSENGER", "INSTAGRAM_DIRECT_MESSAGE", "GOOGLE_REVIEW")


def in_town(town: Town) -> tuple[list[Record], list[str]]:
    """What some of the town wrote on networks, and what was published there. A handle says of nobody who it is, so that
    the truth knows none of them by it."""
    people, rng = chosen(town, "sprout")
    records: list[Record] = []
    for place, one in enumerate(people):
        handle = f"{one.first}.{one.last}".lower().replace(" ", "")
        at = LAST_POST - timedelta(hours=7 * (place % 2_000))
        wrote = {"kind": WRITTEN[rng.below(len(WRITTEN))], "at": at}
        records.append({"name": f"{one.first} {one.last}", "handle": handle, **wrote})
    posts = published(town, "sprout", ("impressions", "reactions", "comments_count"), NETWORKS)
    return [*records, *({**one, "network": one["service"]} for one in posts)], []


FURTHER = Further(SproutSandbox, in_town, "SPROUT_API_TOKEN", "sandbox-sprout-demo", streams="messages,posts")
