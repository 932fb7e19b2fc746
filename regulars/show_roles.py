"""What somebody is to the business, on the screen and as JSON: roles with their dates and who says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape

from mapping.roles import Source, Spell, Word
from regulars import show
from regulars.session import Session
from regulars.words import when

_SAYS = {Source.DECISION: "you said so", Source.RULE: "your rule"}


def says(spell: Spell) -> str:
    """Who says that somebody has a role."""
    return _SAYS.get(spell.source, spell.origin)


def days(spell: Spell, timezone: str) -> tuple[str, str]:
    """The first day and the last; nothing for what is not known, or lasts."""
    first = when(spell.since, timezone)[:10] if spell.since else ""
    return first, "" if spell.until is None else when(spell.until - 1, timezone)[:10]


def document(spell: Spell) -> dict[str, Any]:
    """A spell as JSON."""
    return {
        "role": spell.role or None,
        "stage": spell.stage or None,
        "from": spell.since or None,
        "to": spell.until,
        "source": spell.source.value,
        "origin": spell.origin or None,
        "owner": spell.owner or None,
    }


def table(here: Session, spells: Sequence[Spell], timezone: str) -> None:
    """Roles with their dates and who says so; nothing where there are none."""
    if not spells:
        return
    made = show.table(here.out, "to the business", "stage", "from!", "to!", "looked after by", "says")
    for spell in spells:
        first, last = days(spell, timezone)
        past = spell.until is not None
        made.add_row(
            f"[soft]{escape(spell.role)}[/]" if past else f"[strong]{escape(spell.role)}[/]",
            escape(spell.stage),
            first or "[soft]-[/]",
            last,
            escape(spell.owner),
            f"[name]{escape(spell.origin)}[/]" if spell.source is Source.FIELD else f"[soft]{says(spell)}[/]",
        )
    here.out.print(made)


def word_document(word: Word) -> dict[str, Any]:
    """What a person said, as JSON."""
    said = {"role": word.role, "stage": word.stage or None, "from": word.begins, "to": word.ends}
    return {**said, "taken_back": word.off, "at": word.at}


def reasons(here: Session, said: Sequence[Word], rules: Mapping[str, str], timezone: str) -> None:
    """What people said, and what the rules ask."""
    for word in said:
        here.out.print(f"[warn]{when(word.at, timezone)}[/]: you said {escape(word_text(word, timezone))}")
    for role, rule in rules.items():
        here.out.print(f"Your rule for [strong]{role}[/]: {escape(rule)}.")


def word_text(word: Word, timezone: str) -> str:
    """What a person said, in words."""
    if word.off:
        return f"never mind what you had said of {word.role}"
    last = "" if word.ends is None else when(word.ends - 1, timezone)[:10]
    if word.begins is None:
        return f"{word.role} no more after {last}"
    first = when(word.begins, timezone)[:10] if word.begins else ""
    stage = f" in {word.stage}" if word.stage else ""
    return f"{word.role}{stage}" + (f" from {first}" if first else "") + (f" to {last}" if last else "")


def in_words(spell: Spell, timezone: str) -> str:
    """A spell in a line: `supplier from 2024-01-01, you said so`."""
    first, last = days(spell, timezone)
    dates = (f" from {first}" if first else "") + (f" to {last}" if last else "")
    stage = f" ({spell.stage})" if spell.stage and spell.role else ""
    return f"{spell.role or spell.stage}{stage}{dates}, {says(spell)}"
