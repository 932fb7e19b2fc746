"""Credentials on their way into a request. Nothing here is ever shown: each `repr` says ***."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from connectors.errors import BadCredentials

Credential = Mapping[str, str]
"""The parts of a credential by name, as the vault keeps them."""

Renewed = Callable[[Credential], None]
"""Stores a renewed credential; called before the new one is first used, so that a crash never loses it."""

PostForm = Callable[[str, Mapping[str, str]], bytes]
"""Posts a form without our credential and gives the body of a good answer."""


class Auth(Protocol):
    """What signs a request in."""

    def headers(self) -> Mapping[str, str]: ...

    def secrets(self) -> tuple[str, ...]:
        """Every text that must not appear anywhere."""
        ...

    def renew(self, spent: Mapping[str, str], post: PostForm) -> bool:
        """Get a new credential after *spent* headers were refused; False where there is no way to."""
        ...


class Bearer:
    """A token that a person made; it is not renewed."""

    def __init__(self, token: str) -> None:
        self._token = token

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def secrets(self) -> tuple[str, ...]:
        return (self._token,)

    def renew(self, spent: Mapping[str, str], post: PostForm) -> bool:
        return False

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"


class Basic(Bearer):
    """A key sent as the password of HTTP Basic, under any user name."""

    def __init__(self, key: str, user: str = "regulars") -> None:
        super().__init__(key)
        self._basic = base64.b64encode(f"{user}:{key}".encode()).decode()

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Basic {self._basic}"}

    def secrets(self) -> tuple[str, ...]:
        return (self._token, self._basic)


class _Tokens(msgspec.Struct):
    access_token: str
    refresh_token: str = ""


class AppToken:
    """A token of an app itself, got with the app's own id and secret. It is short-lived; the first call is refused and
    brings it."""

    def __init__(self, app: Credential, endpoint: str, scope: str) -> None:
        self._app = app
        self._endpoint = endpoint
        self._scope = scope
        self._token = ""
        self._lock = threading.Lock()

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def secrets(self) -> tuple[str, ...]:
        return tuple(one for one in (self._app["client_secret"], self._token) if one)

    def renew(self, spent: Mapping[str, str], post: PostForm) -> bool:
        with self._lock:
            if dict(spent) == dict(self.headers()):
                parts = {"client_id": self._app["client_id"], "client_secret": self._app["client_secret"]}
                form = {"grant_type": "client_credentials", **parts, "scope": self._scope}
                self._token = _decoded(post(self._endpoint, form)).access_token
            return True

    def __repr__(self) -> str:
        return "AppToken(***)"


def _decoded(body: bytes) -> _Tokens:
    try:
        return msgspec.json.decode(body, type=_Tokens)
    except msgspec.DecodeError as error:
        raise BadCredentials("the answer to a token renewal was no token.", fix="Connect again.") from error


class OAuth:
    """An access token that expires, and the refresh token that makes the next one."""

    def __init__(self, credential: Credential, endpoint: str, renewed: Renewed | None = None) -> None:
        self._parts = dict(credential)
        self._endpoint = endpoint
        self._renewed = renewed
        self._lock = threading.Lock()

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._parts.get('access_token', '')}"}

    def secrets(self) -> tuple[str, ...]:
        names = ("access_token", "refresh_token", "client_secret")
        return tuple(self._parts[name] for name in names if self._parts.get(name))

    def renew(self, spent: Mapping[str, str], post: PostForm) -> bool:
        with self._lock:
            if dict(spent) != dict(self.headers()):
                return True  # another thread has renewed it meanwhile
            if not self._parts.get("refresh_token"):
                return False
            form = {
                "grant_type": "refresh_token",
                "refresh_token": self._parts["refresh_token"],
                "client_id": self._parts.get("client_id", ""),
                "client_secret": self._parts.get("client_secret", ""),
            }
            tokens = _decoded(post(self._endpoint, form))
            parts = {**self._parts, "access_token": tokens.access_token}
            if tokens.refresh_token:
                parts["refresh_token"] = tokens.refresh_token
            if self._renewed is not None:
                self._renewed(dict(parts))
            self._parts = parts
            return True

    def __repr__(self) -> str:
        return "OAuth(***)"
