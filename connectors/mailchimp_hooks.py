"""Mailchimp's webhooks: one event in a form with bracketed keys, signed since 2026, else with a secret in the address.

https://mailchimp.com/developer/marketing/guides/sync-audience-data-webhooks/
"""

from __future__ import annotations

from calendar import timegm
from time import strptime
from urllib.parse import parse_qsl

from connectors.hooks import Heard, Hooks
from connectors.signing import Delivery, Hmac, SecretInAddress, pairs, unhex
from mapping.facts import By, Channel, Facts, Touch, Touchpoint, Way
from mapping.model import Millis

_MEMBER = frozenset({"subscribe", "unsubscribe", "profile", "cleaned", "upemail"})
_CAMPAIGN = "campaign"
_FIELDS = 500
"""Fields of a form that are read at most; an audience has 80 merge fields at the most."""


def hear(body: bytes) -> Heard:
    """What Mailchimp's event asks us to look at again. Raises ValueError where the body is no event."""
    try:
        text = body.decode("utf-8")
        form = dict(parse_qsl(text, keep_blank_values=True, strict_parsing=True, max_num_fields=_FIELDS))
    except (UnicodeDecodeError, ValueError) as error:
        raise ValueError(f"expected a form with one Mailchimp event: {error}") from error
    kind = form.get("type", "")
    if kind == _CAMPAIGN:
        return Heard(streams=("activity",))
    if kind not in _MEMBER:
        return Heard(odd=(kind or "an event without a type",))
    names = ("data[email]", "data[new_email]", "data[old_email]")
    addresses = list(dict.fromkeys(form[name] for name in names if form.get(name)))
    if not addresses:
        raise ValueError(f'a "{kind}" event without an address')
    return Heard(addresses=addresses, facts=_told(kind, form))


def _told(kind: str, form: dict[str, str]) -> Facts:
    """Why somebody left, or why mail cannot reach them: no later look at the member tells it."""
    facts, at, who = Facts(), _moment(form.get("fired_at", "")), form.get("data[email]", "")
    if not at or not who or form.get("data[campaign_id]"):
        return facts  # with a campaign, its report tells the same
    reason = form.get("data[reason]", "")
    key = f"hook {kind} {form.get('data[id]', who)}"
    if kind == "unsubscribe":
        touch, way = (Touch.COMPLAINED if reason == "abuse" else Touch.UNSUBSCRIBED), Way.IN
        by = By.PERSON if reason == "abuse" else By.UNKNOWN
        detail = " ".join(part for part in (form.get("data[action]", ""), reason) if part)
    elif kind == "cleaned":
        touch = Touch.COMPLAINED if reason == "abuse" else Touch.BOUNCED
        way, by, detail = Way.IN, By.MACHINE, reason
    else:
        return facts
    facts.touchpoints.append(Touchpoint(key, who, touch, at, Channel.EMAIL, way, by, detail=detail))
    return facts


def _moment(text: str) -> Millis:
    """``2026-03-01 12:00:00``, UTC; 0 where it is none."""
    try:
        return timegm(strptime(text, "%Y-%m-%d %H:%M:%S")) * 1000
    except ValueError:
        return 0


def _signed(delivery: Delivery, stamp: str) -> bytes:
    return f"{stamp}.".encode() + delivery.body


HOOKS = Hooks(
    rules=(
        Hmac("x-mailchimp-signature", _signed, pairs(), unhex, stamped=True),
        SecretInAddress(),
    ),
    types=("application/x-www-form-urlencoded",),
    asks="the hook's signing secret, or the secret in its address",
    hear=hear,
    greets=True,
    # `cleaned` may be a complaint. In a value "=" is escaped, so these words stand nowhere else.
    leaving=(b"type=unsubscribe", b"type=cleaned"),
    silent=("tags",),
    alone="why they left without a campaign, or why their address was cleaned",
    bare=("Mailchimp: unsubscribed", "Mailchimp: status cleaned"),
)
