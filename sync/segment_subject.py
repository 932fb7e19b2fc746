"""What is known of one person, as far as rules may ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from mapping.consent import Fact
from mapping.model import Millis, Value


class Relation(NamedTuple):
    role: str
    stage: str
    since: Millis


class Touching(NamedTuple):
    """A touchpoint, as far as rules ask."""

    at: Millis
    kind: str
    channel: str
    way: str
    by: str


class Sale(NamedTuple):
    """A won deal or a paid order."""

    at: Millis
    amount: int
    currency: str
    title: str = ""


class Score(NamedTuple):
    at: Millis
    kind: str
    score: float


class On(NamedTuple):
    """A list that somebody is on."""

    title: str
    connection: str


@dataclass(slots=True)
class Subject:
    """Everything known of one person that a rule may ask about. `consent` is the ledger of all their addresses."""

    id: str
    fields: Mapping[str, Value] = field(default_factory=dict)
    relations: Sequence[Relation] = ()
    touches: Sequence[Touching] = ()
    sales: Sequence[Sale] = ()
    scores: Sequence[Score] = ()
    consent: Sequence[Fact] = ()
    lists: Sequence[On] = ()
    organizations: Sequence[Mapping[str, Value]] = ()
