"""Hootsuite's webhooks: what became of messages, in batches, and conversations of the inbox that somebody closed.

Docs: developer.hootsuite.com/docs/webhooks-overview, and the CRM write-back of the Inbox 2.0 API. Both come with
`X-Hootsuite-Signature`: of an app's events a keyed SHA-512 of the body, of the inbox a shared secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from connectors.codecs import millis
from connectors.hooks import Heard, Hooks
from connectors.paths import dig
from connectors.signing import Hmac, SecretInHeader, body_only, unbase64, unhex, whole_header
from mapping.facts import By, Channel, Facts, Touch, Touchpoint, Way

HEADER = "x-hootsuite-signature"
HEX, BASE64 = 128, 88  # characters of a SHA-512
OURS = ("messages", "posts")
_QUIET = ("ping", "apps", "comments")  # of no concern: a probe, the app itself, and what the business itself comments
_CLOSED = ("CONVERSATION_RESOLVED", "CONVERSATION_SET_TO_PENDING")


def hear(body: bytes) -> Heard:
    """Which streams changed, or who talked with the business. Raises ValueError where the body is neither."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ValueError(f"expected events of Hootsuite: {error}") from error
    if isinstance(found, dict) and found.get("type") in _CLOSED:
        return Heard(facts=Facts(touchpoints=_talked(found)))
    if not isinstance(found, list) or not all(isinstance(one, dict) and one.get("type") for one in found):
        raise ValueError("expected a list of events, or a conversation")
    kinds = [str(one["type"]).removeprefix("com.hootsuite.").removesuffix(".event.v1") for one in found]
    odd = dict.fromkeys(kind for kind in kinds if kind not in (*_QUIET, "messages"))
    return Heard(streams=OURS if "messages" in kinds else (), odd=list(odd))


def _talked(told: Mapping[str, Any]) -> list[Touchpoint]:
    """A conversation in which the person wrote; known by an address that the inbox holds, else by its own id of them.
    Of X it tells nobody."""
    who = dig(told, "data.contactProfile.id")
    wrote = any(one.get("direction") == "INBOUND" for one in dig(told, "data.messages") or ())
    if not who or not wrote:
        return []
    held = {one.get("attribute"): one.get("value") for one in dig(told, "data.contactAttributes") or ()}
    address = held.get("email") or ""
    key, medium = str(told.get("idempotencyKey") or ""), str(dig(told, "data.medium.id") or "")
    at = millis(dig(told, "data.conversation.createdAt") or told.get("timestamp"))
    named = address if "@" in address else str(who)
    return [Touchpoint(key, named, Touch.CHATTED, at, Channel.CHAT, Way.IN, By.PERSON, detail=medium)]


def _decoded(text: str) -> bytes:
    return unhex(text) if len(text) == HEX else unbase64(text)


HOOKS = Hooks(
    rules=(
        Hmac(
            HEADER,
            body_only,
            whole_header,
            _decoded,
            hashing="sha512",
            only=lambda text: len(text.strip()) in (HEX, BASE64),
        ),
        SecretInHeader(HEADER),
    ),
    types=("application/json",),
    asks="the shared secret of the app's webhooks",
    hear=hear,
    greets=True,
    alone="who talked with the business in the inbox",
    by_hand=(
        "In Hootsuite, open the app under App directory › Developer apps, and set {address} as its webhooks address.",
        "For the inbox, open Admin settings › Integration and APIs › CRM, and set {address} as the write back URL.",
    ),
)
