"""What `serve` and `worker` say as they run: lines for people, or one JSON document a line for programs.

All of it goes through the standard library's logging under the name `regulars`, and comes out without secrets. Whoever
logs gives numbers and ids as `extra={"fields": {...}}`; the message is the same in words.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from rich.markup import escape
from rich.text import Text

from regulars.session import Session
from regulars.trouble import REDACT
from regulars.words import count
from sync.balance import Balance

LOGGER = logging.getLogger("regulars")

LISTED = 50
"""How many deliveries one line names at most."""


class Form(StrEnum):
    """How lines are written."""

    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Told:
    """A run that ended: what it did (heard, looked), in numbers and in one line."""

    what: str
    balance: Balance

    def __str__(self) -> str:
        balance = self.balance
        read = sum(one.pulled for one in balance.connections.values())
        written = sum(one.applied for one in balance.connections.values())
        parts = [f"run {balance.run} {self.what}: {count(read, 'record')} read, {count(written, 'write')}"]
        parts += [str(stop) for stop in balance.stops]
        parts += list(balance.failures.values())
        return "; ".join(parts) + f" ({balance.seconds:.1f} s)"

    def fields(self) -> dict[str, Any]:
        """The same for programs. Connections of which there is nothing to say are left out."""
        balance = self.balance
        names = ("pulled", "new", "changed", "gone", "refused", "applied", "held", "pending", "refused_writes")
        each = {
            name: {key: number for key in names if (number := getattr(one, key))}
            for name, one in balance.connections.items()
        }
        return {
            "event": f"run.{self.what}",
            "run": balance.run,
            "connections": {name: counts for name, counts in each.items() if counts},
            "people": balance.people,
            "stops": [
                {"connection": one.connection, "brake": one.brake.value, "size": one.size} for one in balance.stops
            ],
            "failures": dict(balance.failures),
            "seconds": round(balance.seconds, 3),
        }


def begin(here: Session, form: Form) -> None:
    """From now on, lines have this form; in JSON that is also so for what a command says by the way."""
    handler: logging.Handler = _Json() if form is Form.JSON else _Lines(here)
    LOGGER.handlers[:] = [handler]
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False
    others = logging.getLogger()  # libraries: only what is wrong
    others.handlers[:] = [handler]
    others.setLevel(logging.WARNING)
    here.heard = _said if form is Form.JSON else None


def _said(level: str, text: str) -> None:
    LOGGER.log(logging.getLevelNamesMapping()[level.upper()], "%s", Text.from_markup(text).plain)


def ended(told: Told, deliveries: list[int]) -> None:
    """A run of `serve` has ended; it looked at what these *deliveries* named."""
    wrong = told.balance.stops or told.balance.failures
    named = {"deliveries": deliveries[:LISTED], "delivery_count": len(deliveries)} if deliveries else {}
    fields = {**told.fields(), **named}
    LOGGER.log(logging.WARNING if wrong else logging.INFO, "%s", told, extra={"fields": fields})


class _Lines(logging.Handler):
    """The words, where the command speaks; what is wrong, where it complains."""

    def __init__(self, here: Session) -> None:
        super().__init__()
        self._here = here

    def emit(self, record: logging.LogRecord) -> None:
        text = escape(REDACT.clean(record.getMessage()))
        if record.levelno >= logging.ERROR or not record.name.startswith(LOGGER.name):
            self._here.note(f"[bad]{text}[/]")
        else:
            self._here.say(text)


class _Json(logging.Handler):
    """A document a line, on standard output."""

    def emit(self, record: logging.LogRecord) -> None:
        fields = getattr(record, "fields", {})
        document = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": "said",
            "text": record.getMessage(),
            **fields,
        }
        if not record.name.startswith(LOGGER.name):
            document["event"], document["logger"] = "library", record.name
        if record.exc_info:
            document["trace"] = "".join(traceback.format_exception(*record.exc_info))
        sys.stdout.write(json.dumps(_clean(document), ensure_ascii=False, default=str) + "\n")
        sys.stdout.flush()


def _clean(value: Any) -> Any:
    """A document without secrets, however deep they lie."""
    match value:
        case str():
            return REDACT.clean(value)
        case dict():
            return {_clean(key): _clean(one) for key, one in value.items()}
        case list() | tuple():
            return [_clean(one) for one in value]
    return value
