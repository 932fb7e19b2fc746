"""HubSpot's official SDK over our own HTTP path, and the shapes of its answers.

The SDK gives endpoints, parameter names and query spelling. Its api objects are kept (each attribute walk of its
client opens a new pool), its rest client is replaced by `Rest`, and bodies pass as bytes in both directions: they
never become the SDK's typed objects, which cost seventy times as much.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from connectors.http import Http, Response

OPERATIONS = {
    # (method, path): (name in counts and messages, whether repeating it changes nothing)
    ("GET", "/crm/v3/objects/contacts"): ("list contacts", True),
    ("POST", "/crm/v3/objects/contacts/search"): ("search contacts", True),
    ("POST", "/crm/v3/objects/contacts/batch/read"): ("read contacts", True),
    ("POST", "/crm/v3/objects/contacts/batch/update"): ("update contacts", False),
    ("POST", "/crm/v3/objects/contacts/batch/create"): ("create contacts", False),
    # Keyed by our own id: a repeat finds the record that the first try made.
    ("POST", "/crm/v3/objects/contacts/batch/upsert"): ("create contacts by key", True),
    ("POST", "/crm/v3/objects/contacts/batch/archive"): ("archive contacts", True),
    ("POST", "/crm/v3/objects/contacts/gdpr-delete"): ("erase contact", True),
    ("GET", "/crm/v3/properties/contacts"): ("list properties", True),
    ("POST", "/crm/v3/properties/contacts"): ("create property", False),
    ("POST", "/crm/v3/properties/contacts/groups"): ("create property group", False),
}

PATTERNS = (
    # (method, pattern of the path): the same for whole families of paths; what the path names is put into the name
    ("GET", r"/crm/v3/objects/(\w+)", "list {}", True),
    ("POST", r"/crm/v3/objects/(\w+)/search", "search {}", True),
    ("POST", r"/crm/v4/associations/(\w+)/(\w+)/batch/read", "read {} of {}", True),
    ("POST", r"/crm/v4/associations/(\w+)/(\w+)/batch/associate/default", "associate {} with {}", True),
    ("POST", r"/crm/v4/associations/(\w+)/(\w+)/batch/archive", "take {} off {}", True),
    # There is neither a key for it nor a way to look for it.
    ("POST", r"/crm/v3/objects/tasks", "create task", False),
    ("POST", r"/crm/v3/objects/(\w+)/batch/create", "create {}", False),
    ("POST", r"/crm/v3/objects/(\w+)/batch/read", "read {}", True),
    ("POST", r"/crm/v3/objects/(\w+)/batch/archive", "archive {}", True),
    ("GET", r"/crm/v3/pipelines/(\w+)", "list pipelines of {}", True),
    ("GET", r"/crm/v3/owners/", "list owners", True),
    ("POST", r"/crm/v3/lists/search", "list lists", True),
    ("GET", r"/crm/v3/lists/object-type-id/0-1/name/.+", "find list", True),
    # A name occurs once: a repeat is refused, and the list of that name is the one that the first try made.
    ("POST", r"/crm/v3/lists/", "create list", True),
    ("GET", r"/crm/v3/lists/\d+/memberships", "list members", True),
    ("PUT", r"/crm/v3/lists/\d+/memberships/add-and-remove", "change members", True),
)
LANES = (
    (re.compile(r"/crm/v3/objects/\w+/search"), "search"),
    (re.compile(r"/crm/v4/associations/.*"), "associations"),
)
"""Calls that do not count against the ten seconds; those of associations have no window at all."""

# Not in the SDK. The version of each is one value.
ACCOUNT = "/account-info/2026-03/details"
DEFINITIONS = "/communication-preferences/2026-03/definitions"
UNSUBSCRIBE_ALL = "/communication-preferences/2026-03/statuses/batch/unsubscribe-all"
WRITE_STATUSES = "/communication-preferences/2026-03/statuses/batch/write"
STATUS_OF = "/communication-preferences/2026-03/statuses/{}"
TOKEN = "/oauth/v1/token"  # noqa: S105 - a path


class Rest:
    """Stands where the SDK's rest client stood: same verbs, our path."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def GET(self, url: str, query_params: Any = None, **_: Any) -> Response:  # noqa: N802
        return self._send("GET", url, query_params, None)

    def POST(self, url: str, query_params: Any = None, body: Any = None, **_: Any) -> Response:  # noqa: N802
        return self._send("POST", url, query_params, body)

    def PUT(self, url: str, query_params: Any = None, body: Any = None, **_: Any) -> Response:  # noqa: N802
        return self._send("PUT", url, query_params, body)

    def _send(self, method: str, url: str, query: Any, body: bytes | None) -> Response:
        name, idempotent = OPERATIONS.get((method, url)) or _operation(method, url)
        return self._http.request(
            method,
            url,
            query=query or (),
            json=body,
            idempotent=idempotent,
            operation=name,
            lane=next((lane for pattern, lane in LANES if pattern.fullmatch(url)), ""),
        )


def _operation(method: str, url: str) -> tuple[str, bool]:
    for theirs, pattern, name, idempotent in PATTERNS:
        if method == theirs and (found := re.fullmatch(pattern, url)):
            return name.format(*reversed(found.groups())), idempotent
    return f"{method} {url}", method == "GET"


def opened(rest: Rest, package: Any, name: str) -> Any:
    """One api object of the SDK over our path."""
    client = package.ApiClient(package.Configuration(host=""))
    client.rest_client = rest
    return getattr(package, name)(client)


@dataclass(frozen=True, slots=True)
class Apis:
    """The SDK's api objects that we use."""

    basic: Any
    batch: Any
    search: Any
    properties: Any
    groups: Any

    @staticmethod
    def over(http: Http) -> Apis:
        """Opened here and not at import: the SDK takes a fifth of a second to load."""
        from hubspot.crm import contacts, properties  # noqa: PLC0415 - slow to load

        rest = Rest(http)
        return Apis(
            opened(rest, contacts, "BasicApi"),
            opened(rest, contacts, "BatchApi"),
            opened(rest, contacts, "SearchApi"),
            opened(rest, properties, "CoreApi"),
            opened(rest, properties, "GroupsApi"),
        )


class Stamps(msgspec.Struct):
    """When a record changed: contacts have a property of their own for it."""

    lastmodifieddate: str | None = None
    hs_lastmodifieddate: str | None = None

    @property
    def changed(self) -> str:
        return self.lastmodifieddate or self.hs_lastmodifieddate or ""


class Head(msgspec.Struct):
    """What paging needs of a record; the rest stays undecoded."""

    id: str
    updatedAt: str = ""
    archived: bool = False
    properties: Stamps = msgspec.field(default_factory=Stamps)


class Contact(msgspec.Struct):
    id: str
    properties: dict[str, str | None]
    createdAt: str = ""
    updatedAt: str = ""
    archived: bool = False
    objectWriteTraceId: str | None = None


class Next(msgspec.Struct):
    after: str


class Paging(msgspec.Struct):
    next: Next | None = None


class Paged(msgspec.Struct, kw_only=True):
    """An answer that names the next page."""

    paging: Paging | None = None

    @property
    def after(self) -> str:
        return self.paging.next.after if self.paging and self.paging.next else ""


def further(_: object, answer: Paged) -> str | None:
    """The place after an answer (`connectors.asking.turned`)."""
    return answer.after or None


class Listing(Paged, kw_only=True):
    results: list[msgspec.Raw]
    total: int | None = None


class Trouble(msgspec.Struct):
    """One error, of a whole answer or of some inputs of a batch."""

    message: str = ""
    category: str = ""
    context: dict[str, list[str]] = {}
    errors: list[Any] = []
    id: str | None = None
    subCategory: Any = None


class Batch(msgspec.Struct):
    results: list[msgspec.Raw] = []
    errors: list[Trouble] = []


class Value(msgspec.Struct):
    timestamp: str
    value: str | None = None
    sourceType: str = ""


class Past(msgspec.Struct):
    id: str
    propertiesWithHistory: dict[str, list[Value]] = {}


class PastBatch(msgspec.Struct):
    results: list[Past] = []


class Option(msgspec.Struct):
    value: str
    label: str = ""


class Property(msgspec.Struct):
    name: str
    label: str = ""
    type: str = ""
    fieldType: str = ""
    hidden: bool | None = None
    calculated: bool | None = None
    modificationMetadata: dict[str, Any] | None = None

    @property
    def read_only(self) -> bool:
        return bool(self.calculated) or bool((self.modificationMetadata or {}).get("readOnlyValue"))


class Properties(msgspec.Struct):
    results: list[Property]


class AccountDetails(msgspec.Struct):
    portalId: int
    companyCurrency: str | None = None
    uiDomain: str = ""
    accountType: str = ""


class Status(msgspec.Struct):
    subscriberIdString: str
    status: str = ""


class Statuses(msgspec.Struct):
    results: list[Status] = []
    errors: list[Trouble] = []


class Definition(msgspec.Struct):
    id: str
    name: str = ""
    isActive: bool = True


class Definitions(msgspec.Struct):
    results: list[Definition] = []


head = msgspec.json.Decoder(Head)
contact = msgspec.json.Decoder(Contact)
listing = msgspec.json.Decoder(Listing)
batch = msgspec.json.Decoder(Batch)
trouble = msgspec.json.Decoder(Trouble)


def inputs(members: Sequence[Mapping[str, Any]], **more: Any) -> bytes:
    return msgspec.json.encode({"inputs": members, **more})
