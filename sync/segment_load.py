"""People out of the store as `sync.segment` judges them: everything that rules may ask, a few statements for many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec
from sqlalchemy import Connection

from mapping.consent import Fact
from mapping.facts import DealState
from mapping.model import ConsentState, Millis
from mapping.rules import EMAIL
from sync.segment_subject import On, Relation, Sale, Score, Subject, Touching
from sync.store import bulk

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_One = TypeVar("_One")

_WON = DealState.WON.value
# CROSS JOIN keeps SQLite, which may have no statistics, to beginning with the people's records.
_KNOWN = (
    "SELECT id, fields, email FROM person WHERE id {}",
    "SELECT person, role, stage, since FROM relationship WHERE until IS NULL AND person {}",
    """SELECT r.person, f.at, f.kind, f.channel, f.way, f."by"
       FROM record r CROSS JOIN touchpoint f WHERE f.record = r.id AND r.person {}""",
    """SELECT r.person, f.at, f.kind, f.score
       FROM record r CROSS JOIN feedback f WHERE f.record = r.id AND r.person {}""",
    f"""SELECT DISTINCT r.person, d.id, d.closed, d.amount, d.currency, d.title
       FROM record r CROSS JOIN deal_party p CROSS JOIN deal d
       WHERE p.record = r.id AND d.id = p.deal AND d.state = '{_WON}' AND r.person {{}}""",  # noqa: S608 - our word
    """SELECT DISTINCT r.person, c.address, c.id, c.purpose, c.state, c.at, c.explicit, c.record, c.evidence
       FROM record r CROSS JOIN identifier i CROSS JOIN consent c
       WHERE i.record = r.id AND i.kind || '' = 'email' AND c.address = i.value AND r.person {}""",
    """SELECT r.person, g.title, g.connection
       FROM record r CROSS JOIN listed o CROSS JOIN listing g
       WHERE o.record = r.id AND g.id = o.listing AND r.person {}""",
    """SELECT r.person, o.name, o.domain, o.fields
       FROM record r CROSS JOIN tie k CROSS JOIN organization o
       WHERE k.record = r.id AND k.until IS NULL AND o.id = k.organization AND r.person {}""",
)
_STANDING = (
    "SELECT segment, person FROM member WHERE person {}",
    "SELECT segment, person, at FROM turn WHERE person {}",
)


class Standing(NamedTuple):
    """Who is in which segment, and whose turn is when, by segment and person."""

    members: set[tuple[str, str]]
    turns: dict[tuple[str, str], Millis]


def document(text: str) -> dict[str, Any]:
    """A person's values as rules see them: on both databases without the character that one of them cannot keep."""
    return _decode(text.replace("\\u0000", "\\ufffd") if "\\u0000" in text else text)


def load_subjects(conn: Connection, people: Sequence[str]) -> dict[str, Subject]:
    """Everything known of these people, by id; who is nobody is left out."""
    return _subjects(bulk.select_each(conn, _KNOWN, people))


def load_standing(conn: Connection, people: Sequence[str]) -> tuple[dict[str, Subject], Standing]:
    """The same, and where they stand by now."""
    *known, members, turns = bulk.select_each(conn, (*_KNOWN, *_STANDING), people)
    standing = Standing({(row[0], row[1]) for row in members}, {(row[0], row[1]): row[2] for row in turns})
    return _subjects(known), standing


def _subjects(known: Sequence[list[bulk.Row]]) -> dict[str, Subject]:
    people, relations, touches, scores, sales, consent, lists, organizations = known
    found = {id_: Subject(id_, {**document(fields), EMAIL: email}) for id_, fields, email in people}
    for subject, related in _by_person(found, relations, lambda row: Relation(*row[1:])):
        subject.relations = related
    for subject, touched in _by_person(found, touches, lambda row: Touching(*row[1:])):
        subject.touches = touched
    for subject, said in _by_person(found, scores, lambda row: Score(*row[1:])):
        subject.scores = said
    for subject, bought in _by_person(found, sorted(sales), lambda row: Sale(*row[2:])):
        subject.sales = bought
    for subject, ledger in _by_person(found, sorted(consent, key=lambda row: row[1:3]), _fact):
        subject.consent = ledger
    for subject, on in _by_person(found, lists, lambda row: On(*row[1:])):
        subject.lists = on
    for subject, ties in _by_person(found, organizations, _organization):
        subject.organizations = ties
    return found


def _by_person(
    found: dict[str, Subject], rows: Iterable[bulk.Row], make: Callable[[bulk.Row], _One]
) -> Iterable[tuple[Subject, list[_One]]]:
    grouped: defaultdict[str, list[_One]] = defaultdict(list)
    for row in rows:
        grouped[row[0]].append(make(row))
    return [(found[person], ones) for person, ones in grouped.items() if person in found]


def _fact(row: bulk.Row) -> Fact:
    _, address, _, purpose, state, at, explicit, record, evidence = row
    return Fact(address, purpose, ConsentState(state), at, bool(explicit), record, evidence)


def _organization(row: bulk.Row) -> dict[str, Any]:
    _, name, domain, fields = row
    return {**document(fields), "name": name, "domain": domain}
