"""What the fact tables know of one person, on the screen. Where nothing is known, nothing is said."""

from __future__ import annotations

from rich.markup import escape

from mapping.facts import By, DealState, Touch, Way
from mapping.money import major
from regulars import show, show_roles
from regulars.session import Session
from regulars.words import CUT, count, shown, when
from sync.queries_facts import Belonging, PersonFacts, Said

_STATES = {DealState.WON: "won", DealState.OPEN: "open", DealState.LOST: "lost"}
_BY = {By.PERSON.value: "a person", By.MACHINE.value: "a machine", By.UNKNOWN.value: ""}
_WAYS = {Way.OUT.value: "from us", Way.IN.value: "from them", Way.NONE.value: ""}


def facts(here: Session, known: PersonFacts, timezone: str) -> None:
    """Organisations, what was bought and said, lists and segments, and the last touchpoints."""
    for belonging in known.organizations:
        here.out.print(_belonging(belonging, timezone))
    _money(here, known)
    for said in known.feedback:
        here.out.print(_said(said, timezone))
    if known.lists:
        named = (f"{one.title or one.remote_id} ({one.connection})" for one in known.lists)
        here.out.print("On the lists: " + escape(", ".join(named)))
    if known.segments:
        here.out.print("In the segments: " + escape(", ".join(one.segment for one in known.segments)))
    _touchpoints(here, known, timezone)


def _belonging(one: Belonging, timezone: str) -> str:
    name = one.name or one.domain or one.organization
    details = [part for part in (one.label, one.domain if one.domain != name else "", one.connection) if part]
    past = f", until {when(one.until, timezone)}" if one.until is not None else ""
    roles = "; ".join(show_roles.in_words(spell, timezone) for spell in one.roles)
    is_ = f": {escape(roles)}" if roles else ""
    return f"Belongs to [strong]{escape(name)}[/] [soft]({escape(', '.join(details))}{past})[/]{is_}"


def _money(here: Session, known: PersonFacts) -> None:
    """What the deals come to, and the last of them."""
    if not known.deals:
        return
    for currency, sums in known.sums().items():
        parts = [f"{amount(sums[state], currency)} {word}" for state, word in _STATES.items() if sums.get(state)]
        number = sum(deal.currency == currency for deal in known.deals)
        here.out.print(f"{count(number, 'deal')}: {escape(', '.join(parts) or amount(0, currency))}")
    made = show.table(here.out, "deal", "state", "amount>", "closed!", "where!")
    cut = CUT if here.terminal else 0
    for deal in known.deals[:10]:
        stage = f" ({deal.stage})" if deal.stage and deal.stage != deal.state else ""
        closed = when(deal.closed)[:10] if deal.closed else "[soft]-[/]"
        made.add_row(
            escape(shown(deal.title or deal.remote_id, cut)),
            escape(f"{deal.state}{stage}"),
            escape(amount(deal.amount, deal.currency)),
            closed,
            f"[name]{escape(deal.connection)}[/]",
        )
    here.out.print(made)
    if len(known.deals) > 10:
        here.out.print(f"[soft]{len(known.deals) - 10:,} more with --json.[/]")


def amount(minor: int, currency: str) -> str:
    """An amount as a person reads it: 1,234.50 EUR."""
    return f"{major(minor, currency):,f} {currency}".strip()


def _said(one: Said, timezone: str) -> str:
    comment = f": {shown(one.comment, 2 * CUT)}" if one.comment else ""
    day = when(one.at, timezone)[:10]
    return f"Said [strong]{one.score:g}[/] ({escape(one.kind)}, {day}, {escape(one.connection)}){escape(comment)}"


def _touchpoints(here: Session, known: PersonFacts, timezone: str) -> None:
    if not known.touchpoints:
        return
    made = show.table(here.out, "last touchpoints!", "what", "by", "about", "where!")
    cut = CUT if here.terminal else 0
    for touch in known.touchpoints:
        what = touch.detail if touch.kind == Touch.UNKNOWN and touch.detail else touch.kind
        about = touch.campaign or ("" if what == touch.detail else touch.detail)
        who = " · ".join(part for part in (_WAYS.get(touch.way, touch.way), _BY.get(touch.by, touch.by)) if part)
        made.add_row(
            when(touch.at, timezone),
            escape(shown(what, cut)),
            escape(who) or "[soft]-[/]",
            escape(shown(about, cut)) if about else "",
            f"[name]{escape(touch.connection)}[/]",
        )
    here.out.print(made)
