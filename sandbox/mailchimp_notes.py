"""Notes and events of a member over the API.

Neither moves the member's ``last_changed``, or both do: a switch (facts, Reading).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from sandbox.mailchimp_core import MailchimpCore
from sandbox.mailchimp_deeds import Event, Note
from sandbox.mailchimp_listing import listing, ordered, single
from sandbox.mailchimp_members import MEMBER
from sandbox.mailchimp_rules import invalid, not_found
from sandbox.mailchimp_select import PAGE, SELECT
from sandbox.mailchimp_state import Audience, Member, iso, seconds
from sandbox.platform import Answer, Call, Stop, Unknown

LONGEST: Final = 1000  # the description: "Note length is limited to 1,000 characters"
AUTHOR: Final = "Greta Korn"


def add_note(core: MailchimpCore, audience: Audience, member: Member, text: str, now: datetime, by: str) -> Note:
    """Write a note about *member*."""
    stamp = int(now.timestamp())
    note = Note(core.number(), text, stamp, stamp, by)
    audience.notes.setdefault(member.contact_id, []).append(note)
    _noted(core, audience, member, now)
    return note


def change_note(core: MailchimpCore, audience: Audience, member: Member, note: Note, text: str, now: datetime) -> None:
    note.text, note.updated = text, int(now.timestamp())
    _noted(core, audience, member, now)


def drop_note(core: MailchimpCore, audience: Audience, member: Member, note: Note, now: datetime) -> None:
    audience.notes[member.contact_id].remove(note)
    _noted(core, audience, member, now)


def add_event(core: MailchimpCore, audience: Audience, member: Member, event: Event, now: datetime) -> None:
    """Add what *member* did elsewhere."""
    audience.events.setdefault(member.contact_id, []).append(event)
    _noted(core, audience, member, now)


def _noted(core: MailchimpCore, audience: Audience, member: Member, now: datetime) -> None:
    core.touched(audience, member, now if core.switches.notes_touch else None)


class Notes:
    """The handlers of a member's notes and events."""

    def __init__(self, core: MailchimpCore) -> None:
        self.core = core
        notes, note = f"{MEMBER}/notes", f"{MEMBER}/notes/<note_id>"
        core.route("GET", notes, self.page, query=(*PAGE, "sort_field", "sort_dir"), listing=True)
        core.route("POST", notes, self.create, write=True)
        core.route("GET", note, self.read, query=SELECT)
        core.route("PATCH", note, self.change, write=True)
        core.route("DELETE", note, self.drop, write=True)
        core.route("GET", f"{MEMBER}/events", self.events, query=PAGE, listing=True)
        core.route("POST", f"{MEMBER}/events", self.create_event, write=True)

    def page(self, call: Call) -> Answer:
        audience, member = self.core.member(call)
        found = ordered(
            call,
            audience.notes.get(member.contact_id, []),
            {"created_at": lambda n: n.created, "updated_at": lambda n: n.updated, "note_id": lambda n: n.id},
        )
        parts = _note_parts(audience, member)
        return listing(call, "notes", found, parts, email_id=member.key, list_id=audience.id)

    def read(self, call: Call) -> Answer:
        audience, member, note = self._note(call)
        return single(call, note, _note_parts(audience, member))

    def create(self, call: Call) -> Answer:
        audience, member = self.core.member(call)
        note = add_note(self.core, audience, member, self._text(call), call.now, AUTHOR)
        return single(call, note, _note_parts(audience, member))

    def change(self, call: Call) -> Answer:
        audience, member, note = self._note(call)
        change_note(self.core, audience, member, note, self._text(call), call.now)
        return single(call, note, _note_parts(audience, member))

    def drop(self, call: Call) -> Answer:
        audience, member, note = self._note(call)
        drop_note(self.core, audience, member, note, call.now)
        return Answer(204)

    def _text(self, call: Call) -> str:
        text = self.core.body(call, ("note",)).get("note")
        if not isinstance(text, str) or not text:
            raise Stop(invalid([("note", "This value should not be blank.")]))
        if len(text) > LONGEST:
            raise Stop(invalid([("note", f"Schema describes string maximum {LONGEST} characters")]))
        return text

    def _note(self, call: Call) -> tuple[Audience, Member, Note]:
        audience, member = self.core.member(call)
        for note in audience.notes.get(member.contact_id, ()):
            if str(note.id) == call.args["note_id"]:
                return audience, member, note
        raise Stop(not_found())

    def events(self, call: Call) -> Answer:
        audience, member = self.core.member(call)
        return listing(call, "events", audience.events.get(member.contact_id, []), _EVENT)

    def create_event(self, call: Call) -> Answer:
        """204 without a body, and no id: sent twice, it is there twice."""
        audience, member = self.core.member(call)
        body = self.core.body(call, ("name", "properties", "is_syncing", "occurred_at"))
        name, properties = body.get("name"), body.get("properties") or {}
        if not isinstance(name, str) or not 2 <= len(name) <= 30:  # the description
            raise Stop(invalid([("name", "Must be 2-30 characters in length")]))
        if not isinstance(properties, dict) or any(not isinstance(value, str) for value in properties.values()):
            raise Unknown("properties of an event that are no texts")
        try:
            occurred = seconds(str(body.get("occurred_at") or "")) or int(call.now.timestamp())
        except ValueError:
            raise Stop(invalid([("occurred_at", "This value is not a valid datetime.")])) from None
        add_event(self.core, audience, member, Event(name, occurred, properties), call.now)
        return Answer(204)


def _note_parts(audience: Audience, member: Member) -> Mapping[str, Callable[[Note], Any]]:
    return {
        "id": lambda n: n.id,
        "created_at": lambda n: iso(n.created),
        "created_by": lambda n: n.by,
        "updated_at": lambda n: iso(n.updated),
        "note": lambda n: n.text,
        "list_id": lambda n: audience.id,
        "email_id": lambda n: member.key,
        "contact_id": lambda n: member.contact_id,
    }


_EVENT: Final[Mapping[str, Callable[[Event], Any]]] = {
    "occurred_at": lambda e: iso(e.occurred),
    "name": lambda e: e.name,
    "properties": lambda e: e.properties,
}
