"""Setting tags on members: a call of its own, whose answer is empty and whose effect may lag."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec

from connectors.base import Change, Outcome, Raw, Result
from connectors.batches import in_batches, one_by_one
from connectors.errors import ConnectionFailure, Later
from connectors.http_verdict import unsettled
from connectors.mailchimp_members import AT_ONCE, BATCH_SIZE, JOB_FROM, Members, gone, member_hash
from mapping.model import Seen

Read = Callable[[Sequence[str]], dict[str, Raw | None]]


@dataclass(slots=True)
class Tags:
    """Sets the tags of members of one audience."""

    members: Members
    read: Read

    def after(self, changes: Sequence[Change], outcomes: list[Outcome]) -> list[Outcome]:
        """The outcomes after tags were set for whom they are asked and the fields were taken."""
        due = [
            index
            for index, change in enumerate(changes)
            if outcomes[index].result is Result.APPLIED and (change.tags_on or change.tags_off)
        ]
        try:
            tagged = self._tags([changes[index] for index in due], [outcomes[index].shown for index in due])
        except (Later, ConnectionFailure) as failure:
            if not any(outcome.shown for outcome in outcomes):
                raise
            tagged = [Outcome(Result.LATER, changes[index].remote_id, reason=str(failure)) for index in due]
        for index, outcome in zip(due, tagged, strict=True):
            before = outcomes[index]
            if before.shown is None or outcome.result is Result.APPLIED:
                outcomes[index] = outcome
            elif outcome.result in (Result.LATER, Result.MAYBE):
                # The fields were taken and the tags were not: half a change is read back, or it would look like
                # somebody's edit.
                outcomes[index] = replace(outcome, result=Result.MAYBE)
            else:
                outcomes[index] = replace(before, blamed=("tags",), reason=outcome.reason, code=outcome.code)
        return outcomes

    def _tags(self, changes: Sequence[Change], shown: Sequence[Seen | None]) -> list[Outcome]:
        """Set the tags of members, which *shown* shows as an answer just did; the others are read first.

        The answers are empty and their effect may lag, so what is shown afterwards is worked out and not read.
        """
        unread = [change.remote_id for change, seen in zip(changes, shown, strict=True) if seen is None]
        read = self.read(unread) if unread else {}
        present = []
        for change, seen in zip(changes, shown, strict=True):
            raw = read.get(change.remote_id)
            present.append(seen or (self.members.seen(raw) if raw is not None else None))
        asked = {i: _missing_tags(changes[i], seen) for i, seen in enumerate(present) if seen is not None}
        asked = {index: change for index, change in asked.items() if change.tags_on or change.tags_off}
        answers = dict(zip(asked, self._send(list(asked.values())), strict=True))
        outcomes = []
        for index, (change, seen) in enumerate(zip(changes, present, strict=True)):
            if seen is None:
                outcomes.append(gone(change))
            elif index in answers and answers[index].result is not Result.APPLIED:
                outcomes.append(answers[index])
            else:
                outcomes.append(Outcome(Result.APPLIED, seen.remote_id, _with_tags(seen, change)))
        return outcomes

    def _send(self, changes: Sequence[Change]) -> list[Outcome]:
        if len(changes) < JOB_FROM:
            return one_by_one(changes, self._send_one, AT_ONCE) if changes else []
        return in_batches(changes, BATCH_SIZE, self._send_job, lambda change: change.remote_id)

    def _send_one(self, change: Change) -> Outcome:
        response = self.members.lists.update_list_member_tags(
            self.members.audience, member_hash(change.address), _body(change)
        )
        return Outcome(Result.APPLIED, change.remote_id) if response.ok else self.members.refused(change, response.body)

    def _send_job(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Many changes of tags as one job; setting a tag twice changes nothing, so what was not told is repeated."""
        calls = [("POST", self.members.path(member_hash(one.address), "tags"), _body(one)) for one in changes]
        answers = self.members.jobs.write(
            [{"method": m, "path": path, "body": body.decode()} for m, path, body in calls]
        )
        outcomes = []
        for index, change in enumerate(changes):
            done = answers.get(index) if answers is not None else None
            if done is None or unsettled(done.status_code):
                outcomes.append(self._send_one(change))
            elif 200 <= done.status_code < 300:
                outcomes.append(Outcome(Result.APPLIED, change.remote_id))
            else:
                outcomes.append(self.members.refused(change, done.response.encode()))
        return outcomes


def _missing_tags(change: Change, seen: Seen) -> Change:
    """A change of tags as it is worth sending: only what differs from what is there, to the present address."""
    had = set(seen.fields.get("tags", ()))
    on, off = set(change.tags_on) - had, set(change.tags_off) & had
    return replace(change, address=seen.addresses[0], tags_on=tuple(sorted(on)), tags_off=tuple(sorted(off)))


def _with_tags(seen: Seen, change: Change) -> Seen:
    """A member as it stands once a change of its tags has taken effect."""
    tags = sorted((set(seen.fields.get("tags", ())) | set(change.tags_on)) - set(change.tags_off))
    fields = {name: value for name, value in seen.fields.items() if name != "tags"}
    return replace(seen, fields=fields | ({"tags": tags} if tags else {}))


def _body(change: Change) -> bytes:
    members = [{"name": tag, "status": "active"} for tag in change.tags_on]
    members += [{"name": tag, "status": "inactive"} for tag in change.tags_off]
    return msgspec.json.encode({"tags": members})
