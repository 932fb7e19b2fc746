"""A generated town: the people a small business knows, as HubSpot and Mailchimp hold them, and the truth beside it.

`build_town` makes contacts, members and the truth from a seed; `populate` puts them into two sandboxes.
The same seed and size give the same town, byte for byte, in any process. All addresses lie in example domains,
all phone numbers are valid in Germany.

Who occurs: the same address in other letters, typing errors in names, second addresses, mailboxes that several
people share, two contacts or two members of one person, opt-outs on one side only, blanks, differing values,
phone numbers in several notations, emoji, right-to-left text, combining characters, very long values, and
thousands of records with one and the same modification time, from a bulk import.
"""

import gc
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from sandbox.town_names import Dice, draw_pools
from sandbox.town_people import LONGEST_MERGE_TEXT, Profile, Registry, Sheet
from sandbox.town_truth import FIELDS, Link, OptOut, TruePerson, Truth, relation

Record = dict[str, object]

# Shares are per mille of the people concerned; each case occurs at least once where there is room for it.
# How somebody on both platforms hangs together:
#   case            the same address in other letters
#   second_address  Mailchimp has an address that HubSpot knows as an additional one
#   two_members     both addresses are members; HubSpot knows both
#   two_contacts    as second_address, and a second contact that no address joins to the rest
#   shared_same     both sides hold a mailbox of several people, and it happens to be the same person
#   shared_other    they hold that mailbox, and are two colleagues
#   unlinked        one person, two addresses, and nothing that says so
LINKS: Mapping[str, int] = {
    "plain": 700,
    "case": 130,
    "second_address": 80,
    "two_members": 25,
    "two_contacts": 25,
    "shared_same": 10,
    "shared_other": 10,
    "unlinked": 20,
}
CONSENTS: Mapping[str, int] = {
    "none": 790,
    "member_out": 60,
    "contact_out": 50,
    "both_out": 30,
    "cleaned": 20,
    "pending": 15,
    "archived": 15,
    "transactional": 20,
}
TEXTS: Mapping[str, int] = {
    "plain": 940,
    "emoji": 15,
    "rtl": 15,
    "script": 15,
    "combining": 10,
    "long": 5,
}
MEMBER_ONLY: Mapping[str, int] = {
    "subscribed": 840,
    "unsubscribed": 80,
    "cleaned": 25,
    "pending": 10,
    "archived": 20,
    "transactional": 25,
}
CONTACT_ONLY: Mapping[str, int] = {"mailable": 940, "contact_out": 60}
MEMBER_STATUS = {
    "none": "subscribed",
    "contact_out": "subscribed",
    "member_out": "unsubscribed",
    "both_out": "unsubscribed",
}

FIRST_CONTACT = 50_000_001
COLLEAGUES = 12  # how many share one switchboard
SWITCHBOARD_SHARE = 0.02

# What the town needs of either platform beyond what a new account has.
HUBSPOT_PROPERTIES = ("favourite_bread",)
MERGE_FIELDS = (("COMPANY", "Company", "text"), ("BREAD", "Favourite bread", "text"))


@dataclass(frozen=True, slots=True)
class Town:
    """The records of both platforms, and the truth about them."""

    seed: int
    contacts: tuple[Record, ...]
    members: tuple[Record, ...]
    truth: Truth

    def truth_json(self) -> bytes:
        """The truth as JSON; equal towns give equal bytes."""
        return self.truth.json()


class HubSpot(Protocol):
    """What a town needs of the HubSpot sandbox."""

    def define(self, name: str) -> None: ...
    def load(self, records: Iterable[Record]) -> object: ...
    def human_opt_out(self, email: str) -> None: ...


class Mailchimp(Protocol):
    """What a town needs of the Mailchimp sandbox."""

    def merge_tags(self) -> Collection[str]: ...
    def add_merge_field(self, tag: str, name: str, kind: str) -> object: ...
    def load(self, records: Iterable[Record]) -> object: ...


def populate(town: Town, hubspot: HubSpot | None, mailchimp: Mailchimp | None) -> None:
    """Put the town's records into the two sandboxes, which are new and empty."""
    if hubspot is not None:
        for name in HUBSPOT_PROPERTIES:
            hubspot.define(name)
        hubspot.load(town.contacts)
        # The opt-out property is there already; this makes the preferences behind it say the same.
        for person in town.truth.people:
            for out in person.opt_outs:
                if out.platform == "hubspot":
                    hubspot.human_opt_out(out.address)
    if mailchimp is not None:
        for tag, name, kind in MERGE_FIELDS:
            if tag not in mailchimp.merge_tags():
                mailchimp.add_merge_field(tag, name, kind)
        mailchimp.load(town.members)


def build_town(
    *,
    people: int = 0,
    seed: int,
    contacts: int | None = None,
    members: int | None = None,
    overlap: float = 0.6,
) -> Town:
    """Build a town of *people*, or of so many *contacts* and *members*, *overlap* of which are on both sides.

    With *contacts* and *members* given, their numbers are met exactly and *people* follows from them;
    *overlap* is the share of the smaller platform's records whose person is on the other platform too.
    """
    if contacts is None or members is None:
        each = round(people / (2 - overlap))
        contacts, members = contacts or each, members or each
    else:
        people = 0  # it follows
    collecting = gc.isenabled()
    gc.disable()  # millions of objects that all stay: looking for garbage among them takes a third of the time
    try:
        return _Builder(seed, contacts, members, overlap, people).build()
    finally:
        if collecting:
            gc.enable()


class _Builder:
    """The state of one build: what has been made so far."""

    def __init__(self, seed: int, contacts: int, members: int, overlap: float, people: int = 0) -> None:
        self.seed = seed
        self.rng = Dice(f"regulars town {seed}")
        self.registry = Registry(draw_pools(seed, self.rng), self.rng)
        self.both = round(overlap * min(contacts, members))
        self.link_cases = self._deal(LINKS, self.both)
        # People with two records on one side take a record from those who are on that side only.
        twice = self.link_cases.count("two_contacts"), self.link_cases.count("two_members")
        self.contact_only = max(0, contacts - self.both - twice[0])
        self.member_only = max(0, members - self.both - twice[1])
        if people:
            strangers = self.link_cases.count("shared_other")
            short = people - self.both - strangers - self.contact_only - self.member_only
            self.contact_only = max(0, self.contact_only + short // 2)
            self.member_only = max(0, self.member_only + short - short // 2)
        self.contacts: list[Record] = []
        self.members: list[Record] = []
        self.people: list[TruePerson] = []
        self.mailboxes: dict[str, tuple[str, ...]] = {}
        self.phones: dict[str, list[str]] = {}
        self.switchboard = ""

    def build(self) -> Town:
        texts = self._deal(TEXTS, self.both + self.contact_only + self.member_only)
        consents = self._deal(CONSENTS, self.both)
        for link, consent, text in zip(self.link_cases, consents, texts, strict=False):
            self._on_both(link, consent, text)
        rest = iter(texts[self.both :])
        for consent in self._deal(CONTACT_ONLY, self.contact_only):
            self._on_hubspot(consent, next(rest))
        for status in self._deal(MEMBER_ONLY, self.member_only):
            self._on_mailchimp(status, next(rest))
        # Neither platform lists its people in the order of the other.
        self.rng.shuffle(self.members)
        shared = {number: tuple(who) for number, who in self.phones.items() if len(who) > 1}
        truth = Truth(tuple(self.people), self.mailboxes, shared)
        return Town(self.seed, tuple(self.contacts), tuple(self.members), truth)

    def _deal(self, shares: Mapping[str, int], count: int) -> list[str]:
        """*count* cases in a random order, in these shares, each at least once where there is room."""
        usual, *rare = shares
        cases: list[str] = []
        for case in rare:
            cases += [case] * max(1, round(shares[case] * count / sum(shares.values())))
        cases = cases[:count]
        cases += [usual] * (count - len(cases))
        self.rng.shuffle(cases)
        return cases

    # -- people --------------------------------------------------------------------------------------

    def _someone(self, text: str) -> tuple[str, Profile]:
        name = f"p{len(self.people) + 1:06d}"
        who = self.registry.profile(text)
        if text == "plain" and self.rng.random() < SWITCHBOARD_SHARE:
            if not self.switchboard or len(self.phones[self.switchboard]) >= COLLEAGUES:
                self.switchboard = self.registry.phones.switchboard(self.rng)
                self.phones[self.switchboard] = []
            self.phones[self.switchboard].append(name)
            who = replace(who, phone=self.switchboard)
        return name, who

    def _on_hubspot(self, consent: str, text: str) -> None:
        name, who = self._someone(text)
        sheet = self.registry.thinned(self.registry.contact_sheet(who), 0.12)
        made = self._contact(sheet, who, who.email, "", consent)
        self._settle(name, who, [consent, text], [made], [])

    def _on_mailchimp(self, status: str, text: str) -> None:
        name, who = self._someone(text)
        sheet = self.registry.thinned(self.registry.member_sheet(who), 0.15)
        self._settle(name, who, [text], [], [self._member(sheet, who.email, status)])

    def _on_both(self, link: str, consent: str, text: str) -> None:
        if link == "shared_other":
            self._strangers_on_one_mailbox(consent, text)
            return
        name, who = self._someone(text)
        registry, rng = self.registry, self.rng
        contact_sheet, member_sheet = registry.pair(who)
        status = MEMBER_STATUS.get(consent, consent)
        first, extra, second = who.email, "", who.email
        match link:
            case "case":
                second = _other_case(who.email, rng)
            case "second_address" | "two_members" | "two_contacts":
                extra = second = registry.addresses.personal(who.first, who.last)
            case "unlinked":
                second = registry.addresses.personal(who.last, who.first)
            case "shared_same":
                first = second = registry.addresses.shared(who.company)
                self.mailboxes[first] = (name,)
        contacts = [self._contact(contact_sheet, who, first, extra, consent)]
        members = [self._member(member_sheet, second, status)]
        if link == "two_members":
            # The second membership is an older sign-up with the first address, and lacks some fields.
            older = registry.thinned(registry.member_sheet(who), 0.3)
            members.append(self._member(older, first, "subscribed"))
        if link == "two_contacts":
            # No address joins the second contact to the others: HubSpot does not let two contacts share one.
            third = registry.addresses.personal(who.first, who.last)
            twin = registry.thinned(registry.contact_sheet(who), 0.3)
            contacts.append(self._contact(twin, who, third, "", "none"))
        self._settle(name, who, [link, consent, text], contacts, members)

    def _strangers_on_one_mailbox(self, consent: str, text: str) -> None:
        """Two colleagues read one mailbox: one stands in HubSpot with it, the other in Mailchimp."""
        registry = self.registry
        name, who = self._someone(text)
        mailbox = registry.addresses.shared(who.company)
        made = self._contact(registry.contact_sheet(who), who, mailbox, "", consent)
        self._settle(name, who, ["shared_other", consent, text], [made], [])
        other, colleague = self._someone("plain")
        colleague = replace(colleague, company=who.company)
        status = MEMBER_STATUS.get(consent, consent)
        joined = self._member(registry.member_sheet(colleague), mailbox, status)
        self._settle(other, colleague, ["shared_other"], [], [joined])
        self.mailboxes[mailbox] = (name, other)
        link = _link(made, joined, mailbox, "shared", same_person=False)
        self.people[-2] = replace(self.people[-2], links=(link,))

    # -- records and truth ---------------------------------------------------------------------------

    def _contact(self, sheet: Sheet, who: Profile, email: str, extra: str, consent: str) -> "_Made":
        out = consent in ("contact_out", "both_out")
        record = self.registry.contact(FIRST_CONTACT + len(self.contacts), sheet, who, email, extra, out)
        self.contacts.append(record)
        addresses = (email, extra) if extra else (email,)
        return _Made(str(record["id"]), sheet, addresses, "out" if out else "")

    def _member(self, sheet: Sheet, email: str, status: str) -> "_Made":
        record = self.registry.member(len(self.members) + 1, sheet, email, status)
        self.members.append(record)
        return _Made(str(record["contact_id"]), sheet, (email.lower(),), status)

    def _settle(
        self, name: str, who: Profile, cases: list[str], contacts: list["_Made"], members: list["_Made"]
    ) -> None:
        """Write down the truth about somebody whose records are all made."""
        links: list[Link] = []
        for contact in contacts:
            for member in members:
                address = member.addresses[0]
                if address in contact.addresses:
                    by = "email" if address == contact.addresses[0] else "additional"
                    links.append(_link(contact, member, address, "shared" if "shared_same" in cases else by))
        out = [OptOut("hubspot", made.id, made.addresses[0]) for made in contacts if made.state]
        out += [OptOut("mailchimp", made.id, made.addresses[0]) for made in members if made.state == "unsubscribed"]
        self.people.append(
            TruePerson(
                person=name,
                name=f"{who.first} {who.last}",
                cases=tuple(case for case in cases if case not in ("plain", "none", "mailable")),
                contacts=tuple(made.id for made in contacts),
                members=tuple(made.id for made in members),
                addresses=tuple(dict.fromkeys(a for made in contacts + members for a in made.addresses)),
                statuses={made.id: made.state for made in members},
                links=tuple(links),
                opt_outs=tuple(out),
            )
        )


@dataclass(frozen=True, slots=True)
class _Made:
    """A record just made: its id, what it shows, its addresses, and its status or ``out``."""

    id: str
    sheet: Sheet
    addresses: tuple[str, ...]
    state: str


def _link(contact: _Made, member: _Made, address: str, by: str, *, same_person: bool = True) -> Link:
    fields = {name: relation(contact.sheet[name], member.sheet[name]) for name in FIELDS}
    unfit: dict[str, str] = {}
    if fields["company"] == "member_blank" and len(contact.sheet["company"].meaning) > LONGEST_MERGE_TEXT:
        unfit["company"] = f"longer than {LONGEST_MERGE_TEXT} characters"
    if fields["address"] == "member_blank" and not contact.sheet["address"].meaning.split("|")[2]:
        unfit["address"] = "no state, which a complete address of Mailchimp needs"
    return Link(contact.id, member.id, address, by, same_person, fields, unfit)  # type: ignore[arg-type]


def _other_case(address: str, rng: Dice) -> str:
    local, domain = address.split("@")
    style = rng.below(3)
    if style == 0:
        return f"{local.title()}@{domain}"
    return f"{local.upper()}@{domain.upper()}" if style == 1 else f"{local}@{domain.title()}"
