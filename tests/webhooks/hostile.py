"""What strangers send to a receiver: forged, replayed, cut, oversized, mis-encoded, or no HTTP at all; from a seed.

Each is what goes over the wire, and the answers that are right for it. None of them may be filed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from connectors.hooks import LARGEST
from tests.webhooks.deliver import HUBSPOT_SECRET, MAILCHIMP_SECRET, PUBLIC, contact_event, hubspot, mailchimp

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
REFUSED = frozenset({400, 401, 404, 405, 411, 413, 414, 415, 431})

Made = tuple[bytes, dict[str, str]]


class Sent(NamedTuple):
    """Bytes for the wire, the statuses that are right (0: none, hung up), and whether we hang up after sending."""

    kind: str
    raw: bytes
    right: frozenset[int]
    hang_up: bool = False


def over_the_wire(made: Made, to: str, *, method: str = "POST", length: int | None = None) -> bytes:
    """A request as bytes; *length* where the header lies."""
    body, headers = made
    lines = {"Host": "127.0.0.1", "Content-Length": str(len(body) if length is None else length), **headers}
    head = "".join(f"{name}: {text}\r\n" for name, text in lines.items())
    return f"{method} {to} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


@dataclass
class Strangers:
    """A row of them. `recorded` are true deliveries that were filed, as (door, what was sent)."""

    now: float
    recorded: Sequence[tuple[str, Made]]
    dice: random.Random = field(default_factory=lambda: random.Random(1))

    def one(self) -> Sent:
        """The next."""
        kind = self.dice.choices(list(_KINDS), [weight for _, weight in _KINDS.values()])[0]
        return _KINDS[kind][0](self)._replace(kind=kind)

    # -- what they send ------------------------------------------------------------------------------------------

    def forged(self) -> Sent:
        """Signed with a secret that was guessed, or made for another address."""
        return self._refused(*self._made(secret=self._text(20)), 401)

    def stamped_wrongly(self) -> Sent:
        """Signed rightly, too long ago or in the future."""
        late = self.dice.choice((-1, 1)) * self.dice.uniform(302, 10**7)
        return self._refused(*self._made(at=self.now + late), 401)

    def replayed(self) -> Sent:
        """Recorded, and sent again byte for byte: answered, and nothing new."""
        door, made = self.dice.choice(self.recorded)
        return Sent("", over_the_wire(made, f"/webhooks/{door}"), frozenset({200}))

    def replayed_elsewhere(self) -> Sent:
        """Recorded at one door and sent to another, or with something more in the address."""
        door, made = self.dice.choice(self.recorded)
        other = "mailchimp" if door == "hubspot" else "hubspot"
        return self._refused(other, made, 401, 415)

    def changed(self) -> Sent:
        """Recorded, with one byte changed in body or proof."""
        door, (body, headers) = self.dice.choice(self.recorded)
        name = self.dice.choice(["", *(name for name in headers if name.startswith("X-"))])
        if name:
            proof = headers[name]  # of base64, the last character says less than it could
            headers = {**headers, name: self._one_changed(proof[:-3].encode()).decode("latin-1") + proof[-3:]}
        else:
            body = self._one_changed(body)
        return self._refused(door, (body, headers), 401)

    def cut(self) -> Sent:
        """Recorded, and shorter."""
        door, (body, headers) = self.dice.choice(self.recorded)
        return self._refused(door, (body[: self.dice.randrange(1, len(body))], headers), 401)

    def hung_up(self) -> Sent:
        """Recorded, broken off in the middle of head or body."""
        door, made = self.dice.choice(self.recorded)
        whole = over_the_wire(made, f"/webhooks/{door}")
        return Sent("", whole[: self.dice.randrange(1, len(whole))], REFUSED | {0}, hang_up=True)

    def oversized(self) -> Sent:
        """More bytes than any platform sends, signed rightly."""
        door, made = self._made(size=LARGEST + self.dice.randrange(1, 4096))
        return self._refused(door, made, 413)

    def boasting(self) -> Sent:
        """Nothing but a length: of a gigabyte, none, less than none, twice."""
        length = self.dice.choice(["9" * 10, "9" * 40, "-1", "1e3", "", "0x10", "5\r\nContent-Length: 7", "\u00b2"])
        head = f"POST /webhooks/hubspot HTTP/1.1\r\nHost: a\r\nContent-Type: {JSON}\r\nContent-Length: {length}\r\n\r\n"
        return Sent("", head.encode("latin-1"), REFUSED, hang_up=True)

    def in_chunks(self) -> Sent:
        """In chunks that are no chunks, or too many."""
        rest = self.dice.choice(
            [
                b"zz\r\nabc\r\n",
                b"5\r\nab",
                b"-1\r\n",
                b"fffffffffffffff\r\n",
                b"100000\r\n" + b"a" * 70_000,
                self._bytes(40),
            ]
        )
        head = (
            f"POST /webhooks/hubspot HTTP/1.1\r\nHost: a\r\nContent-Type: {JSON}\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        return Sent("", head.encode() + rest, REFUSED | {0}, hang_up=True)

    def mis_encoded(self) -> Sent:
        """Signed rightly, and not what its content type says."""
        made: list[Callable[[], bytes]] = [
            lambda: json.dumps([contact_event("creation", "5")]).encode()[: -self.dice.randrange(1, 90)],
            lambda: b'[{"eventId": 1, "subscriptionType": "\xff\xfe' + self._bytes(5) + b'"}]',
            lambda: json.dumps([contact_event("creation", "5")]).encode("utf-16"),
            lambda: b"[" * self.dice.randrange(1, 100_000),
            lambda: b'["a"' + b",]" * self.dice.randrange(1, 9),
            lambda: b"NaN",
            lambda: b'"\x01"',
            lambda: b'"\\ud8"',
            lambda: b"\x1f\x8b\x08" + self._bytes(60),
        ]
        body = self.dice.choice(made)()
        return self._refused("hubspot", _signed_for_hubspot(body, self.now), 400)

    def mis_encoded_form(self) -> Sent:
        """The same for a form."""
        made: list[Callable[[], bytes]] = [
            lambda: b"type=subscribe&data[email]=\xff" + self._bytes(5),
            lambda: "type=subscribe".encode("utf-16"),
            lambda: b"no pairs at all",
            lambda: b"&&&",
            lambda: b"a=1&b",
        ]
        body = self.dice.choice(made)()
        return self._refused("mailchimp", _signed_for_mailchimp(body, self.now), 400)

    def of_another_type(self) -> Sent:
        """True but for the content type."""
        door, (body, headers) = self.dice.choice(self.recorded)
        odd = ["text/plain", "", "application/json/x", "*/*", "\u00e9", "multipart/form-data; boundary=x", "a" * 300]
        return self._refused(door, (body, {**headers, "Content-Type": self.dice.choice(odd)}), 415)

    def anything(self) -> Sent:
        """Any bytes, with headers of any text."""
        names = [
            "X-HubSpot-Signature-v3",
            "X-HubSpot-Request-Timestamp",
            "X-HubSpot-Signature",
            "X-Mailchimp-Signature",
        ]
        odd = [
            "",
            "v1",
            "v2",
            f"{self.now * 1000:.0f}",
            f"t={self.now:.0f},v1=",
            "t=1,t=2",
            "=" * 99,
            "9" * 999,
            "ä" * 9,
        ]
        headers = {name: self.dice.choice([*odd, self._text(44)]) for name in names if self.dice.random() < 0.5}
        headers["Content-Type"] = self.dice.choice([JSON, FORM])
        query = self.dice.choice(["", "?secret=", "?secret=%ff", "?secret=a&secret=b", "?" + "a=1&" * 40, "?%00"])
        door = self.dice.choice(["hubspot", "mailchimp"])
        body = self._bytes(self.dice.choice([1, 9, 90, 900, 25_000]))
        return Sent("", over_the_wire((body, headers), f"/webhooks/{door}{query}"), REFUSED)

    def elsewhere(self) -> Sent:
        """Where there is no door, or by another method."""
        door, made = self.dice.choice(self.recorded)
        odd = ["", "/", f"{door}/", f"{door}%00", "../healthz", "%2e%2e", "%ff", "a" * 5000, "ä", "*"]
        if self.dice.random() < 0.5:
            method = self.dice.choice(["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
            return Sent("", over_the_wire(made, f"/webhooks/{door}", method=method), REFUSED | {200}, hang_up=True)
        return Sent("", over_the_wire(made, f"/webhooks/{self.dice.choice(odd)}"), REFUSED)

    def no_http(self) -> Sent:
        """No request at all."""
        junk = self.dice.choice(
            [b"\r\n\r\n", b"\x16\x03\x01\x02\x00", b"GET", b"POST / HTTP/9.9\r\n\r\n", self._bytes(80)]
        )
        return Sent("", junk, REFUSED | {0, 200, 505}, hang_up=True)

    # -- helpers -------------------------------------------------------------------------------------------------

    def _refused(self, door: str, made: Made, *right: int) -> Sent:
        return Sent("", over_the_wire(made, f"/webhooks/{door}"), frozenset(right))

    def _made(self, *, secret: str = "", at: float = 0.0, size: int = 0) -> tuple[str, Made]:
        at = at or self.now
        if self.dice.random() < 0.5:
            events = [contact_event("creation", str(self.dice.randrange(1, 10**9)), padding="x" * size)]
            return "hubspot", hubspot(events, at, secret=secret or HUBSPOT_SECRET)
        who = f"{self._text(5)}@example.org"
        return "mailchimp", mailchimp("profile", at, secret=secret or MAILCHIMP_SECRET, email=who, padding="x" * size)

    def _one_changed(self, text: bytes) -> bytes:
        place = self.dice.randrange(len(text))
        other = self.dice.choice([one for one in b"abcdefghij0123456789" if one != text[place]])
        return text[:place] + bytes([other]) + text[place + 1 :]

    def _text(self, length: int) -> str:
        return "".join(self.dice.choices("abcdefghijklmnopqrstuvwxyz0123456789+/=", k=length))

    def _bytes(self, most: int) -> bytes:
        return self.dice.randbytes(self.dice.randrange(1, most + 1))


_KINDS: Mapping[str, tuple[Callable[[Strangers], Sent], float]] = {
    "forged": (Strangers.forged, 10),
    "stamped wrongly": (Strangers.stamped_wrongly, 10),
    "replayed": (Strangers.replayed, 4),
    "replayed elsewhere": (Strangers.replayed_elsewhere, 10),
    "changed": (Strangers.changed, 15),
    "cut": (Strangers.cut, 10),
    "hung up": (Strangers.hung_up, 4),
    "oversized": (Strangers.oversized, 0.5),
    "boasting": (Strangers.boasting, 3),
    "in chunks": (Strangers.in_chunks, 3),
    "mis-encoded": (Strangers.mis_encoded, 10),
    "mis-encoded form": (Strangers.mis_encoded_form, 8),
    "of another type": (Strangers.of_another_type, 6),
    "anything": (Strangers.anything, 20),
    "elsewhere": (Strangers.elsewhere, 6),
    "no HTTP": (Strangers.no_http, 3),
}
"""Each kind, and how often it comes beside the others."""

KINDS = frozenset(_KINDS)


def _signed_for_hubspot(body: bytes, at: float) -> Made:
    stamp = str(int(at * 1000))
    text = f"POST{PUBLIC}/webhooks/hubspot".encode() + body + stamp.encode()
    right = base64.b64encode(hmac.new(HUBSPOT_SECRET.encode(), text, hashlib.sha256).digest()).decode()
    return body, {"Content-Type": JSON, "X-HubSpot-Signature-v3": right, "X-HubSpot-Request-Timestamp": stamp}


def _signed_for_mailchimp(body: bytes, at: float) -> Made:
    right = hmac.new(MAILCHIMP_SECRET.encode(), f"{int(at)}.".encode() + body, hashlib.sha256).hexdigest()
    return body, {"Content-Type": FORM, "X-Mailchimp-Signature": f"t={int(at)},v1={right}"}
