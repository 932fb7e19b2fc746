"""One value out of a document, and questions to it, in the words of a database."""

from __future__ import annotations

from typing import Any, Protocol

from sqlalchemy import (
    ColumnElement,
    Dialect,
    Double,
    String,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    literal_column,
    or_,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from mapping.rules import Moment, Test, TestKind

_NUL, _NO_NUL = "\\u0000", "\\ufffd"
"""PostgreSQL reads no JSON that holds the one character it cannot keep."""


class Questions:
    """Questions to values, at a moment."""

    def __init__(self, dialect: Dialect, moment: Moment) -> None:
        self._lite = dialect.name == "sqlite"
        self._moment = moment

    def value(self, document: ColumnElement[Any], name: str, test: Test | None = None) -> Value:
        """A value of a document. Only a test for the odd sign that stands for NUL sees the difference on SQLite, where
        it costs the memory of documents that were read already."""
        odd = test is not None and any(isinstance(value, str) and "\ufffd" in value for value in test.values)
        if self._lite and not odd:
            return LiteJson(document, name)
        safe = func.replace(document, _NUL, _NO_NUL)
        return LiteJson(safe, name) if self._lite else PostgresJson(safe, name)

    def folded(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        """Text as it is compared: A to Z in small letters."""
        return func.lower(text) if self._lite else func.lower(text.collate("C"))

    def ask(self, value: Value, test: Test) -> ColumnElement[bool]:
        """Whether the value answers with yes; never NULL."""
        match test.kind:
            case TestKind.EMPTY:
                return or_(value.absent, and_(value.is_text, value.text == ""))
            case TestKind.IS:
                return or_(false(), *(self._is(value, wanted) for wanted in test.values))
            case TestKind.CONTAINS:
                part = str(test.values[0])
                found = func.instr if self._lite else func.strpos
                text = value.sure(value.is_text, found(self.folded(value.text), part) > 0)
                member = value.has_member(lambda one: self.folded(one) == part)
                return text if member is None else or_(text, member)
            case TestKind.NUMBER:
                number = value.number
                tests = [] if test.least is None else [number >= test.least]
                tests += [] if test.most is None else [number <= test.most]
                return value.sure(value.is_number, *tests)
            case TestKind.DATE:
                first, last = test.days(self._moment)
                start = func.substr(value.text, 1, 10)
                day: ColumnElement[Any] = start if self._lite else start.collate("C")
                inside = and_(day >= first, day <= last, self._is_date(value.text))  # which no other kind of value is
                return func.coalesce(inside, false()) == true()
        raise AssertionError(test.kind)

    def comes_round(self, value: Value, days: list[str]) -> ColumnElement[bool]:
        """Whether a birthday or a date falls on one of these days, MM-DD of any year."""
        if not self._lite:  # the value is taken out of its document once, which costs more than all else
            either = "|".join(days)
            return func.coalesce(value.text.op("~")(f"^(({either})$|{_YEAR}({either}))"), false()) == true()
        whole = and_(func.substr(value.text, 6, 5).in_(days), self._is_date(value.text))
        return func.coalesce(or_(value.text.in_(days), whole), false()) == true()

    def _is_date(self, text: ColumnElement[Any]) -> ColumnElement[bool]:
        """Whether a text begins with YYYY-MM-DD."""
        return text.op("GLOB")(_DATE + "*") if self._lite else text.op("~")("^" + _DATE)

    def _is(self, value: Value, wanted: str | float | bool) -> ColumnElement[bool]:
        if isinstance(wanted, bool):
            return value.is_flag(wanted)
        if isinstance(wanted, str):
            return value.sure(value.is_text, self.folded(value.text) == wanted)
        return value.sure(value.is_number, value.number == wanted)


_YEAR = "[0-9]" * 4 + "-"
_DATE = _YEAR + "[0-9][0-9]-[0-9][0-9]"


class Value(Protocol):
    """One value: its text and number, and what it is. `sure` is never NULL, so that `not` turns it round."""

    @property
    def text(self) -> ColumnElement[Any]: ...
    @property
    def number(self) -> ColumnElement[Any]: ...
    @property
    def absent(self) -> ColumnElement[bool]: ...
    @property
    def is_text(self) -> ColumnElement[bool]: ...
    @property
    def is_number(self) -> ColumnElement[bool]: ...
    def is_flag(self, wanted: bool) -> ColumnElement[bool]: ...
    def has_member(self, test: Any) -> ColumnElement[bool] | None: ...
    def sure(self, *tests: ColumnElement[bool]) -> ColumnElement[bool]: ...


def _sure(*tests: ColumnElement[bool]) -> ColumnElement[bool]:
    return case((tests[0], func.coalesce(and_(true(), *tests[1:]), false())), else_=false()) == true()


class Plain:
    """A column of text."""

    def __init__(self, column: ColumnElement[Any]) -> None:
        self.text = column
        self.number = cast(literal(0), Double)
        self.absent = column.is_(None)
        self.is_text: ColumnElement[bool] = true()
        self.is_number: ColumnElement[bool] = false()

    def is_flag(self, wanted: bool) -> ColumnElement[bool]:
        return false()

    def has_member(self, test: Any) -> ColumnElement[bool] | None:
        return None

    def sure(self, *tests: ColumnElement[bool]) -> ColumnElement[bool]:
        return and_(*tests)


class LiteJson:
    """A value in a JSON document, on SQLite."""

    def __init__(self, document: ColumnElement[Any], name: str) -> None:
        path = f'$."{name}"'
        self._document, self._path = document, path
        kind = func.json_type(document, path)
        self._kind = kind
        self.text = func.json_extract(document, path)
        self.number = self.text
        self.absent = or_(kind.is_(None), kind == "null")
        self.is_text = kind == "text"
        self.is_number = kind.in_(("integer", "real"))

    def is_flag(self, wanted: bool) -> ColumnElement[bool]:
        return self.sure(self._kind == ("true" if wanted else "false"))

    def has_member(self, test: Any) -> ColumnElement[bool] | None:
        each = func.json_each(self._document, self._path).table_valued("value", "type")
        found = exists().select_from(each).where(each.c.type == "text", test(each.c.value))
        return self.sure(self._kind == "array", found)

    def sure(self, *tests: ColumnElement[bool]) -> ColumnElement[bool]:
        return _sure(*tests)


class PostgresJson:
    """A value in a JSON document, on PostgreSQL. CASE keeps it from reading as a number what is none."""

    def __init__(self, document: ColumnElement[Any], name: str) -> None:
        value = cast(document, JSONB)[name]
        self._value = value
        self._kind = func.jsonb_typeof(value)
        self.text = value.astext
        self.number = cast(value.astext, Double)
        self.absent = or_(self._kind.is_(None), self._kind == "null")
        self.is_text = self._kind == "string"
        self.is_number = self._kind == "number"

    def is_flag(self, wanted: bool) -> ColumnElement[bool]:
        return self.sure(self._kind == "boolean", self.text == ("true" if wanted else "false"))

    def has_member(self, test: Any) -> ColumnElement[bool] | None:
        array = case((self._kind == "array", self._value), else_=literal_column("'[]'::jsonb"))
        each = func.jsonb_array_elements(array).table_valued("value")
        element = cast(each.c.value, JSONB)
        text = element.op("#>>", return_type=String())(cast(literal("{}"), ARRAY(String)))
        return exists().select_from(each).where(func.jsonb_typeof(element) == "string", test(text))

    def sure(self, *tests: ColumnElement[bool]) -> ColumnElement[bool]:
        return _sure(*tests)
