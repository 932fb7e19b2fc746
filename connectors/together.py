"""Writing many records in one call, for platforms that have one, and learning what became of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from connectors.base import Change, Outcome, Result
from connectors.batches import in_batches, one_by_one
from connectors.http import Http
from connectors.paths import Envelope


@dataclass(frozen=True, slots=True)
class Together:
    """A POST of up to *most* records to *path*, as a list at *items*, each named at *id* as `ids` spells it.

    The answer lists those that failed at *failed*; they are sent alone, to learn why, and so is everybody where the
    call is refused as a whole. Who changes their address goes alone, unless *addresses* may go along.
    """

    path: str
    items: str
    failed: str
    most: int = 100
    id: str = "id"
    ids: Callable[[str], Any] = str
    addresses: bool = False

    def sent(
        self,
        http: Http,
        changes: Sequence[Change],
        spelled: Callable[[Change], Mapping[str, Any]],
        alone: Callable[[Change], Outcome],
        at_once: int,
    ) -> list[Outcome]:
        """Outcomes of *changes*, each worded by *spelled*, and sent *alone* where it has to be."""

        def send(batch: Sequence[Change]) -> Sequence[Outcome]:
            joined = [one for one in batch if self.addresses or one.email is None]
            failed = self._failed(http, [{self.id: self.ids(one.remote_id), **spelled(one)} for one in joined])
            single = [one for one in batch if one not in joined or self.ids(one.remote_id) in failed]
            told = {id(one): done for one, done in zip(single, one_by_one(single, alone, at_once), strict=True)}
            return [told.get(id(one), Outcome(Result.APPLIED, one.remote_id)) for one in batch]

        return in_batches(changes, self.most, send, lambda change: change.remote_id)

    def _failed(self, http: Http, records: Sequence[Mapping[str, Any]]) -> set[Any]:
        """Send them; the ids of those that failed."""
        if not records:
            return set()
        body = msgspec.json.encode({self.items: records})
        response = http.request("POST", self.path, json=body, idempotent=True, operation="update records")
        if not response.ok:  # one of them made it refuse all
            return {one[self.id] for one in records}
        return set(Envelope(response.body).value(self.failed) or ()) if response.body else set()
