"""What a portal says about itself: properties and their groups, owners, account details.

Facts: Writing (a property needs groupName, name, label, type, fieldType; at most 10 with unique values).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sandbox.hubspot_kinds import kind_of
from sandbox.hubspot_rules import Refusal, missing
from sandbox.hubspot_search import bad
from sandbox.hubspot_state import Owner, Property, Shelf, ms, stamp
from sandbox.platform import Answer, Call

if TYPE_CHECKING:
    from sandbox.hubspot import HubSpotSandbox

UNIQUE_MAX = 10
FIELD_TYPES = {
    "string": ("text", "textarea", "file", "html", "phonenumber", "select"),
    "number": ("number", "calculation_equation", "text"),
    "date": ("date",),
    "datetime": ("date",),
    "enumeration": ("select", "radio", "checkbox", "booleancheckbox"),
    "bool": ("booleancheckbox", "select", "radio", "calculation_equation"),
    "phone_number": ("phonenumber", "text"),
}
CREATE = [
    "name",
    "label",
    "type",
    "fieldType",
    "groupName",
    "description",
    "options",
    "displayOrder",
    "hasUniqueValue",
    "hidden",
    "formField",
]
UPDATE = [
    "label",
    "type",
    "fieldType",
    "groupName",
    "description",
    "options",
    "displayOrder",
    "hidden",
    "formField",
]
LIST_MAX = 500
EXTERNAL = ("hubspot_owner_id", "pipeline", "dealstage", "hs_pipeline", "hs_pipeline_stage")  # listed elsewhere


def add_property(state: Shelf, prop: Property) -> None:
    """Hang *prop* into an object type; raises for what HubSpot does not take."""
    if prop.name in state.properties:
        text = f'A property named "{prop.name}" already exists.'
        raise Refusal(409, "OBJECT_ALREADY_EXISTS", text, code="PROPERTY_EXISTS")
    if prop.group not in state.groups:
        raise bad(f"Property group {prop.group} does not exist")
    if prop.field_type not in FIELD_TYPES.get(prop.type, ()):
        raise bad(f"fieldType {prop.field_type} does not go with type {prop.type}")
    if prop.type == "enumeration" and not prop.options and prop.hubspot_defined is False:
        raise bad(f"enumeration property {prop.name} needs options")
    if prop.unique:
        if len(state.unique) >= UNIQUE_MAX:
            raise bad(f"There can be at most {UNIQUE_MAX} properties with unique values")
        state.unique[prop.name] = {}
    state.properties[prop.name] = prop


class MetaApi:
    """Handlers for properties, owners and account details."""

    def __init__(self, box: HubSpotSandbox) -> None:
        self.box = box

        def reads(call: Call) -> tuple[str, ...]:
            return kind_of(call.args["object"]).schema_read

        def writes(call: Call) -> tuple[str, ...]:
            return kind_of(call.args["object"]).schema_write

        for base in ("/crm/v3/properties/<object>", "/crm/properties/2026-03/<object>"):
            self._add("GET", base, self.properties, query={"archived"}, scopes=reads)
            self._add("POST", base, self.create_property, write=True, scopes=writes)
            self._add("GET", base + "/<name>", self.read_property, query={"archived"}, scopes=reads)
            self._add("PATCH", base + "/<name>", self.update_property, write=True, scopes=writes)
            self._add("GET", base + "/groups", self.groups, scopes=reads)
            self._add("POST", base + "/groups", self.create_group, write=True, scopes=writes)
            self._add("GET", base + "/groups/<group>", self.read_group, scopes=reads)
        owners = ("crm.objects.owners.read",)
        asked = {"email", "after", "limit", "archived"}
        # the SDK's numbered path ends in a slash, the vendor's present text has none
        for path in ("/crm/v3/owners/", "/crm/v3/owners", "/crm/owners/2026-03"):
            self._add("GET", path, self.owners, query=asked, scopes=owners)
        for path in ("/crm/v3/owners/<id>", "/crm/owners/2026-03/<id>"):
            self._add("GET", path, self.read_owner, query={"idProperty", "archived"}, scopes=owners)
        for path in ("/account-info/v3/details", "/account-info/2026-03/details"):
            self._add("GET", path, self.details)

    def _add(self, method: str, path: str, handler: Callable[[Call], Answer], **more: Any) -> None:
        self.box.route(method, path, self.box.saying(handler), **more)

    # -- properties ------------------------------------------------------------------------------

    def _shelf(self, call: Call) -> Shelf:
        return self.box.records[kind_of(call.args["object"]).name].state

    def _property(self, call: Call) -> Property:
        prop = self._shelf(call).properties.get(call.args["name"])
        if prop is None:
            raise missing(f'Property "{call.args["name"]}" does not exist')
        return prop

    def properties(self, call: Call) -> Answer:
        if call.one("archived", "false").lower() != "false":
            return Answer(200, {"results": []})  # the sandbox archives no properties
        found = self._shelf(call).properties.values()
        return Answer(200, {"results": [_property(prop) for prop in found]})

    def read_property(self, call: Call) -> Answer:
        return Answer(200, _property(self._property(call)))

    def create_property(self, call: Call) -> Answer:
        state = self._shelf(call)
        body = self.box.body(call, CREATE)
        for name in ("groupName", "name", "label", "type", "fieldType"):
            if not isinstance(body.get(name), str) or not body[name]:
                raise bad(f"Invalid input JSON: {name} is required")
        if not body["name"].isascii() or body["name"] != body["name"].lower() or " " in body["name"]:
            raise bad(f"{body['name'][:100]} is not a valid property name")
        prop = Property(body["name"], "", unique=bool(body.get("hasUniqueValue")), hubspot_defined=False)
        prop.created = ms(call.now)
        _change(prop, body)
        add_property(state, prop)
        self.box.records[kind_of(call.args["object"]).name].version += 1
        return Answer(201, _property(prop))

    def update_property(self, call: Call) -> Answer:
        """``hasUniqueValue`` cannot be changed later (facts: Writing), so it is not among the fields."""
        prop = self._property(call)
        if prop.hubspot_defined:
            raise Refusal(403, "VALIDATION_ERROR", f"{prop.name} is defined by HubSpot")
        _change(prop, self.box.body(call, UPDATE))
        return Answer(200, _property(prop))

    # -- groups ----------------------------------------------------------------------------------

    def groups(self, call: Call) -> Answer:
        groups = self._shelf(call).groups
        return Answer(200, {"results": [_group(name, *about) for name, about in groups.items()]})

    def read_group(self, call: Call) -> Answer:
        name, groups = call.args["group"], self._shelf(call).groups
        if name not in groups:
            raise missing(f"Property group {name} does not exist")
        return Answer(200, _group(name, *groups[name]))

    def create_group(self, call: Call) -> Answer:
        state = self._shelf(call)
        body = self.box.body(call, ("name", "label", "displayOrder"))
        name, label = body.get("name"), body.get("label")
        if not (isinstance(name, str) and isinstance(label, str) and name and label):
            raise bad("Invalid input JSON: name and label are required")
        if name in state.groups:
            raise Refusal(409, "OBJECT_ALREADY_EXISTS", f"Property group {name} already exists")
        state.groups[name] = (label, int(body.get("displayOrder", -1)))
        return Answer(201, _group(name, *state.groups[name]))

    # -- owners and account ------------------------------------------------------------------------

    def owners(self, call: Call) -> Answer:
        limit, after = int(call.one("limit", "100")), int(call.one("after") or "0")
        if not 1 <= limit <= LIST_MAX:
            raise bad(f"limit must be between 1 and {LIST_MAX}")
        archived, email = call.one("archived", "false").lower() == "true", call.one("email").lower()
        found = [
            owner
            for owner in self.box.state.owners.values()
            if owner.archived is archived and owner.id >= after and email in ("", owner.email)
        ]
        answer: dict[str, Any] = {"results": [_owner(owner) for owner in found[:limit]]}
        if len(found) > limit:
            answer["paging"] = {"next": {"after": str(found[limit].id)}}
        return Answer(200, answer)

    def read_owner(self, call: Call) -> Answer:
        key = call.args["id"]
        by_user = call.one("idProperty", "id") == "userId"
        for owner in self.box.state.owners.values():
            if str(owner.user_id if by_user else owner.id) == key:
                return Answer(200, _owner(owner))
        raise missing(f"Owner {key[:40]} does not exist")

    def details(self, call: Call) -> Answer:
        about = {
            "portalId": self.box.portal_id,
            "accountType": "DEVELOPER_TEST",
            "timeZone": "Europe/London",
            "companyCurrency": "EUR",
            "additionalCurrencies": [],
            "utcOffset": "+00:00",
            "utcOffsetMilliseconds": 0,
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "eu1",
        }
        return Answer(200, about)


def _group(name: str, label: str, order: int) -> dict[str, Any]:
    return {"name": name, "label": label, "displayOrder": order, "archived": False}


def _change(prop: Property, body: Mapping[str, Any]) -> None:
    prop.label = body.get("label", prop.label)
    prop.type = body.get("type", prop.type)
    prop.field_type = body.get("fieldType", prop.field_type)
    prop.group = body.get("groupName", prop.group)
    prop.description = body.get("description", prop.description)
    prop.options = list(body.get("options", prop.options))
    prop.display_order = body.get("displayOrder", prop.display_order)
    prop.hidden = body.get("hidden", prop.hidden)
    prop.form_field = body.get("formField", prop.form_field)


def _property(prop: Property) -> dict[str, Any]:
    return {
        "name": prop.name,
        "label": prop.label,
        "type": prop.type,
        "fieldType": prop.field_type,
        "groupName": prop.group,
        "description": prop.description,
        "options": prop.options,
        "displayOrder": prop.display_order,
        "hasUniqueValue": prop.unique or prop.name == "email",
        "hidden": prop.hidden,
        "formField": prop.form_field,
        "hubspotDefined": prop.hubspot_defined,
        "calculated": False,
        "externalOptions": prop.name in EXTERNAL,
        "archived": prop.archived,
        "createdAt": stamp(prop.created),
        "updatedAt": stamp(prop.created),
        "modificationMetadata": {
            "archivable": not prop.hubspot_defined,
            "readOnlyDefinition": prop.hubspot_defined,
            "readOnlyValue": prop.read_only,
        },
    }


def _owner(owner: Owner) -> dict[str, Any]:
    return {
        "id": str(owner.id),
        "type": "PERSON",
        "email": owner.email,
        "firstName": owner.first_name,
        "lastName": owner.last_name,
        "userId": owner.user_id,
        "userIdIncludingInactive": owner.user_id,
        "createdAt": "2025-01-01T00:00:00.000Z",
        "updatedAt": "2025-01-01T00:00:00.000Z",
        "archived": owner.archived,
        "teams": [],
    }
