"""The town's newsletters: several years of campaigns, and what each member, or a machine, did with them.

Nothing is kept but who was a member from when to when. Each deed follows from the seed, the campaign and the
member, so that two million of them cost no memory, and a page of a report is computed when it is asked for.
The generator is one of its own: contacts, members and truth of a town are the same with campaigns and without.

Who occurs: readers who open most campaigns and those who open few, some of whom stop at some time; members whose
mail program fetches the pictures by itself, with a reader behind it or without; members who never open; soft
bounces; and the deed by which a membership ended: leaving by the link in a mail, a complaint, a hard bounce.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import blake2b, md5
from typing import Any, Final, Protocol, cast

from sandbox.mailchimp_deeds import Deed, Kind, PastCampaign
from sandbox.town import Town
from sandbox.town_people import CLOSED, OPENED

Record = Mapping[str, object]

FIRST: Final = int(datetime(2021, 1, 12, 8, tzinfo=UTC).timestamp())
LAST: Final = int(datetime(2025, 12, 9, 8, tzinfo=UTC).timestamp())
USUAL: Final = 40  # campaigns, one in six to seven weeks
HOUR: Final = 3600
DAY: Final = 86_400
NEVER: Final = 2**62
COMPLAINTS: Final = 50  # of 256 cleaned addresses; the others bounced
MACHINE_IPS: Final = tuple(f"198.51.100.{n}" for n in range(256))
PERSON_IPS: Final = tuple(f"203.0.113.{n}" for n in range(256))
TOPICS: Final = ("Roggentage", "Osterzopf", "Brotkurs", "Sommerpause", "Erntedank", "Stollen", "Neues vom Ofen")
REASONS: Final = ("None given", "No longer interested", "Too many mails")

# Of 256 members: who reads themselves, behind whom a machine opens too, for whom only a machine opens; others never.
READERS, BOTH, MACHINES = 120, 45, 40
QUIET_SHARE: Final = 60  # of 256 readers stop reading at some time
KINDS: Final = ("sent", "open", "machine_open", "click", "soft_bounce", "hard_bounce", "unsub", "abuse")


class Mailchimp(Protocol):
    """What the campaigns need of the Mailchimp sandbox."""

    def load_past(self, past: Any) -> object: ...


@dataclass(slots=True)
class Campaigns:
    """The past of a town's audience, as `sandbox.mailchimp_deeds.Past` describes it."""

    seed: int
    campaigns: tuple[PastCampaign, ...]
    contacts: tuple[str, ...]
    joined: array[int]
    left: array[int]
    fates: bytes  # by position: 0 none, 1 left by the link, 2 hard bounce, 3 complaint
    _key: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._key = blake2b(f"regulars campaigns {self.seed}".encode(), digest_size=32).digest()

    def sent_to(self, number: int) -> list[int]:
        sent, joined, left = self.campaigns[number].sent, self.joined, self.left
        return [place for place in range(len(joined)) if joined[place] <= sent < left[place]]

    def got(self, number: int, position: int) -> bool:
        return self.joined[position] <= self.campaigns[number].sent < self.left[position]

    def ended(self) -> Sequence[tuple[int, Kind]]:
        kinds: tuple[Kind, ...] = ("unsub", "bounce", "abuse")
        return [(place, kinds[fate - 1]) for place, fate in enumerate(self.fates) if fate]

    def deeds(self, number: int, position: int) -> Sequence[Deed]:
        campaign = self.campaigns[number]
        fate = self.fates[position]
        if fate and self._last_for(number, position):
            return self._farewell(campaign, fate, position)
        return self._read(number, campaign.sent, position)

    def count(self) -> int:
        """All records of activity: opens, clicks, bounces, departures, complaints. Takes a while for many."""
        return sum(len(self.deeds(number, place)) for number, place in self._pairs())

    def _pairs(self) -> Iterator[tuple[int, int]]:
        for number in range(len(self.campaigns)):
            for place in self.sent_to(number):
                yield number, place

    def _dice(self, number: int, position: int) -> bytes:
        return blake2b(b"%d %d" % (number, position), digest_size=32, key=self._key).digest()

    def _last_for(self, number: int, position: int) -> bool:
        """Whether the membership ended before the next campaign."""
        return number + 1 == len(self.campaigns) or self.campaigns[number + 1].sent >= self.left[position]

    def _farewell(self, campaign: PastCampaign, fate: int, position: int) -> Sequence[Deed]:
        """The last campaign that somebody got: they opened it and left, complained, or it bounced for good."""
        dice, left = self._dice(-1, position), self.left[position]
        ip = PERSON_IPS[dice[1]]
        if fate == 2:
            return (Deed(min(left, campaign.sent + 30 + dice[2]), "bounce", "hard"),)
        opened = Deed(max(campaign.sent + 1, left - 20 - dice[3]), "open", ip=ip)
        if fate == 3:
            return (opened, Deed(left, "abuse"))
        return (opened, Deed(left, "unsub", REASONS[dice[4] % len(REASONS)]))

    def _read(self, number: int, sent: int, position: int) -> Sequence[Deed]:
        """An ordinary campaign: what the member's habits and chance make of it."""
        dice = self._dice(number, position)
        if dice[0] < 2:
            return (Deed(sent + 60 + dice[1] * 10, "bounce", "soft"),)
        habits = self._dice(-2, position)
        kind, limit = habits[0], min(self.left[position], CLOSED)
        reads = kind < READERS + BOTH
        fetched = READERS <= kind < READERS + BOTH + MACHINES
        deeds: list[Deed] = []
        if fetched and dice[1] < 240:
            deeds.append(Deed(sent + 20 + dice[2], "open", ip=MACHINE_IPS[dice[3]], machine=True))
        if habits[1] < QUIET_SHARE and sent > FIRST + (LAST - FIRST) * habits[2] // 255:
            reads = False
        if reads and dice[4] < 40 + habits[3] * 3 // 4:
            deeds += self._reading(number, sent, dice, PERSON_IPS[habits[4]])
        return [deed for deed in deeds if deed.at < limit]

    def _reading(self, number: int, sent: int, dice: bytes, ip: str) -> Iterable[Deed]:
        """Somebody reads: once or several times within ten days, and may click."""
        first = sent + 300 + (dice[5] << 8 | dice[6]) * 2
        yield Deed(first, "open", ip=ip)
        if dice[7] < 60:
            links = self.campaigns[number].links
            yield Deed(first + 5 + dice[8], "click", links[dice[9] % len(links)], ip)
            if dice[10] < 60:
                yield Deed(first + 300 + dice[11], "click", links[(dice[9] + 1) % len(links)], ip)
        for again in range(2):
            if dice[12 + again] < 50:
                yield Deed(first + HOUR + (again * 4 + 1) * DAY + dice[14 + again] * 60, "open", ip=ip)

    # -- the truth -------------------------------------------------------------------------------------

    def touchpoints(self, town: Town) -> dict[str, dict[str, int]]:
        """How often each kind of `KINDS` befell each person of *town*; people without any are absent."""
        owners = {member: person.person for person in town.truth.people for member in person.members}
        counts: dict[str, Counter[str]] = {}
        for number, place in self._pairs():
            count = counts.setdefault(owners[self.contacts[place]], Counter())
            count["sent"] += 1
            count.update(map(_kind, self.deeds(number, place)))
        return {who: {kind: counts[who][kind] for kind in KINDS if counts[who][kind]} for who in sorted(counts)}


def campaigns_of(town: Town, count: int = USUAL) -> Campaigns:
    """The town's past of *count* campaigns, to be put into a Mailchimp sandbox by its ``load_past``."""
    return campaigns_among(town.members, town.seed, count)


def campaigns_among(members: Sequence[Record], seed: int, count: int = USUAL) -> Campaigns:
    """The same for members as `MailchimpSandbox.load` takes them."""
    joined, left, fates = array("q"), array("q"), bytearray()
    for member in members:
        begin, end, fate = _membership(member, seed)
        joined.append(begin)
        left.append(end)
        fates.append(fate)
    contacts = tuple(cast(str, member["contact_id"]) for member in members)
    return Campaigns(seed, tuple(_campaigns(seed, count)), contacts, joined, left, bytes(fates))


def campaigns_for(town: Town, records: int) -> Campaigns:
    """A past with at least *records* records of activity, and not many more: estimated from a sample."""
    sample = campaigns_of(town, 12)
    each = sample.count() / len(sample.campaigns)
    if not each:
        raise ValueError("nobody in this town gets mail")
    return campaigns_of(town, round(records * 1.05 / each) + 1)


def with_touchpoints(town: Town, past: Campaigns) -> Town:
    """*town*, its truth telling the touchpoints by kind and person as well."""
    return replace(town, truth=replace(town.truth, touchpoints=past.touchpoints(town)))


def _membership(member: Record, seed: int) -> tuple[int, int, int]:
    """From when to when mail was sent to *member*, and by which deed that ended."""
    status = member["status"]
    if status in ("pending", "transactional"):  # facts, Consent: no marketing
        return NEVER, NEVER, 0
    signed = member["timestamp_opt"] or member["timestamp_signup"]
    begin = _moment(signed) if signed else OPENED  # without evidence: imported when the shop opened
    if status == "subscribed":
        return begin, NEVER, 0
    end = _moment(member["last_changed"])
    if status == "archived":
        return begin, end, 0
    if status == "unsubscribed":
        return begin, end, 1
    chance = blake2b(f"{seed} {member['contact_id']}".encode(), digest_size=1).digest()[0]
    return begin, end, 3 if chance < COMPLAINTS else 2


def _moment(text: object) -> int:
    return int(datetime.fromisoformat(str(text)).timestamp())


def _campaigns(seed: int, count: int) -> Iterator[PastCampaign]:
    for number in range(count):
        mark = md5(f"campaign {seed} {number}".encode(), usedforsecurity=False).hexdigest()
        # Evenly spread, at some minute of the day, so that two are never sent at once and keep their order.
        room = (LAST - FIRST) // max(count - 1, 1)
        sent = FIRST + number * room + int(mark[10:14], 16) % max(min(room // 2, 4 * HOUR), 1)
        month = datetime.fromtimestamp(sent, UTC)
        topic = TOPICS[int(mark[14:16], 16) % len(TOPICS)]
        links = tuple(f"https://bakery.example/{month:%Y-%m}-{number + 1}/{name}" for name in ("brot", "kurse", "shop"))
        yield PastCampaign(mark[:10], f"{month:%Y-%m} {topic} #{number + 1}", f"{topic}: frisch für Sie", sent, links)


def _kind(deed: Deed) -> str:
    if deed.kind == "open" and deed.machine:
        return "machine_open"
    return f"{deed.detail}_bounce" if deed.kind == "bounce" else deed.kind
