"""The truth about a town: who is who, and how far an honest sync could know it.

It is kept aside from both platforms, so that a script which shares no code with the product can recompute what a
correct sync had to do. Relations between fields follow from how the values were made, not from parsing them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Literal

import orjson

FIELDS = ("first_name", "last_name", "phone", "company", "birthday", "bread", "address")

# The same field on both sides: the property of a HubSpot contact (or several), the merge tag of a Mailchimp member.
ON_HUBSPOT: Mapping[str, tuple[str, ...]] = {
    "first_name": ("firstname",),
    "last_name": ("lastname",),
    "phone": ("phone",),
    "company": ("company",),
    "birthday": ("date_of_birth",),
    "bread": ("favourite_bread",),
    "address": ("address", "city", "state", "zip", "country"),
}
ON_MAILCHIMP: Mapping[str, str] = {
    "first_name": "FNAME",
    "last_name": "LNAME",
    "phone": "PHONE",
    "company": "COMPANY",
    "birthday": "BIRTHDAY",
    "bread": "BREAD",
    "address": "ADDRESS",
}

Relation = Literal["same", "equivalent", "differs", "member_blank", "contact_blank", "both_blank"]


@dataclass(frozen=True, slots=True)
class Shown:
    """One field of one record: what it means, and how it is written there."""

    meaning: str = ""
    text: object = ""


BLANK = Shown()


def relation(contact: Shown, member: Shown) -> Relation:
    """How one field of a contact and of a member of the same person stand to each other."""
    if not contact.meaning:
        return "contact_blank" if member.meaning else "both_blank"
    if not member.meaning:
        return "member_blank"
    if contact.meaning != member.meaning:
        return "differs"
    return "same" if contact.text == member.text else "equivalent"


@dataclass(frozen=True, slots=True)
class Link:
    """A contact and a member who hold one e-mail address in common, after lower-casing.

    *by* is ``email`` (the contact's first address), ``additional`` (one of ``hs_additional_emails``) or ``shared``
    (a mailbox of several people, which proves nothing). *same_person* is the truth about the pair.
    *unfit* names the fields whose value Mailchimp cannot take, with the reason.
    An archived member shows up only for who asks for archived ones.
    """

    contact: str
    member: str
    address: str
    by: Literal["email", "additional", "shared"]
    same_person: bool
    fields: Mapping[str, Relation]
    unfit: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OptOut:
    """A withdrawal as one platform shows it: HubSpot's ``hs_email_optout`` or Mailchimp's ``unsubscribed``."""

    platform: Literal["hubspot", "mailchimp"]
    record: str
    address: str


@dataclass(frozen=True, slots=True)
class TruePerson:
    """One human being of the town, with the records that are theirs on either platform.

    *contacts* are HubSpot ids, *members* Mailchimp ``contact_id``s. *statuses* tells each member's status.
    """

    person: str
    name: str
    cases: tuple[str, ...]
    contacts: tuple[str, ...]
    members: tuple[str, ...]
    addresses: tuple[str, ...]
    statuses: Mapping[str, str]
    links: tuple[Link, ...] = ()
    opt_outs: tuple[OptOut, ...] = ()


@dataclass(frozen=True, slots=True)
class WonDeal:
    """One deal that a person's contact won: what its record says. *amount* may be blank."""

    deal: str
    amount: str
    currency: str
    closed: str


@dataclass(frozen=True, slots=True)
class TouchTruth:
    """One activity: whose, of which object type and direction, and whether a machine made it."""

    person: str
    kind: str
    record: str
    direction: str
    machine: bool
    at: str


@dataclass(frozen=True, slots=True)
class BusinessTruth:
    """The truth about what people do with the business; *workplaces* is person → contact → primary company."""

    counts: Mapping[str, int]
    workplaces: Mapping[str, Mapping[str, str]]
    won: Mapping[str, list[WonDeal]]
    touches: tuple[TouchTruth, ...]

    def spent(self, person: str) -> dict[str, str]:
        """The sum of a person's won deals by currency, exactly, as decimal text."""
        sums: dict[str, Decimal] = {}
        for deal in self.won.get(person, ()):
            if deal.amount:
                sums[deal.currency] = sums.get(deal.currency, Decimal(0)) + Decimal(deal.amount)
        return {currency: str(total) for currency, total in sorted(sums.items())}


@dataclass(frozen=True, slots=True)
class Truth:
    """Everybody in the town, and the addresses and numbers that several of them share.

    *business* is there where `town_business` added one.
    """

    people: tuple[TruePerson, ...]
    shared_mailboxes: Mapping[str, tuple[str, ...]]
    shared_phones: Mapping[str, tuple[str, ...]]
    business: BusinessTruth | None = None
    touchpoints: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # by person and kind, where asked for
    elsewhere: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # further platform → address → person

    def links(self) -> Iterator[Link]:
        """All pairs of records that an exact comparison of addresses finds."""
        for person in self.people:
            yield from person.links

    def groups(self, *, shared: bool = False) -> list[tuple[str, ...]]:
        """The records of each person that exact addresses reveal; with *shared*, mailboxes of several join too.

        So many people a sync by exact address alone has to find. Each record occurs once; a group may be one record.
        """
        groups: dict[str, list[str]] = {}
        for person in self.people:
            for record in (*person.contacts, *person.members):
                groups[record] = [record]
        for link in self.links():
            one, other = groups[link.contact], groups[link.member]
            if one is not other and (shared or link.by != "shared"):
                one += other
                groups.update(dict.fromkeys(other, one))
        return [tuple(group) for record, group in groups.items() if group[0] == record]

    def summary(self) -> dict[str, int]:
        """How many of each thing there are; the demo and the tests print it."""
        counts: Counter[str] = Counter(people=len(self.people), groups=len(self.groups()))
        for person in self.people:
            counts["contacts"] += len(person.contacts)
            counts["members"] += len(person.members)
            counts["on both sides"] += bool(person.contacts and person.members)
            counts["opt-outs on HubSpot"] += sum(o.platform == "hubspot" for o in person.opt_outs)
            counts["opt-outs on Mailchimp"] += sum(o.platform == "mailchimp" for o in person.opt_outs)
            counts.update(f"case {case}" for case in person.cases)
            counts.update(f"member {status}" for status in person.statuses.values())
            for link in person.links:
                counts[f"link by {link.by}"] += 1
                counts.update(f"field {name} {how}" for name, how in link.fields.items())
        return dict(sorted(counts.items()))

    def json(self) -> bytes:
        """The truth as JSON; equal towns give equal bytes."""
        whole: dict[str, object] = {
            "fields": {name: {"hubspot": ON_HUBSPOT[name], "mailchimp": ON_MAILCHIMP[name]} for name in FIELDS},
            "summary": self.summary(),
            "shared_mailboxes": self.shared_mailboxes,
            "shared_phones": self.shared_phones,
            "people": self.people,
        }
        if self.business is not None:
            spent = {person: self.business.spent(person) for person in self.business.won}
            whole["business"] = {**asdict(self.business), "spent": spent}
        if self.touchpoints:
            whole["touchpoints"] = self.touchpoints
        if self.elsewhere:
            whole["elsewhere"] = self.elsewhere
        return orjson.dumps(whole, option=orjson.OPT_INDENT_2 if len(self.people) < 1000 else 0)
