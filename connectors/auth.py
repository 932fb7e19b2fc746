"""Credentials on their way into a request. Nothing here is ever shown: each `repr` says ***.

A way of signing in is a value that a connector names: a token or key in a header, a key in the query, HTTP Basic, an
OAuth access that a person allowed, an OAuth access that an app gets by itself. `connectors.signing_in` says what people
are asked for, and `connectors.oauth` how they allow it.
"""

from __future__ import annotations

import base64
import hmac
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from connectors.errors import BadCredentials

Credential = Mapping[str, str]
"""The parts of a credential by name, as the vault keeps them."""

Renewed = Callable[[Credential], None]
"""Stores a renewed credential; called before the new one is first used, so that a crash never loses it."""


class PostForm(Protocol):
    """Posts a form without our credential and gives the body of a good answer."""

    def __call__(self, path: str, form: Mapping[str, str], headers: Mapping[str, str] = ..., /) -> bytes: ...


class Auth(ABC):
    """What signs a request in."""

    def headers(self) -> Mapping[str, str]:
        return {}

    def query(self) -> Sequence[tuple[str, str]]:
        """What the credential adds to the address, where the platform wants it there."""
        return ()

    @abstractmethod
    def secrets(self) -> tuple[str, ...]:
        """Every text that must not appear anywhere."""

    def renew(self, spent: Mapping[str, str], post: PostForm) -> bool:
        """Get a new credential after *spent* headers were refused; False where there is no way to."""
        return False

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"


class KeyHeader(Auth):
    """A key in a header of its own; *scheme* stands before it, as in `Authorization: Token token=…`."""

    def __init__(self, key: str, header: str, scheme: str = "") -> None:
        self._key, self._header, self._scheme = key, header, scheme

    def headers(self) -> Mapping[str, str]:
        return {self._header: self._scheme + self._key}

    def secrets(self) -> tuple[str, ...]:
        return (self._key,)


class KeyQuery(Auth):
    """A key in the address's query, where the platform takes it nowhere else."""

    def __init__(self, key: str, parameter: str) -> None:
        self._key, self._parameter = key, parameter

    def query(self) -> Sequence[tuple[str, str]]:
        return ((self._parameter, self._key),)

    def secrets(self) -> tuple[str, ...]:
        return (self._key,)


class Bearer(KeyHeader):
    """A token that a person made; it is not renewed."""

    def __init__(self, token: str) -> None:
        super().__init__(token, "Authorization", "Bearer ")


class ProvenBearer(Bearer):
    """A token, and in the query a proof that whoever sends it knows the app's secret: the token's keyed hash."""

    def __init__(self, token: str, secret: str, parameter: str) -> None:
        super().__init__(token)
        self._secret, self._parameter = secret, parameter
        self._proof = hmac.digest(secret.encode(), token.encode(), "sha256").hex()

    def query(self) -> Sequence[tuple[str, str]]:
        return ((self._parameter, self._proof),)

    def secrets(self) -> tuple[str, ...]:
        return (*super().secrets(), self._secret, self._proof)


class Basic(Auth):
    """A key sent as the password of HTTP Basic, under any user name."""

    def __init__(self, key: str, user: str = "regulars") -> None:
        self._key = key
        self._basic = basic(user, key)

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Basic {self._basic}"}

    def secrets(self) -> tuple[str, ...]:
        return (self._key, self._basic)


def basic(user: str, key: str) -> str:
    """User and password as HTTP Basic spells them."""
    return base64.b64encode(f"{user}:{key}".encode()).decode()


class _Tokens(msgspec.Struct):
    access_token: str
    refresh_token: str = ""


_tokens = msgspec.json.Decoder(_Tokens)
_texts = msgspec.json.Decoder(dict[str, Any])


class _Renewing(Auth):
    """A token that expires, and a way to the next one. Threads that were refused with the same token renew it once."""

    def __init__(
        self,
        credential: Credential,
        endpoint: str,
        renewed: Renewed | None = None,
        *,
        in_header: bool = False,
        keeps: Sequence[str] = (),
    ) -> None:
        """*in_header*: the app proves itself by HTTP Basic, not in the form. *keeps* are further parts of an answer
        that belong to the credential, such as the account's own address."""
        self._parts = dict(credential)
        self._endpoint = endpoint
        self._renewed = renewed
        self._in_header = in_header
        self._keeps = tuple(keeps)
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
            form = self._form()
            if form is None:
                return False
            parts = self._parts | token_parts(
                post(self._endpoint, *proven(form, self._parts, in_header=self._in_header)), self._keeps
            )
            if self._renewed is not None:
                self._renewed(dict(parts))  # first: a refresh token that holds once is spent by now
            self._parts = parts
            return True

    @abstractmethod
    def _form(self) -> dict[str, str] | None:
        """What is asked for a new token with; None where there is nothing to ask with."""


class OAuth(_Renewing):
    """An access token that expires, and the refresh token that makes the next one."""

    def _form(self) -> dict[str, str] | None:
        if not self._parts.get("refresh_token"):
            return None
        return {"grant_type": "refresh_token", "refresh_token": self._parts["refresh_token"]}


class ClientCredentials(_Renewing):
    """An app that signs in as itself: its id and secret make a token whenever there is none that holds. The first call
    is refused and brings one."""

    def __init__(self, credential: Credential, endpoint: str, renewed: Renewed | None = None, **more: Any) -> None:
        self._scope = str(more.pop("scope", ""))
        super().__init__(credential, endpoint, renewed, **more)

    def _form(self) -> dict[str, str] | None:
        return {"grant_type": "client_credentials", **({"scope": self._scope} if self._scope else {})}


def proven(form: Mapping[str, str], app: Credential, *, in_header: bool) -> tuple[dict[str, str], dict[str, str]]:
    """The form with what proves the app, and the headers with what does."""
    identity, secret = app.get("client_id", ""), app.get("client_secret", "")
    if in_header:
        return dict(form), {"Authorization": f"Basic {basic(identity, secret)}"}
    return {**form, "client_id": identity, "client_secret": secret}, {}


def token_parts(answer: bytes, keeps: Sequence[str] = ()) -> dict[str, str]:
    """The parts of a credential that a token endpoint gave. Raises BadCredentials where it gave no token."""
    try:
        tokens, everything = _tokens.decode(answer), _texts.decode(answer)
    except msgspec.DecodeError as error:
        raise BadCredentials("the answer to a token renewal was no token.", fix="Connect again.") from error
    parts = {"access_token": tokens.access_token}
    if tokens.refresh_token:
        parts["refresh_token"] = tokens.refresh_token
    return parts | {name: str(everything[name]) for name in keeps if everything.get(name)}
