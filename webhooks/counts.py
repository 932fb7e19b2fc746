"""What became of requests since the start. What was refused leaves no other trace."""

from __future__ import annotations

from collections import Counter
from collections.abc import ItemsView
from threading import Lock


class Counts:
    """By (connection, outcome); threads may share it."""

    def __init__(self) -> None:
        self._seen: Counter[tuple[str, str]] = Counter()
        self._lock = Lock()

    def add(self, connection: str, outcome: str) -> None:
        """One more."""
        with self._lock:
            self._seen[connection, outcome] += 1

    def items(self) -> ItemsView[tuple[str, str], int]:
        """What was counted until now."""
        with self._lock:
            return dict(self._seen).items()
