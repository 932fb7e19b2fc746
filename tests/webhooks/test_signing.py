"""A proof holds on the raw body, for the address and the secret it was made with, and for five minutes."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from hubspot.utils.signature import Signature
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from connectors.hubspot_hooks import HOOKS as HUBSPOT
from connectors.mailchimp_hooks import HOOKS as MAILCHIMP
from connectors.signing import (
    HMAC_BASE64,
    HMAC_HEX,
    STANDARD,
    WINDOW,
    Delivery,
    Doubt,
    Hmac,
    SecretInHeader,
    doubt,
)
from tests.webhooks.deliver import HUBSPOT_SECRET, MAILCHIMP_SECRET, PUBLIC, contact_event, hubspot, mailchimp

NOW = 1_790_000_000.0
ADDRESS = f"{PUBLIC}/webhooks/hubspot"


def lowered(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def of_hubspot(at: float = NOW, address: str = ADDRESS) -> Delivery:
    body, headers = hubspot([contact_event("creation", "5")], at)
    return Delivery("POST", address, lowered(headers), body)


def of_mailchimp(at: float = NOW) -> Delivery:
    body, headers = mailchimp("subscribe", at, email="ann@example.org")
    return Delivery("POST", f"{PUBLIC}/webhooks/mailchimp", lowered(headers), body)


def test_the_vendors_own_signature_is_believed() -> None:
    """What HubSpot's SDK signs, for an address with characters that it decodes first, holds here."""
    address, body, stamp = f"{PUBLIC}/webhooks/hubspot?shop=a%3Ab%2Fc%40d%20e", '[{"a": "ä"}]', str(int(NOW * 1000))
    signed = f"{PUBLIC}/webhooks/hubspot?shop=a:b/c@d%20e"
    made = Signature.get_signature(HUBSPOT_SECRET, body, "v3", http_uri=signed, http_method="POST", timestamp=stamp)
    headers = {"x-hubspot-signature-v3": made, "x-hubspot-request-timestamp": stamp}

    assert doubt(HUBSPOT.rules, Delivery("POST", address, headers, body.encode()), [HUBSPOT_SECRET], NOW) is None


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_an_old_app_is_believed_by_its_old_signature(version: str) -> None:
    """v1 and v2 hold where an app is configured as old and there is no v3; else a recorded one would hold for ever."""
    body = "[]"
    made = Signature.get_signature(HUBSPOT_SECRET, body, version, http_uri=ADDRESS, http_method="POST")
    headers = {"x-hubspot-signature": made, "x-hubspot-signature-version": version}
    old = Delivery("POST", ADDRESS, headers, b"[]")
    both = Delivery("POST", ADDRESS, {**headers, "x-hubspot-signature-v3": "AAAA"}, b"[]")

    believed = (*HUBSPOT.rules, *HUBSPOT.old_rules)

    assert doubt(believed, old, [HUBSPOT_SECRET], NOW) is None
    assert doubt(believed, old, ["another"], NOW) is Doubt.FORGED
    assert doubt(believed, both, [HUBSPOT_SECRET], NOW) is Doubt.MALFORMED
    assert doubt(HUBSPOT.rules, old, [HUBSPOT_SECRET], NOW) is Doubt.UNSIGNED


@pytest.mark.parametrize(("rules", "made", "secret"), [
    (HUBSPOT.rules, of_hubspot, HUBSPOT_SECRET), (MAILCHIMP.rules, of_mailchimp, MAILCHIMP_SECRET)
])  # fmt: skip
def test_the_window_has_two_ends(rules: object, made: object, secret: str) -> None:
    """Five minutes late or early is believed, a moment more is not."""
    assert doubt(rules, made(NOW), [secret], NOW + WINDOW) is None  # type: ignore[arg-type,operator]
    assert doubt(rules, made(NOW), [secret], NOW - WINDOW) is None  # type: ignore[arg-type,operator]
    assert doubt(rules, made(NOW), [secret], NOW + WINDOW + 1) is Doubt.STALE  # type: ignore[arg-type,operator]
    assert doubt(rules, made(NOW), [secret], NOW - WINDOW - 1) is Doubt.EARLY  # type: ignore[arg-type,operator]


def test_two_secrets_hold_while_one_is_changed() -> None:
    """Either of two secrets proves; none proves nothing."""
    assert doubt(HUBSPOT.rules, of_hubspot(), ["new", HUBSPOT_SECRET], NOW) is None
    assert doubt(HUBSPOT.rules, of_hubspot(), ["new", "newer"], NOW) is Doubt.FORGED
    assert doubt(HUBSPOT.rules, of_hubspot(), ["", ""], NOW) is Doubt.FORGED


@given(st.data())
def test_nothing_changed_on_the_way_is_believed(data: st.DataObject) -> None:
    """Another body, another address, another stamp or another signature: no proof."""
    sent = data.draw(st.sampled_from([of_hubspot(), of_mailchimp()]))
    rules = HUBSPOT.rules if "hubspot" in sent.address else MAILCHIMP.rules
    secret = HUBSPOT_SECRET if rules is HUBSPOT.rules else MAILCHIMP_SECRET
    name = data.draw(st.sampled_from([*sent.headers, "body"]))
    if name == "body":
        place, byte = data.draw(st.integers(0, len(sent.body) - 1)), data.draw(st.integers(0, 255))
        body = sent.body[:place] + bytes([byte]) + sent.body[place + 1 :]
        changed, same = Delivery(sent.method, sent.address, sent.headers, body), body == sent.body
    else:
        value = data.draw(st.text(max_size=80))
        changed = Delivery(sent.method, sent.address, {**sent.headers, name: value}, sent.body)
        same = value.strip() == sent.headers[name] or name == "content-type"

    assert (doubt(rules, changed, [secret], NOW) is None) is same


def test_an_unsigned_delivery_is_known_by_the_secret_in_its_address() -> None:
    """Old Mailchimp hooks are unsigned: the long secret in the query counts, and only once."""
    body = b"type=subscribe&data%5Bemail%5D=ann%40example.org"

    def found(query: str) -> Doubt | None:
        return doubt(MAILCHIMP.rules, Delivery("POST", f"{PUBLIC}/x{query}", {}, body), ["long-secret"], NOW)

    assert found("?secret=long-secret") is None
    assert found("?secret=long-secreT") is Doubt.FORGED
    assert found("?secret=a&secret=long-secret") is Doubt.UNSIGNED
    assert found("") is Doubt.UNSIGNED


def test_ways_for_later_platforms() -> None:
    """Plain keyed hashes, a secret in a header, and Standard Webhooks as their own library signs them."""
    body, secret = b'{"a":1}', "whsec_" + base64.b64encode(b"0123456789abcdef").decode()
    right = hmac.new(b"s", body, hashlib.sha256)
    stamp = datetime.fromtimestamp(NOW, UTC)
    standard = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(NOW)),
        "webhook-signature": "v1,AAAA " + Webhook(secret).sign("msg_1", stamp, body.decode()),
    }

    def holds(rule: object, headers: dict[str, str], secret: str) -> bool:
        return doubt([rule], Delivery("POST", ADDRESS, headers, body), [secret], NOW) is None  # type: ignore[list-item]

    assert holds(Hmac("x-sig", *HMAC_HEX), {"x-sig": right.hexdigest()}, "s")
    assert holds(Hmac("x-sig", *HMAC_BASE64), {"x-sig": base64.b64encode(right.digest()).decode()}, "s")
    assert not holds(Hmac("x-sig", *HMAC_HEX), {"x-sig": "not hex"}, "s")
    assert holds(SecretInHeader("x-token"), {"x-token": "s"}, "s")
    assert not holds(SecretInHeader("x-token"), {"x-token": "S"}, "s")
    assert holds(STANDARD, standard, secret)
    assert not holds(STANDARD, {**standard, "webhook-id": "msg_2"}, secret)
