"""HubSpot's contacts read directly, by id, address or our own key; and when their fields were last set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from connectors import hubspot_wire as wire
from connectors.base import Raw
from connectors.codecs import millis
from connectors.http import Http
from connectors.hubspot_fields import OWN_KEY
from connectors.hubspot_properties import Properties
from connectors.hubspot_records import addresses_of
from connectors.over_http import decoded
from mapping.model import Millis

BATCH_SIZE, HISTORY_SIZE = 100, 50

_past = msgspec.json.Decoder(wire.PastBatch)


@dataclass(frozen=True, slots=True)
class Lookup:
    """Direct reads, a hundred at a time; never from the search index."""

    apis: Callable[[], wire.Apis]
    http: Http
    properties: Properties

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
            properties=self.properties.wanted,
            propertiesWithHistory=[],
            **({"idProperty": by} if by else {}),
        )
        response = self.apis().batch.read(body, archived=archived, _preload_content=False)
        answer = decoded(self.http, wire.batch, response, "read contacts")
        found: dict[str, Raw] = {}
        for result in answer.results:
            entry = wire.contact.decode(result)
            raw = Raw.of(entry.id, bytes(result))
            for name in _names(entry, by):
                found.setdefault(name, raw)
        for trouble in answer.errors:
            if trouble.category not in ("OBJECT_NOT_FOUND", "NOT_FOUND"):
                raise self.http.misread("read contacts", f"some could not be read ({trouble.category})")
        asked = {one.lower(): one for one in ids}
        return {asked[name.lower()]: raw for name, raw in found.items() if name.lower() in asked}

    def find(self, addresses: Sequence[str], keys: Sequence[str]) -> dict[str, Raw]:
        """By our own keys where the account has them, and by address."""
        found: dict[str, Raw] = {}
        if self.properties.own_key:
            for start in range(0, len(keys), BATCH_SIZE):
                found |= self._read(list(dict.fromkeys(keys[start : start + BATCH_SIZE])), archived=False, by=OWN_KEY)
        unique = list({one.lower(): one for one in addresses}.values())
        for start in range(0, len(unique), BATCH_SIZE):
            found |= self._read(unique[start : start + BATCH_SIZE], archived=False, by="email")
        return found

    def history(self, remote_ids: Sequence[str], names: Sequence[str]) -> dict[tuple[str, str], Millis]:
        """When each field was last set, by a person where one did: an app's own entries count only if alone."""
        rows = [row for name in names if (row := self.properties.fields.get(name))]
        remotes = sorted({remote for row in rows for remote in row.remote.split("+")})
        when: dict[tuple[str, str], Millis] = {}
        for start in range(0, len(remote_ids) if remotes else 0, HISTORY_SIZE):
            ids = [{"id": one} for one in remote_ids[start : start + HISTORY_SIZE]]
            body = wire.inputs(ids, properties=[], propertiesWithHistory=remotes)
            response = self.apis().batch.read(body, _preload_content=False)
            for past in decoded(self.http, _past, response, "read contacts").results:
                for row in rows:
                    stamps = [_last_set(past.propertiesWithHistory.get(one, [])) for one in row.remote.split("+")]
                    if any(stamps):
                        when[past.id, row.name] = max(stamps)
        return when


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


def _last_set(values: list[wire.Value]) -> Millis:
    people = [value for value in values if value.sourceType not in ("API", "INTEGRATION")]
    return max((millis(value.timestamp) for value in people or values), default=0)
