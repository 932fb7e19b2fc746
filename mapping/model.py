"""The words of the relationship model: one word per thing, used in every room.

Times are integers: milliseconds since 1970-01-01 UTC. A *revision* is the number of the run that saw something;
revisions order our own observations without trusting anybody's clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

Value = Any
"""A field's value as JSON knows it: text, number, flag, list (a set's members) or object (a postal address)."""

Millis = int


class Direction(StrEnum):
    """What a connection lets us write."""

    READ = "read"
    FILL = "fill"  # only blanks
    BOTH = "both"


class Create(StrEnum):
    """Who may be created on a platform."""

    NONE = "none"
    EVERYONE = "everyone"


class Companies(StrEnum):
    """What may be done there about the companies that people work for."""

    NONE = "none"
    ASSOCIATE = "associate"  # with a company that is there already
    CREATE = "create"  # make the company first where there is none


class RecordState(StrEnum):
    """Where a record stands on its platform."""

    LIVE = "live"
    ARCHIVED = "archived"  # put away by a person; comes back if they restore it
    MERGED = "merged"  # its platform merged it into another record
    GONE = "gone"  # proven: absent from a complete listing and from a direct read
    ERASED = "erased"  # somebody asked for it: nothing is known of it any more


class WriteKind(StrEnum):
    """What a write does, in the order in which writes leave."""

    OPT_OUT = "opt_out"
    ERASE = "erase"  # somebody asked to be forgotten: for good, and not to be taken back
    UPDATE = "update"
    CREATE = "create"
    ARCHIVE = "archive"
    LIST = "list"
    COMPANY = "company"  # a company is made
    TIE = "tie"  # a record is put to a company there, or taken off it
    COMPANY_AWAY = "company_away"  # a company that we made is put away
    TASK = "task"  # something to do for somebody is put down, or taken back


class ConsentState(StrEnum):
    """One observation about an address and a purpose. Only GRANTED and WITHDRAWN say what the person wants."""

    GRANTED = "granted"
    WITHDRAWN = "withdrawn"
    UNDELIVERABLE = "undeliverable"
    UNKNOWN = "unknown"


BADGE = "Regulars: "
"""Tags and lists of segments begin so. They are ours: nobody else's are ever taken away."""

ON_LIST = "list "
"""With the list's name behind it, the field that says whether we put a record on that list."""

WORKS_AT = "works at"
"""The field that says at which company of its platform we put a record: the company's id there."""

BESIDE = (ON_LIST, WORKS_AT)
"""How fields begin that no record shows: only we know them."""

MARKETING = "marketing"
"""The purpose that unmapped subscriptions map to; a withdrawal of it reaches every purpose."""


class Role(StrEnum):
    """What a person is to the business."""

    CUSTOMER = "customer"
    PROSPECT = "prospect"
    SUPPLIER = "supplier"
    PARTNER = "partner"
    EMPLOYEE = "employee"
    COMMUNITY = "community"


class Stage(StrEnum):
    """How far a relationship has come."""

    AWARENESS = "awareness"
    CONSIDERATION = "consideration"
    DECISION = "decision"
    ONBOARDING = "onboarding"
    RETENTION = "retention"
    ADVOCACY = "advocacy"
    LAPSED = "lapsed"


class ConsentSeen(NamedTuple):
    """What a platform shows about one address and one purpose.

    `at` is when the person acted (0 where the platform does not say); `evidence` is what proves it, in words;
    only a grant with both a date and evidence of the person's own act is *explicit*.
    """

    address: str
    state: ConsentState
    purpose: str = MARKETING
    at: Millis = 0
    evidence: str = ""
    explicit: bool = False


@dataclass(slots=True)
class Seen:
    """One record as its platform shows it now, in our words.

    `fields` holds only what is not blank. `addresses` are all e-mail addresses, the main one first.
    `version` is the platform's modification stamp, as text; `modified` the same in milliseconds.
    `subscribed` says whether the platform would mail this record (None: it does not mail).
    `engagement` ranks two records of one person: higher is more engaged.
    """

    remote_id: str
    fields: dict[str, Value]
    addresses: tuple[str, ...] = ()
    version: str = ""
    modified: Millis = 0
    created: Millis = 0
    state: RecordState = RecordState.LIVE
    consent: tuple[ConsentSeen, ...] = ()
    subscribed: bool | None = None
    merged_ids: tuple[str, ...] = ()
    engagement: float = 0.0
    problems: tuple[str, ...] = field(default=())
