"""Waiting for a test delivery after a webhook was clicked together: it shows that address and secret are right.

Where `regulars serve` runs, it listens, and its deliveries are seen in the inbox; else we listen ourselves meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from enum import Enum

from connectors.signing import Doubt
from regulars.webhook_doors import Reach, doors
from regulars.workspace import Workspace
from sync import inbox
from webhooks.counts import Counts
from webhooks.listen import listening
from webhooks.post import Post
from webhooks.receiver import create_app

LOOK = 0.25
"""Seconds from one look to the next."""

TELL = 15.0
"""Seconds after which is said again that nothing came yet."""

_CAME = ("filed", "known")
_DOUBTED = tuple(doubt.value for doubt in Doubt)


class Came(Enum):
    """How waiting ended."""

    PROVEN = "proven"
    NOTHING = "nothing"
    DOUBTED = "doubted"  # deliveries came, and none of them was believed


@dataclass(slots=True)
class Waiting:
    """Waits for one connection's delivery. `told` hears how it stands."""

    business: Workspace
    reach: Reach
    told: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _counts: Counts = field(default_factory=Counts)

    def wait(self, seconds: float, host: str, port: int) -> Came:
        """Listen, if nobody else does, until a delivery is proven or the time is over."""
        before = self._newest()
        end = self.clock() + seconds
        with self._ears(host, port) as here:
            who = f"Listening on {host}:{port}" if here else f"{host}:{port} is listened on already"
            self.told(f"{who}; waiting up to {seconds:.0f} s for a delivery of {self.reach.title}.")
            tell = self.clock() + TELL
            while (now := self.clock()) < end:
                if self._newest() > before or self._counted(_CAME):
                    return Came.PROVEN
                if now >= tell:
                    tell = now + TELL
                    self.told(f"{self._so_far()}; {end - now:.0f} s left.")
                self.sleep(LOOK)
        return Came.DOUBTED if self._counted(_DOUBTED) else Came.NOTHING

    @contextmanager
    def _ears(self, host: str, port: int) -> Iterator[bool]:
        """The receiver, open meanwhile; False where its address is taken, by `regulars serve` no doubt."""
        public = self.business.config.webhooks.public_url
        with closing(Post(self.business.database)) as post:
            app = create_app(doors(self.business), post, self._counts, public=public)
            open_ = listening(app, host, port)
            try:
                open_.__enter__()
            except OSError:
                yield False
                return
            try:
                yield True
            finally:
                open_.__exit__(None, None, None)

    def _newest(self) -> int:
        with self.business.read() as conn:
            found = inbox.newest(conn, 1, connection=self.reach.name)
        return found[0].id if found else 0

    def _counted(self, outcomes: tuple[str, ...]) -> int:
        return sum(n for (name, what), n in self._counts.items() if name == self.reach.name and what in outcomes)

    def _so_far(self) -> str:
        doubted = self._counted(_DOUBTED)
        return f"{doubted} came that prove nothing: is the secret right?" if doubted else "Nothing came yet"
