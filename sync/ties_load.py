"""What the store knows of people's companies: read in bulk for the plan, and filed after an answer or a direct read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, select, update

from mapping.facts import Facts, Organization, Tie
from mapping.mailboxes import work_domain
from mapping.model import WORKS_AT, Companies, Millis, RecordState, Value
from sync.filing import file_facts, forget_items, next_item, organization_id
from sync.store import bulk, records
from sync.store import schema as t
from sync.store.schema import MARK_FOLD
from sync.ties import COMPANY, company_key
from sync.writes import Belonging, Case, Firm, Target

NEVER = {
    "intended": "it may be there already, its answer was lost",
    "refused": "the platform refused it",
    "away": "it was made once and is gone",
}
"""Why a company that we made, or tried to make, is not made again; one that is `made` is gone where it is not found."""


@dataclass(slots=True)
class _Known:
    """The companies of one connection, by name and by domain."""

    named: dict[str, list[Firm]] = field(default_factory=dict)
    domains: dict[str, list[Firm]] = field(default_factory=dict)
    never: dict[str, str] = field(default_factory=dict)

    def fitting(self, names: Iterable[str], domains: Iterable[str]) -> tuple[Firm, ...]:
        found = [firm for name in sorted(names) for firm in self.named.get(name, ())]
        found += [firm for domain in sorted(domains) for firm in self.domains.get(domain, ())]
        return tuple(dict.fromkeys(found))


class Belongings:
    """Loads what a plan needs of companies. The companies of a connection are read once, when the first person asks."""

    def __init__(self, targets: Mapping[str, Target]) -> None:
        self._wanted = {name for name, target in targets.items() if target.companies is not Companies.NONE}
        self._known: dict[str, _Known] = {}

    def load(self, conn: Connection, cases: list[Case]) -> list[Case]:
        """The cases, with the companies of their records where those are asked for or were set by us."""
        asked = {
            record.id: case
            for case in cases
            for record in case.records
            if record.state is RecordState.LIVE and (record.connection in self._wanted or WORKS_AT in record.known)
        }
        if not asked:
            return cases
        everywhere = [record.id for case in asked.values() for record in case.records]
        ties = _ties(conn, sorted(set(everywhere)))
        return [self._with(conn, case, asked, ties) for case in cases]

    def _with(
        self, conn: Connection, case: Case, asked: Mapping[int, Case], ties: Mapping[int, Sequence[_Tied]]
    ) -> Case:
        found: dict[int, Belonging] = {}
        for record in case.records:
            if record.id not in asked:
                continue
            known = self._at(conn, record.connection)
            mine = ties.get(record.id, ())
            elsewhere = tuple(
                tied.firm
                for other in case.records
                for tied in ties.get(other.id, ())
                if tied.stands and tied.connection != record.connection
            )
            names = {company_key(one.known[COMPANY]) for one in case.records if one.known.get(COMPANY)}
            names |= {company_key(firm.name) for firm in elsewhere}
            domains = {work_domain(address) for one in case.records for address in one.addresses}
            domains |= {firm.domain for firm in elsewhere}
            there = Belonging(
                tuple(tied.firm for tied in mine if tied.stands),
                any(not tied.stands for tied in mine),
                known.fitting(names - {""}, domains - {""}),
                elsewhere,
                {name: known.never[name] for name in names if name in known.never},
            )
            if WORKS_AT in record.known or (not there.tied and names - {""}):
                found[record.id] = there
        return replace(case, belonging=found) if found else case

    def _at(self, conn: Connection, connection: str) -> _Known:
        if connection not in self._known:
            self._known[connection] = _companies(conn, connection)
        return self._known[connection]


def _companies(conn: Connection, connection: str) -> _Known:
    known = _Known()
    o = t.organization.c
    query = select(o.remote_id, o.name, o.domain).where(o.connection == connection).order_by(o.remote_id)
    for remote_id, name, domain in conn.execute(query):
        firm = Firm(remote_id, name, domain.lower())
        known.named.setdefault(company_key(name), []).append(firm)
        known.domains.setdefault(firm.domain, []).append(firm)
    f = t.founded.c
    for name, state, reason in conn.execute(select(f.name, f.state, f.reason).where(f.connection == connection)):
        known.never[name] = reason or NEVER.get(state, NEVER["away"])
    return known


@dataclass(frozen=True, slots=True)
class _Tied:
    firm: Firm
    connection: str
    stands: bool


def _ties(conn: Connection, ids: Sequence[int]) -> dict[int, list[_Tied]]:
    columns = [t.tie.c.record, t.tie.c.organization, t.tie.c.label, t.tie.c.until]
    rows = sorted(bulk.select_in(conn, columns, t.tie.c.record, ids), key=lambda row: row[:3])
    o = t.organization.c
    wanted = sorted({row[1] for row in rows})
    known = {
        identity: (connection, remote_id, name, domain)
        for identity, connection, remote_id, name, domain in bulk.select_in(
            conn, [o.id, o.connection, o.remote_id, o.name, o.domain], o.id, wanted
        )
    }
    of: dict[int, str] = dict(bulk.select_in(conn, [t.record.c.id, t.record.c.connection], t.record.c.id, ids))
    found: dict[int, list[_Tied]] = {}
    for record, organization, label, until in rows:
        connection, remote_id, name, domain = known.get(organization, (of[record], "", "", ""))
        tied = _Tied(Firm(remote_id, name, domain.lower(), label), connection, until is None)
        found.setdefault(record, []).append(tied)
    return found


# -- filing ----------------------------------------------------------------------------------------


def company_named(conn: Connection, connection: str, name: str) -> bool:
    """Whether there is a company of this name."""
    return company_key(name) in _companies(conn, connection).named


def founded_names(conn: Connection, connection: str, names: Iterable[str]) -> dict[str, str]:
    """The remote ids of companies that we made, or nothing for those that we tried to make, by canonical name."""
    f = t.founded.c
    keys = sorted({company_key(name) for name in names})
    rows = bulk.select_in(conn, [f.name, f.state, f.remote_id], f.name, keys, {"connection": connection})
    return {name: remote_id if state == "made" else "" for name, state, remote_id in rows}


def file_company(
    conn: Connection, connection: str, stream: str, remote_id: str, fields: Mapping[str, Value], now: Millis
) -> None:
    """Know a company that we made before its stream tells of it."""
    where = (t.item.c.connection == connection) & (t.item.c.stream == stream) & (t.item.c.remote_id == remote_id)
    identity = conn.execute(select(t.item.c.id).where(where)).scalar()
    if identity is None:
        identity = next_item(conn)
        bulk.insert(
            conn, t.item, ("id", "connection", "stream", "remote_id"), [(identity, connection, stream, remote_id)]
        )
    told = Facts(organizations=[Organization(remote_id, dict(fields), now, now)])
    file_facts(conn, connection, [(int(identity), told)], now)


def company_gone(conn: Connection, connection: str, stream: str, remote_id: str, now: Millis) -> None:
    """Know that a company was put away before its stream tells of it."""
    i = t.item.c
    where = (i.connection == connection) & (i.stream == stream) & (i.remote_id == remote_id)
    identity = conn.execute(select(i.id).where(where)).scalar()
    if identity is not None:
        forget_items(conn, [int(identity)], now, ended=True)
        conn.execute(update(t.item).where(i.id == identity).values(digest=None, gone=True, stray=False))


def file_ties(conn: Connection, connection: str, told: Mapping[int, Sequence[Tie]], now: Millis) -> None:
    """What records' companies are by a direct read just now: those stand, and no others do."""
    o = t.organization.c
    ids = [organization_id(connection, tie.organization) for ties in told.values() for tie in ties]
    items: dict[str, int] = dict(bulk.select_in(conn, [o.id, o.item], o.id, sorted(set(ids))))
    standing = bulk.select_in(
        conn, [t.tie.c.record, t.tie.c.organization, t.tie.c.label, t.tie.c.until], t.tie.c.record, sorted(told)
    )
    rows: list[tuple[Any, ...]] = [
        (organization, record, label, False, 0, now, now)
        for record, organization, label, until in standing
        if until is None
    ]
    columns = ("organization", "record", "label", "main", "item", "since", "until")
    bulk.upsert(conn, t.tie, columns, rows, columns[:3], ("until",))
    rows = []
    for record, ties in told.items():
        for tie in ties:
            organization = organization_id(connection, tie.organization)
            item = items.get(organization, 0)
            rows.append((organization, record, records.clean(tie.label), tie.primary, item, now, None))
    bulk.upsert(conn, t.tie, columns, rows, columns[:3], ("main", "item", "until"))


def cut_ties(conn: Connection, connection: str, pairs: Iterable[tuple[int, str]]) -> None:
    """Forget ties that we made and took back: it is as if they never were."""
    for record, company in pairs:
        mine = (t.tie.c.record == record) & (t.tie.c.organization == organization_id(connection, company))
        conn.execute(t.tie.delete().where(mine))


def found(conn: Connection, connection: str, names: Sequence[tuple[str, int]]) -> None:
    """Remember which companies are about to be made: (name, write)."""
    rows = [(connection, company_key(name), "", write, "intended", "") for name, write in names]
    columns = ("connection", "name", "remote_id", "write", "state", "reason")
    bulk.upsert(conn, t.founded, columns, rows, columns[:2], columns[2:])


def founded(conn: Connection, connection: str, name: str, state: str, remote_id: str = "", reason: str = "") -> None:
    """What became of a company that was to be made, or was made; `not_sent` forgets it."""
    f = t.founded.c
    mine = (f.connection == connection) & (f.name == company_key(name))
    if state == "not_sent":
        conn.execute(t.founded.delete().where(mine))
        return
    values = {"state": state, "reason": records.clean(reason)} | ({"remote_id": remote_id} if remote_id else {})
    conn.execute(update(t.founded).where(mine).values(**values))


def wake(conn: Connection, connection: str) -> None:
    """Plan again whoever waits for a company: one came, changed or went."""
    waiting = select(t.finding.c.record).where(t.finding.c.name == WORKS_AT, t.finding.c.connection == connection)
    records.mark(conn, sorted(set(conn.execute(waiting).scalars())), MARK_FOLD)


def forgive(conn: Connection, connection: str) -> None:
    """Let companies be made again that were refused, or are gone; a person asks for it."""
    f = t.founded.c
    conn.execute(t.founded.delete().where(f.connection == connection, f.state.in_(("refused", "away", "made"))))
