"""What a mutant is: one broken engine, and the histories that bring out what is broken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from tests.laws.histories import KINDS


@dataclass(frozen=True, slots=True)
class Mutant:
    """One broken engine: what is wrong with it, and which events bring it out."""

    law: str
    wrong: str
    broken: Callable[[], Any]
    kinds: Sequence[str] = KINDS
    rewrites: tuple[tuple[int, str, str], ...] = ()
    streams: bool | None = False


def patched(target: Any, name: str, value: Any) -> Callable[[], Any]:
    """An engine in which *name* of *target* is *value*."""
    return lambda: patch.object(target, name, value)
