"""What a connector is: one platform's way of talking, as data and a few calls.

A connector reads pages of raw records, decodes one record at a time, reads records again by id, and carries out
writes in batches. It never decides: what to write comes from `sync`, and each answer goes back as an `Outcome`.
Nothing here names a platform; `connectors.CATALOGUE` does.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict, Unpack

from connectors.errors import NotOffered
from connectors.oauth_app import OAuthApp
from mapping.facts import Facts
from mapping.fields import Field, FieldTable
from mapping.model import MARKETING, Millis, Seen, Value
from mapping.values import Kind

if TYPE_CHECKING:
    from connectors.auth import Credential, Renewed
    from connectors.deeds import Deeds
    from connectors.hooks import Hooks, HookUp, Journal
    from connectors.http import Transport
    from connectors.pace import Clock, Pace, Sleep

Cursor = dict[str, Any]
"""Where a pull goes on: JSON, opaque to everybody but its connector. Stored with the page that it follows."""


@dataclass(frozen=True, slots=True)
class Raw:
    """One record as it came, undecoded. `digest` changes whenever any byte of `body` does."""

    remote_id: str
    body: bytes
    digest: bytes

    @staticmethod
    def of(remote_id: str, body: bytes) -> Raw:
        return Raw(remote_id, body, hashlib.blake2b(body, digest_size=12).digest())


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a pull. `cursor` is where to go on after it; `total` the number expected in all, where known.

    `complete` on the last page of a full listing says that whatever was not listed was not there while we read:
    the first half of the proof that a record is gone (a direct read is the second).
    """

    records: Sequence[Raw]
    cursor: Cursor
    total: int | None = None
    last: bool = False
    complete: bool = False
    refused: Sequence[tuple[str, str]] = ()  # (remote_id or "", what was wrong) of entries that are no records


@dataclass(frozen=True, slots=True)
class Stream:
    """Something that a platform tells beside its records: companies, deals, calls, mail activity, lists.

    `title` is for people, `needs` says which right or plan it takes. `facts` of a stream of events never change and
    carry their own keys; the items of any other stream are objects that change, and their facts with them.
    """

    name: str
    title: str
    needs: str = ""
    events: bool = False


@dataclass(frozen=True, slots=True)
class StreamPage:
    """A page of a stream: objects undecoded in `items` (`Connector.facts` reads them), or events ready in `facts`.

    `gone` are remote ids of objects that the platform says are deleted or archived. `cursor`, `total`, `last`,
    `complete` and `refused` are those of a `Page`.
    """

    cursor: Cursor
    items: Sequence[Raw] = ()
    facts: Facts | None = None
    gone: Sequence[str] = ()
    total: int | None = None
    last: bool = False
    complete: bool = False
    refused: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Option:
    """Something a person may pick when connecting: an audience, a remote field, an owner."""

    id: str
    label: str
    detail: str = ""
    optional: bool = False  # of a credential's parts: one may do without it


@dataclass(frozen=True, slots=True)
class RemoteField:
    """A field as the platform describes it."""

    remote: str
    label: str
    type: str
    writable: bool = True
    row: Field | None = None  # a ready table row, where we know how to carry it


@dataclass(frozen=True, slots=True)
class Account:
    """What a credential opened. `may` and `may_not` are sentences for people."""

    id: str
    name: str
    may: tuple[str, ...] = ()
    may_not: tuple[str, ...] = ()
    audiences: tuple[Option, ...] = ()
    has_own_key: bool = False
    lacks: tuple[str, ...] = ()  # sentences too: what the chosen streams need and the credential does not open


@dataclass(frozen=True, slots=True)
class Change:
    """What to set on one record. `values` are ours, by field name; None clears.

    `email` is set only to change an address from `old_email`. `address` is the record's present main address.
    `tags_on` and `tags_off` change the set that the connector takes `by_member`; whatever else hangs there stays.
    `key` is our own key (a person's id), set on creates. `subscribed` asks a newsletter create for a subscription
    that recorded consent allows; False creates as non-marketing.
    """

    remote_id: str
    values: Mapping[str, Value] = field(default_factory=dict)
    address: str = ""
    email: str | None = None
    key: str = ""
    subscribed: bool = False
    tags_on: tuple[str, ...] = ()
    tags_off: tuple[str, ...] = ()


class Result(StrEnum):
    """How one record's write ended."""

    APPLIED = "applied"
    REFUSED = "refused"  # the platform will not take it; `reason` says why
    GONE = "gone"  # the record is not there any more
    LATER = "later"  # not taken now, nothing changed
    MAYBE = "maybe"  # the answer was lost; read back


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one Change. `shown` is the record as the write's own answer showed it, where it did.

    `raw` comes with it where the answer was the whole record, and with `exists` where the other record was read.
    `blamed` are our fields that were not taken: of a refusal, those it names (the others of the same change may be
    sent without them); of a change that was applied, those that it left as they were.
    """

    result: Result
    remote_id: str = ""
    shown: Seen | None = None
    raw: Raw | None = None
    reason: str = ""
    code: str = ""  # stable word for the reason: compliance_state, forgotten, exists, invalid, cap, ...
    blamed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Listed:
    """What became of a change of a list: its remote id, and the records that the platform would not take."""

    listing: str
    refused: Mapping[str, str] = field(default_factory=dict)


class Outside(TypedDict, total=False):
    """What a connector takes from outside instead of its own: the network, the platform's limits, time, and where a
    refreshed credential is stored."""

    transport: Transport | None
    pace: Pace | None
    clock: Clock
    sleep: Sleep
    renewed: Renewed | None


class Connector(ABC):
    """One platform account, opened.

    Class attributes are the platform's facts; instances hold a credential and a connection's own choices
    (audience, field rows, own key). All calls raise `connectors.errors.Failure` and nothing else.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    table: ClassVar[FieldTable]
    cannot: ClassVar[Mapping[str, str]] = {}
    batch: ClassVar[int] = 100
    exact_stamp: ClassVar[bool] = True  # one stamp never covers two edits
    by_member: ClassVar[str] = ""  # the set field that is changed member by member, where there is one
    members_lag: ClassVar[Millis] = 0  # for how long that set may still show what stood there before our change
    mails: ClassVar[bool] = False  # a newsletter: creates need recorded consent to be subscribed
    streams: ClassVar[tuple[Stream, ...]] = ()
    lists: ClassVar[bool] = False  # static lists that `put_on_list` fills
    lists_are_tags: ClassVar[bool] = False  # whoever is on one shows its title among the members of `by_member`
    lists_need_consent: ClassVar[bool] = False  # to be on one is to be reached by advertising: only a grant allows it
    lists_in: ClassVar[str] = "lists"  # the stream that tells who is on them
    subscriptions: ClassVar[bool] = False  # one account has several, which may be left one by one
    tasks: ClassVar[bool] = False  # `deeds` can put down a task for a person
    companies_in: ClassVar[str] = ""  # the stream that tells who belongs to which company, where `deeds` may say so
    erases: ClassVar[bool] = False  # a person can be erased there for good by a program
    reads_only: ClassVar[bool] = False  # nothing can ever be written there
    forgets: ClassVar[bool] = False  # what it shows no more may only have grown old: nobody is ever gone from there,
    # and of whom `read` says nothing, nothing is known
    hooks: ClassVar[Hooks | None] = None  # how the platform calls us, where it does
    fields: FieldTable  # the rows in use on this connection
    pace: Pace | None = None  # the account's limits, where it has some: connections of one account share them

    def __init__(self, credential: Credential, settings: Settings, **outside: Unpack[Outside]) -> None:
        """Open nothing yet. *credential* holds the parts that `Platform.asks` names."""
        self.settings = settings
        self.fields = settings.fields or self.table

    @property
    def purposes(self) -> tuple[str, ...]:
        """What somebody may leave here, each by itself. The first is what `Seen.subscribed` is about."""
        return (self.settings.purpose, *sorted(set(self.settings.purposes.values()) - {self.settings.purpose}))

    @abstractmethod
    def check(self, *, rights: bool = False) -> Account:
        """Say which account the credential opens; with *rights*, also try out what it may do there, which may take
        calls that look like writes and change nothing."""

    @abstractmethod
    def remote_fields(self) -> Sequence[RemoteField]:
        """The platform's own description of its fields."""

    @abstractmethod
    def pages(self, cursor: Cursor | None, *, full: bool = False) -> Iterator[Page]:
        """Pages from *cursor* on (None: from the start). A stored cursor of an unfinished pull continues it;
        one of a finished pull begins an incremental pull with overlap, or a full listing when *full*."""

    @abstractmethod
    def decode(self, raw: Raw) -> Seen:
        """One record in our words, through `fields`. Raises ValueError where it is no record; a single broken
        field is left out and named in `Seen.problems`."""

    @abstractmethod
    def read(self, remote_ids: Sequence[str]) -> dict[str, Raw | None]:
        """The records by id, read directly (never from a search index); None proves that one is not there."""

    @abstractmethod
    def find(self, addresses: Sequence[str], keys: Sequence[str]) -> dict[str, Raw]:
        """Records that carry one of our own *keys*, or failing that one of *addresses*; keyed by either."""

    @abstractmethod
    def update(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Set fields; one outcome per change, in order. Never changes anybody's subscription."""

    @abstractmethod
    def create(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Create records; `exists` where the address is taken there already."""

    @abstractmethod
    def opt_out(self, changes: Sequence[Change], purpose: str) -> Sequence[Outcome]:
        """Withdraw *purpose* for each record's `address`. Never turns anything on."""

    @abstractmethod
    def archive(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Put records away, restorable by a person."""

    def erase(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Erase records for good, by remote id alone. One that is not there any more is GONE, which is as good."""
        raise NotOffered(self.title, "erasure", "erasure")

    def stream_pages(self, name: str, cursor: Cursor | None, *, full: bool = False) -> Iterator[StreamPage]:
        """Pages of one of `streams`, by the rules of `pages`. What hangs on an object and is asked for separately
        (who is associated with it) belongs into its item's body, so that a change of it is seen."""
        raise NotOffered(self.title, f"stream {name!r}", "streams")

    def facts(self, name: str, item: Raw) -> Facts:
        """What one item of a stream says. Pure; raises ValueError where it is no such object."""
        raise NotOffered(self.title, f"stream {name!r}", "streams")

    def put_on_list(self, title: str, listing: str, add: Sequence[str], remove: Sequence[str]) -> Listed:
        """Make these records members of the static list *listing* (its remote id; empty: made anew with *title*), and
        those not. Doing it twice changes nothing."""
        raise NotOffered(self.title, "lists", "lists")

    @property
    def deeds(self) -> Deeds:
        """Tasks and companies, where `tasks` or `companies_in` says that there are such."""
        raise NotOffered(self.title, "tasks or companies", "tasks")

    def history(self, remote_ids: Sequence[str], names: Sequence[str]) -> dict[tuple[str, str], Millis]:
        """When each (remote_id, our field) was last set by a person, where the platform tells; else nothing."""
        return {}

    def organization_fields(self) -> Sequence[RemoteField]:
        """The fields of companies that could be carried beside `mapping.facts.ORGANIZATION`, all read only. Raises
        TooNarrow where a right is missing."""
        return ()

    def add_own_key(self) -> None:
        """Create the field that carries our key, where the platform has fields of one's own."""

    def wanted_field(self, label: str, kind: Kind, tag: str = "") -> RemoteField:
        """The field that `add_field` would make there, or the very same one that is there already. Raises ValueError
        where it cannot be."""
        raise ValueError(f"Regulars makes no fields at {self.title}")

    def add_field(self, wanted: RemoteField) -> RemoteField:
        """Make a `wanted_field`, once, whatever becomes of the answer. Raises ValueError where it is refused."""
        raise ValueError(f"Regulars makes no fields at {self.title}")

    def hook_up(self, address: str, spare: str, *, known: bool) -> HookUp:
        """See that the platform calls us at *address*; a hook whose secret is not *known* is made anew, with *spare* as
        its secret where the platform has none. Raises ValueError where it is refused, or is set up by hand."""
        raise ValueError(f"webhooks of {self.title} are set up by hand")

    @property
    def journal(self) -> Journal | None:
        """What the platform keeps of what happened, where it does and the credential opens it."""
        return None

    def calls(self) -> Mapping[str, int]:
        """Calls made so far by operation, and the quota left where the platform says (`quota_left`)."""
        return {}

    def close(self) -> None:
        """Let go of pooled connections."""


class CredentialKind(StrEnum):
    """The ways in which a platform lets us in."""

    TOKEN = "token"  # noqa: S105 - the kind, not one
    OAUTH = "oauth"


@dataclass(frozen=True, slots=True)
class Platform:
    """One entry of the catalogue: how to open a connector, without opening anything."""

    name: str
    title: str
    connector: type[Connector]
    asks: Mapping[CredentialKind, tuple[Option, ...]]
    environment: Mapping[str, str]  # credential part -> environment variable
    files: bool = False  # opened from files that a person names, and with no credential
    app: OAuthApp | None = None  # what somebody may allow in the browser


@dataclass(frozen=True, slots=True)
class Settings:
    """A connection's own choices, as the configuration states them.

    `base_url` replaces the vendor's address (the sandbox, on loopback). `own_key` says that the platform has our
    key property. `purpose` is what the connection's mail is for as a whole, `purposes` what single subscriptions of
    it are for, by their number there. `streams` are those that are read, by name, `organization` fields of one's
    own of companies. `files` are paths of exports, `whole` says that each export holds everybody, `columns` what
    renamed ones mean. Overlaps are the connector's own values.
    """

    base_url: str = ""
    audience: str = ""
    fields: FieldTable | None = None
    own_key: bool = False
    purpose: str = MARKETING
    purposes: Mapping[str, str] = field(default_factory=dict)
    region: str = ""
    streams: tuple[str, ...] = ()
    organization: tuple[Field, ...] = ()
    files: tuple[str, ...] = ()
    whole: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def told_purposes(self) -> str:
        """What the mail is for, as text; nothing where all of it is marketing. What is stored of people's consent rests
        on it."""
        told = sorted(self.purposes.items())
        return repr((self.purpose, told)) if told or self.purpose != MARKETING else ""
