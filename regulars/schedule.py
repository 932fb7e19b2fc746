"""A schedule: the entry that lets this machine run `regulars sync` by itself, for those who do not run `serve`.

One entry per folder, known by a name made of it. What each of cron, systemd and launchd is told stands in a module of
its own; here is what they share.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple, Protocol

from regulars.trouble import Trouble, WrongUse

LEAST = 60
"""Seconds: nobody is looked at more often than once a minute."""

PATIENCE = 60.0
"""Seconds after which a scheduler's program that does not answer is given up."""


class Piece(NamedTuple):
    """A text that a scheduler has or would get, and where it stands."""

    where: str
    text: str


@dataclass(frozen=True, slots=True)
class Job:
    """`regulars sync` of one folder, every so many seconds."""

    folder: Path
    every: int
    program: tuple[str, ...]

    @property
    def key(self) -> str:
        return key_of(self.folder)

    @property
    def name(self) -> str:
        return name_of(self.folder)

    @property
    def command(self) -> tuple[str, ...]:
        return *self.program, "-C", str(self.folder), "sync", "--quiet"


class Scheduler(Protocol):
    """One way to have something run by itself."""

    title: str

    def absent(self) -> str:
        """Why it cannot be used on this machine; empty where it can."""
        ...

    def pieces(self, job: Job) -> list[Piece]:
        """What it would be told."""
        ...

    def present(self, folder: Path) -> list[Piece]:
        """What it has for a folder already."""
        ...

    def install(self, job: Job) -> None:
        """Tell it, in place of what it has for this folder."""
        ...

    def remove(self, folder: Path) -> None:
        """Take away what it has for this folder, and nothing else."""
        ...


def job(folder: Path, every: int) -> Job:
    """The job of a folder. Raises WrongUse where no scheduler could carry it."""
    whole = folder.resolve()
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in str(whole)):
        raise WrongUse("A folder whose name has a line break or the like cannot be scheduled.", fix="Rename it.")
    if every < LEAST:
        raise WrongUse("At most once a minute.", fix="`regulars serve` carries changes within seconds.")
    return Job(whole, every, program())


def program() -> tuple[str, ...]:
    """How this very Regulars is started, whatever the PATH is then."""
    script = Path(sys.executable).with_name("regulars")
    return (str(script),) if os.access(script, os.X_OK) else (sys.executable, "-m", "regulars")


def key_of(folder: Path) -> str:
    """What an entry is known by: the same for the same folder, another for each other one."""
    return blake2b(os.fsencode(folder.resolve()), digest_size=6).hexdigest()


def name_of(folder: Path) -> str:
    """A file name for the entry: the folder's own name, as far as it may stand in one, and the key."""
    plain = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")[:30]
    return "-".join(part for part in ("regulars", plain, key_of(folder)) if part)


def call(name: str, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a scheduler's own program, its messages in English. Raises WrongUse where it is not there."""
    found = shutil.which(name)
    if found is None:
        raise WrongUse(
            f"There is no {name} on this machine.", fix="`regulars schedule --print` shows what it would do."
        )
    environment = {**os.environ, "LC_ALL": "C", "LANGUAGE": "C"}
    try:
        return subprocess.run(
            [found, *arguments], input=stdin, capture_output=True, timeout=PATIENCE, check=False, env=environment
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Trouble(f"{name} could not be run: {error}.") from None


def call_or_fail(name: str, *arguments: str, stdin: bytes = b"") -> bytes:
    """The same; raises Trouble where it did not succeed."""
    done = call(name, *arguments, stdin=stdin)
    if done.returncode:
        raise Trouble(f"`{' '.join((name, *arguments))}` failed: {said(done)}.")
    return done.stdout


def said(done: subprocess.CompletedProcess[bytes]) -> str:
    """What a program said as it failed, in a line."""
    lines = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip().rstrip(".") if lines else f"exit code {done.returncode}"


def write_private(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(text, "utf-8")
    part.replace(path)


def texts(paths: Sequence[Path]) -> list[Piece]:
    """Those of these files that are there."""
    return [Piece(str(path), path.read_text("utf-8", "replace")) for path in paths if path.is_file()]


def spoken(seconds: int) -> str:
    """A time as people say it: 15 minutes."""
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds % size == 0:
            number = seconds // size
            return word if number == 1 else f"{number} {word}s"
    return f"{seconds} seconds"
