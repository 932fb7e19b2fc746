"""The campaigns of an account over the API: listed and read; they are written and sent in the product."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from sandbox.mailchimp_core import MailchimpCore
from sandbox.mailchimp_deeds import Campaign
from sandbox.mailchimp_listing import choice, listing, moment, ordered, single
from sandbox.mailchimp_mailings import Mailings
from sandbox.mailchimp_select import PAGE, SELECT
from sandbox.mailchimp_state import iso
from sandbox.platform import Answer, Call

Json = dict[str, Any]

TYPES: Final = ("regular", "plaintext", "absplit", "rss", "variate")
STATES: Final = ("save", "paused", "schedule", "sending", "sent")
WINDOWS: Final = ("before_send_time", "since_send_time", "before_create_time", "since_create_time")
FILTERS: Final = ("type", "status", *WINDOWS, "list_id", "member_id", "sort_field", "sort_dir")
FROM: Final = "The Corner Bakery"
REPLY: Final = "owner@bakery.example"
SORTS: Final[Mapping[str, Callable[[Campaign], int]]] = {
    "create_time": lambda c: c.created,
    "send_time": lambda c: c.sent,
}


class Campaigns:
    """The handlers of the campaign paths."""

    def __init__(self, core: MailchimpCore, mailings: Mailings) -> None:
        self.core, self.mailings = core, mailings
        core.route("GET", "/3.0/campaigns", self.page, query=(*PAGE, *FILTERS), listing=True)
        core.route("GET", "/3.0/campaigns/<campaign_id>", self.read, query=SELECT)

    def page(self, call: Call) -> Answer:
        found = within(call, self.core, list(self.core.state.campaigns.values()))
        if status := choice(call, "status", STATES):
            found = [c for c in found if _status(c) == status]
        if list_id := call.one("list_id"):
            found = [c for c in found if c.list_id == list_id]
        if member_id := call.one("member_id"):
            found = [c for c in found if self._got(c, member_id, call)]
        return listing(call, "campaigns", ordered(call, found, SORTS), self._parts(call))

    def read(self, call: Call) -> Answer:
        return single(call, self.mailings.campaign(call, sent=False), self._parts(call))

    def _got(self, campaign: Campaign, key: str, call: Call) -> bool:
        audience = self.mailings.audience(campaign)
        member = audience.members.get(key.lower())
        if member is None:
            return False
        return any(one is campaign for one, _ in self.mailings.history(audience, member, call.now))

    def _parts(self, call: Call) -> Mapping[str, Callable[[Campaign], Any]]:
        return {
            "id": lambda c: c.id,
            "web_id": lambda c: c.web_id,
            "type": lambda c: "regular",
            "create_time": lambda c: iso(c.created),
            "archive_url": lambda c: f"http://eepurl.example/{c.id}",
            "long_archive_url": lambda c: f"https://mailchi.example/{c.id}",
            "status": _status,
            "emails_sent": lambda c: self.mailings.tally(c, call.now).sent if c.sent else 0,
            "send_time": lambda c: iso(c.sent),
            "content_type": lambda c: "html",
            "needs_block_refresh": lambda c: False,
            "resendable": lambda c: False,
            "recipients": lambda c: self._recipients(c, call),
            "settings": lambda c: {
                "subject_line": c.subject,
                "title": c.title,
                "from_name": FROM,
                "reply_to": REPLY,
                "use_conversation": False,
                "to_name": "",
            },
            "tracking": lambda c: {"opens": True, "html_clicks": True, "text_clicks": False},
            "report_summary": lambda c: self._summary(c, call) if c.sent else None,
            "delivery_status": lambda c: {"enabled": False},
        }

    def _recipients(self, campaign: Campaign, call: Call) -> Json:
        audience = self.mailings.audience(campaign)
        tag = audience.tags.get(campaign.segment)
        return {
            "list_id": audience.id,
            "list_is_active": True,
            "list_name": audience.name,
            "segment_text": f"Tagged {tag.name}" if tag else "",
            "recipient_count": self.mailings.tally(campaign, call.now).sent if campaign.sent else 0,
        }

    def _summary(self, campaign: Campaign, call: Call) -> Json:
        tally = self.mailings.tally(campaign, call.now)
        summary: Json = {
            "opens": tally.opens,
            "unique_opens": tally.openers,
            "open_rate": rate(tally.openers, tally.delivered),
            "clicks": tally.clicks,
            "subscriber_clicks": tally.clickers,
            "click_rate": rate(tally.clickers, tally.delivered),
            "ecommerce": {"total_orders": 0, "total_spent": 0, "total_revenue": 0},
        }
        if self.core.switches.proxy_opens:
            summary["proxy_excluded_opens"] = tally.person_opens
            summary["proxy_excluded_unique_opens"] = tally.person_openers
            summary["proxy_excluded_open_rate"] = rate(tally.person_openers, tally.delivered)
        return summary


def within(call: Call, core: MailchimpCore, found: list[Campaign]) -> list[Campaign]:
    """Those of *found* that the filters by type and time let through."""
    if choice(call, "type", TYPES) not in ("", "regular"):  # no other type exists here
        return []
    inclusive = core.switches.since_inclusive
    for name, read in (("send_time", SORTS["send_time"]), ("create_time", SORTS["create_time"])):
        if edge := moment(call, f"since_{name}"):
            found = [c for c in found if read(c) > edge - inclusive]
        if edge := moment(call, f"before_{name}"):
            found = [c for c in found if 0 < read(c) < edge]
    return found


def rate(some: int, every: int) -> float:
    return round(some / every, 4) if every else 0


def _status(campaign: Campaign) -> str:
    return "sent" if campaign.sent else "save"
