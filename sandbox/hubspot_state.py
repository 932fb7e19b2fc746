"""What a HubSpot portal holds, as plain picklable records, and how a record looks in an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sandbox.platform import State

FIRST_ID = 101


class Version(NamedTuple):
    """One value that a property had, and who put it there."""

    value: str
    at: int  # milliseconds
    source_type: str
    source_id: str


class Origin(NamedTuple):
    """Who writes: sourceType and sourceId of the property history."""

    type: str
    id: str
    by_person: bool = False


API = Origin("INTEGRATION", "sandbox-app")
PERSON = Origin("CRM_UI", "userId:7001", by_person=True)
IMPORT = Origin("IMPORT", "1", by_person=True)
MERGE = Origin("MERGE_OBJECTS", "userId:7001", by_person=True)
MAIL = Origin("EMAIL", "subscriptions")
MAILBOX = Origin("EMAIL_INTEGRATION", "inbox")
AUTOMATION = Origin("AUTOMATION_PLATFORM", "rewrite")


@dataclass(slots=True)
class Record:
    """One record of any object type. A property that was set and then cleared is kept as an empty text."""

    id: int
    props: dict[str, str]
    created: int
    modified: int
    origin: Origin = IMPORT
    archived: int | None = None
    history: dict[str, list[Version]] | None = None  # only properties written after the creation
    merged: tuple[int, ...] = ()

    def versions(self, name: str) -> list[Version]:
        """The values of *name*, newest first."""
        if self.history and name in self.history:
            return self.history[name]
        value = self.props.get(name)
        return [] if value is None else [Version(value, self.created, self.origin.type, self.origin.id)]

    def read(self, name: str) -> str | None:
        """The value that search and answers see, the stamps included."""
        match name:
            case "hs_object_id":
                return str(self.id)
            case "createdate" | "hs_createdate":
                return stamp(self.created)
            case "lastmodifieddate" | "hs_lastmodifieddate":
                return stamp(self.modified)
            case "hs_merged_object_ids" | "hs_calculated_merged_vids":
                return self._merges(name)
            case "hs_object_source":
                return self.origin.type
        return self.props.get(name)

    def _merges(self, name: str) -> str | None:
        """Aliases; `hs_calculated_merged_vids` leaves out chained merges (facts: Errors and merges, 3p)."""
        if not self.merged:
            return None
        if name == "hs_merged_object_ids":
            return ";".join(map(str, self.merged))
        return self.props.get("hs_calculated_merged_vids")

    def emails(self) -> list[str]:
        """The primary address, then the additional ones."""
        found = [self.props.get("email", ""), *self.props.get("hs_additional_emails", "").split(";")]
        return [email for email in found if email]


Contact = Record


@dataclass(slots=True)
class Property:
    """A property of an object type: its definition as the properties API tells it."""

    name: str
    label: str
    type: str = "string"
    field_type: str = "text"
    group: str = "contactinformation"
    description: str = ""
    options: list[dict[str, Any]] = field(default_factory=list)
    unique: bool = False
    read_only: bool = False
    hubspot_defined: bool = True
    hidden: bool = False
    form_field: bool = True
    display_order: int = -1
    created: int = 0
    archived: bool = False

    def values(self) -> frozenset[str]:
        return frozenset(str(option["value"]) for option in self.options)


@dataclass(slots=True)
class SubscriptionType:
    """A kind of e-mail that people opt out of one by one."""

    id: int
    name: str
    description: str
    is_default: bool = False
    is_internal: bool = False


@dataclass(slots=True)
class Consent:
    """What one address said about one subscription type, or (`subscription` 0) about all e-mail."""

    subscription: int
    state: str  # SUBSCRIBED, UNSUBSCRIBED, NOT_SPECIFIED
    at: int
    source: str
    legal_basis: str | None = None
    explanation: str | None = None


@dataclass(slots=True)
class Token:
    """An access token: what it may do, and until when (``None``: a static one)."""

    scopes: frozenset[str]
    oauth: bool = False
    expires: int | None = None


@dataclass(slots=True)
class Owner:
    """A user of the portal whom contacts can be assigned to."""

    id: int
    email: str
    first_name: str
    last_name: str
    user_id: int
    archived: bool = False


class Doc(NamedTuple):
    """A record as the lagging search index still shows it."""

    props: dict[str, str]
    modified: int
    merged: tuple[int, ...]


@dataclass
class Shelf:
    """The records of one object type with their look-ups. Ids are unique per object type only."""

    records: dict[int, Record] = field(default_factory=dict)
    unique: dict[str, dict[str, int]] = field(default_factory=dict)
    alias: dict[int, int] = field(default_factory=dict)
    next_id: int = FIRST_ID
    properties: dict[str, Property] = field(default_factory=dict)
    groups: dict[str, tuple[str, int]] = field(default_factory=dict)
    stale: dict[int, list[Doc | None]] = field(default_factory=dict)  # what search still shows, oldest first


class Change(NamedTuple):
    """Something that happened to a record, for those who subscribed to it."""

    what: str  # creation, propertyChange, deletion, privacyDeletion, merge
    id: int
    at: int = 0  # milliseconds; 0: now
    values: Mapping[str, str] = {}
    origin: Origin | None = None  # None: whoever is at work
    winner: int = 0  # of a merge: the record that was kept, and the one that went
    loser: int = 0


@dataclass(slots=True)
class HookSettings:
    """Where an app wants to be told, and how many requests at a time."""

    url: str
    at_once: int
    created: int
    updated: int


@dataclass(slots=True)
class HookSubscription:
    """One kind of event that an app wants to be told of."""

    id: int
    event: str  # contact.propertyChange, object.creation
    property: str
    type_id: str  # of the generic ones: 0-1
    active: bool
    created: int
    updated: int


@dataclass(slots=True)
class JournalSubscription:
    """What an app wants to find in the journal."""

    id: int
    kind: str  # OBJECT, ASSOCIATION, GDPR_PRIVACY_DELETION
    type_id: str
    actions: tuple[str, ...]
    properties: tuple[str, ...]
    objects: tuple[int, ...]
    others: tuple[str, ...]  # of associations: the object types at the other end
    created: int
    updated: int


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One file of the journal."""

    offset: str
    at: int
    events: tuple[Mapping[str, Any], ...]


class Spec(NamedTuple):
    """The type of an association; the same number may stand in both categories."""

    category: str  # HUBSPOT_DEFINED or USER_DEFINED
    id: int


Pair = tuple[str, str]  # the object types of an association, from and to
Links = dict[int, dict[int, frozenset[Spec]]]


@dataclass(slots=True)
class CrmList:
    """A list (segment): its definition, and who is in it since when."""

    id: int
    name: str
    type_id: str
    processing: str  # MANUAL, SNAPSHOT, DYNAMIC
    created: int
    updated: int
    filters: dict[str, Any] | None = None
    custom: dict[str, str] = field(default_factory=dict)
    members: dict[int, int] = field(default_factory=dict)  # record id -> joined at
    first_joined: dict[int, int] = field(default_factory=dict)
    version: int = 1
    changes: int = 0  # moves with each change of the members
    deleted: int | None = None
    by: str = "7001"


@dataclass(slots=True)
class Stage:
    """One stage of a pipeline, with its probability (deals) or state (tickets) in *metadata*."""

    id: str
    label: str
    metadata: dict[str, str]


@dataclass(slots=True)
class Pipeline:
    """The way that a deal or a ticket goes."""

    id: str
    label: str
    stages: list[Stage]
    created: int = 0


@dataclass
class HubSpotState(State, Shelf):
    """One portal: the shelf of its contacts, the shelves of the other object types, and what joins them."""

    shelves: dict[str, Shelf] = field(default_factory=dict)
    links: dict[Pair, Links] = field(default_factory=dict)
    labels: dict[Pair, dict[Spec, str | None]] = field(default_factory=dict)  # what the portal defined itself
    inverses: dict[tuple[Pair, Spec], Spec] = field(default_factory=dict)
    association_limits: dict[Pair, int] = field(default_factory=dict)
    pipelines: dict[str, dict[str, Pipeline]] = field(default_factory=dict)
    lists: dict[int, CrmList] = field(default_factory=dict)
    next_list: int = 1
    opened: int = 0
    by_email: dict[str, int] = field(default_factory=dict)
    owners: dict[int, Owner] = field(default_factory=dict)
    subscriptions: dict[int, SubscriptionType] = field(default_factory=dict)
    consents: dict[str, dict[int, Consent]] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    tokens: dict[str, Token] = field(default_factory=dict)
    refresh: dict[str, frozenset[str]] = field(default_factory=dict)
    hook_settings: HookSettings | None = None
    hooks: dict[int, HookSubscription] = field(default_factory=dict)
    last_event: int = 0
    journal: list[JournalEntry] = field(default_factory=list)
    journal_open: list[dict[str, Any]] = field(default_factory=list)  # what happened and is not published yet
    journal_subscriptions: dict[int, JournalSubscription] = field(default_factory=dict)
    last_entry: int = 0

    @property
    def contacts(self) -> dict[int, Record]:
        return self.records


def ms(moment: datetime) -> int:
    """Milliseconds since the epoch, the grain of HubSpot's stamps."""
    return round(moment.timestamp() * 1000)


@lru_cache(maxsize=1 << 17)
def stamp(at: int) -> str:
    """``2026-01-01T09:00:00.001Z``."""
    moment = datetime.fromtimestamp(at // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at % 1000:03d}Z"
