"""The words of a plan: what a write is, what a finding, what the plan knows of a connection and of a person."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

import msgspec

from mapping.claims import Record
from mapping.consent import Fact
from mapping.decisions import Decision, Reference
from mapping.fields import Field, FieldTable
from mapping.model import MARKETING, Companies, Create, Direction, Value, WriteKind

UNDO = "undo"
"""The rule of a setting that restores what stood there before."""

SEGMENT = "segment"
"""The rule of a setting that says what segments somebody is in."""

BELONGS = "belongs"
"""The rule of a setting that says what company somebody belongs to at another connection."""

ASKED = "asked"
"""The rule of a setting that a person asked for in so many words."""

TO_BE_MADE = ""
"""Stands for the company of a tie that the same plan makes first."""

ONCE = frozenset({WriteKind.COMPANY, WriteKind.TASK})
"""What no platform can make at most once: where an answer was lost it is uncertain, and is not sent again unseen."""


class Setting(NamedTuple):
    """One field of a write: `before` is what stands there, `after` the lens image of the chosen value."""

    name: str
    before: Value
    after: Value
    rule: str
    source: Reference | None = None


_FOR_GOOD = (WriteKind.OPT_OUT, WriteKind.ERASE, WriteKind.ARCHIVE, WriteKind.COMPANY_AWAY)


class Write(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of a plan: what is to happen to one record. `record` is 0 for a create."""

    kind: WriteKind
    connection: str
    person: str
    record: int = 0
    remote_id: str = ""
    address: str = ""
    settings: tuple[Setting, ...] = ()
    email: str | None = None
    purpose: str = ""
    subscribed: bool = False
    why: str = ""

    @property
    def reversible(self) -> bool:
        """Opt-outs, and whatever puts something away, cannot be taken back by a program."""
        return self.kind not in _FOR_GOOD and not self.takes_task

    @property
    def takes_task(self) -> bool:
        """Whether this takes a task back, and makes none."""
        return self.kind is WriteKind.TASK and bool(self.purpose)


class FindingKind(StrEnum):
    """Why something is not written, or waits for a person."""

    CONFLICT = "conflict"
    HELD = "held"
    CONTESTED = "contested"
    REVIEW = "review"
    DUPLICATE = "duplicate"
    CLEARED = "cleared"
    REFUSED = "refused"
    CANNOT = "cannot"


class Finding(NamedTuple):
    """One thing a person may want to know or decide, about a record and perhaps a field."""

    kind: FindingKind
    connection: str
    record: int
    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class Target:
    """One connection as the plan sees it."""

    name: str
    fields: FieldTable
    direction: Direction = Direction.READ
    create: Create = Create.NONE
    mails: bool = False
    writable: tuple[Field, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)  # segment → the tag that stands for it there
    lists: Mapping[str, str] = field(default_factory=dict)  # segment → the static list that stands for it there
    sees_lists: bool = False  # whether we read who is on its lists
    lists_need_consent: bool = False  # whether only those are on them who allowed it, and for as long as they do
    companies: Companies = Companies.NONE
    purposes: tuple[str, ...] = (MARKETING,)  # what somebody may leave there; the first is what `subscribed` is about

    @staticmethod
    def of(name: str, fields: FieldTable, direction: Direction, create: Create, mails: bool) -> Target:
        rows = tuple(row for row in fields if row.writable and row.readable and row.name != "email")
        return Target(name, fields, direction, create, mails, rows)


class Firm(NamedTuple):
    """A company as its connection shows it, or as somebody goes by it."""

    remote_id: str
    name: str
    domain: str = ""
    label: str = ""  # of a tie to it


@dataclass(frozen=True, slots=True)
class Belonging:
    """The companies of one record: the ties that stand, whether one was cut, and what it might be tied to.

    `firms` are companies of its connection that have a name or an address's domain of its person; `elsewhere` what the
    person belongs to at other connections; `never` the canonical names of companies that are not made again, and why.
    """

    tied: tuple[Firm, ...] = ()
    cut: bool = False
    firms: tuple[Firm, ...] = ()
    elsewhere: tuple[Firm, ...] = ()
    never: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """Everything known about one person: their records, what people decided, and the consent ledger's lines."""

    id: str
    records: Sequence[Record]
    decisions: Sequence[Decision] = ()
    consent: Sequence[Fact] = ()
    segments: frozenset[str] = frozenset()
    listed: Mapping[int, frozenset[str]] = field(default_factory=dict)  # record → our lists that it is on
    belonging: Mapping[int, Belonging] = field(default_factory=dict)  # record → its companies, where they are asked for


encode_write: Callable[[Write], bytes] = msgspec.json.Encoder(order="deterministic").encode
"""A write as one line; the same write is the same line."""

_SPACE = 1 << 128


class PlanHash:
    """The hash of a whole plan, summed over its writes so that their order does not matter."""

    def __init__(self) -> None:
        self._sum = 0
        self.count = 0

    def add(self, write: Write) -> bytes:
        """Count one write; returns its encoded row."""
        row = encode_write(write)
        self._sum = (self._sum + int.from_bytes(hashlib.blake2b(row, digest_size=16).digest(), "big")) % _SPACE
        self.count += 1
        return row

    def hexdigest(self) -> str:
        return f"{self._sum:032x}"
