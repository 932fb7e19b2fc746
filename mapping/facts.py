"""Facts: what platforms say beside records. Who works where, what happened, what was bought, what was said.

A fact is kept as it came and never merged. It names people as its platform does: by the id of their record there, or,
where the platform says no more, by their address. Whose fact it is follows from who holds that record, so that joining
or splitting people moves facts along and rewrites none.

Money is counted in the currency's smallest unit. Times are milliseconds since 1970 UTC; 0 is unknown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from mapping.model import Millis, Value


class Channel(StrEnum):
    """Where an interaction took place."""

    EMAIL = "email"
    PHONE = "phone"
    MEETING = "meeting"
    CHAT = "chat"
    TICKET = "ticket"
    SOCIAL = "social"
    SHOP = "shop"
    WEB = "web"
    NOTE = "note"
    OTHER = "other"


class Touch(StrEnum):
    """What an interaction was. A kind that we do not know stays unknown, with its own name in `detail`."""

    SENT = "sent"
    OPENED = "opened"
    CLICKED = "clicked"
    BOUNCED = "bounced"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"
    REPLIED = "replied"
    WROTE = "wrote"  # a person wrote to a person: a mail that somebody logged
    CALLED = "called"
    MET = "met"
    CHATTED = "chatted"
    NOTED = "noted"
    TASKED = "tasked"  # something to do for somebody was put down
    TICKET = "ticket"
    PURCHASED = "purchased"
    MENTIONED = "mentioned"
    COMMENTED = "commented"
    REACTED = "reacted"  # a like or another sign
    REVIEWED = "reviewed"
    UNKNOWN = "unknown"


class Way(StrEnum):
    """Who began it: the business, or the person."""

    OUT = "out"
    IN = "in"
    NONE = ""


class By(StrEnum):
    """Whether a human being did it. A mail scanner opens mail, too."""

    PERSON = "person"
    MACHINE = "machine"
    UNKNOWN = "unknown"


class Touchpoint(NamedTuple):
    """One interaction with one person. `key` is the vendor's event id, or a composite that is the same each time the
    event is told; with the record it concerns, the time and the kind it makes the touchpoint unique."""

    key: str
    who: str  # remote id of the record, or an address where there is no id
    kind: Touch
    at: Millis
    channel: Channel = Channel.EMAIL
    way: Way = Way.NONE
    by: By = By.UNKNOWN
    campaign: str = ""
    detail: str = ""
    sentiment: float | None = None  # -1 to 1, where the platform gives one


ORGANIZATION = (
    "name", "domain", "phone", "city", "country", "website", "industry", "employees", "revenue",
    "role", "stage", "owner",
)  # fmt: skip
"""The fields of organisations, beside those of a business's own."""


class Organization(NamedTuple):
    """A company as its platform shows it. `fields` are ours, only what is not blank: those of `ORGANIZATION` and those
    that were mapped."""

    remote_id: str
    fields: dict[str, Value]
    created: Millis = 0
    modified: Millis = 0


class Tie(NamedTuple):
    """Somebody and an organisation: works there, buys for it. `label` is the platform's word for it."""

    who: str
    organization: str
    label: str = ""
    primary: bool = False


class DealState(StrEnum):
    OPEN = "open"
    WON = "won"
    LOST = "lost"


class Deal(NamedTuple):
    """A deal or an order. `who` and `organizations` are remote ids; an order that was paid is won when it was paid."""

    remote_id: str
    title: str
    state: DealState
    amount: int = 0
    currency: str = ""
    stage: str = ""
    opened: Millis = 0
    closed: Millis = 0
    owner: str = ""
    who: tuple[str, ...] = ()
    organizations: tuple[str, ...] = ()


FEEDBACK = ("nps", "csat", "ces", "review")
"""The ways of saying how it was: would recommend it, was content, found it easy, wrote about it."""


class Feedback(NamedTuple):
    """What somebody said when asked, or unasked: `kind` is one of `FEEDBACK`, `score` as the platform counts."""

    key: str
    who: str
    kind: str
    score: float
    at: Millis
    comment: str = ""


class Campaign(NamedTuple):
    """A mailing, a post, or whatever else reached many at once. `figures` is how often what was done with it, in the
    platform's words, where nobody is named who did it."""

    remote_id: str
    title: str
    at: Millis = 0
    channel: str = ""
    figures: dict[str, int] = {}  # noqa: RUF012 - nobody changes it


class Listing(NamedTuple):
    """A list or segment of a platform and who is on it. `whole` says that nobody else is."""

    remote_id: str
    title: str
    who: tuple[str, ...] = ()
    kind: str = ""  # static, dynamic, tag, interest
    whole: bool = True


@dataclass(slots=True)
class Facts:
    """Everything that one object of a stream says."""

    organizations: list[Organization] = field(default_factory=list)
    ties: list[Tie] = field(default_factory=list)
    touchpoints: list[Touchpoint] = field(default_factory=list)
    deals: list[Deal] = field(default_factory=list)
    feedback: list[Feedback] = field(default_factory=list)
    campaigns: list[Campaign] = field(default_factory=list)
    listings: list[Listing] = field(default_factory=list)

    def people(self) -> Iterator[str]:
        """Everybody whom these facts name."""
        yield from (touch.who for touch in self.touchpoints)
        yield from (word.who for word in self.feedback)
        yield from (tie.who for tie in self.ties)
        yield from (who for deal in self.deals for who in deal.who)
        yield from (who for listing in self.listings for who in listing.who)

    def without(self, who: Collection[str]) -> Facts:
        """The same, less what is told of these people."""
        return Facts(
            self.organizations,
            [tie for tie in self.ties if tie.who not in who],
            [touch for touch in self.touchpoints if touch.who not in who],
            [deal._replace(who=tuple(one for one in deal.who if one not in who)) for deal in self.deals],
            [word for word in self.feedback if word.who not in who],
            self.campaigns,
            [one._replace(who=tuple(name for name in one.who if name not in who)) for one in self.listings],
        )

    def about(self) -> bool:
        """Whether anybody is named."""
        return any(True for _ in self.people())

    def singly(self) -> Iterator[tuple[str, Facts]]:
        """Touchpoints and feedback one by one, each under a key of its own."""
        for touch in self.touchpoints:
            yield f"{touch.who} {touch.at} {touch.kind.value} {touch.key}", Facts(touchpoints=[touch])
        for word in self.feedback:
            yield f"{word.who} {word.at} {word.key}", Facts(feedback=[word])
