"""Reading members by id, and finding them by address: single calls, batch jobs of them, or the listing where it has
fewer pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from connectors import mailchimp_wire as wire
from connectors.asking import turned
from connectors.base import Raw
from connectors.batches import spread
from connectors.mailchimp_members import ARCHIVED, AT_ONCE, BATCH_SIZE, JOB_FROM, PRESENT, Members, member_hash
from connectors.mailchimp_paging import PAGE_SIZE
from connectors.over_http import decoded


@dataclass(slots=True)
class Lookup:
    """Looks members of one audience up."""

    members: Members

    def read(self, remote_ids: Sequence[str]) -> dict[str, Raw | None]:
        """One call per member; for many one batch job of the same calls, or the listing where that has fewer pages.

        None rests on two answers: no such `contact_id`, and no member with it as `unique_email_id`.
        """
        asked = list(dict.fromkeys(remote_ids))
        found: dict[str, Raw | None] = {}
        for start in range(0, len(asked) if len(asked) >= JOB_FROM else 0, BATCH_SIZE):
            found |= self._read_job(asked[start : start + BATCH_SIZE])
        rest = [one for one in asked if one not in found]
        found |= dict(zip(rest, spread(rest, self._read_one, AT_ONCE), strict=True))
        return found

    def _read_job(self, asked: Sequence[str]) -> dict[str, Raw]:
        """Those of *asked* that a batch job of single reads shows: three requests instead of hundreds. What it does
        not show is left to be read one by one."""
        params = {"fields": ",".join(wire.MEMBER_FIELDS)}
        path, raw = self.members.path, self.members.raw
        answers = self.members.job([{"method": "GET", "path": path(one), "params": params} for one in asked])
        told = {one: answers.get(index) for index, one in enumerate(asked)} if answers is not None else {}
        return {one: raw(got.response.encode()) for one, got in told.items() if got and got.status_code == 200}

    def _read_one(self, remote_id: str) -> Raw | None:
        raw = self.members.get(remote_id)
        if raw is not None:
            return raw
        fields = [f"members.{name}" for name in wire.MEMBER_FIELDS]
        response = self.members.lists.get_list_members_info(
            self.members.audience, unique_email_id=remote_id, fields=fields, count=1
        )
        answer = decoded(self.members.http, wire.listing, response, "list members")
        records, _, _ = self.members.heads(answer.members)
        return records[0] if records and records[0].remote_id == remote_id else None

    def find(self, addresses: Sequence[str]) -> dict[str, Raw]:
        """Members by address."""
        asked = {address.lower(): address for address in addresses}
        found: dict[str, Raw] = {}
        if len(asked) > AT_ONCE:
            found = self._sweep(set(asked), len(asked), lambda head: (head.email_address.lower(),))
        else:
            raws = spread(list(asked), lambda address: self.members.get(member_hash(address)), AT_ONCE)
            found = {address: raw for address, raw in zip(asked, raws, strict=True) if raw is not None}
        return {address: found[address.lower()] for address in addresses if address.lower() in found}

    def addresses(self, records: Sequence[str]) -> dict[str, str]:
        """The present address of each record; those that are not there are left out. Many are looked up in the
        listing where that costs fewer calls than reading them."""
        ids = [one for one in records if "@" not in one]
        pages = len(ids) // AT_ONCE if len(ids) >= JOB_FROM else 0
        found: dict[str, Raw | None] = {**self._sweep(set(ids), pages, lambda head: (head.key,))} if pages else {}
        found |= self.read([one for one in ids if one not in found])
        told = {one: wire.head.decode(raw.body).email_address for one, raw in found.items() if raw is not None}
        return {one: one for one in records if "@" in one} | told

    def _sweep(self, asked: set[str], worth: int, names: Callable[[wire.Head], tuple[str, ...]]) -> dict[str, Raw]:
        """Those of *asked* that a listing shows; nothing where it would cost more than *worth* calls."""
        found: dict[str, Raw] = {}
        for status in (PRESENT, ARCHIVED):
            listed = partial(self.members.listed, status, query={})
            for answer, _ in turned(0, listed, _onward, partial(self.members.http.misread, "list members")):
                if (answer.total_items or 0) / PAGE_SIZE > worth:
                    return found
                records, _, heads = self.members.heads(answer.members)
                for record, head in zip(records, heads, strict=True):
                    found |= {name: record for name in names(head) if name in asked}
        return found


def _onward(offset: int, answer: wire.Listing) -> int | None:
    further = offset + PAGE_SIZE
    return further if further < (answer.total_items or 0) else None
