"""`regulars.env`: environment variables of one business, in its folder, for runs that no shell of yours has started.

What the environment itself says wins. The file may hold secrets, so only its owner may read it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from dotenv.parser import parse_stream

from regulars.trouble import REDACT, ConfigError

FILE = "regulars.env"
PREFIX = "REGULARS_"

_OF_ONE_RUN = ("REGULARS_BACKUP_DONE",)
"""What is said for one run, and not kept."""


def read(folder: Path) -> dict[str, str]:
    """What the file says; nothing where there is none. Raises ConfigError."""
    path = folder / FILE
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            bindings = list(parse_stream(file))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"it cannot be read: {error}.", file=FILE) from None
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError("others may read it, and it may hold secrets.", file=FILE, fix=f"`chmod 600 {FILE}`.")
    found = {}
    for one in bindings:
        line = one.original.line + (len(one.original.string) - len(one.original.string.lstrip("\n")))
        if one.error or (one.key is not None and one.value is None):
            raise ConfigError("this is no line as NAME=value.", file=FILE, line=line)
        if one.key is None:
            continue
        if not one.key.startswith(PREFIX):
            raise ConfigError(f"{one.key} is none of ours: names begin with {PREFIX}.", file=FILE, line=line)
        found[one.key] = one.value or ""
    return found


def take(folder: Path) -> Callable[[], None]:
    """Put what the file says into the environment, where it is not set; returns what takes it out again."""
    new = {name: value for name, value in read(folder).items() if name not in os.environ}
    REDACT.learn({name: value for name, value in new.items() if not name.endswith("_DATABASE")})
    os.environ.update(new)

    def put_back() -> None:
        for name, value in new.items():
            if os.environ.get(name) == value:
                del os.environ[name]

    return put_back


def ours_only(folder: Path) -> list[str]:
    """The variables of ours that are set here, and that a run started elsewhere would not find."""
    kept = read(folder)
    mine = {name: value for name, value in os.environ.items() if name.startswith(PREFIX) and name not in _OF_ONE_RUN}
    return sorted(name for name, value in mine.items() if kept.get(name) != value)
