"""How somebody at a terminal is asked: one answer at a time, and again where it is not understood."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from rich.markup import escape
from rich.prompt import Prompt

from regulars.session import Session
from regulars.trouble import WrongUse

Read = TypeVar("Read")


class _Question(Prompt):
    """A question brings its own full stop, colon or question mark."""

    prompt_suffix = " "


def ask(here: Session, question: str, read: Callable[[str], Read], default: str = "") -> Read:
    """What *read* makes of the answer; whoever gives one that it refuses with WrongUse is told why and asked again."""
    while True:
        said = _Question.ask(question, default=default, show_default=bool(default), console=here.out)
        try:
            return read(said.strip())
        except WrongUse as wrong:
            here.say(f"[warn]{escape(wrong.text)}[/] {escape(wrong.fix)}")
