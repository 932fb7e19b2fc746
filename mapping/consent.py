"""Consent: a lattice of its own, in which a withdrawal wins.

The ledger is keyed by address, channel and purpose, and only ever grows. What it means is worked out here:

- a withdrawal stands until a *newer, explicit* grant: one with a date and evidence of the person's own act;
- a status that merely reads "subscribed" grants nothing;
- an opt-out at one address of a person holds for all of that person's addresses, a grant for its own only;
- a withdrawal of the marketing purpose reaches every purpose; who left one purpose left no other;
- a grant of a purpose lifts what was withdrawn before of it and of marketing, for that purpose alone; a grant of
  marketing covers each purpose that was never left by itself;
- undeliverable stops mail to that address, and is nobody's wish.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from mapping.model import MARKETING, ConsentSeen, ConsentState, Millis
from mapping.values import canonical_email


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

    Equal times go to the withdrawal. The address may be spelled as its platform does; the ledger's are canonical.
    """
    address = canonical_email(address) or address.casefold()
    withdrawal = grant = bounce = own = None
    grants: list[Fact] = []
    for fact in facts:
        if fact.state is ConsentState.WITHDRAWN and fact.purpose in (purpose, MARKETING):
            if withdrawal is None or fact.at > withdrawal.at:
                withdrawal = fact
            own = fact if fact.purpose == purpose else own
        elif fact.address != address:
            continue
        elif fact.state is ConsentState.UNDELIVERABLE:
            bounce = fact if bounce is None or fact.at > bounce.at else bounce
        elif fact.state is ConsentState.GRANTED and fact.explicit and fact.at and fact.purpose in (purpose, MARKETING):
            grants.append(fact)
    for fact in grants:
        if (own is None or fact.purpose == purpose) and (grant is None or fact.at > grant.at):
            grant = fact
    if withdrawal is not None and (grant is None or grant.at <= withdrawal.at):
        return Standing(ConsentState.WITHDRAWN, withdrawal)
    if bounce is not None:
        return Standing(ConsentState.UNDELIVERABLE, bounce)
    if grant is not None:
        return Standing(ConsentState.GRANTED, grant)
    return Standing(ConsentState.UNKNOWN)


def left_by_itself(seen: Iterable[ConsentSeen], purpose: str) -> bool:
    """Whether a record shows that somebody left this purpose."""
    return any(one.state is ConsentState.WITHDRAWN and one.purpose == purpose for one in seen)


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
