"""Exported files, as far as the contract concerns them: nobody is called, and nothing is written."""

from __future__ import annotations

from typing import Any

from connectors.levels import PROMISES
from tests.contract.rehearsal import Rehearsal

CONCERN = ("lens_holds", "cannot_is_complete", "speaks_for_itself", "quirks_are_tested", "checked_live")


class Place(Rehearsal):
    name = "files"
    lacks = {"checked_live": "never yet"}
    aside = {one.name: "files on this machine are no account" for one in PROMISES if one.name not in CONCERN}

    def emulator(self) -> Any:
        return None

    def add(self, email: str, given: str = "Ada", family: str = "Berg") -> str:
        raise NotImplementedError

    def load(self, count: int) -> list[str]:
        raise NotImplementedError

    def edit(self, remote_id: str, given: str) -> None:
        raise NotImplementedError

    leave = delete = add  # type: ignore[assignment]

    def addresses(self) -> list[str]:
        raise NotImplementedError

    def has_left(self, remote_id: str) -> bool:
        raise NotImplementedError
