"""launchd (macOS): one property list among the user's own agents per folder."""

from __future__ import annotations

import os
import plistlib
import shutil
from pathlib import Path

from regulars.schedule import Job, Piece, call, call_or_fail, name_of, texts, write_private

LOG = "regulars-schedule.log"


class Launchd:
    title = "launchd"

    def absent(self) -> str:
        return "" if shutil.which("launchctl") else "there is no launchctl on this machine"

    def pieces(self, job: Job) -> list[Piece]:
        log = str(job.folder / LOG)
        entry = {
            "Label": name_of(job.folder),
            "ProgramArguments": list(job.command),
            "StartInterval": job.every,
            "RunAtLoad": True,
            "ProcessType": "Background",
            "StandardOutPath": log,
            "StandardErrorPath": log,
        }
        return [Piece(str(_path(job.folder)), plistlib.dumps(entry, sort_keys=False).decode())]

    def present(self, folder: Path) -> list[Piece]:
        return texts([_path(folder)])

    def install(self, job: Job) -> None:
        path = _path(job.folder)
        if path.is_file():
            _forgotten(job.folder)
        for piece in self.pieces(job):
            write_private(path, piece.text)
        call_or_fail("launchctl", "bootstrap", _domain(), str(path))

    def remove(self, folder: Path) -> None:
        _forgotten(folder)
        _path(folder).unlink(missing_ok=True)


def _forgotten(folder: Path) -> None:
    """Let launchd forget the agent; that it does not know it is as good."""
    call("launchctl", "bootout", f"{_domain()}/{name_of(folder)}")


def _path(folder: Path) -> Path:
    return Path.home() / "Library" / "LaunchAgents" / f"{name_of(folder)}.plist"


def _domain() -> str:
    return f"gui/{os.getuid()}"
