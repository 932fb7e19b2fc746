"""Who is who: records that share an identifier are one person, unless somebody said otherwise.

Links are exact on canonical identifiers. A shared mailbox (`info@`) and a value held by implausibly many records
prove nothing, and a cluster has a largest size. A person's id is the id that its oldest record would found, so ids
are stable, never reused, and every id that ever was leads through its founding record to the person of today.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

ROLE_MAILBOXES = frozenset(
    [
        "abuse",
        "accounts",
        "admin",
        "billing",
        "booking",
        "bookings",
        "buero",
        "büro",
        "contact",
        "empfang",
        "enquiries",
        "hallo",
        "hello",
        "help",
        "helpdesk",
        "hi",
        "hostmaster",
        "info",
        "jobs",
        "kontakt",
        "kundenservice",
        "mail",
        "marketing",
        "no-reply",
        "noreply",
        "office",
        "orders",
        "postmaster",
        "presse",
        "press",
        "privacy",
        "rechnung",
        "reception",
        "reservations",
        "root",
        "sales",
        "secretary",
        "sekretariat",
        "service",
        "shop",
        "support",
        "team",
        "verkauf",
        "webmaster",
    ]
)
"""Local parts that belong to an office rather than to a person."""

CERTAIN = ("made", "merged")
"""Kinds of identifier that are facts: a record that we made for a person, records that their platform merged."""

Identifier = tuple[str, str]
"""(kind, canonical value)."""


class Node(NamedTuple):
    """A record as identity sees it; nodes order by age, then by platform and remote id."""

    first: int
    connection: str
    remote_id: str
    record: int
    founder: str


def founder_id(connection: str, remote_id: str) -> str:
    """The id of the person that this record would found."""
    raw = hashlib.blake2b(f"{connection}\n{remote_id}".encode(), digest_size=10).digest()
    return "p_" + raw.hex()


def shared_mailbox(address: str) -> bool:
    """Whether an address is an office's by its name."""
    return address.partition("@")[0].partition("+")[0] in ROLE_MAILBOXES


def cluster(
    nodes: Sequence[Node],
    holders: Mapping[Identifier, Collection[int]],
    same: Iterable[tuple[int, int]],
    not_same: Iterable[tuple[int, int]],
    *,
    largest: int,
) -> tuple[list[list[Node]], list[tuple[int, int]]]:
    """Group *nodes* into people; the pairs of records that were not joined because the person would be too large.

    A person's word goes first and is never overruled; then identifiers, in an order that depends on the records
    alone, so that pages and connections may arrive in any order.
    """
    by_record = {node.record: node for node in sorted(nodes)}
    groups = {record: [record] for record in by_record}
    home = {record: record for record in by_record}
    apart: dict[int, set[int]] = {}
    for left, right in not_same:
        apart.setdefault(left, set()).add(right)
        apart.setdefault(right, set()).add(left)
    refused = []
    told = [pair for pair in same if pair[0] in home and pair[1] in home]
    sure = {value: records for value, records in holders.items() if value[0] in CERTAIN}
    rest = {value: records for value, records in holders.items() if value[0] not in CERTAIN}
    links = [(*pair, True) for pair in told]
    links += [(*pair, False) for part in (sure, rest) for pair in _pairs(part, by_record, bool(apart))]
    for left, right, by_person in links:
        one, two = groups[home[left]], groups[home[right]]
        if one is two or (apart and any(apart.get(record, set()) & set(two) for record in one)):
            continue
        if not by_person and len(one) + len(two) > largest:
            refused.append((left, right))
            continue
        for record in two:
            home[record] = home[left]
        one.extend(two)
    people = {home[record]: groups[home[record]] for record in by_record}
    return [sorted(by_record[record] for record in group) for group in people.values()], refused


def _pairs(
    holders: Mapping[Identifier, Collection[int]], by_record: Mapping[int, Node], all_pairs: bool
) -> list[tuple[int, int]]:
    """Links as pairs of records. A chain is enough, unless a word of a person may cut it in the middle."""
    pairs: set[tuple[int, int]] = set()
    for records in holders.values():
        inside = sorted(by_record[record] for record in records if record in by_record)
        links = combinations(inside, 2) if all_pairs else pairwise(inside)
        pairs.update((left.record, right.record) for left, right in links)
    return sorted(pairs, key=lambda pair: (by_record[pair[0]], by_record[pair[1]]))
