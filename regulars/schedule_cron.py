"""cron: one line of the user's own crontab per folder, known by the words at its end. All other lines stay as they
are, byte for byte; a crontab that cannot be read is never written.
"""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

from regulars.schedule import Job, Piece, call, call_or_fail, key_of, said
from regulars.trouble import Trouble, WrongUse

WHERE = "your crontab"

_EMPTY = ("no crontab for", "can't open")
"""What `crontab -l` says where there is none: Vixie's and cronie's words, and BusyBox's."""


class Cron:
    title = "cron"

    def absent(self) -> str:
        return "" if shutil.which("crontab") else "there is no crontab on this machine"

    def pieces(self, job: Job) -> list[Piece]:
        return [Piece(WHERE, os.fsdecode(line(job)).rstrip("\n"))]

    def present(self, folder: Path) -> list[Piece]:
        if self.absent():
            return []
        mine = [one for one in _read().splitlines() if one.endswith(mark(folder))]
        return [Piece(WHERE, os.fsdecode(one)) for one in mine]

    def install(self, job: Job) -> None:
        _write(_without(_read(), job.folder, line(job)))

    def remove(self, folder: Path) -> None:
        _write(_without(_read(), folder))


def mark(folder: Path) -> bytes:
    """The end of a folder's line; to the shell it is a comment."""
    return b" # regulars schedule " + key_of(folder).encode()


def line(job: Job) -> bytes:
    """The crontab's line. A percent sign would be a line break to cron."""
    command = " ".join(shlex.quote(word) for word in job.command)
    return f"{times(job)} ".encode() + os.fsencode(command).replace(b"%", b"\\%") + mark(job.folder) + b"\n"


def times(job: Job) -> str:
    """When, in cron's five fields. Each folder has minutes of its own, so that not all of them start at once."""
    minutes, rest = divmod(job.every, 60)
    spread = int(job.key, 16)
    if not rest and minutes < 60 and 60 % minutes == 0:
        found = range(spread % minutes, 60, minutes)
        return ("*" if minutes == 1 else ",".join(map(str, found))) + " * * * *"
    hours, rest = divmod(job.every, 3600)
    if not rest and 24 % hours == 0:
        found = range(spread // 60 % hours, 24, hours)
        return f"{spread % 60} {'*' if hours == 1 else ','.join(map(str, found))} * * *"
    fix = "What divides an hour or a day goes: 15m, 1h, 6h, 1d. Or --with systemd, which takes any time."
    raise WrongUse("cron cannot do that evenly.", fix=fix)


def _read() -> bytes:
    done = call("crontab", "-l")
    if done.returncode == 0:
        return done.stdout
    if not done.stdout and any(words in said(done) for words in _EMPTY):
        return b""
    raise Trouble(f"Your crontab cannot be read: {said(done)}.", fix="Nothing was changed.")


def _without(whole: bytes, folder: Path, instead: bytes = b"") -> bytes:
    """The crontab, this folder's line replaced where it stands, or added at the end."""
    lines, found = [], False
    for one in whole.splitlines(keepends=True):
        if not one.rstrip(b"\r\n").endswith(mark(folder)):
            lines.append(one)
        elif not found:
            lines.append(instead)
            found = True
    if instead and not found:
        if lines and not lines[-1].endswith(b"\n"):
            lines.append(b"\n")
        lines.append(instead)
    return b"".join(lines)


def _write(whole: bytes) -> None:
    call_or_fail("crontab", "-", stdin=whole)
