"""Contacts of the Brevo emulator: list, read, make, change one or many, delete."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sandbox.brevo_core import BrevoCore, refused
from sandbox.brevo_state import Contact, Json, show, statistics
from sandbox.platform import Answer, Call, Stop

CONTACTS: Final = "/contacts"
CREATED: Final = ("email", "attributes", "emailBlacklisted", "smsBlacklisted", "listIds", "updateEnabled")
CHANGED: Final = ("attributes", "emailBlacklisted", "smsBlacklisted", "listIds", "unlinkListIds")
MANY: Final = 100


class Contacts:
    """The handlers of contacts."""

    def __init__(self, core: BrevoCore) -> None:
        self.core = core
        listed = ("limit", "offset", "modifiedSince", "sort")
        core.route("GET", CONTACTS, self.page, query=listed, listing=True)
        core.route("POST", CONTACTS, self.create, write=True)
        core.route("POST", f"{CONTACTS}/batch", self.change_many, write=True, batch=True)
        core.route("GET", f"{CONTACTS}/<identifier>", self.read)
        core.route("PUT", f"{CONTACTS}/<identifier>", self.change, write=True)
        core.route("DELETE", f"{CONTACTS}/<identifier>", self.delete, write=True)

    # -- reading -------------------------------------------------------------------------------------

    def page(self, call: Call) -> Answer:
        return Answer(200, self.listed(call, list(self.core.state.contacts.values()), 1000))

    def listed(self, call: Call, found: list[Contact], most: int) -> Json:
        """A page in the order of creation, newest first unless asked otherwise; what changed shows late."""
        if "modifiedSince" in call.query:
            since, shown = self._moment(call.one("modifiedSince")), call.now - timedelta(seconds=self.core.late_index)
            found = [one for one in found if since < one.modified <= shown]
        found.sort(key=lambda one: one.id, reverse=call.one("sort", "desc") != "asc")
        limit, offset = number(call, "limit", 50, most), number(call, "offset", 0, 10**9)
        if call.has_fault("page_shift") and offset:
            offset += 1 if call.fault and call.fault.args.get("how") in ("remove", "skip") else -1
        page = found[max(0, offset) : offset + limit]
        return {"contacts": [show(one, self.core.switches) for one in page], "count": len(found)}

    def _moment(self, text: str) -> datetime:
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except ValueError:
            raise Stop(refused("invalid_parameter", "modifiedSince")) from None

    def read(self, call: Call) -> Answer:
        contact = self.core.contact(call.args["identifier"])
        shown = show(contact, self.core.switches)
        told = statistics(contact) if self.core.switches.statistics else {}
        return Answer(200, {**shown, "statistics": told})

    # -- writing -------------------------------------------------------------------------------------

    def create(self, call: Call) -> Answer:
        values = self.core.body(call, CREATED)
        known = self.core.state.by_email.get(str(values.get("email", "")).strip().lower())
        if known is not None and values.get("updateEnabled"):
            self.core.change(self.core.state.contacts[known], values, call.now)
            return Answer(204)
        return Answer(201, {"id": self.core.born(values, call.now).id})

    def change(self, call: Call) -> Answer:
        contact = self.core.contact(call.args["identifier"])
        self.core.change(contact, self.core.body(call, CHANGED), call.now)
        return Answer(204)

    def change_many(self, call: Call) -> Answer:
        """facts (?): 100 at most; 204 where all went well, else 207 with the numbers that did and did not."""
        given = self.core.body(call, ("contacts",))["contacts"]
        if not given or len(given) > MANY:
            raise Stop(refused("invalid_parameter", f"contacts: between 1 and {MANY}"))
        done: list[int] = []
        failed: list[int] = []
        for place, one in enumerate(given):
            self.core.only(one, ("id", *CHANGED), "contacts")
            (done if self._changed(one, call, place) else failed).append(one["id"])
        return Answer(204) if not failed else Answer(207, {"successIds": done, "failureIds": failed})

    def _changed(self, values: dict[str, Any], call: Call, place: int) -> bool:
        every = int(call.fault.args.get("every", 2)) if call.fault and call.has_fault("partial") else 0
        if every and place % every == every - 1:
            return False
        try:
            self.core.change(self.core.contact(str(values["id"])), values, call.now)
        except Stop:
            return False
        return True

    def delete(self, call: Call) -> Answer:
        self.core.delete(self.core.contact(call.args["identifier"]), call.now)
        return Answer(204)


def number(call: Call, name: str, usual: int, most: int) -> int:
    text = call.one(name, str(usual))
    if not text.isdigit() or int(text) > most:
        raise Stop(refused("out_of_range", f"{name}: {text}"))
    return int(text)
