"""The sandbox's own routes, ``/_sandbox/...``: faults, edits by a person, time, counters, the whole state.

They are no part of any vendor's API, need no credential and are never counted.

====================  ========================================================================
GET  healthy          the emulator's name
GET  state            every record, one JSON object a line
GET  calls            counters: calls, writes, refused, faults seen
POST calls            ``{"reset": true}`` sets the counters back to zero
POST faults           ``{"kind": ..., "times": ...}``, or ``{"clear": true}``
POST settings         ``{"late_index": 5, "rewrites": {"city": "lower"}, "quotas": false}``; ``{"proxy": {...}}``:
                      public addresses of listeners, and where they are on this machine (see `webhooks_wire`)
POST edit             ``{"action": "update", "arguments": {...}}``: what a person does in the product
POST clock            ``{"advance": seconds}`` (needs a SimClock)
GET  webhooks         what waits to be told, what was sent and how
POST webhooks         tricks, ``{"lost": 0.1, "seed": 4}`` (see `webhooks_mischief`); ``{}``: none any more
POST webhooks/step    deliver what is due now
====================  ========================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import orjson
from flask import Flask, Response, request

from sandbox.faults import Rewrite, Unknown
from sandbox.webhooks_mischief import mischief_of

if TYPE_CHECKING:
    from sandbox.platform import Emulator

CHUNK = 500


def add_control_routes(app: Flask, emulator: Emulator) -> None:
    """Hang the routes into *app*."""
    routes: dict[str, tuple[str, Callable[[Emulator], Any]]] = {
        "GET healthy": ("healthy", lambda e: {"name": e.name, "healthy": True}),
        "GET state": ("state", _state),
        "GET calls": ("calls", _counters),
        "POST calls": ("calls", _reset),
        "POST faults": ("faults", _faults),
        "POST settings": ("settings", _settings),
        "POST edit": ("edit", _edit),
        "POST clock": ("clock", _clock),
        "GET webhooks": ("webhooks", lambda e: e.postman.summary()),
        "POST webhooks": ("webhooks", _mischief),
        "POST webhooks/step": ("webhooks/step", lambda e: {"delivered": len(e.postman.step())}),
    }
    for key, (path, act) in routes.items():
        app.add_url_rule(
            f"/_sandbox/{path}",
            endpoint=f"_sandbox {key}",
            view_func=lambda act=act: _view(emulator, act),
            methods=[key.split()[0]],
        )


def _view(emulator: Emulator, act: Callable[[Emulator], Any]) -> Response:
    try:
        result = act(emulator)
    except (
        LookupError,
        TypeError,
        ValueError,
        Unknown,
    ) as error:  # the tester's own mistake
        return Response(orjson.dumps({"message": f"{type(error).__name__}: {error}"}), 400)
    if isinstance(result, Response):
        return result
    return Response(orjson.dumps(result), content_type="application/json")


def _body() -> dict[str, Any]:
    decoded = orjson.loads(request.get_data() or b"{}")
    if not isinstance(decoded, dict):
        raise TypeError("the body must be an object")
    return decoded


def _state(emulator: Emulator) -> Response:
    def lines() -> Iterator[bytes]:
        chunk: list[bytes] = []
        with emulator.lock:
            emulator.do_due(emulator.clock())
            for record in emulator.dump():
                chunk.append(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
                if len(chunk) == CHUNK:
                    yield b"".join(chunk)
                    chunk.clear()
        yield b"".join(chunk)

    return Response(lines(), content_type="application/x-ndjson")


def _counters(emulator: Emulator) -> dict[str, Any]:
    return {
        "calls": {" ".join(key): count for key, count in emulator.calls.items()},
        "writes": {" ".join(key): count for key, count in emulator.writes.items()},
        "refused": emulator.refused,
        "faults": dict(emulator.faults.seen),
    }


def _reset(emulator: Emulator) -> dict[str, Any]:
    if _body() != {"reset": True}:
        raise ValueError('say {"reset": true}')
    emulator.calls.clear()
    emulator.writes.clear()
    emulator.refused.clear()
    emulator.faults.seen.clear()
    return {"reset": True}


def _faults(emulator: Emulator) -> dict[str, Any]:
    body = _body()
    if body.pop("clear", False):
        emulator.faults.clear()
    if "rate" in body:
        emulator.faults.random(**body)
    elif body:
        emulator.faults.add(**body)
    return {"waiting": len(emulator.faults.waiting)}


def _settings(emulator: Emulator) -> dict[str, Any]:
    body = _body()
    for name, value in body.items():
        if name == "late_index":
            emulator.late_index = float(value)
        elif name == "quotas":
            emulator.quotas = bool(value)
        elif name == "rewrites":
            emulator.rewrites = {key: _rewrite(rule) for key, rule in value.items()}
        elif name == "proxy":
            emulator.mailroom.wire.lead(value)
        else:
            raise ValueError(f"no such setting: {name}")
    return body


def _rewrite(rule: str | dict[str, Any]) -> Rewrite:
    return Rewrite(rule) if isinstance(rule, str) else Rewrite(**rule)


def _edit(emulator: Emulator) -> dict[str, Any]:
    body = _body()
    return {"result": emulator.human(body["action"], body.get("arguments", {}))}


def _mischief(emulator: Emulator) -> dict[str, Any]:
    settings = _body()
    emulator.postman.mischief = mischief_of(settings)
    return settings


def _clock(emulator: Emulator) -> dict[str, Any]:
    emulator.clock.advance(float(_body()["advance"]))
    return {"now": emulator.clock().isoformat()}
