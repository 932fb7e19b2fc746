"""What we remember of one record: what it shows, what we sent, and what people put there.

Per record and field three things are kept apart:

- `known`, what the record last showed, after our write or somebody's edit;
- the `Pair` (sent, shown): what we last sent, and what the platform showed in answer to that very write;
- the `Claim`: the last value that a person or system put there. Our own writes never make or change one.

A value that stood there at first sight is a claim too, an implied one: `claims` lists only what differs from
that rule, so an ordinary record costs its `known` values and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from mapping.model import ConsentSeen, Millis, RecordState, Seen, Value
from mapping.values import blank, cut_image, same

MEMBER = "\x1f"
"""Joins a set's field name and one member: members are claimed one by one (`tags␟vip`)."""


OPT_OUT = "opt out"


def leaving(purpose: str, first: str) -> str:
    """The name under which a refusal to let somebody leave is remembered: of all of a connection's mail, or of one
    purpose that is not the *first*."""
    return OPT_OUT if purpose == first else f"{OPT_OUT} of {purpose}"


"""What a refused opt-out is remembered under, beside the fields."""


def creating(connection: str) -> str:
    """What a refused create elsewhere is remembered under at the record that it would have been made from."""
    return f"create at {connection}"


EVERY = ("*",)
"""The fields that a create sets: what we did not send is the platform's default, and nobody's edit."""


class ClaimKind(StrEnum):
    FIRST = "first"  # stood there when we first looked
    EDIT = "edit"  # somebody put it there since
    CLEAR = "clear"  # somebody took away what was there
    CUT = "cut"  # somebody edited what was already a cut image of a fuller value: for review


class Claim(NamedTuple):
    """A value that a person or system put at one record. `at` is when, clamped to our observation; `seen` is the
    revision that saw it; `was` what stood there before."""

    value: Value
    at: Millis
    seen: int
    kind: ClaimKind = ClaimKind.EDIT
    was: Value = None


class Pair(NamedTuple):
    """What we last sent (as the lens image), and what the platform then showed; None where nobody saw that."""

    sent: Value
    shown: Value


@dataclass(slots=True)
class Record:
    """One record of one platform, as remembered. `id` is ours, `remote_id` theirs.

    `first` is the revision that saw it first, `joined` the one that linked it to its present person.
    `pushed` is the platform's stamp of our last write, `pushed_at` when it was answered and `pushed_names` the fields
    that it set (`EVERY` for a create). `returns` holds, per field, when an earlier value came back after we had
    replaced it; `refused` the lens image that the platform would not take.
    """

    id: int
    connection: str
    remote_id: str
    known: dict[str, Value]
    person: str = ""
    claims: dict[str, Claim] = field(default_factory=dict)
    pairs: dict[str, Pair] = field(default_factory=dict)
    returns: dict[str, tuple[Millis, ...]] = field(default_factory=dict)
    refused: dict[str, Value] = field(default_factory=dict)
    first: int = 0
    first_at: Millis = 0
    joined: int = 0
    version: str = ""
    pushed: str = ""
    pushed_names: tuple[str, ...] = ()
    pushed_at: Millis = 0
    created: Millis = 0
    read_at: Millis = 0
    state: RecordState = RecordState.LIVE
    addresses: tuple[str, ...] = ()
    consent: tuple[ConsentSeen, ...] = ()
    subscribed: bool | None = None
    engagement: float = 0.0

    def claim(self, name: str) -> Claim | None:
        """The claim on one field: the stored one, or what stood there at first sight."""
        stored = self.claims.get(name)
        if stored is not None or name in self.pairs:
            return stored
        value = self.known.get(name)
        return None if value is None else Claim(value, self.first_at, self.first, ClaimKind.FIRST)

    def all_claims(self) -> Iterator[tuple[str, Claim]]:
        """Each field with its claim, as `claim` gives it; claims of a set's single members are left out."""
        claims, pairs = self.claims, self.pairs
        for name, value in self.known.items():
            if value is not None and name not in claims and name not in pairs:
                yield name, Claim(value, self.first_at, self.first, ClaimKind.FIRST)
        for name, claim in claims.items():
            if MEMBER not in name:
                yield name, claim

    def touched(self, name: str) -> int:
        """The revision that last saw somebody change this field, or a member of this set; 0 where none did."""
        seen = [claim.seen for key, claim in self.claims.items() if key == name or key.startswith(name + MEMBER)]
        return max(seen, default=0)

    def edited(self, name: str) -> bool:
        """Whether a person or system set or cleared this field since the record joined its person."""
        claim = self.claims.get(name)
        return claim is not None and claim.kind in _BY_SOMEBODY and claim.seen > self.joined


_BY_SOMEBODY = (ClaimKind.EDIT, ClaimKind.CLEAR)


class Edit(NamedTuple):
    """A change that somebody made at a record: one line of the journal."""

    name: str
    before: Value
    after: Value


def first_sight(record_id: int, connection: str, seen: Seen, *, revision: int, now: Millis) -> Record:
    """A record that we see for the first time: whatever it shows is claimed, blanks are not."""
    record = Record(record_id, connection, seen.remote_id, seen.fields)
    record.first, record.first_at = revision, min(seen.modified or now, now)
    return _look(record, seen, now)


def _look(record: Record, seen: Seen, now: Millis) -> Record:
    """Take over into a new *record* what its platform says beside the fields."""
    record.version, record.created, record.read_at = seen.version, seen.created or record.created, now
    record.state, record.addresses, record.consent = seen.state, seen.addresses, seen.consent
    record.subscribed, record.engagement = seen.subscribed, seen.engagement
    return record


def observe(
    record: Record,
    seen: Seen,
    *,
    revision: int,
    now: Millis,
    exact_stamp: bool = True,
    newly_mapped: Collection[str] = (),
) -> tuple[Record, tuple[Edit, ...]]:
    """The record after looking again, and what somebody changed meanwhile.

    A difference is ours only in a field that our last write set, and only when it carries that write's stamp (and
    the platform's stamps are exact enough to tell): whoever edited another field just before us hides behind our
    stamp. Every other difference from `known` is somebody's, and makes a claim.
    *newly_mapped* fields were not looked at before: what they show is first sight.
    """
    known = seen.fields
    ours = exact_stamp and bool(record.pushed) and seen.version == record.pushed
    at = min(seen.modified or now, now)
    claims, pairs, returns = dict(record.claims), dict(record.pairs), dict(record.returns)
    refused = dict(record.refused)
    edits: list[Edit] = []
    for name in {**record.known, **known}:
        before, after = record.known.get(name), known.get(name)
        if same(before, after):
            continue
        pair = pairs.get(name)
        if ours and (record.pushed_names == EVERY or name in record.pushed_names):
            if pair is not None:
                pairs[name] = Pair(pair.sent, after)
        elif name not in newly_mapped:
            edits.append(Edit(name, before, after))
            refused.pop(name, None)
            _claim(record, claims, returns, name, before, after, at, revision, now)
    looked = replace(record, known=known, claims=claims, pairs=pairs, returns=returns, refused=refused)
    return _look(looked, seen, now), tuple(edits)


def _claim(
    record: Record,
    claims: dict[str, Claim],
    returns: dict[str, tuple[Millis, ...]],
    name: str,
    before: Value,
    after: Value,
    at: Millis,
    revision: int,
    now: Millis,
) -> None:
    """Write down one edit as a claim, and notice an earlier value that came back."""
    earlier, pair = record.claim(name), record.pairs.get(name)
    if pair is not None and earlier is not None and same(earlier.value, after):
        returns[name] = (*returns.get(name, ()), now)[-2:]
    if isinstance(before or after, list):
        _claim_members(claims, name, earlier, before or [], after or [], at, revision)
        return
    kind = ClaimKind.CLEAR if blank(after) else ClaimKind.EDIT
    if kind is ClaimKind.EDIT and pair is not None:
        still = earlier is not None and earlier.kind is ClaimKind.CUT and not same(before, pair.shown)
        kind = ClaimKind.CUT if still or cut_image(pair.sent, before) else kind
    claims[name] = Claim(after, at, revision, kind, before)


def _claim_members(
    claims: dict[str, Claim],
    name: str,
    earlier: Claim | None,
    before: list[str],
    after: list[str],
    at: Millis,
    revision: int,
) -> None:
    """A set is claimed member by member, so that adding one and removing another at two places both count."""
    if earlier is not None:
        claims.setdefault(name, earlier)
    for member in set(after) - set(before):
        claims[name + MEMBER + member] = Claim(True, at, revision)
    for member in set(before) - set(after):
        claims[name + MEMBER + member] = Claim(None, at, revision, ClaimKind.CLEAR, True)


def wrote(
    record: Record, sent: Mapping[str, Value], shown: Mapping[str, Value], *, version: str, now: Millis
) -> Record:
    """The record after our own write was answered: *sent* are lens images, *shown* what the answer showed.

    A claim that was only implied by what stood there is written down first, because `known` is about to change.
    """
    known, claims, pairs = dict(record.known), dict(record.claims), dict(record.pairs)
    for name, value in sent.items():
        claim = record.claim(name)
        if claim is not None:
            claims[name] = claim
        landed = shown.get(name)
        pairs[name] = Pair(value, landed)
        if landed is None:
            known.pop(name, None)
        else:
            known[name] = landed
    return replace(
        record,
        known=known,
        claims=claims,
        pairs=pairs,
        version=version or record.version,
        pushed=version,
        pushed_names=tuple(sent),
        pushed_at=now,
        read_at=now,
    )


def unanswered(record: Record, sent: Mapping[str, Value], shown: Mapping[str, Value]) -> Record:
    """The record after a write of ours whose answer was lost, in fields that show a cut of what was *sent*. Nobody can
    say whether the platform cut it or somebody did, so nobody claims it, and it is sent once more: the answer tells."""
    claims = {name: claim for name in sent if (claim := record.claim(name)) is not None}
    pairs = {name: Pair(value, None) for name, value in sent.items()}
    known = {**record.known, **{name: shown[name] for name in sent}}
    return replace(record, known=known, claims={**record.claims, **claims}, pairs={**record.pairs, **pairs})


def contested(record: Record, name: str, *, window: Millis, released: Millis = 0) -> bool:
    """Whether a field came back to an earlier value twice within *window*, with nobody deciding since."""
    times = [at for at in record.returns.get(name, ()) if at > released]
    return len(times) >= 2 and times[-1] - times[-2] <= window
