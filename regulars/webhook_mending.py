"""Webhooks kept in order while `serve` or `worker` runs: what a platform deleted, changed or switched off is put right.

Only those that were set up once and that an API sets up. When it is time follows from the store, so that any number of
processes look at each hook once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from connectors.base import Connector
from connectors.errors import Failure
from mapping.model import Millis
from regulars.trouble import REDACT
from regulars.webhook_doors import Reach, reaches
from regulars.webhook_setup import set_up
from regulars.workspace import Workspace
from sync import hook_state

EVERY: Millis = 3_600_000
"""How often a hook is looked at."""


@dataclass(slots=True)
class Mending:
    """The work of looking after hooks. `told` hears, in a line for people, what had to be done."""

    business: Workspace
    told: Callable[[str], None]
    every: Millis = EVERY
    _open: dict[str, Connector] = field(default_factory=dict)

    def mail_waits(self) -> bool:
        """Nothing is heard here."""
        return False

    def hear(self) -> None:
        """See `mail_waits`."""

    def pull_is_due(self) -> bool:
        reached = self._kept()
        if not reached:
            return False
        with self.business.read() as conn:
            stands = hook_state.stands(conn)
        latest = self.business.database.now() - self.every
        return any(one.name not in stands or stands[one.name].looked_at <= latest for one in reached)

    def pull(self) -> None:
        """Look at every hook whose time has come."""
        database = self.business.database
        for one in self._kept():
            with database.write() as conn:
                mine = hook_state.claim(conn, one.name, database.now(), self.every)
            if mine:
                self._look(one)

    def _kept(self) -> list[Reach]:
        return [one for one in reaches(self.business) if one.address and one.proven and not one.hooks.by_hand]

    def _look(self, one: Reach) -> None:
        database, mended, trouble = self.business.database, False, ""
        with self.business.read() as conn:
            silent = hook_state.silent(conn, one.name)
        try:
            if one.name not in self._open:
                self._open[one.name] = self.business.open(one.name)
            done = set_up(self.business, one.name, self._open[one.name], one.address, anew=silent)
            mended = done.new or done.righted
        except (Failure, ValueError) as error:
            trouble = REDACT.clean(str(error))
        with database.write() as conn:
            hook_state.note(conn, one.name, database.now(), mended=mended, trouble=trouble)
        if mended:
            why = "it told nothing of what had changed" if silent else "it was gone, changed or switched off there"
            self.told(f"{one.name}: its webhook at {one.title} was put right ({why}).")
        elif trouble:
            self.told(f"{one.name}: its webhook at {one.title} could not be looked after. {trouble}")
