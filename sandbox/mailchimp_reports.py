"""Reports over the API: what became of each campaign, in numbers and member by member.

Machine opens: reports count them as opens. Newer descriptions (after 3.0.80) tell them apart as ``is_proxy_open``
of an open in open-details and as ``proxy_excluded_…`` counts; e-mail activity and the feeds never do
(`Switches.proxy_opens`, `Switches.proxy_in_activity`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import md5
from typing import Any, Final

from sandbox.mailchimp_campaigns import rate, within
from sandbox.mailchimp_core import MailchimpCore
from sandbox.mailchimp_deeds import Campaign, Deed
from sandbox.mailchimp_listing import Lazily, listing, ordered, single
from sandbox.mailchimp_mailings import Mailings, Tally
from sandbox.mailchimp_recipients import ABOUT, ABUSE, ACTIVITY, LEFT, SENT, STATUS, Parts, Recipients, Row
from sandbox.mailchimp_rules import not_found
from sandbox.mailchimp_select import PAGE, SELECT
from sandbox.mailchimp_state import iso
from sandbox.platform import Answer, Call, Stop

Json = dict[str, Any]

REPORT: Final = "/3.0/reports/<campaign_id>"
WINDOW: Final = ("type", "before_send_time", "since_send_time")
SORTED: Final = ("sort_field", "sort_dir")


class Reports:
    """The handlers of the report paths."""

    def __init__(self, core: MailchimpCore, mailings: Mailings) -> None:
        self.core, self.mailings = core, mailings
        self.recipients = Recipients(core, mailings)
        core.route("GET", "/3.0/reports", self.page, query=(*PAGE, *WINDOW), listing=True)
        core.route("GET", REPORT, self.read, query=SELECT)
        core.route("GET", f"{REPORT}/email-activity", self.activity, query=(*PAGE, "since"), listing=True)
        one = "<subscriber_hash>"
        core.route("GET", f"{REPORT}/email-activity/{one}", self.activity_of, query=(*SELECT, "since"))
        core.route("GET", f"{REPORT}/sent-to", self.sent_to, query=PAGE, listing=True)
        core.route("GET", f"{REPORT}/sent-to/{one}", self.sent_to_one, query=SELECT)
        core.route("GET", f"{REPORT}/open-details", self.opens, query=(*PAGE, "since", *SORTED), listing=True)
        core.route("GET", f"{REPORT}/open-details/{one}", self.opens_of, query=SELECT)
        core.route("GET", f"{REPORT}/click-details", self.clicks, query=(*PAGE, *SORTED), listing=True)
        core.route("GET", f"{REPORT}/click-details/<link_id>", self.link, query=SELECT)
        core.route("GET", f"{REPORT}/click-details/<link_id>/members", self.clickers, query=PAGE, listing=True)
        core.route("GET", f"{REPORT}/unsubscribed", self.left, query=PAGE, listing=True)
        core.route("GET", f"{REPORT}/unsubscribed/{one}", self.left_one, query=SELECT)
        core.route("GET", f"{REPORT}/abuse-reports", self.complaints, query=SELECT)
        complaints = "/3.0/lists/<list_id>/abuse-reports"
        core.route("GET", complaints, self.complaints_of_list, query=PAGE, listing=True)

    # -- in numbers ------------------------------------------------------------------------------------

    def page(self, call: Call) -> Answer:
        sent = [campaign for campaign in self.core.state.campaigns.values() if campaign.sent]
        return listing(call, "reports", within(call, self.core, sent), self._report(call))

    def read(self, call: Call) -> Answer:
        return single(call, self.mailings.campaign(call), self._report(call))

    def _report(self, call: Call) -> Mapping[str, Callable[[Campaign], Any]]:
        def tally(campaign: Campaign) -> Tally:
            return self.mailings.tally(campaign, call.now)

        return {
            "id": lambda c: c.id,
            "campaign_title": lambda c: c.title,
            "type": lambda c: "regular",
            "list_id": lambda c: c.list_id,
            "list_is_active": lambda c: True,
            "list_name": lambda c: self.mailings.audience(c).name,
            "subject_line": lambda c: c.subject,
            "preview_text": lambda c: "",
            "emails_sent": lambda c: tally(c).sent,
            "abuse_reports": lambda c: tally(c).complained,
            "unsubscribed": lambda c: tally(c).left,
            "send_time": lambda c: iso(c.sent),
            "bounces": lambda c: {"hard_bounces": tally(c).hard, "soft_bounces": tally(c).soft, "syntax_errors": 0},
            "forwards": lambda c: {"forwards_count": 0, "forwards_opens": 0},
            "opens": lambda c: self._opens(tally(c)),
            "clicks": lambda c: _clicks(tally(c)),
            "ecommerce": lambda c: {"total_orders": 0, "total_spent": 0, "total_revenue": 0},
            "delivery_status": lambda c: {"enabled": False},
        }

    def _opens(self, tally: Tally) -> Json:
        opens: Json = {
            "opens_total": tally.opens,
            "unique_opens": tally.openers,
            "open_rate": rate(tally.openers, tally.delivered),
            "last_open": iso(tally.last_open),
        }
        if self.core.switches.proxy_opens:
            opens["proxy_excluded_opens"] = tally.person_opens
            opens["proxy_excluded_unique_opens"] = tally.person_openers
            opens["proxy_excluded_open_rate"] = rate(tally.person_openers, tally.delivered)
        return opens

    # -- member by member ------------------------------------------------------------------------------

    def activity(self, call: Call) -> Answer:
        """All recipients with what they did; whether those who did nothing are listed is a switch."""
        campaign = self.mailings.campaign(call)
        edge, since = self.recipients.since(call)

        def shown(row: Row) -> Row:
            return row._replace(deeds=self._shown(row, edge)) if row.deeds else row

        if self.core.switches.quiet_listed and not (since and not self.core.switches.quiet_listed_since):
            found: Sequence[Row] = Lazily(self.recipients.rows(campaign, call), shown)
        else:
            found = self.recipients.some(campaign, call, edge, shown)
        return listing(call, "emails", found, ACTIVITY, campaign_id=campaign.id)

    def activity_of(self, call: Call) -> Answer:
        row = self.recipients.one(call)
        return single(call, row._replace(deeds=self._shown(row, self.recipients.since(call)[0])), ACTIVITY)

    def _shown(self, row: Row, edge: int) -> Sequence[Deed]:
        proxies = self.core.switches.proxy_in_activity
        return [
            deed
            for deed in row.deeds
            if deed.at > edge and deed.kind in ("open", "click", "bounce") and (proxies or not deed.machine)
        ]

    def sent_to(self, call: Call) -> Answer:
        campaign = self.mailings.campaign(call)
        return listing(call, "sent_to", self.recipients.rows(campaign, call), SENT, campaign_id=campaign.id)

    def sent_to_one(self, call: Call) -> Answer:
        return single(call, self.recipients.one(call), SENT)

    def opens(self, call: Call) -> Answer:
        campaign, (edge, _) = self.mailings.campaign(call), self.recipients.since(call)
        opened = self.recipients.some(
            campaign, call, edge, lambda row: row._replace(deeds=[d for d in row.of("open") if d.at > edge])
        )
        found = ordered(call, opened, {"opens_count": lambda r: len(r.deeds)})
        more: Json = {"campaign_id": campaign.id, "total_opens": sum(len(row.deeds) for row in found)}
        if self.core.switches.proxy_opens:
            more["total_proxy_excluded_opens"] = sum(not deed.machine for row in found for deed in row.deeds)
        return listing(call, "members", found, self._open_parts(), **more)

    def opens_of(self, call: Call) -> Answer:
        row = self.recipients.one(call)
        if not row.of("open"):
            raise Stop(not_found())
        return single(call, row._replace(deeds=row.of("open")), self._open_parts())

    def _open_parts(self) -> Parts:
        parts = {**ABOUT, **STATUS, "opens_count": lambda r: len(r.deeds)}
        if not self.core.switches.proxy_opens:
            return {**parts, "opens": lambda r: [{"timestamp": iso(deed.at)} for deed in r.deeds]}
        return {
            **parts,
            "proxy_excluded_opens_count": lambda r: sum(not deed.machine for deed in r.deeds),
            "opens": lambda r: [{"timestamp": iso(d.at), "is_proxy_open": d.machine} for d in r.deeds],
        }

    def left(self, call: Call) -> Answer:
        campaign = self.mailings.campaign(call)
        return listing(
            call, "unsubscribes", self.recipients.having(campaign, call, "unsub"), LEFT, campaign_id=campaign.id
        )

    def left_one(self, call: Call) -> Answer:
        row = self.recipients.one(call)
        if not row.of("unsub"):
            raise Stop(not_found())
        return single(call, row, LEFT)

    def complaints(self, call: Call) -> Answer:
        """Without paging: the description has neither count nor offset here."""
        campaign = self.mailings.campaign(call)
        found = self.recipients.having(campaign, call, "abuse")
        return listing(call, "abuse_reports", found, ABUSE, paged=False, campaign_id=campaign.id)

    def complaints_of_list(self, call: Call) -> Answer:
        audience = self.core.audience(call)
        found: list[Row] = []
        for campaign in self.core.state.campaigns.values():
            if campaign.sent and campaign.list_id == audience.id and self.mailings.tally(campaign, call.now).complained:
                found += self.recipients.having(campaign, call, "abuse")
        parts = {name: part for name, part in ABUSE.items() if name != "list_is_active"}
        return listing(call, "abuse_reports", found, parts, list_id=audience.id)

    # -- link by link ----------------------------------------------------------------------------------

    def clicks(self, call: Call) -> Answer:
        campaign = self.mailings.campaign(call)
        links = ordered(
            call,
            campaign.links,
            {
                "total_clicks": lambda url: self._clicks_on(campaign, url, call)[0],
                "unique_clicks": lambda url: self._clicks_on(campaign, url, call)[1],
            },
        )
        return listing(call, "urls_clicked", links, self._link_parts(campaign, call), campaign_id=campaign.id)

    def link(self, call: Call) -> Answer:
        campaign = self.mailings.campaign(call)
        return single(call, self._link(campaign, call), self._link_parts(campaign, call))

    def clickers(self, call: Call) -> Answer:
        campaign = self.mailings.campaign(call)
        url = self._link(campaign, call)
        found = self.recipients.some(
            campaign, call, url, lambda row: row._replace(deeds=[d for d in row.of("click") if d.detail == url])
        )
        parts = {**ABOUT, **STATUS, "clicks": lambda r: len(r.deeds), "url_id": lambda r: link_id(campaign, url)}
        return listing(call, "members", found, parts, campaign_id=campaign.id)

    def _link(self, campaign: Campaign, call: Call) -> str:
        for url in campaign.links:
            if link_id(campaign, url) == call.args["link_id"]:
                return url
        raise Stop(not_found())

    def _clicks_on(self, campaign: Campaign, url: str, call: Call) -> list[int]:
        return self.mailings.tally(campaign, call.now).links.get(url, [0, 0, 0])

    def _link_parts(self, campaign: Campaign, call: Call) -> Mapping[str, Callable[[str], Any]]:
        tally = self.mailings.tally(campaign, call.now)
        people = sum(link[1] for link in tally.links.values())
        return {
            "id": lambda url: link_id(campaign, url),
            "url": lambda url: url,
            "total_clicks": lambda url: self._clicks_on(campaign, url, call)[0],
            "click_percentage": lambda url: rate(self._clicks_on(campaign, url, call)[0], tally.clicks),
            "unique_clicks": lambda url: self._clicks_on(campaign, url, call)[1],
            "unique_click_percentage": lambda url: rate(self._clicks_on(campaign, url, call)[1], people),
            "last_click": lambda url: iso(self._clicks_on(campaign, url, call)[2]),
            "campaign_id": lambda url: campaign.id,
        }


def _clicks(tally: Tally) -> Json:
    return {
        "clicks_total": tally.clicks,
        "unique_clicks": sum(link[1] for link in tally.links.values()),
        "unique_subscriber_clicks": tally.clickers,
        "click_rate": rate(tally.clickers, tally.delivered),
        "last_click": iso(tally.last_click),
    }


def link_id(campaign: Campaign, url: str) -> str:
    return md5(f"{campaign.id} {url}".encode(), usedforsecurity=False).hexdigest()[:10]
