"""A campaign in numbers, as its report counts: what tells whether there is news of it."""

from __future__ import annotations

import msgspec

PARTS = (
    *("id", "campaign_title", "subject_line", "list_id", "send_time", "emails_sent", "abuse_reports"),
    *("unsubscribed", "bounces", "opens", "clicks"),
)


class _Opens(msgspec.Struct):
    opens_total: int = 0
    proxy_excluded_opens: int = 0
    last_open: str = ""


class _Clicks(msgspec.Struct):
    clicks_total: int = 0
    last_click: str = ""


class _Bounces(msgspec.Struct):
    hard_bounces: int = 0
    soft_bounces: int = 0
    syntax_errors: int = 0


class Report(msgspec.Struct):
    """A campaign in numbers."""

    id: str
    campaign_title: str = ""
    subject_line: str = ""
    list_id: str = ""
    send_time: str = ""
    emails_sent: int = 0
    abuse_reports: int = 0
    unsubscribed: int = 0
    bounces: _Bounces = msgspec.field(default_factory=_Bounces)
    opens: _Opens = msgspec.field(default_factory=_Opens)
    clicks: _Clicks = msgspec.field(default_factory=_Clicks)

    def counts(self) -> list[int]:
        """What tells news: sent, opens, opens by people, clicks, bounces, unsubscribes, complaints."""
        bounces = self.bounces.hard_bounces + self.bounces.soft_bounces + self.bounces.syntax_errors
        opens, people, clicks = self.opens.opens_total, self.opens.proxy_excluded_opens, self.clicks.clicks_total
        return [self.emails_sent, opens, people, clicks, bounces, self.unsubscribed, self.abuse_reports]

    def figures(self) -> dict[str, int]:
        """The same in words that people read."""
        return dict(zip(_WORDS, self.counts(), strict=True))


_WORDS = ("sent", "opened", "opened by people", "clicked", "bounced", "left", "complained")


class Reports(msgspec.Struct):
    reports: list[Report]
    total_items: int = 0
