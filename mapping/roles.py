"""What somebody is to the business, and from when to when: roles out of fields, rules and people's words.

Each role is judged by itself, so that somebody may be customer and supplier at once. At any moment a person's word
counts before what a platform's field says, and a field before a rule. A word counts from its own date on; what stood
before that date stays as history, with its source.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from mapping.decisions import Decision, DecisionKind
from mapping.model import Millis, Value

ROLE, STAGE = "role", "stage"
"""The fields in which platforms say it."""

_EVER: Millis = 1 << 60


class Source(StrEnum):
    """Who says that somebody has a role, in the order in which they count."""

    DECISION = "decision"
    FIELD = "field"
    RULE = "rule"


class Spell(NamedTuple):
    """A time for which somebody has a role: since <= time < until. `since` 0 is unknown; `until` None: it stands."""

    role: str
    stage: str
    since: Millis
    until: Millis | None
    source: Source
    origin: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Word:
    """What a person said of a role: that it began (`begins`), perhaps ended (`ends`), or only that it ended. `off`
    takes back whatever was said of it before."""

    role: str
    at: Millis
    stage: str = ""
    begins: Millis | None = None
    ends: Millis | None = None
    off: bool = False
    id: int = 0

    def value(self) -> Value:
        """The word as a decision keeps it."""
        return {"role": self.role, "stage": self.stage, "from": self.begins, "to": self.ends, "off": self.off}


def words(decisions: Iterable[Decision]) -> list[Word]:
    """What people said of roles, in the order in which they said it."""
    said = [one for one in decisions if one.kind is DecisionKind.ROLE]
    return sorted((_word(one) for one in said), key=lambda word: (word.at, word.id))


def _word(said: Decision) -> Word:
    value = said.value
    return Word(value["role"], said.at, value["stage"], value["from"], value["to"], value["off"], said.id)


def standing(said: Iterable[Word], role: str) -> list[Word]:
    """The words about one role that were not taken back."""
    stands: list[Word] = []
    for word in said:
        if word.role == role:
            stands = [] if word.off else [*stands, word]
    return stands


def timeline(fields: Iterable[Spell], rules: Iterable[Spell], said: Sequence[Word]) -> list[Spell]:
    """All spells of somebody, none of one role overlapping. Of two *fields* the earlier in the list counts."""
    evidence: defaultdict[str, list[Spell]] = defaultdict(list)
    for spell in (*fields, *sorted(rules, key=lambda spell: spell.since)):
        evidence[spell.role].append(spell)
    roles = {*evidence, *(word.role for word in said)}
    found = [spell for role in roles for spell in _of_role(_layered(evidence[role]), standing(said, role))]
    return sorted(found, key=lambda spell: (spell.since, spell.role))


class _Piece(NamedTuple):
    """What is left of a spell where others count before it; `began` is when the whole of it began."""

    spell: Spell
    began: Millis


def _layered(spells: Sequence[Spell]) -> list[_Piece]:
    """The spells of one role, each without the times of those before it."""
    pieces: list[_Piece] = []
    for spell in spells:
        rest = [spell]
        for taken in pieces:
            rest = [part for one in rest for part in _without(one, taken.spell)]
        pieces += [_Piece(part, spell.since) for part in rest]
    return sorted(pieces, key=lambda piece: piece.spell.since)


def _end(spell: Spell) -> Millis:
    return _EVER if spell.until is None else spell.until


def _without(spell: Spell, taken: Spell) -> list[Spell]:
    before = _within(spell, 0, taken.since)
    return before + ([] if taken.until is None else _within(spell, taken.until, _EVER))


def _within(spell: Spell, low: Millis, high: Millis) -> list[Spell]:
    """The part of a spell from *low* to *high*; nothing where they do not meet."""
    since, end = max(spell.since, low), min(_end(spell), high)
    return [spell._replace(since=since, until=None if end == _EVER else end)] if since < end else []


class _Turn(NamedTuple):
    """A date from which a word counts: the role begins, is over, or is not to be any more."""

    at: Millis
    said: Millis
    id: int
    over: bool
    word: Word


def _of_role(evidence: Sequence[_Piece], said: Sequence[Word]) -> list[Spell]:
    turns = _turns(said)
    found = [part for piece in evidence for part in _within(piece.spell, 0, turns[0].at if turns else _EVER)]
    for turn, following in pairwise((*turns, None)):
        if turn is None:
            continue
        word, until = turn.word, _EVER if following is None else following.at
        if word.begins is not None and not turn.over:
            found += _decided(word, turn.at, until, evidence)
        elif word.begins is not None:
            # A spell that a person bounded is one of its own: what began after it counts again.
            later = (piece.spell for piece in evidence if piece.began >= turn.at)
            found += [part for spell in later for part in _within(spell, turn.at, until)]
    return _joined(sorted(found, key=lambda spell: spell.since))


def _turns(said: Sequence[Word]) -> list[_Turn]:
    turns = []
    for word in said:
        if word.begins is not None:
            turns.append(_Turn(word.begins, word.at, word.id, over=False, word=word))
        if word.ends is not None:
            turns.append(_Turn(word.ends, word.at, word.id, over=True, word=word))
    kept: list[_Turn] = []
    for turn in sorted(turns, key=lambda turn: turn[:4]):
        # The end of one spell is not the end of another that somebody said began meanwhile.
        if turn.over and turn.word.begins is not None and (not kept or kept[-1].word is not turn.word):
            continue
        kept.append(turn)
    return kept


def _decided(word: Word, since: Millis, until: Millis, evidence: Sequence[_Piece]) -> list[Spell]:
    """The spell that a word makes. What it does not say of stage and owner, the platforms of that time say."""
    spell = Spell(word.role, word.stage, since, None if until == _EVER else until, Source.DECISION)
    if since >= until:
        return []
    shown = [piece.spell for piece in evidence if piece.spell.source is Source.FIELD]
    beside = [one for one in shown if _within(one, since, until)]
    if not beside:
        return [spell]
    return [spell._replace(stage=word.stage or beside[-1].stage, owner=beside[-1].owner)]


def _joined(spells: Iterable[Spell]) -> list[Spell]:
    """Spells that follow each other and say the same, as one."""
    joined: list[Spell] = []
    for spell in spells:
        last = joined[-1] if joined else None
        if (
            last is not None
            and last.until == spell.since
            and last._replace(since=0, until=None) == spell._replace(since=0, until=None)
        ):
            joined[-1] = last._replace(until=spell.until)
        else:
            joined.append(spell)
    return joined


class Change(NamedTuple):
    """A change that somebody made at one record, of its role or its stage."""

    at: Millis
    name: str
    before: Value
    after: Value


def past(connection: str, first: Millis, shows: Mapping[str, Value], changes: Sequence[Change]) -> list[Spell]:
    """The spells that are over at one record, the last first: from what it *shows* now and its *changes* in order."""
    now = {ROLE: shows.get(ROLE), STAGE: shows.get(STAGE)}
    for change in reversed(changes):
        now[change.name] = change.before
    spells, since = [], first
    for change in changes:
        if change.after == now[change.name]:
            continue
        role, stage = now[ROLE] or "", now[STAGE] or ""
        if (role or stage) and since < change.at:
            spells.append(Spell(role, stage, since, change.at, Source.FIELD, connection))
        now[change.name] = change.after
        since = max(since, change.at)
    return spells[::-1]
