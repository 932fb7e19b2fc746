"""Which audiences of an account to keep in agreement: each is a connection of its own (docs/decisions/0019)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.markup import escape
from rich.prompt import Prompt

from connectors.base import Account, Option, Platform
from regulars.config import ConnectionConfig
from regulars.session import Session
from regulars.trouble import WrongUse, listed, nearest

ALL = "all"
LONGEST_NAME = 40


class Place(NamedTuple):
    """A connection to open: its name, its audience where the platform has some, and how it was set up before."""

    name: str
    audience: Option | None
    before: ConnectionConfig | None


def choose(here: Session, entry: Platform, account: Account, wanted: Sequence[str], present: str) -> list[Option]:
    """The audiences to open: those *wanted* by id or name, or all; else the *present* one, the only one, or a choice.
    Empty where the platform has none. Raises WrongUse."""
    found = account.audiences
    if not found:
        if wanted:
            raise WrongUse(f"{entry.title} has no audiences.", fix="Leave --audience out.")
        return []
    if wanted or present:
        return _meant(entry, found, wanted or [present])
    if len(found) == 1:
        return list(found)
    if not here.may_ask:
        fix = "Choose with --audience, which may be repeated, or --audience all."
        raise WrongUse(f"{entry.title} has {len(found)} audiences: {_names(found)}.", fix=fix)
    for number, option in enumerate(found, 1):
        here.say(f"  {number}  {escape(option.label)}  [soft]{escape(option.detail)}[/]")
    while True:
        said = Prompt.ask("Which audiences? Numbers with commas, or all", console=here.out)
        if chosen := _picked(found, said):
            return chosen
        here.say(f"[warn]That is none of them:[/] numbers from 1 to {len(found)}, as in 1,2, or all.")


def _meant(entry: Platform, found: Sequence[Option], wanted: Sequence[str]) -> list[Option]:
    chosen: dict[str, Option] = {}
    for word in wanted:
        exact = [one for one in found if word == one.id]
        named = exact or [one for one in found if word.casefold() in (one.id.casefold(), one.label.casefold())]
        if not named and word.casefold() == ALL:
            named = list(found)
        elif not named:
            hint = nearest(word, [text for one in found for text in (one.id, one.label)])
            raise WrongUse(f'{entry.title} has no audience "{word}".', fix=hint or f"It has {_names(found)}.")
        elif len(named) > 1:
            raise WrongUse(f'"{word}" may be any of {_names(named)}.', fix="Give the id.")
        chosen |= {one.id: one for one in named}
    return list(chosen.values())


def _picked(found: Sequence[Option], said: str) -> list[Option]:
    """What was answered; nothing where it is not understood."""
    if said.strip().casefold() == ALL:
        return list(found)
    words = [word.strip() for word in said.split(",") if word.strip()]
    if not all(word.isdecimal() and 0 < int(word) <= len(found) for word in words):
        return []
    return [found[number - 1] for number in dict.fromkeys(int(word) for word in words)]


def _names(options: Sequence[Option]) -> str:
    return listed([f"{one.label} ({one.id})" for one in options], "and")


def places(
    entry: Platform, known: Mapping[str, ConnectionConfig], name: str, chosen: Sequence[Option], *, named: bool
) -> list[Place]:
    """A connection for each audience *chosen*: the one that it has already, else *name* for the first of them while it
    is free, else a name made of the audience's. *named* says that a person chose *name*. Raises WrongUse."""
    before = known.get(name)
    if not chosen:
        return [Place(name, None, before)]
    of = {part.audience: other for other, part in known.items() if part.platform == entry.name and part.audience}
    if named and len(chosen) == 1:
        _refuse_a_second(name, before, chosen[0], of.get(chosen[0].id, name))
    taken, found = set(known), []
    for option in chosen:
        if option.id in of:
            place = of[option.id]
        elif name not in taken or (before is not None and not before.audience and name not in of.values()):
            place = name
        else:
            place = _free(name, option.label, taken)
        taken.add(place)
        of[option.id] = place
        found.append(Place(place, option, known.get(place)))
    return found


def _refuse_a_second(name: str, before: ConnectionConfig | None, option: Option, there: str) -> None:
    """One connection never changes its audience, and no audience has two."""
    if before is not None and before.audience and before.audience != option.id:
        text = f"{name} is the connection to the audience {before.audience}, and stays it: its records are of that one."
        raise WrongUse(text, fix=f"Leave --name out, and {option.label} gets a connection of its own.")
    if there != name:
        raise WrongUse(
            f"The audience {option.label} is connected already, as {there}.", fix=f"Leave --name {name} out."
        )


def _free(name: str, label: str, taken: set[str]) -> str:
    """A name for a further audience's connection, such as mailchimp-workshops."""
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    word = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    number = 1 if word else 2
    while True:
        tail = "-".join(part for part in (word, str(number) if number > 1 else "") if part)
        made = f"{name[: LONGEST_NAME - 1 - min(len(tail), 20)]}-{tail}"[:LONGEST_NAME].rstrip("-")
        if made not in taken:
            return made
        number += 1
        word = word[: LONGEST_NAME - 24]
