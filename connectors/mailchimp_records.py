"""One member in our words. Pure: a stored record decodes without asking anybody."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from connectors import mailchimp_wire as wire
from connectors.base import Raw
from connectors.codecs import millis, put
from connectors.mailchimp_fields import MERGE
from mapping.fields import Codec, Field
from mapping.model import MARKETING, ConsentSeen, ConsentState, Millis, RecordState, Seen, Value

_PLAINLY = {"None given": "no reason given", "N/A (Unsubscribed by admin)": "by an admin"}
"""What Mailchimp says where nobody gave a reason, in words for people."""


class Reader:
    """Decodes members through one field table."""

    def __init__(self, rows: Iterable[Field], purpose: str = MARKETING) -> None:
        self._purpose = purpose
        readable = [row for row in rows if row.readable]
        merge = [
            (row.name, row.remote.removeprefix(MERGE), row.reads) for row in readable if row.remote.startswith(MERGE)
        ]
        own = [(row.name, row.remote, row.reads) for row in readable if not row.remote.startswith(MERGE)]
        self._plain = tuple((name, tag) for name, tag, read in merge if read is None)
        self._coded = tuple((name, tag, read) for name, tag, read in merge if read is not None)
        self._own: tuple[tuple[str, str, Codec | None], ...] = tuple(own)

    def seen(self, raw: Raw) -> Seen:
        """The record. Raises ValueError where it is none."""
        try:
            member = wire.member.decode(raw.body)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise ValueError(f"record {raw.remote_id} is no member: {error}") from error
        problems: list[str] = []
        address, modified = member.email_address, millis(member.last_changed)
        return Seen(
            member.contact_id or member.unique_email_id,
            self._fields(member, problems),
            (address,) if address else (),
            member.last_changed,
            modified,
            millis(member.timestamp_signup or member.timestamp_opt),
            RecordState.ARCHIVED if member.status == "archived" else RecordState.LIVE,
            _consent(member, modified, self._purpose),
            member.status == "subscribed",
            (),
            float(member.member_rating or 0),
            tuple(problems),
        )

    def _fields(self, member: wire.Member, problems: list[str]) -> dict[str, Value]:
        get = member.merge_fields.get
        fields: dict[str, Value] = {}
        for name, tag in self._plain:
            text = get(tag)
            if text:
                if not isinstance(text, str):
                    problems.append(f"{name}: not a text")
                elif not text.isspace():
                    fields[name] = text
        for name, tag, read in self._coded:
            raw = get(tag)
            if raw or raw == 0:
                put(fields, name, read, raw, problems)
        for name, attribute, reads in self._own:
            raw = getattr(member, attribute, None)
            if raw:
                if reads is not None:
                    put(fields, name, reads, raw, problems)
                else:
                    fields[name] = raw
        return fields


def _consent(member: wire.Member, modified: Millis, purpose: str) -> tuple[ConsentSeen, ...]:
    """What a status says. Only a person's own sign-up, confirmed, each dated and from an address on the net, is a
    grant: a member that a program adds carries the program's address as the one that confirmed."""
    address, status = member.email_address, member.status
    if status == "unsubscribed":
        said = member.unsubscribe_reason
        why = f": {_PLAINLY.get(said, said)}" if said else ""
        evidence = f"Mailchimp: unsubscribed{why}"
        return (ConsentSeen(address, ConsentState.WITHDRAWN, purpose, modified, evidence),)
    if status == "cleaned":
        return (ConsentSeen(address, ConsentState.UNDELIVERABLE, purpose, modified, "Mailchimp: status cleaned"),)
    signed_up = member.timestamp_signup and member.ip_signup
    if status == "subscribed" and signed_up and member.timestamp_opt and member.ip_opt:
        at = millis(member.timestamp_opt)
        evidence = f"Mailchimp: opt-in confirmed from {member.ip_opt}"
        return (ConsentSeen(address, ConsentState.GRANTED, purpose, at, evidence, explicit=True),)
    return ()
