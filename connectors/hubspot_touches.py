"""Tickets, calls, e-mails, meetings, notes and tasks as touchpoints: one for each contact that they hang on.

Who did it is told where HubSpot tells: `hs_object_source` says how the entry was made, an e-mail's headers whether a
machine sent it. A meeting, and a call that came in, has a person at the other end whoever put it down. Where nobody
says, it is unknown. What was said stays there: bodies are not read, and of an e-mail's headers, which name everybody
who ever passed it on, one word leaves the connector.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from connectors import hubspot_streams_wire as wire
from connectors.codecs import millis
from mapping.facts import By, Channel, Touch, Touchpoint, Way

LONGEST_KEY, LONGEST_DETAIL = 64, 200
PEOPLE = frozenset(("CRM_UI", "EMAIL_INTEGRATION", "MEETINGS", "MOBILE_IOS", "MOBILE_ANDROID", "CONVERSATIONS"))
MACHINES = frozenset(("AUTOMATION_PLATFORM", "WORKFLOWS", "BOT", "CHATBOT", "SEQUENCES"))
"""Sources of `hs_object_source`. Others (imports, other tools) do not say who did it."""
ASKED = frozenset(("CHAT", "FORM", "PHONE"))
"""Where a ticket comes from that a person opened. An e-mail may be a machine's."""
HEADERS, AUTO = "hs_email_headers", "auto-submitted"
NOT_MET = frozenset(("NO_SHOW", "CANCELED", "RESCHEDULED"))
NOT_SENT = frozenset(("FAILED", "SCHEDULED", "SENDING"))
CALL_OUTCOMES = {
    # HubSpot's own outcomes by their internal values; an account may add some
    "9d9162e7-6cf3-4944-bf63-4dff82258764": "busy",
    "f240bbac-87c9-4f6e-bf70-924b57d47db7": "connected",
    "a4c4c377-d246-4b32-a13b-75a56a4cd0ff": "left live message",
    "b2cf5968-551e-4856-9783-52b3da59a7d0": "left voicemail",
    "73a0d17f-1163-4015-bdd5-ec830791da20": "no answer",
    "17b47fee-58de-441e-a44c-c6300d46f273": "wrong number",
}


class Said(NamedTuple):
    """What one activity says, whoever it hangs on."""

    kind: Touch
    channel: Channel
    way: Way
    by: By
    detail: str = ""
    at: str = ""  # a property that tells when, before `hs_timestamp`


class Activity(NamedTuple):
    """One kind of activity: its word in keys, the properties to ask for, and how they read."""

    word: str
    properties: tuple[str, ...]
    read: Callable[[dict[str, str | None]], Said]


def touchpoints(stream: str, item: wire.Item) -> list[Touchpoint]:
    """One per contact; an activity that hangs on nobody is nobody's."""
    activity, record = TOUCHES[stream], item.record
    said = activity.read(record.properties)
    key = f"{activity.word}:{record.id}"[:LONGEST_KEY]
    at = millis(said.at or record.properties.get("hs_timestamp") or record.createdAt)
    detail = said.detail[:LONGEST_DETAIL]
    return [
        Touchpoint(key, one.id, said.kind, at, said.channel, said.way, said.by, "", detail) for one in item.contacts
    ]


def _by(properties: dict[str, str | None]) -> By:
    source = properties.get("hs_object_source") or ""
    if source in MACHINES:
        return By.MACHINE
    return By.PERSON if source in PEOPLE else By.UNKNOWN


def _between_people(properties: dict[str, str | None]) -> By:
    """A person, unless the entry itself was a machine's."""
    return By.MACHINE if _by(properties) is By.MACHINE else By.PERSON


def _ticket(properties: dict[str, str | None]) -> Said:
    asked = properties.get("source_type") in ASKED
    by = By.PERSON if asked else _by(properties)
    subject, opened = properties.get("subject") or "", properties.get("createdate") or ""
    return Said(Touch.TICKET, Channel.TICKET, Way.IN, by, subject, opened)


def _call(properties: dict[str, str | None]) -> Said:
    """An attempt counts as a call; its outcome stands in the detail."""
    way = {"INBOUND": Way.IN, "OUTBOUND": Way.OUT}.get(properties.get("hs_call_direction") or "", Way.NONE)
    by = _between_people(properties) if way is Way.IN else _by(properties)
    outcome = CALL_OUTCOMES.get(properties.get("hs_call_disposition") or "")
    parts = (properties.get("hs_call_title"), outcome or _word(properties.get("hs_call_status")))
    return Said(Touch.CALLED, Channel.PHONE, way, by, ": ".join(part for part in parts if part))


def _email(properties: dict[str, str | None]) -> Said:
    """A person's mail was written, a machine's or nobody knows whose was sent; what never left is neither."""
    direction, status = properties.get("hs_email_direction") or "", properties.get("hs_email_status") or ""
    way = {"EMAIL": Way.OUT, "INCOMING_EMAIL": Way.IN}.get(direction, Way.NONE)
    answer = _auto_submitted(properties.get(HEADERS))
    by = By.MACHINE if answer else _by(properties)
    subject = properties.get("hs_email_subject") or ""
    if status in NOT_SENT and way is not Way.IN:
        return Said(Touch.UNKNOWN, Channel.EMAIL, way, by, f"e-mail {_word(status)}: {subject}")
    if status == "BOUNCED":
        return Said(Touch.BOUNCED, Channel.EMAIL, way, by, subject)
    kind = Touch.WROTE if by is By.PERSON else Touch.REPLIED if answer == "auto-replied" else Touch.SENT
    return Said(kind, Channel.EMAIL, way, by, subject)


def _meeting(properties: dict[str, str | None]) -> Said:
    """Somebody who did not come was not met."""
    outcome, title = properties.get("hs_meeting_outcome") or "", properties.get("hs_meeting_title") or ""
    by, began = _between_people(properties), properties.get("hs_meeting_start_time") or ""
    if outcome in NOT_MET:
        return Said(Touch.UNKNOWN, Channel.MEETING, Way.NONE, by, f"meeting {_word(outcome)}: {title}", began)
    return Said(Touch.MET, Channel.MEETING, Way.NONE, by, title, began)


def _note(properties: dict[str, str | None]) -> Said:
    return Said(Touch.NOTED, Channel.NOTE, Way.NONE, _by(properties))


def _task(properties: dict[str, str | None]) -> Said:
    """Its `hs_timestamp` is when it is due; it was put down when it was created."""
    subject, made = properties.get("hs_task_subject") or "", properties.get("hs_createdate") or ""
    return Said(Touch.TASKED, Channel.OTHER, Way.NONE, _by(properties), subject, made)


def _auto_submitted(headers: str | None) -> str:
    """What RFC 3834's header says of a machine's mail (auto-replied, auto-generated); blank for a person's."""
    if not headers or AUTO not in headers.lower():
        return ""
    try:
        found = msgspec.json.decode(headers)
    except msgspec.DecodeError:
        return ""
    names = found.items() if isinstance(found, dict) else ()
    value = next((text for name, text in names if name.lower() == AUTO), "")
    word = str(value[0] if isinstance(value, list) and value else value).partition(";")[0].strip().lower()
    return "" if word == "no" else word


def narrowed(stream: str, record: bytes) -> bytes:
    """A record without what nobody needs: of an e-mail's headers only the one that tells a machine's."""
    if stream != "emails" or HEADERS.encode() not in record:
        return record
    try:
        whole = msgspec.json.decode(record, type=dict[str, msgspec.Raw])
        properties = msgspec.json.decode(whole["properties"], type=dict[str, msgspec.Raw])
        headers = msgspec.json.decode(properties.pop(HEADERS), type=str | None)
    except (msgspec.DecodeError, KeyError):
        return record  # `facts` says what is wrong with it
    if word := _auto_submitted(headers):
        properties[HEADERS] = msgspec.Raw(msgspec.json.encode(msgspec.json.encode({AUTO: word}).decode()))
    return msgspec.json.encode({**whole, "properties": properties})


def _word(text: str | None) -> str:
    return (text or "").lower().replace("_", " ")


MADE = ("hs_object_source",)
MERGED = "hs_merged_object_ids"
TOUCHES = {
    "tickets": Activity("ticket", ("subject", "source_type", "createdate", MERGED, *MADE), _ticket),
    "calls": Activity(
        "call",
        ("hs_timestamp", "hs_call_title", "hs_call_direction", "hs_call_status", "hs_call_disposition", *MADE),
        _call,
    ),
    "emails": Activity(
        "email",
        ("hs_timestamp", "hs_email_subject", "hs_email_direction", "hs_email_status", HEADERS, *MADE),
        _email,
    ),
    "meetings": Activity(
        "meeting",
        ("hs_timestamp", "hs_meeting_title", "hs_meeting_start_time", "hs_meeting_outcome", *MADE),
        _meeting,
    ),
    "notes": Activity("note", ("hs_timestamp", *MADE), _note),
    "tasks": Activity("task", ("hs_timestamp", "hs_createdate", "hs_task_subject", *MADE), _task),
}
