"""Deliveries signed as the vendors sign, made here from their documents and not with our own code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from urllib.parse import urlencode

HUBSPOT_SECRET = "sandbox-client-secret"
MAILCHIMP_SECRET = "sandbox-signing-secret"
PUBLIC = "https://hooks.example.org"


def contact_event(kind: str, contact: str, **more: object) -> dict[str, object]:
    """One event of HubSpot about a contact."""
    return {
        "eventId": 100,
        "subscriptionId": 7,
        "portalId": 62515,
        "appId": 54321,
        "occurredAt": 1_790_000_000_000,
        "subscriptionType": f"contact.{kind}",
        "attemptNumber": 0,
        "objectId": int(contact),
        "changeSource": "CRM_UI",
        **more,
    }


def hubspot(
    events: Sequence[dict[str, object]], at: float, *, secret: str = HUBSPOT_SECRET, path: str = "/webhooks/hubspot"
) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a HubSpot delivery."""
    body, stamp = json.dumps(list(events)).encode(), str(int(at * 1000))
    text = f"POST{PUBLIC}{path}".encode() + body + stamp.encode()
    signature = base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode()
    return body, {
        "Content-Type": "application/json",
        "X-HubSpot-Signature-v3": signature,
        "X-HubSpot-Request-Timestamp": stamp,
    }


def mailchimp(kind: str, at: float, *, secret: str = MAILCHIMP_SECRET, **data: str) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a Mailchimp delivery."""
    form = {"type": kind, "fired_at": "2026-03-01 12:00:00", **{f"data[{name}]": text for name, text in data.items()}}
    body = urlencode(form).encode()
    signature = hmac.new(secret.encode(), f"{int(at)}.".encode() + body, hashlib.sha256).hexdigest()
    return body, {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Mailchimp-Signature": f"t={int(at)},v1={signature}",
    }
