"""Brevo's webhooks: one event of one contact a call, unsigned. Who knows the secret in the address is Brevo.

https://developers.brevo.com/docs/marketing-webhooks
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from connectors.hook_shelf import HookShelf
from connectors.hooks import Heard, Hooks
from connectors.signing import SecretInAddress
from mapping.facts import By, Channel, Facts, Touch, Touchpoint, Way

EVENTS = (
    "spam",
    "opened",
    "click",
    "hardBounce",
    "softBounce",
    "unsubscribed",
    "listAddition",
    "contactUpdated",
    "contactDeleted",
)
_RECORD = frozenset({"list_addition", "contact_updated", "contact_deleted"})
_TOUCHES: Mapping[str, tuple[Touch, Way, By]] = {
    "opened": (Touch.OPENED, Way.IN, By.UNKNOWN),
    "click": (Touch.CLICKED, Way.IN, By.UNKNOWN),
    "hard_bounce": (Touch.BOUNCED, Way.IN, By.MACHINE),
    "soft_bounce": (Touch.BOUNCED, Way.IN, By.MACHINE),
    "spam": (Touch.COMPLAINED, Way.IN, By.PERSON),
    "unsubscribe": (Touch.UNSUBSCRIBED, Way.IN, By.PERSON),
}


def hear(body: bytes) -> Heard:
    """Whom Brevo's event is about, and what became of a mail. Raises ValueError where the body is no event."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ValueError(f"expected an event of Brevo: {error}") from error
    events = found if isinstance(found, list) else [found]
    addresses: dict[str, None] = {}
    odd: dict[str, None] = {}
    facts = Facts()
    for event in events:
        kind = str(event.get("event", "")) if isinstance(event, dict) else ""
        if kind not in _RECORD and kind not in _TOUCHES:
            odd[kind or "an event without a name"] = None
            continue
        who = event.get("email")
        named = who if isinstance(who, list) else [who]
        addresses.update({str(one): None for one in named if one})
        if kind in _TOUCHES and isinstance(who, str):
            facts.touchpoints.append(_touch(kind, who, event))
    if not addresses and not odd:
        raise ValueError("an event without an address")
    return Heard(addresses=list(addresses), facts=facts, odd=list(odd))


def _touch(kind: str, who: str, event: Mapping[str, Any]) -> Touchpoint:
    """Brevo gives events no id: mail, kind, link and second make one."""
    touch, way, by = _TOUCHES[kind]
    at = int(event.get("ts_event") or event.get("ts") or 0) * 1000
    campaign, link = str(event.get("camp_id") or ""), str(event.get("URL") or "")
    key = f"hook {kind} {campaign} {link}".strip()
    detail = link or (kind.replace("_", " ") if touch is Touch.BOUNCED else "")
    return Touchpoint(key, who, touch, at, Channel.EMAIL, way, by, campaign, detail)


HOOKS = Hooks(
    rules=(SecretInAddress(),),
    types=("application/json",),
    asks="the secret in the hook's address",
    hear=hear,
    greets=True,
)


def _made(address: str, secret: str) -> Mapping[str, Any]:
    return {"url": f"{address}?secret={secret}", "description": "Regulars", "events": EVENTS, "type": "marketing"}


def _right(hook: Mapping[str, Any]) -> bool:
    return set(EVENTS) <= set(hook.get("events") or ())


SHELF = HookShelf("/webhooks", "webhooks", "url", _made, _right, query=(("type", "marketing"),))
