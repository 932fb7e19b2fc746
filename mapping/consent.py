"""Consent: a lattice of its own, in which a withdrawal wins.

The ledger is keyed by address, channel and purpose, and only ever grows. What it means is worked out here:

- a withdrawal stands until a *newer, explicit* grant: one with a date and evidence of the person's own act;
- a status that merely reads "subscribed" grants nothing;
- an opt-out at one address of a person holds for all of that person's addresses, a grant for its own only;
- a withdrawal of the marketing purpose reaches every purpose;
- undeliverable stops mail to that address, and is nobody's wish.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from mapping.model import MARKETING, ConsentSeen, ConsentState, Millis


class Fact(NamedTuple):
    """One line of the ledger. `record` is the record that showed it, 0 for a person's own word to us."""

    address: str
    purpose: str
    state: ConsentState
    at: Millis
    explicit: bool = False
    record: int = 0
    evidence: str = ""


class Standing(NamedTuple):
    """What the ledger says of one address now, and the line that it rests on."""

    state: ConsentState
    fact: Fact | None = None


def standing(facts: Iterable[Fact], address: str, purpose: str = MARKETING) -> Standing:
    """Where *address* stands, given every fact about any address of its person.

    Equal times go to the withdrawal.
    """
    withdrawal = grant = bounce = None
    for fact in facts:
        if fact.state is ConsentState.WITHDRAWN and fact.purpose in (purpose, MARKETING):
            if withdrawal is None or fact.at > withdrawal.at:
                withdrawal = fact
        elif fact.address != address:
            continue
        elif fact.state is ConsentState.UNDELIVERABLE:
            bounce = fact if bounce is None or fact.at > bounce.at else bounce
        elif fact.state is ConsentState.GRANTED and fact.explicit and fact.at and fact.purpose in (purpose, MARKETING):
            grant = fact if grant is None or fact.at > grant.at else grant
    if withdrawal is not None and (grant is None or grant.at <= withdrawal.at):
        return Standing(ConsentState.WITHDRAWN, withdrawal)
    if bounce is not None:
        return Standing(ConsentState.UNDELIVERABLE, bounce)
    if grant is not None:
        return Standing(ConsentState.GRANTED, grant)
    return Standing(ConsentState.UNKNOWN)


def may_mail(facts: Iterable[Fact], address: str, purpose: str = MARKETING) -> bool:
    """Whether recorded consent allows a subscription of *address*: nothing less than a standing grant."""
    return standing(facts, address, purpose).state is ConsentState.GRANTED


def news(before: Iterable[ConsentSeen], after: Iterable[ConsentSeen], record: int, observed: Millis) -> list[Fact]:
    """The ledger lines for what a record shows now and did not show before.

    A state that is shown again under a later date is old news, except an explicit grant: that is a new act.
    Our own opt-outs are written into the record when they are answered, so their echo is old news too.
    """
    told = {_told(seen) for seen in before}
    facts = []
    for seen in after:
        if seen.state is ConsentState.UNKNOWN or _told(seen) in told:
            continue
        at = min(seen.at or observed, observed)
        explicit = bool(seen.explicit and seen.at and seen.evidence)  # no date or no evidence: no act of theirs
        facts.append(Fact(seen.address, seen.purpose, seen.state, at, explicit, record, seen.evidence))
    return facts


def _told(seen: ConsentSeen) -> tuple[str, str, str, Millis]:
    return seen.address, seen.purpose, seen.state, seen.at if seen.explicit else 0
