"""systemd: a timer and a service among the user's own units, one pair per folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from regulars.schedule import Job, Piece, call, call_or_fail, name_of, spoken, texts, write_private
from regulars.trouble import WrongUse

_SERVICE = """\
[Unit]
Description=Regulars: sync {folder}

[Service]
Type=oneshot
ExecStart={command}
# 1: something waits for a person. The run itself went well.
SuccessExitStatus=1
"""

_TIMER = """\
[Unit]
Description=Regulars: every {spoken}, {folder}

[Timer]
OnActiveSec=1min
OnUnitActiveSec={every}s

[Install]
WantedBy=timers.target
"""


class Systemd:
    title = "systemd"

    def absent(self) -> str:
        if not shutil.which("systemctl"):
            return "there is no systemctl on this machine"
        if call("systemctl", "--user", "show-environment").returncode:
            return "systemd does not answer for your user here"
        return ""

    def pieces(self, job: Job) -> list[Piece]:
        if any(sign in job.program[0] for sign in "\"'\\"):
            text = f"systemd starts no program whose path has quotes or a backslash: {job.program[0]}."
            raise WrongUse(text, fix="Install Regulars elsewhere, or take --with cron.")
        service, timer = _paths(job.folder)
        described = _specifiers(str(job.folder))
        command = " ".join([_quoted(job.command[0], program=True), *map(_quoted, job.command[1:])])
        text = _TIMER.format(spoken=spoken(job.every), folder=described, every=job.every)
        return [
            Piece(str(service), _SERVICE.format(folder=described, command=command)),
            Piece(str(timer), text),
        ]

    def present(self, folder: Path) -> list[Piece]:
        return texts(_paths(folder))

    def install(self, job: Job) -> None:
        for piece in self.pieces(job):
            write_private(Path(piece.where), piece.text)
        timer = _paths(job.folder)[1].name
        call_or_fail("systemctl", "--user", "daemon-reload")
        call_or_fail("systemctl", "--user", "enable", timer)
        call_or_fail("systemctl", "--user", "restart", timer)  # a changed time counts from now

    def remove(self, folder: Path) -> None:
        service, timer = _paths(folder)
        if timer.is_file():
            call_or_fail("systemctl", "--user", "disable", "--now", timer.name)
        timer.unlink(missing_ok=True)
        service.unlink(missing_ok=True)
        call_or_fail("systemctl", "--user", "daemon-reload")


def _paths(folder: Path) -> tuple[Path, Path]:
    """The service and the timer."""
    given = os.environ.get("XDG_CONFIG_HOME")
    units = (Path(given) if given else Path.home() / ".config") / "systemd" / "user"
    return units / f"{name_of(folder)}.service", units / f"{name_of(folder)}.timer"


def _specifiers(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(word: str, *, program: bool = False) -> str:
    """One word of a command line. A variable is never looked for in the program's own name."""
    text = _specifiers(word).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"' if program else '"' + text.replace("$", "$$") + '"'
