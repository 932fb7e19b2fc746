"""What only contacts do: addresses, lifecycle stages, and the consent that their opt-out properties reflect.

No HTTP here. Each operation either happens whole or raises `Refusal` and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.hubspot_records import Records
from sandbox.hubspot_rules import STAGES, Refusal, address, invalid, missing
from sandbox.hubspot_state import API, MAIL, MERGE, PERSON, Consent, Origin, Record

NAMING = ("email", "firstname", "lastname")
WIDE = 0  # the subscription number under which "all e-mail" is kept


class Portal(Records):
    """The records of the object type contacts."""

    # -- finding ---------------------------------------------------------------------------------

    def find(self, key: str, id_property: str = "hs_object_id") -> Record | None:
        """The living contact with this id (or merged-away id), address or unique value."""
        if id_property != "email":
            return super().find(key, id_property)
        contact = self.by_email(key)
        return contact if contact is not None and contact.archived is None else None

    def by_email(self, email: str) -> Record | None:
        email = email.strip().lower()
        contact = self.state.records.get(self.whole.by_email.get(email, 0))
        if contact is None or contact.props.get("email") == email or self.switches.match_additional_emails:
            return contact
        return None

    def demand_unique(self, name: str) -> None:
        if name != "email":
            super().demand_unique(name)

    # -- writing ---------------------------------------------------------------------------------

    def complete(self, props: dict[str, str]) -> None:
        if not any(props.get(name) for name in NAMING):  # facts: Writing, at least one of the three
            message = "At least one of the following properties is required: email, firstname, lastname"
            raise Refusal(400, "VALIDATION_ERROR", message)

    def born(self, record: Record) -> None:
        record.props.update({name: value for name, value in self._flags(record).items() if value})

    def adjust(self, record: Record, wanted: dict[str, str]) -> None:
        self._guard_stage(record, wanted)
        self._address_change(record, wanted)

    def update(self, record: Record, given: Mapping[str, Any], now: int, origin: Origin = API) -> None:
        wanted = self.check_update(record, given, origin)
        self.put(record, wanted, now, origin)
        if "email" in wanted:
            self.reflect(record, now)
        self.rewrite(record, wanted, now, origin)

    def _guard_stage(self, contact: Record, wanted: dict[str, str]) -> None:
        """Lifecycle stages only move forward, unless cleared first; a step back is ignored (switch)."""
        new, old = wanted.get("lifecyclestage"), contact.props.get("lifecyclestage")
        if not (new and old and self.switches.lifecycle_forward_only):
            return
        if STAGES.index(new) < STAGES.index(old):
            del wanted["lifecyclestage"]

    def _address_change(self, contact: Record, wanted: dict[str, str]) -> None:
        """A new primary address that the contact already has as an additional one changes places with it."""
        new, old = wanted.get("email"), contact.props.get("email", "")
        others = contact.emails()[1:] if old else contact.emails()
        if new and new in others:
            rest = [email for email in others if email != new]
            wanted["hs_additional_emails"] = ";".join([*rest, old] if old else rest)

    def refuse_taken(self, props: Mapping[str, str], own: Record | None) -> None:
        """Addresses belong to one contact (facts: Writing, 409 names the existing id, 3p)."""
        email = props.get("email")
        if email and email in self.whole.blocked:
            raise invalid("INVALID_EMAIL", "email", f"Email address {email} is blocked by a privacy request")
        holder = self.whole.by_email.get(email, 0) if email else 0
        if holder and (own is None or holder != own.id):
            raise Refusal(409, "CONFLICT", f"Contact already exists. Existing ID: {holder}")
        super().refuse_taken(props, own)

    def keys(self, record: Record, before: Mapping[str, str], changed: Mapping[str, str]) -> None:
        """Keep the look-ups by address and by unique value."""
        if "email" in changed or "hs_additional_emails" in changed:
            self._forget_emails(record)
            after = Record(0, {**before, **changed}, 0, 0)
            self.whole.by_email.update(dict.fromkeys(after.emails(), record.id))
        super().keys(record, before, changed)

    def _forget_emails(self, contact: Record) -> None:
        for email in contact.emails():
            if self.whole.by_email.get(email) == contact.id:
                del self.whole.by_email[email]

    def forget_keys(self, record: Record) -> None:
        self._forget_emails(record)
        super().forget_keys(record)

    def add_email(self, contact: Record, email: str, now: int) -> None:
        """A further address; `put` because the property itself is read-only over the API."""
        self.refuse_taken({"email": email}, contact)
        others = dict.fromkeys((*contact.emails()[1:], email))
        self.put(contact, {"hs_additional_emails": ";".join(others)}, now, PERSON)

    def bounce(self, email: str, reason: str, now: int) -> None:
        """A hard bounce marks the contact, and is no opt-out."""
        contact = self.by_email(email)
        if contact is None:
            raise missing(f"no contact has the address {email}")
        count = int(contact.props.get("hs_email_bounce") or 0) + 1
        marks = {
            "hs_email_bounce": str(count),
            "hs_email_hard_bounce_reason": reason,
            "hs_email_hard_bounce_reason_enum": reason,
        }
        self.put(contact, marks, now, MAIL)

    # -- leaving ---------------------------------------------------------------------------------

    def erase(self, record: Record) -> None:
        for email in record.emails():
            self.whole.consents.pop(email, None)
        super().erase(record)

    def merge(self, keep: Record, lose: Record, now: int, origin: Origin = MERGE) -> Record:
        survivor = super().merge(keep, lose, now, origin)
        self.reflect(survivor, now)
        return survivor

    def gained(self, keep: Record, lose: Record) -> dict[str, str]:
        """Values, but for opt-outs, and all addresses."""
        filled = super().gained(keep, lose)
        filled = {name: value for name, value in filled.items() if not name.startswith("hs_email_optout")}
        emails = list(dict.fromkeys((*keep.emails(), *lose.emails())))
        if emails:
            filled["email"] = emails[0]
            filled["hs_additional_emails"] = ";".join(emails[1:])
        return filled

    # -- consent ---------------------------------------------------------------------------------

    def consent(self, email: str, consent: Consent) -> None:
        """File what *email* said, and let the contact's opt-out properties reflect it."""
        self.whole.consents.setdefault(email, {})[consent.subscription] = consent
        contact = self.state.records.get(self.whole.by_email.get(email, 0))
        if contact is not None and contact.props.get("email") == email:
            self.reflect(contact, consent.at)
        self.version += 1

    def consents(self, email: str) -> dict[int, Consent]:
        return self.whole.consents.get(email, {})

    def opted_out(self, email: str, subscription: int) -> bool:
        """Whether *email* may not be mailed under this type, for its own sake or for all."""
        said = self.consents(email)
        return any(key in said and said[key].state == "UNSUBSCRIBED" for key in (WIDE, subscription))

    def reflect(self, contact: Record, now: int) -> None:
        """`hs_email_optout` and `hs_email_optout_<id>` follow the primary address (facts: Consent)."""
        self.put(contact, self._flags(contact), now, MAIL)

    def _flags(self, contact: Record) -> dict[str, str]:
        said = self.consents(contact.props.get("email", ""))
        flags = {}
        for key in (WIDE, *self.whole.subscriptions):
            name = f"hs_email_optout_{key}" if key else "hs_email_optout"
            out = key in said and said[key].state == "UNSUBSCRIBED"
            if key and self.switches.wide_optout_on_types:
                out = out or (WIDE in said and said[WIDE].state == "UNSUBSCRIBED")
            before = contact.props.get(name, "")
            flags[name] = "true" if out else ("false" if before == "true" else before)
        return flags

    # -- filling ---------------------------------------------------------------------------------

    def take_in(self, record: Record, given: Mapping[str, Any]) -> None:
        email = record.props.get("email")
        if email:
            record.props["email"] = email = address(email)
        extra = [address(other) for other in given.get("additional_emails", ())]
        if extra:
            record.props["hs_additional_emails"] = ";".join(extra)
        emails = [email, *extra] if email else extra
        if any(one in self.whole.by_email for one in emails):
            raise ValueError(f"contact {record.id} ({', '.join(emails)}) is already there")
        super().take_in(record, given)
        for one in emails:
            self.whole.by_email[one] = record.id
