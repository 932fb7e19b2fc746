"""Connectors joined to the sandbox in this process, on the sandbox's own clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors import Settings, platform
from connectors.base import Connector, Page, Raw
from connectors.http import Response, WsgiTransport
from mapping.model import Seen
from sandbox.clock import SimClock
from sandbox.hubspot import HubSpotSandbox
from sandbox.mailchimp import MailchimpSandbox

BASE = "http://127.0.0.1:9"
TOKEN = "sandbox-hubspot-demo"
KEY = "sandbox-mailchimp-demo-us0"
LIST = "a1b2c3d4e5"


@dataclass
class Sent:
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None


@dataclass
class Watched(WsgiTransport):
    """The sandbox's app, and every request that went to it."""

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        self.sent: list[Sent] = []

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Response:
        self.sent.append(Sent(method, url, headers, body))
        return super().send(method, url, headers, body, timeout)


@dataclass
class Joined:
    """A connector and its sandbox."""

    connector: Connector
    sandbox: Any
    clock: SimClock
    wire: Watched
    cursor: Any = field(default=None)

    def pull(self, *, full: bool = False) -> dict[str, Seen]:
        """Go on pulling from the cursor; what came, by remote id, the last showing winning."""
        found: dict[str, Seen] = {}
        for page in self.connector.pages(self.cursor, full=full):
            self.cursor = page.cursor
            found |= {raw.remote_id: self.connector.decode(raw) for raw in page.records}
        return found

    def pages(self, *, full: bool = False) -> list[Page]:
        pages = list(self.connector.pages(self.cursor, full=full))
        self.cursor = pages[-1].cursor
        return pages

    def raw(self, remote_id: str) -> Raw | None:
        return self.connector.read([remote_id])[remote_id]


def open_hubspot(
    sandbox: HubSpotSandbox, clock: SimClock, *, own_key: bool = False, streams: Sequence[str] = (), **credential: str
) -> Joined:
    wire = Watched(sandbox.app)
    settings = Settings(base_url=BASE, own_key=own_key, streams=tuple(streams))
    connector = platform("hubspot").connector(
        credential or {"token": TOKEN},
        settings,
        transport=wire,
        clock=lambda: clock().timestamp(),
        sleep=clock.sleep,
    )
    return Joined(connector, sandbox, clock, wire)


def open_mailchimp(sandbox: MailchimpSandbox, clock: SimClock, key: str = KEY) -> Joined:
    wire = Watched(sandbox.app)
    connector = platform("mailchimp").connector(
        {"api_key": key},
        Settings(base_url=BASE, audience=LIST),
        transport=wire,
        clock=lambda: clock().timestamp(),
        sleep=clock.sleep,
    )
    return Joined(connector, sandbox, clock, wire)


def joined(
    name: str,
    sandbox: Any,
    clock: SimClock,
    credential: Mapping[str, str],
    *,
    app: Any = None,
    renewed: Callable[[Mapping[str, str]], None] | None = None,
    **settings: Any,
) -> Joined:
    """The connector of that name over *sandbox*; *app* stands in for its application."""
    wire = Watched(app or sandbox.app)
    connector = platform(name).connector(
        credential,
        Settings(base_url=BASE, **settings),
        transport=wire,
        clock=lambda: clock().timestamp(),
        sleep=clock.sleep,
        renewed=renewed,
    )
    return Joined(connector, sandbox, clock, wire)


def open_pipedrive(sandbox: Any, clock: SimClock, **more: Any) -> Joined:
    return joined("pipedrive", sandbox, clock, {"api_token": "sandbox-pipedrive-demo"}, **more)


def contacts(count: int, stamp: str = "2025-01-01T00:00:00.000Z") -> Sequence[Mapping[str, Any]]:
    return [{"email": f"person{n}@example.org", "firstname": f"Name{n}"} for n in range(count)]
