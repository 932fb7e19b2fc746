"""Turns what pydantic found wrong with `regulars.toml` into one sentence with file, line, key and a way out."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Sequence

from pydantic import BaseModel, ValidationError

from regulars.trouble import ConfigError, listed, nearest

Where = tuple[str | int, ...]

_EXPECTED = {
    "string_type": "expected text in quotes",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "tuple_type": 'expected a list such as ["first", "second"]',
    "dict_type": "expected a section of its own",
    "model_type": "expected a section of its own",
    "string_too_short": "it is empty",
    "string_too_long": "it is too long",
}


def translate(error: ValidationError, model: type[BaseModel], text: str, file: str) -> ConfigError:
    """The first thing that is wrong, told in full; the others are counted."""
    found = error.errors(include_url=False)
    first = found[0]
    where = tuple(part for part in first["loc"] if not str(part).startswith("function-"))
    said, fix = _sentence(first["type"], where, first, model)
    if len(found) > 1:
        fix = f"{fix} ({len(found) - 1} more to mend in this file.)".strip()
    key = ".".join(str(part) for part in where)
    return ConfigError(said, file=file, line=line_of(text, where), key=key, fix=fix)


def _sentence(kind: str, where: Where, details: typing.Any, model: type[BaseModel]) -> tuple[str, str]:
    given, last = details.get("input"), str(where[-1]) if where else ""
    if kind == "extra_forbidden":
        known = _keys_at(model, where[:-1])
        hint = nearest(last, known) or f"Known here: {', '.join(known)}."
        return f'there is no key "{last}".', hint
    if kind == "missing":
        if keys := _keys_at(model, where):
            return "this section is missing.", f"Add [{'.'.join(map(str, where))}] with {listed(keys[:3], 'and')}."
        return "this key is missing.", f"Add a line `{last} = ...`."
    if kind in ("enum", "literal_error"):
        expected = details["ctx"]["expected"].replace("'", '"')
        words = re.findall(r'"([^"]+)"', expected)
        hint = nearest(str(given), words)
        return f"{_quoted(given)} is not known; expected {listed([_quoted(word) for word in words])}.", hint
    if kind == "value_error":
        said = str(details["ctx"]["error"])
        return (f"{_quoted(given)}: {said}" if isinstance(given, str | int | float) else said).rstrip(".?") + _end(
            said
        ), ""
    if kind in _EXPECTED:
        return f"{_EXPECTED[kind]}, found {_quoted(given)}.", ""
    return f"{details['msg'][0].lower()}{details['msg'][1:]}, found {_quoted(given)}.", ""


def _end(text: str) -> str:
    return "?" if text.rstrip().endswith("?") else "."


def _quoted(value: object) -> str:
    shown = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _keys_at(model: type[BaseModel], where: Sequence[str | int]) -> list[str]:
    """The keys that may stand at this place of the configuration."""
    here: object = model
    for part in where:
        if isinstance(here, type) and issubclass(here, BaseModel):
            named = here.model_fields.get(str(part))
            here = None if named is None else named.annotation
        here = _inner(here)
    return list(here.model_fields) if isinstance(here, type) and issubclass(here, BaseModel) else []


def _inner(kind: object) -> object:
    """The model within Optional and Annotated; of a table of models, the models (so its keys add no step)."""
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        return _inner(typing.get_args(kind)[0])
    if origin in (typing.Union, types.UnionType):
        return next((_inner(part) for part in typing.get_args(kind) if part is not type(None)), None)
    return _Table(typing.get_args(kind)[1]) if origin is dict else _unwrapped(kind)


class _Table:
    """A table whose keys are names: one more step leads to `value`."""

    def __init__(self, value: object) -> None:
        self.value = value


def _unwrapped(kind: object) -> object:
    return _inner(kind.value) if isinstance(kind, _Table) else kind


def line_of(text: str, where: Sequence[str | int]) -> int:
    """The line on which a key stands, 0 where it cannot be told: the longest part of its path that is found."""
    names = [str(part) for part in where if isinstance(part, str)]
    lines = text.splitlines()
    for depth in range(len(names), 0, -1):
        section, key = names[: depth - 1], names[depth - 1]
        header, found = [""], ""
        for number, line in enumerate(lines, 1):
            if match := re.match(r"\s*\[+([^\]]+)\]+", line):
                header = [part.strip().strip("\"'") for part in match[1].split(".")]
                if header == names[:depth]:
                    return number
            elif match := re.match(r"\s*([\w.\"'-]+)\s*=", line):
                found = match[1].strip("\"'")
                path = [] if header == [""] else header
                if [*path, *found.split(".")][:depth] == [*section, key]:
                    return number
    return 0
