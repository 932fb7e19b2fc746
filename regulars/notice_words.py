"""What a notice says: in words for people, and as a document for programs. It names connections, counts and commands,
and nothing that a platform or a person said.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from regulars.words import count, when
from sync.events_kinds import moment
from sync.guard import Brake
from sync.notices_due import Kind, Matter, Notice, State

BRAKES = {
    Brake.EMPTIED: "it has no records left",
    Brake.DELETES: "records that would be put away",
    Brake.OPT_OUTS: "opt-outs",
    Brake.CREATES: "new records",
    Brake.CHANGES: "changed records",
    Brake.ASSOCIATIONS: "people put to companies",
    Brake.EVERYTHING_CHANGED: "records that changed there",
    Brake.FIELDS_CHANGED: "its fields are others",
    Brake.WRONG_ACCOUNT: "it opens another account",
}
"""What each guard saw, as it is told to somebody who is not at the machine."""

_COUNTED = {Brake.DELETES, Brake.OPT_OUTS, Brake.CREATES, Brake.CHANGES, Brake.ASSOCIATIONS, Brake.EVERYTHING_CHANGED}

_LEFT = {
    "held": "held until somebody decides",
    "pending": "left for the next run",
    "uncertain": "that may have arrived",
}


def sentence(matter: Matter, timezone: str) -> str:
    """What there is to know while it stands, and what to do."""
    name, since = matter.subject, when(matter.since, timezone)
    match matter.kind:
        case Kind.RUN:
            tries = count(matter.counts.get("attempts", 1), "attempt")
            return f"No run could begin since {since} ({tries}). `regulars doctor` says why."
        case Kind.FAILURE:
            runs = count(matter.counts.get("runs", 1), "run")
            return f"{name} fails since {since} ({runs}). `regulars doctor` says why."
        case Kind.GUARD:
            fix = f"Look with `regulars plan`; if that is right: `regulars release {name}`."
            return f"A guard stopped {name}: {_seen(matter)}. Nothing is written there meanwhile. {fix}"
        case Kind.WAITING:
            left = "; ".join(f"{count(n, 'write')} {_LEFT[key]}" for key, n in matter.counts.items() if key in _LEFT)
            return f"{name}: {left}. See `regulars status`."
        case Kind.SUBSCRIPTION:
            fix = f"`regulars subscriptions --resume {name}` tells it again."
            return f"The listener {name} took nothing for three days and is disabled. {fix}"


def ending(matter: Matter) -> str:
    """What there is to know once it has ended."""
    name = matter.subject
    match matter.kind:
        case Kind.RUN:
            return "Runs begin again."
        case Kind.FAILURE:
            return f"{name} works again."
        case Kind.GUARD:
            return f"{name} is stopped no more."
        case Kind.WAITING:
            return f"{name}: no writes wait any more."
        case Kind.SUBSCRIPTION:
            return f"The listener {name} is disabled no more, or was removed."


def line(notice: Notice, timezone: str) -> str:
    """One notice in one paragraph."""
    if notice.state is State.ENDED:
        return ending(notice.matter)
    still = "Still so: " if notice.state is State.STANDS else ""
    return still + sentence(notice.matter, timezone)


def letter(business: str, notices: Sequence[Notice], timezone: str) -> tuple[str, str]:
    """The subject and the text of a message."""
    open_ = sum(one.state is not State.ENDED for one in notices)
    said = f"{count(open_, 'matter')} for you" if open_ else "in order again"
    lines = [f"- {line(one, timezone)}" for one in notices]
    closing = "Told once; while it stands, again after a day. `regulars notices` lists what stands."
    return f"Regulars, {business}: {said}", "\n\n".join([f"{business}:", *lines, closing]) + "\n"


def document(business: str, notices: Sequence[Notice], timezone: str, identity: str, now: int) -> bytes:
    """The body of a webhook."""
    told = {
        "business": business,
        "notices": [
            {
                "kind": one.matter.kind.value,
                "subject": one.matter.subject,
                "state": one.state.value,
                "since": moment(one.matter.since),
                "counts": dict(one.matter.counts),
                "text": line(one, timezone),
            }
            for one in notices
        ],
    }
    envelope: dict[str, Any] = {"id": identity, "type": "notice", "timestamp": moment(now), "data": told}
    return msgspec.json.encode(envelope)


def identity_of(channel: str, notices: Sequence[Notice]) -> str:
    """The same for the same notices after the same telling before: what is sent twice after a crash is known by it."""
    parts = [(*one.matter.name, one.matter.since, one.state.value, one.before) for one in notices]
    return f"ntc_{blake2b(msgspec.json.encode([channel, parts]), digest_size=12).hexdigest()}"


def _seen(matter: Matter) -> str:
    parts = []
    for brake, size in matter.counts.items():
        words = BRAKES[Brake(brake)]
        parts.append(f"{size:,} {words}" if Brake(brake) in _COUNTED else words)
    return ", ".join(parts)
