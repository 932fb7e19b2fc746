"""A connector that is data: a platform that speaks plain JSON over HTTP.

A subclass names values for how it signs in, pages, limits, refuses and what its fields are called, and overrides a hook
only where a quirk of its platform forces it, with a docstring that says which. docs/adding-a-platform.md goes through
it step by step. What the values mean stands with them: `signing_in`, `limits`, `readings`, `walk`, `pagers`,
`hook_shelf`, and `mapping.fields` for the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import msgspec

from connectors.base import Change, Outcome, Raw, Result
from connectors.batches import one_by_one
from connectors.declared_reading import DeclaredReading
from connectors.finding import each_address_once, in_listing, there_already
from connectors.hooks import HookUp
from connectors.http import Response
from connectors.leaving import shows
from connectors.look_back import shown_after
from connectors.paging import Watermark
from connectors.paths import Envelope, bury, dig
from connectors.together import Together
from mapping.model import Millis

MANY, PAGES_LOOKED_AT, WHOLE = 5, 3, 1_000_000
"""From how many records on a listing costs less than reading each, and how far into it is looked; to its end."""


class Declared(DeclaredReading):
    """Plain JSON over HTTP, both ways, by the values of `DeclaredReading`."""

    together: ClassVar[Together | None] = None  # many records are written in one call
    leaves: ClassVar[Mapping[str, Any]] = {}  # what is written of somebody who leaves

    # -- write --------------------------------------------------------------------------------------------------

    def update(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        began = self._now()
        return self._looked_back(changes, self._sent(changes, self._spelled, self._update), began)

    def _sent(
        self,
        changes: Sequence[Change],
        spelled: Callable[[Change], Mapping[str, Any]],
        alone: Callable[[Change], Outcome],
    ) -> list[Outcome]:
        """Outcomes of writes, many in a call where there is one for that."""
        if self.together is None:
            return one_by_one(changes, alone, self.limits.at_once)
        return self.together.sent(self._http, changes, spelled, alone, self.limits.at_once)

    def _update(self, change: Change) -> Outcome:
        return self._write(change, self.one.update, self._path(change.remote_id), self._spelled(change))

    def create(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        began = self._now()
        made = self._made(changes) if self.search is None else each_address_once(changes, self._made)
        return self._looked_back(changes, made, began)

    def _made(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Creates; where the platform takes the same address twice, of whoever is not there already."""
        there: dict[str, Raw] = {}
        if self.search is not None:
            there = self.find([one.email or one.address for one in changes], [one.key for one in changes if one.key])

        def make(change: Change) -> Outcome:
            if "quiet" in self.cannot and not change.subscribed:
                return self._cannot([change], "quiet")[0]
            return there_already(change, there, self._names, self.decode) or self._made_without(change)

        return one_by_one(changes, make, self.limits.at_once)

    def _made_without(self, change: Change) -> Outcome:
        """A create, once more without what was to blame; with the record that is there, where the address is taken."""
        done = self._create(change)
        if done.result is Result.REFUSED and done.blamed:
            values = {name: value for name, value in change.values.items() if name not in done.blamed}
            return replace(self._create(replace(change, values=values)), blamed=done.blamed, reason=done.reason)
        if done.code == "exists" and done.raw is None and self.search is None:
            raw = self._read(change.email or change.address)
            return done if raw is None else replace(done, remote_id=raw.remote_id, raw=raw)
        return done

    def _create(self, change: Change) -> Outcome:
        return self._write(change, "POST", self.one.make, self._born(change), idempotent=False)

    def opt_out(self, changes: Sequence[Change], purpose: str) -> Sequence[Outcome]:
        if not self.leaves:
            return self._cannot(changes, "leaving")
        return self._sent(changes, lambda _: self.leaves, self._leave)

    def _leave(self, change: Change) -> Outcome:
        """Write that somebody left; where the answer shows the record, it says whether that was allowed."""
        outcome = self._write(change, self.one.update, self._path(change.remote_id), self.leaves)
        if outcome.raw is None or shows(self._records.body(outcome.raw), self.leaves):
            return outcome
        why = f"{self.title} left the record as it was"
        return Outcome(Result.REFUSED, change.remote_id, reason=why, code="compliance_state")

    def archive(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        if not self.one.away:
            return self._cannot(changes, "archive")
        return one_by_one(changes, self._away, self.limits.at_once)

    def _away(self, change: Change) -> Outcome:
        return self._gone(change, self.one.away, "archive record")

    def erase(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        def erased(change: Change) -> Outcome:
            return self._gone(change, self.one.erase, "erase record")

        return one_by_one(changes, erased, self.limits.at_once) if self.one.erase else super().erase(changes)

    def _gone(self, change: Change, method: str, name: str) -> Outcome:
        response = self._http.request(method, self._path(change.remote_id), idempotent=True, operation=name)
        return Outcome(Result.APPLIED, change.remote_id) if response.ok else self._refused(change, response)

    def _made_at(self, path: str, body: Mapping[str, Any]) -> str:
        """Make something that is no record, such as a list; what names it."""
        name = f"make {path.rpartition('/')[2]}"
        response = self._http.request("POST", path, json=msgspec.json.encode(body), operation=name)
        return str(Envelope(self._good(response, name).body).value("id"))

    def _spelled(self, change: Change) -> dict[str, Any]:
        """The body of an update."""
        body: dict[str, Any] = {}
        for name, value in change.values.items():
            row = self.fields.by_name[name]
            written = row.write(value)
            bury(body, row.remote, self.clears if written is None else written)
        if change.email is not None:
            row = self.fields.by_name["email"]
            bury(body, row.remote, row.write(change.email))
        return body

    def _born(self, change: Change) -> dict[str, Any]:
        """The body of a create."""
        values = {name: value for name, value in change.values.items() if value is not None}
        return self._spelled(Change("", values, change.address, change.email or change.address or None, change.key))

    def _write(
        self, change: Change, method: str, path: str, body: Mapping[str, Any], *, idempotent: bool = True
    ) -> Outcome:
        """Send one write. Setting what is set already changes nothing, so that an update may be sent twice."""
        name = "create record" if not change.remote_id else "update record"
        sent = msgspec.json.encode(body)
        response = self._http.request(method, path, json=sent, idempotent=idempotent, operation=name)
        return self._answered(change, response) if response.ok else self._refused(change, response)

    def _answered(self, change: Change, response: Response) -> Outcome:
        """An applied write, with the record where the answer shows it whole."""
        answer = Envelope(response.body)
        item = answer.value(self.one.item) if response.body else None
        if isinstance(item, dict) and dig(item, self.people.id) is not None and len(item) > 1:
            raw = self._raw(response)
            return Outcome(Result.APPLIED, raw.remote_id, self.decode(raw), raw)
        named = dig(item, self.one.made) if isinstance(item, dict) else None
        return Outcome(Result.APPLIED, change.remote_id or ("" if named is None else str(named)))

    def _refused(self, change: Change, response: Response) -> Outcome:
        return self.refusals.outcome(response, change, self._http.explain(response), self.title)

    def _looked_back(self, changes: Sequence[Change], outcomes: Sequence[Outcome], began: Millis) -> list[Outcome]:
        """Outcomes with what the records show now, where the answers did not tell."""
        silent = [one.remote_id for one in outcomes if one.result is Result.APPLIED and one.remote_id and not one.shown]
        raws = self._looked_at(silent, began)
        return [
            shown_after(change, outcome, raw, self.decode(raw), self.fields)
            if outcome.shown is None and (raw := raws.get(outcome.remote_id)) is not None
            else outcome
            for change, outcome in zip(changes, outcomes, strict=True)
        ]

    def _looked_at(self, ids: Sequence[str], began: Millis) -> dict[str, Raw | None]:
        """Records after a write that *began* then: many of them from the listing of what changed, the rest directly."""
        found: dict[str, Raw | None] = {}
        wanted, since = set(ids), self.people.since
        if since is not None and len(ids) > MANY:
            mark = Watermark(began, began, False)
            walk = self._walk(self._listing(), self._dressed)
            for turned, page in enumerate(walk.pages({"do": "done", "mark": mark.stored()}), 1):
                found |= {raw.remote_id: raw for raw in page.records if raw.remote_id in wanted}
                if len(found) == len(wanted) or turned == PAGES_LOOKED_AT:
                    break
        return found | self.read([one for one in ids if one not in found])

    def _cannot(self, changes: Sequence[Change], what: str) -> list[Outcome]:
        """That the platform is not able to do something, in its own words where it has some."""
        why = f"{self.title} {self.cannot.get(what, 'has no way of doing this')}"
        return [Outcome(Result.REFUSED, change.remote_id, reason=why, code="cannot") for change in changes]

    # -- webhooks -----------------------------------------------------------------------------------------------

    def hook_up(self, address: str, spare: str, *, known: bool) -> HookUp:
        if self.shelf is None:
            return super().hook_up(address, spare, known=known)
        return self.shelf.up(self._http, self.title, address, spare, known=known)


class ReadOnly(Declared):
    """Reads, and sends nothing that could change anything."""

    reads_only: ClassVar[bool] = True

    def find(self, addresses: Sequence[str], keys: Sequence[str]) -> dict[str, Raw]:
        """In the listing: there is nothing else to look in, and nothing is made for which it would matter often."""
        if self.fields.get("email") is None:
            return {}
        forms = {address: address.lower() for address in addresses}
        found, _ = in_listing(self.pages(None), set(forms.values()), self._names, WHOLE)
        return {address: found[form] for address, form in forms.items() if form in found}

    def update(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return self._cannot(changes, "writing")

    def create(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return self._cannot(changes, "writing")

    def opt_out(self, changes: Sequence[Change], purpose: str) -> Sequence[Outcome]:
        return self._cannot(changes, "writing")

    def archive(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return self._cannot(changes, "writing")
