"""Reading journals while `serve` or `worker` runs: for platforms that keep what happened and cannot call us.

On a thread of its own, into the inbox, where the worker finds it as it finds a delivery.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from connectors.base import Connector
from connectors.errors import Failure
from regulars.webhook_doors import reaches
from regulars.workspace import Workspace
from sync import journals
from sync.store.database import Database
from webhooks.worker import Work, Worker

EVERY = 2.0
"""Seconds from one reading to the next."""

AFTER_TROUBLE = 30.0
"""Seconds for which a journal is left alone after it could not be read."""

_SECONDS_TO_END = 10.0


@dataclass(slots=True)
class Reading:
    """The work of reading journals on. `told` hears once of each trouble, and `filed` is called after each find."""

    database: Database
    connectors: dict[str, Connector]
    filed: Callable[[], None]
    told: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    _next: dict[str, float] = field(default_factory=dict)
    _trouble: dict[str, str] = field(default_factory=dict)

    def mail_waits(self) -> bool:
        """Nothing is heard here: what is read is mail for others."""
        return False

    def hear(self) -> None:
        """See `mail_waits`."""

    def pull_is_due(self) -> bool:
        return bool(self._due())

    def _due(self) -> list[str]:
        now = self.clock()
        return [name for name in self.connectors if self._next.get(name, 0.0) <= now]

    def pull(self) -> None:
        """Read on wherever it is time to."""
        for name in self._due():
            self._next[name] = self.clock() + EVERY
            try:
                found = self._read(name, self.connectors[name])
            except Failure as failure:
                self._next[name] = self.clock() + AFTER_TROUBLE
                if self._trouble.get(name) != str(failure):
                    self.told(f"{name}: its journal cannot be read. {failure}")
                self._trouble[name] = str(failure)
                continue
            if self._trouble.pop(name, None):
                self.told(f"{name}: its journal is read again.")
            if found:
                self.filed()

    def _read(self, name: str, connector: Connector) -> int:
        assert connector.journal is not None
        assert connector.hooks is not None
        return journals.read_on(self.database, name, connector.journal, connector.hooks.may_withdraw)


def journaled(business: Workspace) -> list[str]:
    """Connections whose platform keeps a journal that our credential opens, and does not call us."""
    found, called = [], {one.name for one in reaches(business) if one.proven and one.address}
    for name in business.names():
        if name not in called:
            connector = business.open(name)
            if connector.hooks is not None and connector.journal is not None:
                found.append(name)
    return found


@contextmanager
def reading(
    business: Workspace,
    names: Sequence[str],
    filed: Callable[[], None],
    told: Callable[[str], None],
    failed: Callable[[Exception], None],
) -> Iterator[None]:
    """Read these connections' journals meanwhile."""
    if not names:
        yield
        return
    found = Reading(business.database, {name: business.open(name) for name in names}, filed, told)
    with beside(found, failed, "journals"):
        yield


@contextmanager
def beside(work: Work, failed: Callable[[Exception], None], name: str) -> Iterator[None]:
    """Do some work on a thread of its own meanwhile; at the end, what is at hand is finished."""
    worker = Worker(work, failed)
    thread = threading.Thread(target=worker.run, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        worker.stop()
        thread.join(_SECONDS_TO_END)
