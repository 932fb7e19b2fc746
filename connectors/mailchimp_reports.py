"""The rows of Mailchimp's reports, as touchpoints. Pure, and quick: there are millions of them.

A row names its person by the present address. So that nothing is told twice when an address changes, the keys hold the
campaign and what was done, and leave out whose row it was: with the record, the time and the kind they are unique.
Equal events within one second are numbered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Generic, TypeVar

import msgspec

from connectors.codecs import millis
from mapping.facts import By, Channel, Touch, Touchpoint, Way
from mapping.model import Millis

LONGEST_DETAIL = 500
R = TypeVar("R", bound="Row")


class Row(msgspec.Struct, gc=False):
    """Somebody in a list of a report."""

    email_id: str = ""
    email_address: str = ""


class Leaver(Row, gc=False):
    timestamp: str = ""
    reason: str = ""


class Complainer(Row, gc=False):
    date: str = ""


class Open(msgspec.Struct, gc=False):
    timestamp: str = ""
    is_proxy_open: bool | None = None  # descriptions after 3.0.80


class Opener(Row):
    opens: list[Open] = []
    opens_count: int = 0
    proxy_excluded_opens_count: int | None = None


class Act(msgspec.Struct, gc=False):
    action: str = ""
    timestamp: str = ""
    url: str = ""
    type: str = ""


class Active(Row):
    activity: list[Act] = []


class Listed(msgspec.Struct, Generic[R]):
    """A page of one of the lists, whatever it calls its rows. `total_opens` is of all pages."""

    rows: list[R]
    total_items: int = 0
    total_opens: int = -1
    refused: tuple[str, ...] = ()


class _Told(msgspec.Struct):
    total_items: int = 0
    total_opens: int = -1


class Lists(Generic[R]):
    """Reads the pages of one list: *name* is what an answer calls its rows, *row* what they are."""

    def __init__(self, name: str, row: type[R]) -> None:
        self.name = name
        self._row = msgspec.json.Decoder(row)
        fields: list[Any] = [(name, list[row], ...), ("total_items", int, 0), ("total_opens", int, -1)]  # type: ignore[valid-type]
        self._page = msgspec.json.Decoder(msgspec.defstruct("Page", fields))

    def read(self, body: bytes) -> Listed[R]:
        """A page; a broken row is left out and told. Raises msgspec.DecodeError where it is no page at all."""
        try:
            page: Any = self._page.decode(body)
        except msgspec.ValidationError:
            return self._bit_by_bit(body)
        return Listed(getattr(page, self.name), page.total_items, page.total_opens)

    def _bit_by_bit(self, body: bytes) -> Listed[R]:
        told = msgspec.json.decode(body, type=_Told)
        whole = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        rows, refused = [], []
        for raw in msgspec.json.decode(whole.get(self.name, b"null"), type=list[msgspec.Raw]):
            try:
                rows.append(self._row.decode(raw))
            except msgspec.ValidationError as error:
                refused.append(f"a row of {self.name} has not the documented shape: {error}")
        return Listed(rows, told.total_items, told.total_opens, tuple(refused))


RECIPIENTS = Lists("sent_to", Row)
OPENERS = Lists("members", Opener)
ACTIVE = Lists("emails", Active)
LEAVERS = Lists("unsubscribes", Leaver)
COMPLAINERS = Lists("abuse_reports", Complainer)

Told = Callable[[str, Millis, Iterable[Any]], list[Touchpoint]]
"""Touchpoints of a campaign, sent at a time, from rows."""


def mark(campaign: str) -> str:
    """What stands for a campaign in keys."""
    return campaign if len(campaign) <= 32 else _short(campaign)


@lru_cache(maxsize=8192)
def _short(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


_new = tuple.__new__  # half the price of Touchpoint(...)
_EMAIL = Channel.EMAIL


def sent(campaign: str, at: Millis, rows: Iterable[Row]) -> list[Touchpoint]:
    key, kind, way, by = mark(campaign), Touch.SENT, Way.OUT, By.UNKNOWN
    return [
        _new(Touchpoint, (key, row.email_address, kind, at, _EMAIL, way, by, campaign, "", None))
        for row in rows
        if row.email_address
    ]


def opened(campaign: str, _: Millis, rows: Iterable[Opener]) -> list[Touchpoint]:
    """Opens, those by programs told apart where Mailchimp does: open by open, or by the counts of a row."""
    key, kind, way = mark(campaign), Touch.OPENED, Way.IN
    told: list[Touchpoint] = []
    add = told.append
    for row in rows:
        who, opens = row.email_address, row.opens
        if not who:
            continue
        otherwise = _by_counts(row)
        times: dict[Millis, int] = {}
        for one in opens:
            when, proxy = millis(one.timestamp), one.is_proxy_open
            by = otherwise if proxy is None else By.MACHINE if proxy else By.PERSON
            number = times[when] = times.get(when, -1) + 1
            own = f"{key}#{number}" if number else key
            add(_new(Touchpoint, (own, who, kind, when, _EMAIL, way, by, campaign, "", None)))
    return told


def _by_counts(row: Opener) -> By:
    people = row.proxy_excluded_opens_count
    if people is None:
        return By.UNKNOWN
    if people == 0:
        return By.MACHINE
    return By.PERSON if people >= row.opens_count else By.UNKNOWN


def acted(campaign: str, _: Millis, rows: Iterable[Active]) -> list[Touchpoint]:
    """Clicks and bounces. Opens are told by `opened`: here nothing marks those by programs."""
    key = mark(campaign)
    clicked, bounced = (Touch.CLICKED, By.UNKNOWN), (Touch.BOUNCED, By.MACHINE)
    told: list[Touchpoint] = []
    for row in rows:
        who = row.email_address
        if not who:
            continue
        times: dict[tuple[Millis, str], int] = {}
        for act in row.activity:
            if act.action == "open":
                continue
            when = millis(act.timestamp)
            if act.action == "click":
                (kind, by), detail = clicked, act.url
                own = f"{key}.{_short(detail)}"
            elif act.action == "bounce":
                (kind, by), detail = bounced, act.type
                own = f"{key}.{detail[:8]}"
            else:
                kind, by, detail = Touch.UNKNOWN, By.UNKNOWN, act.action
                own = f"{key}.{_short(detail)}"
            number = times[when, own] = times.get((when, own), -1) + 1
            if number:
                own = f"{own}#{number}"
            if len(detail) > LONGEST_DETAIL:
                detail = detail[:LONGEST_DETAIL]
            told.append(_new(Touchpoint, (own, who, kind, when, _EMAIL, Way.IN, by, campaign, detail, None)))
    return told


def left(campaign: str, _: Millis, rows: Iterable[Leaver]) -> list[Touchpoint]:
    key = mark(campaign)
    told = []
    for row in rows:
        by = By.UNKNOWN if "admin" in row.reason.lower() else By.PERSON
        when, why = millis(row.timestamp), row.reason[:LONGEST_DETAIL]
        if row.email_address:
            told.append(Touchpoint(key, row.email_address, Touch.UNSUBSCRIBED, when, _EMAIL, Way.IN, by, campaign, why))
    return told


def complained(campaign: str, _: Millis, rows: Iterable[Complainer]) -> list[Touchpoint]:
    key, kind = mark(campaign), Touch.COMPLAINED
    return [
        Touchpoint(key, row.email_address, kind, millis(row.date), _EMAIL, Way.IN, By.PERSON, campaign)
        for row in rows
        if row.email_address
    ]
