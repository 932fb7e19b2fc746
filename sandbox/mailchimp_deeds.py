"""What was sent to whom, and what the recipients did with it: the data behind Mailchimp's reports and feeds.

An account's past may be large, so it is not kept as records: `Past` computes it again whenever it is asked for.
What happens in the sandbox itself (`human_send_campaign`, `human_open` and the like) is kept in `Campaign.told`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

Kind = Literal["open", "click", "bounce", "unsub", "abuse"]


class Deed(NamedTuple):
    """One thing that a recipient, or a machine on the way to one, did with a campaign.

    *detail* is the address clicked, the type of the bounce (``hard``, ``soft``) or the reason for leaving.
    *machine*: opened by a program that fetches pictures for the reader, whether or not anybody reads.
    """

    at: int
    kind: Kind
    detail: str = ""
    ip: str = ""
    machine: bool = False


class PastCampaign(NamedTuple):
    """One campaign of the past, as the account lists it."""

    id: str
    title: str
    subject: str
    sent: int
    links: tuple[str, ...]


class Past(Protocol):
    """Who got which campaign before the sandbox began, and what they did: always the same answer."""

    @property
    def campaigns(self) -> Sequence[PastCampaign]: ...

    @property
    def contacts(self) -> Sequence[str]:
        """The ``contact_id`` of each member at that time; others speak of them by position."""

    def sent_to(self, number: int) -> list[int]:
        """The positions of those who got campaign *number*, in the order of the audience."""

    def got(self, number: int, position: int) -> bool: ...

    def deeds(self, number: int, position: int) -> Sequence[Deed]:
        """What they did with it, oldest first; only asked for those who got it."""

    def ended(self) -> Sequence[tuple[int, Kind]]:
        """How the membership of each one at a position ended, where it did so by a deed."""


@dataclass(slots=True)
class Campaign:
    """One mailing: of the past (*number* in `Past`), or sent in the sandbox (*to*), or a draft (*sent* is 0)."""

    id: str
    web_id: int
    list_id: str
    title: str
    subject: str
    created: int
    sent: int = 0
    links: tuple[str, ...] = ()
    segment: int = 0
    number: int = -1
    to: list[str] = field(default_factory=list)  # contact_ids
    told: dict[str, list[Deed]] = field(default_factory=dict)  # by contact_id


@dataclass(slots=True)
class Note:
    """What somebody of the business wrote about a member."""

    id: int
    text: str
    created: int
    updated: int
    by: str


@dataclass(slots=True)
class Event:
    """Something that a member did elsewhere, as an integration reported it."""

    name: str
    occurred: int
    properties: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Order:
    """A purchase of a member; *campaign* is the mailing that led to it, where the shop knows."""

    id: str
    store: str
    contact_id: str
    total: float
    what: str
    at: int
    campaign: str = ""


@dataclass(slots=True)
class Store:
    """A shop that reports its orders to Mailchimp."""

    id: str
    list_id: str
    name: str
    currency: str
    created: int
    orders: list[Order] = field(default_factory=list)
