"""What a HubSpot credential may do, found out by calls that change nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from connectors import hubspot_wire as wire
from connectors.errors import TooNarrow
from connectors.http import Http
from connectors.hubspot_lists import READ as READ_LISTS
from connectors.hubspot_streams import ENDS, SCOPES

NO_INPUTS = b'{"inputs":[]}'
ONE_LIST = b'{"count":1,"offset":0}'


class Probe(NamedTuple):
    """A call that needs one right: what it is for, the scope, and the cheapest documented way to need it."""

    what: str
    scope: str
    method: str
    path: str
    body: bytes | None = None


def _one(kind: str) -> Probe:
    return Probe(f"read {kind}", SCOPES[kind], "GET", f"/crm/v3/objects/{kind}?limit=1")


PROBES = (
    _one("contacts"),
    Probe(
        "write contacts",
        "crm.objects.contacts.write",
        "POST",
        "/crm/v3/objects/contacts/batch/update",
        NO_INPUTS,
    ),
    Probe("read the list of properties", "crm.schemas.contacts.read", "GET", "/crm/v3/properties/contacts"),
    Probe("pass on opt-outs", "communication_preferences.read_write", "GET", wire.DEFINITIONS),
)
"""Of people. Those of streams are `probes_of`."""

_LISTS = Probe("read lists", READ_LISTS, "POST", "/crm/v3/lists/search", ONE_LIST)


def probes_of(streams: Sequence[str]) -> list[Probe]:
    """What these streams need beside contacts, which are tried anyway; each thing once."""
    needed: dict[str, Probe] = {}
    for name in streams:
        for kind in (name, *ENDS.get(name, ())):
            if kind != "contacts":
                needed.setdefault(kind, _LISTS if kind == "lists" else _one(kind))
    return list(needed.values())


@dataclass(frozen=True, slots=True)
class Rights:
    """What was found, as sentences. `lacks` is what the chosen streams need and do not have."""

    may: tuple[str, ...] = ()
    may_not: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()

    @staticmethod
    def of(http: Http, streams: Sequence[str]) -> Rights:
        """Try out what a sync of people and these *streams* does."""
        people, beside = dict(_tried(http, PROBES)), dict(_tried(http, probes_of(streams)))
        return Rights(
            tuple(f"It may {one.what}." for one, may in (people | beside).items() if may),
            tuple(_missing(one) for one, may in people.items() if not may),
            tuple(_missing(one) for one, may in beside.items() if not may),
        )


def _tried(http: Http, probes: Sequence[Probe]) -> Iterator[tuple[Probe, bool]]:
    for one in probes:
        try:
            http.request(one.method, one.path, json=one.body, idempotent=True, operation=f"may we {one.what}?")
        except TooNarrow:
            yield one, False
        else:
            yield one, True


def _missing(probe: Probe) -> str:
    return f"It may not {probe.what}: the scope {probe.scope} is missing."
