"""The events that others can hear of: what each says, with a sample. Pure.

An event carries our ids, the names of what changed and our own fields; never a platform's raw record, a note or a
credential.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from mapping.model import Millis


class Event(NamedTuple):
    """Something that happened. `key` names what it is about, so that the same has the same id whoever derives it."""

    kind: str
    key: tuple[str | int, ...]
    data: Mapping[str, Any]

    @property
    def id(self) -> str:
        """What a listener knows it by, however often it comes."""
        text = "\0".join(str(part) for part in (self.kind, *self.key))
        return f"evt_{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}"


class Told(NamedTuple):
    """What one kind of event tells, and how it looks."""

    says: str
    sample: Mapping[str, Any]


_ANN = "p_6f1d2c3b4a5968778695"
_AT = "2026-09-21T14:13:20.000Z"
_FIELDS = {"given_name": "Ann", "family_name": "Example", "phone": "+4930123456"}

KINDS: Mapping[str, Told] = {
    "person.created": Told(
        "somebody is known who was not before",
        {"person": _ANN, "email": "ann@example.org", "fields": _FIELDS},
    ),
    "person.updated": Told(
        "a person's values are others than were told last; `changed` names them",
        {"person": _ANN, "changed": ["phone"], "email": "ann@example.org", "fields": _FIELDS},
    ),
    "person.merged": Told(
        "`merged` turned out to be the same as `person`, and is no id of its own any more",
        {"person": _ANN, "merged": "p_0a1b2c3d4e5f60718293"},
    ),
    "segment.entered": Told("a person came into a segment", {"person": _ANN, "segment": "regulars", "at": _AT}),
    "segment.left": Told("a person left a segment", {"person": _ANN, "segment": "regulars", "at": _AT}),
    "consent.changed": Told(
        "what may be sent to an address is another than before",
        {
            "people": [_ANN],
            "address": "ann@example.org",
            "channel": "email",
            "purpose": "marketing",
            "state": "withdrawn",
            "explicit": True,
            "at": _AT,
        },
    ),
    "touchpoint.recorded": Told(
        "something happened between a person and the business",
        {
            "person": _ANN,
            "kind": "opened",
            "channel": "email",
            "direction": "in",
            "by": "person",
            "campaign": "c1",
            "at": _AT,
        },
    ),
    "review.requested": Told(
        "something about a person waits for somebody's decision",
        {"person": _ANN, "kind": "review", "connection": "hubspot", "field": "phone"},
    ),
    "run.finished": Told(
        "a run of Regulars has ended",
        {
            "run": 12,
            "kind": "sync",
            "ok": True,
            "started": _AT,
            "ended": _AT,
            "people": 840,
            "read": 25,
            "written": 4,
            "failed": [],
            "stopped": [],
        },
    ),
    "guard.stopped": Told(
        "a guard stopped a connection, which now waits for a person's release",
        {"connection": "mailchimp", "brake": "deletes", "text": "60 of 100 records are gone", "size": 60},
    ),
}


def moment(at: Millis) -> str:
    """A time as events write it."""
    text = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def envelope(identity: str, kind: str, at: Millis, data: Mapping[str, Any]) -> dict[str, Any]:
    """An event as a listener gets it."""
    return {"id": identity, "type": kind, "timestamp": moment(at), "data": dict(data)}


def sample(kind: str) -> dict[str, Any]:
    """What an event of that kind looks like."""
    return envelope(Event(kind, ("sample",), {}).id, kind, 1_790_000_000_000, KINDS[kind].sample)
