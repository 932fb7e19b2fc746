"""Leases: of two processes that would do the same work on one store, the second waits or says who is at it.

What decides is a lock that the system itself takes back the moment its holder dies, so there is no expiry, no
heartbeat and no guess about a process number: on SQLite a lock on a file beside the store, on PostgreSQL an advisory
lock of a connection kept for it. The row in the table `lease` only says who it is, for people.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

import msgspec
from sqlalchemy import Connection, delete, insert, select, text
from sqlalchemy.exc import DBAPIError

from sync.store.database import Database
from sync.store.errors import StoreError, translating
from sync.store.schema import lease as table

WHOLE_STORE = "sync"
"""The lease under which a sync, an undo or a migration runs."""

_POLL = 0.2


class Holder(msgspec.Struct, frozen=True):
    """Who holds a lease: machine, process, and since when (milliseconds since 1970 UTC)."""

    host: str
    pid: int
    since: int

    def __str__(self) -> str:
        moment = datetime.fromtimestamp(self.since / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return f"process {self.pid} on {self.host}, since {moment}"


class Busy(StoreError):
    """Somebody else holds the lease. `holder` is None in the instant before they have signed."""

    def __init__(self, name: str, holder: Holder | None) -> None:
        who = str(holder) if holder else "another process"
        super().__init__(
            f"Another {name} is running on this store ({who}). Wait until it has ended, or stop it; it can be stopped"
            " at any time and run again."
        )
        self.name = name
        self.holder = holder


class _Lock(Protocol):
    def take(self) -> bool: ...

    def held(self) -> bool: ...

    def free(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that is held."""

    name: str
    lock: _Lock

    def check(self) -> None:
        """Raise StoreError if it was lost: a PostgreSQL server that restarts takes its locks back. Cheap; call it
        before anything that two processes must not both do."""
        if not self.lock.held():
            raise StoreError(
                "The connection that kept other processes away from this store was lost, so this run stopped before it"
                " could collide with another. What was committed is kept; run the same command again."
            )


@contextmanager
def lease(
    database: Database,
    name: str,
    *,
    wait: float = 0.0,
    now: Callable[[], int] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Lease]:
    """Hold the lease *name* of this store during the block.

    Waits up to *wait* seconds (by the sum of its sleeps) for another holder, then raises Busy.
    """
    lock = _lock(database, name)
    waited = 0.0
    try:
        while not lock.take():
            if waited >= wait:
                raise Busy(name, _holder(database, name))
            sleep(_POLL)
            waited += _POLL
        _sign(database, name, Holder(platform.node(), os.getpid(), (now or database.now)()))
        yield Lease(name, lock)
        _unsign(database, name)
    finally:
        lock.free()


def _lock(database: Database, name: str) -> _Lock:
    if not database.is_sqlite:
        return _ServerLock(database, name)
    if database.path is None:
        return _LocalLock(database, name)
    return _FileLock(database.path.with_name(f"{database.path.name}-{name}.lock"))


class _FileLock:
    """A lock on an open file, which the system drops with the process, however it ends. The file stays: removing it
    would let a third process lock a new one of the same name."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self) -> bool:
        try:
            descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise StoreError(
                f"{self._path} cannot be opened: {error.strerror}. Check that your user may write in its folder."
            ) from error
        if not _try_lock(descriptor):
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def held(self) -> bool:
        return self._descriptor is not None

    def free(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class _ServerLock:
    """An advisory lock of a connection that does nothing else; outside any transaction, so that it holds up no
    clean-up of old rows on the server."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name
        self._conn: Connection | None = None

    def take(self) -> bool:
        with translating(self._database.where):
            if self._conn is None:
                self._conn = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                self._conn.detach()
                self._conn.execute(_STAY)
            schema = self._conn.exec_driver_sql("SELECT current_schema()").scalar()
            key = blake2b(f"regulars {schema} {self._name}".encode(), digest_size=8).digest()
            query = text("SELECT pg_try_advisory_lock(:key)")
            return bool(self._conn.execute(query, {"key": int.from_bytes(key, signed=True)}).scalar())

    def held(self) -> bool:
        try:
            return self._conn is not None and self._conn.exec_driver_sql("SELECT true").scalar() is True
        except DBAPIError:
            return False

    def free(self) -> None:
        if self._conn is not None:
            with suppress(DBAPIError):  # the server has gone, and the lock with it
                # The server notices a closed connection a moment later: whoever asks at once would find us here.
                self._conn.rollback()
                self._conn.exec_driver_sql("SELECT pg_advisory_unlock_all()")
            with suppress(DBAPIError):
                self._conn.close()
            self._conn = None


_STAY = text(
    "SELECT set_config(name, value, false) FROM (VALUES ('idle_session_timeout', '0'),"
    " ('tcp_keepalives_idle', '30'), ('tcp_keepalives_interval', '10'), ('tcp_keepalives_count', '3'))"
    " AS wanted (name, value) WHERE current_setting(name, true) IS NOT NULL"
)
"""Idle for as long as it takes; and a holder whose machine vanished is noticed within a minute."""


class _LocalLock:
    """A store in memory is seen by this process only."""

    def __init__(self, database: Database, name: str) -> None:
        self._held = database.local_leases
        self._name = name
        self._mine = False

    def take(self) -> bool:
        if self._name not in self._held:
            self._held.add(self._name)
            self._mine = True
        return self._mine

    def held(self) -> bool:
        return self._mine

    def free(self) -> None:
        if self._mine:
            self._held.discard(self._name)
            self._mine = False


def _holder(database: Database, name: str) -> Holder | None:
    with database.read() as conn:
        found = conn.execute(select(table.c.holder).where(table.c.name == name)).scalar()
    try:
        return None if found is None else msgspec.json.decode(found, type=Holder)
    except msgspec.DecodeError:
        return None


def _sign(database: Database, name: str, holder: Holder) -> None:
    """A killed holder's row is simply written over."""
    with database.write() as conn:
        conn.execute(delete(table).where(table.c.name == name))
        row = {"name": name, "holder": msgspec.json.encode(holder).decode(), "expires": 0}
        conn.execute(insert(table).values(row))


def _unsign(database: Database, name: str) -> None:
    with database.write() as conn:
        conn.execute(delete(table).where(table.c.name == name))
