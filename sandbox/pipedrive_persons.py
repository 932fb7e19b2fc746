"""Persons of the Pipedrive emulator: v2 list, read, make, change, delete, search, and v1 merge.

The list is turned by an opaque cursor that stands behind the last person shown, in the order asked for, so that a
person that changes meanwhile is met again further on. Search shows changes `late_index` seconds late.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from sandbox.pipedrive_core import USER, PipedriveCore, failed
from sandbox.pipedrive_state import Json, Person, show, stamp
from sandbox.platform import Answer, Call, Stop, Unknown

PERSONS: Final = "/api/v2/persons"
LIST_QUERY: Final = (
    "ids",
    "updated_since",
    "updated_until",
    "sort_by",
    "sort_direction",
    "include_fields",
    "limit",
    "cursor",
)
WRITTEN: Final = (
    "name",
    "owner_id",
    "org_id",
    "emails",
    "phones",
    "visible_to",
    "label_ids",
    "marketing_status",
    "custom_fields",  # newer than the description of 2025-10
    "first_name",  # in no description; see Switches.takes_halves
    "last_name",
)
STATUSES: Final = ("no_consent", "unsubscribed", "subscribed", "archived")
MOST, USUAL = 500, 100
SORTS: Final = {"id": lambda p: p.id, "update_time": lambda p: p.updated, "add_time": lambda p: p.added}


class Persons:
    """The handlers of persons."""

    def __init__(self, core: PipedriveCore) -> None:
        self.core = core
        core.route("GET", PERSONS, self.page, query=LIST_QUERY, cost=20)
        core.route("POST", PERSONS, self.create, write=True, cost=10)
        core.route("GET", f"{PERSONS}/search", self.search, query=("term", "fields", "exact_match", "limit"), cost=40)
        core.route("GET", f"{PERSONS}/<id>", self.read, query=("include_fields",), cost=2)
        core.route("PATCH", f"{PERSONS}/<id>", self.change, write=True, cost=10)
        core.route("DELETE", f"{PERSONS}/<id>", self.delete, write=True, cost=10)
        core.route("PUT", "/v1/persons/<id>/merge", self.merge, query=("api_token",), write=True, cost=10)

    # -- reading -------------------------------------------------------------------------------------

    def page(self, call: Call) -> Answer:
        limit = self._limit(call)
        included = self._included(call)
        by, down = call.one("sort_by", "id"), call.one("sort_direction", "asc") == "desc"
        if by not in SORTS:
            raise Stop(failed(400, "Validation failed", f"sort_by: {by}"))
        found = sorted(self._wanted(call), key=lambda person: (SORTS[by](person), person.id), reverse=down)
        cursor = call.one("cursor")
        if cursor:
            after = self._after(cursor, by, down)
            found = [person for person in found if (self._place(person, by) > after) is not down]
            found = [person for person in found if self._place(person, by) != after]
        shown = [show(person, self.core.switches, included) for person in found[:limit]]
        following = self._cursor(found[limit - 1], by, down) if len(found) > limit else None
        more = {"next_cursor": following} if following else {}
        return Answer(200, {"success": True, "data": shown, "additional_data": more})

    def _wanted(self, call: Call) -> list[Person]:
        """description: entities that do not exist or are not visible are not included."""
        found = self.core.living()
        if "ids" in call.query:
            ids = set(call.many("ids"))
            if len(ids) > 100:
                raise Stop(failed(400, "Validation failed", "ids: at most 100"))
            found = [person for person in found if str(person.id) in ids]
        if "updated_since" in call.query:
            since = self._moment(call.one("updated_since"), "updated_since")
            found = [person for person in found if person.updated.replace(microsecond=0) >= since]
        if "updated_until" in call.query:
            until = self._moment(call.one("updated_until"), "updated_until")
            found = [person for person in found if person.updated.replace(microsecond=0) <= until]
        return found

    def _moment(self, text: str, name: str) -> datetime:
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except ValueError:
            raise Stop(failed(400, "Validation failed", f"{name}: {text}")) from None

    def _limit(self, call: Call) -> int:
        text = call.one("limit", str(USUAL))
        if not text.isdigit() or not 1 <= int(text) <= MOST:
            raise Stop(failed(400, "Validation failed", f"limit: {text}"))
        return int(text)

    def _included(self, call: Call) -> frozenset[str]:
        """description: marketing and opt-in status only if the company has marketing app enabled."""
        wanted = frozenset(call.many("include_fields"))
        if strange := wanted - {"marketing_status", "doi_status"}:
            raise Unknown(f"include_fields {', '.join(sorted(strange))}")
        if wanted and not self.core.switches.campaigns:
            raise Stop(failed(400, "Validation failed", "include_fields: marketing_status"))
        return wanted

    def _place(self, person: Person, by: str) -> tuple[str, int]:
        key = SORTS[by](person)
        return (key.isoformat() if isinstance(key, datetime) else f"{key:020}"), person.id

    def _cursor(self, person: Person, by: str, down: bool) -> str:
        return urlsafe_b64encode(orjson.dumps([by, down, *self._place(person, by)])).decode()

    def _after(self, cursor: str, by: str, down: bool) -> tuple[str, int]:
        try:
            kind, order, key, number = orjson.loads(urlsafe_b64decode(cursor))
        except ValueError:
            raise Stop(failed(400, "Validation failed", "cursor")) from None
        if (kind, order) != (by, down):
            raise Stop(failed(400, "Validation failed", "cursor: of another order"))
        return key, number

    def read(self, call: Call) -> Answer:
        person = self.core.person(call.args["id"], deleted=self.core.switches.reads_deleted)
        return self._one(person, self._included(call))

    def _one(self, person: Person, included: frozenset[str] = frozenset()) -> Answer:
        return Answer(200, {"success": True, "data": show(person, self.core.switches, included)})

    def search(self, call: Call) -> Answer:
        """Exact match is not case sensitive (description)."""
        term, fields = call.one("term").casefold(), call.many("fields")
        if len(term) < 2 or call.one("exact_match") != "true":
            raise Unknown("a search that is short or not exact")
        if set(fields) - {"email", "custom_fields"}:
            raise Unknown(f"a search in {', '.join(fields)}")
        seen = call.now - timedelta(seconds=self.core.late_index)
        found = [person for person in self.core.living() if person.updated <= seen and self._hit(person, term, fields)]
        items = [{"result_score": 1.0, "item": self._hit_shown(person)} for person in found[: self._limit(call)]]
        return Answer(200, {"success": True, "data": {"items": items}, "additional_data": {}})

    def _hit(self, person: Person, term: str, fields: list[str]) -> bool:
        texts: list[str] = []
        if "email" in fields:
            texts += [one["value"] for one in person.emails]
        if "custom_fields" in fields:
            texts += [str(value) for value in person.custom.values()]
        return any(text.casefold() == term for text in texts)

    def _hit_shown(self, person: Person) -> Json:
        return {
            "id": person.id,
            "type": "person",
            "name": person.name,
            "phones": [one["value"] for one in person.phones],
            "emails": [one["value"] for one in person.emails],
            "visible_to": person.visible_to,
            "owner": {"id": person.owner},
            "custom_fields": [str(value) for value in person.custom.values()],
            "notes": [],
        }

    # -- writing -------------------------------------------------------------------------------------

    def create(self, call: Call) -> Answer:
        values = self._values(call)
        if not str(values.get("name") or "").strip():
            raise Stop(failed(400, "Validation failed", "name: is required"))
        person = self.core.born(values, call.now, by="api")
        return self._one(person, self._answered())

    def change(self, call: Call) -> Answer:
        person = self.core.person(call.args["id"])
        values = self._values(call)
        if "name" in values and not str(values["name"] or "").strip():
            raise Stop(failed(400, "Validation failed", "name: must not be empty"))
        self.core.change(person, values, call.now, by="api")
        return self._one(person, self._answered())

    def _answered(self) -> frozenset[str]:
        """description: "will also accept and return the marketing_status field"."""
        return frozenset({"marketing_status"} if self.core.switches.campaigns else ())

    def _values(self, call: Call) -> dict[str, Any]:
        values: dict[str, Any] = self.core.body(call, WRITTEN)
        if not self.core.switches.takes_halves:
            values = {name: value for name, value in values.items() if name not in ("first_name", "last_name")}
        if "marketing_status" in values:
            if not self.core.switches.campaigns:
                raise Stop(failed(400, "Validation failed", "marketing_status"))
            if values["marketing_status"] not in STATUSES:
                raise Stop(failed(400, "Validation failed", f"marketing_status: {values['marketing_status']}"))
        for name in ("emails", "phones"):
            for one in values.get(name) or ():
                self.core.only(one, ("value", "primary", "label"), name)
                if not one.get("value"):
                    raise Stop(failed(400, "Validation failed", f"{name}: value is required"))
        self._known(values)
        return values

    def _known(self, values: dict[str, Any]) -> None:
        labels = {option["id"] for option in self.core.label_field().options or ()}
        if strange := set(values.get("label_ids") or ()) - labels:
            raise Stop(failed(400, "Validation failed", f"label_ids: {sorted(strange)}"))
        own = {one.key for one in self.core.state.fields.values() if one.own}
        if unknown := set(values.get("custom_fields") or ()) - own:
            raise Stop(failed(400, "Validation failed", f"custom_fields: {sorted(unknown)}"))

    def delete(self, call: Call) -> Answer:
        person = self.core.person(call.args["id"])
        self.core.delete(person, call.now, by="api")
        return Answer(200, {"success": True, "data": {"id": person.id}})

    def merge(self, call: Call) -> Answer:
        loser = self.core.person(call.args["id"])
        winner = self.core.person(self.core.body(call, ("merge_with_id",))["merge_with_id"])
        self.core.merge(loser, winner, call.now, by="api")
        shown: Json = {
            "id": winner.id,
            "active_flag": True,
            "name": winner.name,
            "first_name": winner.first,
            "last_name": winner.last,
            "email": winner.emails,
            "phone": winner.phones,
            "owner_id": USER,
            "merge_what_id": loser.id,
            "update_time": stamp(winner.updated),
        }
        return Answer(200, {"success": True, "data": shown})
