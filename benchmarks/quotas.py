"""What a pull makes of each platform's quotas: the rehearsed platforms with their real limits, on a clock that only
waiting moves.

Calls take no time here, so that a pull lasts exactly as long as it waits for its turn. Beside it stands how long the
same calls would have to last at least, were they made at the full speed of the documented limits; the share is the one
by the other. What is kept for people who leave is not used by a pull, and counts against it. A call that was refused
for coming too early (429) would show that we count otherwise than the platform does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any

from rich.table import Table

from benchmarks.child import say
from benchmarks.goals import Verdict
from benchmarks.parts import Part
from connectors import platform
from connectors.base import Settings
from connectors.declared import Declared
from connectors.http import Response, WsgiTransport
from connectors.pace import Window
from regulars.street import HUBSPOT_TOKEN, MAILCHIMP_KEY
from sandbox.brevo import BrevoSandbox
from sandbox.clock import SimClock
from sandbox.hubspot import HubSpotSandbox
from sandbox.mailchimp import LIST, MailchimpSandbox
from sandbox.meta import MetaSandbox
from sandbox.pipedrive import PipedriveSandbox
from sandbox.sprout import SproutSandbox
from sandbox.town import Town, build_town, populate
from sandbox.town_elsewhere import further

PEOPLE = 20_000
WANTED = 0.95
BASE = "http://127.0.0.1:9"
FOREVER = 3600.0 * 24
"""Seconds after which a pull would be stopped."""


@dataclass(frozen=True, slots=True)
class Place:
    """One platform: its emulator with quotas, what opens it, who is put there, and the limits of its documents."""

    open: Callable[[SimClock], Any]
    credential: Mapping[str, str]
    windows: tuple[Window, ...]
    page: int
    load: Callable[[Any, Town, int], int]
    setup: Mapping[str, Any] = field(default_factory=dict)
    more: str = ""  # what a pull needs beside the pages
    needs: Callable[[Any], int] = lambda _: 0  # and how often, of what stands there


def _contacts(box: Any, town: Town, _: int) -> int:
    populate(town, box, None)
    return len(town.contacts)


def _members(box: Any, town: Town, _: int) -> int:
    populate(town, None, box)
    return len(town.members)


def _elsewhere(name: str) -> Callable[[Any, Town, int], int]:
    def load(box: Any, town: Town, people: int) -> int:
        records = further()[name].town(town)[0][:people]
        box.load(records)
        return len(records)

    return load


PLACES: Mapping[str, Place] = {
    "hubspot": Place(
        lambda clock: HubSpotSandbox(token=HUBSPOT_TOKEN, clock=clock),
        {"token": HUBSPOT_TOKEN},
        (Window(190, 10.0),),
        100,
        _contacts,
        more="the properties, the count, the archived",
        needs=lambda _: 3,
    ),
    "mailchimp": Place(
        lambda clock: MailchimpSandbox(api_key=MAILCHIMP_KEY, clock=clock),
        {"api_key": MAILCHIMP_KEY},
        (),
        1000,
        _members,
        setup={"audience": LIST},
        more="the archived",
        needs=lambda _: 1,
    ),
    "pipedrive": Place(
        lambda clock: PipedriveSandbox(clock=clock),
        {"api_token": "sandbox-pipedrive-demo"},
        (Window(20, 2.0),),
        500,
        _elsewhere("pipedrive"),
        more="the fields",
        needs=lambda _: 1,
    ),
    "brevo": Place(
        lambda clock: BrevoSandbox(clock=clock),
        {"api_key": "sandbox-brevo-demo"},
        (Window(10, 1.0), Window(36_000, 3600.0)),
        1000,
        _elsewhere("brevo"),
        more="whoever gets no mail, one by one: why",
        needs=lambda box: sum(one.blacklisted for one in box.state.contacts.values()),
    ),
    "meta": Place(
        lambda clock: MetaSandbox(clock=clock),
        {"page_token": "sandbox-meta-demo"},
        (),
        100,
        _elsewhere("meta"),
    ),
    "sprout": Place(
        lambda clock: SproutSandbox(clock=clock),
        {"api_token": "sandbox-sprout-demo"},
        (Window(60, 60.0),),
        100,
        _elsewhere("sprout"),
    ),
}


class _Counted(WsgiTransport):
    """The emulator, and when it was called and how it answered."""

    def __init__(self, app: Any, clock: SimClock) -> None:
        super().__init__(app)
        self.clock = clock
        self.at: list[float] = []
        self.refused = 0

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Response:
        self.at.append(self.clock().timestamp())
        response = super().send(method, url, headers, body, timeout)
        self.refused += response.status == 429
        return response


@dataclass(frozen=True, slots=True)
class Pulled:
    """One platform's pull: people, calls, the fewest that there could be, seconds on the clock, and the fewest."""

    people: int
    calls: int
    least: int
    seconds: float
    fastest: float
    refused: int

    @property
    def share(self) -> float:
        """Of the quota; whole where it never made anybody wait."""
        return 1.0 if not self.fastest else min(1.0, self.fastest / self.seconds)


def fastest(calls: int, windows: tuple[Window, ...]) -> float:
    """Seconds from the first to the last of so many calls, each made as soon as every window has room."""
    starts = [deque[float](maxlen=window.calls) for window in windows]
    at = 0.0
    for _ in range(calls):
        for window, held in zip(windows, starts, strict=True):
            if len(held) == window.calls:
                at = max(at, held[0] + window.seconds)
        for held in starts:
            held.append(at)
    return at


def pull(name: str, town: Town, people: int) -> Pulled:
    """Read everybody whom a platform knows, for the first time."""
    place, clock = PLACES[name], SimClock()
    box = place.open(clock)
    there = place.load(box, town, people)
    clock.freeze()
    wire = _Counted(box.app, clock)
    connector = platform(name).connector(
        dict(place.credential),
        Settings(base_url=BASE, **place.setup),
        transport=wire,
        clock=lambda: clock().timestamp(),
        sleep=clock.sleep,
    )
    if isinstance(connector, Declared):  # where calls take no time, one after the other is as fast as many at once
        connector.limits = replace(connector.limits, at_once=1)  # type: ignore[misc]
    found = {raw.remote_id for page in connector.pages(None) for raw in page.records}
    connector.close()
    least = ceil(there / place.page) + place.needs(box)
    calls = len(wire.at)
    seconds = wire.at[-1] - wire.at[0]
    return Pulled(len(found), calls, least, seconds, fastest(calls, place.windows), wire.refused)


def measure_quotas(people: int, seed: int) -> Part:
    """All platforms, one after the other."""
    part = Part("quotas", stated="" if people == PEOPLE else f"{PEOPLE:,} people")
    say(f"quotas: a town in which each platform knows {people:,} people")
    towns = {
        "": build_town(people=people * 2, seed=seed, contacts=people, members=people),
        "elsewhere": build_town(people=people * 3, seed=seed),
    }
    table = Table("", "people", "calls", "at least", "seconds", "at least", "share", "429", title="Quotas")
    table.caption = "; ".join(f"{name}: {place.more}" for name, place in PLACES.items() if place.more)
    for name in PLACES:
        say(f"quotas: {name} …")
        one = pull(name, towns["elsewhere" if name in further() else ""], people)
        bound = f"{one.share:.1%}" if one.fastest else "never waits"
        row = (f"{one.people:,}", f"{one.calls:,}", f"{one.least:,}", f"{one.seconds:,.1f}", f"{one.fastest:,.1f}")
        table.add_row(name, *row, bound, f"{one.refused}")
        part.figures[name] = {slot: getattr(one, slot) for slot in one.__slots__} | {"share": one.share}
        goal = f"{name}: at least {WANTED:.0%} of the quota used, no refusal"
        part.goals.append(Verdict(goal, f"{bound}, {one.refused} refused", one.share >= WANTED and not one.refused))
        if one.people < people * 0.9:
            part.wrong.append(f"{name}: {one.people:,} people were read, {people:,} should be there")
    part.tables.append(table)
    return part
