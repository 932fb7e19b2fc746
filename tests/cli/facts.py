"""A business whose store is filled by hand: people, and every kind of fact about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from mapping.claims import Record
from sync.store import bulk, records
from sync.store import schema as t
from sync.store.database import Database, open_database
from tests.cli.shop import Shop

CONFIG = """\
[business]
name = "Backhaus"
country = "DE"

[connections.hubspot]
platform = "hubspot"
custom = {score = {remote = "score", type = "number"}, hobbies = {remote = "hobbies", type = "set"}}

[connections.mailchimp]
platform = "mailchimp"
"""

DAY = 86_400_000
AT = 1_767_225_600_000  # 2026-01-01T00:00:00Z


def opened(shop: Shop) -> Database:
    """The store of a business with both connections and nobody in it."""
    (shop.folder / "regulars.toml").write_text(CONFIG, "utf-8")
    return open_database(None, shop.folder, now=lambda: AT)


def people(database: Database, found: Sequence[tuple[str, str, str, dict[str, Any]]]) -> None:
    """People with one record each: (id, connection, remote id, fields). Their records are numbered from 1 on."""
    rows, documents, addresses = [], [], []
    for number, (identity, connection, remote_id, fields) in enumerate(found, 1):
        known = {name: value for name, value in fields.items() if name != "email"}
        email = fields.get("email", "")
        given, family = fields.get("given_name", ""), fields.get("family_name", "")
        person = Record(number, connection, remote_id, dict(fields), identity, first_at=AT, addresses=(email,))
        documents.append(records.to_row(person, None, 0))
        rows.append((identity, f"{given} {family}".strip(), email, msgspec.json.encode(known).decode(), 1))
        addresses.append(("email", email, number))
    with database.write() as conn:
        names = records.NARROW
        bulk.insert(conn, t.record, names, [row[: len(names)] for row in documents])
        bulk.insert(conn, t.document, ("record", "known", "memory"), [(r[0], r[-2], r[-1]) for r in documents])
        bulk.insert(conn, t.person, ("id", "name", "email", "fields", "records"), rows)
        bulk.insert(conn, t.identifier, ("kind", "value", "record"), addresses)


def insert(database: Database, **tables: Sequence[dict[str, Any]]) -> None:
    """Rows of any table, by its name."""
    with database.write() as conn:
        for name, rows in tables.items():
            columns = list(rows[0])
            bulk.insert(conn, t.metadata.tables[name], columns, [tuple(row[c] for c in columns) for row in rows])


def facts(database: Database) -> None:
    """Two people and a bit of everything: record 1 is Ada's, record 2 Bo's."""
    ada: dict[str, Any] = {
        "email": "ada@bakery.example",
        "given_name": "Ada",
        "family_name": "Ahorn",
        "phone": "+49 30 123456",
    }
    ada |= {"score": -2.5, "hobbies": ["=sums", "tea"], "address": {"street": "Am Markt 1", "city": "Ulm"}}
    people(
        database,
        [
            ("p_ada", "hubspot", "101", ada),
            ("p_bo", "mailchimp", "b0", {"email": "bo@mail.example", "given_name": "Bo", "family_name": '=1+1"'}),
        ],
    )
    insert(
        database,
        organization=[
            {
                "id": "o_1",
                "item": 1,
                "connection": "hubspot",
                "remote_id": "900",
                "name": "Ahorn GmbH",
                "domain": "bakery.example",
                "fields": '{"city": "Ulm", "employees": 12}',
            }
        ],
        tie=[
            {"organization": "o_1", "record": 1, "label": "owner", "main": True, "item": 1, "since": AT, "until": None},
            {"organization": "o_1", "record": 2, "label": "", "main": False, "item": 1, "since": 0, "until": AT},
        ],
        campaign=[{"connection": "mailchimp", "remote_id": "c1", "title": "Spring bread", "at": AT}],
        touchpoint=[
            {
                "record": record,
                "at": AT + number * DAY + number,
                "kind": kind,
                "key": f"k{number}",
                "channel": "email",
                "way": way,
                "by": by,
                "campaign": campaign,
                "detail": detail,
                "sentiment": sentiment,
            }
            for number, (record, kind, way, by, campaign, detail, sentiment) in enumerate(
                [
                    (1, "met", "", "person", "", "@home, over cake", 0.5),
                    (2, "sent", "out", "machine", "c1", "", None),
                    (2, "opened", "in", "unknown", "c1", "", None),
                ]
            )
        ],
        deal=[
            {
                "id": number,
                "connection": "hubspot",
                "remote_id": str(number),
                "title": title,
                "state": state,
                "stage": "",
                "amount": amount,
                "currency": currency,
                "opened": AT,
                "closed": AT + number * DAY if state == "won" else 0,
                "owner": "",
            }
            for number, title, state, amount, currency in (
                (50, "Wedding cake", "won", 12_050, "EUR"),
                (51, "Rolls", "open", 990, "EUR"),
                (52, "Melonpan", "won", 3_000, "JPY"),
            )
        ],
        deal_party=[
            {"record": 1, "deal": 50, "organization": ""},
            {"record": 0, "deal": 50, "organization": "o_1"},
            {"record": 1, "deal": 51, "organization": ""},
            {"record": 1, "deal": 52, "organization": ""},
        ],
        feedback=[
            {"record": 1, "at": AT, "key": "f1", "item": 1, "kind": "nps", "score": 9.0, "comment": "Best rolls"}
        ],
        listing=[{"id": 70, "connection": "mailchimp", "remote_id": "l1", "title": "Friends", "kind": "tag"}],
        listed=[{"record": 2, "listing": 70, "since": AT}],
        segment=[{"name": "regulars", "rule": "{}", "evaluated": AT}],
        member=[{"segment": "regulars", "person": "p_ada", "since": AT}],
        consent=[
            {
                "address": "bo@mail.example",
                "channel": "email",
                "purpose": "marketing",
                "state": "withdrawn",
                "at": AT + 500,
                "explicit": True,
                "evidence": "form; =1+1",
                "record": 2,
            },
            {
                "address": "ada@bakery.example",
                "channel": "email",
                "purpose": "marketing",
                "state": "granted",
                "at": AT,
                "explicit": True,
                "evidence": "told us",
                "record": 0,
            },
        ],
    )
