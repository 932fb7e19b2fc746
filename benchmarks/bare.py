"""What Regulars is measured against: bare loops with no memory, no retries, no pace and no idea of a person.

The official SDKs' own objects are what one would write first; raw JSON into SQLite is about the most that Python
gives. Both ask for the same properties, in the same pages, as the connectors do.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import orjson
import urllib3

from connectors.mailchimp_wire import MEMBER_FIELDS
from sandbox.mailchimp import LIST

TOKEN = "sandbox-hubspot-demo"
KEY = "sandbox-mailchimp-demo-us0"
HUBSPOT_PAGE, MAILCHIMP_PAGE = 100, 1000


def hubspot_sdk(address: str, properties: Sequence[str]) -> tuple[int, int]:
    """The typed objects of `hubspot-api-client`: records read, requests made."""
    from hubspot import HubSpot  # noqa: PLC0415 - loaded before the clock starts, see `preload`

    api = HubSpot(access_token=TOKEN, host=address).crm.contacts.basic_api
    count, requests, after = 0, 0, ""
    while True:
        more: dict[str, str] = {"after": after} if after else {}
        page = api.get_page(limit=HUBSPOT_PAGE, properties=list(properties), archived=False, **more)
        requests += 1
        for contact in page.results:
            count += contact.properties["email"] is not None
        if page.paging is None or page.paging.next is None:
            return count, requests
        after = page.paging.next.after


def mailchimp_sdk(address: str) -> tuple[int, int]:
    """The dictionaries of `mailchimp-marketing`: records read, requests made."""
    from mailchimp_marketing import Client  # noqa: PLC0415 - as above

    client = Client()
    client.set_config({"api_key": KEY, "server": "us0"})
    client.lists.api_client.host = f"{address}/3.0"
    count, requests = 0, 0
    fields = ["total_items", *(f"members.{name}" for name in MEMBER_FIELDS)]
    while True:
        page = client.lists.get_list_members_info(LIST, fields=fields, count=MAILCHIMP_PAGE, offset=count)
        requests += 1
        for member in page["members"]:
            count += member["email_address"] is not None
        if len(page["members"]) < MAILCHIMP_PAGE:
            return count, requests


def hubspot_raw(address: str, properties: Sequence[str], folder: Path) -> tuple[int, int]:
    """Raw JSON into SQLite: records stored, requests made."""
    return _store(_hubspot_pages(address, properties), folder)


def mailchimp_raw(address: str, folder: Path) -> tuple[int, int]:
    """Raw JSON into SQLite: records stored, requests made."""
    return _store(_mailchimp_pages(address), folder)


def _hubspot_pages(address: str, properties: Sequence[str]) -> Iterator[list[tuple[str, bytes, str]]]:
    pool = urllib3.PoolManager()
    headers = {"Authorization": f"Bearer {TOKEN}"}
    query: dict[str, Any] = {"limit": HUBSPOT_PAGE, "properties": ",".join(properties), "archived": "false"}
    while True:
        url = f"{address}/crm/v3/objects/contacts?{urlencode(query, quote_via=quote)}"
        answer = orjson.loads(pool.request("GET", url, headers=headers).data)
        yield [(one["id"], orjson.dumps(one["properties"]), one["updatedAt"]) for one in answer["results"]]
        if "paging" not in answer:
            return
        query["after"] = answer["paging"]["next"]["after"]


def _mailchimp_pages(address: str) -> Iterator[list[tuple[str, bytes, str]]]:
    pool = urllib3.PoolManager()
    headers = {"Authorization": f"Bearer {KEY}"}
    fields = ",".join(["total_items", *(f"members.{name}" for name in MEMBER_FIELDS)])
    offset = 0
    while True:
        query = urlencode({"fields": fields, "count": MAILCHIMP_PAGE, "offset": offset})
        answer = orjson.loads(pool.request("GET", f"{address}/3.0/lists/{LIST}/members?{query}", headers=headers).data)
        members = answer["members"]
        yield [(one["contact_id"], orjson.dumps(one), one["last_changed"]) for one in members]
        if len(members) < MAILCHIMP_PAGE:
            return
        offset += MAILCHIMP_PAGE


def _store(pages: Iterator[list[tuple[str, bytes, str]]], folder: Path) -> tuple[int, int]:
    base = sqlite3.connect(folder / "raw.db", isolation_level=None)
    base.execute("PRAGMA journal_mode = WAL").close()
    base.execute("PRAGMA synchronous = NORMAL").close()
    base.execute("CREATE TABLE record (id TEXT PRIMARY KEY, body BLOB, modified TEXT) WITHOUT ROWID")
    requests = 0
    for page in pages:
        requests += 1
        base.execute("BEGIN")
        base.executemany(
            "INSERT INTO record VALUES (?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET body = excluded.body, modified = excluded.modified",
            page,
        )
        base.execute("COMMIT")
    count: int = base.execute("SELECT count(*) FROM record").fetchone()[0]
    base.close()
    return count, requests
