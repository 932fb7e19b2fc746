"""One run of the command: which folder, which way to speak, and how mistakes end."""

from __future__ import annotations

import errno
import json
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.theme import Theme
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from connectors.errors import Failure, Later
from regulars.trouble import CONNECTION_FAILED, INTERRUPTED, REDACT, WAITING, WRONG_USE, Trouble
from sync.lease import Busy
from sync.store.errors import StoreError

LOG = "regulars-errors.log"

THEME = Theme(
    {
        "good": "green",
        "warn": "yellow",
        "bad": "red",
        "soft": "bright_black",
        "strong": "bold",
        "name": "cyan",
        "before": "red",
        "after": "green",
        "table.header": "bright_black",
    }
)
PIPE_WIDTH = 400  # in a pipe nothing is cut or wrapped: whoever reads it will


def _console(stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    shown = bool(getattr(stream, "isatty", lambda: False)())
    if shown:
        return Console(theme=THEME, stderr=stderr, highlight=False)
    return Console(
        theme=THEME, stderr=stderr, highlight=False, width=PIPE_WIDTH, force_terminal=False, no_color=True, emoji=False
    )


@dataclass
class Session:
    """What every command gets: the folder, whether to answer in JSON, and where to speak."""

    folder: Path = field(default_factory=Path.cwd)
    json: bool = False
    out: Console = field(default_factory=lambda: _console(stderr=False))
    err: Console = field(default_factory=lambda: _console(stderr=True))
    answered: bool = False
    heard: Callable[[str, str], None] | None = None
    """Takes lines in place of the console, where they go into a log: a level and the text."""

    def path(self, given: Path) -> Path:
        """A file that somebody named: beside the business, as `git -C` does it."""
        return self.folder / given.expanduser()

    @property
    def terminal(self) -> bool:
        return self.out.is_terminal

    @property
    def may_ask(self) -> bool:
        """Whether somebody sits there: never in a pipe, and never when JSON is wanted."""
        return not self.json and self.terminal and bool(sys.stdin.isatty())

    def emit(self, document: Any, show: Callable[[Console], object]) -> None:
        """Answer once: the document as JSON, or *show* for people."""
        if self.json:
            self.answered = True
            sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n")
            sys.stdout.flush()
        else:
            show(self.out)

    def say(self, text: str) -> None:
        """A line for people; kept back where JSON is wanted."""
        if self.heard is not None:
            self.heard("info", text)
        elif not self.json:
            self.out.print(text)

    def note(self, text: str) -> None:
        """A remark beside the answer, on stderr."""
        if self.heard is not None:
            self.heard("warning", text)
            return
        self.err.print(text)


CURRENT: list[Session] = []


def session(as_json: bool = False) -> Session:
    """The session of this run; `as_json` is the command's own --json."""
    if not CURRENT:
        CURRENT.append(Session())
    CURRENT[-1].json = CURRENT[-1].json or as_json
    return CURRENT[-1]


Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


@contextmanager
def mistakes() -> Iterator[None]:
    """Turns everything that goes wrong into a sentence and an exit code; no traceback reaches anybody."""
    try:
        yield
    except (typer.Exit, typer.Abort):
        raise
    except KeyboardInterrupt:
        _tell(
            "stopped", "Stopped. Nothing is lost: run the same command again and it goes on from here.", "", INTERRUPTED
        )
    except Trouble as trouble:
        _tell(type(trouble).__name__, trouble.text, trouble.fix, trouble.code)
    except Failure as failure:
        _tell(type(failure).__name__, str(failure), _hint(failure), CONNECTION_FAILED)
    except BrokenPipeError:
        sys.stderr.close()
        raise typer.Exit(0) from None
    except Exception as error:  # noqa: BLE001 - the last line of defence: a person must never meet a traceback
        _unforeseen(error)


def _misused(said: str) -> None:
    """A command, option or value that there is not, in Typer's words."""
    text = said.strip().rstrip(".")
    _tell(
        "WrongUse",
        f"{text}.",
        "`regulars --help` lists the commands, `regulars COMMAND --help` their options.",
        WRONG_USE,
    )


def _hint(failure: Failure) -> str:
    if isinstance(failure, Later):
        wait = f" in {failure.after:.0f} seconds" if failure.after else " in a minute"
        return f"Nothing was changed; run it again{wait}."
    return ""


def _unforeseen(error: Exception) -> None:
    """What no room foresaw, in as few words as possible; the details go to a log file."""
    typed = getattr(error, "format_message", None)  # what Typer raises for wrong use, whatever its class is called
    if typed is not None:
        _misused(str(typed()))
    known = store_sentence(error)
    if known is not None:
        _tell(type(error).__name__, known[0], known[1], known[2])
    where = write_log(error)
    place = f"The details are in {where}" if where else "Its details could not be written down"
    _tell(
        "Unforeseen",
        f"Sorry, something went wrong inside Regulars: {_first_line(error)}.",
        f"{place}.",
        CONNECTION_FAILED,
    )


def store_sentence(error: BaseException) -> tuple[str, str, int] | None:
    """What is wrong with the store or the disk, what to do, and the exit code; None where it is something else."""
    text = str(error).lower()
    if (isinstance(error, OSError) and error.errno == errno.ENOSPC) or "database or disk is full" in text:
        return (
            "The disk is full, so nothing more could be written; what was written before is safe.",
            ("Free some space and run the same command again."),
            CONNECTION_FAILED,
        )
    if isinstance(error, Busy):
        return str(error), "", WAITING
    if isinstance(error, StoreError):
        return str(error), "", CONNECTION_FAILED if "full" in text else WRONG_USE
    if isinstance(error, OperationalError) and "locked" in text:
        return (
            "The store is in use by another program.",
            "Wait until it has finished and run the command again.",
            WAITING,
        )
    if isinstance(error, OperationalError) and "readonly" in text:
        return "The store may not be written.", "Check the permissions of its folder.", WRONG_USE
    if isinstance(error, SQLAlchemyError) and ("malformed" in text or "not a database" in text):
        return (
            "The store is damaged or is no Regulars store.",
            "Put back a backup of it (regulars.db.backup-…).",
            WRONG_USE,
        )
    if isinstance(error, PermissionError):
        return f"{error.filename} may not be written or read.", "Check its permissions.", WRONG_USE
    return None


def _first_line(error: Exception) -> str:
    lines = REDACT.clean(str(error)).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def write_log(error: BaseException) -> Path | None:
    """Append the traceback, secrets taken out, to the log in the business's folder."""
    folder = CURRENT[-1].folder if CURRENT else Path.cwd()
    path = folder / LOG
    text = "".join(traceback.format_exception(error))
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')}\n{REDACT.clean(text)}\n")
    except OSError:
        return None
    return path


def _tell(kind: str, text: str, fix: str, code: int) -> None:
    """Say one mistake and end."""
    here = session()
    text, fix = REDACT.clean(text), REDACT.clean(fix)
    if here.json and not here.answered:
        here.emit({"error": {"kind": kind, "text": text, "fix": fix}, "exit": code}, lambda console: None)
    else:
        between = "\n" if "\n" in text else " "
        here.err.print(
            f"[bad]{_escape(text)}[/]" + (f"{between}{_escape(fix)}" if fix else ""), soft_wrap=not here.err.is_terminal
        )
    raise typer.Exit(code)


def _escape(text: str) -> str:
    return text.replace("[", "\\[")
