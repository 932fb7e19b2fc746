"""The receiver: a Flask app that verifies a delivery, files it and answers. It never looks into one.

200 filed, or filed before    400 not what its content type says    401 not proven    404 no such connection
405 not a way to deliver      413 too large                         415 another content type    503 try again
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from flask import Blueprint, Flask, Request, Response
from flask.globals import request_ctx
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from connectors.hooks import Hooks
from connectors.signing import Delivery, Rule, doubt
from sync.inbox import Mail, key_of
from webhooks.counts import Counts
from webhooks.post import Overloaded, Post

_json = msgspec.json.Decoder(msgspec.Raw)

_LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class Door:
    """Where one connection's deliveries come in. `secrets` are those valid now: while one is changed, two."""

    connection: str
    hooks: Hooks
    secrets: Callable[[], Sequence[str]] = field(repr=False)
    old: bool = False  # its app is an old one, whose weaker proof is believed

    @property
    def rules(self) -> Sequence[Rule]:
        """The ways of proving that are believed here."""
        return (*self.hooks.rules, *self.hooks.old_rules) if self.old else self.hooks.rules


def create_app(
    doors: Mapping[str, Door],
    post: Post,
    counts: Counts,
    *,
    public: str = "",
    now: Callable[[], float] = time.time,
    pages: Sequence[Blueprint] = (),
) -> Flask:
    """The receiver, and *pages* beside it. *public* is where the platforms reach it, if a proxy stands in front."""
    app = Flask("regulars")
    app.config["MAX_CONTENT_LENGTH"] = max((door.hooks.limit for door in doors.values()), default=0)

    @app.route("/webhooks/<connection>", methods=["GET", "HEAD", "POST"])
    def receive(connection: str) -> Response:
        door = doors.get(connection)
        if door is None:
            counts.add("", "unknown")
            return _say(404, "There is no such connection here.")
        asked = request_ctx.request  # once: each look through the proxy costs
        outcome, answer = _take(asked, door, post, public, now())
        counts.add(connection, outcome)
        return answer

    for page in pages:
        app.register_blueprint(page)

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        return _say(error.code or 500, error.name)

    return app


def _take(asked: Request, door: Door, post: Post, public: str, now: float) -> tuple[str, Response]:
    """What becomes of one request at a door, in a word, and its answer."""
    hooks = door.hooks
    try:
        body = asked.get_data(cache=False)
    except RequestEntityTooLarge:
        return "too large", _say(413, f"At most {hooks.limit:,} bytes are taken.")
    if asked.method != "POST" or not body:
        if hooks.challenge is not None and hooks.challenge.answer in asked.args:
            answer = hooks.challenge.met(asked.args, door.secrets())
            if answer is None:
                return "forged", _say(401, "This is not the token that was agreed on.")
            return "greeting", Response(answer, 200, mimetype="text/plain")
        if hooks.greets:
            return "greeting", _say(200, "ok")
        return "no delivery", _say(405 if asked.method != "POST" else 400, "Deliver with POST.")
    if len(body) > hooks.limit:
        return "too large", _say(413, f"At most {hooks.limit:,} bytes are taken.")
    kind = asked.mimetype
    if kind not in hooks.types:
        return "wrong type", _say(415, f"Expected {' or '.join(hooks.types)}.")
    headers = _Headers(asked.environ)
    delivery = Delivery(asked.method, _address(asked, public), headers, body)
    why = doubt(door.rules, delivery, door.secrets(), now)
    if why is not None:
        return why.value, _say(401, "This delivery does not prove where it comes from.")
    if not _well_formed(kind, body):
        return "broken", _say(400, f"This is no {kind}.")
    key = headers.get(hooks.key, "")[:_LONGEST_KEY] if hooks.key else ""
    try:
        new = post.put(_mail(door, key, int(now * 1000), body))
    except Overloaded:
        return "overloaded", _say(503, "Not filed; send it again.", {"Retry-After": "10"})
    return ("filed" if new else "known"), _say(200, "ok")


def _mail(door: Door, key: str, at: int, body: bytes) -> Mail:
    hooks = door.hooks
    return Mail(door.connection, key or key_of(hooks.same(body)), at, body, hooks.may_withdraw(body))


class _Headers(Mapping[str, str]):
    """What was sent along, by lower-cased names: few are looked at, and so none is copied."""

    __slots__ = ("_environ",)

    def __init__(self, environ: Mapping[str, Any]) -> None:
        self._environ = environ

    def __getitem__(self, name: str) -> str:
        return str(self._environ["HTTP_" + name.upper().replace("-", "_")])

    def __iter__(self) -> Iterator[str]:
        return (name[5:].replace("_", "-").lower() for name in self._environ if name.startswith("HTTP_"))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _address(asked: Request, public: str) -> str:
    """The address as the platform called it, query and percent signs as they came."""
    environ = asked.environ
    raw = environ.get("REQUEST_URI") or environ.get("RAW_URI") or ""
    if not raw or "://" in raw:
        query = asked.query_string.decode("latin-1")
        raw = asked.path + (f"?{query}" if query else "")
    return (public.rstrip("/") or asked.host_url.rstrip("/")) + raw


def _well_formed(kind: str, body: bytes) -> bool:
    """Whether the body is at all what its content type says."""
    try:
        if kind.endswith("json"):
            if not body.isascii():
                body.decode("utf-8")  # the decoder passes over what stands in strings
            _json.decode(body)
        elif kind == "application/x-www-form-urlencoded":
            body.decode("utf-8")
            return all(b"=" in pair for pair in body.split(b"&"))
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False
    return True


def _say(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(text + "\n", status, dict(headers or {}), mimetype="text/plain")
