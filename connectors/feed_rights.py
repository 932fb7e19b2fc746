"""What a credential may read, told by stream: for platforms that do not say what they allowed, and refuse instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from connectors.base import Account
from connectors.declared_values import Feed


def with_rights(account: Account, feeds: Sequence[Feed], opened: Sequence[bool], chosen: Sequence[str]) -> Account:
    """An account with what was *opened* of its streams, what was not, and what of that was *chosen*."""
    told = list(zip((feed.stream for feed in feeds), opened, strict=True))
    may = tuple(f"It may read: {one.title}." for one, yes in told if yes)
    may_not = tuple(f"It may not read `{one.name}`: {one.needs} is missing." for one, yes in told if not yes)
    lacks = tuple(f"`{one.name}` needs {one.needs}." for one, yes in told if not yes and one.name in chosen)
    return replace(account, may=may, may_not=may_not, lacks=lacks)
