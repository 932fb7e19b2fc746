"""HubSpot's lists of contacts: who is on them, and putting contacts on one.

A change of members leaves no stamp that one could ask for, so each pull reads all lists. HubSpot says how many there
are; where the count does not come out the list is read again, and is called not whole if it never does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec

from connectors import hubspot_streams_wire as wire
from connectors.asking import settled, turned
from connectors.base import Cursor, Listed, Raw, StreamPage
from connectors.http import Http, Response
from connectors.hubspot_ties import needing
from connectors.hubspot_wire import further
from connectors.over_http import decoded

CONTACTS = "0-1"
LISTS_SIZE, MEMBERS_SIZE = 500, 250
CHANGE_SIZE = 10_000
"""Members changed by one call. HubSpot states no limit for it; bodies stay below 200 kB."""
READINGS = 3
READ, WRITE = "crm.lists.read", "crm.lists.write"


@dataclass(frozen=True, slots=True)
class Lists:
    """The lists of one account."""

    apis: Callable[[], wire.StreamApis]
    http: Http

    # -- reading ------------------------------------------------------------------------------------------------

    def pages(self, cursor: Cursor | None) -> Iterator[StreamPage]:
        """A page per list, in the order of their numbers."""
        past = cursor["past"] if cursor is not None and cursor["do"] == "lists" else 0
        with needing(READ, "read lists"):
            known, whole = self._all()
            rest = [one for one in known if int(one.listId) > past]
            for place, one in enumerate(rest):
                item = self._item(one)
                last = place == len(rest) - 1
                after = {"do": "done"} if last else {"do": "lists", "past": int(one.listId)}
                items = [item] if item is not None else []
                yield StreamPage(after, items, total=len(known), last=last, complete=last and whole)
        if not rest:
            yield StreamPage({"do": "done"}, last=True, complete=whole)

    def _all(self) -> tuple[list[wire.CrmList], bool]:
        """All lists of contacts, and whether none can have slipped through between two pages."""

        def read() -> tuple[dict[str, wire.CrmList], bool]:
            found, total = dict[str, wire.CrmList](), 0
            for answer in self._searched(""):
                found.update({one.listId: one for one in answer.lists})
                total = answer.total
            return found, len(found) >= total

        known, whole = settled(read, READINGS)
        people = [one for one in known.values() if one.objectTypeId == CONTACTS]
        return sorted(people, key=lambda one: int(one.listId)), whole

    def _searched(self, query: str) -> Iterator[wire.Lists]:
        decoder = msgspec.json.Decoder(wire.Lists)

        def ask(offset: int) -> wire.Lists:
            asked = {"offset": offset, "count": LISTS_SIZE, **({"query": query} if query else {})}
            response = self.apis().lists.do_search(msgspec.json.encode(asked), _preload_content=False)
            return decoded(self.http, decoder, response, "list lists")

        def onward(_: int, answer: wire.Lists) -> int | None:
            return answer.offset if answer.hasMore else None

        return (answer for answer, _ in turned(0, ask, onward, partial(self.http.misread, "list lists")))

    def _item(self, one: wire.CrmList) -> Raw | None:
        """A list and everybody on it; None where it was deleted meanwhile."""
        members, whole = settled(partial(self._members, one.listId), READINGS)
        if members is None:
            return None
        shown = wire.CrmList(one.listId, one.name, one.objectTypeId, one.processingType)
        return Raw.of(one.listId, msgspec.json.encode(wire.ListItem(shown, members, whole)))

    def _members(self, listing: str) -> tuple[list[str] | None, bool]:
        """Everybody on a list once, and whether they are as many as HubSpot says; None where the list is gone."""
        decoder, gone = msgspec.json.Decoder(wire.Members), wire.Members()

        def ask(after: str) -> wire.Members:
            more = {"after": after} if after else {}
            response = self.apis().members.get_page(listing, limit=MEMBERS_SIZE, _preload_content=False, **more)
            return gone if response.status == 404 else decoded(self.http, decoder, response, "list members")

        found, total = dict[str, None](), None
        for answer, _ in turned("", ask, further, partial(self.http.misread, "list members")):
            if answer is gone:
                return None, True
            found.update((str(one.recordId), None) for one in answer.results)
            total = answer.total
        return list(found), total is None or len(found) == total

    # -- writing ------------------------------------------------------------------------------------------------

    def put(self, title: str, listing: str, add: Sequence[str], remove: Sequence[str]) -> Listed:
        """See `Connector.put_on_list`. A list that takes nobody (gone, or filled by rules) refuses each by name."""
        with needing(WRITE, "change lists"):
            if not listing:
                known, reason = self._found_or_made(title)
                if known is None or known.processingType == "DYNAMIC":
                    said = reason or f'the list "{title}" is filled by rules there'
                    return Listed(known.listId if known else "", dict.fromkeys(add, said))
                listing = known.listId
            return self._change(listing, add, remove)

    def _change(self, listing: str, add: Sequence[str], remove: Sequence[str]) -> Listed:
        wanted = dict.fromkeys(add)
        moves = [(one, True) for one in wanted] + [(one, False) for one in dict.fromkeys(remove) if one not in wanted]
        refused: dict[str, str] = {}
        for start in range(0, len(moves), CHANGE_SIZE):
            batch = moves[start : start + CHANGE_SIZE]
            into = [one for one, there in batch if there]
            body = {"recordIdsToAdd": into, "recordIdsToRemove": [one for one, there in batch if not there]}
            response = self.apis().members.add_and_remove(listing, msgspec.json.encode(body), _preload_content=False)
            if not response.ok:
                refused |= dict.fromkeys((one for one, _ in batch), self.http.explain(response))
                continue
            answer = decoded(self.http, msgspec.json.Decoder(wire.Changed), response, "change members")
            missing = set(answer.recordIdsMissing)
            refused |= {one: "HubSpot has no such contact any more" for one in into if one in missing}
        return Listed(listing, refused)

    def _found_or_made(self, title: str) -> tuple[wire.CrmList | None, str]:
        """The list of contacts with this name, made where there is none; else why there can be none."""
        found = self._named(title)
        if found is not None:
            return found, ""
        wanted = {"name": title, "objectTypeId": CONTACTS, "processingType": "MANUAL"}
        response: Response = self.apis().lists.create(msgspec.json.encode(wanted), _preload_content=False)
        if response.ok:
            return decoded(self.http, msgspec.json.Decoder(wire.OneList), response, "create list").list, ""
        found = self._searched_for(title)  # made by a first try whose answer was lost, or the case of the name differs
        return found, "" if found is not None else self.http.explain(response)

    def _named(self, title: str) -> wire.CrmList | None:
        """By its name, which stands in the path; a slash in it would make another path of it."""
        if "/" in title:
            return self._searched_for(title)
        response = self.apis().lists.get_by_name(title, CONTACTS, _preload_content=False)
        if response.status == 404:
            return None
        return decoded(self.http, msgspec.json.Decoder(wire.OneList), response, "find list").list

    def _searched_for(self, title: str) -> wire.CrmList | None:
        for answer in self._searched(title):
            for one in answer.lists:
                if one.name.casefold() == title.casefold() and one.objectTypeId == CONTACTS:
                    return one
        return None
