"""An ad account whose audiences begin empty."""

from __future__ import annotations

from sandbox.meta_audiences import MetaAudiencesSandbox
from sandbox.town import Town
from sandbox.town_elsewhere import Further, Record


def in_town(_: Town) -> tuple[list[Record], list[str]]:
    """Nobody yet."""
    return [], []


FURTHER = Further(MetaAudiencesSandbox, in_town, "META_AUDIENCES_TOKEN", "sandbox-meta-ads")
