"""Value types and their two relations.

`same` is exact after Unicode NFC and line ends: it finds edits.
`equivalent` compares canonical forms (E.164 and the like): it decides conflicts, and whether a first write is
worth it. What cannot be parsed equals only itself. Blank is None, empty text or an empty collection.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from functools import lru_cache

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from mapping.countries import country_code
from mapping.model import Value

CANONICAL_VERSION = 1
"""Stored with every canonical form; raising it plans no write by itself."""


class Kind(StrEnum):
    """What a field's values are."""

    TEXT = "text"
    NAME = "name"
    EMAIL = "email"
    PHONE = "phone"
    DATE = "date"  # YYYY-MM-DD
    BIRTHDAY = "birthday"  # MM-DD
    NUMBER = "number"
    FLAG = "flag"
    ADDRESS = "address"  # one value: street, street2, city, region, postcode, country
    SET = "set"  # a list of distinct texts, sorted


def blank(value: Value) -> bool:
    """Whether there is nothing there."""
    if value is None:
        return True
    if isinstance(value, str):
        return not value or value.isspace()
    return isinstance(value, list | dict) and not value


def exact(value: Value) -> Value:
    """The form in which `same` compares: NFC, line ends as \\n, blank as None."""
    if isinstance(value, str):
        if value.isascii() and "\r" not in value:
            return value if value and not value.isspace() else None
        text = unicodedata.normalize("NFC", value).replace("\r\n", "\n").replace("\r", "\n")
        return None if blank(text) else text
    if isinstance(value, dict):
        parts = {key: exact(part) for key, part in value.items()}
        return {key: part for key, part in parts.items() if part is not None} or None
    if isinstance(value, list):
        return sorted({exact(member) for member in value}, key=str) or None
    return value


def told(value: Value) -> str:
    """A value within a sentence for people."""
    if isinstance(value, dict):
        return ", ".join(told(part) for part in value.values() if not blank(part))
    if isinstance(value, list):
        return ", ".join(map(told, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def same(left: Value, right: Value) -> bool:
    """Whether two values are one to the letter, Unicode form and line ends aside."""
    return bool(left == right) or bool(exact(left) == exact(right))


def canonical(kind: Kind, value: Value, region: str = "") -> Value:
    """The form in which `equivalent` compares; *region* is the ISO country for phone numbers without a prefix."""
    if blank(value):
        return None
    if kind is Kind.PHONE and isinstance(value, str):
        return canonical_phone(value, region)
    if kind is Kind.EMAIL and isinstance(value, str):
        return canonical_email(value)
    if isinstance(value, str):
        return " ".join(_nfc(value).split()).casefold()
    if isinstance(value, dict):
        parts = {key: _part(key, part) for key, part in value.items()}
        return tuple(sorted((key, part) for key, part in parts.items() if part is not None)) or None
    if isinstance(value, list):
        return tuple(sorted({canonical(Kind.TEXT, member) for member in value}, key=str))
    return value


def _part(key: str, part: Value) -> Value:
    """One part of an address: "Germany", "Deutschland" and "DE" are one country."""
    if key == "country" and isinstance(part, str):
        return country_code(part) or canonical(Kind.TEXT, part)
    return canonical(Kind.TEXT, part)


def equivalent(kind: Kind, left: Value, right: Value, region: str = "") -> bool:
    """Whether two values mean the same, though they may be written differently."""
    if same(left, right):
        return True
    form = canonical(kind, left, region)
    return form is not None and bool(form == canonical(kind, right, region))


def lossy_image(full: Value, shown: Value) -> bool:
    """Whether *shown* is what a platform makes of *full*: cut, or changed in case or spacing only."""
    if not isinstance(full, str) or not isinstance(shown, str) or blank(shown):
        return False
    return _folded(full).startswith(_folded(shown))


def cut_image(full: Value, shown: Value) -> bool:
    """Whether *shown* lost part of *full*: a cut, not merely another case or spacing."""
    return lossy_image(full, shown) and len(_folded(shown)) < len(_folded(full))


def _nfc(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _folded(text: str) -> str:
    return re.sub(r"\s+", "", _nfc(text)).casefold()


_PLAIN_LOCAL = re.compile(r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*").fullmatch


def canonical_email(text: str) -> str | None:
    """The address in the form by which records are linked, or None where it is no address.

    The domain is lower-cased and in Unicode; the local part too, because no mailbox provider of note tells
    case apart and every newsletter keys its members by the lower-cased address. The library decides what an
    address is; for the plainest local parts it is asked once per domain.
    """
    local, _, domain = text.lower().rpartition("@")
    if len(local) <= 64 and text.isascii() and _PLAIN_LOCAL(local):
        there = _domain(domain)
        return None if there is None or len(text) > 254 else f"{local}@{there}"
    return _address(text)


@lru_cache(maxsize=65536)
def _domain(domain: str) -> str | None:
    found = _address("a@" + domain)
    return None if found is None else found[2:]


@lru_cache(maxsize=16384)
def _address(text: str) -> str | None:
    try:
        found = validate_email(
            text.strip(), check_deliverability=False, allow_smtputf8=True, test_environment=True, strict=False
        )
    except (EmailNotValidError, UnicodeError, ValueError):
        return None
    return str(found.normalized).lower()


@lru_cache(maxsize=65536)
def canonical_phone(text: str, region: str) -> str:
    """E.164 where the number parses and is possible, else the text itself."""
    try:
        number = phonenumbers.parse(text, region or None)
    except phonenumbers.NumberParseException:
        return text
    if not phonenumbers.is_possible_number(number):
        return text
    form = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{form};{number.extension}" if number.extension else str(form)
