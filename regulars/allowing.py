"""Allowing an app in the browser: the address is opened, or shown to be opened elsewhere, and whoever allowed it comes
back to this machine.

What listens for that listens on loopback only, for one answer, at one path, and says nothing of what it heard.
"""

from __future__ import annotations

import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from time import monotonic
from urllib.parse import urlsplit

from rich.markup import escape

from connectors.base import Platform
from regulars.asking import ask
from regulars.session import Session
from regulars.trouble import REDACT, WrongUse

PORT = 8723
PATH = "/allowed"
PATIENCE = 300.0
"""Seconds within which somebody has to have allowed it."""
_PAGE = b"""<!doctype html><meta charset="utf-8"><title>Regulars</title>
<body style="font-family: system-ui; margin: 15vh auto; max-width: 30em"><h1>Thank you</h1>
<p>You may close this window, and go on where you started.</p>"""


def allowed(
    here: Session,
    entry: Platform,
    client: str,
    secret: str,
    *,
    base: str = "",
    browser: bool = True,
    port: int = PORT,
    open_: Callable[[str], bool] = webbrowser.open,
) -> dict[str, str]:
    """The credential of whoever allows the app *client* to act for them. Raises Failure or WrongUse."""
    from connectors import oauth  # noqa: PLC0415 - slow to load

    assert entry.app is not None, entry.name
    question = oauth.ask(entry.app, client, f"http://localhost:{port}{PATH}", base)
    address = question.address
    here.say(f"Your app at {escape(entry.title)} has to know this redirect address: [name]{question.redirect}[/]")
    if browser:
        with _listening(port) as heard:
            here.say("The page to allow it opens in your browser. If it does not, open this address on this machine:")
            here.say(f"[soft]{escape(address)}[/]")
            open_(address)
            came_back = heard()
    else:
        here.say("Open this address anywhere, and allow it:")
        here.say(f"[soft]{escape(address)}[/]")
        here.say("The browser then ends at an address that it may not find. Copy that one.")
        came_back = ask(here, "Where did it end?", str.strip)
    parts = oauth.granted(question, question.code(came_back), secret, entry.title)
    REDACT.learn(parts)
    return parts


@contextmanager
def _listening(port: int) -> Iterator[Callable[[], str]]:
    """A function that waits for the address that somebody comes back to. Raises WrongUse where the port is taken, or
    where nobody comes."""
    found: list[str] = []

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host = (self.headers.get("Host") or "").rpartition(":")[0]
            if host not in ("localhost", "127.0.0.1") or urlsplit(self.path).path != PATH or found:
                self.send_error(404)
                return
            found.append(f"http://localhost:{port}{self.path}")
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(_PAGE)))
            self.end_headers()
            self.wfile.write(_PAGE)

        def log_message(self, *_: object) -> None:
            """Nothing: the address holds a code."""

    try:
        server = HTTPServer(("127.0.0.1", port), Door)
    except OSError:
        fix = "Say another one with --port, and tell your app's redirect address so."
        raise WrongUse(f"The port {port} of this machine is taken.", fix=fix) from None

    def heard() -> str:
        server.timeout = 1.0
        until = monotonic() + PATIENCE
        while not found and monotonic() < until:
            server.handle_request()
        if not found:
            fix = "Run it again, or with --no-browser where the browser is on another machine."
            raise WrongUse(f"Nobody came back within {PATIENCE / 60:.0f} minutes.", fix=fix)
        return found[0]

    with server:
        yield heard
