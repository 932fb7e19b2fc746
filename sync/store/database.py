"""The one way into the store: SQLite in the business's folder, or PostgreSQL.

Gives consistent reads, single-writer transactions, and durable ones for intents. What the tables mean is left to
`schema`; versions and backups to `upgrade`; bulk statements to `bulk`.

In WAL with synchronous=NORMAL a commit survives a killed process, but a power cut may take the last commits (never
part of one). That is fine for what can be pulled again, and not for an intent, which must be on disk before its
write leaves: `durable()` commits with synchronous=FULL, which also brings down every commit before it, as all lie in
one log. See docs/decisions/0003-store.md.
"""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool, StaticPool

from sync.store.errors import StoreError, translating

if TYPE_CHECKING:
    from sync.store.upgrade import Upgrade

FILE = "regulars.db"
_BUSY_MS = 15_000
_WRITER_CACHE_KIB = 48 * 1024
_READER_CACHE_KIB = 4 * 1024  # four readers: 64 MB in all


class Database:
    """An open store. Threads may share it; after a fork, open another."""

    def __init__(
        self, engine: Engine, readers: Engine, *, where: str, path: Path | None, now: Callable[[], int]
    ) -> None:
        self.engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"
        self.where = where
        """For people: names the store without a password."""
        self.path = path
        """The SQLite file; None in memory and on PostgreSQL."""
        self.now = now
        self.upgrade: Upgrade | None = None
        """What opening it changed, and where the backup is; None when it was up to date or new."""
        self.local_leases: dict[str, int] = {}
        """The leases taken on a store in memory, which no other process can see."""
        self._readers = readers
        self._alone = self.is_sqlite and path is None
        self._lock = threading.RLock()
        self._writing: Connection | None = None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one moment of the store, however long it is used; writing through it fails."""
        if self._alone:
            with self._shared() as conn:
                yield conn
            return
        with translating(self.where), self._readers.begin() as conn:
            yield conn

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction: committed at the end of the block, rolled back by an exception. One at a time on both kinds
        of store, so that what is read in it is still so when it is written; and never inside another."""
        with self._transaction(durable=False) as conn:
            yield conn

    @contextmanager
    def durable(self, *, beside: bool = False) -> Iterator[Connection]:
        """Like `write`, and when the block has ended its rows, and all committed before, survive a power cut. What
        goes *beside* only adds rows that no run writes, and waits for none on PostgreSQL."""
        with self._transaction(durable=True, beside=beside) as conn:
            yield conn

    @contextmanager
    def overwriting(self) -> Iterator[Connection]:
        """Like `durable`, and what is removed in it is gone from SQLite's file, not merely from its tables. What a
        PostgreSQL server removed stays on its disk until it is vacuumed."""
        with self.durable() as conn:
            if self.is_sqlite:
                conn.exec_driver_sql("PRAGMA secure_delete = ON").close()
            yield conn
            if self.is_sqlite:
                conn.exec_driver_sql("PRAGMA secure_delete = OFF").close()
        if self.is_sqlite and self.path is not None:
            with translating(self.where), closing(sqlite3.connect(self.path)) as outside:
                outside.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # not from within a transaction

    def close(self) -> None:
        """Close all connections. The database may not be used afterwards."""
        self._readers.dispose()
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Database({self.where})"

    @contextmanager
    def _transaction(self, *, durable: bool, beside: bool = False) -> Iterator[Connection]:
        if self._alone:
            with self._shared() as conn, conn.begin_nested():
                yield conn
        elif not self.is_sqlite:
            with translating(self.where), self.engine.begin() as conn:
                if durable:
                    conn.execute(_WAIT_FOR_DISK)
                if not beside:
                    conn.execute(_ONE_WRITER)
                yield conn
        else:
            with self._lock, translating(self.where), self._single(durable=durable) as conn:
                yield conn

    @contextmanager
    def _single(self, *, durable: bool) -> Iterator[Connection]:
        """The one writing transaction of a SQLite file."""
        if self._writing is not None:
            raise RuntimeError("a write transaction inside another would wait for itself")
        with self.engine.connect() as conn:
            if durable:
                _synchronous(conn, "FULL")
            try:
                with conn.begin():
                    self._writing = conn
                    yield conn
            finally:
                self._writing = None
                if durable and not conn.invalidated:
                    _synchronous(conn, "NORMAL")

    @contextmanager
    def _shared(self) -> Iterator[Connection]:
        """The only connection of a store in memory; inner blocks join the outermost one's transaction."""
        with self._lock, translating(self.where):
            if self._writing is not None:
                yield self._writing
                return
            with self.engine.begin() as conn:
                self._writing = conn
                try:
                    yield conn
                finally:
                    self._writing = None


_WAIT_FOR_DISK = text(
    "SELECT set_config('synchronous_commit', 'on', true)"
    " WHERE current_setting('synchronous_commit') IN ('off', 'local')"
)


_ONE_WRITER = text("SELECT pg_advisory_xact_lock(hashtextextended('regulars writes ' || current_schema(), 0))")
"""SQLite has one writer at a time, and what reads before it writes rests on that."""


def open_database(url: str | None, folder: Path, *, now: Callable[[], int]) -> Database:
    """Open the store of the business in *folder*, made or brought to this version's tables where needed.

    *url* is the value of REGULARS_DATABASE: None or empty for the file in *folder*, `postgresql://` or `postgres://`
    (`?schema=NAME` keeps the tables in a schema of their own), `sqlite://` for one in memory, `sqlite:///FILE`.
    *now* gives milliseconds since 1970 UTC. Raises StoreError.
    """
    database = _connect(url, folder, now)
    from sync.store.upgrade import prepare  # noqa: PLC0415 - it needs Database

    try:
        with translating(database.where):
            prepare(database)
    except BaseException:
        database.close()
        raise
    return database


def _connect(url: str | None, folder: Path, now: Callable[[], int]) -> Database:
    if not url:
        return _sqlite_file(folder / FILE, now)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = URL.create("unknown")
    if parsed.drivername == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            return _sqlite_memory(now)
        return _sqlite_file(folder / str(parsed.database), now)
    if parsed.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return _postgres(parsed, now)
    raise StoreError(
        "REGULARS_DATABASE is not understood. Write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, or leave it out to"
        f" use the file {FILE}."
    )


def _sqlite_file(path: Path, now: Callable[[], int]) -> Database:
    where = str(path)
    if not path.exists():
        _create_private(path)
    elif not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        raise StoreError(
            f"{where} cannot be written. Give your user the right to write the file and its folder, then run the same"
            " command again."
        )
    url = URL.create("sqlite", database=where)
    arguments = {"timeout": _BUSY_MS / 1000, "cached_statements": 256, "check_same_thread": False}
    writer = create_engine(
        url, connect_args=arguments, poolclass=QueuePool, pool_size=1, max_overflow=0, hide_parameters=True
    )
    readers = create_engine(
        url, connect_args=arguments, poolclass=QueuePool, pool_size=4, max_overflow=28, hide_parameters=True
    )
    _prepare_sqlite(writer, _WRITER_CACHE_KIB, "BEGIN IMMEDIATE")
    _prepare_sqlite(readers, _READER_CACHE_KIB, "BEGIN", "query_only = 1")
    return Database(writer, readers, where=where, path=path, now=now)


def _sqlite_memory(now: Callable[[], int]) -> Database:
    engine = create_engine(
        "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}, hide_parameters=True
    )
    _prepare_sqlite(engine, _WRITER_CACHE_KIB, "BEGIN IMMEDIATE")
    return Database(engine, engine, where="the store in memory", path=None, now=now)


def _create_private(path: Path) -> None:
    """Make an empty file that only its owner may read, since it will hold an address book; SQLite gives its log the
    same rights. The folder is synced too: a durable commit in a file that a power cut removes is none."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        if os.name == "posix":
            folder = os.open(path.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be made: {error.strerror}. Check that its folder exists and that your user may write there."
        ) from error


def _prepare_sqlite(engine: Engine, cache_kib: int, begin: str, *more: str) -> None:
    """Set up each connection, and begin transactions ourselves: the driver would begin them late, and as readers,
    which then fail at once when they come to write."""

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        for pragma in (
            "journal_mode = WAL",
            "synchronous = NORMAL",
            "fullfsync = 1",  # macOS: without it a sync ends in the drive's own cache
            "foreign_keys = 1",
            f"cache_size = -{cache_kib}",
            "journal_size_limit = 67108864",
            *more,
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begun(conn: Connection) -> None:
        conn.exec_driver_sql(begin)


def _synchronous(conn: Connection, level: str) -> None:
    """SQLite refuses to change the level inside a transaction, so go past SQLAlchemy, which would begin one."""
    driver: Any = conn.connection.driver_connection
    driver.execute(f"PRAGMA synchronous = {level}").close()


def _postgres(url: URL, now: Callable[[], int]) -> Database:
    query = dict(url.query)
    schema = query.pop("schema", None)
    where = f"the PostgreSQL database {url.database or url.username} on {url.host or 'this machine'}:{url.port or 5432}"
    if schema is not None:
        if not isinstance(schema, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", schema):
            raise StoreError("REGULARS_DATABASE: schema= takes one name of letters, digits and underscores.")
        where += f", schema {schema}"
        query["options"] = f'{query.get("options", "")} -csearch_path="{schema}"'.strip()
    engine = create_engine(
        url.set(drivername="postgresql+psycopg", query=query),
        connect_args={"connect_timeout": 10, "application_name": "regulars", "keepalives_idle": 30},
        pool_size=5,
        max_overflow=15,
        pool_pre_ping=True,
        hide_parameters=True,
    )
    readers = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return Database(engine, readers, where=where, path=None, now=now)
