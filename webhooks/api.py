"""The API over which other software listens to us: REST hooks, as Zapier, Make and Power Automate expect them.

200 201 204 done    400 not to be read    401 no key    403 not with this key    404 405 no such thing
409 too many        413 too large         415 not JSON  422 not to be accepted
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from sync import events
from sync.events_kinds import KINDS, envelope, moment, sample
from sync.store.database import Database
from sync.vault import Vault
from webhooks import api_keys, outgoing
from webhooks.api_keys import Key
from webhooks.api_openapi import PATH, describe
from webhooks.api_problems import Problem
from webhooks.outgoing import Subscription
from webhooks.outgoing_address import BadAddress

LARGEST = 64 * 1024
SAMPLES = 3

_ID = re.compile(r"sub_[0-9a-f]{20}")
_KEY = {"WWW-Authenticate": 'Bearer realm="Regulars"'}


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    """What is asked for with POST /api/v1/subscriptions."""

    url: str
    events: list[str]


_wanted = msgspec.json.Decoder(Wanted)


class _Pages:
    """What each address answers."""

    def __init__(self, database: Database, vault: Callable[[], Vault], *, local: bool, public: str) -> None:
        self.database, self.vault, self.local, self.public = database, vault, local, public

    def openapi(self) -> Response:
        return _say(describe(self.public, local=self.local))

    def me(self) -> Response:
        key = self._key()
        return _say({"name": key.name, "scopes": list(key.scopes)})

    def events(self) -> Response:
        self._key()
        return _say([{"event": kind, "says": told.says, "sample": sample(kind)} for kind, told in KINDS.items()])

    def samples(self, kind: str) -> Response:
        key = self._key()
        if kind not in KINDS:
            raise Problem(404, "No such event", f"There are {', '.join(KINDS)}.")
        found = []
        if "read" in key.scopes:
            with self.database.read() as conn:
                found = [envelope(*one) for one in events.newest(conn, kind, SAMPLES)]
        return _say(found or [sample(kind)])

    def listed(self) -> Response:
        self._key("subscriptions", "read")
        with self.database.read() as conn:
            return _say([document(one) for one in outgoing.all_of(conn)])

    def subscribe(self) -> Response:
        key = self._key("subscriptions")
        wanted = _read()
        try:
            made, secret = outgoing.add(
                self.database, self.vault(), wanted.url, wanted.events, local=self.local, made_by=key.name
            )
        except outgoing.Full as error:
            raise Problem(409, "Too many", _sentence(error)) from None
        except (BadAddress, outgoing.Refused) as error:
            raise Problem(422, "Not to be accepted", _sentence(error)) from None
        place = {"Location": f"{PATH}/subscriptions/{made.id}"}
        return _say({**document(made), "secret": secret}, 201, place)

    def shown(self, identity: str) -> Response:
        self._key("subscriptions", "read")
        with self.database.read() as conn:
            found = outgoing.one(conn, identity) if _ID.fullmatch(identity) else None
        if found is None:
            raise _no_subscription()
        return _say(document(found))

    def ended(self, identity: str) -> Response:
        self._key("subscriptions")
        if not _ID.fullmatch(identity) or not outgoing.remove(self.database, self.vault(), identity):
            raise _no_subscription()
        return Response(status=204)

    def _key(self, *scopes: str) -> Key:
        """Whoever calls, if one of *scopes* is theirs. Raises Problem."""
        text = _key_of_request()
        with self.database.read() as conn:
            key = api_keys.find(conn, text) if text else None
        if key is None:
            raise Problem(401, "No key", "Send an API key: `Authorization: Bearer KEY`.", _KEY)
        if scopes and not set(scopes) & set(key.scopes):
            wanted = " or ".join(f'"{scope}"' for scope in scopes)
            raise Problem(403, "Not with this key", f"This needs a key with the scope {wanted}.")
        return key


def create_api(database: Database, vault: Callable[[], Vault], *, local: bool = False, public: str = "") -> Blueprint:
    """The pages under `/api/v1`. *local* lets private addresses listen; *public* is where we are reached."""
    blueprint, pages = Blueprint("api", __name__, url_prefix=PATH), _Pages(database, vault, local=local, public=public)
    blueprint.before_request(_small)
    blueprint.get("/openapi.json")(pages.openapi)
    blueprint.get("/me")(pages.me)
    blueprint.get("/events")(pages.events)
    blueprint.get("/events/<kind>/samples")(pages.samples)
    blueprint.get("/subscriptions")(pages.listed)
    blueprint.post("/subscriptions")(pages.subscribe)
    blueprint.get("/subscriptions/<identity>")(pages.shown)
    blueprint.delete("/subscriptions/<identity>")(pages.ended)
    blueprint.errorhandler(Problem)(Problem.answer)
    for status in _DETAILS:
        blueprint.app_errorhandler(status)(_elsewhere)
    return blueprint


def _small() -> None:
    request.max_content_length = LARGEST


def _elsewhere(error: HTTPException) -> Response:
    """What no page of ours answered: in our form below our path, in the receiver's own words elsewhere."""
    status = error.code or 500
    headers = {name: text for name, text in error.get_headers() if name == "Allow"}
    if request.path.startswith(f"{PATH}/"):
        return Problem(status, error.name, _DETAILS.get(status, error.name), headers).answer()
    return Response(f"{error.name}\n", status, headers, mimetype="text/plain")


_DETAILS = {
    404: f"There is nothing at this address; {PATH}/openapi.json tells what there is.",
    405: f"This address knows another method; {PATH}/openapi.json tells which.",
    413: f"At most {LARGEST:,} bytes are taken.",
}


def document(one: Subscription) -> dict[str, Any]:
    """A subscription as the API shows it. Its secret is not in it."""
    return {
        "id": one.id,
        "url": one.url,
        "events": list(one.kinds),
        "made": moment(one.made),
        "state": "active" if one.active else "disabled",
        "note": one.note,
    }


def _key_of_request() -> str:
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    return text.strip() if kind.lower() == "bearer" else request.headers.get("X-API-Key", "").strip()


def _read() -> Wanted:
    if request.mimetype != "application/json":
        raise Problem(415, "Not JSON", "Send the subscription as application/json.")
    try:
        return _wanted.decode(request.get_data(cache=False))
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Problem(400, "Not to be read", f"Expected an object with `url` and `events`: {error}.") from None


def _no_subscription() -> Problem:
    return Problem(404, "No such subscription", "It may have ended; GET the list to see which there are.")


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


def _say(found: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(found), status, headers or {}, content_type="application/json")
