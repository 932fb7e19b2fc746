"""Sets: tags and lists, whose members are claimed and merged one by one.

First meeting is a union. The badges of segments take no part: they stand for what a person is in, not for what they are
called. Afterwards an addition or a removal counts by itself, the newest word on each member wins,
and only what we sent, or what a record's own people removed, is ever taken away there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mapping.claims import MEMBER, Claim, ClaimKind, Record
from mapping.decisions import Reference
from mapping.model import BADGE, Millis, Value


class Union(NamedTuple):
    """A set's members, when the newest of them came or went, since which revision, and where it is from."""

    members: list[str]
    at: Millis
    since: int
    source: Reference


def union(name: str, records: Sequence[Record], said: Sequence[tuple[Record, Claim]]) -> Union | None:
    """A set's members: all that anybody has, less what somebody removed after it was last added."""
    members: dict[str, tuple[Millis, bool]] = {}
    since, source = 0, None
    for record, claim in said:
        for member in claim.value or ():
            if not member.startswith(BADGE):
                members.setdefault(member, (0, True))
        source = source or Reference(record.id, name, claim.seen)
    prefix, badge = name + MEMBER, name + MEMBER + BADGE
    for record in records:
        for key, claim in record.claims.items():
            if key.startswith(prefix) and not key.startswith(badge):
                member, vote = key[len(prefix) :], (claim.at, claim.kind is ClaimKind.EDIT)
                members[member] = max(members.get(member, vote), vote)
                since, source = max(since, claim.seen), source or Reference(record.id, name, claim.seen)
    if source is None:
        return None
    value = sorted(member for member, (_, present) in members.items() if present)
    return Union(value, max((at for at, _ in members.values()), default=0), since, source)


def only_badges(value: Value) -> bool:
    """Whether a field shows nothing, or a set nothing but badges."""
    return value is None or (isinstance(value, list) and all(member.startswith(BADGE) for member in value))


def members_at(record: Record, name: str, wanted: Sequence[str]) -> list[str]:
    """The members that a record should have. Only what we once sent, or its own people removed, is taken away; badges
    stay as they are."""
    chosen, pair = set(wanted), record.pairs.get(name)
    ours = set(pair.sent or ()) if pair is not None else set()
    known = set(record.known.get(name) or ())
    own = {key for key in record.claims if key.startswith(name + MEMBER)}
    stays = {member for member in known if member not in ours and name + MEMBER + member not in own}
    return sorted(chosen | stays | {member for member in known if member.startswith(BADGE)})
