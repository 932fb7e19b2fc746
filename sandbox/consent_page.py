"""The page on which somebody allows an app, or does not: what a vendor shows in the browser.

RFC 6749, 4.1: an app or redirect address that is not known is told to the person and never sent back to; a yes comes
back with a code and the app's state, a no with ``access_denied``. The code serves once, for the same redirect address,
and with the proof key of RFC 7636 where the question had one.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Collection, Mapping
from html import escape
from typing import Any
from urllib.parse import urlencode

from sandbox.platform import Answer, Call

HTML = (("Content-Type", "text/html; charset=utf-8"),)


class ConsentPage:
    """One app's page at one platform."""

    def __init__(
        self,
        route: Callable[..., None],
        path: str,
        client: str,
        grant: Callable[[Call], str],
        *,
        more: Collection[str] = (),
        proof: bool = False,
    ) -> None:
        """*grant* makes a code; *more* are parameters that the vendor knows beside the usual ones, *proof* says that
        it takes a proof key."""
        self.client, self.grant = client, grant
        self.asked: dict[str, tuple[str, str]] = {}  # code → redirect address, challenge
        keys = ("code_challenge", "code_challenge_method") if proof else ()
        usual = ("response_type", "client_id", "redirect_uri", "state")
        route("GET", path, self.page, query=(*usual, *keys, *more), open=True)

    def page(self, call: Call) -> Answer:
        redirect, state = call.one("redirect_uri"), call.one("state")
        if call.one("client_id") != self.client or call.one("response_type") != "code" or not redirect:
            return _html(400, "<p>This app is not known, or did not say where to go back to.</p>")
        method = call.one("code_challenge_method")
        if method not in ("", "S256"):
            return _html(400, "<p>This proof key is not understood.</p>")
        code = self.grant(call)
        self.asked[code] = (redirect, call.one("code_challenge"))
        links = {"allow": {"code": code, "state": state}, "deny": {"error": "access_denied", "state": state}}
        shown = "".join(
            f'<p><a id="{name}" href="{escape(f"{redirect}?{urlencode(query)}")}">{name}</a></p>'
            for name, query in links.items()
        )
        return _html(200, f"<h1>An app asks to be let in</h1>{shown}")

    def fits(self, code: str, form: Mapping[str, Any]) -> bool:
        """Whether a code comes from whoever asked for it. One that nobody was asked for here stands alone."""
        if code not in self.asked:
            return True
        redirect, challenge = self.asked.pop(code)
        digest = hashlib.sha256(str(form.get("code_verifier", "")).encode()).digest()
        proven = urlsafe_b64encode(digest).decode().rstrip("=") == challenge if challenge else True
        return form.get("redirect_uri") == redirect and proven


def _html(status: int, body: str) -> Answer:
    return Answer(status, f"<!doctype html><title>Sandbox</title>{body}".encode(), HTML)
