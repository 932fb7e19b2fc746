"""What an answer's status means, how long it asks to wait, and what it said, without what nobody may see."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from email.utils import mktime_tz, parsedate_tz
from enum import Enum
from http.client import responses as status_words

import msgspec

from connectors.http_transport import Response


class Verdict(Enum):
    """What an answer's status means for the call."""

    ANSWER = "answer"  # the connector reads it
    BUSY = "busy"  # not taken; wait and repeat
    SPENT = "spent"  # not taken, and waiting seconds will not help
    DOWN = "down"  # failed there; a write may have taken effect
    STRANGER = "stranger"  # the credential is not known
    NARROW = "narrow"  # the credential may not do this
    ODD = "odd"  # nothing that the documentation allows


Judge = Callable[[Response], Verdict]


def judge(response: Response) -> Verdict:
    """The common reading of a status; connectors wrap it for their platform's own ways."""
    status = response.status
    if status == 429:
        return Verdict.BUSY
    if status == 401:
        return Verdict.STRANGER
    if status == 403:
        return Verdict.NARROW
    if status in (408, 423, 425, 477) or (status >= 500 and status != 501):
        return Verdict.DOWN
    if status < 200 or 300 <= status < 400:
        return Verdict.ODD
    return Verdict.ANSWER


def unsettled(status: int) -> bool:
    """Whether a status leaves open what became of a call, where it stands within the answer to many calls."""
    return status == 429 or status >= 500


def retry_after(response: Response, now: float) -> float:
    """Seconds that Retry-After asks for: a number or a date; 0 where it asks for nothing."""
    text = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    parsed = parsedate_tz(text) if text else None
    return max(0.0, mktime_tz(parsed) - now) if parsed else 0.0


def explained(response: Response) -> str:
    """What the platform said about itself, short; it may still hold secrets and addresses of people."""
    word = status_words.get(response.status, "unknown status")
    found: object = None
    if response.is_json:
        found = msgspec.json.decode(response.body)
    if not isinstance(found, dict):
        return f"{response.status} {word}"
    inner = found.get("error")
    parts = [found.get(key) for key in ("title", "category", "code", "message", "detail", "policyName", "error_info")]
    parts += [inner.get(key) for key in ("type", "message")] if isinstance(inner, dict) else [inner]
    told = found.get("errors")
    if isinstance(told, list) and told and isinstance(told[0], dict) and not any(parts):
        parts = [told[0].get(key) for key in ("code", "message")]
    text = ": ".join(str(part) for part in parts if isinstance(part, str | int) and part)
    return f"{response.status} {text or word}"


def redacted(text: str, secrets: Iterable[str]) -> str:
    """*text* without *secrets* and without e-mail addresses."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return re.sub(r"[^\s@\"'<>,;:()\[\]]+@[^\s@\"'<>,;:()\[\]]+", "***@***", text)
