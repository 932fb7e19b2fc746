"""The campaigns of an account with their recipients and deeds, computed or recorded, and counted."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sandbox.mailchimp_core import MailchimpCore
from sandbox.mailchimp_deeds import Campaign, Deed, Past
from sandbox.mailchimp_listing import Shelf
from sandbox.mailchimp_rules import not_found
from sandbox.mailchimp_state import Audience, Member
from sandbox.platform import Call, Stop

KEPT: Final = 400_000  # deeds and recipients of computed campaigns held at a time


@dataclass(slots=True)
class Tally:
    """What a report counts."""

    sent: int = 0
    opens: int = 0
    openers: int = 0
    person_opens: int = 0
    person_openers: int = 0
    clicks: int = 0
    clickers: int = 0
    hard: int = 0
    soft: int = 0
    left: int = 0
    complained: int = 0
    last_open: int = 0
    last_click: int = 0
    links: dict[str, list[int]] = field(default_factory=dict)  # url -> clicks, people, last click

    @property
    def delivered(self) -> int:
        return self.sent - self.hard - self.soft


Deeds = Mapping[str, Sequence[Deed]]


class Mailings:
    """Answers who got a campaign and what they did; computed campaigns are kept for a while."""

    def __init__(self, core: MailchimpCore) -> None:
        self.core = core
        self._computed: OrderedDict[str, tuple[list[str], dict[str, Sequence[Deed]]]] = OrderedDict()
        self._recipients: Shelf[Member] = core.shelf(KEPT)
        self._tallies: dict[tuple[str, int], Tally] = {}

    def forget(self) -> None:
        """Forget what was derived from the state."""
        self._computed.clear()
        self._tallies.clear()

    def campaign(self, call: Call, *, sent: bool = True) -> Campaign:
        """The campaign that the path names; *sent*: a draft has no report."""
        found = self.core.state.campaigns.get(call.args["campaign_id"])
        if found is None or (sent and not found.sent):
            raise Stop(not_found())
        return found

    def audience(self, campaign: Campaign) -> Audience:
        return self.core.state.audiences[campaign.list_id]

    # -- one campaign ----------------------------------------------------------------------------------

    def recipients(self, campaign: Campaign) -> Sequence[Member]:
        """Those who got it and are not erased since, in the order in which it went out."""
        audience = self.audience(campaign)
        members, keys = audience.members, audience.keys

        def compute() -> list[Member]:
            ids = self._past(campaign)[0] if campaign.number >= 0 else campaign.to
            return [members[key] for id in ids if (key := keys.get(id)) is not None]

        return self._recipients.get((campaign.id, audience.version), compute)

    def deeds(self, campaign: Campaign, now: datetime) -> Deeds:
        """What each of them did, by ``contact_id``, oldest first; those who did nothing are absent."""
        computed = self._past(campaign)[1] if campaign.number >= 0 else {}
        if not campaign.told:
            return computed
        found = dict(computed)
        for id, told in campaign.told.items():
            if seen := self._visible(told, now):
                found[id] = sorted([*found.get(id, ()), *seen], key=lambda deed: deed.at)
        return found

    def _visible(self, told: Sequence[Deed], now: datetime) -> Sequence[Deed]:
        """Reports may lag (a fault of the sandbox): a late deed keeps its time, and shows up later."""
        if not self.core.late_index:
            return told
        edge = now.timestamp() - self.core.late_index
        return [deed for deed in told if deed.at <= edge]

    def _past(self, campaign: Campaign) -> tuple[list[str], dict[str, Sequence[Deed]]]:
        known = self._computed.get(campaign.id)
        if known is not None:
            self._computed.move_to_end(campaign.id)
            return known
        past = self.past(campaign)
        positions, contacts, number = past.sent_to(campaign.number), past.contacts, campaign.number
        deeds = {contacts[place]: done for place in positions if (done := past.deeds(number, place))}
        known = self._computed[campaign.id] = ([contacts[place] for place in positions], deeds)
        while sum(len(ids) + len(done) for ids, done in self._computed.values()) > KEPT and len(self._computed) > 1:
            self._computed.popitem(last=False)
        return known

    def past(self, campaign: Campaign) -> Past:
        past = self.audience(campaign).past
        assert past is not None, "a campaign with a number belongs to a past"
        return past

    def tally(self, campaign: Campaign, now: datetime) -> Tally:
        """What a report of it counts, those who are erased since included."""
        key = campaign.id, sum(map(len, campaign.told.values()))
        known = self._tallies.get(key)
        if known is None:
            known = _tally(self.deeds(campaign, now))
            known.sent = len(self._past(campaign)[0] if campaign.number >= 0 else campaign.to)
            if not self.core.late_index:
                self._tallies[key] = known
        return known

    # -- one member ------------------------------------------------------------------------------------

    def history(self, audience: Audience, member: Member, now: datetime) -> list[tuple[Campaign, Sequence[Deed]]]:
        """The campaigns that *member* got, in the order in which they went out, with what they did."""
        found: list[tuple[Campaign, Sequence[Deed]]] = []
        past, id = audience.past, member.contact_id
        place = past.contacts.index(id) if past is not None and id in past.contacts else -1
        for campaign in self.core.state.campaigns.values():
            if campaign.list_id != audience.id or not campaign.sent:
                continue
            told = self._visible(campaign.told.get(id, ()), now)
            if campaign.number < 0:
                if id in campaign.to:
                    found.append((campaign, told))
            elif past is not None and place >= 0 and past.got(campaign.number, place):
                done = sorted([*past.deeds(campaign.number, place), *told], key=lambda deed: deed.at)
                found.append((campaign, done))
        return found


def _tally(deeds: Deeds) -> Tally:
    tally = Tally()
    for done in deeds.values():
        opened = read = False
        clicked: set[str] = set()
        for deed in done:
            match deed.kind:
                case "open":
                    opened, read = True, read or not deed.machine
                    tally.opens += 1
                    tally.person_opens += not deed.machine
                    tally.last_open = max(tally.last_open, deed.at)
                case "click":
                    tally.clicks += 1
                    tally.last_click = max(tally.last_click, deed.at)
                    link = tally.links.setdefault(deed.detail, [0, 0, 0])
                    link[0] += 1
                    link[1] += deed.detail not in clicked
                    link[2] = max(link[2], deed.at)
                    clicked.add(deed.detail)
                case "bounce":
                    tally.hard += deed.detail == "hard"
                    tally.soft += deed.detail != "hard"
                case "unsub":
                    tally.left += 1
                case "abuse":
                    tally.complained += 1
        tally.openers += opened
        tally.person_openers += read
        tally.clickers += bool(clicked)
    return tally
