"""HubSpot's webhooks: up to 100 events in a JSON array, signed with the app's client secret.

https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation
"""

from __future__ import annotations

import re

import msgspec

from connectors.hooks import Heard, Hooks
from connectors.hubspot_journal import heard as heard_journal
from connectors.signing import Delivery, Hmac, PlainHash, stamp_from, unbase64

_V3 = "x-hubspot-signature-v3"
_OLD = "x-hubspot-signature"
_VERSION = "x-hubspot-signature-version"

_LEFT_PLAIN = re.compile(r"%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)
"""What HubSpot decodes in an address before it signs."""

_STREAM_OF: dict[str, str] = {
    "company": "companies",
    "deal": "deals",
    "ticket": "tickets",
    "call": "calls",
    "email": "emails",
    "meeting_event": "meetings",
    "note": "notes",
    "task": "tasks",
    "0-2": "companies",
    "0-3": "deals",
    "0-5": "tickets",
    "0-48": "calls",
    "0-49": "emails",
    "0-47": "meetings",
    "0-46": "notes",
    "0-27": "tasks",
}
"""HubSpot's word for a kind of object, or its type id, as our stream."""

_CONTACT = ("contact", "0-1")


class _Event(msgspec.Struct, rename="camel"):
    subscription_type: str
    object_id: int = 0
    object_type_id: str = ""
    primary_object_id: int = 0
    new_object_id: int = 0
    merged_object_ids: list[int] = []
    from_object_id: int = 0
    from_object_type_id: str = ""
    to_object_id: int = 0
    to_object_type_id: str = ""
    association_type: str = ""


_events = msgspec.json.Decoder(list[_Event])


def hear(body: bytes) -> Heard:
    """What HubSpot's events ask us to look at again, a delivery or a file of the journal. Raises ValueError where the
    body is neither."""
    if body.lstrip().startswith(b"{") and b'"journalEvents"' in body:
        return heard_journal(body, _STREAM_OF)
    try:
        events = _events.decode(body)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ValueError(f"expected a list of HubSpot events: {error}") from error
    records: dict[str, None] = {}
    streams: dict[str, None] = {}
    odd: dict[str, None] = {}
    erased: dict[str, None] = {}
    for event in events:
        kind, _, what = event.subscription_type.partition(".")
        if kind == "object":
            kind = event.object_type_id or event.from_object_type_id
        if what == "associationChange":
            _tied(event, kind, records, streams)
        elif kind in _CONTACT:
            ids = (event.object_id, event.primary_object_id, event.new_object_id, *event.merged_object_ids)
            records.update({str(one): None for one in ids if one})
            if what == "privacyDeletion":
                erased[str(event.object_id)] = None
        elif kind in _STREAM_OF:
            streams[_STREAM_OF[kind]] = None
        else:
            odd[event.subscription_type] = None
    return Heard(list(records), streams=list(streams), odd=list(odd), erased=list(erased))


def _tied(event: _Event, kind: str, records: dict[str, None], streams: dict[str, None]) -> None:
    """Somebody or something was put together with something, or apart: both ends are looked at."""
    ends = [(kind, event.from_object_id or event.object_id)]
    other = event.to_object_type_id or event.association_type.lower().partition("_to_")[2]
    ends.append((other, event.to_object_id))
    for end, identity in ends:
        if end in _CONTACT and identity:
            records[str(identity)] = None
        if end in _STREAM_OF:
            streams[_STREAM_OF[end]] = None


def _signed_v3(delivery: Delivery, stamp: str) -> bytes:
    address = _LEFT_PLAIN.sub(lambda found: chr(int(found[1], 16)), delivery.address)
    return f"{delivery.method}{address}".encode() + delivery.body + stamp.encode()


_REPEATED = re.compile(rb'("attemptNumber"\s*:\s*)[1-9]\d*')


def _first_attempt(body: bytes) -> bytes:
    """The body as it was sent the first time."""
    return _REPEATED.sub(rb"\g<1>0", body)


HOOKS = Hooks(
    rules=(Hmac(_V3, _signed_v3, stamp_from("x-hubspot-request-timestamp"), unbase64, stamped=True, unit=0.001),),
    old_rules=(
        PlainHash(
            _OLD,
            lambda delivery: f"{delivery.method}{delivery.address}".encode() + delivery.body,
            lambda delivery: delivery.headers.get(_VERSION) == "v2",
        ),
        PlainHash(_OLD, lambda delivery: delivery.body, lambda delivery: delivery.headers.get(_VERSION) == "v1"),
    ),
    same=_first_attempt,
    leaving=(b"hs_email_optout", b"rivacyDeletion", b"GDPR_DELETE"),
    types=("application/json",),
    asks="the app's client secret",
    hear=hear,
    by_hand=(
        "Open the app whose credential is connected (Development, or Settings > Integrations), and its webhooks.",
        "Give {address} as the target address.",
        "Subscribe to contacts: created, deleted, merged, restored, privacy deletion, and changes of your fields.",
        "Subscribe to changes of hs_email_optout too: it tells at once who left.",
        "Subscribe to the same of companies, deals and tickets if you read them.",
        "Switch the subscriptions on; copy the app's client secret for `regulars webhooks {name} --secret`.",
        "Then send a test of one of them, or edit a contact.",
    ),
)
