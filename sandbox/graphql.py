"""As much of GraphQL as a rehearsed platform answers: one query, with variables, and nothing hidden in it.

Fragments, aliases, directives and mutations are refused as unknown: whoever asks so was not foreseen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.faults import Unknown

Json = dict[str, Any]
_TOKEN = re.compile(r'[\s,]*(?:#[^\n]*\s*)*([!$(){}\[\]:=@]|\.\.\.|[_A-Za-z]\w*|-?\d+(?:\.\d+)?|"(?:[^"\\]|\\.)*")')


class Invalid(Exception):
    """The query is none, or asks for what the schema does not have."""


@dataclass
class Selected:
    """One field that is asked for, with its arguments, and what is wanted of it."""

    name: str
    args: Json = field(default_factory=dict)
    fields: list[Selected] = field(default_factory=list)


@dataclass
class Operation:
    """What a query asks for. `declared` are the types of its variables."""

    declared: dict[str, str]
    fields: list[Selected]


@dataclass(frozen=True, slots=True)
class Variable:
    name: str


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        place = 0
        text = text.rstrip()
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None:
                raise Invalid(f"Syntax Error: unexpected character at {place}")
            self.tokens.append(found[1])
            place = found.end()
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if not token or (wanted and token != wanted):
            raise Invalid(f"Syntax Error: expected {wanted or 'more'}, found {token or 'the end'}")
        self.at += 1
        return token

    def operation(self) -> Operation:
        kind = self.take() if self.peek() != "{" else "query"
        if kind != "query":
            raise Unknown(f"GraphQL: {kind}")
        if self.peek() not in ("{", "("):
            self.take()
        declared: dict[str, str] = {}
        if self.peek() == "(":
            self.take("(")
            while self.peek() != ")":
                self.take("$")
                name = self.take()
                self.take(":")
                declared[name] = self._type()
            self.take(")")
        fields = self.selection()
        if self.peek():
            raise Unknown(f"GraphQL: {self.peek()} after the query")
        return Operation(declared, fields)

    def _type(self) -> str:
        token = self.take()
        text = f"[{self._type()}{self.take(']')}" if token == "[" else token
        return text + (self.take() if self.peek() == "!" else "")

    def selection(self) -> list[Selected]:
        self.take("{")
        found = []
        while self.peek() != "}":
            name = self.take()
            if not name.isidentifier() or self.peek() in (":", "@"):
                raise Unknown(f"GraphQL: {name}{self.peek()}")
            one = Selected(name)
            if self.peek() == "(":
                self.take("(")
                while self.peek() != ")":
                    argument = self.take()
                    self.take(":")
                    one.args[argument] = self.value()
                self.take(")")
            if self.peek() == "{":
                one.fields = self.selection()
            found.append(one)
        self.take("}")
        if not found:
            raise Invalid("Syntax Error: an empty selection")
        return found

    def value(self) -> Any:
        token = self.take()
        if token == "$":
            return Variable(self.take())
        if token == "[":
            found = []
            while self.peek() != "]":
                found.append(self.value())
            self.take("]")
            return found
        if token == "{":
            members: Json = {}
            while self.peek() != "}":
                name = self.take()
                self.take(":")
                members[name] = self.value()
            self.take("}")
            return members
        if token[0] == '"':
            return token[1:-1]
        if token in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[token]
        return float(token) if "." in token else int(token) if token.lstrip("-").isdigit() else token


def parse(text: str) -> Operation:
    """The one query in *text*. Raises Invalid, or Unknown for what is GraphQL and not known here."""
    return _Reader(text).operation()


Resolver = Callable[[Json], Any]


@dataclass
class Schema:
    """The types that are known, with their fields, each a leaf (None) or another type's name; how each field of the
    query is answered; and of which types its arguments are."""

    kinds: Mapping[str, Mapping[str, str | None]]
    takes: Mapping[str, Mapping[str, str]]
    resolvers: Mapping[str, tuple[str, Resolver]]

    def answer(self, text: str, given: Mapping[str, Any]) -> Json:
        """The data that a query asks for, and no more. Raises Invalid or Unknown."""
        operation, found = parse(text), {}
        missing = [name for name, kind in operation.declared.items() if kind.endswith("!") and given.get(name) is None]
        if missing or set(given) - set(operation.declared):
            raise Invalid(f"Variables: {', '.join(missing) or 'some are not declared'}")
        for one in operation.fields:
            if one.name not in self.resolvers:
                raise Unknown(f"GraphQL: the query {one.name}")
            kind, resolve = self.resolvers[one.name]
            self._check(kind, one.fields)
            found[one.name] = project(resolve(self._arguments(one, operation, given)), one.fields)
        return found

    def _arguments(self, one: Selected, operation: Operation, given: Mapping[str, Any]) -> Json:
        known = self.takes.get(one.name, {})
        for name, value in one.args.items():
            if name not in known:
                raise Unknown(f"GraphQL: the argument {name} of {one.name}")
            if isinstance(value, Variable):
                declared = operation.declared.get(value.name)
                if declared is None or declared.rstrip("!") != known[name].rstrip("!"):
                    raise Invalid(f"Variable ${value.name} of type {declared} used where {known[name]} is expected")
        lacking = [name for name, kind in known.items() if kind.endswith("!") and name not in one.args]
        if lacking:
            raise Invalid(f"{one.name} needs {', '.join(lacking)}")
        return {name: _filled(value, given) for name, value in one.args.items()}

    def _check(self, kind: str, fields: Sequence[Selected]) -> None:
        if not fields:
            raise Invalid(f"{kind} needs a selection")
        for one in fields:
            if one.name not in self.kinds[kind] or one.args:
                raise Unknown(f"GraphQL: {kind}.{one.name}{'(…)' if one.args else ''}")
            inner = self.kinds[kind][one.name]
            if inner is not None:
                self._check(inner, one.fields)
            elif one.fields:
                raise Invalid(f"{kind}.{one.name} has no fields")


def _filled(value: Any, given: Mapping[str, Any]) -> Any:
    if isinstance(value, Variable):
        return given.get(value.name)
    if isinstance(value, list):
        return [_filled(one, given) for one in value]
    if isinstance(value, dict):
        return {name: _filled(one, given) for name, one in value.items()}
    return value


def project(value: Any, fields: Sequence[Selected]) -> Any:
    """What was asked for, of what is there."""
    if value is None or not fields:
        return value
    if isinstance(value, list):
        return [project(one, fields) for one in value]
    return {one.name: project(value[one.name], one.fields) for one in fields}
