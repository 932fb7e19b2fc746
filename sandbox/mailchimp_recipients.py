"""The recipients of a campaign as rows of its reports: who they are, what they did, and how that is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from zlib import crc32

from sandbox.mailchimp_core import MailchimpCore
from sandbox.mailchimp_deeds import Campaign, Deed
from sandbox.mailchimp_listing import Lazily, Shelf, moment
from sandbox.mailchimp_mailings import KEPT, Mailings
from sandbox.mailchimp_rules import not_found
from sandbox.mailchimp_state import PARTS, Audience, Member, iso
from sandbox.platform import Call, Stop

Json = dict[str, Any]

# What a report calls the status of a member (the description's words for ``contact_status``).
CONTACT_STATUS: Final = {"cleaned": "non-subscribed", "archived": "deleted"}


class Row(NamedTuple):
    """One recipient in one report."""

    campaign: Campaign
    audience: Audience
    member: Member
    deeds: Sequence[Deed]

    def of(self, *kinds: str) -> list[Deed]:
        return [deed for deed in self.deeds if deed.kind in kinds]


Parts = Mapping[str, Callable[[Row], Any]]

WHO: Parts = {
    "campaign_id": lambda r: r.campaign.id,
    "list_id": lambda r: r.audience.id,
    "list_is_active": lambda r: True,
    "email_id": lambda r: r.member.key,
    "email_address": lambda r: r.member.email,
}
ABOUT: Parts = {
    **WHO,
    "merge_fields": lambda r: PARTS["merge_fields"](r.audience, r.member),
    "vip": lambda r: r.member.vip,
}
ABUSE: Parts = {
    **ABOUT,
    "id": lambda r: crc32(f"{r.campaign.id} {r.member.contact_id}".encode()),
    "date": lambda r: iso(r.of("abuse")[0].at),
}
LEFT: Parts = {
    **ABOUT,
    "timestamp": lambda r: iso(r.of("unsub")[0].at),
    "reason": lambda r: r.of("unsub")[0].detail or "None given",
}
SENT: Parts = {
    **ABOUT,
    "status": lambda r: next((deed.detail for deed in r.of("bounce")), "sent"),
    "open_count": lambda r: len(r.of("open")),
    "last_open": lambda r: iso(max((deed.at for deed in r.of("open")), default=0)),
    "gmt_offset": lambda r: 0,
}
STATUS: Parts = {"contact_status": lambda r: CONTACT_STATUS.get(r.member.status, r.member.status)}


def _shown_deed(deed: Deed) -> Json:
    shown: Json = {"action": deed.kind, "timestamp": iso(deed.at)}
    if deed.kind == "bounce":
        return {**shown, "type": deed.detail}
    if deed.kind == "click":
        shown["url"] = deed.detail
    return {**shown, "ip": deed.ip}


ACTIVITY: Final[Parts] = {**WHO, "activity": lambda r: [_shown_deed(deed) for deed in r.deeds]}


class Recipients:
    """Finds the rows of a report."""

    def __init__(self, core: MailchimpCore, mailings: Mailings) -> None:
        self.core, self.mailings = core, mailings
        self._shelf: Shelf[Row] = core.shelf(KEPT)

    def rows(self, campaign: Campaign, call: Call) -> Lazily[Member, Row]:
        """All recipients, each with what they did."""
        audience, deeds = self.mailings.audience(campaign), self.mailings.deeds(campaign, call.now)
        none: Sequence[Deed] = ()
        recipients = self.mailings.recipients(campaign)
        return Lazily(recipients, lambda member: Row(campaign, audience, member, deeds.get(member.contact_id, none)))

    def some(self, campaign: Campaign, call: Call, question: object, shown: Callable[[Row], Row]) -> Sequence[Row]:
        """Those recipients of whom *shown* leaves any deed; kept until the audience changes, for the next page."""

        def compute() -> list[Row]:
            rows = self.rows(campaign, call)[:]
            return [row for one in rows if one.deeds and (row := shown(one)).deeds]

        if self.core.late_index:
            return compute()
        key = (call.template, campaign.id, question, self.mailings.audience(campaign).version)
        return self._shelf.get(key, compute)

    def having(self, campaign: Campaign, call: Call, kind: str) -> Sequence[Row]:
        """Those recipients who did that."""
        return self.some(campaign, call, kind, lambda row: row if row.of(kind) else row._replace(deeds=()))

    def one(self, call: Call) -> Row:
        campaign, key = self.mailings.campaign(call), call.args["subscriber_hash"].lower()
        member = self.mailings.audience(campaign).members.get(key)
        recipients = self.mailings.recipients(campaign)
        for place, one in enumerate(recipients):
            if one is member:
                return self.rows(campaign, call)[place]
        raise Stop(not_found())

    def since(self, call: Call) -> tuple[int, bool]:
        """The second after which deeds count, and whether the caller gave one."""
        edge = moment(call, "since")
        return edge - self.core.switches.since_inclusive if edge else 0, bool(edge)
