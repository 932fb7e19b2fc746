"""The rehearsed platforms of one town: built from a seed, kept in a file, served on loopback."""

from __future__ import annotations

import errno
import pickle
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from regulars.trouble import WrongUse
from sandbox.hubspot import HubSpotSandbox
from sandbox.mailchimp import MailchimpSandbox
from sandbox.platform import Emulator
from sandbox.server import serving_all
from sandbox.town import build_town, populate
from sandbox.town_business import populate_business, with_business
from sandbox.town_campaigns import USUAL, campaigns_of, with_touchpoints
from sandbox.town_elsewhere import Further, further, populate_elsewhere
from sandbox.town_lately import live_on
from sandbox.town_workshops import populate_workshops, with_workshops
from sandbox.webhooks_postman import delivering

HUBSPOT_TOKEN = "sandbox-hubspot-demo"  # noqa: S105 - opens nothing but the sandbox
MAILCHIMP_KEY = "sandbox-mailchimp-demo-us0"
FORMAT = 5
SAVE_SECONDS = 1.0
RECOUNTED = 1_000_000  # mails sent, up to which the truth tells what became of each

LIVELY = 20_000  # people, up to which a town is lived on to today: it is done deed by deed


@dataclass
class Street:
    """The emulators, and how they came to be."""

    hubspot: HubSpotSandbox
    mailchimp: MailchimpSandbox
    seed: int
    people: int
    truth: bytes
    token: str = HUBSPOT_TOKEN
    key: str = MAILCHIMP_KEY
    others: dict[str, Emulator] = field(default_factory=dict)

    @property
    def emulators(self) -> list[Emulator]:
        return [self.hubspot, self.mailchimp, *self.others.values()]


OTHERS: Mapping[str, Further] = further()


def build(
    people: int,
    seed: int,
    *,
    contacts: int | None = None,
    members: int | None = None,
    campaigns: int = USUAL,
    quotas: bool = True,
    workshops: bool = False,
    lately: bool = False,
    also: Sequence[str] = (),
) -> Street:
    """Fresh emulators with a town of *people*, or of so many *contacts* and *members*; with *workshops* Mailchimp has a
    second audience, with *lately* things happened up to today, and *also* names further platforms that know some."""
    hubspot, mailchimp = _empty(quotas)
    town, business = with_business(build_town(people=people, seed=seed, contacts=contacts, members=members))
    populate(town, hubspot, mailchimp)
    populate_business(business, hubspot)
    past = campaigns_of(town, campaigns)
    mailchimp.load_past(past)
    if len(town.members) * campaigns <= RECOUNTED:
        town = with_touchpoints(town, past)
    if workshops:
        town, second = with_workshops(town)
        populate_workshops(second, mailchimp)
    others = {name: OTHERS[name].open(quotas=quotas) for name in also}
    if others:
        town = populate_elsewhere(town, others)  # type: ignore[arg-type]  # each of them loads
    if lately:
        live_on(hubspot, mailchimp, seed)
    return Street(hubspot, mailchimp, seed, len(town.truth.people), town.truth_json(), others=others)


def _empty(quotas: bool) -> tuple[HubSpotSandbox, MailchimpSandbox]:
    return HubSpotSandbox(token=HUBSPOT_TOKEN, quotas=quotas), MailchimpSandbox(api_key=MAILCHIMP_KEY, quotas=quotas)


def load(path: Path, *, quotas: bool = True) -> Street:
    """The emulators as they were saved in *path*. Raises WrongUse where it is no such file."""
    try:
        kept: dict[str, Any] = pickle.loads(path.read_bytes())  # noqa: S301 - written by `save`, in the owner's own folder
        if kept["format"] != FORMAT:
            raise ValueError("another version")
        hubspot, mailchimp = _empty(quotas)
        hubspot.restore(kept["hubspot"])
        mailchimp.restore(kept["mailchimp"])
        others = {name: OTHERS[name].open(quotas=quotas) for name in kept["others"]}
        for name, box in others.items():
            box.restore(kept["others"][name])
        return Street(hubspot, mailchimp, kept["seed"], kept["people"], kept["truth"], others=others)
    except (pickle.UnpicklingError, EOFError, KeyError, TypeError, ValueError, AttributeError, ImportError) as error:
        fix = "Give another file, or delete it and a new town is built."
        raise WrongUse(f"{path} holds no sandbox of this version ({type(error).__name__}).", fix=fix) from None


def save(path: Path, street: Street) -> None:
    """Keep the emulators' data, whole or not at all."""
    kept = {
        "format": FORMAT,
        "seed": street.seed,
        "people": street.people,
        "truth": street.truth,
        "hubspot": street.hubspot.snapshot(),
        "mailchimp": street.mailchimp.snapshot(),
        "others": {name: box.snapshot() for name, box in street.others.items()},
    }
    temporary = path.with_name(path.name + ".new")
    temporary.write_bytes(pickle.dumps(kept, protocol=pickle.HIGHEST_PROTOCOL))
    temporary.replace(path)


class _Keeper(threading.Thread):
    """Saves the state soon after each change, and once more at the end."""

    def __init__(self, path: Path | None, street: Street) -> None:
        super().__init__(name="sandbox-keeper", daemon=True)
        self._path, self._street, self._done = path, street, threading.Event()

    def run(self) -> None:
        before = -1
        while self._path is not None:
            deeds = sum(one.calls.total() + one.postman.counts.total() for one in self._street.emulators)
            if deeds != before:
                save(self._path, self._street)
                before = deeds
            if self._done.wait(SAVE_SECONDS):
                save(self._path, self._street)
                return

    def finish(self) -> None:
        self._done.set()
        self.join(timeout=30)


@contextmanager
def open_street(street: Street, ports: Sequence[int], state: Path | None = None) -> Iterator[list[str]]:
    """Serve the emulators, with their webhooks, and keep their state while they are served."""
    keeper = _Keeper(state, street)
    try:
        with serving_all(street.emulators, ports) as addresses:
            keeper.start()
            try:
                with delivering(one.postman for one in street.emulators):
                    yield addresses
            finally:
                keeper.finish()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            fix = "Choose others with --port, or stop the other program."
            raise WrongUse(f"Port {ports[0]} or {ports[-1]} is in use already.", fix=fix) from None
        raise
