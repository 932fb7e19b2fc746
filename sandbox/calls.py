"""A call of an emulated platform and its answer: what comes in, what goes back, and the operations that there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson
from flask import Response
from werkzeug.datastructures import Headers
from werkzeug.routing import Rule
from werkzeug.routing.rules import RulePart

from sandbox.faults import SIMPLE_KINDS, Fault


class ConnectionDropped(ConnectionError):
    """The line went dead: raised out of the WSGI call in process, a cut connection over a socket."""


class AnswerTimedOut(ConnectionDropped):
    """The answer would come *seconds* later than the caller, in process, can wait for."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer within {seconds:g} seconds")
        self.seconds = seconds


class Answer(NamedTuple):
    """What goes back: *body* is bytes as they stand, ``None`` for nothing, else an object for JSON."""

    status: int
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()


class Stop(Exception):
    """Ends a handler at once with the vendor's own answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.status}: {answer.body!r}")
        self.answer = answer


@dataclass(slots=True)
class Call:
    """One request, taken apart once."""

    method: str
    path: str
    template: str
    args: Mapping[str, str]
    query: Mapping[str, list[str]]
    headers: Headers
    raw: bytes
    now: datetime
    in_flight: int = 1
    fault: Fault | None = None  # a `partial` or `page_shift` that the handler itself must act out
    token: str = ""
    notes: dict[str, Any] = field(default_factory=dict)  # an emulator's own, between its hooks

    def one(self, name: str, default: str = "") -> str:
        """The last value given for a query parameter."""
        values = self.query.get(name)
        return values[-1] if values else default

    def many(self, name: str) -> list[str]:
        """All values of a query parameter, given repeatedly or with commas."""
        return [part for value in self.query.get(name, ()) for part in value.split(",") if part]

    def has_fault(self, kind: str) -> bool:
        return self.fault is not None and self.fault.kind == kind


Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of the vendor: how it is reached, what it understands, which faults it can act out."""

    method: str
    template: str
    handler: Handler
    query: frozenset[str] = frozenset()
    write: bool = False
    able: frozenset[str] = SIMPLE_KINDS
    traits: Mapping[str, Any] = field(default_factory=dict)  # an emulator's own: scopes, quota family

    def key(self, args: Mapping[str, str]) -> tuple[str, str]:
        """What the counters call it; the trait ``named`` is a part of the path that is told apart."""
        named = self.traits.get("named")
        if named is None or named not in args:
            return self.method, self.template
        return self.method, self.template.replace(f"<{named}>", args[named])


class MatchingRule(Rule):
    """A route that is only matched, never built: Werkzeug's code for building takes nine tenths of a start.

    Tests start thousands of emulators. Where Werkzeug drops the method this has no effect.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        return lambda *_, **__: ("", "")

    def _parse_rule(self, rule: str) -> Iterable[RulePart]:
        """Take a template apart once: its parts are the same for all emulators of this process."""
        known = _PARSED.get(rule)
        if known is None:
            before = len(self._trace)
            parts = list(super()._parse_rule(rule))
            known = _PARSED[rule] = parts, self._trace[before:], dict(self._converters)
            return parts
        parts, trace, converters = known
        self._trace += trace
        self._converters.update(converters)
        self.arguments.update(converters)
        return parts


_PARSED: dict[str, tuple[list[RulePart], list[tuple[bool, str]], dict[str, Any]]] = {}


def utc(milliseconds: int) -> datetime:
    """The moment that lies *milliseconds* after the epoch."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def response(answer: Answer) -> Response:
    """What Flask sends."""
    status, body, headers = answer
    if body is None:
        return Response(status=status, headers=list(headers))
    if isinstance(body, bytes):
        given = any(name.lower() == "content-type" for name, _ in headers)
        kind = None if given else "application/json"
        return Response(body, status=status, headers=list(headers), content_type=kind)
    return Response(
        orjson.dumps(body),
        status=status,
        headers=list(headers),
        content_type="application/json",
    )
