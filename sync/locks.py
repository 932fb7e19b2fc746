"""Locks that the system itself takes back the moment their holder dies, on each kind of store.

On a SQLite file they are locks on files beside it, on PostgreSQL advisory locks of a connection kept for them. There is
no expiry, no heartbeat and no guess about a process number. What they stand for is said in `sync.lease`.
"""

from __future__ import annotations

import os
import secrets
import sys
import threading
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from sync.store.database import Database
from sync.store.errors import StoreError, translating


class Locks(Protocol):
    """The locks that one holder has."""

    def take(self, name: str, *, shared: bool = False) -> bool:
        """Take a lock, alone or with others who share it; whether it was free. Never waits."""

    def give(self, name: str) -> None:
        """Give one back."""

    def held(self) -> bool:
        """Whether what was taken is still ours."""

    def free(self) -> None:
        """Give back everything."""


def locks(database: Database) -> Locks:
    """Whoever calls this is one holder, and another one at the next call."""
    if not database.is_sqlite:
        return _ServerLocks(database)
    return _LocalLocks(database.local_leases) if database.path is None else _FileLocks(database.path)


class _FileLocks:
    """Locks on open files, which the system drops with the process, however it ends. The files stay: removing one
    would let a third process lock a new one of the same name."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._open: dict[str, int] = {}

    def take(self, name: str, *, shared: bool = False) -> bool:
        path = self._store.with_name(f"{self._store.name}-{name}.lock")
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise StoreError(
                f"{path} cannot be opened: {error.strerror}. Check that your user may write in its folder."
            ) from error
        if not _try_lock(descriptor, shared=shared):
            os.close(descriptor)
            return False
        self._open[name] = descriptor
        return True

    def give(self, name: str) -> None:
        os.close(self._open.pop(name))

    def held(self) -> bool:
        return bool(self._open)

    def free(self) -> None:
        for name in list(self._open):
            self.give(name)


if sys.platform == "win32":
    import msvcrt

    _BYTES = 64

    def _try_lock(descriptor: int, *, shared: bool) -> bool:
        """Windows knows no shared lock here: who shares takes one byte of many, who is alone takes all."""
        try:
            os.lseek(descriptor, secrets.randbelow(_BYTES) if shared else 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1 if shared else _BYTES)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int, *, shared: bool) -> bool:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class _ServerLocks:
    """Advisory locks of a connection that does nothing else; outside any transaction, so that it holds up no clean-up
    of old rows on the server."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._conn: Connection | None = None
        self._schema = ""
        self._shared: dict[str, bool] = {}

    def take(self, name: str, *, shared: bool = False) -> bool:
        with translating(self._database.where):
            if self._conn is None:
                self._conn = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                self._conn.detach()
                self._conn.execute(_STAY)
                self._schema = str(self._conn.exec_driver_sql("SELECT current_schema()").scalar())
            query = _TRY_SHARED if shared else _TRY
            taken = bool(self._conn.execute(query, {"key": self._key(name)}).scalar())
        if taken:
            self._shared[name] = shared
        return taken

    def give(self, name: str) -> None:
        query = _GIVE_SHARED if self._shared.pop(name) else _GIVE
        with translating(self._database.where):
            assert self._conn is not None
            self._conn.execute(query, {"key": self._key(name)})

    def _key(self, name: str) -> int:
        """Schemas of one database are businesses of their own."""
        digest = blake2b(f"regulars {self._schema} {name}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, signed=True)

    def held(self) -> bool:
        try:
            return self._conn is not None and self._conn.exec_driver_sql("SELECT true").scalar() is True
        except DBAPIError:
            return False

    def free(self) -> None:
        if self._conn is not None:
            with suppress(DBAPIError):  # the server has gone, and the locks with it
                # The server notices a closed connection a moment later: whoever asks at once would find us here.
                self._conn.rollback()
                self._conn.exec_driver_sql("SELECT pg_advisory_unlock_all()")
            with suppress(DBAPIError):
                self._conn.close()
            self._conn = None
            self._shared.clear()


_TRY, _TRY_SHARED = text("SELECT pg_try_advisory_lock(:key)"), text("SELECT pg_try_advisory_lock_shared(:key)")
_GIVE, _GIVE_SHARED = text("SELECT pg_advisory_unlock(:key)"), text("SELECT pg_advisory_unlock_shared(:key)")

_STAY = text(
    "SELECT set_config(name, value, false) FROM (VALUES ('idle_session_timeout', '0'),"
    " ('tcp_keepalives_idle', '30'), ('tcp_keepalives_interval', '10'), ('tcp_keepalives_count', '3'))"
    " AS wanted (name, value) WHERE current_setting(name, true) IS NOT NULL"
)
"""Idle for as long as it takes; and a holder whose machine vanished is noticed within a minute."""


class _LocalLocks:
    """A store in memory is seen by this process only. `taken` says how many share a lock, and -1 of one held alone."""

    _guard = threading.Lock()

    def __init__(self, taken: dict[str, int]) -> None:
        self._taken = taken
        self._mine: set[str] = set()

    def take(self, name: str, *, shared: bool = False) -> bool:
        with self._guard:
            holders = self._taken.get(name, 0)
            if holders and not (shared and holders > 0):
                return False
            self._taken[name] = holders + 1 if shared else -1
            self._mine.add(name)
            return True

    def give(self, name: str) -> None:
        with self._guard:
            self._mine.remove(name)
            self._taken[name] = max(0, self._taken[name] - 1)

    def held(self) -> bool:
        return bool(self._mine)

    def free(self) -> None:
        for name in list(self._mine):
            self.give(name)
