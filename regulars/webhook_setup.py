"""Webhooks set up at the platform by its API, and put right where it switched them off."""

from __future__ import annotations

import secrets as random_secrets

from connectors.base import Connector
from connectors.hooks import HookUp
from regulars.webhook_doors import PARTS
from regulars.workspace import Workspace, hook_secret


def set_up(business: Workspace, name: str, connector: Connector, address: str, *, anew: bool = False) -> HookUp:
    """See that *name*'s platform calls *address*, *anew* where the hook that is there cannot be trusted, and keep the
    secret of one that was made anew; the one before it stays valid. Raises ValueError where the platform refuses, or
    has it set up by hand."""
    before = business.webhook_secrets(name)
    done = connector.hook_up(address, random_secrets.token_urlsafe(32), known=bool(before) and not anew)
    if done.secret:
        keep(business, name, done.secret)
    return done


def keep(business: Workspace, name: str, secret: str) -> None:
    """Keep a secret; the one before it stays valid until it is forgotten."""
    former = next((one for one in business.webhook_secrets(name) if one != secret), "")
    business.vault.put(hook_secret(name), dict(zip(PARTS, (secret, former), strict=True)))
