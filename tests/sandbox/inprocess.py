"""Calls an emulator in process, without a socket."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from werkzeug.datastructures import Headers
from werkzeug.test import Client

from sandbox.hubspot import HubSpotSandbox

TOKEN = "sandbox-hubspot-demo"

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, with its body decoded where it is JSON."""

    status_code: int
    json: Any
    headers: Headers
    data: bytes


def call(box: HubSpotSandbox | Wsgi, method: str, path: str, body: Any = None, token: str = TOKEN) -> Reply:
    """One call with a token, on a box or on its application inside a middleware."""
    headers = {"Authorization": f"Bearer {token}"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    raw = None if body is None else orjson.dumps(body)
    return _open(box, method, path, raw, headers)


def form(box: HubSpotSandbox, path: str, fields: Mapping[str, str]) -> Reply:
    """One posted form, without a token."""
    return _open(box, "POST", path, dict(fields), {})


def control(box: HubSpotSandbox, method: str, name: str, body: Any = None) -> Reply:
    """One call of the sandbox's own routes."""
    raw = None if body is None else orjson.dumps(body)
    return _open(box, method, f"/_sandbox/{name}", raw, {"Content-Type": "application/json"})


def _open(box: HubSpotSandbox | Wsgi, method: str, path: str, data: Any, headers: dict[str, str]) -> Reply:
    app: Any = box.app if isinstance(box, HubSpotSandbox) else box
    found = Client(app).open(path, method=method, data=data, headers=headers)
    decoded = orjson.loads(found.data) if found.data and found.mimetype == "application/json" else None
    return Reply(found.status_code, decoded, found.headers, found.data)
