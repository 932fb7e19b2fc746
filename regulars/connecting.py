"""The steps of `connect`: take a credential, choose an audience and fields, look at three people."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.prompt import Confirm, Prompt

from connectors.base import Connector, CredentialKind, Option, Platform, RemoteField, Stream
from connectors.signing_in import APP
from mapping.fields import Field
from mapping.values import Kind
from regulars import show, try_files
from regulars.asking import ask
from regulars.config import ConnectionConfig
from regulars.session import Session
from regulars.trouble import REDACT, WrongUse, listed, nearest
from regulars.words import CUT, label, shown

SAMPLES = 3


Allow = Callable[[str, str], dict[str, str]]
"""Has an app allowed in the browser, by its id and secret; gives the credential."""


def credential(
    here: Session,
    entry: Platform,
    file: Path | None,
    oauth: bool,
    kept: Callable[[], Mapping[str, str]] = dict,
    allow: Allow | None = None,
) -> dict[str, str]:
    """The credential's parts: from a file or stdin, else the environment, else the one *kept*, else the prompt, or from
    whoever is asked to *allow* it in the browser. A platform that has no keys to copy is allowed without being told so.
    Raises WrongUse."""
    oauth = oauth or CredentialKind.TOKEN not in entry.asks
    kind = CredentialKind.OAUTH if oauth else CredentialKind.TOKEN
    if kind not in entry.asks:
        raise WrongUse(f"{entry.title} takes no OAuth credential.", fix="Leave --oauth out.")
    asked = entry.asks[kind]
    if oauth and allow is not None and not _tokens_there(entry, file):
        client = _parts(here, entry, file, APP)
        granted = allow(client["client_id"], client["client_secret"])
        return {option.id: granted[option.id] for option in asked if granted.get(option.id)}
    return _parts(here, entry, file, asked, dict if oauth else kept)


def _tokens_there(entry: Platform, file: Path | None) -> bool:
    """Whether somebody gave tokens that they have already."""
    if file is not None:
        return "access_token" in _from_file(file, entry.asks[CredentialKind.OAUTH])
    return bool(os.environ.get(entry.environment.get("access_token", ""), "").strip())


def _parts(
    here: Session,
    entry: Platform,
    file: Path | None,
    asked: Sequence[Option],
    kept: Callable[[], Mapping[str, str]] = dict,
) -> dict[str, str]:
    """What is asked for, from wherever it is given. Raises WrongUse."""
    if file is not None:
        parts = _from_file(file, asked)
    else:
        parts = {o.id: v for o in asked if (v := os.environ.get(_variable(entry, o), "").strip())}
        if not parts and (known := kept()):
            REDACT.learn(known)
            return dict(known)
    missing = [option for option in asked if not parts.get(option.id) and not option.optional]
    if missing and here.may_ask and file is None:
        for option in (option for option in asked if not parts.get(option.id)):
            detail = f" [soft]({escape(option.detail)})[/]" if option.detail else ""
            here.say(f"[strong]{escape(entry.title)}: {escape(option.label)}[/]{detail}")
            parts[option.id] = Prompt.ask("  It stays hidden", console=here.out, password=True).strip()
        parts = {name: part for name, part in parts.items() if part}
        missing = [option for option in asked if not parts.get(option.id) and not option.optional]
    REDACT.learn(parts)
    if missing:
        names = listed([_variable(entry, option) for option in missing], "and")
        what = listed([f"its {_inside(option.label)}" for option in missing], "and")
        fix = f"Set {names}, or give a file with --credential-file (- reads it from stdin). Never as an argument."
        raise WrongUse(f"{entry.title} needs {what}.", fix=fix)
    return parts


def _variable(entry: Platform, option: Option) -> str:
    """What a part is called in the environment."""
    return entry.environment.get(option.id, f"{entry.name}_{option.id}".upper())


def _inside(label: str) -> str:
    """A label within a sentence: small, but for an abbreviation."""
    first, _, rest = label.partition(" ")
    return " ".join(filter(None, (first if first.isupper() else first.lower(), rest)))


def _from_file(file: Path, asked: Sequence[Option]) -> dict[str, str]:
    """Parts from a file: one line, lines `part=value`, or a JSON object."""
    try:
        text = (sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUse(f"The credential file {file} cannot be read ({type(error).__name__}).") from None
    known = {option.id for option in asked}
    if text.startswith("{"):
        try:
            found = json.loads(text)
        except ValueError:
            raise WrongUse(f"The credential file {file} is not valid JSON.") from None
        return {name: str(value).strip() for name, value in found.items() if name in known}
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    pairs = dict(line.split("=", 1) for line in lines if line.partition("=")[0].strip() in known)
    if pairs:
        return {name.strip(): value.strip() for name, value in pairs.items()}
    return {asked[0].id: lines[0]} if len(lines) == 1 else {}


def files(
    here: Session, entry: Platform, given: Sequence[Path], columns: Sequence[str], before: ConnectionConfig | None
) -> dict[str, Any]:
    """The exports to read, as seen from the business's folder, and what their renamed columns are. Raises WrongUse."""
    if (given or columns) and not entry.files:
        raise WrongUse(f"{entry.title} is not read from files.", fix="As in `regulars connect files --file FILE`.")
    renamed = {"columns": {**(before.columns if before else {}), **try_files.renamed(columns)}} if columns else {}
    if not entry.files or (not given and before is not None):
        return renamed
    if not given:
        fix = "As in `regulars connect files --file contacts.csv`; a folder is named to have its newest export read."
        raise WrongUse("Which files?", fix=fix)
    for path in given:
        if not here.path(path).exists():
            raise WrongUse(f"There is no file {path}.", fix="Name it as seen from the folder of the business.")
    return {"files": list(dict.fromkeys(path.as_posix() for path in given)), **renamed}


def choose_streams(here: Session, offered: Sequence[Stream], wanted: str | None, first_time: bool) -> list[str] | None:
    """The names of the streams to read; None leaves the present choice. Raises WrongUse."""
    known = [stream.name for stream in offered]
    if wanted is None:
        if not (here.may_ask and first_time and known):
            return None
        for stream in offered:
            here.say(f"  [name]{stream.name:<10}[/] {escape(stream.title)}  [soft]{escape(stream.needs)}[/]")
        return known if Confirm.ask("Read these too?", default=True, console=here.out) else None
    if wanted in ("all", "none"):
        return known if wanted == "all" else []
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise WrongUse(
                f'There is no stream "{name}".', fix=nearest(name, known) or f"There are {listed(known, 'and')}."
            )
    return names


@dataclass(frozen=True)
class Fields:
    """What a connection may carry: ready rows that the account has, and fields of its own."""

    ready: tuple[Field, ...]
    own: tuple[RemoteField, ...]


def offered(connector: Connector) -> Fields:
    """The rows of the platform's table that this account has, and what else it has that we could carry."""
    remote = connector.remote_fields()
    names = {one.row.name for one in remote if one.row is not None} | {one.remote for one in remote}
    ready = tuple(row for row in connector.table if {row.name, row.remote} & names)
    taken = {row.name for row in connector.table}
    own = tuple(one for one in remote if one.row is not None and one.row.name not in taken)
    return Fields(ready, own)


def names_of(found: Fields) -> frozenset[str]:
    """All names by which the fields there may be chosen."""
    own = [one.row for one in found.own if one.row is not None]
    remote = (row.remote for row in (*found.ready, *own))
    names = {row.name for row in found.ready} | {part for one in remote for part in (one, one.rpartition(".")[2])}
    return frozenset(name.casefold() for name in names)


def choose_fields(
    here: Session,
    found: Fields,
    wanted: str | None,
    present: tuple[str, ...] | None,
    elsewhere: frozenset[str] = frozenset(),
) -> list[str]:
    """Our names of the rows to use. *wanted* is the option's text; *present* what was chosen before; what is only
    *elsewhere*, in another audience that is connected with this one, is left out and said."""
    known = [row.name for row in found.ready if row.name != "email"]
    if wanted is None and present is not None:
        return [name for name in present if name in known or name != "email"]
    read = partial(_fields_named, here, known, elsewhere)
    if wanted is None and here.may_ask:
        made = show.table(here.out, "name!", "field", "there", "")
        for row in found.ready:
            way = "[soft]read only[/]" if not row.writable else ""
            made.add_row(f"[name]{row.name}[/]", escape(row.label), escape(row.remote), way)
        here.out.print(made)
        return ask(here, "Which fields? Names with commas, or Enter for all:", read)
    return read(wanted or "")


def _fields_named(here: Session, known: Sequence[str], elsewhere: frozenset[str], said: str) -> list[str]:
    """The fields that *said* names, all of the *known* ones where it is empty. Raises WrongUse."""
    if said.strip() in ("", "all"):
        return list(known)
    names = [name.strip() for name in said.split(",") if name.strip()]
    names = [name for name in names if name != "email"]
    for name in names:
        if name not in known and name not in elsewhere:
            hint = nearest(name, known) or f"There are {listed(known, 'and')}."
            raise WrongUse(f'There is no field "{name}" to choose.', fix=hint)
    _left_out(here, [name for name in names if name not in known])
    return [name for name in names if name in known]


def _left_out(here: Session, names: Sequence[str]) -> None:
    if names:
        here.say(f"[warn]![/] It has no {escape(listed(names, 'and no'))}, and goes on without.")


def choose_own(
    here: Session, found: Fields, wanted: Sequence[str], elsewhere: frozenset[str] = frozenset()
) -> dict[str, dict[str, str]]:
    """Fields of one's own, as the configuration keeps them: our name → remote name, type and way. What is only
    *elsewhere* is left out and said."""
    read = partial(_own_named, here, found, elsewhere)
    if wanted or not (found.own and here.may_ask):
        return read(wanted)
    names = ", ".join(one.remote.rpartition(".")[2] for one in islice(found.own, 12))
    here.say(f"Fields of your own there: [name]{escape(names)}[/]" + (" …" if len(found.own) > 12 else ""))
    question = "Add any? As our_name=there, with commas, or Enter for none:"
    return ask(here, question, lambda said: read([part.strip() for part in said.split(",") if part.strip()]))


def _own_named(
    here: Session, found: Fields, elsewhere: frozenset[str], texts: Sequence[str]
) -> dict[str, dict[str, str]]:
    custom: dict[str, dict[str, str]] = {}
    for text in texts:
        ours, sign, theirs = (part.strip() for part in text.partition("="))
        if not (ours and sign and theirs):
            raise WrongUse(f'"{text}" is not understood.', fix="Write our_name=there, as in bread=favourite_bread.")
        if theirs.casefold() in elsewhere:
            _left_out(here, [theirs])
            continue
        row = _own_row(found, theirs)
        custom[ours] = {"remote": row.remote, "type": row.kind.value}
        if not row.writable or (row.kind is Kind.BIRTHDAY and "." not in row.remote):
            custom[ours]["way"] = "reads"
    return custom


def _own_row(found: Fields, theirs: str) -> Field:
    rows = [one.row for one in found.own if one.row is not None] + list(found.ready)
    for row in rows:
        if theirs.casefold() in (row.remote.casefold(), row.remote.rpartition(".")[2].casefold()):
            return row
    known = [row.remote.rpartition(".")[2] for row in rows]
    hint = nearest(theirs, known) or f"There are {listed(known[:20], 'and')}."
    raise WrongUse(f'There is no field "{theirs}" there that we could carry.', fix=hint)


def samples(connector: Connector) -> list[dict[str, Any]]:
    """Three people as they stand there, and as we read them."""
    found = []
    for raw in _first(connector):
        try:
            seen = connector.decode(raw)
            body = json.loads(raw.body)
        except ValueError:
            continue
        rows = {
            row.name: {"there": _dig(body, row.remote), "here": seen.fields.get(row.name)}
            for row in connector.fields
            if row.name in seen.fields or _dig(body, row.remote) not in (None, "", False, {}, [])
        }
        found.append({"id": seen.remote_id, "fields": rows, "problems": list(seen.problems)})
        if len(found) == SAMPLES:
            break
    return found


def _first(connector: Connector) -> Iterator[Any]:
    for page in connector.pages(None):
        yield from page.records
        if page.records:
            return


def _dig(body: Mapping[str, Any], remote: str) -> Any:
    """The raw value under a remote name: at the top, or within one of the record's objects."""
    if "+" in remote:
        parts = [_dig(body, part) for part in remote.split("+")]
        return ", ".join(str(part) for part in parts if part) or None
    for place in (body, *(part for part in body.values() if isinstance(part, dict))):
        here: Any = place
        for step in remote.split("."):
            here = here.get(step) if isinstance(here, dict) else None
        if here is not None:
            return here
    return None


def show_samples(here: Session, people: Iterable[Mapping[str, Any]], labels: Mapping[str, str]) -> None:
    """The samples, before and after."""
    for number, one in enumerate(people, 1):
        made = show.table(here.out, f"person {number}", "there", "here")
        for name, pair in one["fields"].items():
            there, ours = shown(_plain(pair["there"]), CUT), shown(pair["here"], CUT)
            after = f"[soft]{escape(ours)}[/]" if there == ours else f"[after]{escape(ours)}[/]"
            made.add_row(escape(label(name, labels)), escape(there), after)
        here.out.print(made)
        for problem in one["problems"]:
            here.say(f"[warn]Left out:[/] {escape(problem)}")


def _plain(value: Any) -> Any:
    """An object or list of the platform, in one line."""
    if isinstance(value, dict):
        return ", ".join(str(part) for part in value.values() if part)
    if isinstance(value, list):
        return ", ".join(_named(part) if isinstance(part, dict) else str(part) for part in value)
    return value


def _named(part: Mapping[str, Any]) -> str:
    """One of a list of objects by what people call it, and whether it is ticked where that is said."""
    text = next((str(part[key]) for key in ("name", "text") if part.get(key)), None)
    if text is None:
        return str(_plain(dict(part)))
    return f"{text} ({'yes' if part['enabled'] else 'no'})" if "enabled" in part else text
