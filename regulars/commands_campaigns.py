"""`regulars campaigns`: mailings and posts, and what was done with each."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from regulars import show
from regulars.session import Json, session
from regulars.words import CUT, count, shown, when
from regulars.workspace import workspace
from sync.queries_campaigns import campaigns as found


def campaigns(
    connection: Annotated[str, typer.Argument(metavar="[NAME]", help="Only those of this connection.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many to list.")] = 20,
    json: Json = False,
) -> None:
    """List mailings and posts, the newest first, and what was done with each as its platform counts."""
    here = session(json)
    with workspace(here) as business:
        (name,) = business.names([connection]) if connection else ("",)
        with business.read() as conn:
            total, lines = found(conn, limit, name)

        def table(_: object) -> None:
            if not lines:
                here.say("No mailing and no post was read yet. `regulars connect NAME --streams all` reads them.")
                return
            made = show.table(here.out, "when!", "where!", "title", "what was done")
            for line in lines:
                done = ", ".join(f"{number:,} {word}" for word, number in line.figures.items() if number)
                at = when(line.at, business.timezone) if line.at else "-"
                made.add_row(at, f"[name]{escape(line.connection)}[/]", escape(shown(line.title, CUT)), escape(done))
            here.out.print(made)
            if total > len(lines):
                here.say(f"[soft]{count(total, 'campaign')}, {total - len(lines):,} more with --limit[/]")

        here.emit({"total": total, "campaigns": [line._asdict() for line in lines]}, table)
