"""Join and split, where they are about organisations."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from sqlalchemy import Connection

from regulars.session import Session
from regulars.trouble import WrongUse, listed, nearest
from regulars.words import count
from regulars.workspace import Workspace, now
from sync import organizations, roles_decide
from sync.filing_companies import organization_id
from sync.organizations import OrganizationLine


def one_organization(conn: Connection, word: str) -> OrganizationLine:
    """The organisation that *word* means. Raises WrongUse where it is none or several."""
    found = organizations.find(conn, word)
    if not found:
        near = nearest(word, organizations.names(conn))
        fix = near or "Give a name, a domain or an id; `regulars export organizations` lists them."
        raise WrongUse(f'No organisation is known as "{word}".', fix=fix)
    if len(found) > 1:
        lines = "\n".join(f"  {line.id}  {line.name or '(no name)'}  {line.domain}" for line in found)
        raise WrongUse(f'"{word}" may be any of these {len(found)} organisations:\n{lines}\n', fix="Give the id.")
    return found[0]


def called(line: OrganizationLine) -> str:
    """What an organisation is called where people read it."""
    return line.name or line.domain or line.id


def join_organizations(here: Session, business: Workspace, words: Sequence[str]) -> None:
    """Say that these are one organisation."""
    with business.read() as conn:
        found = list({line.id: line for line in (one_organization(conn, word) for word in words)}.values())
    if len(found) < 2:
        raise WrongUse("These are one organisation already.", fix="Give two different ones.")
    roles_decide.join_organizations(business.database, [line.id for line in found], now())
    names = listed([called(line) for line in found], "and")
    here.emit({"joined": [line.id for line in found]}, lambda _: here.say(f"{escape(names)} are one organisation now."))


def split_organization(here: Session, business: Workspace, word: str, remote_ids: Sequence[str]) -> None:
    """Say that these companies are another organisation."""
    with business.read() as conn:
        line = one_organization(conn, word)
    theirs = {remote_id: organization_id(connection, remote_id) for connection, remote_id in line.companies}
    for remote_id in remote_ids:
        if remote_id not in theirs:
            known = listed([" ".join(company) for company in line.companies], "and")
            raise WrongUse(f"{called(line)} has no company {remote_id}.", fix=f"Its companies are {known}.")
    apart = [theirs[remote_id] for remote_id in remote_ids]
    roles_decide.split_organization(business.database, line.id, apart, now())
    what = count(len(apart), "company", "companies")
    verb = "is" if len(apart) == 1 else "are"
    here.emit(
        {"organization": line.id, "apart": apart},
        lambda _: here.say(escape(f"{what} of {called(line)} {verb} another organisation now.")),
    )
