"""The members of one Mailchimp audience as calls name, list and show them; what every other part stands on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Any

import msgspec

from connectors import mailchimp_wire as wire
from connectors.base import Change, Outcome, Raw, Result
from connectors.http import Http
from connectors.mailchimp_fields import MERGE
from connectors.mailchimp_jobs import Jobs
from connectors.mailchimp_paging import PAGE_SIZE
from connectors.mailchimp_records import Reader
from connectors.over_http import decoded, good
from connectors.stretches import headed
from mapping.fields import FieldTable
from mapping.model import MARKETING, Millis, Seen

BATCH_SIZE, AT_ONCE = 500, 10
JOB_FROM = 40
"""From this many calls on, one batch job costs less than single calls."""
OVERLAP: Millis = 300_000
"""How late a change may show in `since_last_changed`; and how long a change of ours to tags may take to show at all, so
that whatever is read meanwhile is read once more."""
PRESENT, ARCHIVED = "", "archived"
TITLES = {
    "Member In Compliance State": "compliance_state",
    "Forgotten Email Not Subscribed": "forgotten",
    "Member Exists": "exists",
}


def member_hash(address: str) -> str:
    """What names a member in an address: MD5 of the lower-cased e-mail address."""
    return hashlib.md5(address.lower().encode(), usedforsecurity=False).hexdigest()


def name_of(change: Change) -> str:
    """What names a change's member in an address."""
    return member_hash(change.address) if change.address else change.remote_id


def gone(change: Change) -> Outcome:
    return Outcome(Result.GONE, change.remote_id, reason="Mailchimp has no such member any more", code="gone")


@dataclass
class Members:
    """One audience, opened: its calls, and how what they answer reads."""

    http: Http
    audience: str
    fields: FieldTable
    jobs: Jobs
    purpose: str = MARKETING

    @cached_property
    def lists(self) -> Any:
        return wire.lists_api(self.http)

    @cached_property
    def reader(self) -> Reader:
        return Reader(self.fields, self.purpose)

    def path(self, name: str, *parts: str) -> str:
        """A member's path, as an operation of a batch job names it."""
        return "/".join((f"/lists/{self.audience}/members", name, *parts))

    # -- listing ------------------------------------------------------------------------------------------------

    def listed(self, status: str, offset: int, query: Mapping[str, str]) -> wire.Listing:
        """A page of the members that have this status."""
        fields = ["total_items", *(f"members.{name}" for name in wire.MEMBER_FIELDS)]
        more = {"status": status} if status else {}
        response = self.lists.get_list_members_info(
            self.audience, fields=fields, count=PAGE_SIZE, offset=offset, **query, **more
        )
        return decoded(self.http, wire.listing, response, "list members")

    def heads(self, members: list[msgspec.Raw]) -> tuple[list[Raw], list[tuple[str, str]], list[wire.Head]]:
        """The records of a page, what of it is none, and what names each record."""
        return headed(members, wire.head, attrgetter("key"), "members")

    # -- one member ---------------------------------------------------------------------------------------------

    def get(self, name: str) -> Raw | None:
        """The member of this hash or `contact_id`; None where the answer is that there is none."""
        response = self.lists.get_list_member(self.audience, name, fields=list(wire.MEMBER_FIELDS))
        if response.status == 404:
            return None
        return self.raw(good(self.http, response, "read member").body)

    def raw(self, body: bytes) -> Raw:
        """A whole member as a record."""
        try:
            kept = wire.trimmed(body)
            key = wire.head.decode(kept).key
        except msgspec.DecodeError as error:
            raise self.http.misread("read member", f"an answer has not the documented shape ({error})") from error
        return Raw.of(key, kept)

    def seen(self, raw: Raw) -> Seen:
        return self.reader.seen(raw)

    # -- answers ------------------------------------------------------------------------------------------------

    def refused(self, change: Change, body: bytes) -> Outcome:
        """What a refusal of one member's change says, and which of our fields it blames."""
        try:
            problem = msgspec.json.decode(body, type=wire.Problem)
        except msgspec.DecodeError:
            problem = wire.Problem()
        fields = "; ".join(f"{one.field}: {one.message}" for one in problem.errors)
        reason = self.http.redact(": ".join(part for part in (problem.title, fields or problem.detail) if part))[:300]
        code = TITLES.get(problem.title, "invalid")
        if code == "invalid" and "fake or invalid" in f"{problem.detail} {fields}":
            code = "invalid_address"
        tags = {one.field.removeprefix(MERGE) for one in problem.errors}
        rows = [row for name in change.values if (row := self.fields.get(name))]
        blamed = tuple(row.name for row in rows if row.remote.removeprefix(MERGE) in tags)
        return Outcome(Result.REFUSED, change.remote_id, reason=reason or "refused", code=code, blamed=blamed)

    def job(self, operations: Sequence[Mapping[str, Any]]) -> Mapping[int, wire.Done] | None:
        """The answers to calls that only read, made as one batch job; None where no job is taken now."""
        return self.jobs.read(operations)
