"""The ways in which an emulated platform misbehaves on request.

One-shot faults are queued in `Faults` and met by the next matching calls; `Rewrite` is a lasting habit of the
platform (it lower-cases, trims, cuts what it is given).
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

SIMPLE_KINDS = frozenset(
    {
        "rate_limit",  # the vendor's 429; retry_after=seconds adds the header
        "error_before",  # a 5xx (status=500) without effect
        "error_after",  # a 5xx (status=500) although the effect happened
        "lost_answer",  # the effect happened, the answer never came
        "lost_request",  # the request never came
        "timeout_after",  # the effect happened, the answer comes seconds=30 late
        "html",  # a page in place of JSON (status=502), no effect
        "answer_twice",  # a proxy on the way sent the request a second time
    }
)
BATCH_KINDS = frozenset({"partial"})  # some inputs fail (every=2: each second one) and the rest are applied
LISTING_KINDS = frozenset({"page_shift"})  # the set moves while it is paged; how=insert|remove|move|repeat|skip
KINDS = SIMPLE_KINDS | BATCH_KINDS | LISTING_KINDS


class Unknown(Exception):
    """The caller used something that the sandbox has not read up on: answered 501 and recorded."""


@dataclass(slots=True)
class Fault:
    """One fault, waiting for a call with this method and a path that matches the pattern."""

    kind: str
    method: str = "*"
    path: str = "*"
    times: int = 1
    skip: int = 0
    args: dict[str, Any] = field(default_factory=dict)

    def fits(self, method: str, path: str) -> bool:
        return self.method in ("*", method) and (self.path == "*" or fnmatchcase(path, self.path))


class Faults:
    """The faults that wait for their calls, and a count of those that happened."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.waiting: list[Fault] = []
        self._rate = 0.0
        self._dice = random.Random(0)
        self._kinds: tuple[str, ...] = ()

    def add(
        self,
        kind: str,
        *,
        method: str = "*",
        path: str = "*",
        times: int = 1,
        skip: int = 0,
        **args: Any,
    ) -> Fault:
        """Let *times* calls meet this fault, after *skip* matching calls have passed unharmed.

        *path* is a pattern as in the shell (``*/batch/create``). One call meets one fault.
        """
        if kind not in KINDS:
            raise ValueError(f"no such fault: {kind}; there are {', '.join(sorted(KINDS))}")
        fault = Fault(kind, method, path, times, skip, args)
        self.waiting.append(fault)
        return fault

    def random(self, rate: float, seed: int, kinds: Collection[str] = tuple(sorted(KINDS))) -> None:
        """From now on let each call meet, with probability *rate*, one of *kinds*."""
        strange = set(kinds) - KINDS
        if strange:
            raise ValueError(f"no such fault: {', '.join(sorted(strange))}")
        self._rate = rate
        self._dice = random.Random(seed)
        self._kinds = tuple(kinds)

    def clear(self) -> None:
        """Behave again. What has been seen stays counted."""
        self.waiting.clear()
        self._rate = 0.0

    def take(self, method: str, path: str, able: Collection[str]) -> Fault | None:
        """The fault that this call meets, if any; *able* are the kinds that its handler can act out."""
        if not self.waiting and not self._rate:
            return None
        for fault in self.waiting:
            if fault.kind not in able or not fault.fits(method, path):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            fault.times -= 1
            if fault.times <= 0:
                self.waiting.remove(fault)
            self.seen[fault.kind] += 1
            return fault
        return self._roll(able)

    def _roll(self, able: Collection[str]) -> Fault | None:
        if not self._rate or self._dice.random() >= self._rate:
            return None
        kinds = [kind for kind in self._kinds if kind in able]
        if not kinds:
            return None
        kind = self._dice.choice(kinds)
        self.seen[kind] += 1
        shift = {"how": self._dice.choice(("insert", "remove", "move", "repeat", "skip"))}
        return Fault(kind, args=shift if kind == "page_shift" else {})


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What a platform makes of a text written to one of its fields.

    *rule* is ``lower``, ``upper``, ``trim``, ``collapse`` (inner spaces), ``cut:N``, ``phone`` (spaces between
    the groups of digits) or ``suffix:X`` (not idempotent). With *delay* the platform keeps the text at first
    and rewrites it that many seconds later, with a new modification stamp. *people*: typed values too.
    """

    rule: str
    delay: float = 0.0
    people: bool = False

    def __post_init__(self) -> None:
        self.apply("")  # a wrong rule is found where it is set, not where it is met

    @property
    def wait(self) -> timedelta:
        return timedelta(seconds=self.delay)

    def apply(self, value: str) -> str:
        name, _, argument = self.rule.partition(":")
        match name:
            case "lower":
                return value.lower()
            case "upper":
                return value.upper()
            case "trim":
                return value.strip()
            case "collapse":
                return re.sub(r"\s+", " ", value)
            case "cut":
                return value[: int(argument)]
            case "phone":
                return _spaced(value)
            case "suffix":
                return value + argument if value else value
        raise ValueError(f"no such rewriting rule: {self.rule}")


def _spaced(value: str) -> str:
    """A phone number the way a CRM shows it: ``+44 2079 460958`` from ``+44 (0)20 7946-0958`` and the like."""
    digits = re.sub(r"\D", "", value)
    if len(digits) < 7:
        return value
    plus = "+" if value.lstrip().startswith("+") else ""
    return f"{plus}{digits[:2]} {digits[2:6]} {digits[6:]}".rstrip()
