"""How HubSpot answers a write: which records were taken, which were not and why, and what it shows of them now."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

import msgspec

from connectors import hubspot_wire as wire
from connectors.base import Change, Outcome, Result
from connectors.batches import RefusedWhole
from connectors.codecs import millis
from connectors.http import Http, Response
from connectors.hubspot_fields import ADDRESS_REMOTE
from connectors.hubspot_records import Reader, addresses_of
from connectors.over_http import decoded
from mapping.fields import FieldTable
from mapping.model import Seen


@dataclass(frozen=True, slots=True)
class Answers:
    """Reads the answers of one account's writes through its field table."""

    http: Http
    fields: FieldTable
    reader: Reader

    def taken(self, response: Response, operation: str) -> wire.Batch:
        """The answer of a write batch that was taken, in whole or in part."""
        if not response.ok:
            self.refuse_whole(response)
        return decoded(self.http, wire.batch, response, operation)

    def entries(self, answer: wire.Batch) -> list[wire.Contact]:
        """The records of an answer."""
        try:
            return [wire.contact.decode(result) for result in answer.results]
        except msgspec.DecodeError as error:
            raise self.http.misread("write", f"an answer has not the documented shape ({error})") from error

    def refuse_whole(self, response: Response) -> NoReturn:
        """Raise RefusedWhole, naming the culprits where the answer does."""
        try:
            trouble = wire.trouble.decode(response.body)
        except msgspec.DecodeError:
            trouble = wire.Trouble()
        reason = self.http.explain(response)
        if response.status == 409 or trouble.category == "CONFLICT":
            raise RefusedWhole(reason, "exists")
        blamed = lambda change: self._blamed(change, trouble.message)  # noqa: E731
        if "PROPERTY_DOESNT_EXIST" in trouble.message or "does not exist" in trouble.message:
            unknown = set(_named_properties(trouble.message))
            concerns = lambda change: bool(unknown & self.spelled(change).keys())  # noqa: E731
            raise RefusedWhole(reason, "no_such_field", concerns, blamed)
        raise RefusedWhole(reason, "gone" if response.status == 404 else "invalid", blamed=blamed)

    def outcome(self, change: Change, entry: wire.Contact | None, trouble: wire.Trouble | None) -> Outcome:
        """What became of one change, by the record or the trouble that the answer gives for it."""
        if entry is not None:
            return Outcome(Result.APPLIED, entry.id, self._shown(change, entry))
        if trouble is None:
            return Outcome(Result.MAYBE, change.remote_id, reason="HubSpot's answer does not mention this record")
        return self._refused(change, trouble)

    def spelled(self, change: Change) -> dict[str, str]:
        """The properties to set, in HubSpot's spelling: an empty text clears."""
        properties: dict[str, str] = {}
        for name, value in change.values.items():
            row = self.fields.get(name)
            if row is None or not row.writable:
                continue
            theirs = row.write(value)
            if row.remote == ADDRESS_REMOTE:
                properties |= theirs or dict.fromkeys(row.remote.split("+"), "")
            else:
                properties[row.remote] = "" if theirs is None else str(theirs)
        if change.email is not None:
            properties["email"] = change.email
        return properties

    def _shown(self, change: Change, entry: wire.Contact) -> Seen:
        """What the answer shows; for a changed property that it leaves out, what we asked."""
        properties = {**self.spelled(change), **entry.properties}
        problems: list[str] = []
        fields = self.reader.fields(properties, problems)
        return Seen(
            entry.id,
            fields,
            addresses=addresses_of(entry.properties.get("email") or change.email or change.address, None),
            version=entry.updatedAt,
            modified=millis(entry.updatedAt),
            created=millis(entry.createdAt),
            problems=tuple(problems),
        )

    def _refused(self, change: Change, trouble: wire.Trouble) -> Outcome:
        reason = self.http.redact(trouble.message or trouble.category)[:300]
        blamed = self._blamed(change, trouble.message)
        if trouble.category in ("OBJECT_NOT_FOUND", "NOT_FOUND"):
            return Outcome(Result.GONE, change.remote_id, reason="HubSpot has no such contact any more", code="gone")
        if trouble.category == "CONFLICT":
            return Outcome(Result.REFUSED, _existing(trouble), reason=reason, code="exists")
        if trouble.category == "INTERNAL_ERROR":
            return Outcome(Result.MAYBE, change.remote_id, reason=reason)  # says nothing about this record
        if trouble.category in ("RATE_LIMITS", "RATE_LIMIT"):
            return Outcome(Result.LATER, change.remote_id, reason=reason)
        return Outcome(Result.REFUSED, change.remote_id, reason=reason, code="invalid", blamed=blamed)

    def _blamed(self, change: Change, message: str) -> tuple[str, ...]:
        """Our fields whose properties a refusal names."""
        named = set(_named_properties(message))
        rows = [row for name in change.values if (row := self.fields.get(name))]
        return tuple(row.name for row in rows if named & set(row.remote.split("+")))


def concerned(trouble: wire.Trouble) -> Iterator[str]:
    """The inputs that an error names, by id or by trace id."""
    for name in ("ids", "id", "objectWriteTraceId", "objectWriteTraceIds"):
        yield from trouble.context.get(name, [])


def _named_properties(message: str) -> list[str]:
    """The properties that a refusal names: `"name":"x"` in its list, or `Property "x"` in its words."""
    return re.findall(r'\\*"name\\*":\s*\\*"(\w+)', message) + re.findall(r'[Pp]roperty \\*["\'](\w+)', message)


def _existing(trouble: wire.Trouble) -> str:
    found = re.search(r"[Ee]xisting ID:? *(\d+)", trouble.message)
    return found[1] if found else ""
