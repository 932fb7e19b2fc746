"""What was published by Buffer."""

from __future__ import annotations

from sandbox.buffer import BufferSandbox
from sandbox.town import Town
from sandbox.town_elsewhere import NETWORKS, Further, Record, published


def in_town(town: Town) -> tuple[list[Record], list[str]]:
    """What was published there, by figures as Buffer calls them; nobody is named."""
    return published(town, "buffer", ("reach", "reactions", "comments"), NETWORKS), []


FURTHER = Further(BufferSandbox, in_town, "BUFFER_API_KEY", "sandbox-buffer-demo", streams="posts")
