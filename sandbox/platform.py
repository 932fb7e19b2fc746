"""What every emulated platform shares: a clock, faults on request, and the one door all calls come in by.

An emulator is a small Flask application over Python objects, read from its vendor's documents.
It imports nothing from the rooms that it checks: shared code would share the mistake.
It refuses what it does not know (501, and a line in ``refused``), because a stand-in that says yes proves
nothing.

`Emulator._enter` is the door: each vendor call passes auth, quota, faults and counters there and nowhere else.
The ``/_sandbox/...`` routes (`sandbox.control`) are not part of any vendor's API and are never counted.
"""

from __future__ import annotations

import pickle
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from sandbox.calls import (
    Answer,
    AnswerTimedOut,
    Call,
    ConnectionDropped,
    Handler,
    MatchingRule,
    Route,
    Stop,
    response,
    utc,
)
from sandbox.clock import Clock, SimClock
from sandbox.control import add_control_routes
from sandbox.faults import (
    BATCH_KINDS,
    LISTING_KINDS,
    SIMPLE_KINDS,
    Fault,
    Faults,
    Rewrite,
    Unknown,
)
from sandbox.webhooks import Mailroom, Outbox
from sandbox.webhooks_postman import Postman

__all__ = [
    "Answer",
    "AnswerTimedOut",
    "Call",
    "Clock",
    "ConnectionDropped",
    "Emulator",
    "Fault",
    "Faults",
    "Handler",
    "Rewrite",
    "Route",
    "SimClock",
    "State",
    "Stop",
    "Unknown",
    "utc",
]

OVER_SOCKET = "sandbox.over_socket"  # set in the WSGI environ by `sandbox.server`


@dataclass
class State:
    """All that an emulator remembers of its platform; pickled whole by `Emulator.snapshot`."""

    later: list[tuple[datetime, tuple[Any, ...]]] = field(default_factory=list)
    outbox: Outbox = field(default_factory=Outbox)


class Emulator(ABC):
    """One vendor's API over `state`, with faults, quotas and counters.

    A subclass registers its operations with `route`, answers in the vendor's words in `authenticate`,
    `spend`, `too_many`, `broken` and `malformed`, and offers ``human_*`` methods for what a person does
    in the product.
    """

    name: str = ""
    mailroom: Mailroom  # what a subclass makes of its vendor's webhooks
    postman: Postman

    def __init__(self, state: State, *, clock: Clock | None = None, quotas: bool = True) -> None:
        self.state: Any = state
        self.clock = clock or Clock()
        self.quotas = quotas
        self.faults = Faults()
        self.late_index = 0.0
        self.rewrites: dict[str, Rewrite] = {}
        self.refused: list[str] = []
        self.calls: Counter[tuple[str, str]] = Counter()
        self.writes: Counter[tuple[str, str]] = Counter()
        self.lock = threading.RLock()
        self._in_flight = 0
        self._gate = threading.Lock()
        self.app = self._new_app()

    # -- what a subclass says ------------------------------------------------------------------

    @abstractmethod
    def authenticate(self, call: Call, route: Route) -> Answer | None:
        """The vendor's refusal of this credential, or ``None`` to let the call in."""

    def spend(self, call: Call, route: Route) -> Answer | None:
        """Take the call out of the vendor's quotas (only asked while `quotas` is on)."""
        return None

    def headers(self, call: Call, route: Route) -> tuple[tuple[str, str], ...]:
        """Headers for each answer, such as the quota left."""
        return ()

    @abstractmethod
    def too_many(self, retry_after: float | None = None) -> Answer:
        """The vendor's 429."""

    @abstractmethod
    def broken(self, status: int = 500) -> Answer:
        """The vendor's 5xx."""

    @abstractmethod
    def malformed(self, message: str) -> Answer:
        """The vendor's answer to a body that is not JSON, or not of the right shape."""

    def do_later(self, what: tuple[Any, ...], now: datetime) -> None:
        """Carry out what `later` filed."""

    def dump(self) -> Iterator[dict[str, Any]]:
        """The whole state as plain records, for checks from outside."""
        return iter(())

    def restored(self) -> None:
        """Forget whatever was derived from the state that `restore` has just replaced."""

    # -- what a subclass uses ------------------------------------------------------------------

    def route(
        self,
        method: str,
        template: str,
        handler: Handler,
        *,
        query: Collection[str] = (),
        write: bool = False,
        batch: bool = False,
        listing: bool = False,
        **traits: Any,
    ) -> None:
        """Answer *method* on *template* (Flask's ``/a/<b>``) with *handler*.

        *query* names the parameters it understands; *batch* says that the handler acts out ``partial``,
        *listing* that it acts out ``page_shift``.
        """
        able = SIMPLE_KINDS | (BATCH_KINDS if batch else set()) | (LISTING_KINDS if listing else set())
        known = Route(method, template, handler, frozenset(query), write, frozenset(able), traits)
        self.app.add_url_rule(
            template,
            endpoint=f"{method} {template}",
            view_func=lambda **args: self._enter(known, args),
            methods=[method],
            provide_automatic_options=False,
        )

    def body(self, call: Call, known: Collection[str] | None = None) -> Any:
        """The decoded JSON body; fields outside *known* are refused."""
        try:
            decoded = orjson.loads(call.raw)
        except orjson.JSONDecodeError as error:
            raise Stop(self.malformed(str(error))) from None
        if known is not None:
            if not isinstance(decoded, dict):
                raise Stop(self.malformed("the body must be an object"))
            self.only(decoded, known, call.template)
        return decoded

    def only(self, given: Mapping[str, Any], known: Collection[str], where: str) -> None:
        """Refuse fields that the sandbox does not know."""
        strange = [name for name in given if name not in known]
        if strange:
            raise Unknown(f"field {', '.join(strange)} of {where}")

    def later(self, due: datetime, *what: Any) -> None:
        """Have `do_later` called with *what* by the first call at or after *due*."""
        self.state.later.append((due, what))

    def do_due(self, now: datetime) -> None:
        """Carry out all that has fallen due; also called before a dump."""
        if not self.state.later:
            return
        due = sorted(
            (entry for entry in self.state.later if entry[0] <= now),
            key=lambda entry: entry[0],
        )
        self.state.later = [entry for entry in self.state.later if entry[0] > now]
        for when, what in due:
            self.do_later(what, when)

    def rewritten(self, name: str, value: Any, *, by_person: bool = False) -> Any:
        """What the platform makes at once of a written value (see `rewrite_later` for the slow ones)."""
        rewrite = self.rewrites.get(name)
        if rewrite is None or rewrite.delay or (by_person and not rewrite.people):
            return value
        return rewrite.apply(value) if isinstance(value, str) else value

    def rewrite_later(self, name: str, now: datetime, *what: Any, by_person: bool = False) -> None:
        """File a slow rewrite of *name*, if one is set; `do_later` gets *what*."""
        rewrite = self.rewrites.get(name)
        if rewrite is not None and rewrite.delay and (rewrite.people or not by_person):
            self.later(now + rewrite.wait, *what)

    # -- what a test uses ----------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """The platform's data at this moment. Faults, quota windows, counters and clock stay outside."""
        with self.lock:
            return pickle.dumps(self.state, protocol=pickle.HIGHEST_PROTOCOL)

    def restore(self, snapshot: bytes) -> None:
        with self.lock:
            self.state = pickle.loads(snapshot)  # noqa: S301 - our own bytes, from `snapshot`
            self.restored()

    def human(self, action: str, arguments: Mapping[str, Any]) -> Any:
        """Do by name what a person does in the product (``human_<action>``)."""
        method = getattr(self, f"human_{action}", None)
        if method is None:
            raise Unknown(f"the human action {action}")
        with self.lock:
            return method(**arguments)

    # -- the door ------------------------------------------------------------------------------

    def _new_app(self) -> Flask:
        app = Flask(f"sandbox.{self.name}", static_folder=None)
        app.config["PROPAGATE_EXCEPTIONS"] = True  # a dropped connection leaves the WSGI call as an exception
        app.url_rule_class = MatchingRule
        app.url_map.merge_slashes = False
        app.register_error_handler(HTTPException, self._unknown_path)
        add_control_routes(app, self)
        return app

    def _unknown_path(self, error: HTTPException) -> Response:
        if request.path.startswith("/_sandbox"):
            return response(Answer(error.code or 500, {"message": error.description}))
        return response(self._refuse(f"{request.method} {request.path}"))

    def _enter(self, route: Route, args: Mapping[str, str]) -> Response:
        with self._gate:
            self._in_flight += 1
            in_flight = self._in_flight
        try:
            answer, delay = self._answer(route, args, in_flight)
            if delay:
                self._wait(delay)  # a request whose answer is held back is still being carried out
        finally:
            with self._gate:
                self._in_flight -= 1
        return response(answer)

    def _wait(self, seconds: float) -> None:
        if request.environ.get(OVER_SOCKET):
            Clock().sleep(seconds)
            return
        self.clock.sleep(seconds)
        raise AnswerTimedOut(seconds)

    def _answer(self, route: Route, args: Mapping[str, str], in_flight: int) -> tuple[Answer, float]:
        """The answer, and the seconds by which it is held back."""
        if request.method != route.method:  # Werkzeug adds HEAD to every GET
            return self._refuse(f"{request.method} {request.path}"), 0.0
        text = request.query_string.decode("ascii", "replace")
        query = parse_qs(text, keep_blank_values=True) if text else {}
        raw = request.get_data(cache=False)
        with self.lock:
            now = self.clock()
            self.do_due(now)
            call = Call(route.method, request.path, route.template, args, query, request.headers, raw, now, in_flight)
            self.calls[route.key(args)] += 1
            fault = self.faults.take(call.method, call.path, route.able)
            if fault is None:
                return self._carry_out(route, call), 0.0
            if (answer := self._before(fault)) is not None:
                return answer, 0.0
            call.fault = fault
            answer = self._carry_out(route, call)
            if fault.kind == "answer_twice":
                answer = self._carry_out(route, call)
            return self._after(fault, answer)

    def _before(self, fault: Fault) -> Answer | None:
        """Faults that keep the call from having any effect."""
        match fault.kind:
            case "rate_limit":
                return self.too_many(fault.args.get("retry_after"))
            case "error_before":
                return self.broken(int(fault.args.get("status", 500)))
            case "html":
                page = b"<html><head><title>Bad gateway</title></head><body>Bad gateway</body></html>"
                return Answer(int(fault.args.get("status", 502)), page, (("Content-Type", "text/html"),))
            case "lost_request":
                raise ConnectionDropped("the connection was dropped before the request arrived")
        return None

    def _after(self, fault: Fault, answer: Answer) -> tuple[Answer, float]:
        """Faults that come after the effect."""
        match fault.kind:
            case "error_after":
                return self.broken(int(fault.args.get("status", 500))), 0.0
            case "lost_answer":
                raise ConnectionDropped("the connection was dropped before the answer was sent")
            case "timeout_after":
                return answer, float(fault.args.get("seconds", 30.0))
        return answer, 0.0

    def _carry_out(self, route: Route, call: Call) -> Answer:
        try:
            answer = self.authenticate(call, route)
            if answer is None and self.quotas:
                answer = self.spend(call, route)
            if answer is None:
                answer = self._handle(route, call)
        except Stop as stop:
            answer = stop.answer
        except Unknown as unknown:
            return self._refuse(f"{unknown} ({call.method} {call.path})")
        extra = self.headers(call, route)
        return answer._replace(headers=answer.headers + extra) if extra else answer

    def _handle(self, route: Route, call: Call) -> Answer:
        strange = [name for name in call.query if name not in route.query]
        if strange:
            raise Unknown(f"query parameter {', '.join(strange)}")
        if route.write:
            self.writes[route.key(call.args)] += 1
        return route.handler(call)

    def _refuse(self, what: str) -> Answer:
        self.refused.append(what)
        return Answer(501, {"message": f"the sandbox does not know {what}"})
