"""Mistakes of whoever calls the API, as problem documents (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from flask import Response

KIND = "application/problem+json"


class Problem(Exception):
    """What was wrong, what was expected."""

    def __init__(self, status: int, title: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail = status, title, detail
        self.headers = dict(headers or {})

    def answer(self) -> Response:
        document = {"type": "about:blank", "title": self.title, "status": self.status, "detail": self.detail}
        return Response(msgspec.json.encode(document), self.status, self.headers, content_type=KIND)
