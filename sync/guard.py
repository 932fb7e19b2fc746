"""Guards: brakes that look at everything before the first call is made.

Pure. A guard stops one connection, says in one sentence what it saw, and waits for a person's release. A release
names what it releases: it covers what was seen then, not worse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mapping.model import WriteKind


class Brake(StrEnum):
    EMPTIED = "emptied"
    DELETES = "deletes"
    OPT_OUTS = "opt_outs"
    CREATES = "creates"
    CHANGES = "changes"
    ASSOCIATIONS = "associations"
    EVERYTHING_CHANGED = "everything_changed"
    FIELDS_CHANGED = "fields_changed"
    WRONG_ACCOUNT = "wrong_account"


@dataclass(frozen=True, slots=True)
class Limit:
    """A number is too many when it passes both the share of the connection's records and the floor."""

    share: float
    floor: int

    def passed(self, count: int, total: int) -> bool:
        return count > self.floor and count > self.share * total


@dataclass(frozen=True, slots=True)
class Limits:
    """The configured brakes of one connection."""

    deletes: Limit = Limit(0.1, 10)
    opt_outs: Limit = Limit(0.2, 20)
    creates: Limit = Limit(0.5, 200)
    changes: Limit = Limit(0.9, 200)
    everything_changed: Limit = Limit(0.9, 50)
    associations: Limit = Limit(0.5, 200)


@dataclass(frozen=True, slots=True)
class Sight:
    """What one run saw of one connection, and what its plan would do there."""

    connection: str
    records: int = 0  # known and live before this pull
    listed: int = 0  # seen by a complete listing; -1 where there was none
    vanished: int = 0  # absent from it
    edited: int = 0  # known before, and different now by somebody's edit
    account: str = ""
    known_account: str = ""
    fields: str = ""
    known_fields: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """A guard that stopped a connection. `size` is what a release covers."""

    brake: Brake
    connection: str
    text: str
    size: int = 0


def before_pull(sight: Sight) -> list[Stop]:
    """Brakes on what the connection is: another account, another field table."""
    stops = []
    if sight.known_account and sight.account != sight.known_account:
        text = f"the credential now opens account {sight.account}, until now it was {sight.known_account}"
        stops.append(Stop(Brake.WRONG_ACCOUNT, sight.connection, text))
    if sight.known_fields and sight.fields != sight.known_fields:
        text = "its field table changed: values may now mean something else"
        stops.append(Stop(Brake.FIELDS_CHANGED, sight.connection, text))
    return stops


def after_pull(sight: Sight, limits: Limits) -> list[Stop]:
    """Brakes on what was seen: an emptied source, too many records gone, everything changed at once."""
    stops = []
    if sight.records and sight.listed == 0:
        text = f"it had {sight.records} records and now lists none"
        stops.append(Stop(Brake.EMPTIED, sight.connection, text, sight.records))
    elif limits.deletes.passed(sight.vanished, sight.records):
        text = f"{sight.vanished} of {sight.records} records are no longer listed"
        stops.append(Stop(Brake.DELETES, sight.connection, text, sight.vanished))
    if limits.everything_changed.passed(sight.edited, sight.records):
        text = f"{sight.edited} of {sight.records} records changed at once"
        stops.append(Stop(Brake.EVERYTHING_CHANGED, sight.connection, text, sight.edited))
    return stops


_WRITE_BRAKES = (
    ((WriteKind.OPT_OUT,), Brake.OPT_OUTS, "opt-outs would be sent"),
    ((WriteKind.CREATE, WriteKind.COMPANY), Brake.CREATES, "records would be created"),
    ((WriteKind.UPDATE,), Brake.CHANGES, "records would be changed"),
    ((WriteKind.ARCHIVE, WriteKind.COMPANY_AWAY), Brake.DELETES, "records would be archived"),
    ((WriteKind.TIE,), Brake.ASSOCIATIONS, "associations with companies would be changed"),
)


def before_push(
    connection: str, counts: Mapping[WriteKind, int], records: int, overwrites: int, limits: Limits
) -> list[Stop]:
    """Brakes on what the plan would write. A fill of a blank destroys nothing, so only *overwrites* count as
    changes."""
    stops = []
    for kinds, brake, words in _WRITE_BRAKES:
        count = overwrites if brake is Brake.CHANGES else sum(counts.get(kind, 0) for kind in kinds)
        limit: Limit = getattr(limits, brake.value)
        if limit.passed(count, records):
            stops.append(Stop(brake, connection, f"{count} {words}, of {records} records there", count))
    return stops


def unreleased(stops: list[Stop], released: Mapping[tuple[str, str], int]) -> list[Stop]:
    """The stops that no release of (connection, brake) covers."""
    return [stop for stop in stops if stop.size > released.get((stop.connection, stop.brake), -1)]
