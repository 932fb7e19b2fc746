"""Pipedrive's webhooks, version 2: one event of one person a call, proven by HTTP Basic with what we set on the hook.

https://pipedrive.readme.io/docs/guide-for-webhooks-v2
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from connectors.hook_shelf import HookShelf
from connectors.hooks import Heard, Hooks
from connectors.paths import dig
from connectors.signing import BasicOnHook

USER = "regulars"
_IDS = ("meta.entity_id", "data.id", "previous.id", "data.merged_to_id", "previous.merged_to_id", "meta.merged_to_id")
_ATTEMPT = re.compile(rb'"attempt"\s*:\s*\d+')


def hear(body: bytes) -> Heard:
    """Whom an event is about; of a merge both. Raises ValueError where the body is no event."""
    try:
        event = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ValueError(f"expected an event of Pipedrive: {error}") from error
    kind = dig(event, "meta.entity")
    if kind != "person":
        return Heard(odd=(str(kind or "an event without an entity"),))
    ids = dict.fromkeys(str(found) for path in _IDS if (found := dig(event, path)))
    if not ids:
        raise ValueError("an event of a person without an id")
    return Heard(list(ids))


def _first_attempt(body: bytes) -> bytes:
    return _ATTEMPT.sub(b'"attempt":0', body)


HOOKS = Hooks(
    rules=(BasicOnHook(USER),),
    types=("application/json",),
    asks="the password of the hook",
    hear=hear,
    same=_first_attempt,
)


def _made(address: str, secret: str) -> Mapping[str, Any]:
    return {
        "subscription_url": address,
        "event_action": "*",
        "event_object": "person",
        "version": "2.0",
        "http_auth_user": USER,
        "http_auth_password": secret,
    }


def _right(hook: Mapping[str, Any]) -> bool:
    whole = hook.get("event_action") == "*" and hook.get("event_object") in ("person", "*")
    return whole and bool(hook.get("is_active")) and hook.get("http_auth_user") == USER


SHELF = HookShelf("/v1/webhooks", "data", "subscription_url", _made, _right, made_id="data.id")
