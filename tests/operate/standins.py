"""Stand-ins for the schedulers' own programs: they keep what they are given, and note how they were called."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

_CRONTAB = """\
kept = folder / "crontab.kept"
if arguments == ["-l"]:
    if not kept.exists():
        sys.exit("no crontab for somebody")
    sys.stdout.buffer.write(kept.read_bytes())
elif arguments == ["-"]:
    kept.write_bytes(sys.stdin.buffer.read())
else:
    sys.exit("usage error")
"""

_QUIET = "pass"

_BROKEN = 'sys.exit("cannot open the spool")'

_HEAD = """\
#!{python} -SE
import json, sys
from pathlib import Path
folder, arguments = Path({folder!r}), sys.argv[1:]
with (folder / "calls").open("a") as calls:
    calls.write(json.dumps([{name!r}, *arguments]) + "\\n")
"""


@dataclass(frozen=True)
class Machine:
    """A folder of programs that stands for the PATH."""

    folder: Path

    def has(self, name: str, body: str = _QUIET) -> None:
        path = self.folder / name
        head = _HEAD.format(python=sys.executable, folder=str(self.folder), name=name)
        path.write_text(head + body + "\n", "utf-8")
        path.chmod(0o755)

    def has_crontab(self, lines: bytes | None = None) -> None:
        self.has("crontab", _CRONTAB)
        if lines is not None:
            (self.folder / "crontab.kept").write_bytes(lines)

    def has_broken(self, name: str) -> None:
        self.has(name, _BROKEN)

    def path(self) -> str:
        """The PATH of a machine that has these programs and the shell, and no others."""
        return str(self.folder)

    @property
    def calls(self) -> list[list[str]]:
        path = self.folder / "calls"
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def as_cron_runs(line: bytes, environment: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """What cron hands to the shell for a line of a crontab, by its manual: five fields, then the command, in which an
    escaped percent sign is one, and any other would end it."""
    command = line.split(maxsplit=5)[5].rstrip(b"\n").replace(b"\\%", b"\x00")
    assert b"%" not in command
    return ["/bin/sh", "-c", os.fsdecode(command.replace(b"\x00", b"%"))], environment
