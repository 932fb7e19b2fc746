"""One call on its way out: its address, its body and headers, and what may be done with it when it fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

Query = Sequence[tuple[str, Any]]


@dataclass(frozen=True, slots=True)
class Call:
    """A request without its credential. `operation` is what it is counted and named as, `lane` whose pace it keeps."""

    method: str
    url: str
    body: bytes | None
    headers: Mapping[str, str]
    idempotent: bool
    operation: str
    lane: str
    wants_json: bool
    anonymous: bool


def address(url: str, query: Query) -> str:
    """*url* with its query, names and values quoted."""
    if not query:
        return url
    mark = "&" if "?" in url else "?"
    return f"{url}{mark}{'&'.join([f'{_quoted(name)}={_quoted(_query_text(value))}' for name, value in query])}"


def content(json: bytes | None, form: Mapping[str, str] | None) -> tuple[bytes | None, dict[str, str]]:
    """The body of a call, and the headers that say what it is."""
    if form is not None:
        return urlencode(form).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    return json, {} if json is None else {"Content-Type": "application/json"}


@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    return quote(text, safe="")


def _query_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
