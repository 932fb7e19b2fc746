"""The Brevo emulator's middle: credentials, limits, and the one place where a contact changes."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sandbox.brevo_state import BrevoState, Contact, Json, Switches, show
from sandbox.platform import Answer, Call, Clock, Emulator, Route, Stop

HOUR: Final = timedelta(hours=1)
DEFAULTS: Final = {"LASTNAME": "text", "FIRSTNAME": "text", "SMS": "text"}
ADDRESS: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
NUMBER: Final = re.compile(r"(?:\+|00)\d{7,15}")


def refused(code: str, message: str, status: int = 400) -> Answer:
    """facts, Errors: ``{code, message}``."""
    return Answer(status, {"code": code, "message": message})


class BrevoCore(Emulator):
    """State, credentials and changes of contacts; the paths are added by `BrevoSandbox`."""

    name = "brevo"
    state: BrevoState

    def __init__(
        self,
        *,
        api_key: str = "sandbox-brevo-demo",
        clock: Clock | None = None,
        quotas: bool = True,
        switches: Switches | None = None,
        a_second: int = 10,
        an_hour: int = 36_000,
        rest: int = 100,
    ) -> None:
        super().__init__(BrevoState(attributes=dict(DEFAULTS)), clock=clock, quotas=quotas)
        self.switches = switches or Switches()
        if not api_key.startswith("sandbox-"):
            raise ValueError("a credential of the sandbox starts with sandbox-")
        self.keys = {api_key}
        self.windows = {
            "contacts": ((timedelta(seconds=1), a_second), (HOUR, an_hour)),
            "rest": ((HOUR, rest),),
        }
        self._starts: dict[str, deque[datetime]] = {"contacts": deque(), "rest": deque()}

    # -- the door ------------------------------------------------------------------------------------

    def authenticate(self, call: Call, route: Route) -> Answer | None:
        """Header ``api-key`` (facts, Auth)."""
        if call.headers.get("api-key", "") not in self.keys:
            return refused("unauthorized", "Key not found", 401)
        return None

    def family(self, route: Route) -> str:
        """Contacts have limits of their own (facts, Limits)."""
        return "contacts" if route.template.startswith("/contacts") else "rest"

    def spend(self, call: Call, route: Route) -> Answer | None:
        starts = self._starts[self.family(route)]
        while starts and starts[0] <= call.now - HOUR:
            starts.popleft()
        for length, most in self.windows[self.family(route)]:
            if sum(at > call.now - length for at in starts) >= most:
                return self.too_many()
        starts.append(call.now)
        return None

    def headers(self, call: Call, route: Route) -> tuple[tuple[str, str], ...]:
        """facts: no Retry-After; the reset is in seconds."""
        if not self.quotas:
            return ()
        family = self.family(route)
        length, most = self.windows[family][0]
        recent = [at for at in self._starts[family] if at > call.now - length]
        reset = (recent[0] + length - call.now).total_seconds() if recent else 0.0
        return (
            ("x-sib-ratelimit-limit", str(most)),
            ("x-sib-ratelimit-remaining", str(max(0, most - len(recent)))),
            ("x-sib-ratelimit-reset", str(int(reset) + 1)),
        )

    def too_many(self, retry_after: float | None = None) -> Answer:
        answer = Answer(429, {"message": "API rate limit exceeded"})
        wait = () if retry_after is None else (("Retry-After", f"{retry_after:g}"),)
        return answer._replace(headers=wait)

    def broken(self, status: int = 500) -> Answer:
        return Answer(status, {"code": "internal_error", "message": "Something went wrong"})

    def malformed(self, message: str) -> Answer:
        return refused("invalid_parameter", message)

    # -- contacts ------------------------------------------------------------------------------------

    def contact(self, named: str) -> Contact:
        """A contact by its number or its address; stops with the vendor's 404."""
        number = self.state.by_email.get(named.lower()) if "@" in named else int(named) if named.isdigit() else None
        found = self.state.contacts.get(number) if number is not None else None
        if found is None:
            raise Stop(refused("document_not_found", "Contact does not exist", 404))
        return found

    def change(self, contact: Contact, values: Mapping[str, Any], now: datetime, *, by: str = "api") -> None:
        """Set what is in *values*, all or nothing; a stamp moves only where something is different afterwards."""
        attributes = self.checked(values.get("attributes") or {}, contact)
        lists = self._listed(values)
        before = show(contact, self.switches)
        address = attributes.pop("EMAIL", None)
        if address:
            self._move(contact, address)
        for name, value in attributes.items():
            if value in (None, ""):
                contact.attributes.pop(name, None)
            else:
                typed = by != "api"
                contact.attributes[name] = self.rewritten(name, value, by_person=typed)
        if "emailBlacklisted" in values:
            contact.blacklisted = bool(values["emailBlacklisted"])
        if "smsBlacklisted" in values:
            contact.sms_blacklisted = bool(values["smsBlacklisted"])
        contact.lists = [one for one in dict.fromkeys([*contact.lists, *lists]) if one not in self._unlinked(values)]
        after = show(contact, self.switches)
        if after != before:
            contact.modified = now
            self.told("contactUpdated", contact, now, {"content": [after["attributes"]]})

    def _listed(self, values: Mapping[str, Any]) -> list[int]:
        lists = list(values.get("listIds") or ())
        if strange := [one for one in lists if one not in self.state.lists]:
            raise Stop(refused("invalid_parameter", f"List {strange[0]} does not exist"))
        return lists

    def _unlinked(self, values: Mapping[str, Any]) -> list[int]:
        return list(values.get("unlinkListIds") or ())

    def _move(self, contact: Contact, address: str) -> None:
        del self.state.by_email[contact.email]
        contact.email = address
        self.state.by_email[address] = contact.id

    def checked(self, given: Mapping[str, Any], contact: Contact | None) -> Json:
        """Attributes as they will stand there; stops where one cannot."""
        found: Json = {}
        for name, value in given.items():
            if name == "EMAIL":
                found[name] = self.address(value, contact)
            elif name not in self.state.attributes:
                if self.switches.unknown == "refuse":
                    raise Stop(refused("invalid_parameter", f"attribute {name} does not exist"))
            elif name == "SMS" and value:
                found[name] = self._number(str(value), contact)
            else:
                found[name] = value
        return found

    def address(self, text: Any, contact: Contact | None = None) -> str:
        """An address that nobody else has, in small letters."""
        address = str(text or "").strip().lower()
        if not ADDRESS.fullmatch(address):
            raise Stop(refused("invalid_parameter", "Invalid email address"))
        other = self.state.by_email.get(address)
        if other is not None and (contact is None or other != contact.id):
            raise Stop(refused("duplicate_parameter", "Contact already exist"))
        return address

    def _number(self, text: str, contact: Contact | None) -> str:
        """description: with its country code; and at one contact only."""
        digits = re.sub(r"[\s()./-]", "", text)
        if not NUMBER.fullmatch(digits):
            raise Stop(refused("invalid_parameter", "Invalid phone number"))
        number = "+" + digits.removeprefix("+").removeprefix("00")
        for other in self.state.contacts.values():
            if other.attributes.get("SMS") == number and (contact is None or other.id != contact.id):
                raise Stop(refused("duplicate_parameter", "SMS is already associated with another Contact"))
        return number

    def born(self, values: Mapping[str, Any], now: datetime, *, by: str = "api") -> Contact:
        address = self.address(values.get("email"))
        attributes, lists = self.checked(values.get("attributes") or {}, None), self._listed(values)
        number = self.state.number("contact")
        kept = {name: self.rewritten(name, one, by_person=by != "api") for name, one in attributes.items() if one != ""}
        contact = Contact(number, address, now, now, kept, lists, blacklisted=bool(values.get("emailBlacklisted")))
        self.state.contacts[number] = contact
        self.state.by_email[address] = number
        for one in lists:
            self.told("listAddition", contact, now, {"list_id": [one]})
        return contact

    def delete(self, contact: Contact, now: datetime) -> None:
        del self.state.contacts[contact.id]
        del self.state.by_email[contact.email]
        self.told("contactDeleted", contact, now, {})

    def told(self, event: str, contact: Contact, now: datetime, more: Mapping[str, Any]) -> None:
        """Something happened to a contact: hooks may want to know."""

    def dump(self) -> Iterator[Json]:
        for contact in self.state.contacts.values():
            yield {"kind": "contact", **show(contact, self.switches)}
        for one in self.state.lists.values():
            yield {"kind": "list", "id": one.id, "name": one.name}
