"""Brevo, rehearsed: the contacts of one account, on loopback.

Docs      the vendor's description of API v3 (Swagger 2.0, 2025) and the Brevo part of the project's platform facts;
          comments quote what a behaviour rests on, and `Switches` holds what is unconfirmed
Emulates  contacts (list by offset and modification, read with statistics, make, change one or a hundred, delete),
          attributes of the normal category, lists and folders, the account, marketing webhooks; ten calls a second for
          contacts, a hundred an hour for the rest; addresses and phone numbers that are there once
Keys      only credentials that start with ``sandbox-`` exist here
Base      the paths stand without ``/v3``, which is part of the vendor's base address
Not emulated
          campaigns and what they do beyond statistics and webhooks; import and export jobs; double opt-in; attributes
          of other categories, making and changing attributes; transactional mail, SMS, WhatsApp, companies, deals,
          conversations, e-commerce; `ext_id` and filters (newer than the description); OAuth; the IP allow-list
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sandbox.brevo_contacts import Contacts
from sandbox.brevo_core import BrevoCore
from sandbox.brevo_setup import Setup
from sandbox.brevo_state import Contact, Json, MailList, Switches, stamp
from sandbox.brevo_webhooks import BrevoMailroom, Hooks
from sandbox.platform import Clock
from sandbox.webhooks_postman import Postman

__all__ = ["OPENED", "BrevoSandbox", "Switches"]

OPENED = datetime(2019, 3, 1, tzinfo=UTC)


class BrevoSandbox(BrevoCore):
    """The account of a small bakery; `human_…` methods do what people do in the product, or with a mail."""

    mailroom: BrevoMailroom

    def __init__(
        self,
        *,
        api_key: str = "sandbox-brevo-demo",
        clock: Clock | None = None,
        quotas: bool = True,
        switches: Switches | None = None,
        **limits: int,
    ) -> None:
        super().__init__(api_key=api_key, clock=clock, quotas=quotas, switches=switches, **limits)
        self.mailroom = BrevoMailroom(self)
        self.postman = Postman(self.mailroom)
        contacts = Contacts(self)
        self.setup = Setup(self, contacts)
        Hooks(self)

    def told(self, event: str, contact: Contact, now: datetime, more: Mapping[str, Any]) -> None:
        self.mailroom.tell_all(event, contact, now, more)

    def define(self, name: str, kind: str = "text") -> None:
        """Make an attribute in the product."""
        self.state.attributes[name] = kind

    def load(self, records: Iterable[Mapping[str, Any]]) -> int:
        """Put contacts there as they were long ago."""
        before = len(self.state.contacts)
        for record in records:
            number = self.state.number("contact")
            created = record.get("created", OPENED)
            contact = Contact(number, record["email"].lower(), created, record.get("modified", created))
            contact.attributes = {name: value for name, value in record.get("attributes", {}).items() if value}
            contact.lists = [self.human_list(name) for name in record.get("lists", ())]
            contact.blacklisted = bool(record.get("left") or record.get("bounced") or record.get("blacklisted"))
            happened = [{"campaignId": 1, "eventTime": stamp(contact.modified)}]
            contact.left = [{**one, "ip": "203.0.113.7"} for one in happened] if record.get("left") else []
            contact.bounced = happened if record.get("bounced") else []
            self.state.contacts[number] = contact
            self.state.by_email[contact.email] = number
        return len(self.state.contacts) - before

    # -- what people do --------------------------------------------------------------------------------

    def human_create(self, email: str, attributes: Mapping[str, Any] | None = None) -> int:
        return self.born({"email": email, "attributes": attributes or {}}, self.clock(), by="user").id

    def human_update(self, named: str, attributes: Mapping[str, Any]) -> None:
        self.change(self.contact(named), {"attributes": attributes}, self.clock(), by="user")

    def human_delete(self, named: str) -> None:
        self.delete(self.contact(named), self.clock())

    def human_list(self, name: str) -> int:
        """Make a list in the product, or find it; gives its number."""
        for one in self.state.lists.values():
            if one.name == name:
                return one.id
        if not self.state.folders:
            self.state.folders[self.state.number("folder")] = "Bakery"
        made = self.state.number("list")
        self.state.lists[made] = MailList(made, name, min(self.state.folders), self.clock())
        return made

    def human_unsubscribe(self, named: str, listing: int | None = None) -> None:
        """The person follows the link in a mail: out of everything, or out of one list."""
        contact, now = self.contact(named), self.clock()
        if listing is None:
            contact.blacklisted = True
            contact.left.append({**self._event(now), "ip": "203.0.113.7"})
        else:
            contact.left_lists.append(listing)
            contact.lists = [one for one in contact.lists if one != listing]
        self._happened("unsubscribed", contact, now)

    def human_bounce(self, named: str) -> None:
        contact, now = self.contact(named), self.clock()
        contact.blacklisted = True
        contact.bounced.append(self._event(now))
        self._happened("hardBounce", contact, now)

    def human_complain(self, named: str) -> None:
        contact, now = self.contact(named), self.clock()
        contact.blacklisted = True
        contact.complained.append(self._event(now))
        self._happened("spam", contact, now)

    def human_open(self, named: str) -> None:
        contact, now = self.contact(named), self.clock()
        contact.opened.append({**self._event(now), "count": 1, "ip": "203.0.113.7"})
        self.told("opened", contact, now, {"camp_id": 1, "campaign name": "Bread of the week"})

    def _event(self, now: datetime) -> Json:
        return {"campaignId": 1, "eventTime": stamp(now)}

    def _happened(self, event: str, contact: Contact, now: datetime) -> None:
        contact.modified = now
        self.told(event, contact, now, {"camp_id": 1, "campaign name": "Bread of the week"})
