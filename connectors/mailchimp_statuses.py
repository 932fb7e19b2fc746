"""The only calls that carry a status: new members, those who leave, and those who are put away.

`update_existing` is on only where the status is `unsubscribed`, so that nobody who left is ever switched on again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from connectors import mailchimp_wire as wire
from connectors.base import Change, Outcome, Raw, Result
from connectors.batches import RefusedWhole, in_batches, one_by_one
from connectors.mailchimp_members import AT_ONCE, BATCH_SIZE, Members, gone, member_hash, name_of
from connectors.mailchimp_paging import typed
from connectors.mailchimp_update import body_of, checked

Find = Callable[[Sequence[str]], dict[str, Raw]]

_WORDS = (
    ("compliance state", "compliance_state"),
    ("was permanently deleted", "forgotten"),
    ("forgotten", "forgotten"),
    ("fake or invalid", "invalid_address"),
    ("cleaned", "cleaned"),
)


@dataclass
class Statuses:
    """Creates, unsubscribes and archives members of one audience."""

    members: Members
    find: Find

    @cached_property
    def _double_optin(self) -> bool:
        response = self.members.lists.get_list(self.members.audience, fields=["id", "double_optin"])
        return typed(self.members.http, response, wire.Audience).double_optin

    # -- those who come -----------------------------------------------------------------------------------------

    def create(self, changes: Sequence[Change]) -> list[Outcome]:
        """New members, 500 a call. `update_existing` stays off, so that a known member is never touched: not even
        one who left a moment ago."""
        return in_batches(changes, BATCH_SIZE, self._create, lambda one: (one.email or one.address).lower())

    def _create(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        welcome = "pending" if any(change.subscribed for change in changes) and self._double_optin else "subscribed"
        members = []
        for change in changes:
            member = msgspec.json.decode(body_of(self.members, change) or b"{}")
            status = welcome if change.subscribed else "transactional"
            members.append({**member, "email_address": change.email or change.address, "status": status})
        written = self._write(members, update_existing=False, through=self.members.lists)
        made = {raw.remote_id: raw for raw in map(_raw_or_none, written.new_members) if raw is not None}
        by_address = {wire.head.decode(raw.body).email_address.lower(): raw for raw in made.values()}
        self._complete_ids(by_address)
        failed = {error.email_address.lower(): error for error in written.errors}
        return [self._created(change, by_address, failed) for change in changes]

    def _complete_ids(self, found: dict[str, Raw]) -> None:
        """Batch answers may leave out `contact_id` (the description of 3.0.55 does): read those once by listing."""
        short = {address for address, raw in found.items() if not wire.head.decode(raw.body).contact_id}
        if short:
            found |= self.find(sorted(short))

    def _created(self, change: Change, made: Mapping[str, Raw], failed: Mapping[str, wire.BatchError]) -> Outcome:
        address = (change.email or change.address).lower()
        raw, error = made.get(address), failed.get(address)
        if raw is not None:
            shown = checked(self.members, change, self.members.seen(raw), raw)
            return Outcome(Result.APPLIED, raw.remote_id, shown, raw)
        if error is None:
            return Outcome(Result.MAYBE, reason="Mailchimp's answer does not mention this address")
        return self._batch_refused(change, error)

    # -- those who leave ----------------------------------------------------------------------------------------

    def opt_out(self, changes: Sequence[Change]) -> list[Outcome]:
        """Unsubscribe, 500 a call. The one status written over an existing one: it only ever turns off."""
        return in_batches(changes, BATCH_SIZE, self._leave, lambda change: change.address.lower())

    def _leave(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        members = [{"email_address": change.address, "status": "unsubscribed"} for change in changes]
        through = wire.lists_api(self.members.http, repeatable=True)
        written = self._write(members, update_existing=True, through=through)
        shown: dict[str, Raw] = {}
        for body in (*written.updated_members, *written.new_members):
            kept = wire.trimmed(bytes(body))
            shown[wire.head.decode(kept).email_address.lower()] = Raw.of("", kept)
        failed = {error.email_address.lower(): error for error in written.errors}
        return [self._left(change, shown, failed) for change in changes]

    def _left(self, change: Change, shown: Mapping[str, Raw], failed: Mapping[str, wire.BatchError]) -> Outcome:
        address = change.address.lower()
        if address in shown:
            raw = shown[address]
            head = wire.head.decode(raw.body)
            whole = Raw.of(head.contact_id, raw.body) if head.contact_id else None
            return Outcome(Result.APPLIED, head.contact_id or change.remote_id, raw=whole)
        if address not in failed:
            return Outcome(Result.MAYBE, change.remote_id, reason="Mailchimp's answer does not mention this address")
        refused = self._batch_refused(change, failed[address])
        if refused.code == "compliance_state":
            return Outcome(Result.APPLIED, change.remote_id)  # they left already
        return refused

    # -- those who are put away ---------------------------------------------------------------------------------

    def archive(self, changes: Sequence[Change]) -> list[Outcome]:
        return one_by_one(changes, self._archive, AT_ONCE)

    def _archive(self, change: Change) -> Outcome:
        response = self.members.lists.delete_list_member(self.members.audience, name_of(change))
        if response.ok:
            return Outcome(Result.APPLIED, change.remote_id)
        return gone(change) if response.status == 404 else self.members.refused(change, response.body)

    def erase(self, changes: Sequence[Change], addresses: Mapping[str, str]) -> list[Outcome]:
        """Erase members. A call names them by their present address, which is read just before."""

        def one(change: Change) -> Outcome:
            address = addresses.get(change.remote_id)
            if address is None:
                return gone(change)
            send = self.members.lists.delete_list_member_permanent
            response = send(self.members.audience, member_hash(address))
            if response.ok:
                return Outcome(Result.APPLIED, change.remote_id)
            return gone(change) if response.status == 404 else self.members.refused(change, response.body)

        return one_by_one(changes, one, AT_ONCE)

    # -- the call -----------------------------------------------------------------------------------------------

    def _write(self, members: list[dict[str, Any]], *, update_existing: bool, through: Any) -> wire.Written:
        body = msgspec.json.encode({"members": members, "update_existing": update_existing})
        response = through.batch_list_members(self.members.audience, body, skip_merge_validation=True)
        if not response.ok:
            raise RefusedWhole(self.members.http.explain(response))
        return typed(self.members.http, response, wire.Written)

    def _batch_refused(self, change: Change, error: wire.BatchError) -> Outcome:
        said = self.members.http.redact(": ".join(part for part in (error.error, error.field_message) if part))[:300]
        lower = error.error.lower()
        if error.error_code == "ERROR_CONTACT_EXISTS" or "already a list member" in lower:
            there = self.members.get(member_hash(change.email or change.address))
            return Outcome(Result.REFUSED, there.remote_id if there else "", raw=there, reason=said, code="exists")
        if "internal error" in lower:
            return Outcome(Result.MAYBE, change.remote_id, reason=said)  # says nothing about this member
        for words, code in _WORDS:
            if words in lower:
                return Outcome(Result.REFUSED, change.remote_id, reason=said, code=code)
        return Outcome(Result.REFUSED, change.remote_id, reason=said, code="invalid")


def _raw_or_none(body: msgspec.Raw) -> Raw | None:
    kept = wire.trimmed(bytes(body))
    key = wire.head.decode(kept).key
    return Raw.of(key, kept) if key else None
