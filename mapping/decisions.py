"""What people said and which rules they set: decisions and policies, as the fold and the plan read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from mapping.model import Millis, Value
from mapping.values import Kind


class DecisionKind(StrEnum):
    SAME = "same"
    NOT_SAME = "not_same"
    KEEP = "keep"
    HOLD = "hold"
    LEAD = "lead"
    LEAVE_ALONE = "leave_alone"
    RELEASE = "release"
    ROLE = "role"


class Reference(NamedTuple):
    """Names one claim for good: which record said what, and when we saw it."""

    record: int
    name: str
    seen: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person said about a record, and perhaps one of its fields or another record; or about an organisation,
    named by the id of one of its companies.

    HOLD: `value` is to stand at (record, name) as long as the chosen claim is `rejects`.
    KEEP: `value`, claimed at `record`, is the person's value.
    ROLE: `value` is a `mapping.roles.Word`. SAME and NOT_SAME of organisations: `value` is the other's id.
    """

    kind: DecisionKind
    record: int
    at: Millis
    revision: int
    name: str = ""
    value: Value = None
    other: int = 0
    rejects: Reference | None = None
    id: int = 0
    organization: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """How one field's values survive. An empty `trust` means the newest wins."""

    trust: tuple[str, ...] = ()
    clear: bool = False


@dataclass(frozen=True, slots=True)
class Policies:
    """The business's rules: per field, and what stands for all. `ranks` breaks ties, lower first."""

    fields: Mapping[str, Policy] = field(default_factory=dict)
    ranks: Mapping[str, int] = field(default_factory=dict)
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    region: str = ""
    contested_window: Millis = 7 * 86_400_000

    def kind(self, name: str) -> Kind:
        return self.kinds.get(name, Kind.TEXT)
