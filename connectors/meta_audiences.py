"""Meta audiences: segments as custom audiences of one ad account, of people who allowed it and for as long as they do.

Docs     developers.facebook.com/docs/marketing-api/audiences/guides/custom-audiences (read 2026-11), the vendor's SDK
Pace     as of the whole Graph API: usage in per cent, and minutes to stay away
Quirks   Nobody can be listed, looked for or read there: an audience takes hashes of addresses and gives nothing back.
         So a record here is an address, is made by writing it down, and stays until it is put away.
         What is sent is the SHA-256 of the address without spaces around it, in small letters; 10,000 a call.
         Adding twice and taking off who is not on it change nothing. A hash that is nobody's at Meta is taken as well.
         Who leaves is taken off every audience of ours, by name: whoever is on one is shown advertising.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import msgspec

from connectors.base import Account, Change, Cursor, Listed, Option, Outcome, Page, Raw, Result
from connectors.declared import Declared
from connectors.declared_values import Me, One
from connectors.meta_graph import APP_SECRET, GRAPH, LIMITS, PROOF, READINGS
from connectors.pagers import Cursored
from connectors.signing_in import by_proven_token
from connectors.walk import Collection
from mapping.fields import FieldTable, reads
from mapping.model import BADGE
from mapping.values import Kind

AT_ONCE = 10_000
SCHEMA = ["EMAIL_SHA256"]
KIND = {"subtype": "CUSTOM", "customer_file_source": "USER_PROVIDED_ONLY", "description": "Kept by Regulars"}
_NOT_KEPT = "keeps hashes of addresses and nothing else"


def _listed(path: str) -> Collection:
    pager = Cursored("after", "paging.cursors.after", ("limit", 100), more="paging.next")
    return Collection(path, "data", pager, query=(("fields", "id,name"),))


class _Made(msgspec.Struct):
    id: str


class MetaAudiences(Declared):
    """Custom audiences of one ad account."""

    name: ClassVar[str] = "meta_audiences"
    title: ClassVar[str] = "Meta audiences"
    base_url: ClassVar[str] = GRAPH
    sign_ins = (
        by_proven_token(Option("token", "Access token", "of a system user with ads_management"), APP_SECRET, PROOF),
    )
    limits = LIMITS
    readings = READINGS
    me = Me("/me", "id", "name", ("It may fill audiences of the ad account.",))
    people = _listed("/nobody")
    one = One("/{id}")
    batch: ClassVar[int] = AT_ONCE
    mails: ClassVar[bool] = True
    lists: ClassVar[bool] = True
    lists_need_consent: ClassVar[bool] = True
    erases: ClassVar[bool] = True
    forgets: ClassVar[bool] = True
    table = FieldTable((reads("email", "email", Kind.EMAIL, label="E-mail"),))
    cannot: ClassVar[Mapping[str, str]] = {
        "listing": "lists nobody: what was put into an audience cannot be read again",
        "deletions": "shows nobody, so that nobody is gone from there",
        "leaving": "knows nothing of who left: that comes from the other platforms",
        "new_address": "keeps who has another address by now under the old one until they leave",
        **dict.fromkeys(("given_name", "family_name", "name", "handle", "phone", "mobile"), _NOT_KEPT),
        **dict.fromkeys(("company", "job_title", "website", "address", "birthday", "language"), _NOT_KEPT),
        **dict.fromkeys(("lifecycle", "stage", "role", "owner", "vip", "tags", "permissions"), _NOT_KEPT),
    }

    # -- what is there ------------------------------------------------------------------------------------------

    def check(self, *, rights: bool = False) -> Account:
        """Which ad accounts there are: one is chosen, as an audience of other platforms is."""
        account = super().check(rights=rights)
        found = [msgspec.json.decode(raw.body) for raw in self._all("/me/adaccounts")]
        options = tuple(Option(str(one["id"]), str(one.get("name") or one["id"])) for one in found)
        return Account(self.settings.audience or account.id, account.name, account.may, audiences=options)

    def _all(self, path: str) -> list[Raw]:
        return [raw for page in self._walk(_listed(path)).pages(None) for raw in page.records]

    def pages(self, cursor: Cursor | None, *, full: bool = False) -> Iterator[Page]:
        """There is nobody to list."""
        yield Page((), {"do": "done"}, last=True)

    def _subscribed(self, body: Any) -> bool | None:
        """Whoever is written down may be on an audience, and has to be taken off when they leave."""
        return True

    def read(self, remote_ids: Sequence[str]) -> dict[str, Raw | None]:
        """Records as they were written down: nothing there could say otherwise."""
        return {address: self._written(address) for address in remote_ids}

    def find(self, addresses: Sequence[str], keys: Sequence[str]) -> dict[str, Raw]:
        """Nothing is found. Whoever is made again is the same one."""
        return {}

    def _written(self, address: str) -> Raw:
        return Raw.of(address, msgspec.json.encode({"id": address, "email": address}))

    # -- write --------------------------------------------------------------------------------------------------

    @cached_property
    def _holders(self) -> dict[str, str]:
        """For whom each address was written down meanwhile."""
        return {}

    def update(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        why = f"{self.title} {_NOT_KEPT}"
        return [Outcome(Result.REFUSED, change.remote_id, reason=why, code="cannot") for change in changes]

    def create(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Written down here; nothing is sent before a segment puts them on an audience."""
        return [self._noted(change) for change in changes]

    def _noted(self, change: Change) -> Outcome:
        address = normal(change.email or change.address)
        if not change.subscribed or not address:
            why = "nobody is written down for an audience without recorded consent and an address"
            return Outcome(Result.REFUSED, reason=why, code="cannot")
        raw = self._written(address)
        if self._holders.setdefault(address, change.key) != change.key:  # two people with one mailbox
            return Outcome(Result.REFUSED, address, raw=raw, reason="somebody has this address", code="exists")
        return Outcome(Result.APPLIED, address, self.decode(raw), raw)

    def opt_out(self, changes: Sequence[Change], purpose: str) -> Sequence[Outcome]:
        return self._off_all(changes)

    def archive(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return self._off_all(changes)

    def erase(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return self._off_all(changes)

    def _off_all(self, changes: Sequence[Change]) -> list[Outcome]:
        """Off every audience of ours, whether or not they are on it."""
        for audience in self._ours():
            self._move("DELETE", audience, [change.remote_id for change in changes])
        return [Outcome(Result.APPLIED, change.remote_id) for change in changes]

    # -- audiences ----------------------------------------------------------------------------------------------

    def _ours(self) -> dict[str, str]:
        """Audiences of ours by id, with their names."""
        found = [msgspec.json.decode(raw.body) for raw in self._all(self._path_of_all)]
        return {str(one["id"]): one["name"] for one in found if str(one.get("name", "")).startswith(BADGE)}

    @property
    def _path_of_all(self) -> str:
        return f"/{self.settings.audience}/customaudiences"

    def put_on_list(self, title: str, listing: str, add: Sequence[str], remove: Sequence[str]) -> Listed:
        """Who leaves goes first. An audience that somebody deleted there is made anew."""
        ours = self._ours()
        there = listing if listing in ours else next((one for one, name in ours.items() if name == title), "")
        audience = there or self._make(title)
        wanted = dict.fromkeys(add)
        self._move("DELETE", audience, [one for one in dict.fromkeys(remove) if one not in wanted])
        self._move("POST", audience, list(wanted))
        return Listed(audience)

    def _make(self, title: str) -> str:
        """Where the answer is lost, the audience is found by its name at the next run."""
        form = {"name": title, **KIND}
        response = self._http.request("POST", self._path_of_all, form=form, operation="make audience")
        return self._typed(response, _Made).id

    def _move(self, method: str, audience: str, addresses: Sequence[str]) -> None:
        for start in range(0, len(addresses), AT_ONCE):
            rows = [[hashed(one)] for one in addresses[start : start + AT_ONCE]]
            form = {"payload": msgspec.json.encode({"schema": SCHEMA, "data": rows}).decode()}
            path, name = f"/{audience}/users", "add to audience" if method == "POST" else "take off audience"
            self._good(self._http.request(method, path, form=form, idempotent=True, operation=name), name)


def normal(address: str) -> str:
    """An address as Meta wants it to be before it is hashed."""
    return address.strip().lower()


def hashed(address: str) -> str:
    return hashlib.sha256(normal(address).encode()).hexdigest()
