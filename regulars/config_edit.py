"""Edits of `regulars.toml` that keep what people wrote: comments, order, spacing."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import InlineTable, Table

from regulars.config import FILE, parse

_HEAD = """\
# One folder is one business: this file and its store, regulars.db, lie side by side.
# `regulars connect` adds connections; all keys are in docs/configuration.md.
"""


def new_file(name: str, country: str, timezone: str) -> str:
    """The text of a new configuration."""
    document = tomlkit.document()
    business = tomlkit.table()
    business.add("name", name)
    business.add("country", tomlkit.item(country).comment("how to read phone numbers without a prefix"))
    business.add("timezone", timezone)
    document.add("business", business)
    text = _HEAD + "\n" + tomlkit.dumps(document)
    parse(text)
    return text


def set_connection(folder: Path, name: str, values: Mapping[str, Any]) -> None:
    """Add or change one connection. A value of None takes the key away."""
    document = tomlkit.parse((folder / FILE).read_text("utf-8"))
    connections = document.get("connections")
    if connections is None:
        connections = tomlkit.table(is_super_table=True)
        document["connections"] = connections
    table = connections.get(name)
    if table is None:
        table = tomlkit.table()
        connections[name] = table
    for key, value in values.items():
        if value is None:
            table.pop(key, None)
        else:
            table[key] = _inline(value) if isinstance(value, Mapping) else value
    save(folder, tomlkit.dumps(document))


def map_field(
    folder: Path, connection: str, name: str, custom: Mapping[str, str] | None, *, section: str = "custom"
) -> None:
    """Let a connection carry one more field: one of its platform's table, or a *custom* one of the account's own, which
    stands in a *section* of its own."""
    document = tomlkit.parse((folder / FILE).read_text("utf-8"))
    table: Any = document["connections"][connection]
    if custom is None:
        table["fields"].append(name)
    elif isinstance(own := table.get(section), InlineTable):
        whole = _inline({**own.unwrap(), name: custom})
        whole.trivia.comment_ws, whole.trivia.comment = own.trivia.comment_ws, own.trivia.comment
        table[section] = whole
    elif own is not None:
        own[name] = _inline(custom)
    else:
        table[section] = _inline({name: custom})
    save(folder, tomlkit.dumps(document))


def has_inline_custom(folder: Path, connection: str) -> bool:
    """Whether a connection's own fields stand in braces on one line, where no section may add to them."""
    document = tomlkit.parse((folder / FILE).read_text("utf-8"))
    table: Any = document["connections"][connection]
    return isinstance(table.get("custom"), InlineTable)


def remove_connection(folder: Path, name: str) -> None:
    """Take one connection away, with the trust that fields put in it and what segments become there. Of those that its
    credential opens, the first holds it from now on."""
    document = tomlkit.parse((folder / FILE).read_text("utf-8"))
    connections = document.get("connections")
    if isinstance(connections, Mapping):
        connections.pop(name, None)  # type: ignore[attr-defined]
        heir = ""
        for other, part in connections.items():
            if part.get("credential") != name:
                continue
            if heir:
                part["credential"] = heir
            else:
                heir = other
                part.pop("credential")
    fields = document.get("fields")
    for rule in fields.values() if isinstance(fields, Mapping) else ():
        if isinstance(rule, Table) and name in rule.get("trust", ()):
            rule["trust"] = [other for other in rule["trust"] if other != name]
    segments = document.get("segments")
    for segment in segments.values() if isinstance(segments, Mapping) else ():
        if name in segment.get("destinations", ()):
            segment["destinations"].pop(name)
    save(folder, tomlkit.dumps(document))


def add_text(folder: Path, text: str) -> None:
    """Add a section of its own at the end."""
    before = (folder / FILE).read_text("utf-8").rstrip("\n")
    save(folder, f"{before}\n\n{text}")


def _inline(value: Mapping[str, Any]) -> Any:
    table = tomlkit.inline_table()
    for key, part in value.items():
        table[key] = _inline(part) if isinstance(part, Mapping) else part
    return table


def save(folder: Path, text: str) -> None:
    """Write the configuration whole or not at all; what does not parse is never written."""
    parse(text)
    folder.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{FILE}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        path = folder / FILE
        Path(temporary).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
