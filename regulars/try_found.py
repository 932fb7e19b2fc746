"""What a rehearsed first sync found, as one document: counts, and a few people of each kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Connection, distinct, func, select

from mapping.claims import Record
from mapping.identity import shared_mailbox
from mapping.model import ConsentState, RecordState, WriteKind
from regulars.show_plan import write_document
from regulars.try_files import notes, says_who_left
from regulars.try_rehearsal import Rehearsal
from sync import queries
from sync.store import bulk
from sync.store import schema as t
from sync.store.records import by_id, ledger_address, load_cases

FEW = 5
_NOT_ROWS = "row "
"""How the file connector names what is no record (`row 12 of contacts.csv`)."""


def document(trial: Rehearsal) -> dict[str, Any]:
    """Everything that was found."""
    with trial.database.read() as conn:
        return {
            "files": [one for platform in trial.platforms.values() for one in _files(trial, platform.name)],
            "people": _people(conn, list(trial.platforms)),
            "duplicates": _duplicates(conn),
            "conflicts": _conflicts(conn, trial),
            "opted_out_but_mailed": _still_mailed(conn, trial),
            "bounced": _bounced(conn),
            "role_mailboxes": _role_mailboxes(conn),
            "odd_values": _odd_values(conn),
            "plan": _plan(trial),
        }


def _files(trial: Rehearsal, name: str) -> list[dict[str, Any]]:
    found = []
    for layout in trial.platforms[name].layouts:
        tally, heading = trial.platforms[name].tallies[layout.source.name], layout.shape.heading
        found.append(
            {
                "file": layout.source.name,
                "platform": name,
                "kind": layout.kind,
                "encoding": layout.shape.encoding_name,
                "separator": layout.shape.separator,
                "rows": tally.rows,
                "repeated": tally.repeated,
                "unreadable": tally.unreadable,
                "unreadable_sample": [{"row": row, "reason": reason} for row, reason in tally.few],
                "columns": {meaning: heading[places[0]] for meaning, places in layout.places.items()},
                "unused": layout.unused,
                "says_who_left": says_who_left(layout),
                "notes": notes(layout),
            }
        )
    return found


def _people(conn: Connection, platforms: Sequence[str]) -> dict[str, Any]:
    """How many people there are, in both, and on one side only."""
    r = t.record.c
    places = select(r.person, func.count(distinct(r.connection)).label("places"), func.min(r.connection).label("one"))
    each = places.group_by(r.person).subquery()
    rows = conn.execute(select(each.c.places, each.c.one, func.count()).group_by(each.c.places, each.c.one))
    both, only = 0, dict.fromkeys(platforms, 0)
    for number, one, people in rows:
        if number > 1:
            both += people
        else:
            only[one] += people
    return {"total": both + sum(only.values()), "in_both": both, "only": only}


def _duplicates(conn: Connection) -> dict[str, Any]:
    f = t.finding.c
    counted = select(f.connection, func.count().label("number")).where(f.kind == "duplicate").group_by(f.connection)
    counts = {one.connection: int(one.number) for one in conn.execute(counted)}
    few = queries.findings(conn, kinds=("duplicate",), limit=FEW)
    sample = [{"name": one.who, "address": one.email, "platform": one.connection, "why": one.detail} for one in few]
    return {"count": sum(counts.values()), "platforms": counts, "sample": sample}


def _conflicts(conn: Connection, trial: Rehearsal) -> list[dict[str, Any]]:
    """Per field in which the sides differ: how many people, and what a few of them show on each side."""
    found = []
    for kind, name, number in queries.finding_counts(conn):
        if kind == "conflict":
            few = queries.findings(conn, kinds=(kind,), name=name, limit=FEW)
            shows = _shows(conn, [one.person for one in few], name)
            sample = [{"name": one.who, "address": one.email, "shows": shows[one.person]} for one in few]
            found.append({"field": name, "label": trial.labels.get(name, name), "people": number, "sample": sample})
    return found


def _shows(conn: Connection, people: Sequence[str], name: str) -> dict[str, dict[str, list[Any]]]:
    """What the records of each side show in one field, per person."""
    found: dict[str, dict[str, list[Any]]] = {}
    for case in load_cases(conn, people):
        shows = found.setdefault(case.id, {})
        for record in case.records:
            value = record.known.get(name)
            if value is not None and value not in shows.setdefault(record.connection, []):
                shows[record.connection].append(value)
    return found


def _still_mailed(conn: Connection, trial: Rehearsal) -> dict[str, Any]:
    """Records that their platform would mail although the person left: what the plan would opt out."""
    counts = {name: trial.spool.counts[name, WriteKind.OPT_OUT] for name in trial.platforms}
    few = [
        write
        for name in trial.platforms
        for write in islice(trial.spool.of(name, WriteKind.OPT_OUT), FEW)  # up to five of each side
    ]
    people = queries.names(conn, [write.person for write in few])
    sample = [
        {
            "name": people[write.person].name,
            "address": write.address,
            "mailed_by": write.connection,
            "why": write.why,
        }
        for write in few
    ]
    return {"count": sum(counts.values()), "platforms": counts, "sample": sample}


def _bounced(conn: Connection) -> dict[str, Any]:
    """Addresses that cannot be reached, and which of them somebody would still mail."""
    query = select(t.consent.c.address).where(t.consent.c.state == ConsentState.UNDELIVERABLE.value).distinct()
    addresses = sorted(conn.execute(query).scalars())
    still = 0
    sample: list[dict[str, Any]] = []
    for start in range(0, len(addresses), 500):
        part = addresses[start : start + 500]
        holders = _holders(conn, part)
        people = queries.names(conn, {record.person for records in holders.values() for record in records})
        for address in part:
            records = holders.get(address, [])
            mailed = sorted({one.connection for one in records if one.subscribed and one.state is RecordState.LIVE})
            still += bool(mailed)
            if len(sample) < FEW:
                name = next((people[one.person].name for one in records if one.person in people), "")
                sample.append({"name": name, "address": address, "mailed_by": mailed})
    return {"addresses": len(addresses), "still_mailed": still, "sample": sample}


def _holders(conn: Connection, addresses: Sequence[str]) -> dict[str, list[Record]]:
    """The records whose main address is one of these."""
    held = bulk.select_in(conn, [t.identifier.c.record], t.identifier.c.value, addresses, {"kind": "email"})
    ids = [row[0] for row in held]
    found: dict[str, list[Record]] = {}
    for record in by_id(conn, ids).values():
        found.setdefault(ledger_address(record.addresses[0]), []).append(record)
    return found


def _role_mailboxes(conn: Connection) -> dict[str, Any]:
    query = select(t.identifier.c.value).where(t.identifier.c.kind == "email").distinct()
    found = sorted(value for value in conn.execute(query).scalars() if shared_mailbox(value))
    return {"addresses": len(found), "sample": found[:FEW]}


def _odd_values(conn: Connection) -> dict[str, Any]:
    """Values that make no sense in rows that were read all the same."""
    where = ~t.refusal.c.remote_id.startswith(_NOT_ROWS)
    total = conn.execute(select(func.count()).select_from(t.refusal).where(where)).scalar_one()
    query = select(t.refusal.c.connection, t.refusal.c.remote_id, t.refusal.c.reason).where(where)
    rows = conn.execute(query.order_by(t.refusal.c.connection, t.refusal.c.remote_id).limit(FEW))
    return {"records": total, "sample": [{"platform": c, "id": i, "reason": why} for c, i, why in rows]}


def _plan(trial: Rehearsal) -> dict[str, Any]:
    """What a first sync would write, counted per platform, kind and field."""
    filled: Counter[tuple[str, str]] = Counter()
    replaced: Counter[str] = Counter()
    for write in trial.spool:
        for setting in write.settings:
            if setting.before is None:
                filled[write.connection, setting.name] += 1
            else:
                replaced[write.connection] += 1
    counts = trial.spool.counts
    platforms = {
        name: {
            "opt_outs": counts[name, WriteKind.OPT_OUT],
            "updates": counts[name, WriteKind.UPDATE],
            "creates": counts[name, WriteKind.CREATE],
            "blanks_filled": sum(number for (where, _), number in filled.items() if where == name),
            "values_replaced": replaced[name],
            "fields": {field: number for (where, field), number in sorted(filled.items()) if where == name},
        }
        for name in trial.platforms
    }
    few = islice(trial.spool, FEW)
    return {
        "writes": trial.spool.count,
        "hash": trial.spool.hash,
        "platforms": platforms,
        "stops": [stop.text for stop in trial.balance.stops],
        "sample": [write_document(write) for write in few],
    }
