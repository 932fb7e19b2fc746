"""What stands around the members: account, audiences, merge fields, interests."""

from __future__ import annotations

import re
from hashlib import md5
from typing import Any, Final

from sandbox.mailchimp_core import MailchimpCore
from sandbox.mailchimp_rules import invalid, not_found
from sandbox.mailchimp_select import PAGE, SELECT, flag, page_of, selection
from sandbox.mailchimp_state import (
    Audience,
    Category,
    MergeField,
    count_members,
    key_of,
    show_audience,
    show_merge_field,
)
from sandbox.platform import Answer, Call, Stop

Json = dict[str, Any]

TYPES: Final = (
    *(
        "text",
        "number",
        "address",
        "phone",
        "date",
        "url",
        "imageurl",
        "radio",
        "dropdown",
        "birthday",
        "zip",
    ),
)
CATEGORY_TYPES: Final = ("checkboxes", "dropdown", "radio", "hidden")
LONGEST_TAG: Final = 10  # characters of a merge tag, in the product and the API alike (3p)
ONE_LIST: Final = "/3.0/lists/<list_id>"


class Setup:
    """The handlers of everything that is no member."""

    def __init__(self, core: MailchimpCore) -> None:
        self.core = core
        core.route("GET", "/3.0/", self.root, query=SELECT)
        core.route("GET", "/3.0/ping", self.ping)
        core.route("GET", "/3.0/lists", self.lists, query=(*PAGE, "email", "include_total_contacts"))
        core.route("GET", ONE_LIST, self.one_list, query=(*SELECT, "include_total_contacts"))
        fields = f"{ONE_LIST}/merge-fields"
        core.route("GET", fields, self.merge_fields, query=(*PAGE, "type", "required"))
        core.route("POST", fields, self.add_merge_field, write=True)
        core.route("GET", f"{fields}/<merge_id>", self.merge_field, query=SELECT)
        categories = f"{ONE_LIST}/interest-categories"
        core.route("GET", categories, self.categories, query=PAGE)
        core.route("POST", categories, self.add_category, write=True)
        core.route("GET", f"{categories}/<category_id>", self.category, query=SELECT)
        core.route("GET", f"{categories}/<category_id>/interests", self.interests, query=PAGE)
        core.route("POST", f"{categories}/<category_id>/interests", self.add_interest, write=True)
        core.route("GET", f"{categories}/<category_id>/interests/<interest_id>", self.interest, query=SELECT)

    # -- the account -------------------------------------------------------------------------------

    def root(self, call: Call) -> Answer:
        """Which account the credential opens, and with which role."""
        subscribed = sum(count_members(a)["subscribed"] for a in self.core.state.audiences.values())
        account = {
            "account_id": self.core.account_id,
            "login_id": "1001",
            "account_name": "The Corner Bakery (sandbox)",
            "email": "owner@bakery.example",
            "first_name": "Greta",
            "last_name": "Korn",
            "username": "bakery",
            "avatar_url": "",
            "role": self.core.keys[self.core.token_of(call)],
            "member_since": "2019-03-01T00:00:00+00:00",
            "pricing_plan_type": "monthly",
            "account_timezone": "Europe/Berlin",
            "account_industry": "Food",
            "pro_enabled": False,
            "total_subscribers": subscribed,
        }
        return Answer(200, selection(call, (*account, "contact", "_links")).cut(account))

    def ping(self, call: Call) -> Answer:
        return Answer(200, {"health_status": "Everything's Chimpy!"})

    def lists(self, call: Call) -> Answer:
        offset, count = page_of(call)
        audiences = list(self.core.state.audiences.values())
        if email := call.one("email"):
            audiences = [a for a in audiences if key_of(email) in a.members]
        total = flag(call, "include_total_contacts")
        answer = {
            "lists": [self._audience(a, total=total) for a in audiences[offset : offset + count]],
            "total_items": len(audiences),
            "constraints": {
                "may_create": False,
                "max_instances": len(audiences),
                "current_total_instances": len(audiences),
            },
        }
        return Answer(200, selection(call, (*answer, "_links")).cut(answer))

    def one_list(self, call: Call) -> Answer:
        shown = self._audience(self.core.audience(call), total=flag(call, "include_total_contacts"))
        return Answer(200, selection(call).cut(shown))

    def _audience(self, audience: Audience, *, total: bool) -> Json:
        campaigns = sum(c.list_id == audience.id for c in self.core.state.campaigns.values())
        return show_audience(audience, total=total, campaigns=campaigns)

    # -- merge fields --------------------------------------------------------------------------------

    def merge_fields(self, call: Call) -> Answer:
        audience = self.core.audience(call)
        offset, count = page_of(call)
        found = audience.merge_fields
        if kind := call.one("type"):
            found = [known for known in found if known.type == kind]
        if call.one("required"):
            found = [known for known in found if known.required == flag(call, "required")]
        answer = {
            "merge_fields": [show_merge_field(audience, known) for known in found[offset : offset + count]],
            "list_id": audience.id,
            "total_items": len(found),
        }
        return Answer(200, selection(call, (*answer, "_links")).cut(answer))

    def merge_field(self, call: Call) -> Answer:
        audience = self.core.audience(call)
        for known in audience.merge_fields:
            if str(known.merge_id) == call.args["merge_id"]:
                return Answer(200, selection(call).cut(show_merge_field(audience, known)))
        return not_found()

    def add_merge_field(self, call: Call) -> Answer:
        audience = self.core.audience(call)
        plain = ("required", "default_value", "public", "display_order", "help_text", "options")
        body = self.core.body(call, ("tag", "name", "type", *plain))
        errors = [(name, "This value should not be blank.") for name in ("name", "type") if not body.get(name)]
        if body.get("type") and body["type"] not in TYPES:
            errors.append(("type", "Value must be one of: " + ", ".join(TYPES)))
        number = max((known.merge_id for known in audience.merge_fields), default=0) + 1
        tag = str(body.get("tag") or f"MMERGE{number}").upper()
        if not re.fullmatch(rf"[A-Z0-9_]{{1,{LONGEST_TAG}}}", tag):
            errors.append(("tag", f"A merge tag has at most {LONGEST_TAG} letters, digits and underscores."))
        if any(known.tag == tag for known in audience.merge_fields):
            errors.append(("tag", f'A Merge Field with the tag "{tag}" already exists for this list.'))
        most = self.core.switches.most_fields
        if not errors and len(audience.merge_fields) >= most:
            errors.append(("", f"This list has the most merge fields that it may have: {most}."))
        if errors:
            raise Stop(invalid(errors))
        self.core.only(body.get("options", {}), OPTIONS, "options")
        known = MergeField(number, tag, body["name"], body["type"])
        for name in plain:
            if name in body:
                setattr(known, name, body[name])
        self.add_field(audience, known)
        return Answer(200, show_merge_field(audience, known))

    def add_field(self, audience: Audience, known: MergeField) -> None:
        audience.merge_fields.append(known)
        audience.version += 1
        self.core.restored()  # every member shows one field more

    # -- interests -----------------------------------------------------------------------------------

    def categories(self, call: Call) -> Answer:
        audience = self.core.audience(call)
        offset, count = page_of(call)
        every = [_show_category(audience, category) for category in audience.categories.values()]
        answer = {
            "categories": every[offset : offset + count],
            "list_id": audience.id,
            "total_items": len(every),
        }
        return Answer(200, selection(call, (*answer, "_links")).cut(answer))

    def add_category(self, call: Call) -> Answer:
        audience = self.core.audience(call)
        body = self.core.body(call, ("title", "type", "display_order"))
        if not body.get("title") or body.get("type") not in CATEGORY_TYPES:
            raise Stop(invalid([("type", "A category needs a title and a type of: " + ", ".join(CATEGORY_TYPES))]))
        id = self._id("category")
        category = Category(id, body["title"], body["type"], body.get("display_order", 0))
        audience.categories[id] = category
        return Answer(200, _show_category(audience, category))

    def category(self, call: Call) -> Answer:
        audience, category = self._category(call)
        return Answer(200, selection(call).cut(_show_category(audience, category)))

    def interest(self, call: Call) -> Answer:
        audience, category = self._category(call)
        id = call.args["interest_id"]
        if id not in category.interests:
            raise Stop(not_found())
        return Answer(200, selection(call).cut(_show_interest(audience, category, id)))

    def interests(self, call: Call) -> Answer:
        audience, category = self._category(call)
        offset, count = page_of(call)
        every = [_show_interest(audience, category, id) for id in category.interests]
        answer = {
            "interests": every[offset : offset + count],
            "list_id": audience.id,
            "category_id": category.id,
            "total_items": len(every),
        }
        return Answer(200, selection(call, (*answer, "_links")).cut(answer))

    def add_interest(self, call: Call) -> Answer:
        audience, category = self._category(call)
        body = self.core.body(call, ("name", "display_order"))
        if not body.get("name"):
            raise Stop(invalid([("name", "This value should not be blank.")]))
        id = self._id("interest")
        category.interests[id] = body["name"]
        audience.version += 1
        self.core.restored()
        return Answer(200, _show_interest(audience, category, id))

    def _category(self, call: Call) -> tuple[Audience, Category]:
        audience = self.core.audience(call)
        category = audience.categories.get(call.args["category_id"])
        if category is None:
            raise Stop(not_found())
        return audience, category

    def _id(self, kind: str) -> str:
        return md5(f"{kind} {self.core.number()}".encode(), usedforsecurity=False).hexdigest()[:10]


OPTIONS: Final = ("default_country", "phone_format", "date_format", "choices", "size")


def _show_category(audience: Audience, category: Category) -> Json:
    return {
        "list_id": audience.id,
        "id": category.id,
        "title": category.title,
        "type": category.type,
        "display_order": category.display_order,
    }


def _show_interest(audience: Audience, category: Category, id: str) -> Json:
    return {
        "category_id": category.id,
        "list_id": audience.id,
        "id": id,
        "name": category.interests[id],
        "subscriber_count": str(sum(m.interests.get(id, False) for m in audience.members.values())),
        "display_order": 0,
    }
