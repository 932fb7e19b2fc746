"""What watches us may ask: alive, ready, and numbers in Prometheus's text form. No number names a person."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from flask import Blueprint, Response

from sync import inbox
from sync.store.database import Database
from sync.store.errors import StoreError
from webhooks.counts import Counts


@dataclass(frozen=True, slots=True)
class Metric:
    """One number with its labels: (label, value) pairs."""

    name: str
    help: str
    kind: str
    samples: Iterable[tuple[Mapping[str, str], float]]


def create_health(database: Database, counts: Counts, more: Callable[[], Iterable[Metric]] = tuple) -> Blueprint:
    """`/healthz` (the process answers), `/readyz` (and its store does), `/metrics`."""
    pages = Blueprint("health", __name__)

    @pages.get("/healthz")
    def alive() -> Response:
        return _text("ok\n")

    @pages.get("/readyz")
    def ready() -> Response:
        try:
            with database.read() as conn:
                inbox.connections_waiting(conn)
        except StoreError:
            return _text("the store does not answer\n", 503)
        return _text("ok\n")

    @pages.get("/metrics")
    def metrics() -> Response:
        with database.read() as conn:
            filed = inbox.counts(conn)
        found = [
            Metric(
                "regulars_deliveries_total",
                "Requests at the webhook addresses since the start, by what became of them.",
                "counter",
                [({"connection": name, "outcome": outcome}, n) for (name, outcome), n in sorted(counts.items())],
            ),
            Metric(
                "regulars_inbox",
                "Deliveries in the inbox.",
                "gauge",
                [({"connection": c, "state": s}, n) for c, by in sorted(filed.items()) for s, n in by.items()],
            ),
            *more(),
        ]
        return _text("".join(map(_lines, found)), kind="text/plain; version=0.0.4; charset=utf-8")

    return pages


def _lines(metric: Metric) -> str:
    lines = [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]
    for labels, value in metric.samples:
        inner = ",".join(f'{name}="{_quoted(text)}"' for name, text in labels.items())
        lines.append(f"{metric.name}{{{inner}}} {value:g}" if inner else f"{metric.name} {value:g}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _text(text: str, status: int = 200, kind: str = "text/plain; charset=utf-8") -> Response:
    return Response(text, status, content_type=kind)
