"""What one member did, over the API: recent activity, and the activity feed.

The feed pages by ``count`` and ``offset`` and says no total: the description has neither a cursor nor a count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from sandbox.mailchimp_core import MailchimpCore
from sandbox.mailchimp_deeds import Campaign, Deed
from sandbox.mailchimp_listing import listing
from sandbox.mailchimp_mailings import Mailings
from sandbox.mailchimp_members import MEMBER
from sandbox.mailchimp_rules import invalid
from sandbox.mailchimp_select import PAGE, SELECT, selection
from sandbox.mailchimp_state import Audience, Member, iso
from sandbox.platform import Answer, Call, Stop

Json = dict[str, Any]

RECENT: Final = 50  # the description: "Get the last 50 events of a member's activity"
ACTIONS: Final = ("abuse", "bounce", "click", "open", "sent", "unsub", "ecomm")
# What the feed of the sandbox knows; the other types of the description occur in no rehearsed account.
FEED: Final = ("bounce", "click", "event", "generic_signup", "note", "open", "sent", "unsub")
OTHERS: Final = frozenset(
    {
        *("conversation", "ecommerce_signup", "web_engagement", "landing_page_signup", "marketing_permission"),
        *("order", "postcard_sent", "signup", "squatter_signup", "website_signup", "survey_response"),
    }
)


class Feed:
    """The handlers of a member's activity."""

    def __init__(self, core: MailchimpCore, mailings: Mailings) -> None:
        self.core, self.mailings = core, mailings
        core.route("GET", f"{MEMBER}/activity", self.recent, query=(*SELECT, "action"))
        core.route("GET", f"{MEMBER}/activity-feed", self.feed, query=(*PAGE, "activity_filters"), listing=True)

    def _deeds(self, call: Call, audience: Audience, member: Member) -> Iterator[tuple[Campaign, Deed | None]]:
        """Each campaign as it was sent (no deed), and each deed."""
        proxies = self.core.switches.proxy_in_activity
        for campaign, deeds in self.mailings.history(audience, member, call.now):
            yield campaign, None
            for deed in deeds:
                if proxies or not deed.machine:
                    yield campaign, deed

    def recent(self, call: Call) -> Answer:
        audience, member = self.core.member(call)
        wanted = call.many("action")
        if any(name not in ACTIONS for name in wanted):
            raise Stop(invalid([("action", "Value must be one of: " + ", ".join(ACTIONS))]))
        shown: list[Json] = []
        for campaign, deed in self._deeds(call, audience, member):
            kind = deed.kind if deed else "sent"
            if wanted and kind not in wanted:
                continue
            one = {"action": kind, "timestamp": iso(deed.at if deed else campaign.sent), "campaign_id": campaign.id}
            if deed and deed.kind == "click":
                one["url"] = deed.detail
            shown.append({**one, "title": campaign.title, "type": "regular"})
        shown.sort(key=lambda one: str(one["timestamp"]), reverse=True)
        answer = {
            "activity": shown[:RECENT],
            "email_id": member.key,
            "contact_id": member.contact_id,
            "list_id": audience.id,
            "total_items": min(len(shown), RECENT),
        }
        return Answer(200, selection(call, (*answer, "_links"), "activity").cut(answer))

    def feed(self, call: Call) -> Answer:
        """Newest first (?)."""
        audience, member = self.core.member(call)
        wanted = call.many("activity_filters")
        if any(name not in FEED and name not in OTHERS for name in wanted):
            raise Stop(invalid([("activity_filters", "Value must be one of: " + ", ".join([*FEED, *sorted(OTHERS)]))]))
        found = [one for one in self._entries(call, audience, member) if not wanted or one["activity_type"] in wanted]
        found.sort(key=lambda one: str(one["created_at_timestamp"]), reverse=True)
        answer = listing(call, "activity", found, _SHOWN, email_id=member.key, list_id=audience.id)
        answer.body.pop("total_items", None)
        return answer

    def _entries(self, call: Call, audience: Audience, member: Member) -> Iterator[Json]:
        for campaign, deed in self._deeds(call, audience, member):
            if deed is None or deed.kind != "abuse":  # no type of the feed is a complaint
                yield _entry(campaign, deed, member)
        for note in audience.notes.get(member.contact_id, ()):
            yield {
                "activity_type": "note",
                "note_id": str(note.id),
                "note_text": note.text,
                "created_by": note.by,
                "created_at_timestamp": iso(note.created),
                "updated_at_timestamp": iso(note.updated),
            }
        for event in audience.events.get(member.contact_id, ()):
            yield {
                "activity_type": "event",
                "event_name": event.name,
                "event_properties": [f"{name}: {value}" for name, value in event.properties.items()],
                "created_at_timestamp": iso(event.occurred),
            }
        if member.timestamp_signup:
            yield {
                "activity_type": "generic_signup",
                "signup_category": member.source,
                "created_at_timestamp": iso(member.timestamp_signup),
            }


def _entry(campaign: Campaign, deed: Deed | None, member: Member) -> Json:
    kind = deed.kind if deed else "sent"
    shown: Json = {
        "activity_type": kind,
        "created_at_timestamp": iso(deed.at if deed else campaign.sent),
        "campaign_id": campaign.id,
        "campaign_title": campaign.title,
    }
    if deed and kind == "click":
        shown["link_clicked"] = deed.detail
    if deed and kind == "bounce":
        shown |= {"bounce_type": deed.detail, "bounce_has_open_activity": False}
    if deed and kind == "unsub":
        shown |= {"unsubscribe_reason": deed.detail, "is_admin_unsubscribed": member.left_by in ("admin", "api")}
    return shown


def _part(name: str) -> Callable[[Json], Any]:
    return lambda one: one.get(name)


_SHOWN: Final[Mapping[str, Callable[[Json], Any]]] = {
    name: _part(name)
    for name in (
        *("activity_type", "created_at_timestamp", "updated_at_timestamp", "campaign_id", "campaign_title"),
        *("link_clicked", "bounce_type", "bounce_has_open_activity", "unsubscribe_reason", "is_admin_unsubscribed"),
        *("note_id", "note_text", "created_by", "event_name", "event_properties", "signup_category"),
    )
}
