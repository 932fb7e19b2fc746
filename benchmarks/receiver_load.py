"""The platforms that deliver, in a process of their own, asked for one round after the other (`benchmarks.talking`).

Deliveries are made and signed before the clock starts. Then each connection sends one, waits for its answer and sends
the next, all from one thread that waits for whichever answers, so that little of the machine goes into asking.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlencode

import msgspec

from benchmarks.talking import answer, questions

PUBLIC = "https://hooks.example.org"
SECRET = "a-secret-of-the-benchmark"
CONNECTIONS = 16
WARM = 200
"""Deliveries before the clock starts: connections are open then, and everything is loaded."""
LONGEST = 60.0
"""Seconds after which a round is given up."""
EVENTS = 100


class Order(msgspec.Struct):
    """So many deliveries of one platform, to this port."""

    platform: str
    port: int
    deliveries: int
    seed: int


class Heard(msgspec.Struct):
    """What came back: answers by status, and of those after the first few the rate, and seconds until half and until
    99 of 100 were answered. `size` are the bytes of a body, about."""

    statuses: dict[int, int]
    rate: float = 0.0
    p50: float = 0.0
    p99: float = 0.0
    size: int = 0


def _hubspot(dice: random.Random, number: int) -> bytes:
    """A hundred changed properties."""
    event = {
        "eventId": 0,
        "subscriptionId": 4_087_211,
        "portalId": 62_515_013,
        "appId": 5_432_100,
        "occurredAt": int(time.time() * 1000),
        "subscriptionType": "contact.propertyChange",
        "attemptNumber": 0,
        "objectId": 0,
        "propertyName": "lastname",
        "propertyValue": "",
        "changeSource": "CRM_UI",
    }
    events = [
        {
            **event,
            "eventId": number * EVENTS + place,
            "objectId": dice.randrange(10**10, 10**11),
            "propertyValue": f"N{dice.randrange(10**6)}",
        }
        for place in range(EVENTS)
    ]
    return json.dumps(events, separators=(",", ":")).encode()


def _mailchimp(dice: random.Random, number: int) -> bytes:
    """A changed profile."""
    who = f"person{number}.{dice.randrange(10**6)}@example.org"
    merges = {"EMAIL": who, "FNAME": f"Ann {number}", "LNAME": "Lindqvist", "PHONE": "+49 30 901820"}
    data = {"id": f"{dice.randrange(16**10):010x}", "email": who, "email_type": "html", "ip_opt": "198.51.100.7"}
    form = {"type": "profile", "fired_at": "2026-03-01 12:00:00"}
    form |= {f"data[{name}]": text for name, text in data.items()} | {"data[web_id]": str(number)}
    form |= {f"data[merges][{name}]": text for name, text in merges.items()} | {"data[list_id]": "a6b5da1054"}
    form |= {"data[merges][ADDRESS]": "12 Some Long Street, Some Town, 12345", "data[merges][NOTE]": "x" * 110}
    return urlencode(form).encode()


def _signed_by_hubspot(body: bytes) -> dict[str, str]:
    stamp = str(int(time.time() * 1000))
    text = f"POST{PUBLIC}/webhooks/hubspot".encode() + body + stamp.encode()
    right = base64.b64encode(hmac.new(SECRET.encode(), text, hashlib.sha256).digest()).decode()
    return {"Content-Type": "application/json", "X-HubSpot-Signature-v3": right, "X-HubSpot-Request-Timestamp": stamp}


def _signed_by_mailchimp(body: bytes) -> dict[str, str]:
    stamp = int(time.time())
    right = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    kind = "application/x-www-form-urlencoded"
    return {"Content-Type": kind, "X-Mailchimp-Signature": f"t={stamp},v1={right}"}


_MADE: dict[str, tuple[Callable[[random.Random, int], bytes], Callable[[bytes], dict[str, str]]]] = {
    "hubspot": (_hubspot, _signed_by_hubspot),
    "mailchimp": (_mailchimp, _signed_by_mailchimp),
}


def _requests(order: Order) -> Iterator[bytes]:
    """Each as it goes over the wire, no two alike."""
    dice = random.Random(f"deliveries {order.seed}")
    make, sign = _MADE[order.platform]
    for number in range(order.deliveries):
        body = make(dice, number)
        headers = {
            "Host": f"127.0.0.1:{order.port}",
            "User-Agent": "a benchmark",
            "Accept": "*/*",
            "Content-Length": str(len(body)),
            **sign(body),
        }
        head = "".join(f"{name}: {text}\r\n" for name, text in headers.items())
        yield f"POST /webhooks/{order.platform} HTTP/1.1\r\n{head}\r\n".encode() + body


@dataclass
class Caller:
    """One connection: what it sends, and what has come back of the answer."""

    line: socket.socket
    sending: memoryview = field(default_factory=lambda: memoryview(b""))
    began: float = 0.0
    answer: bytes = b""

    def send(self) -> bool:
        """Send what the line takes; whether that was all."""
        self.sending = self.sending[self.line.send(self.sending) :]
        return not self.sending

    def heard(self) -> int:
        """The answer's status, once it is whole; 0 until then."""
        self.answer += self.line.recv(65_536)
        head, found, rest = self.answer.partition(b"\r\n\r\n")
        if not found:
            return 0
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if len(rest) < int(lengths[0].partition(b":")[2]):
            return 0
        self.answer = b""
        return int(head.split(b" ", 2)[1])


class Crowd:
    """All connections, and what was measured on them."""

    def __init__(self, port: int, waiting: list[bytes]) -> None:
        self.waiting = list(reversed(waiting))
        self.statuses: Counter[int] = Counter()
        self.times: list[float] = []
        self.started = 0.0
        self.ended = 0.0
        self._busy = 0
        self._ready = selectors.DefaultSelector()
        self._callers = [Caller(socket.create_connection(("127.0.0.1", port))) for _ in range(CONNECTIONS)]
        for caller in self._callers:
            caller.line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            caller.line.setblocking(False)

    def run(self) -> None:
        end = time.monotonic() + LONGEST
        for caller in self._callers:
            self._ready.register(caller.line, selectors.EVENT_WRITE, caller)
            self._next(caller)
        while self._busy and time.monotonic() < end:
            for key, events in self._ready.select(1.0):
                if events & selectors.EVENT_WRITE:
                    if key.data.send():
                        self._ready.modify(key.data.line, selectors.EVENT_READ, key.data)
                elif status := key.data.heard():
                    self._answered(key.data, status)
        for caller in self._callers:
            caller.line.close()

    def _next(self, caller: Caller) -> None:
        if not self.waiting:
            self._ready.unregister(caller.line)
            return
        self._busy += 1
        caller.sending, caller.began = memoryview(self.waiting.pop()), time.perf_counter()
        if caller.send():
            self._ready.modify(caller.line, selectors.EVENT_READ, caller)
        else:
            self._ready.modify(caller.line, selectors.EVENT_WRITE, caller)

    def _answered(self, caller: Caller, status: int) -> None:
        now = time.perf_counter()
        self._busy -= 1
        self.statuses[status] += 1
        if self.statuses.total() == WARM:
            self.started = now
        elif self.statuses.total() > WARM:
            self.times.append(now - caller.began)
            self.ended = now
        self._next(caller)


def measure(order: Order) -> Heard:
    """Send everything; what came back."""
    waiting = list(_requests(order))
    size = sum(len(one.partition(b"\r\n\r\n")[2]) for one in waiting) // len(waiting)
    crowd = Crowd(order.port, waiting)
    crowd.run()
    times = sorted(crowd.times)
    if not times:
        return Heard(dict(crowd.statuses))
    rate = len(times) / (crowd.ended - crowd.started)
    return Heard(dict(crowd.statuses), rate, times[len(times) // 2], times[len(times) * 99 // 100], size)


if __name__ == "__main__":
    for asked in questions(Order):
        answer(measure(asked))
