"""Setting the fields of members: PATCH calls, which never carry a status (docs/decisions/0002)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from connectors import mailchimp_wire as wire
from connectors.base import Change, Outcome, Raw, Result
from connectors.batches import in_batches, one_by_one
from connectors.http_verdict import unsettled
from connectors.mailchimp_fields import MERGE
from connectors.mailchimp_members import AT_ONCE, BATCH_SIZE, JOB_FROM, Members, gone, member_hash, name_of
from mapping.model import Seen, Value
from mapping.values import blank


def body_of(members: Members, change: Change) -> bytes | None:
    """The fields of a change as Mailchimp takes them: never a status. None where no field is to be set."""
    merge: dict[str, Value] = {}
    body: dict[str, Any] = {}
    for name, value in change.values.items():
        row = members.fields.get(name)
        if row is None or not row.writable or name == "tags":
            continue
        theirs = row.write(value)
        if row.remote.startswith(MERGE):
            merge[row.remote.removeprefix(MERGE)] = "" if theirs is None else theirs
        elif row.remote != "email_address":
            body[row.remote] = "" if theirs is None else theirs
    if merge:
        body["merge_fields"] = merge
    if change.email is not None:
        body["email_address"] = change.email
    return msgspec.json.encode(body) if body else None


def checked(members: Members, change: Change, shown: Seen, raw: Raw) -> Seen:
    """*shown*, with a problem for each field that the audience does not have: Mailchimp ignores those."""
    for name, value in change.values.items():
        row = members.fields.get(name)
        if blank(value) or name in shown.fields or row is None or not row.remote.startswith(MERGE):
            continue
        tag = row.remote.removeprefix(MERGE)
        if tag not in wire.member.decode(raw.body).merge_fields:
            shown.problems = (*shown.problems, f"{name}: the audience has no field {tag}")
    return shown


@dataclass(slots=True)
class Updates:
    """Sets fields of members of one audience."""

    members: Members

    def send(self, changes: Sequence[Change]) -> list[Outcome]:
        """Single PATCH calls, or batch jobs of the same where there are many; tags are left to others."""
        plain = [change for change in changes if body_of(self.members, change) is not None]
        if len(plain) >= JOB_FROM:
            written = in_batches(plain, BATCH_SIZE, self._job, lambda change: change.remote_id)
        else:
            written = one_by_one(plain, self._patch, AT_ONCE)
        by_change = {id(change): outcome for change, outcome in zip(plain, written, strict=True)}
        return [by_change.get(id(change), Outcome(Result.APPLIED, change.remote_id)) for change in changes]

    def _patch(self, change: Change) -> Outcome:
        body = body_of(self.members, change)
        names = [member_hash(change.address)] if change.address else []
        # Whoever changed their address since we read it is found by the id that stays.
        response = None
        for name in dict.fromkeys((*names, change.remote_id)):
            response = self.members.lists.update_list_member(
                self.members.audience, name, body, skip_merge_validation=True
            )
            if response.status != 404:
                break
        if response is None:
            return gone(change)
        return self._outcome(change, response.status, response.body)

    def _outcome(self, change: Change, status: int, body: bytes) -> Outcome:
        """What one answered PATCH says."""
        if status == 404:
            return gone(change)
        if not 200 <= status < 300:
            return self.members.refused(change, body)
        raw = self.members.raw(body)
        shown = checked(self.members, change, self.members.seen(raw), raw)
        return Outcome(Result.APPLIED, raw.remote_id, shown, raw)

    def _job(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Many PATCH calls as one job. What the job's result does not tell is read back: MAYBE."""
        operations = [
            {
                "method": "PATCH",
                "path": self.members.path(name_of(change)),
                "params": {"skip_merge_validation": "true"},
                "body": (body_of(self.members, change) or b"{}").decode(),
            }
            for change in changes
        ]
        answers = self.members.jobs.write(operations)
        if answers is None:
            return one_by_one(changes, self._patch, AT_ONCE)
        lost = Outcome(Result.MAYBE, reason="the batch job's result does not mention this record")
        outcomes = []
        for index, change in enumerate(changes):
            done = answers.get(index)
            if done is None:
                outcomes.append(lost)
            elif done.status_code == 404 and change.address:
                outcomes.append(self._patch(change))
            elif unsettled(done.status_code):
                outcomes.append(Outcome(Result.MAYBE, change.remote_id, reason=f"answered {done.status_code}"))
            else:
                outcomes.append(self._outcome(change, done.status_code, done.response.encode()))
        return outcomes
