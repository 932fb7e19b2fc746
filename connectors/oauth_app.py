"""An app that somebody may allow to act for them, as a value: where they are asked, and where its tokens come from."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Tells:
    """Where a platform tells something that belongs to the credential beside its tokens: *part* stands at *path* of
    what *url* answers, asked with *scheme* and the access token."""

    part: str
    url: str
    path: str
    scheme: str = "Bearer"


@dataclass(frozen=True, slots=True)
class OAuthApp:
    """An app that people allow to act for them (`connectors.oauth` asks them), and where its tokens come from.

    *in_header*: the app proves itself by HTTP Basic at the token's address. *keeps* are further parts of the answer
    that belong to the credential. *pkce*: the platform takes a proof key. Of *optional* scopes it gives those that the
    account has.
    """

    authorize: str
    token: str
    scopes: tuple[str, ...] = ()
    in_header: bool = False
    keeps: tuple[str, ...] = ()
    pkce: bool = False
    between: str = " "
    optional: tuple[str, ...] = ()
    tells: Tells | None = None


def endpoint(url: str, base: str) -> str:
    """*url*, or where the sandbox at *base* has it: under the same path."""
    return base.rstrip("/") + urlsplit(url).path if base else url
