"""One person on the screen: values with their source, records, consent, and why each is so."""

from __future__ import annotations

from collections.abc import Mapping

from rich.markup import escape

from mapping.claims import Claim
from mapping.consent import Standing
from mapping.decisions import Decision, DecisionKind
from mapping.roles import words
from regulars import show, show_facts, show_roles
from regulars.person_documents import find, named
from regulars.session import Session
from regulars.words import CLAIMS, CUT, DECISIONS, DEED, ONE, RULES, count, label, shown, when
from sync.queries import PersonLine, WriteLine
from sync.queries_facts import PersonFacts
from sync.why import Answer, FieldAnswer

_CONSENT = {
    "granted": "[good]may be mailed[/]: they said yes",
    "withdrawn": "[bad]must not be mailed[/]: they left",
    "undeliverable": "[warn]cannot be reached[/]: mail bounced",
    "unknown": "[soft]nothing is known[/]",
}


def person(
    here: Session, line: PersonLine, answer: Answer, facts: PersonFacts, labels: Mapping[str, str], timezone: str
) -> None:
    """Show one person."""
    console = here.out
    console.print(f"[strong]{escape(line.name or line.email or line.id)}[/]  [soft]{line.id}[/]")
    if answer.aliases:
        console.print(f"[soft]also known as {', '.join(answer.aliases)}[/]")
    _values(here, answer, labels)
    made = show.table(console, "record", "id", "state", "mailed", "addresses")
    for record in answer.case.records:
        leads = answer.leads.get(record.connection) == record.id
        mailed = "[soft]-[/]" if record.subscribed is None else "yes" if record.subscribed else "no"
        state = record.state.value + ("" if leads or record.state.value != "live" else ", second record")
        made.add_row(
            f"[name]{escape(record.connection)}[/]",
            escape(record.remote_id),
            state,
            mailed,
            escape(", ".join(record.addresses)),
        )
    console.print(made)
    if answer.left_alone is not None:
        console.print(
            f"[warn]Left alone[/] since {when(answer.left_alone.at, timezone)}: only opt-outs are written."
            f" [soft]`regulars leave-alone {line.id} --off` takes it back.[/]"
        )
    show_roles.table(here, answer.roles, timezone)
    _mail(here, answer, timezone)
    show_facts.facts(here, facts, timezone)
    _open(here, answer, labels)
    _writes(here, answer, labels, timezone)


def _values(here: Session, answer: Answer, labels: Mapping[str, str]) -> None:
    cut = CUT if here.terminal else 0
    made = show.table(here.out, "field", "value", "from", "because")
    for name, choice in sorted(answer.person.choices.items(), key=lambda one: _place(one[0], labels)):
        source = find(answer, choice.source.record)
        made.add_row(
            escape(label(name, labels)),
            escape(shown(choice.value, cut)),
            f"[name]{escape(source.connection)}[/]" if source else "",
            f"[soft]{RULES[choice.rule.value]}[/]",
        )
    for name, conflict in answer.person.conflicts.items():
        values = " / ".join(shown(value, cut) for _, value in conflict.values)
        made.add_row(
            escape(label(name, labels)), f"[warn]{escape(values)}[/]", "", "[warn]conflict: nobody has decided[/]"
        )
    here.out.print(made)


def _place(name: str, labels: Mapping[str, str]) -> tuple[int, str]:
    """Where a field stands in the platforms' own order."""
    order = list(labels)
    return (order.index(name) if name in order else len(order), name)


def _mail(here: Session, answer: Answer, timezone: str) -> None:
    """Where each address stands: with marketing, then with each purpose that mail has beside it."""
    for address, stands in answer.consent.items():
        here.out.print(f"{escape(address)}: {_consent(stands, answer, timezone)}")
        for (one, purpose), own in answer.purposes.items():
            if one == address:
                here.out.print(f"  for {escape(purpose)}: {_consent(own, answer, timezone)}")


def _consent(stands: Standing, answer: Answer, timezone: str) -> str:
    text, fact = _CONSENT[stands.state.value], stands.fact
    if fact is None:
        return text
    source = find(answer, fact.record)
    where = f"seen at {source.connection}" if source else "said to us"
    return f"{text} [soft]({escape(fact.evidence or where)}, {where}, {when(fact.at, timezone)})[/]"


def _open(here: Session, answer: Answer, labels: Mapping[str, str]) -> None:
    for finding in answer.findings:
        if finding.kind == "conflict" and finding.name in answer.person.conflicts:
            continue  # it stands among the values
        what = ONE.get(finding.kind, finding.kind)
        field = f" {label(finding.name, labels)}" if finding.name else ""
        where = f" at {finding.connection}" if finding.connection else ""
        here.out.print(f"[warn]{escape(what.capitalize())}[/]{escape(field + where)}: {escape(finding.detail)}")


def _writes(here: Session, answer: Answer, labels: Mapping[str, str], timezone: str, few: int = 5) -> None:
    for write in answer.writes[:few]:
        here.out.print(f"[soft]{_write(write, labels, timezone)}[/]")


def _write(write: WriteLine, labels: Mapping[str, str], timezone: str) -> str:
    what = DEED.get(write.kind, write.kind)
    fields = ", ".join(label(str(setting[0]), labels) for setting in write.row.get("settings", ()))
    detail = f" ({fields})" if fields else ""
    reason = f": {write.reason}" if write.reason else ""
    return escape(
        f"{when(write.at, timezone)}  run {write.run}  {write.connection}  {what}{detail}  {write.state}{reason}"
    )


def why(here: Session, line: PersonLine, answer: Answer, labels: Mapping[str, str], timezone: str) -> None:
    """Why this person is who they are, in short."""
    console = here.out
    console.print(f"[strong]{escape(line.name or line.email or line.id)}[/]  [soft]{line.id}[/]\n")
    total = len(answer.case.records)
    if total == 1:
        console.print("One record, so there is nobody to be told apart from.")
    for tie in answer.ties:
        holders = " and ".join(named(answer, tie.records))
        console.print(
            f"{escape(holders)} are one person because both have the {tie.kind} [strong]{escape(tie.value)}[/]."
        )
    for decision in answer.case.decisions:
        console.print(
            f"[warn]{when(decision.at, timezone)}[/]: {DECISIONS[decision.kind.value]}"
            + (_between(answer, decision) or _about(decision, labels, timezone))
        )
    if total > 1 and not answer.ties and not answer.case.decisions:
        console.print(f"{count(total, 'record')}, joined by what they held before.")
    _values(here, answer, labels)
    _mail(here, answer, timezone)
    first = next(iter(answer.fields), "")
    if first:
        console.print(f"\n[soft]More about one field: regulars why {line.id} {first}[/]")


def _between(answer: Answer, decision: Decision) -> str:
    """Between which records it was said that they are, or are not, one person."""
    if not decision.other:
        return ""
    pair = (decision.record, decision.other)
    both = [" ".join(named(answer, (record,))) or "a record of somebody else" for record in pair]
    return escape(f" ({' and '.join(both)})")


def _about(decision: Decision, labels: Mapping[str, str], timezone: str) -> str:
    if decision.kind is DecisionKind.ROLE:
        return escape("".join(f": {show_roles.word_text(word, timezone)}" for word in words([decision])))
    if not decision.name:
        return ""
    return escape(f" ({label(decision.name, labels)}: {shown(decision.value, CUT)})")


def why_field(
    here: Session, line: PersonLine, answer: Answer, part: FieldAnswer, labels: Mapping[str, str], timezone: str
) -> None:
    """Why one field is what it is: what each record says, the rule, decisions, writes."""
    console = here.out
    title = f"{label(part.name, labels)} of {line.name or line.email or line.id}"
    console.print(f"[strong]{escape(title)}[/]")
    console.print(_verdict(part, answer, timezone))
    made = show.table(console, "record", "shows", "said", "when", "we sent")
    for said in part.said:
        claim = said.claim
        made.add_row(
            f"[name]{escape(said.connection)}[/] [soft]{escape(said.remote_id)}[/]",
            escape(shown(said.shows)),
            _claim(claim),
            when(claim.at, timezone) if claim else "",
            escape(shown(said.sent)) if said.sent is not None else "",
        )
    console.print(made)
    if part.trust:
        console.print(f"Your rule: [strong]{escape(', then '.join(part.trust))}[/] is trusted.")
    for decision in part.decisions:
        console.print(
            f"[warn]{when(decision.at, timezone)}[/]: {DECISIONS[decision.kind.value]}"
            + _about(decision, labels, timezone)
        )
    for finding in part.findings:
        if part.conflict is None or finding.kind != "conflict":
            what = ONE.get(finding.kind, finding.kind).capitalize()
            console.print(f"[warn]{what}[/] at {escape(finding.connection)}: {escape(finding.detail)}")
    for write in part.writes:
        console.print(f"[soft]{_write(write, labels, timezone)}[/]")


def _verdict(part: FieldAnswer, answer: Answer, timezone: str) -> str:
    if part.conflict is not None:
        return "[warn]A conflict[/]: the sides differed when they met, and nobody has decided. Nothing is overwritten."
    choice = part.choice
    if choice is None:
        return "[soft]An identifier, or blank: nothing is chosen.[/]"
    source = find(answer, choice.source.record)
    where = f", from {source.connection} {source.remote_id} of {when(choice.at, timezone)}" if source else ""
    return f"It is [after]{escape(shown(choice.value))}[/]{escape(where)}: {RULES[choice.rule.value]}."


def _claim(claim: Claim | None) -> str:
    if claim is None:
        return "[soft]nothing: we wrote what it shows[/]"
    was = f", was {shown(claim.was, CUT)}" if claim.was is not None else ""
    return f"{escape(shown(claim.value))} [soft]({CLAIMS[claim.kind.value]}{escape(was)})[/]"
