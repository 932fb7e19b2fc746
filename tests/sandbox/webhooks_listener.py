"""Somebody who listens to webhooks on this machine, and remembers what came."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import orjson


@dataclass(frozen=True, slots=True)
class Heard:
    """One request as it came in."""

    method: str
    path: str
    headers: Message
    body: bytes

    @property
    def events(self) -> list[dict[str, Any]]:
        """The body of HubSpot's requests."""
        decoded: list[dict[str, Any]] = orjson.loads(self.body)
        return decoded

    @property
    def form(self) -> dict[str, str]:
        """The body of Mailchimp's."""
        return {name: value for name, (value,) in parse_qs(self.body.decode(), keep_blank_values=True).items()}


Answers = Callable[[Heard], int]


@dataclass
class Listener:
    """Answers each request with what `answer` says, 200 if nothing else; 0 hangs until the listener is closed."""

    heard: list[Heard] = field(default_factory=list)
    answer: Answers = lambda _: 200
    url: str = ""
    arrived: threading.Event = field(default_factory=threading.Event)
    closed: threading.Event = field(default_factory=threading.Event)

    @property
    def posts(self) -> list[Heard]:
        return [one for one in self.heard if one.method == "POST"]

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events of all of HubSpot's requests."""
        return [event for one in self.posts for event in one.events]

    @property
    def forms(self) -> list[dict[str, str]]:
        return [one.form for one in self.posts]

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")


@contextmanager
def listening(answer: Answers = lambda _: 200) -> Iterator[Listener]:
    """A listener on a port of its own."""
    listener = Listener(answer=answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            one = Heard(self.command, self.path, self.headers, body)
            status = listener.answer(one)
            listener.heard.append(one)
            listener.arrived.set()
            if not status:
                listener.closed.wait(60)
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    listener.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield listener
    finally:
        listener.closed.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
