"""HubSpot: contacts of one account, and what hangs on them (`hubspot_streams`).

Docs     developers.hubspot.com/docs/api-reference (read 2026-11); the SDK's v3 paths, 2026-03 for consent
Pace     100 calls in any 10 s (answers may state more), 5 searches in any second; a DAILY 429 is not waited for
Quirks   Search shows a change only after a moment, ends at 10,000 results and never shows archived records. So a
         search is read slice by slice from the last stamp seen (ties walked by id), with an overlap; archived
         records come from a list of their own, and a write is never checked by searching.
         The vendor's API description types `sorts` as texts; the service wants objects (hubspot-api-python #236).
         Values are texts; an empty text clears. A batch answers 207 and names the inputs that failed, or refuses
         the whole batch because of one: it is then halved until that one stands alone.
         A merge turns the loser's id into an alias: reading it gives the winner, `hs_merged_object_ids` tells.
         An association that changes need not move the stamp of either record: a full pull sees it, another may not.
         `hs_email_optout_<id>` properties differ by account; their names are read from its property list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, NoReturn, TypeVar
from urllib.parse import quote

import msgspec

from connectors import hubspot_wire as wire
from connectors.auth import Auth, Bearer, Credential, OAuth, Renewed
from connectors.base import (
    Account,
    Change,
    Cursor,
    Listed,
    Option,
    Outcome,
    Page,
    Raw,
    RemoteField,
    Result,
    Stream,
    StreamPage,
)
from connectors.batches import RefusedWhole, in_batches, one_by_one
from connectors.codecs import millis
from connectors.errors import TooNarrow
from connectors.http import Response, Verdict, judge
from connectors.hubspot_facts import facts_of
from connectors.hubspot_fields import ADDRESS_REMOTE, CANNOT, OWN_KEY, TABLE, remote_field
from connectors.hubspot_records import ALWAYS, Reader, addresses_of
from connectors.hubspot_streams import STREAMS, Streams
from connectors.hubspot_walk import Source, Walk
from connectors.over_http import OverHttp
from connectors.pace import Clock, Pace, Sleep, Window
from mapping.facts import Facts
from mapping.model import MARKETING, Millis, Seen

T = TypeVar("T")
BASE_URL = "https://api.hubapi.com"
BATCH_SIZE, HISTORY_SIZE = 100, 50
AT_ONCE = 8
"""Opt-outs in flight where they go one by one."""

PROBES = (
    # (what it is for, scope, method, path, body): none of them changes anything
    ("read contacts", "crm.objects.contacts.read", "GET", "/crm/v3/objects/contacts?limit=1", None),
    ("write contacts", "crm.objects.contacts.write", "POST", "/crm/v3/objects/contacts/batch/update", b'{"inputs":[]}'),
    ("read the list of properties", "crm.schemas.contacts.read", "GET", "/crm/v3/properties/contacts", None),
    ("pass on opt-outs", "communication_preferences.read_write", "GET", wire.DEFINITIONS, None),
)


def hubspot_judge(response: Response) -> Verdict:
    """A 429 of the daily policy does not clear by waiting seconds."""
    if response.status == 429 and b"DAILY" in response.body:
        return Verdict.SPENT
    return judge(response)


def learn(pace: Pace, headers: Mapping[str, str]) -> None:
    """Take the limits over that the answer states."""
    most, length = headers.get("x-hubspot-ratelimit-max"), headers.get("x-hubspot-ratelimit-interval-milliseconds")
    if most and length and most.isdigit() and length.isdigit():
        pace.limit(int(most), int(length) / 1000)
    left = headers.get("x-hubspot-ratelimit-daily-remaining")
    if left and left.isdigit():
        pace.quota_left = int(left)


class HubSpot(OverHttp):
    """Contacts of one HubSpot account."""

    name: ClassVar[str] = "hubspot"
    title: ClassVar[str] = "HubSpot"
    table = TABLE
    cannot = CANNOT
    batch: ClassVar[int] = BATCH_SIZE
    exact_stamp: ClassVar[bool] = True
    mails: ClassVar[bool] = False
    purposes: ClassVar[tuple[str, ...]] = (MARKETING,)
    streams: ClassVar[tuple[Stream, ...]] = STREAMS
    lists: ClassVar[bool] = True

    _one_by_one = False  # opt-outs: whether the account may not send them in batches

    def _base_url(self, given: str, credential: Credential) -> str:
        return given or BASE_URL

    def _auth(self, credential: Credential, renewed: Renewed | None) -> Auth:
        return OAuth(credential, wire.TOKEN, renewed) if "access_token" in credential else Bearer(credential["token"])

    def _pace(self, clock: Clock, sleep: Sleep) -> Pace:
        return Pace(Window(100, 10.0), Window(5, 1.0, "search"), learn=learn, clock=clock, sleep=sleep)

    def _judge(self, response: Response) -> Verdict:
        return hubspot_judge(response)

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self.fields)

    # -- what is there ------------------------------------------------------------------------------------------

    def check(self, *, rights: bool = False) -> Account:
        details = self._typed(self._http.request("GET", wire.ACCOUNT, operation="account"), wire.AccountDetails)
        may, may_not = [], []
        for what, scope, method, path, body in PROBES if rights else ():
            try:
                self._http.request(method, path, json=body, idempotent=True, operation=f"may we {what}?")
            except TooNarrow:
                may_not.append(f"It may not {what}: the scope {scope} is missing.")
            else:
                may.append(f"It may {what}.")
        number = str(details.portalId)
        own = OWN_KEY in (self._known or ())
        return Account(number, f"HubSpot account {number}", tuple(may), tuple(may_not), has_own_key=own)

    def remote_fields(self) -> Sequence[RemoteField]:
        return [
            remote_field(found.name, found.label or found.name, found.type, found.fieldType, found.read_only)
            for found in self._property_list()
            if not found.hidden and found.name != OWN_KEY
        ]

    def _property_list(self) -> list[wire.Property]:
        response = self._apis.properties.get_all("contacts", _preload_content=False)
        return self._typed(self._good(response, "list properties"), wire.Properties).results

    @cached_property
    def _apis(self) -> wire.Apis:
        return wire.Apis.over(self._http)

    @cached_property
    def _known(self) -> frozenset[str] | None:
        """The names of the account's properties; None where we may not ask."""
        try:
            return frozenset(found.name for found in self._property_list())
        except TooNarrow:
            return None

    @cached_property
    def _optouts(self) -> tuple[str, ...]:
        """The opt-out properties of single subscriptions."""
        return tuple(sorted(name for name in self._known or () if re.fullmatch(r"hs_email_optout_\d+", name)))

    @cached_property
    def _wanted(self) -> list[str]:
        """The properties to ask for: without a list, only a handful come back."""
        rows = [name for row in self.fields if row.readable for name in row.remote.split("+")]
        extra = [name for name in ALWAYS if self._known is None or name in self._known]
        own = [OWN_KEY] if self.settings.own_key else []
        return list(dict.fromkeys((*rows, *extra, *self._optouts, *own)))

    # -- pull ---------------------------------------------------------------------------------------------------

    def pages(self, cursor: Cursor | None, *, full: bool = False) -> Iterator[Page]:
        return (found.page for found in self._walk.slices(cursor, full=full))

    @cached_property
    def _walk(self) -> Walk:
        apis = self._apis
        source = Source(
            "contacts", "lastmodifieddate", lambda: self._wanted, apis.basic.get_page, apis.search.do_search
        )
        return Walk(source, self._http, self._decoded, self._now)

    def decode(self, raw: Raw) -> Seen:
        return self._reader.seen(raw)

    # -- streams and lists --------------------------------------------------------------------------------------

    @cached_property
    def _streams(self) -> Streams:
        return Streams(self._http, self._decoded, self._now)

    def stream_pages(self, name: str, cursor: Cursor | None, *, full: bool = False) -> Iterator[StreamPage]:
        return self._streams.pages(name, cursor, full=full)

    def facts(self, name: str, item: Raw) -> Facts:
        return facts_of(name, item)

    def put_on_list(self, title: str, listing: str, add: Sequence[str], remove: Sequence[str]) -> Listed:
        return self._streams.lists.put(title, listing, add, remove)

    def create_task(self, who: str, subject: str, due: Millis, *, owner: str = "", text: str = "") -> Outcome:
        """Something to do for a contact. Not to be repeated after a crash: see `cannot`."""
        return self._streams.deeds.create_task(who, subject, due, owner, text)

    def update_companies(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Set our fields of companies, by their remote ids; one outcome per change."""
        return self._streams.deeds.update_companies(changes)

    def associate(self, pairs: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        """Let contacts belong to companies (contact, company). Returns what would not be taken, and why."""
        return self._streams.deeds.associate(pairs)

    # -- read by id ---------------------------------------------------------------------------------------------

    def read(self, remote_ids: Sequence[str]) -> dict[str, Raw | None]:
        """Live records, archived ones, and None where both reads answered without it.

        An id that was merged away gives the record that it was merged into, under the id asked for.
        """
        found: dict[str, Raw | None] = {}
        for start in range(0, len(remote_ids), BATCH_SIZE):
            asked = list(dict.fromkeys(remote_ids[start : start + BATCH_SIZE]))
            live = self._read(asked, archived=False)
            missing = [one for one in asked if one not in live]
            put_away = self._read(missing, archived=True) if missing else {}
            for one in asked:
                found[one] = live.get(one) or put_away.get(one)
        return found

    def _read(self, ids: Sequence[str], *, archived: bool, by: str = "") -> dict[str, Raw]:
        """Records by what was asked for; what is not there is left out. A batch that did not say of each missing
        input that it was not found proves nothing, and is an error."""
        body = wire.inputs(
            [{"id": one} for one in ids],
            properties=self._wanted,
            propertiesWithHistory=[],
            **({"idProperty": by} if by else {}),
        )
        response = self._good(self._apis.batch.read(body, archived=archived, _preload_content=False), "read contacts")
        answer = self._decoded(wire.batch, response, "read contacts")
        found: dict[str, Raw] = {}
        for result in answer.results:
            entry = wire.contact.decode(result)
            raw = Raw.of(entry.id, bytes(result))
            for name in _names(entry, by):
                found.setdefault(name, raw)
        for trouble in answer.errors:
            if trouble.category not in ("OBJECT_NOT_FOUND", "NOT_FOUND"):
                raise self._http.misread("read contacts", f"some could not be read ({trouble.category})")
        asked = {one.lower(): one for one in ids}
        return {asked[name.lower()]: raw for name, raw in found.items() if name.lower() in asked}

    def find(self, addresses: Sequence[str], keys: Sequence[str]) -> dict[str, Raw]:
        found: dict[str, Raw] = {}
        if self.settings.own_key:
            for start in range(0, len(keys), BATCH_SIZE):
                found |= self._read(list(dict.fromkeys(keys[start : start + BATCH_SIZE])), archived=False, by=OWN_KEY)
        unique = list({one.lower(): one for one in addresses}.values())
        for start in range(0, len(unique), BATCH_SIZE):
            found |= self._read(unique[start : start + BATCH_SIZE], archived=False, by="email")
        return found

    def history(self, remote_ids: Sequence[str], names: Sequence[str]) -> dict[tuple[str, str], Millis]:
        """When each field was last set, by a person where one did: an app's own entries count only if alone."""
        rows = [row for name in names if (row := self.fields.get(name))]
        remotes = sorted({remote for row in rows for remote in row.remote.split("+")})
        when: dict[tuple[str, str], Millis] = {}
        for start in range(0, len(remote_ids) if remotes else 0, HISTORY_SIZE):
            ids = [{"id": one} for one in remote_ids[start : start + HISTORY_SIZE]]
            body = wire.inputs(ids, properties=[], propertiesWithHistory=remotes)
            response = self._good(self._apis.batch.read(body, _preload_content=False), "read contacts")
            for past in self._typed(response, wire.PastBatch).results:
                for row in rows:
                    stamps = [_last_set(past.propertiesWithHistory.get(one, [])) for one in row.remote.split("+")]
                    if any(stamps):
                        when[past.id, row.name] = max(stamps)
        return when

    # -- write --------------------------------------------------------------------------------------------------

    def update(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """One outcome per change. The answer shows only the properties that were set: `shown.fields` is to be
        trusted for the names in `Change.values` and for nothing else, and there is no `raw`."""
        return in_batches(changes, BATCH_SIZE, self._update, lambda change: change.remote_id)

    def _update(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        body = wire.inputs([{"id": change.remote_id, "properties": self._spelled(change)} for change in changes])
        response = self._apis.batch.update(body, _preload_content=False)
        answer = self._taken(response, "update contacts")
        written = {entry.id: entry for entry in self._entries(answer)}
        failed = {one: trouble for trouble in answer.errors for one in _concerned(trouble)}
        return [
            self._outcome(change, written.get(change.remote_id), failed.get(change.remote_id)) for change in changes
        ]

    def _spelled(self, change: Change) -> dict[str, str]:
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

    def _outcome(self, change: Change, entry: wire.Contact | None, trouble: wire.Trouble | None) -> Outcome:
        if entry is not None:
            return Outcome(Result.APPLIED, entry.id, self._shown(change, entry))
        if trouble is None:
            return Outcome(Result.MAYBE, change.remote_id, reason="HubSpot's answer does not mention this record")
        return self._refused(change, trouble)

    def _shown(self, change: Change, entry: wire.Contact) -> Seen:
        """What the answer shows; for a changed property that it leaves out, what we asked."""
        properties = {**self._spelled(change), **entry.properties}
        problems: list[str] = []
        fields = self._reader.fields(properties, problems)
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
        reason = self._http.redact(trouble.message or trouble.category)[:300]
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

    def create(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """By our own key where the account has it, so that a lost answer doubles nobody; else by address."""
        if self.settings.own_key and all(change.key for change in changes):
            outcomes = in_batches(changes, BATCH_SIZE, self._upsert, lambda change: change.key)
        else:
            by_address = lambda change: (change.email or change.address).lower() or str(id(change))  # noqa: E731
            outcomes = in_batches(changes, BATCH_SIZE, self._create, by_address)
        there = [found.remote_id for found in outcomes if found.code == "exists" and found.remote_id and not found.raw]
        raws = self.read(there) if there else {}
        return [
            replace(found, raw=raws[found.remote_id]) if found.code == "exists" and raws.get(found.remote_id) else found
            for found in outcomes
        ]

    def _upsert(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        members = [
            {
                "id": change.key,
                "idProperty": OWN_KEY,
                "objectWriteTraceId": change.key,
                "properties": {**self._born(change), OWN_KEY: change.key},
            }
            for change in changes
        ]
        made = self._made(changes, self._apis.batch.upsert(wire.inputs(members), _preload_content=False))
        return [made[id(change)] for change in changes]

    def _create(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        there = self.find([one for change in changes if (one := change.email or change.address)], [])
        fresh = [change for change in changes if (change.email or change.address) not in there]
        members = [
            {"objectWriteTraceId": str(index), "properties": self._born(change)} for index, change in enumerate(fresh)
        ]
        made = self._made(fresh, self._apis.batch.create(wire.inputs(members), _preload_content=False)) if fresh else {}
        return [
            made[id(change)] if id(change) in made else _exists(there[change.email or change.address].remote_id)
            for change in changes
        ]

    def _born(self, change: Change) -> dict[str, str]:
        properties = {name: text for name, text in self._spelled(change).items() if text}
        address = change.email or change.address
        return {**properties, "email": address} if address else properties

    def _made(self, changes: Sequence[Change], response: Response) -> dict[int, Outcome]:
        """Outcomes of creates by identity of the change: matched by trace id, else by our key, else by address."""
        answer = self._taken(response, "create contacts")
        entries = self._entries(answer)
        by_trace = {entry.objectWriteTraceId: entry for entry in entries if entry.objectWriteTraceId}
        by_key = {entry.properties.get(OWN_KEY): entry for entry in entries if entry.properties.get(OWN_KEY)}
        by_address = {(entry.properties.get("email") or "").lower(): entry for entry in entries}
        failed = {one: trouble for trouble in answer.errors for one in _concerned(trouble)}
        made: dict[int, Outcome] = {}
        for index, change in enumerate(changes):
            trace = change.key if self.settings.own_key and change.key else str(index)
            address = (change.email or change.address).lower()
            entry = by_trace.get(trace) or by_key.get(change.key) or (by_address.get(address) if address else None)
            made[id(change)] = self._outcome(change, entry, failed.get(trace) or failed.get(address))
        return made

    def opt_out(self, changes: Sequence[Change], purpose: str) -> Sequence[Outcome]:
        """Out of all e-mail for marketing, out of one subscription otherwise. Repeating it changes nothing.

        The batch calls take a right that only the largest plan can give; without it people leave one by one.
        """
        number = "" if purpose == MARKETING else self._subscription(purpose)

        def send(batch: Sequence[Change]) -> Sequence[Outcome]:
            if number:
                members: list[Any] = [_leaving(change.address, int(number)) for change in batch]
                return self._left(batch, wire.WRITE_STATUSES, (), members)
            return self._left(batch, wire.UNSUBSCRIBE_ALL, (("channel", "EMAIL"),), [one.address for one in batch])

        if not self._one_by_one:
            try:
                return in_batches(changes, BATCH_SIZE, send, lambda change: change.address.lower())
            except TooNarrow:
                self._one_by_one = True
        return one_by_one(changes, lambda change: self._leave(change, number), AT_ONCE)

    def _leave(self, change: Change, number: str) -> Outcome:
        """One person out of one subscription, or of all e-mail."""
        path = wire.STATUS_OF.format(quote(change.address, safe=""))
        if number:
            status = {name: value for name, value in _leaving("", int(number)).items() if value}
            body = msgspec.json.encode(status)
            response = self._http.request("POST", path, json=body, idempotent=True, operation="opt out one")
        else:
            query, path = (("channel", "EMAIL"),), f"{path}/unsubscribe-all"
            response = self._http.request("POST", path, query=query, idempotent=True, operation="opt out one")
        if response.ok:
            return Outcome(Result.APPLIED, change.remote_id)
        return Outcome(Result.REFUSED, change.remote_id, reason=self._http.explain(response), code="invalid")

    def _left(
        self, changes: Sequence[Change], path: str, query: tuple[tuple[str, str], ...], members: list[Any]
    ) -> Sequence[Outcome]:
        response = self._http.request(
            "POST", path, query=query, json=wire.inputs(members), idempotent=True, operation="opt out"
        )
        if not response.ok:
            self._refuse_whole(response)
        answer = self._typed(response, wire.Statuses)
        out = {found.subscriberIdString.lower() for found in answer.results if found.status != "SUBSCRIBED"}
        failed = {one.lower(): trouble for trouble in answer.errors for one in _concerned(trouble)}
        return [
            Outcome(Result.APPLIED, change.remote_id)
            if change.address.lower() in out
            else self._outcome(change, None, failed.get(change.address.lower()))
            for change in changes
        ]

    def _subscription(self, purpose: str) -> str:
        """The id of the subscription type that a purpose names."""
        if purpose.isdigit():
            return purpose
        response = self._http.request("GET", wire.DEFINITIONS, operation="list subscription types")
        for found in self._typed(response, wire.Definitions).results:
            if found.name.casefold() == purpose.casefold():
                return found.id
        raise self._http.misread("opt out", f"the account has no subscription type {purpose!r}")

    def archive(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return in_batches(changes, BATCH_SIZE, self._archive, lambda change: change.remote_id)

    def _archive(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        body = wire.inputs([{"id": change.remote_id} for change in changes])
        response = self._apis.batch.archive(body, _preload_content=False)
        if not response.ok:
            self._refuse_whole(response)
        return [Outcome(Result.APPLIED, change.remote_id) for change in changes]

    def add_own_key(self) -> None:
        """Create the unique property `regulars_id`. At most ten such properties fit an object there."""
        if OWN_KEY in (self._known or ()):
            return
        group = {"name": "regulars", "label": "Regulars"}
        response = self._apis.groups.create("contacts", msgspec.json.encode(group), _preload_content=False)
        if not response.ok and response.status != 409:
            raise self._http.misread("create property group", self._http.explain(response))
        wanted = {
            "groupName": "regulars",
            "name": OWN_KEY,
            "label": "Regulars ID",
            "description": "Set by Regulars, so that nobody is created twice. Please leave it as it is.",
            "type": "string",
            "fieldType": "text",
            "hasUniqueValue": True,
        }
        response = self._apis.properties.create("contacts", msgspec.json.encode(wanted), _preload_content=False)
        if not response.ok and response.status != 409:
            raise self._http.misread("create property", self._http.explain(response))
        self.__dict__.pop("_known", None)

    # -- answers ------------------------------------------------------------------------------------------------

    def _entries(self, answer: wire.Batch) -> list[wire.Contact]:
        try:
            return [wire.contact.decode(result) for result in answer.results]
        except msgspec.DecodeError as error:
            raise self._http.misread("write", f"an answer has not the documented shape ({error})") from error

    def _taken(self, response: Response, operation: str) -> wire.Batch:
        """The answer of a write batch that was taken, in whole or in part."""
        if not response.ok:
            self._refuse_whole(response)
        return self._decoded(wire.batch, response, operation)

    def _refuse_whole(self, response: Response) -> NoReturn:
        """Raise RefusedWhole, naming the culprits where the answer does."""
        try:
            trouble = wire.trouble.decode(response.body)
        except msgspec.DecodeError:
            trouble = wire.Trouble()
        reason = self._http.explain(response)
        if response.status == 409 or trouble.category == "CONFLICT":
            raise RefusedWhole(reason, "exists")
        blamed = lambda change: self._blamed(change, trouble.message)  # noqa: E731
        if "PROPERTY_DOESNT_EXIST" in trouble.message or "does not exist" in trouble.message:
            unknown = set(_named_properties(trouble.message))
            concerns = lambda change: bool(unknown & self._spelled(change).keys())  # noqa: E731
            raise RefusedWhole(reason, "no_such_field", concerns, blamed)
        raise RefusedWhole(reason, "gone" if response.status == 404 else "invalid", blamed=blamed)


def _names(entry: wire.Contact, by: str) -> Iterator[str]:
    """What a record may have been asked for by."""
    get = entry.properties.get
    if by == "email":
        yield from addresses_of(get("email") or "", get("hs_additional_emails"))
    elif by:
        yield get(by) or ""
    else:
        yield entry.id
        yield from (get("hs_merged_object_ids") or "").split(";")


def _concerned(trouble: wire.Trouble) -> Iterator[str]:
    """The inputs that an error names, by id or by trace id."""
    for name in ("ids", "id", "objectWriteTraceId", "objectWriteTraceIds"):
        yield from trouble.context.get(name, [])


def _named_properties(message: str) -> list[str]:
    """The properties that a refusal names: `"name":"x"` in its list, or `Property "x"` in its words."""
    return re.findall(r'\\*"name\\*":\s*\\*"(\w+)', message) + re.findall(r'[Pp]roperty \\*["\'](\w+)', message)


def _existing(trouble: wire.Trouble) -> str:
    found = re.search(r"[Ee]xisting ID:? *(\d+)", trouble.message)
    return found[1] if found else ""


def _exists(remote_id: str) -> Outcome:
    return Outcome(Result.REFUSED, remote_id, reason="a contact has this address already", code="exists")


def _last_set(values: list[wire.Value]) -> Millis:
    people = [value for value in values if value.sourceType not in ("API", "INTEGRATION")]
    return max((millis(value.timestamp) for value in people or values), default=0)


def _leaving(address: str, subscription: int) -> dict[str, Any]:
    return {
        "subscriberIdString": address,
        "subscriptionId": subscription,
        "statusState": "UNSUBSCRIBED",
        "channel": "EMAIL",
    }


ASKS_TOKEN = (Option("token", "Access token", "of a service key or a private app, from Settings › Integrations"),)
ASKS_OAUTH = (
    Option("access_token", "Access token"),
    Option("refresh_token", "Refresh token"),
    Option("client_id", "Client id of the app"),
    Option("client_secret", "Client secret of the app"),
)
