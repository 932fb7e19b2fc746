"""What happens around campaigns in the product and in people's mailboxes: sent, opened, clicked, left; and notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import md5
from typing import Any

from sandbox.mailchimp_deeds import Campaign, Deed, Event, Kind, Note, Order, Past, Store
from sandbox.mailchimp_mailings import Mailings
from sandbox.mailchimp_notes import AUTHOR, add_event, add_note, change_note, drop_note
from sandbox.mailchimp_people import MailchimpPeople
from sandbox.mailchimp_state import Audience, Member, iso

Json = dict[str, Any]

LINKS = ("https://bakery.example/brot", "https://bakery.example/kurse")
HOME_IP, PROXY_IP = "203.0.113.9", "198.51.100.9"
DRAFTED = 86_400  # seconds for which a campaign of the past was a draft


class MailchimpEngaged(MailchimpPeople):
    """Campaigns. *campaign_id* defaults to the last one that the member got."""

    mailings: Mailings

    def load_past(self, past: Past, list_id: str | None = None) -> int:
        """Take over campaigns and all that became of them; the members are loaded already. Returns their number."""
        with self.lock:
            audience = self.list_of(list_id)
            if audience.past is not None:
                raise ValueError(f"the audience {audience.name} has a past already")
            audience.past = past
            for number, one in enumerate(past.campaigns):
                self.state.campaigns[one.id] = Campaign(
                    id=one.id,
                    web_id=self.number(),
                    list_id=audience.id,
                    title=one.title,
                    subject=one.subject,
                    created=one.sent - DRAFTED,
                    sent=one.sent,
                    links=one.links,
                    number=number,
                )
            for position, kind in past.ended():
                key = audience.keys.get(past.contacts[position])
                if kind == "abuse" and key is not None:
                    audience.members[key].left_by = "complaint"
            audience.version += 1
            self.restored()
            return len(past.campaigns)

    # -- in the product --------------------------------------------------------------------------------

    def human_draft_campaign(self, title: str, *, subject: str = "", list_id: str | None = None) -> Json:
        """Write a campaign and leave it at that."""
        return self._campaign(self.list_of(list_id), title, subject, LINKS)

    def human_send_campaign(
        self,
        title: str = "",
        *,
        subject: str = "",
        links: Sequence[str] = LINKS,
        segment: str | None = None,
        campaign_id: str | None = None,
        list_id: str | None = None,
    ) -> Json:
        """Send a campaign, or the draft *campaign_id*, to all subscribed members, or to those with a tag."""
        audience = self.list_of(list_id)
        if campaign_id is None:
            campaign_id = str(self._campaign(audience, title, subject, links)["id"])
        campaign = self.state.campaigns[campaign_id]
        if campaign.sent:
            raise ValueError(f"the campaign {campaign.title} was sent already")
        audience = self.state.audiences[campaign.list_id]
        campaign.segment = audience.tag_ids[segment] if segment is not None else 0
        campaign.sent = int(self.clock().timestamp())
        campaign.to = [
            member.contact_id
            for member in audience.members.values()
            if member.status == "subscribed" and (segment is None or campaign.segment in member.tags)
        ]
        audience.version += 1
        return {"id": campaign.id, "title": campaign.title, "sent": iso(campaign.sent), "recipients": len(campaign.to)}

    def _campaign(self, audience: Audience, title: str, subject: str, links: Sequence[str]) -> Json:
        number = self.number()
        id = md5(f"campaign {audience.id} {number}".encode(), usedforsecurity=False).hexdigest()[:10]
        title = title or f"Newsletter {number}"
        created = int(self.clock().timestamp())
        made = Campaign(id, number, audience.id, title, subject or title, created, links=tuple(links))
        self.state.campaigns[id] = made
        return {"id": id, "title": title}

    def human_note(self, email: str, note: str, *, by: str = AUTHOR, list_id: str | None = None) -> Json:
        """Write a note about a member."""
        audience, member = self._who(email, list_id)
        return _shown(add_note(self, audience, member, note, self.clock(), by))

    def human_edit_note(self, email: str, note_id: int, note: str, *, list_id: str | None = None) -> Json:
        audience, member = self._who(email, list_id)
        found = self._note(audience, member, note_id)
        change_note(self, audience, member, found, note, self.clock())
        return _shown(found)

    def human_delete_note(self, email: str, note_id: int, *, list_id: str | None = None) -> None:
        audience, member = self._who(email, list_id)
        drop_note(self, audience, member, self._note(audience, member, note_id), self.clock())

    def _note(self, audience: Audience, member: Member, note_id: int) -> Note:
        for note in audience.notes.get(member.contact_id, ()):
            if note.id == note_id:
                return note
        raise LookupError(f"no note {note_id} about {member.email}")

    def human_add_to_segment(self, email: str, segment: str, *, list_id: str | None = None) -> Json:
        """Put a member into a static segment, which is made if there is none of that name: the same as a tag."""
        return self.human_tag(email, segment, list_id=list_id)

    def human_remove_from_segment(self, email: str, segment: str, *, list_id: str | None = None) -> Json:
        return self.human_untag(email, segment, list_id=list_id)

    # -- in somebody's mailbox ---------------------------------------------------------------------------

    def human_open(
        self, email: str, *, campaign_id: str | None = None, machine: bool = False, list_id: str | None = None
    ) -> Json:
        """Open a campaign; *machine*: the mail program fetches the pictures, whether or not anybody reads."""
        ip = PROXY_IP if machine else HOME_IP
        return self._did(email, "open", campaign_id, list_id, ip=ip, machine=machine)

    def human_click(
        self, email: str, url: str | None = None, *, campaign_id: str | None = None, list_id: str | None = None
    ) -> Json:
        """Follow a link of a campaign, the first one if none is named."""
        campaign = self._mailing(email, campaign_id, list_id)
        if url is None:
            url = campaign.links[0]
        elif url not in campaign.links:
            campaign.links += (url,)
        return self._did(email, "click", campaign.id, list_id, detail=url, ip=HOME_IP)

    def human_soft_bounce(self, email: str, *, campaign_id: str | None = None, list_id: str | None = None) -> Json:
        """The mailbox is full: the member stays subscribed."""
        return self._did(email, "bounce", campaign_id, list_id, detail="soft")

    def human_unsubscribe(
        self, email: str, *, by: str = "person", campaign_id: str | None = None, list_id: str | None = None
    ) -> Json:
        """Leave by the link in a mail (of *campaign_id*, if named), or be taken off by an *admin*."""
        self._ended(email, "unsub", "None given", campaign_id, list_id)
        return super().human_unsubscribe(email, by=by, list_id=list_id)

    def human_complain(self, email: str, *, campaign_id: str | None = None, list_id: str | None = None) -> Json:
        """Press "this is spam", of *campaign_id* if named: Mailchimp cleans the address (facts, Consent)."""
        self._ended(email, "abuse", "", campaign_id, list_id)
        return super().human_complain(email, list_id=list_id)

    def human_bounce(self, email: str, *, campaign_id: str | None = None, list_id: str | None = None) -> Json:
        """The mailbox is gone for good: a hard bounce, of *campaign_id* if named, cleans the address."""
        self._ended(email, "bounce", "hard", campaign_id, list_id)
        return super().human_bounce(email, list_id=list_id)

    def human_event(
        self, email: str, name: str, properties: Mapping[str, str] | None = None, *, list_id: str | None = None
    ) -> None:
        """Do something elsewhere that an integration reports to Mailchimp."""
        audience, member = self._who(email, list_id)
        now = self.clock()
        add_event(self, audience, member, Event(name, int(now.timestamp()), dict(properties or {})), now)

    def human_open_store(self, store_id: str, name: str, *, currency: str = "EUR", list_id: str | None = None) -> None:
        """Connect a shop to an audience."""
        audience = self.list_of(list_id)
        now = int(self.clock().timestamp())
        self.state.stores[store_id] = Store(store_id, audience.id, name, currency, now)

    def human_order(
        self, email: str, total: float, what: str = "Brot", *, store_id: str | None = None, campaign_id: str = ""
    ) -> Json:
        """Buy something in a shop, the first one if none is named; *campaign_id*: after reading that mailing."""
        store = self.state.stores[store_id] if store_id else next(iter(self.state.stores.values()))
        _, member = self._who(email, store.list_id)
        at = int(self.clock().timestamp())
        order = Order(f"o{self.number()}", store.id, member.contact_id, total, what, at, campaign_id)
        store.orders.append(order)
        return {"id": order.id, "store_id": store.id, "order_total": total}

    # -- shared ------------------------------------------------------------------------------------------

    def _mailing(self, email: str, campaign_id: str | None, list_id: str | None) -> Campaign:
        """The campaign of that id, or the last one that the member got."""
        audience, member = self._who(email, list_id)
        got = [campaign for campaign, _ in self.mailings.history(audience, member, self.clock())]
        for campaign in sorted(got, key=lambda one: one.sent, reverse=True):
            if campaign_id in (None, campaign.id):
                return campaign
        raise LookupError(f"{email} did not get the campaign {campaign_id or 'at all'}")

    def _did(
        self,
        email: str,
        kind: Kind,
        campaign_id: str | None,
        list_id: str | None,
        *,
        detail: str = "",
        ip: str = "",
        machine: bool = False,
    ) -> Json:
        campaign = self._mailing(email, campaign_id, list_id)
        audience, member = self._who(email, list_id)
        now = self.clock()
        deed = Deed(int(now.timestamp()), kind, detail, ip, machine)
        campaign.told.setdefault(member.contact_id, []).append(deed)
        self.touched(audience, member, now if self.switches.deeds_touch else None)
        return {"campaign_id": campaign.id, "action": kind, "timestamp": iso(deed.at)}

    def _ended(self, email: str, kind: Kind, detail: str, campaign_id: str | None, list_id: str | None) -> None:
        if campaign_id is not None:
            self._did(email, kind, campaign_id, list_id, detail=detail)


def _shown(note: Note) -> Json:
    return {"id": note.id, "note": note.text, "created_by": note.by, "created_at": iso(note.created)}
