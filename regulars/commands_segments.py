"""Commands about segments: segments, segment; and the part of `why` that explains a membership."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape

from mapping.rules import DAY, Listed, Moment, conditions
from mapping.rules_table import folded_nfc
from mapping.rules_words import say
from regulars import show
from regulars.config import FILE
from regulars.config_edit import add_text
from regulars.config_segments import check_words, read_preview, read_segments, starter_text, starters
from regulars.session import Json, Session, session
from regulars.trouble import WrongUse, listed, nearest
from regulars.words import ago, count, when, zone
from regulars.workspace import Workspace, now, one_person, workspace
from sync import segment_look
from sync.runs import last_revision
from sync.segment import Segment
from sync.segment_run import evaluate
from sync.segment_why import Verdict, changes, reasons

_LATELY = 7 * DAY


def defined(business: Workspace) -> dict[str, Segment]:
    """The business's segments. Raises ConfigError."""
    text = (business.folder / FILE).read_text("utf-8")
    found = read_segments(business.config.segments, business.config.connections, text, FILE)
    check_words(found, business.known_words, text, FILE)
    return found


def moment(business: Workspace) -> Moment:
    """Now, in the business's own time zone."""
    found = zone(business.timezone)
    return Moment(now()) if found is None else Moment(now(), found)


def refreshed(business: Workspace) -> tuple[dict[str, Segment], Moment]:
    """The segments, those that are new, changed or due judged again; asks no platform."""
    segments, at = defined(business), moment(business)
    evaluate(business.database, segments, at, last_revision(business.database), people=[])
    return segments, at


def segments(
    add: Annotated[
        str | None, typer.Option("--add", metavar="NAME", help="Write one that comes in the box into regulars.toml.")
    ] = None,
    to: Annotated[
        list[str] | None,
        typer.Option("--to", metavar="CONNECTION=tag|list", help="With --add: what it becomes there. May be repeated."),
    ] = None,
    json: Json = False,
) -> None:
    """List the segments: who is alike, how many, who came and went in the last 7 days."""
    here = session(json)
    with workspace(here) as business:
        if to and add is None:
            raise WrongUse("--to says what a new segment becomes.", fix=f"Name it with --add, or edit {FILE}.")
        if add is not None:
            _add(here, business, add, to or ())
            return
        known, at = refreshed(business)
        with business.read() as conn:
            lines = segment_look.lines(conn, list(known), at.now - _LATELY)
        document = [
            {
                **asdict(lines[name]),
                "title": one.title,
                "rule": say(one.rule),
                "configured": name in business.config.segments,
                "destinations": dict(one.destinations),
            }
            for name, one in known.items()
        ]

        def table(_: object) -> None:
            made = show.table(here.out, "segment!", "title", "people>", "entered>", "left>", "goes to")
            for row in document:
                where = ", ".join(f"{place} ({what})" for place, what in row["destinations"].items())
                made.add_row(
                    f"[name]{row['name']}[/]",
                    escape(row["title"]),
                    show.number(row["size"]),
                    show.number(row["entered"]),
                    show.number(row["left"]),
                    escape(where) or "[soft]-[/]",
                )
            here.out.print(made)
            here.say("[soft]Entered and left: in the last 7 days. More about one: regulars segment NAME[/]")

        here.emit({"segments": document}, table)


def _add(here: Session, business: Workspace, name: str, to: Sequence[str]) -> None:
    if name in business.config.segments:
        raise WrongUse(f"{name} is in {FILE} already.", fix="Edit it there.")
    if name not in starters():
        hint = nearest(name, starters()) or f"There are {listed(starters(), 'and')}."
        raise WrongUse(f'No segment "{name}" comes in the box.', fix=hint)
    text = starter_text(name)
    if to:
        pairs = [one.partition("=") for one in to]
        if not all(place and what for place, _, what in pairs):
            raise WrongUse("--to is CONNECTION=tag or CONNECTION=list.", fix="For example: --to mailchimp=tag")
        places = ", ".join(f'{place} = "{what}"' for place, _, what in pairs)
        text = re.sub(r"(?m)^(title = .*\n)", lambda found: f"{found[1]}destinations = {{ {places} }}\n", text)
    add_text(business.folder, text)
    here.emit({"added": name, "text": text}, lambda _: here.say(f"Added to {FILE}. Make it yours:\n\n{escape(text)}"))


def segment(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A segment; any name for a rule that is not saved yet.")],
    preview: Annotated[
        str, typer.Option(metavar="RULE", help="Whom this rule would choose, such as '{ role = \"customer\" }'.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many people to list.")] = 10,
    json: Json = False,
) -> None:
    """Show one segment: its rule, how many, a few of them, who came and went in the last 7 days."""
    here = session(json)
    with workspace(here) as business:
        if preview:
            _preview(here, business, name, preview, limit)
            return
        known, at = refreshed(business)
        one = _one(name, known)
        with business.read() as conn:
            line = segment_look.lines(conn, [name], at.now - _LATELY)[name]
            people = segment_look.members(conn, name, limit)
            passed = segment_look.passages(conn, name, at.now - _LATELY, limit)
        document = {
            **asdict(line),
            "title": one.title,
            "rule": say(one.rule),
            "destinations": dict(one.destinations),
            "members": [{**asdict(member.person), "since": member.since} for member in people],
            "passages": [{**asdict(p.person), "entered": p.entered, "at": p.at} for p in passed],
        }
        here.emit(document, lambda _: _show(here, one, line, people, passed, at, business.timezone))


def _one(name: str, known: dict[str, Segment]) -> Segment:
    if name not in known:
        hint = nearest(name, known) or f"There are {listed(known, 'and')}."
        raise WrongUse(f'There is no segment "{name}".', fix=hint)
    return known[name]


def _show(
    here: Session,
    one: Segment,
    line: segment_look.SegmentLine,
    people: list[segment_look.Member],
    passed: list[segment_look.Passage],
    at: Moment,
    timezone: str,
) -> None:
    here.say(f"[strong]{escape(one.title)}[/]  [soft]{one.name}[/]")
    here.say(f"{escape(_capital(say(one.rule)))}.")
    moved = f"{line.entered:,} entered and {line.left:,} left in the last 7 days"
    here.say(f"[strong]{count(line.size, 'person', 'people')}[/] · {moved}")
    if people:
        made = show.table(here.out, "name", "e-mail", "id!", "since")
        for member in people:
            made.add_row(*_person(member.person), f"[soft]{ago(member.since, at.now)}[/]")
        here.out.print(made)
        more = line.size - len(people)
        if more > 0:
            here.say(f"[soft]{more:,} more with --limit[/]")
    for passage in passed:
        what = "[good]entered[/]" if passage.entered else "[warn]left[/]"
        who = passage.person.name or passage.person.email or passage.person.id
        here.say(f"[soft]{when(passage.at, timezone)}[/] {escape(who)} {what}")
    if people:
        here.say(f"[soft]Why somebody is in it: regulars why {people[0].person.id} --segment {one.name}[/]")


def _person(line: Any) -> tuple[str, str, str]:
    return escape(line.name) or "[soft]-[/]", escape(line.email), f"[soft]{line.id}[/]"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _lists_not_there(segment: Segment, titles: Collection[str]) -> list[str]:
    """What to say of lists and tags that a rule names and no platform has: they may come, or be misspelt."""
    known = {folded_nfc(title): title for title in titles}
    asked = {one.title for one in conditions(segment.rule) if isinstance(one, Listed)}
    notes = []
    for title in sorted(asked - known.keys()):
        near = [f'Did you mean "{known[one]}"?' for one in difflib.get_close_matches(title, known, n=1)]
        notes.append(" ".join([f'No list or tag is called "{title}".', *near]))
    return notes


def _preview(here: Session, business: Workspace, name: str, rule: str, limit: int) -> None:
    known = defined(business)
    one = read_preview(rule, known)
    check_words({"preview": one}, business.known_words, "", "--preview")
    beside = name if name in known else ""
    if beside:
        evaluate(business.database, known, moment(business), last_revision(business.database), people=[])
    with business.read() as conn:
        found = segment_look.preview(conn, one, moment(business), limit, beside)
        notes = _lists_not_there(one, segment_look.titles(conn))
    document = {
        "name": name,
        "rule": say(one.rule),
        "size": found.size,
        "entering": found.entering if beside else None,
        "leaving": found.leaving if beside else None,
        "sample": [asdict(line) for line in found.sample],
        "notes": notes,
    }

    def lines(_: object) -> None:
        here.say(f"{escape(_capital(say(one.rule)))}.")
        told = f"{found.entering:,} would enter {name} and {found.leaving:,} leave"
        here.say(f"[strong]{count(found.size, 'person', 'people')}[/]" + (f" · {told}" if beside else ""))
        if found.sample:
            made = show.table(here.out, "name", "e-mail", "id!")
            for line in found.sample:
                made.add_row(*_person(line))
            here.out.print(made)
        for note in notes:
            here.say(f"[warn]{escape(note)}[/]")
        here.say("[soft]Nothing was saved.[/]")

    here.emit(document, lines)


# ---- why -----------------------------------------------------------------------------------------------------------


def why_member(here: Session, business: Workspace, who: str, name: str) -> None:
    """Explain why somebody is in a segment, or what would have to change."""
    known, at = refreshed(business)
    one = _one(name, known)
    with business.read() as conn:
        line = one_person(conn, who)
        found = segment_look.explain_membership(conn, line.id, one, at)
    if found is None:
        raise WrongUse(f"{line.name or line.id} has no record any more.", fix="`regulars rebuild` mends the list.")
    verdict = found.verdict
    resting, missing = reasons(verdict), changes(verdict)
    document = {
        "id": line.id,
        "segment": name,
        "member": verdict.holds,
        "since": found.since or None,
        "turn": found.turn or None,
        "reasons": [_told(part) for part in resting],
        "changes": [_told(part) for part in missing],
        "verdict": asdict(verdict),
    }

    def lines(_: object) -> None:
        person, title = escape(line.name or line.email or line.id), escape(one.title)
        if verdict.holds:
            since = f" since {when(found.since, business.timezone)}" if found.since else ""
            here.say(f"[strong]{person}[/] is in [strong]{title}[/]{since}, because:")
        else:
            here.say(f"[strong]{person}[/] is not in [strong]{title}[/]. For that, this would have to hold:")
        for part in resting if verdict.holds else missing:
            here.say(f"  {escape(_capital(part.condition))}{_found(part)}")
        if not verdict.holds and any(_choice(part) for part in _every(verdict)):
            here.say('[soft]Where conditions are joined by "or", one is enough: ' + escape(verdict.condition) + "[/]")
        if found.turn:
            here.say(f"[soft]Time alone may change that on {when(found.turn, business.timezone)}.[/]")

    here.emit(document, lines)


def _found(part: Verdict) -> str:
    """What there is, in brackets, unless the condition says just that."""
    said = part.found == "never" and part.condition.startswith("never ")
    return "" if said else f" [soft]({escape(part.found or 'see above')})[/]"


def _told(part: Verdict) -> dict[str, object]:
    return {"condition": part.condition, "found": part.found, "holds": part.holds}


def _choice(part: Verdict) -> bool:
    return part.any_of and not part.holds and len(part.parts) > 1


def _every(verdict: Verdict) -> list[Verdict]:
    return [verdict, *(inner for part in verdict.parts for inner in _every(part))]
