"""Segments out of `regulars.toml`: rules read and linked, with those that come in the box. Raises ConfigError."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from mapping.model import MARKETING
from mapping.rules import (
    DATES,
    Anniversary,
    Circle,
    Condition,
    Consented,
    FieldTest,
    InSegment,
    Listed,
    Rule,
    conditions,
    link,
)
from mapping.rules_read import RuleError, read_rule
from regulars.config_errors import line_of
from regulars.starters import STARTERS
from regulars.trouble import ConfigError, listed, nearest, nearest_fields
from sync.segment import Segment

Destination = Literal["tag", "list", "segment"]
"""What a segment becomes at a platform."""

SECTION = "segments"
PREVIEW = "preview"


@lru_cache(maxsize=1)
def starters() -> Mapping[str, Segment]:
    """The segments that come in the box."""
    table = tomllib.loads(STARTERS)[SECTION]
    return {name: Segment(name, part["title"], read_rule({"all": part["all"]})) for name, part in table.items()}


def starter_text(name: str) -> str:
    """A starter as it is written into the file, with its comment."""
    found = re.search(rf"(?:^# .*\n)+^\[{SECTION}\.{re.escape(name)}\]\n(?:^[^#\[\n].*\n)+", STARTERS, re.MULTILINE)
    assert found is not None
    return found[0]


class Source:
    """Where rules were written, so that a mistake is told with file, line and key."""

    def __init__(self, text: str, file: str, section: str = SECTION) -> None:
        self._text, self._file, self._section = text, file, section

    def wrong(self, where: tuple[str | int, ...], said: str, fix: str = "") -> ConfigError:
        """What is wrong at a place of the file."""
        path = (self._section, *where)
        line = line_of(self._text, path)
        words = [str(part) for part in where if isinstance(part, str)]
        for number, content in enumerate(self._text.splitlines(), 1):
            if line and number >= line and number > line and content.startswith("["):
                break
            if line and number >= line and re.search(rf"\b{re.escape(words[-1])}\b[\"']?\s*=", content):
                line = number
                break
        return ConfigError(said, file=self._file, line=line, key=".".join(map(str, path)), fix=fix)


def read_segments(parts: Mapping[str, Any], connections: Iterable[str], text: str, file: str) -> dict[str, Segment]:
    """Every segment: those of the file, and starters of other names. Their rules are linked."""
    source = Source(text, file)
    known = list(connections)
    found = {name: segment for name, segment in starters().items() if name not in parts}
    for name, part in parts.items():
        rule = rule_of(part, name, source, "segment", 'all = [{ role = "customer" }]')
        found[name] = Segment(name, part.title or name, rule, dict(part.destinations))
        for connection in part.destinations:
            if connection not in known:
                hint = nearest(connection, known) or _all(known)
                raise source.wrong((name, "destinations", connection), f'"{connection}" is no connection.', hint)
    for name in parts:
        references(name, found[name].rule, found, known, source)
    try:
        linked = link({name: segment.rule for name, segment in found.items()})
    except Circle as circle:
        names = " → ".join(circle.names)
        said = f"these segments rest on each other: {names}."
        raise source.wrong((circle.names[0],), said, "Take one of the references away.") from None
    return {name: Segment(name, one.title, linked[name], one.destinations) for name, one in found.items()}


def rule_of(part: Any, name: str, source: Source, what: str, example: str) -> Rule:
    """The rule that a section has, of a segment or *what* it is. Raises ConfigError."""
    given = {key: tree for key, tree in (("all", part.all), ("any", part.any)) if tree is not None}
    if not given:
        raise source.wrong((name,), f"this {what} has no rule.", f"Add a line such as {example}.")
    try:
        return read_rule(given)
    except RuleError as error:
        raise source.wrong((name, *error.where), error.text, error.fix) from None


def references(name: str, rule: Rule, found: Mapping[str, Segment], connections: list[str], source: Source) -> None:
    """Raises ConfigError where a rule names a segment or a connection that is not there."""
    for one in conditions(rule):
        if isinstance(one, InSegment) and one.name not in found:
            hint = nearest(one.name, found) or f"There are {listed(found, 'and')}."
            raise source.wrong((name, "segment"), f'there is no segment "{one.name}".', hint)
        if isinstance(one, Listed) and one.connection and one.connection not in connections:
            hint = nearest(one.connection, connections) or _all(connections)
            raise source.wrong((name, "connection"), f'"{one.connection}" is no connection.', hint)


def _all(connections: list[str]) -> str:
    return f"There are {listed(connections, 'and')}." if connections else "There is no connection yet."


class Known(NamedTuple):
    """The words that rules may use of a business: its fields with their labels, those of organisations, and what its
    mail is for."""

    fields: Mapping[str, str]
    organization: Collection[str] = ()
    purposes: Collection[str] = (MARKETING,)


def check_words(segments: Mapping[str, Segment], known: Known, text: str, file: str, section: str = SECTION) -> None:
    """Raises ConfigError for a rule about a field that no connection has, or a purpose that no mail has."""
    source = Source(text, file, section)
    for name, segment in segments.items():
        if segment == starters().get(name) or not known.fields:
            continue
        for one in conditions(segment.rule):
            wrong = _unknown(one, known)
            if wrong is not None:
                raise source.wrong((name, wrong[0]), wrong[1], wrong[2])


def _unknown(one: Condition, known: Known) -> tuple[str, str, str] | None:
    """The key of a condition that uses an unknown word, what is wrong with it, and the nearest known one."""
    match one:
        case FieldTest(name, _, True) if name not in known.organization:
            hint = nearest(name, known.organization) or f"Known are {listed(sorted(known.organization), 'and')}."
            return "organization", f'organisations have no field "{name}".', hint
        case FieldTest(name, _, False) if name not in known.fields:
            key = "field"
        case Anniversary(name) if name not in (*known.fields, *DATES):
            key = "anniversary"
        case Consented(_, purpose) if purpose not in known.purposes:
            hint = nearest(purpose, known.purposes) or f"Known are {listed(known.purposes, 'and')}."
            return "purpose", f'no connection\'s mail is for "{purpose}".', hint
        case _:
            return None
    hint = nearest_fields(name, known.fields) or f"Known are {listed(sorted(known.fields), 'and')}."
    return key, f'no connection has a field "{name}".', hint


def read_preview(text: str, segments: Mapping[str, Segment]) -> Segment:
    """A rule that was typed: the lines of a segment, or one condition in { }."""
    written = text.strip()
    if written.startswith("{"):
        written = f"all = [{written}]"
    try:
        tree = tomllib.loads(written)
        if set(tree) == {SECTION}:
            tree = next(iter(tree[SECTION].values()))
        rule = read_rule({key: value for key, value in tree.items() if key not in ("title", "destinations")})
        linked = link({**{name: one.rule for name, one in segments.items()}, PREVIEW: rule})
    except tomllib.TOMLDecodeError as error:
        fix = "Write it as in regulars.toml, such as '{ role = \"customer\" }'."
        raise ConfigError(f"this is not TOML: {error}.", file="--preview", fix=fix) from None
    except RuleError as error:
        key = ".".join(map(str, error.where))
        raise ConfigError(error.text, file="--preview", key=key, fix=error.fix) from None
    except KeyError as error:
        hint = nearest(str(error.args[0]), segments)
        raise ConfigError(f'there is no segment "{error.args[0]}".', file="--preview", fix=hint) from None
    return Segment(PREVIEW, "", linked[PREVIEW])
