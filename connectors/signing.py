"""How a delivery proves where it comes from: on its raw body, in constant time, in a window in both directions.

A platform's way is a value: a `Rule` that says where the proof stands and what was signed. Nothing here knows a
platform; connectors name their rules. Pure: the time is an argument.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

WINDOW = 300.0
"""Seconds by which a stamp may differ from our clock, in either direction."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What arrived: *address* is the public one, whole; header names are lower-cased."""

    method: str
    address: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Doubt(StrEnum):
    """Why a delivery is not believed."""

    UNSIGNED = "unsigned"  # nothing in it that could prove anything
    MALFORMED = "malformed"  # a proof of another shape than agreed
    STALE = "stale"  # stamped too long ago
    EARLY = "early"  # stamped in the future
    FORGED = "forged"  # the proof does not hold


class Rule(Protocol):
    """One way of proving."""

    def present(self, delivery: Delivery) -> bool:
        """Whether the delivery carries a proof of this kind, good or bad."""

    def doubt(self, delivery: Delivery, secrets: Sequence[str], now: float) -> Doubt | None:
        """None where the proof holds for one of *secrets* at *now* (seconds since 1970)."""


def doubt(rules: Sequence[Rule], delivery: Delivery, secrets: Sequence[str], now: float) -> Doubt | None:
    """None where *delivery* is what it claims to be. The first rule whose proof is there decides: whoever forges a
    strong proof is not saved by a weak one beside it."""
    for rule in rules:
        if rule.present(delivery):
            return rule.doubt(delivery, [secret for secret in secrets if secret], now)
    return Doubt.UNSIGNED


@dataclass(frozen=True, slots=True)
class Claim:
    """The proof as it stands in a delivery: signatures in text (one is enough) and the stamp they cover, if any."""

    signatures: Sequence[str]
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class Hmac:
    """A keyed hash (SHA-256 unless *hashing* says otherwise) over what `signed` gives.

    `claim` finds the proof (None: malformed). A stamp counts in seconds times *unit*; *stamped* demands one.
    `key` turns the secret as people paste it into the bytes of the key.
    """

    header: str
    signed: Callable[[Delivery, str], bytes]
    claim: Callable[[Delivery, str], Claim | None]
    decode: Callable[[str], bytes]
    stamped: bool = False
    unit: float = 1.0
    hashing: str = "sha256"
    key: Callable[[str], bytes] = str.encode
    only: Callable[[str], bool] = bool  # which values of the header are signatures at all

    def present(self, delivery: Delivery) -> bool:
        return self.header in delivery.headers and self.only(delivery.headers[self.header])

    def doubt(self, delivery: Delivery, secrets: Sequence[str], now: float) -> Doubt | None:
        found = self.claim(delivery, delivery.headers[self.header])
        if found is None or not found.signatures:
            return Doubt.MALFORMED
        if self.stamped:
            late = _lateness(found.stamp, self.unit, now)
            if late is None:
                return Doubt.MALFORMED
            if abs(late) > WINDOW:
                return Doubt.STALE if late > 0 else Doubt.EARLY
        text = self.signed(delivery, found.stamp)
        return None if self._any(found.signatures, secrets, text) else Doubt.FORGED

    def _any(self, signatures: Sequence[str], secrets: Sequence[str], text: bytes) -> bool:
        """Whether any signature holds for any secret; all are compared, whichever holds."""
        holds = False
        for secret in secrets:
            right = hmac.digest(self.key(secret), text, self.hashing)
            for signature in signatures:
                holds |= hmac.compare_digest(_quiet(self.decode, signature), right)
        return holds


@dataclass(frozen=True, slots=True)
class PlainHash:
    """A hash over the secret followed by what `signed` gives: what platforms did before keyed hashes."""

    header: str
    signed: Callable[[Delivery], bytes]
    only: Callable[[Delivery], bool] = lambda _: True

    def present(self, delivery: Delivery) -> bool:
        return self.header in delivery.headers and self.only(delivery)

    def doubt(self, delivery: Delivery, secrets: Sequence[str], now: float) -> Doubt | None:
        given, text, holds = _quiet(unhex, delivery.headers[self.header]), self.signed(delivery), False
        for secret in secrets:
            holds |= hmac.compare_digest(given, hashlib.sha256(secret.encode() + text).digest())
        return None if holds else Doubt.FORGED


@dataclass(frozen=True, slots=True)
class SecretInAddress:
    """No signature at all: a long secret in the address's query, which only the platform and we know."""

    parameter: str = "secret"

    def present(self, delivery: Delivery) -> bool:
        return bool(self._given(delivery))

    def doubt(self, delivery: Delivery, secrets: Sequence[str], now: float) -> Doubt | None:
        given, holds = self._given(delivery).encode(), False
        for secret in secrets:
            holds |= hmac.compare_digest(given, secret.encode())
        return None if holds else Doubt.FORGED

    def _given(self, delivery: Delivery) -> str:
        found = parse_qs(urlsplit(delivery.address).query).get(self.parameter, [])
        return found[0] if len(found) == 1 else ""


@dataclass(frozen=True, slots=True)
class SecretInHeader:
    """A secret that the platform sends along in a header."""

    header: str

    def present(self, delivery: Delivery) -> bool:
        return self.header in delivery.headers

    def doubt(self, delivery: Delivery, secrets: Sequence[str], now: float) -> Doubt | None:
        given, holds = delivery.headers[self.header].encode("utf-8", "surrogateescape"), False
        for secret in secrets:
            holds |= hmac.compare_digest(given, secret.encode())
        return None if holds else Doubt.FORGED


@dataclass(frozen=True, slots=True)
class BasicOnHook:
    """HTTP Basic on the delivery: a hook has a user and a password there, and the secret is the password."""

    user: str = "regulars"

    def present(self, delivery: Delivery) -> bool:
        return delivery.headers.get("authorization", "")[:6].lower() == "basic "

    def doubt(self, delivery: Delivery, secrets: Sequence[str], now: float) -> Doubt | None:
        given, holds = _quiet(unbase64, delivery.headers["authorization"][6:].strip()), False
        for secret in secrets:
            holds |= hmac.compare_digest(given, f"{self.user}:{secret}".encode())
        return None if holds else Doubt.FORGED


@dataclass(frozen=True, slots=True)
class TokenInBody:
    """A token that we gave when we subscribed, and that comes back within each delivery, at *path* of its JSON."""

    path: str

    def present(self, delivery: Delivery) -> bool:
        return bool(self._given(delivery))

    def doubt(self, delivery: Delivery, secrets: Sequence[str], now: float) -> Doubt | None:
        given, holds = self._given(delivery).encode("utf-8", "surrogatepass"), False
        for secret in secrets:
            holds |= hmac.compare_digest(given, secret.encode())
        return None if holds else Doubt.FORGED

    def _given(self, delivery: Delivery) -> str:
        try:
            here: object = json.loads(delivery.body)
        except (ValueError, RecursionError):
            return ""
        for step in self.path.split("."):
            here = here.get(step) if isinstance(here, dict) else None
        return here if isinstance(here, str) else ""


@dataclass(frozen=True, slots=True)
class Challenge:
    """How a platform checks an address before it delivers there: a GET whose query holds a *token* that was agreed
    and an *answer* that it wants to have back, and nothing else is told by it."""

    token: str = "hub.verify_token"  # noqa: S105 - the parameter's name
    answer: str = "hub.challenge"

    def met(self, query: Mapping[str, str], secrets: Sequence[str]) -> str | None:
        """What to answer; None where the token is not ours."""
        given, holds = query.get(self.token, "").encode("utf-8", "surrogatepass"), False
        for secret in secrets:
            holds |= bool(secret) and hmac.compare_digest(given, agreed_token(secret).encode())
        return query.get(self.answer, "") if holds else None


def agreed_token(secret: str) -> str:
    """The token to agree on where a platform has a secret already: it follows from that one, and gives it not away."""
    return hmac.new(secret.encode(), b"regulars verify token", "sha256").hexdigest()[:32]


def unhex(text: str) -> bytes:
    """Bytes from hexadecimal text. Raises ValueError."""
    return bytes.fromhex(text)


def unbase64(text: str) -> bytes:
    """Bytes from base64 text, nothing else allowed in it. Raises ValueError."""
    return base64.b64decode(text, validate=True)


def whole_header(_: Delivery, text: str) -> Claim:
    """The header is the signature, and there is no stamp."""
    return Claim((text.strip(),))


def after(prefix: str) -> Callable[[Delivery, str], Claim | None]:
    """The header is the signature behind a prefix, as in ``sha256=…``."""

    def claim(_: Delivery, text: str) -> Claim | None:
        return Claim((text.strip().removeprefix(prefix),)) if text.strip().startswith(prefix) else None

    return claim


def stamp_from(header: str) -> Callable[[Delivery, str], Claim | None]:
    """The header is the signature; the stamp stands in another one."""

    def claim(delivery: Delivery, text: str) -> Claim | None:
        stamp = delivery.headers.get(header, "")
        return Claim((text.strip(),), stamp) if stamp else None

    return claim


def pairs(stamp: str = "t", signature: str = "v1") -> Callable[[Delivery, str], Claim | None]:
    """The header is a list such as ``t=1700000000,v1=abc,v1=def``."""

    def claim(_: Delivery, text: str) -> Claim | None:
        parts = [part.strip().partition("=") for part in text.split(",")]
        stamps = [value for name, _, value in parts if name == stamp]
        return Claim([value for name, _, value in parts if name == signature], stamps[0]) if len(stamps) == 1 else None

    return claim


def body_only(delivery: Delivery, _: str) -> bytes:
    """The raw body was signed."""
    return delivery.body


def _standard_claim(delivery: Delivery, text: str) -> Claim | None:
    stamp = delivery.headers.get("webhook-timestamp", "")
    if not stamp or not delivery.headers.get("webhook-id"):
        return None
    return Claim([part[3:] for part in text.split(" ") if part.startswith("v1,")], stamp)


def _standard_signed(delivery: Delivery, stamp: str) -> bytes:
    return f"{delivery.headers['webhook-id']}.{stamp}.".encode() + delivery.body


def _standard_key(secret: str) -> bytes:
    return _quiet(unbase64, secret.removeprefix("whsec_"))


HMAC_HEX = (body_only, whole_header, unhex)
HMAC_BASE64 = (body_only, whole_header, unbase64)
"""The two commonest ways, for ``Hmac("x-signature", *HMAC_HEX)``."""

STANDARD = Hmac("webhook-signature", _standard_signed, _standard_claim, unbase64, stamped=True, key=_standard_key)
"""Standard Webhooks: https://github.com/standard-webhooks/standard-webhooks."""


def _lateness(stamp: str, unit: float, now: float) -> float | None:
    """Seconds from the stamp to now; None where it is no number of a sensible length."""
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 20):
        return None
    return now - int(stamp) * unit


def _quiet(decode: Callable[[str], bytes], text: str) -> bytes:
    """What *text* encodes, or nothing: a broken signature is compared like any other."""
    try:
        return decode(text)
    except (ValueError, binascii.Error):
        return b""
