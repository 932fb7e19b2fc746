"""A town's exported rows, tried, and the same town synced: the same people, the same first writes."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connectors.files_forms import understand
from connectors.files_open import sources
from regulars import street
from regulars.progress import Lines
from regulars.session import Session
from regulars.show_plan import write_document
from regulars.try_rehearsal import rehearsed
from sandbox.town import Town, build_town
from sync.store import schema as t
from sync.store.database import Database, open_database
from tests.cli.shop import CREDENTIALS, Shop

FIELDS = ("given_name", "family_name", "phone", "company")

CONTACT = {
    "First Name": "firstname",
    "Last Name": "lastname",
    "Email": "email",
    "Phone Number": "phone",
    "Company Name": "company",
    "Unsubscribed from all email": "hs_email_optout",
}
MEMBER = {"First Name": "FNAME", "Last Name": "LNAME", "Phone Number": "PHONE", "Company": "COMPANY"}
ACTS = {
    "OPTIN_TIME": "timestamp_signup",
    "OPTIN_IP": "ip_signup",
    "CONFIRM_TIME": "timestamp_opt",
    "CONFIRM_IP": "ip_opt",
}
KINDS = {"subscribed": "subscribed", "unsubscribed": "unsubscribed", "cleaned": "cleaned"}
STAMPS = {"unsubscribed": "UNSUB_TIME", "cleaned": "CLEAN_TIME"}


def table(heading: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    target = io.StringIO(newline="")
    writer = csv.writer(target)
    writer.writerows([heading, *rows])
    return target.getvalue()


def exported(town: Town, folder: Path) -> list[Path]:
    """The town as both platforms would export it."""
    contacts, audience = folder / "contacts.csv", folder / "audience.zip"
    heading = ["Record ID", *CONTACT, "Additional email addresses", "Create Date", "Last Modified Date"]
    rows = [_contact(record) for record in town.contacts]
    contacts.write_text(table(heading, rows), "utf-8", newline="")
    files: dict[str, list[Any]] = {"subscribed": [], "unsubscribed": [], "cleaned": [], "nonsubscribed": []}
    for member in town.members:
        if member["status"] != "archived":  # Mailchimp exports them apart, on request
            files[KINDS.get(str(member["status"]), "nonsubscribed")].append(_member(member))
    with zipfile.ZipFile(audience, "w") as archive:
        for kind, members in files.items():
            head = ["Email Address", *MEMBER, STAMPS.get(kind, "LAST_CHANGED"), *ACTS, "LEID", "EUID"]
            archive.writestr(f"{kind}_members_export.csv", table(head, members))
    return [contacts, audience]


def _contact(record: Mapping[str, Any]) -> list[object]:
    properties = record["properties"]
    more = ";".join(record["additional_emails"])
    stamps = record["createdate"], record["lastmodifieddate"]
    return [record["id"], *(properties.get(name, "") for name in CONTACT.values()), more, *stamps]


def _member(member: Mapping[str, Any]) -> list[object]:
    merge = member["merge_fields"]
    values = [merge.get(tag, "") for tag in MEMBER.values()]
    acts = (member[name] for name in ACTS.values())
    return [member["email_address"], *values, member["last_changed"], *acts, 1, member["contact_id"]]


def people(database: Database, known: set[tuple[str, str]]) -> set[frozenset[tuple[str, str]]]:
    """Who is who: the records of each person, of those that are *known*."""
    with database.read() as conn:
        rows = conn.execute(select(t.record.c.person, t.record.c.connection, t.record.c.remote_id)).all()
    groups: dict[str, set[tuple[str, str]]] = {}
    for person, connection, remote_id in rows:
        if (connection, remote_id) in known:
            groups.setdefault(person, set()).add((connection, remote_id))
    return {frozenset(group) for group in groups.values()}


def planned(writes: Iterable[Mapping[str, Any]]) -> set[tuple[object, ...]]:
    """Opt-outs, and fills of the fields that are compared."""
    found: set[tuple[object, ...]] = set()
    for write in writes:
        where = (write["connection"], write["remote_id"], write["kind"])
        found |= {where} if write["kind"] == "opt_out" else set()
        found |= {(*where, one["name"], one["after"]) for one in write["settings"] if one["name"] in FIELDS}
    return found


@pytest.mark.parametrize("seed", [3, 8])
def test_exported_rows_give_the_people_and_writes_of_a_sync(seed: int, tmp_path: Path) -> None:
    """
    The files say nothing of archived members; about everybody else they say the same.
    """
    made = street.build(90, seed, quotas=False)
    with street.open_street(made, [0, 0]) as (hubspot, mailchimp):
        shop = Shop(tmp_path, hubspot, mailchimp, made)
        assert shop.run("init", "--name", "Backhaus", "--country", "DE").code == 0
        for name, address in (("hubspot", hubspot), ("mailchimp", mailchimp)):
            options = ["--base-url", address, "--direction", "fill", "--fields", ",".join(FIELDS)]
            assert shop.run("connect", name, *options, **CREDENTIALS).code == 0
        synced = shop.run("plan", "--json").json
    layouts = [understand(one, {}) for one in sources(exported(build_town(people=90, seed=seed), tmp_path))]
    with (
        rehearsed(layouts, "DE", Lines(Session().err, silent=True)) as trial,
        trial.database.read() as conn,
        open_database(None, tmp_path, now=lambda: 0) as store,
    ):
        held = {(c, i) for c, i in conn.execute(select(t.record.c.connection, t.record.c.remote_id))}
        with store.read() as whole:
            rows = whole.execute(select(t.record.c.person, t.record.c.connection, t.record.c.remote_id)).all()
        beside = {row.person for row in rows if (row.connection, row.remote_id) not in held}
        alike = {(row.connection, row.remote_id) for row in rows if row.person not in beside}
        tried = {one for one in planned(write_document(write) for write in trial.spool) if one[:2] in alike}

        assert people(trial.database, held) == people(store, held)
        assert len(alike) > 80
        assert tried == {one for one in planned(synced["writes"]) if one[:2] in alike}
        assert {one[2] for one in tried} == {"opt_out", "update"}
