"""What was published by Hootsuite."""

from __future__ import annotations

from sandbox.hootsuite import HootsuiteSandbox
from sandbox.town import Town
from sandbox.town_elsewhere import Further, Record, published


def in_town(town: Town) -> tuple[list[Record], list[str]]:
    """Posts of every network, in Hootsuite's words; nobody is named."""
    networks = ("INSTAGRAMBUSINESS", "FACEBOOKPAGE", "LINKEDINCOMPANY")
    found = published(town, "hootsuite", ("impressions", "likes", "comments"), networks)
    return [{**one, "network": one["service"]} for one in found], []


FURTHER = Further(
    HootsuiteSandbox,
    in_town,
    "HOOTSUITE_ACCESS_TOKEN",
    "sandbox-hootsuite-demo",
    streams="posts",
    more={
        "HOOTSUITE_REFRESH_TOKEN": "sandbox-refresh-0",
        "HOOTSUITE_CLIENT_ID": "sandbox-client",
        "HOOTSUITE_CLIENT_SECRET": "sandbox-client-secret",
    },
)
