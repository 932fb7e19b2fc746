"""Mailchimp's official SDK over our own HTTP path, and the shapes of its answers.

The SDK gives endpoints and parameter names. Its `ApiClient` is replaced in the request path: the SDK's own opens a
connection per call, replaces the word `server` anywhere in an address, and returns empty 429 and 503 answers as if
they were results.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from connectors.http import Http, Response

OPERATIONS = {
    # (method, path): (name in counts and messages, whether repeating it changes nothing)
    ("GET", "/lists/{list_id}/members"): ("list members", True),
    ("GET", "/lists/{list_id}/members/{subscriber_hash}"): ("read member", True),
    ("PATCH", "/lists/{list_id}/members/{subscriber_hash}"): ("update member", False),
    ("DELETE", "/lists/{list_id}/members/{subscriber_hash}"): ("archive member", True),
    ("POST", "/lists/{list_id}/members/{subscriber_hash}/tags"): ("tag member", True),
    ("POST", "/lists/{list_id}/members/{subscriber_hash}/actions/delete-permanent"): ("erase member", True),
    ("POST", "/lists/{list_id}"): ("write members", False),
    ("GET", "/lists/{list_id}"): ("read audience", True),
    ("GET", "/lists/{list_id}/merge-fields"): ("list merge fields", True),
    ("POST", "/lists/{list_id}/merge-fields"): ("add merge field", False),
    ("GET", "/lists/{list_id}/webhooks"): ("list webhooks", True),
    ("POST", "/lists/{list_id}/webhooks"): ("make webhook", False),
    ("PATCH", "/lists/{list_id}/webhooks/{webhook_id}"): ("change webhook", True),
    ("DELETE", "/lists/{list_id}/webhooks/{webhook_id}"): ("delete webhook", True),
    ("GET", "/lists"): ("list audiences", True),
    ("GET", "/"): ("account", True),
    ("POST", "/batches"): ("start batch", False),
    ("GET", "/batches/{batch_id}"): ("look at batch", True),
    ("GET", "/reports"): ("list reports", True),
    ("GET", "/reports/{campaign_id}"): ("read report", True),
    ("GET", "/reports/{campaign_id}/sent-to"): ("list recipients", True),
    ("GET", "/reports/{campaign_id}/open-details"): ("list opens", True),
    ("GET", "/reports/{campaign_id}/email-activity"): ("list activity", True),
    ("GET", "/reports/{campaign_id}/unsubscribed"): ("list unsubscribes", True),
    ("GET", "/reports/{campaign_id}/abuse-reports"): ("list complaints", True),
    ("GET", "/lists/{list_id}/segments"): ("list segments", True),
    ("POST", "/lists/{list_id}/segments"): ("create segment", False),
    ("GET", "/lists/{list_id}/segments/{segment_id}"): ("read segment", True),
    ("POST", "/lists/{list_id}/segments/{segment_id}"): ("fill segment", True),
    ("GET", "/lists/{list_id}/segments/{segment_id}/members"): ("list segment members", True),
    ("GET", "/lists/{list_id}/interest-categories"): ("list interest categories", True),
    ("GET", "/lists/{list_id}/interest-categories/{interest_category_id}/interests"): ("list interests", True),
    ("GET", "/lists/{list_id}/interest-categories/{interest_category_id}/interests/{interest_id}"): (
        "read interest",
        True,
    ),
    ("GET", "/lists/{list_id}/members/{subscriber_hash}/notes"): ("list notes", True),
    ("GET", "/lists/{list_id}/members/{subscriber_hash}/events"): ("list events", True),
    ("GET", "/ecommerce/stores"): ("list stores", True),
    ("GET", "/ecommerce/orders"): ("list orders", True),
}

MEMBER_FIELDS = (
    "contact_id",
    "unique_email_id",
    "email_address",
    "status",
    "merge_fields",
    "tags",
    "last_changed",
    "timestamp_opt",
    "timestamp_signup",
    "ip_opt",
    "ip_signup",
    "language",
    "vip",
    "member_rating",
    "marketing_permissions",
    "unsubscribe_reason",
)
"""What we read of a member. Statistics, links and places are left out: they are heavy, and move by themselves."""

_KEPT = frozenset(MEMBER_FIELDS)


def lists_api(http: Http, *, repeatable: bool = False) -> Any:
    """The SDK's api of audiences and members; opened here, because the SDK is slow to load.

    *repeatable* says that all calls through it may be sent twice, whatever OPERATIONS says.
    """
    from mailchimp_marketing.api.lists_api import ListsApi  # noqa: PLC0415 - slow to load

    return ListsApi(_client(http, repeatable=repeatable))


def batches_api(http: Http) -> Any:
    from mailchimp_marketing.api.batches_api import BatchesApi  # noqa: PLC0415 - slow to load

    return BatchesApi(_client(http))


def root_api(http: Http) -> Any:
    from mailchimp_marketing.api.root_api import RootApi  # noqa: PLC0415 - slow to load

    return RootApi(_client(http))


def reports_api(http: Http) -> Any:
    from mailchimp_marketing.api.reports_api import ReportsApi  # noqa: PLC0415 - slow to load

    return ReportsApi(_client(http))


def ecommerce_api(http: Http) -> Any:
    from mailchimp_marketing.api.ecommerce_api import EcommerceApi  # noqa: PLC0415 - slow to load

    return EcommerceApi(_client(http))


def _client(http: Http, *, repeatable: bool = False) -> Any:
    from mailchimp_marketing.api_client import ApiClient  # noqa: PLC0415 - slow to load

    class OurClient(ApiClient):  # type: ignore[misc]
        """The SDK's client with our request path."""

        def call_api(
            self,
            resource_path: str,
            method: str,
            path_params: Mapping[str, str] | None = None,
            query_params: Iterable[tuple[str, Any]] = (),
            header_params: object = None,
            body: bytes | None = None,
            **_: object,
        ) -> Response:
            name, idempotent = OPERATIONS[method, resource_path]
            path = resource_path
            for key, value in (path_params or {}).items():
                path = path.replace(f"{{{key}}}", quote(value, safe=""))
            query = [(key, ",".join(value) if isinstance(value, list) else value) for key, value in query_params or ()]
            return http.request(
                method, path, query=query, json=body, idempotent=idempotent or repeatable, operation=name
            )

    return OurClient({})


class Head(msgspec.Struct):
    """What paging and matching need of a member."""

    contact_id: str = ""
    unique_email_id: str = ""
    email_address: str = ""
    last_changed: str = ""

    @property
    def key(self) -> str:
        return self.contact_id or self.unique_email_id


class Member(msgspec.Struct):
    contact_id: str = ""
    unique_email_id: str = ""
    email_address: str = ""
    status: str = ""
    merge_fields: dict[str, Any] = {}
    tags: list[Any] = []
    last_changed: str = ""
    timestamp_opt: str = ""
    timestamp_signup: str = ""
    ip_opt: str = ""
    ip_signup: str = ""
    language: str = ""
    vip: bool = False
    member_rating: int | None = None
    marketing_permissions: list[Any] = []
    unsubscribe_reason: str = ""

    @property
    def key(self) -> str:
        return self.contact_id or self.unique_email_id


class Listing(msgspec.Struct):
    members: list[msgspec.Raw]
    total_items: int | None = None


class BatchError(msgspec.Struct):
    email_address: str = ""
    error: str = ""
    error_code: str = ""
    field: str = ""
    field_message: str = ""


class Written(msgspec.Struct):
    new_members: list[msgspec.Raw] = []
    updated_members: list[msgspec.Raw] = []
    errors: list[BatchError] = []


class FieldError(msgspec.Struct):
    field: str = ""
    message: str = ""


class Problem(msgspec.Struct):
    title: str = ""
    detail: str = ""
    status: int = 0
    errors: list[FieldError] = []


class MergeField(msgspec.Struct):
    tag: str
    name: str = ""
    type: str = "text"


class MergeFields(msgspec.Struct):
    merge_fields: list[MergeField]


class Stats(msgspec.Struct):
    member_count: int = 0


class Audience(msgspec.Struct):
    id: str
    name: str = ""
    double_optin: bool = False
    stats: Stats = msgspec.field(default_factory=Stats)


class Audiences(msgspec.Struct):
    lists: list[Audience]


class Root(msgspec.Struct):
    account_id: str
    account_name: str = ""
    role: str = ""


class Job(msgspec.Struct):
    id: str
    status: str = ""
    response_body_url: str = ""
    total_operations: int = 0


class Done(msgspec.Struct):
    """The answer to one operation of a batch job; `response` is JSON inside JSON."""

    operation_id: str | None = None
    status_code: int = 0
    response: str = "{}"


head = msgspec.json.Decoder(Head)
member = msgspec.json.Decoder(Member)
listing = msgspec.json.Decoder(Listing)
job = msgspec.json.Decoder(Job)
dones = msgspec.json.Decoder(list[Done])
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def trimmed(body: bytes) -> bytes:
    """A whole member cut to what a listing shows of it, byte for byte and in the platform's own order."""
    kept = [b'"%s":%s' % (name.encode(), bytes(raw)) for name, raw in _members.decode(body).items() if name in _KEPT]
    return b"{" + b",".join(kept) + b"}"
