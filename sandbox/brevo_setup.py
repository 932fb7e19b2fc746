"""Attributes, lists with their folders, and the account of the Brevo emulator."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sandbox.brevo_contacts import Contacts, number
from sandbox.brevo_core import BrevoCore, refused
from sandbox.brevo_state import Contact, Json, MailList
from sandbox.platform import Answer, Call, Stop

LISTS: Final = "/contacts/lists"
FOLDERS: Final = "/contacts/folders"
MOST: Final = 150  # description: "a maximum of 150 emails for addition in one request"


class Setup:
    """The handlers of what is set up."""

    def __init__(self, core: BrevoCore, contacts: Contacts) -> None:
        self.core, self.contacts = core, contacts
        paged = ("limit", "offset", "sort")
        core.route("GET", "/account", self.account)
        core.route("GET", "/contacts/attributes", self.attributes)
        core.route("GET", FOLDERS, self.folders, query=paged)
        core.route("POST", FOLDERS, self.make_folder, write=True)
        core.route("GET", LISTS, self.lists, query=paged)
        core.route("POST", LISTS, self.make_list, write=True)
        core.route("GET", f"{LISTS}/<list_id>/contacts", self.members, query=("modifiedSince", *paged))
        core.route("POST", f"{LISTS}/<list_id>/contacts/add", self.add, write=True)
        core.route("POST", f"{LISTS}/<list_id>/contacts/remove", self.remove, write=True)

    def account(self, call: Call) -> Answer:
        shown: Json = {
            "email": "rosa@bakery.example",
            "firstName": "Rosa",
            "lastName": "Baker",
            "companyName": "The Bakery",
            "address": {"street": "Lange Gasse 1", "city": "Ulm", "zipCode": "89073", "country": "Germany"},
            "plan": [{"type": "free", "creditsType": "sendLimit", "credits": 300}],
            "relay": {
                "enabled": True,
                "data": {"userName": "rosa@bakery.example", "relay": "smtp.bakery.example", "port": 587},
            },
        }
        return Answer(200, shown)

    def attributes(self, call: Call) -> Answer:
        found = [
            {"name": name, "category": "normal", "type": kind} for name, kind in self.core.state.attributes.items()
        ]
        return Answer(200, {"attributes": found})

    def folders(self, call: Call) -> Answer:
        counts = {"totalBlacklisted": 0, "totalSubscribers": 0, "uniqueSubscribers": 0}
        found = [{"id": one, "name": name, **counts} for one, name in sorted(self.core.state.folders.items())]
        return Answer(200, {"folders": _page(call, found), "count": len(found)})

    def make_folder(self, call: Call) -> Answer:
        made = self.core.state.number("folder")
        self.core.state.folders[made] = str(self.core.body(call, ("name",))["name"])
        return Answer(201, {"id": made})

    def lists(self, call: Call) -> Answer:
        found = [self._shown(one) for one in self.core.state.lists.values()]
        return Answer(200, {"lists": _page(call, found), "count": len(found)})

    def _shown(self, one: MailList) -> Json:
        on = self.on(one.id)
        out = sum(contact.blacklisted for contact in on)
        return {
            "id": one.id,
            "name": one.name,
            "folderId": one.folder,
            "totalBlacklisted": out,
            "totalSubscribers": len(on) - out,
            "uniqueSubscribers": len(on) - out,
        }

    def on(self, listing: int) -> list[Contact]:
        return [contact for contact in self.core.state.contacts.values() if listing in contact.lists]

    def make_list(self, call: Call) -> Answer:
        body = self.core.body(call, ("name", "folderId"))
        if body.get("folderId") not in self.core.state.folders:
            raise Stop(refused("invalid_parameter", "Folder ID does not exist"))
        made = self.core.state.number("list")
        self.core.state.lists[made] = MailList(made, str(body["name"]), body["folderId"], call.now)
        return Answer(201, {"id": made})

    def _known(self, call: Call) -> int:
        text = call.args["list_id"]
        if not text.isdigit() or int(text) not in self.core.state.lists:
            raise Stop(refused("document_not_found", "List ID does not exist", 404))
        return int(text)

    def members(self, call: Call) -> Answer:
        return Answer(200, self.contacts.listed(call, self.on(self._known(call)), 500))

    def add(self, call: Call) -> Answer:
        listing = self._known(call)
        return self._move(call, (one for one in self._named(call) if listing not in one.lists), listing, there=True)

    def remove(self, call: Call) -> Answer:
        listing = self._known(call)
        return self._move(call, (one for one in self._named(call) if listing in one.lists), listing, there=False)

    def _named(self, call: Call) -> list[Contact]:
        ids = self.core.body(call, ("ids",))["ids"]
        if len(ids) > MOST:
            raise Stop(refused("out_of_range", f"ids: at most {MOST}"))
        return [found for one in ids if (found := self.core.state.contacts.get(one)) is not None]

    def _move(self, call: Call, moved: Iterable[Contact], listing: int, *, there: bool) -> Answer:
        """Where nobody moves, the call is refused whole."""
        done = list(moved)
        if not done:
            raise Stop(refused("invalid_parameter", "Contact already in list and/or does not exist"))
        for contact in done:
            values = {"listIds" if there else "unlinkListIds": [listing]}
            self.core.change(contact, values, call.now)
            if there:
                self.core.told("listAddition", contact, call.now, {"list_id": [listing]})
        return Answer(201, {"contacts": {"success": [one.email for one in done], "failure": []}})


def _page(call: Call, found: list[Json]) -> list[Json]:
    limit, offset = number(call, "limit", 10, 50), number(call, "offset", 0, 10**9)
    return found[offset : offset + limit]
