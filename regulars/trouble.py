"""What can go wrong above the rooms, as sentences for people, with the exit code that each ends in."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping

DONE = 0
WAITING = 1
WRONG_USE = 2
CONNECTION_FAILED = 3
INTERRUPTED = 130


class Trouble(Exception):
    """Something a person must know. `fix` says what to do about it; `code` is the exit code."""

    code = WAITING

    def __init__(self, text: str, *, fix: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.text} {self.fix}".strip()


class Waiting(Trouble):
    """Something was refused, or waits for a person."""


class WrongUse(Trouble):
    """The command cannot do what was typed."""

    code = WRONG_USE


class ConfigError(WrongUse):
    """The configuration does not say what it should: names the file, the line and the key."""

    def __init__(self, text: str, *, file: str, line: int = 0, key: str = "", fix: str = "") -> None:
        where = file + (f", line {line}" if line else "") + (f", {key}" if key else "")
        super().__init__(f"{where}: {text}", fix=fix)
        self.file, self.line, self.key = file, line, key


class ConnectionFailed(Trouble):
    """A connection could not do its part."""

    code = CONNECTION_FAILED


def nearest(word: str, known: Iterable[str]) -> str:
    """A question that names the known word nearest to *word*; nothing where none is near."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f'Did you mean "{found[0]}"?' if found else ""


def nearest_fields(word: str, labels: Mapping[str, str]) -> str:
    """A question that names the fields nearest to *word*, by name or label; nothing where none is near. *labels* has
    every field there is, with its label."""
    wanted = word.casefold().replace("_", " ")
    spelled = {text.casefold().replace("_", " "): name for pair in labels.items() for name, text in _ways(*pair)}
    near = [said for said in spelled if wanted in said.split()]
    near = near or difflib.get_close_matches(wanted, list(spelled), n=1, cutoff=0.6)
    found = dict.fromkeys(spelled[said] for said in near)
    return f"Did you mean {listed(_quoted(name, labels[name]) for name in found)}?" if found else ""


def _ways(name: str, label: str) -> tuple[tuple[str, str], ...]:
    return (name, name), (name, label)


def _quoted(name: str, label: str) -> str:
    same = label.casefold() == name.casefold().replace("_", " ")
    return f'"{name}"' if same else f'"{name}" ({label})'


def listed(words: Iterable[str], joiner: str = "or") -> str:
    """Words as a person lists them: a, b or c."""
    *most, last = list(words) or ["nothing"]
    return f"{', '.join(most)} {joiner} {last}" if most else last


_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?<=bearer )[^\s'\",]+",
        r"(?<=basic )[a-z0-9+/=]{8,}",
        r"pat-[a-z0-9]+-[0-9a-f-]{8,}",
        r"\b[0-9a-f]{32}-[a-z]{2,3}\d+\b",
        r"sandbox-[A-Za-z0-9_-]+",
        r"(?<=_token['\"=: ])[^\s'\",&]+",
        r"(?<=client_secret=)[^\s&'\"]+",
    )
)


class Redactor:
    """Takes secrets out of text: those it was told, and whatever looks like one."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def learn(self, parts: Mapping[str, str]) -> None:
        """Remember the parts of a credential for as long as the process lives."""
        self._known.update(value for value in parts.values() if len(value) >= 6)

    def clean(self, text: str) -> str:
        for secret in sorted(self._known, key=len, reverse=True):
            text = text.replace(secret, "[secret]")
        for pattern in _PATTERNS:
            text = pattern.sub("[secret]", text)
        return text


REDACT = Redactor()
