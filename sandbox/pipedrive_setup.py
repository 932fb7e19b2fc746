"""Fields of persons with their labels, the user that a token belongs to, and the renewal of OAuth tokens."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error
from hashlib import sha1
from typing import Any, Final
from urllib.parse import parse_qs

from sandbox.consent_page import ConsentPage
from sandbox.pipedrive_core import COMPANY, USER, PipedriveCore, failed
from sandbox.pipedrive_state import Json, PersonField
from sandbox.platform import Answer, Call, Stop

FIELDS: Final = "/v1/personFields"
KINDS: Final = ("varchar", "text", "double", "date", "phone", "enum", "set")
APP: Final = ("sandbox-client", "sandbox-client-secret")
DEFAULT: Final = (
    ("name", "Name", "varchar"),
    ("label_ids", "Labels", "set"),
    ("phone", "Phone", "phone"),
    ("email", "Email", "varchar"),
    ("owner_id", "Owner", "user"),
    ("marketing_status", "Marketing status", "enum"),
)


class Setup:
    """The handlers of what is set up."""

    def __init__(self, core: PipedriveCore) -> None:
        self.core = core
        token = ("api_token",)
        core.route("GET", FIELDS, self.page, query=("start", "limit", *token), cost=20)
        core.route("POST", FIELDS, self.make, query=token, write=True, admin=True, cost=10)
        core.route("PUT", f"{FIELDS}/<id>", self.change, query=token, write=True, admin=True, cost=10)
        core.route("GET", "/v1/users/me", self.me, query=token, cost=2)
        self.codes: set[str] = set()
        self.consent = ConsentPage(core.route, "/oauth/authorize", APP[0], self._allowed)
        core.route("POST", "/oauth/token", self.renew, open=True)
        for key, name, kind in DEFAULT:
            options: list[Json] | None = [] if kind in ("set", "enum") else None
            if key != "marketing_status" or core.switches.campaigns:
                self.add(key, name, kind, options)

    def add(self, key: str, name: str, kind: str, options: list[Json] | None, *, own: bool = False) -> PersonField:
        number = self.core.state.number("field", 9000)
        made = PersonField(number, key, name, kind, own, options)
        self.core.state.fields[number] = made
        return made

    def page(self, call: Call) -> Answer:
        start, limit = int(call.one("start", "0")), int(call.one("limit", "100"))
        found = list(self.core.state.fields.values())
        shown = [_shown(one) for one in found[start : start + limit]]
        more = {"start": start, "limit": limit, "more_items_in_collection": start + limit < len(found)}
        return Answer(200, {"success": True, "data": shown, "additional_data": more})

    def make(self, call: Call) -> Answer:
        body = self.core.body(call, ("name", "field_type", "add_visible_flag", "options"))
        kind = body.get("field_type")
        if not body.get("name") or kind not in KINDS:
            raise Stop(failed(400, "Bad request", "name and field_type are required"))
        key = hash_of(body["name"], len(self.core.state.fields))
        made = self.add(key, body["name"], kind, [] if kind in ("enum", "set") else None, own=True)
        return Answer(200, {"success": True, "data": _shown(made)})

    def change(self, call: Call) -> Answer:
        """All options that stay are given with their number; new ones need a label only."""
        body = self.core.body(call, ("name", "options", "add_visible_flag"))
        found = self.core.state.fields.get(int(call.args["id"]))
        if found is None:
            raise Stop(failed(404, "Field not found"))
        if "options" in body:
            found.options = [self._option(one) for one in body["options"]]
        return Answer(200, {"success": True, "data": _shown(found)})

    def _option(self, given: Json) -> Json:
        self.core.only(given, ("id", "label", "color"), "options")
        if not given.get("label"):
            raise Stop(failed(400, "Bad request", "an option needs a label"))
        return {"id": given.get("id") or self.core.state.number("option", 300), "label": given["label"]}

    def me(self, call: Call) -> Answer:
        admin = self.core.tokens[call.token]
        shown: Json = {
            "id": USER,
            "name": "Rosa Baker",
            "email": "rosa@bakery.example",
            "active_flag": True,
            "is_you": True,
            "company_id": COMPANY,
            "company_name": "The Bakery",
            "company_domain": "thebakery",
            "access": [{"app": "global", "admin": admin, "permission_set_id": "all"}],
        }
        return Answer(200, {"success": True, "data": shown})

    def renew(self, call: Call) -> Answer:
        """The app proves itself by HTTP Basic; each renewal gives another refresh token and ends the one before."""
        form = {name: values[-1] for name, values in parse_qs(call.raw.decode()).items()}
        try:
            proof = b64decode(call.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        except (Error, UnicodeDecodeError):
            proof = ""
        if proof != ":".join(APP):
            return Answer(401, {"success": False, "error": "invalid_client"})
        kind, given = form.get("grant_type"), form.get("refresh_token", "")
        if kind == "authorization_code":
            code = form.get("code", "")
            if code not in self.codes or not self.consent.fits(code, form):
                return Answer(400, {"success": False, "error": "invalid_grant"})
            self.codes.remove(code)
            return Answer(200, self.grant())
        if kind != "refresh_token" or given not in self.core.refresh_tokens:
            return Answer(400, {"success": False, "error": "invalid_grant"})
        access = self.core.refresh_tokens.pop(given)
        self.core.tokens.pop(access, None)
        return Answer(200, self.grant())

    def _allowed(self, call: Call) -> str:
        code = f"sandbox-code-{self.core.state.number('code')}"
        self.codes.add(code)
        return code

    def grant(self) -> Json:
        """A new pair of tokens."""
        number = self.core.state.number("token")
        access, refresh = f"sandbox-access-{number}", f"sandbox-refresh-{number}"
        self.core.tokens[access] = True
        self.core.refresh_tokens[refresh] = access
        return {
            "access_token": access,
            "refresh_token": refresh,
            "token_type": "Bearer",
            "expires_in": 3600,
            "scope": "base,contacts:full,search:read,admin",
        }


def hash_of(name: str, place: int) -> str:
    """The 40 characters by which a company's own field is known."""
    return sha1(f"{name} {place}".encode(), usedforsecurity=False).hexdigest()


def _shown(one: PersonField) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": one.id,
        "key": one.key,
        "name": one.name,
        "field_type": one.kind,
        "active_flag": True,
        "edit_flag": one.own,
        "mandatory_flag": one.key == "name",
    }
    return shown if one.options is None else {**shown, "options": one.options}
