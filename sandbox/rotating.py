"""Access that an app renews with refresh tokens that serve once, as vendors of today hand it out (RFC 6749, RFC 9700).

A refresh token that comes a second time is refused, and where the vendor says so all that its grant gave is taken back:
it may have been stolen.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from sandbox.consent_page import ConsentPage
from sandbox.platform import Answer, Call, Clock

Json = dict[str, Any]
CLIENT, SECRET = "sandbox-client", "sandbox-client-secret"


@dataclass
class Rotating:
    """The grants of one app. *basic*: it proves itself by HTTP Basic and in no other way. *revokes*: a refresh token
    used twice ends its grant. *scope* is what tokens are good for."""

    clock: Clock
    basic: bool
    revokes: bool
    scope: str = ""
    seconds: int = 3600
    access: dict[str, tuple[int, datetime]] = field(default_factory=dict)  # token -> grant, end
    refresh: dict[str, int] = field(default_factory=dict)  # unused token -> grant
    used: dict[str, int] = field(default_factory=dict)
    codes: set[str] = field(default_factory=set)
    last: int = 0
    consent: ConsentPage | None = None

    def routes(self, route: Callable[..., None], page: str, token: str, *, proof: bool, more: Collection[str]) -> None:
        """Answer the page and the token address."""
        self.consent = ConsentPage(route, page, CLIENT, self._allowed, more=more, proof=proof)
        route("POST", token, self.token, open=True)

    def holds(self, token: str) -> bool:
        """Whether an access token is good now."""
        return token in self.access and self.clock() < self.access[token][1]

    def begin(self) -> Json:
        """A new grant, with its first tokens."""
        self.last += 1
        return self._tokens(self.last)

    def token(self, call: Call) -> Answer:
        form = {name: values[-1] for name, values in parse_qs(call.raw.decode("utf-8", "replace")).items()}
        if not self._proven(call, form):
            return _refused(401, "invalid_client")
        if form.get("grant_type") == "authorization_code":
            code = form.get("code", "")
            if code not in self.codes or self.consent is None or not self.consent.fits(code, form):
                return _refused(400, "invalid_grant")
            self.codes.remove(code)
            return Answer(200, self.begin())
        if form.get("grant_type") != "refresh_token":
            return _refused(400, "unsupported_grant_type")
        given = form.get("refresh_token", "")
        if given in self.used and self.revokes:
            self._revoke(self.used[given])
        if given not in self.refresh:
            return _refused(400, "invalid_grant")
        grant = self.used[given] = self.refresh.pop(given)
        return Answer(200, self._tokens(grant))

    def _proven(self, call: Call, form: Json) -> bool:
        if not self.basic:
            return (form.get("client_id"), form.get("client_secret")) == (CLIENT, SECRET)
        try:
            shown = b64decode(call.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        except (Error, UnicodeDecodeError):
            return False
        return shown == f"{CLIENT}:{SECRET}"

    def _allowed(self, call: Call) -> str:
        self.last += 1
        code = f"sandbox-code-{self.last}"
        self.codes.add(code)
        return code

    def _tokens(self, grant: int) -> Json:
        self.last += 1
        access, refresh = f"sandbox-access-{self.last}", f"sandbox-refresh-{self.last}"
        self.access = {token: one for token, one in self.access.items() if one[0] != grant}
        self.access[access] = grant, self.clock() + timedelta(seconds=self.seconds)
        self.refresh[refresh] = grant
        shown = {"access_token": access, "refresh_token": refresh, "token_type": "Bearer", "expires_in": self.seconds}
        return {**shown, "scope": self.scope}

    def _revoke(self, grant: int) -> None:
        self.access = {token: one for token, one in self.access.items() if one[0] != grant}
        self.refresh = {token: one for token, one in self.refresh.items() if one != grant}


def _refused(status: int, error: str) -> Answer:
    return Answer(status, {"error": error, "error_description": "expired, used or unknown"})
