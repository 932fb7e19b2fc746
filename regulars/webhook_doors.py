"""Which connections can be called by their platform, with which secrets, and at which address."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

from connectors.hooks import Hooks
from regulars import wiring
from regulars.workspace import Workspace
from webhooks.receiver import Door

PARTS = ("secret", "former")
"""What is kept of a hook: the secret valid now, and the one before it while both are."""


FRESH = 1.0
"""Seconds for which secrets are believed without another look."""


class Reach(NamedTuple):
    """How one connection is reached by its platform."""

    name: str
    title: str
    hooks: Hooks
    address: str
    proven: bool  # a secret is known, so deliveries are taken
    changing: bool  # two are


def reaches(business: Workspace) -> list[Reach]:
    """All connections whose platform can call us."""
    found = []
    for name, part in business.config.connections.items():
        connector = wiring.platform(part.platform, f"connections.{name}.platform").connector
        if connector.hooks is None:
            continue
        known = business.webhook_secrets(name)
        public = business.config.webhooks.public_url
        address = f"{public}/webhooks/{name}" if public else ""
        found.append(Reach(name, connector.title, connector.hooks, address, bool(known), len(known) > 1))
    return found


def doors(business: Workspace) -> Mapping[str, Door]:
    """A door for each connection whose platform can call. Without a secret nothing that comes there is believed."""
    old = business.config.webhooks.old_signatures
    return {
        one.name: Door(one.name, one.hooks, _Fresh(business, one.name), one.name in old) for one in reaches(business)
    }


class _Fresh:
    """The secrets valid now, looked up again after a while, so that a change needs no restart."""

    def __init__(self, business: Workspace, name: str) -> None:
        self._business, self._name = business, name
        self._known: list[str] = []
        self._until = 0.0

    def __call__(self) -> list[str]:
        now = time.monotonic()
        if now >= self._until:
            self._known, self._until = self._business.webhook_secrets(self._name), now + FRESH
        return self._known
