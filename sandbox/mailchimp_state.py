"""What the emulated Mailchimp remembers, and how it shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import md5
from typing import Any, NamedTuple

from sandbox.mailchimp_deeds import Campaign, Event, Note, Past, Store
from sandbox.platform import State

Json = dict[str, Any]

LISTED = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional", "archived")


def key_of(address: str) -> str:
    """MD5 of the lower-cased address: the subscriber hash."""
    return md5(address.lower().encode(), usedforsecurity=False).hexdigest()


def iso(seconds: int) -> str:
    """A moment the way Mailchimp writes it; an unknown one (0) is empty."""
    return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds else ""


def seconds(text: str) -> int:
    """Read a moment in ISO 8601, with or without a zone; raises ValueError."""
    if not text:
        return 0
    # A plus sign that was not percent-encoded arrives as a space.
    moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


@dataclass(slots=True)
class Member:
    """One contact of one audience."""

    contact_id: str
    web_id: int
    email: str
    unique_email_id: str
    status: str
    merge: Json = field(default_factory=dict)
    tags: dict[int, int] = field(default_factory=dict)  # tag id -> when it was added
    interests: dict[str, bool] = field(default_factory=dict)
    permissions: dict[str, bool] = field(default_factory=dict)
    vip: bool = False
    language: str = ""
    email_type: str = "html"
    ip_signup: str = ""
    timestamp_signup: int = 0
    ip_opt: str = ""
    timestamp_opt: int = 0
    last_changed: int = 0
    source: str = "API - Generic"
    latitude: float = 0.0
    longitude: float = 0.0
    left_by: str = ""  # who ended the subscription: person, admin, api, bounce, complaint
    left_at: int = 0
    before_archive: str = ""

    @property
    def key(self) -> str:
        return key_of(self.email)


@dataclass(slots=True)
class MergeField:
    """One field of the audience beside the address itself."""

    merge_id: int
    tag: str
    name: str
    type: str
    required: bool = False
    default_value: str = ""
    public: bool = False
    display_order: int = 0
    help_text: str = ""
    options: Json = field(default_factory=dict)


@dataclass(slots=True)
class Tag:
    """A static segment, which is the same thing as a tag."""

    id: int
    name: str
    created: int
    updated: int


@dataclass(slots=True)
class Category:
    """A group of interests."""

    id: str
    title: str
    type: str
    display_order: int = 0
    interests: dict[str, str] = field(default_factory=dict)  # interest id -> name


@dataclass(slots=True)
class Audience:
    """One list: its members and all that is set up around them."""

    id: str
    name: str
    created: int
    double_optin: bool = False
    permissions: dict[str, str] = field(default_factory=dict)  # marketing permission id -> text
    merge_fields: list[MergeField] = field(default_factory=list)
    members: dict[str, Member] = field(default_factory=dict)  # by subscriber hash
    keys: dict[str, str] = field(default_factory=dict)  # contact_id -> subscriber hash
    tags: dict[int, Tag] = field(default_factory=dict)
    tag_ids: dict[str, int] = field(default_factory=dict)
    categories: dict[str, Category] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)  # hashes of permanently deleted addresses
    webhooks: dict[str, Json] = field(default_factory=dict)
    notes: dict[str, list[Note]] = field(default_factory=dict)  # by contact_id, like the events
    events: dict[str, list[Event]] = field(default_factory=dict)
    past: Past | None = None  # the campaigns before the sandbox began
    last_tag: int = 1000
    version: int = 0

    def find(self, reference: str) -> Member | None:
        """A member by hash, by address or by ``contact_id`` (SDK 3.0.80 documents all three)."""
        member = self.members.get(reference.lower())
        if member is not None:
            return member
        if "@" in reference:
            return self.members.get(key_of(reference))
        key = self.keys.get(reference)
        return self.members.get(key) if key else None

    def tag(self, name: str, now: int) -> Tag:
        """The tag of that name, made if there is none yet."""
        known = self.tag_ids.get(name)
        if known is not None:
            return self.tags[known]
        self.last_tag += 1  # an id is never used again
        tag = Tag(self.last_tag, name, now, now)
        self.tags[tag.id] = tag
        self.tag_ids[name] = tag.id
        return tag

    def add(self, member: Member) -> None:
        self.members[member.key] = member
        self.keys[member.contact_id] = member.key

    def interest_ids(self) -> Iterator[str]:
        for category in self.categories.values():
            yield from category.interests


@dataclass(frozen=True, slots=True)
class StatusChange:
    """One change of a member's status, for tests that ask who was re-subscribed, and by whom."""

    address: str
    before: str
    after: str
    by: str  # api, batch, person, admin, mailchimp


@dataclass(slots=True)
class Batch:
    """A job of ``POST /batches``."""

    id: str
    operations: list[Json]
    submitted: int
    completed: int = 0
    results: list[Json] = field(default_factory=list)


class Picture(NamedTuple):
    """What webhooks know of a member: enough to notice that it changed."""

    email: str
    status: str
    details: bytes  # a digest of what a profile event shows


@dataclass
class MailchimpState(State):
    """The whole account."""

    audiences: dict[str, Audience] = field(default_factory=dict)
    batches: dict[str, Batch] = field(default_factory=dict)
    status_changes: list[StatusChange] = field(default_factory=list)
    campaigns: dict[str, Campaign] = field(default_factory=dict)
    stores: dict[str, Store] = field(default_factory=dict)
    pictures: dict[str, dict[str, Picture]] = field(default_factory=dict)  # by list and contact_id, where hooks listen
    next_number: int = 0


# -- how it is shown --------------------------------------------------------------------------------


def _location(_: Audience, member: Member) -> Json:
    return {
        "latitude": member.latitude,
        "longitude": member.longitude,
        "gmtoff": 0,
        "dstoff": 0,
        "country_code": "",
        "timezone": "",
    }


def _permissions(audience: Audience, member: Member) -> list[Json]:
    return [
        {"marketing_permission_id": id, "text": text, "enabled": member.permissions.get(id, False)}
        for id, text in audience.permissions.items()
    ]


def _last_note(audience: Audience, member: Member) -> Json | None:
    notes = audience.notes.get(member.contact_id)
    if not notes:
        return None
    note = max(notes, key=lambda one: one.created)
    return {"note_id": note.id, "created_at": iso(note.created), "created_by": note.by, "note": note.text}


def _reason(_: Audience, member: Member) -> str:
    return "N/A (Unsubscribed by admin)" if member.left_by in ("api", "admin") else "None given"


# How each part of a member is made, so that a page that asks for few parts pays for few.
IN_BATCH: Mapping[str, Callable[[Audience, Member], Any]] = {
    "id": lambda a, m: m.key,
    "email_address": lambda a, m: m.email,
    "unique_email_id": lambda a, m: m.unique_email_id,
    "email_type": lambda a, m: m.email_type,
    "status": lambda a, m: m.status,
    "merge_fields": lambda a, m: {known.tag: m.merge.get(known.tag, "") for known in a.merge_fields},
    "interests": lambda a, m: {id: m.interests.get(id, False) for id in a.interest_ids()},
    "stats": lambda a, m: {"avg_open_rate": 0, "avg_click_rate": 0},
    "ip_signup": lambda a, m: m.ip_signup,
    "timestamp_signup": lambda a, m: iso(m.timestamp_signup),
    "ip_opt": lambda a, m: m.ip_opt,
    "timestamp_opt": lambda a, m: iso(m.timestamp_opt),
    "member_rating": lambda a, m: 2,
    "last_changed": lambda a, m: iso(m.last_changed),
    "language": lambda a, m: m.language,
    "vip": lambda a, m: m.vip,
    "email_client": lambda a, m: "",
    "location": _location,
    "tags_count": lambda a, m: len(m.tags),
    "tags": lambda a, m: [{"id": id, "name": a.tags[id].name} for id in m.tags],
    "list_id": lambda a, m: a.id,
}
PARTS: Mapping[str, Callable[[Audience, Member], Any]] = {
    **IN_BATCH,
    "contact_id": lambda a, m: m.contact_id,
    "full_name": lambda a, m: f"{m.merge.get('FNAME', '')} {m.merge.get('LNAME', '')}".strip(),
    "web_id": lambda a, m: m.web_id,
    "consents_to_one_to_one_messaging": lambda a, m: True,
    "source": lambda a, m: m.source,
    "marketing_permissions": _permissions,
    "unsubscribe_reason": _reason,
    "last_note": _last_note,
}


def show_member(audience: Audience, member: Member, wanted: Iterable[str] = PARTS) -> Json:
    """A member, or the *wanted* parts of one, as single reads and the members listing give it."""
    shown = {name: PARTS[name](audience, member) for name in wanted if name in PARTS}
    if member.status != "unsubscribed":
        shown.pop("unsubscribe_reason", None)
    if not audience.permissions:
        shown.pop("marketing_permissions", None)
    if shown.get("last_note", shown) is None:
        del shown["last_note"]
    return shown


def show_in_batch(audience: Audience, member: Member) -> Json:
    """A member as the answer to a batch shows it: the description has no ``contact_id`` there."""
    return {name: part(audience, member) for name, part in IN_BATCH.items()}


def show_in_segment(audience: Audience, member: Member) -> Json:
    """A member as a segment lists it: without its tags."""
    return {name: part(audience, member) for name, part in IN_BATCH.items() if name not in ("tags", "tags_count")}


def show_merge_field(audience: Audience, known: MergeField) -> Json:
    return {
        "merge_id": known.merge_id,
        "tag": known.tag,
        "name": known.name,
        "type": known.type,
        "required": known.required,
        "default_value": known.default_value,
        "public": known.public,
        "display_order": known.display_order,
        "options": known.options,
        "help_text": known.help_text,
        "list_id": audience.id,
    }


def count_members(audience: Audience) -> dict[str, int]:
    """How many members there are of each status."""
    counts = dict.fromkeys(LISTED, 0)
    for member in audience.members.values():
        counts[member.status] += 1
    return counts


def show_audience(audience: Audience, *, total: bool, campaigns: int = 0) -> Json:
    counts = count_members(audience)
    stats: Json = {
        "member_count": counts["subscribed"],
        "unsubscribe_count": counts["unsubscribed"],
        "cleaned_count": counts["cleaned"],
        "campaign_count": campaigns,
        "merge_field_count": len(audience.merge_fields),
    }
    if total:
        stats["total_contacts"] = sum(counts.values()) - counts["archived"]
    return {
        "id": audience.id,
        "web_id": 100_001,
        "name": audience.name,
        "permission_reminder": "You signed up in our shop.",
        "use_archive_bar": False,
        "date_created": iso(audience.created),
        "list_rating": 3,
        "email_type_option": False,
        "visibility": "prv",
        "double_optin": audience.double_optin,
        "has_welcome": False,
        "marketing_permissions": bool(audience.permissions),
        "modules": [],
        "stats": stats,
    }
