"""Mailchimp: the members of one audience.

Docs     mailchimp.com/developer/marketing (read 2026-11), SDK 3.0.80
Pace     ten requests at once per user, no rate otherwise; a 403 or 429 without JSON is the same throttle
Quirks   A member's address names it in calls (MD5 of the lower-cased address); `contact_id` is what stays.
         Listing goes by offset over a moving set: each page begins with the last member of the one before, and is
         read again further back where that member is not on it. Archived members are listed apart.
         `last_changed` counts whole seconds: one stamp may cover two edits.
         Nobody is ever subscribed by a field update: see docs/decisions/0002. Statuses are written by `create` and
         by `opt_out` alone.
         A member who left, bounced or was forgotten is refused with a known title: that is a fact about the
         person, not an error.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, TypeVar

import msgspec

from connectors import mailchimp_wire as wire
from connectors.auth import Auth, Basic, Bearer, Credential, Renewed
from connectors.base import (
    Account,
    Change,
    Cursor,
    Option,
    Outcome,
    Page,
    Raw,
    RemoteField,
    Result,
)
from connectors.batches import RefusedWhole, in_batches, one_by_one, spread
from connectors.codecs import iso_second, millis
from connectors.errors import BadCredentials, ConnectionFailure, Later
from connectors.http import Response, Verdict, judge
from connectors.mailchimp_fields import CANNOT, MERGE, TABLE, custom_row, remote_field
from connectors.mailchimp_jobs import Jobs
from connectors.mailchimp_records import Reader
from connectors.mailchimp_streams import Streams
from connectors.pace import Clock, Pace, Sleep
from connectors.paging import Watermark
from mapping.fields import Field, Way
from mapping.model import MARKETING, Millis, Seen, Value
from mapping.values import Kind, blank

T = TypeVar("T")
PAGE_SIZE, BATCH_SIZE, AT_ONCE = 1000, 500, 10
OVERLAP: Millis = 300_000
"""How late a change may show in `since_last_changed`; and how long a change of ours to tags may take to show at all, so
that whatever is read meanwhile is read once more."""
JOB_FROM = 40
"""From this many updates on, one batch job costs less than single calls."""
TAIL = 3
FULL_RIGHTS = frozenset({"owner", "admin", "manager"})
PRESENT, ARCHIVED = "", "archived"
TITLES = {
    "Member In Compliance State": "compliance_state",
    "Forgotten Email Not Subscribed": "forgotten",
    "Member Exists": "exists",
}


def mailchimp_judge(response: Response) -> Verdict:
    """A refusal without a JSON body comes from the gate in front, which throttles so."""
    if response.status == 403 and not response.is_json:
        return Verdict.BUSY
    return judge(response)


def member_hash(address: str) -> str:
    """What names a member in an address: MD5 of the lower-cased e-mail address."""
    return hashlib.md5(address.lower().encode(), usedforsecurity=False).hexdigest()


class Mailchimp(Streams):
    """The members of one Mailchimp audience."""

    name: ClassVar[str] = "mailchimp"
    title: ClassVar[str] = "Mailchimp"
    table = TABLE
    cannot = CANNOT
    batch: ClassVar[int] = BATCH_SIZE
    exact_stamp: ClassVar[bool] = False
    by_member: ClassVar[str] = "tags"
    members_lag: ClassVar[Millis] = OVERLAP
    mails: ClassVar[bool] = True
    purposes: ClassVar[tuple[str, ...]] = (MARKETING,)

    def _base_url(self, given: str, credential: Credential) -> str:
        """The account's own address: the data centre ends the API key, or comes with the OAuth access."""
        if given:
            return given.rstrip("/") if given.rstrip("/").endswith("/3.0") else f"{given.rstrip('/')}/3.0"
        centre = credential.get("server") or credential.get("api_key", "").rpartition("-")[2]
        if not centre.isalnum():
            raise BadCredentials(
                "the API key does not end in its data centre (like -us19).", platform="Mailchimp", fix="Copy it whole."
            )
        return f"https://{centre}.api.mailchimp.com/3.0"

    def _auth(self, credential: Credential, renewed: Renewed | None) -> Auth:
        key = credential.get("api_key", "")
        return Basic(key) if key else Bearer(credential["access_token"])

    def _pace(self, clock: Clock, sleep: Sleep) -> Pace:
        return Pace(at_once=AT_ONCE, clock=clock, sleep=sleep)

    def _judge(self, response: Response) -> Verdict:
        return mailchimp_judge(response)

    @property
    def _audience(self) -> str:
        return self.settings.audience

    @cached_property
    def _jobs(self) -> Jobs:
        return Jobs(self._http, self._sleep)

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self.fields)

    # -- what is there ------------------------------------------------------------------------------------------

    def check(self, *, rights: bool = False) -> Account:
        wanted = ["account_id", "account_name", "role"]
        root = self._typed(wire.root_api(self._http).get_root(fields=wanted), wire.Root)
        audiences = self._audiences() if rights or not self._audience else ()
        may = ["It may read audiences and members."]
        may_not = []
        if not root.role or root.role in FULL_RIGHTS:
            may += ["It may write members, tags and opt-outs."]
        else:
            may_not += [f"Its user is {root.role!r} there, who may not write members: ask for the manager role."]
        if rights and self._audience and self._audience not in {one.id for one in audiences}:
            may_not += [f"The audience {self._audience} is not there."]
        return Account(root.account_id, root.account_name, tuple(may), tuple(may_not), audiences)

    def _audiences(self) -> tuple[Option, ...]:
        fields = ["lists.id", "lists.name", "lists.double_optin", "lists.stats.member_count"]
        found = self._typed(self._lists.get_all_lists(fields=fields, count=PAGE_SIZE), wire.Audiences)
        return tuple(Option(one.id, one.name, f"{one.stats.member_count} members") for one in found.lists)

    def remote_fields(self) -> Sequence[RemoteField]:
        fields = ["merge_fields.tag", "merge_fields.name", "merge_fields.type"]
        response = self._lists.get_list_merge_fields(self._audience, fields=fields, count=PAGE_SIZE)
        merge = [
            remote_field(one.tag, one.name, one.type) for one in self._typed(response, wire.MergeFields).merge_fields
        ]
        own = [row for row in TABLE if not row.remote.startswith(MERGE)]
        return [RemoteField(row.remote, row.label, row.kind, row.writable, row) for row in own] + merge

    @cached_property
    def _lists(self) -> Any:
        return wire.lists_api(self._http)

    @cached_property
    def _double_optin(self) -> bool:
        fields = ["id", "double_optin"]
        return self._typed(self._lists.get_list(self._audience, fields=fields), wire.Audience).double_optin

    # -- pull ---------------------------------------------------------------------------------------------------

    def pages(self, cursor: Cursor | None, *, full: bool = False) -> Iterator[Page]:
        place = self._begin(cursor, full)
        seen: set[int] | None = set() if place["do"] == "list" and not place["offset"] else None
        while True:
            page = self._listed(place, seen) if place["do"] == "list" else self._changed(place)
            yield page
            if page.last:
                return
            place = page.cursor

    def _begin(self, cursor: Cursor | None, full: bool) -> Cursor:
        if cursor is not None and cursor["do"] != "done":
            return cursor
        place = {"set": PRESENT, "offset": 0, "tail": [], "began": self._now(), "best": 0}
        if cursor is None or full:
            return {"do": "list", **place, "mark": None}
        mark = Watermark.of(cursor["mark"])
        low = mark.start(OVERLAP)
        return {"do": "changes", **place, "low": low, "from": low, "mark": cursor["mark"]}

    def _listed(self, place: Cursor, seen: set[int] | None) -> Page:
        """A page of the full listing, of those present and then of the archived."""
        query = {"sort_field": "timestamp_signup", "sort_dir": "ASC"}
        answer = self._members(place["set"], place["offset"], query)
        records, refused, heads = self._heads(answer.members)
        ids = [head.key for head in heads]
        if place["tail"] and place["offset"] and not set(place["tail"]) & set(ids):
            # Members left the set before this page, so that it begins too late: look further back.
            back = max(0, place["offset"] - (PAGE_SIZE - 1))
            return Page(records, {**place, "offset": back}, refused=refused)
        if seen is not None:
            seen.update(map(hash, ids))
        best = max([place["best"], *map(millis, {head.last_changed for head in heads})])
        total = answer.total_items
        if len(answer.members) >= PAGE_SIZE:
            onward = {**place, "offset": place["offset"] + PAGE_SIZE - 1, "tail": ids[-TAIL:], "best": best}
            return Page(records, onward, total, refused=refused)
        counted = place.get("counted", 0) + (total or 0)
        if place["set"] == PRESENT:
            onward = {**place, "set": ARCHIVED, "offset": 0, "tail": [], "best": best, "counted": counted}
            return Page(records, onward, total, refused=refused)
        mark = Watermark.after_full(best, place["began"], self._now())
        complete = seen is not None and len(seen) >= counted and not refused
        return Page(records, {"do": "done", "mark": mark.stored()}, last=True, complete=complete, refused=refused)

    def _changed(self, place: Cursor) -> Page:
        """A page of what changed since `from`, oldest first, of those present and then of the archived.

        Each page begins at the last stamp of the one before, so that nothing is pushed over an edge; where a
        whole page has one stamp, the offset moves on instead.
        """
        query = {"sort_field": "last_changed", "sort_dir": "ASC"}
        # "Changed after" may or may not include the second itself: one second earlier covers both readings.
        query["since_last_changed"] = iso_second(max(0, place["from"] - 1000))
        answer = self._members(place["set"], place["offset"], query)
        records, refused, heads = self._heads(answer.members)
        stamps = [millis(head.last_changed) for head in heads]
        best = max([place["best"], *stamps])
        if len(answer.members) >= PAGE_SIZE and stamps:
            if stamps[-1] - 1000 > place["from"]:
                onward = {**place, "from": stamps[-1], "offset": 0, "best": best}
            else:
                onward = {**place, "offset": place["offset"] + PAGE_SIZE, "best": best}
            return Page(records, onward, answer.total_items, refused=refused)
        if place["set"] == PRESENT:
            onward = {**place, "set": ARCHIVED, "from": place["low"], "offset": 0, "best": best}
            return Page(records, onward, answer.total_items, refused=refused)
        mark = Watermark.of(place["mark"]).after(best, place["began"], self._now(), OVERLAP)
        return Page(records, {"do": "done", "mark": mark.stored()}, last=True, refused=refused)

    def _members(self, status: str, offset: int, query: Mapping[str, str]) -> wire.Listing:
        fields = ["total_items", *(f"members.{name}" for name in wire.MEMBER_FIELDS)]
        more = {"status": status} if status else {}
        response = self._lists.get_list_members_info(
            self._audience, fields=fields, count=PAGE_SIZE, offset=offset, **query, **more
        )
        return self._decoded(wire.listing, response, "list members")

    def _heads(self, members: list[msgspec.Raw]) -> tuple[list[Raw], list[tuple[str, str]], list[wire.Head]]:
        records, refused, heads = [], [], []
        for body in members:
            try:
                head = wire.head.decode(body)
            except msgspec.DecodeError as error:
                refused.append(("", f"an entry of the list is no member: {error}"))
                continue
            if not head.key:
                refused.append(("", "a member without an id"))
                continue
            heads.append(head)
            records.append(Raw.of(head.key, bytes(body)))
        return records, refused, heads

    def decode(self, raw: Raw) -> Seen:
        return self._reader.seen(raw)

    # -- read by id ---------------------------------------------------------------------------------------------

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

    def _sweep(self, asked: set[str], worth: int, names: Callable[[wire.Head], tuple[str, ...]]) -> dict[str, Raw]:
        """Those of *asked* that a listing shows; nothing where it would cost more than *worth* calls."""
        found: dict[str, Raw] = {}
        for status in (PRESENT, ARCHIVED):
            offset, total = 0, None
            while total is None or offset < total:
                answer = self._members(status, offset, {})
                total = answer.total_items or 0
                if total / PAGE_SIZE > worth:
                    return found
                records, _, heads = self._heads(answer.members)
                for record, head in zip(records, heads, strict=True):
                    found |= {name: record for name in names(head) if name in asked}
                offset += PAGE_SIZE
        return found

    def _read_job(self, asked: Sequence[str]) -> dict[str, Raw]:
        """Those of *asked* that a batch job of single reads shows: three requests instead of hundreds. What it does
        not show is left to be read one by one."""
        params = {"fields": ",".join(wire.MEMBER_FIELDS)}
        answers = self._jobs.read([{"method": "GET", "path": self._path(one), "params": params} for one in asked])
        told = {one: answers.get(index) for index, one in enumerate(asked)} if answers is not None else {}
        return {one: self._raw(got.response.encode()) for one, got in told.items() if got and got.status_code == 200}

    def _path(self, name: str, *parts: str) -> str:
        """A member's path, as an operation of a batch job names it."""
        return "/".join((f"/lists/{self._audience}/members", name, *parts))

    def _read_one(self, remote_id: str) -> Raw | None:
        raw = self._get(remote_id)
        if raw is not None:
            return raw
        fields = [f"members.{name}" for name in wire.MEMBER_FIELDS]
        response = self._lists.get_list_members_info(self._audience, unique_email_id=remote_id, fields=fields, count=1)
        records, _, _ = self._heads(self._decoded(wire.listing, response, "list members").members)
        return records[0] if records and records[0].remote_id == remote_id else None

    def _get(self, name: str) -> Raw | None:
        """The member of this hash or `contact_id`; None where the answer is that there is none."""
        response = self._lists.get_list_member(self._audience, name, fields=list(wire.MEMBER_FIELDS))
        if response.status == 404:
            return None
        return self._raw(self._good(response, "read member").body)

    def _raw(self, body: bytes) -> Raw:
        try:
            kept = wire.trimmed(body)
            key = wire.head.decode(kept).key
        except msgspec.DecodeError as error:
            raise self._http.misread("read member", f"an answer has not the documented shape ({error})") from error
        return Raw.of(key, kept)

    def find(self, addresses: Sequence[str], keys: Sequence[str]) -> dict[str, Raw]:
        """Members by address; Mailchimp has no field for our keys."""
        asked = {address.lower(): address for address in addresses}
        found: dict[str, Raw] = {}
        if len(asked) > AT_ONCE:
            found = self._sweep(set(asked), len(asked), lambda head: (head.email_address.lower(),))
        else:
            raws = spread(list(asked), lambda address: self._get(member_hash(address)), AT_ONCE)
            found = {address: raw for address, raw in zip(asked, raws, strict=True) if raw is not None}
        return {address: found[address.lower()] for address in addresses if address.lower() in found}

    # -- write --------------------------------------------------------------------------------------------------

    def update(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Single PATCH calls, or batch jobs of the same where there are many: a PATCH without a status cannot
        change one (docs/decisions/0002). Tags follow, for those whose fields were taken."""
        plain = [change for change in changes if self._body(change) is not None]
        if len(plain) >= JOB_FROM:
            written = in_batches(plain, BATCH_SIZE, self._job, lambda change: change.remote_id)
        else:
            written = one_by_one(plain, self._patch, AT_ONCE)
        by_change = {id(change): outcome for change, outcome in zip(plain, written, strict=True)}
        firsts = [by_change.get(id(change), Outcome(Result.APPLIED, change.remote_id)) for change in changes]
        return self._tagged(changes, firsts)

    def _body(self, change: Change) -> bytes | None:
        """The body of a PATCH: never a status. None where no field is to be set."""
        merge: dict[str, Value] = {}
        body: dict[str, Any] = {}
        for name, value in change.values.items():
            row = self.fields.get(name)
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

    def _patch(self, change: Change) -> Outcome:
        body = self._body(change)
        names = [member_hash(change.address)] if change.address else []
        # Whoever changed their address since we read it is found by the id that stays.
        response = None
        for name in dict.fromkeys((*names, change.remote_id)):
            response = self._lists.update_list_member(self._audience, name, body, skip_merge_validation=True)
            if response.status != 404:
                break
        if response is None:
            return _gone(change)
        return self._outcome(change, response.status, response.body)

    def _outcome(self, change: Change, status: int, body: bytes) -> Outcome:
        """What one answered PATCH says."""
        if status == 404:
            return _gone(change)
        if not 200 <= status < 300:
            return self._refused(change, body)
        raw = self._raw(body)
        shown = self.decode(raw)
        return Outcome(Result.APPLIED, raw.remote_id, self._checked(change, shown, raw), raw)

    def _checked(self, change: Change, shown: Seen, raw: Raw) -> Seen:
        """*shown*, with a problem for each field that the audience does not have: Mailchimp ignores those."""
        for name, value in change.values.items():
            row = self.fields.get(name)
            if blank(value) or name in shown.fields or row is None or not row.remote.startswith(MERGE):
                continue
            tag = row.remote.removeprefix(MERGE)
            if tag not in wire.member.decode(raw.body).merge_fields:
                shown.problems = (*shown.problems, f"{name}: the audience has no field {tag}")
        return shown

    def _refused(self, change: Change, body: bytes) -> Outcome:
        try:
            problem = msgspec.json.decode(body, type=wire.Problem)
        except msgspec.DecodeError:
            problem = wire.Problem()
        fields = "; ".join(f"{one.field}: {one.message}" for one in problem.errors)
        reason = self._http.redact(": ".join(part for part in (problem.title, fields or problem.detail) if part))[:300]
        code = TITLES.get(problem.title, "invalid")
        if code == "invalid" and "fake or invalid" in f"{problem.detail} {fields}":
            code = "invalid_address"
        tags = {one.field.removeprefix(MERGE) for one in problem.errors}
        rows = [row for name in change.values if (row := self.fields.get(name))]
        blamed = tuple(row.name for row in rows if row.remote.removeprefix(MERGE) in tags)
        return Outcome(Result.REFUSED, change.remote_id, reason=reason or "refused", code=code, blamed=blamed)

    def _tagged(self, changes: Sequence[Change], outcomes: list[Outcome]) -> list[Outcome]:
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
            present.append(seen or (self.decode(raw) if raw is not None else None))
        asked = {i: _missing_tags(changes[i], seen) for i, seen in enumerate(present) if seen is not None}
        asked = {index: change for index, change in asked.items() if change.tags_on or change.tags_off}
        answers = dict(zip(asked, self._send_tags(list(asked.values())), strict=True))
        outcomes = []
        for index, (change, seen) in enumerate(zip(changes, present, strict=True)):
            if seen is None:
                outcomes.append(_gone(change))
            elif index in answers and answers[index].result is not Result.APPLIED:
                outcomes.append(answers[index])
            else:
                outcomes.append(Outcome(Result.APPLIED, seen.remote_id, _with_tags(seen, change)))
        return outcomes

    def _send_tags(self, changes: Sequence[Change]) -> list[Outcome]:
        if len(changes) < JOB_FROM:
            return one_by_one(changes, self._send_tag, AT_ONCE) if changes else []
        return in_batches(changes, BATCH_SIZE, self._tag_job, lambda change: change.remote_id)

    def _send_tag(self, change: Change) -> Outcome:
        response = self._lists.update_list_member_tags(self._audience, member_hash(change.address), _tag_body(change))
        return Outcome(Result.APPLIED, change.remote_id) if response.ok else self._refused(change, response.body)

    def _tag_job(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Many changes of tags as one job; setting a tag twice changes nothing, so what was not told is repeated."""
        calls = [("POST", self._path(member_hash(one.address), "tags"), _tag_body(one)) for one in changes]
        answers = self._jobs.write([{"method": m, "path": path, "body": body.decode()} for m, path, body in calls])
        outcomes = []
        for index, change in enumerate(changes):
            done = answers.get(index) if answers is not None else None
            if done is None or done.status_code == 429 or done.status_code >= 500:
                outcomes.append(self._send_tag(change))
            elif 200 <= done.status_code < 300:
                outcomes.append(Outcome(Result.APPLIED, change.remote_id))
            else:
                outcomes.append(self._refused(change, done.response.encode()))
        return outcomes

    def _job(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Many PATCH calls as one job. What the job's result does not tell is read back: MAYBE."""
        operations = [
            {
                "method": "PATCH",
                "path": self._path(_name(change)),
                "params": {"skip_merge_validation": "true"},
                "body": (self._body(change) or b"{}").decode(),
            }
            for change in changes
        ]
        answers = self._jobs.write(operations)
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
            elif done.status_code == 429 or done.status_code >= 500:
                outcomes.append(Outcome(Result.MAYBE, change.remote_id, reason=f"answered {done.status_code}"))
            else:
                outcomes.append(self._outcome(change, done.status_code, done.response.encode()))
        return outcomes

    # -- statuses -----------------------------------------------------------------------------------------------

    def create(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """New members, 500 a call. `update_existing` stays off, so that a known member is never touched: not even
        one who left a moment ago."""
        return self._tagged(
            changes, in_batches(changes, BATCH_SIZE, self._create, lambda one: (one.email or one.address).lower())
        )

    def _create(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        welcome = "pending" if any(change.subscribed for change in changes) and self._double_optin else "subscribed"
        members = []
        for change in changes:
            member = msgspec.json.decode(self._body(change) or b"{}")
            status = welcome if change.subscribed else "transactional"
            members.append({**member, "email_address": change.email or change.address, "status": status})
        written = self._write(members, update_existing=False, through=self._lists)
        made = {raw.remote_id: raw for raw in map(self._raw_or_none, written.new_members) if raw is not None}
        by_address = {wire.head.decode(raw.body).email_address.lower(): raw for raw in made.values()}
        self._complete_ids(by_address)
        failed = {error.email_address.lower(): error for error in written.errors}
        return [self._created(change, by_address, failed) for change in changes]

    def _raw_or_none(self, body: msgspec.Raw) -> Raw | None:
        kept = wire.trimmed(bytes(body))
        key = wire.head.decode(kept).key
        return Raw.of(key, kept) if key else None

    def _complete_ids(self, found: dict[str, Raw]) -> None:
        """Batch answers may leave out `contact_id` (the description of 3.0.55 does): read those once by listing."""
        short = {address for address, raw in found.items() if not wire.head.decode(raw.body).contact_id}
        if not short:
            return
        whole = self.find(sorted(short), ())
        found |= {address: raw for address, raw in whole.items() if raw is not None}

    def _created(self, change: Change, made: Mapping[str, Raw], failed: Mapping[str, wire.BatchError]) -> Outcome:
        address = (change.email or change.address).lower()
        raw, error = made.get(address), failed.get(address)
        if raw is not None:
            return Outcome(Result.APPLIED, raw.remote_id, self._checked(change, self.decode(raw), raw), raw)
        if error is None:
            return Outcome(Result.MAYBE, reason="Mailchimp's answer does not mention this address")
        return self._batch_refused(change, error)

    def _batch_refused(self, change: Change, error: wire.BatchError) -> Outcome:
        said = self._http.redact(": ".join(part for part in (error.error, error.field_message) if part))[:300]
        lower = error.error.lower()
        if error.error_code == "ERROR_CONTACT_EXISTS" or "already a list member" in lower:
            there = self._get(member_hash(change.email or change.address))
            return Outcome(Result.REFUSED, there.remote_id if there else "", raw=there, reason=said, code="exists")
        if "internal error" in lower:
            return Outcome(Result.MAYBE, change.remote_id, reason=said)  # says nothing about this member
        for words, code in _WORDS:
            if words in lower:
                return Outcome(Result.REFUSED, change.remote_id, reason=said, code=code)
        return Outcome(Result.REFUSED, change.remote_id, reason=said, code="invalid")

    def opt_out(self, changes: Sequence[Change], purpose: str) -> Sequence[Outcome]:
        """Unsubscribe, 500 a call. The one status written over an existing one: it only ever turns off."""
        return in_batches(changes, BATCH_SIZE, self._leave, lambda change: change.address.lower())

    def _leave(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        members = [{"email_address": change.address, "status": "unsubscribed"} for change in changes]
        written = self._write(members, update_existing=True, through=wire.lists_api(self._http, repeatable=True))
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

    def _write(self, members: list[dict[str, Any]], *, update_existing: bool, through: Any) -> wire.Written:
        body = msgspec.json.encode({"members": members, "update_existing": update_existing})
        response = through.batch_list_members(self._audience, body, skip_merge_validation=True)
        if not response.ok:
            raise RefusedWhole(self._http.explain(response))
        return self._typed(response, wire.Written)

    def archive(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return one_by_one(changes, self._archive, AT_ONCE)

    def _archive(self, change: Change) -> Outcome:
        name = _name(change)
        response = self._lists.delete_list_member(self._audience, name)
        if response.ok:
            return Outcome(Result.APPLIED, change.remote_id)
        return _gone(change) if response.status == 404 else self._refused(change, response.body)

    # -- beside members -----------------------------------------------------------------------------------------

    def _addresses(self, records: Sequence[str]) -> dict[str, str]:
        """Many records are looked up in the listing where that costs fewer calls than reading them."""
        ids = [one for one in records if "@" not in one]
        pages = len(ids) // AT_ONCE if len(ids) >= JOB_FROM else 0
        found: dict[str, Raw | None] = {**self._sweep(set(ids), pages, lambda head: (head.key,))} if pages else {}
        found |= self.read([one for one in ids if one not in found])
        told = {one: wire.head.decode(raw.body).email_address for one, raw in found.items() if raw is not None}
        return {one: one for one in records if "@" in one} | told

    @classmethod
    def custom_row(cls, name: str, remote: str, kind: Kind, way: Way) -> Field | None:
        """A row for a merge field mapped by hand, where it needs a spelling of Mailchimp's own."""
        return custom_row(name, remote, kind, way)


_WORDS = (
    ("compliance state", "compliance_state"),
    ("was permanently deleted", "forgotten"),
    ("forgotten", "forgotten"),
    ("fake or invalid", "invalid_address"),
    ("cleaned", "cleaned"),
)


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


def _tag_body(change: Change) -> bytes:
    members = [{"name": tag, "status": "active"} for tag in change.tags_on]
    members += [{"name": tag, "status": "inactive"} for tag in change.tags_off]
    return msgspec.json.encode({"tags": members})


def _name(change: Change) -> str:
    """What names the member in an address."""
    return member_hash(change.address) if change.address else change.remote_id


def _gone(change: Change) -> Outcome:
    return Outcome(Result.GONE, change.remote_id, reason="Mailchimp has no such member any more", code="gone")


ASKS_TOKEN = (Option("api_key", "API key", "from Account › Extras › API keys; it ends in -us19 or the like"),)
ASKS_OAUTH = (Option("access_token", "Access token"), Option("server", "Data centre", "like us19"))
