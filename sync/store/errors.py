"""What can go wrong with the store, in sentences for people.

Only what a person can do something about is translated: a full disk, a locked or damaged file, a server that does
not answer. A broken constraint or a wrong statement is a bug of ours and passes through unchanged.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout


class StoreError(Exception):
    """The store cannot be used as it stands. The text says what happened, where, and what to do."""


_SQLITE = {
    sqlite3.SQLITE_FULL: "The disk that holds {where} is full. Nothing half-done was kept. Free some space, then run"
    " the same command again.",
    sqlite3.SQLITE_READONLY: "{where} cannot be written. Give your user the right to write the file and its folder,"
    " then run the same command again.",
    sqlite3.SQLITE_PERM: "{where} cannot be opened: permission denied. Give your user the right to read and write it.",
    sqlite3.SQLITE_BUSY: "Another program has been writing to {where} for too long. Wait until it has finished, or"
    " stop it, then run the same command again.",
    sqlite3.SQLITE_LOCKED: "Another program is changing {where}. Wait until it has finished, then run the same"
    " command again.",
    sqlite3.SQLITE_CORRUPT: "{where} is damaged. Put a backup in its place (the *.backup files beside it, or your"
    " own); `sqlite3 FILE .recover` may save what was added since.",
    sqlite3.SQLITE_NOTADB: "{where} is not a Regulars store, or is damaged. Move it away, or put a backup in its place"
    " (the *.backup files beside it, or your own).",
    sqlite3.SQLITE_CANTOPEN: "{where} cannot be opened. Check that its folder exists and that your user may write"
    " there.",
    sqlite3.SQLITE_IOERR: "The disk answered with an error while {where} was used. Check the disk, then run the same"
    " command again; what was committed is kept.",
}

_POSTGRES = {
    "53100": "The disk of {where} is full. Nothing half-done was kept. Free some space on the server, then run the"
    " same command again.",
    "53300": "{where} takes no more connections. Close some, or raise max_connections, then run the same command"
    " again.",
    "25006": "{where} is read-only (a standby?). Point REGULARS_DATABASE at the primary server.",
    "28P01": "{where} refused the password. Correct it in REGULARS_DATABASE.",
    "28000": "{where} refused the user. Correct REGULARS_DATABASE, or the server's pg_hba.conf.",
    "3D000": "{where} does not exist. Create it with `createdb`, or correct REGULARS_DATABASE.",
    "42501": "The user may not do this in {where}. Grant it the right to create and change tables there.",
    "55P03": "Another program is changing {where}. Wait until it has finished, then run the same command again.",
    "57P03": "{where} is starting up or shutting down. Try again in a moment.",
    "XX001": "{where} reports damaged data. Stop, and restore a backup.",
}

_LOST = (
    "The connection to {where} was lost or could not be made. Check that the server runs and that REGULARS_DATABASE is"
    " right, then run the same command again; what was committed is kept. ({why})"
)


def translated(error: BaseException, where: str) -> StoreError | None:
    """The sentence for a driver's error, or None where it is a bug of ours. *where* names the store, with no
    password."""
    if isinstance(error, PoolTimeout):
        return StoreError(f"All connections to {where} are in use. Try again in a moment.")
    if isinstance(error, DBAPIError):
        error = error.orig or error
    if isinstance(error, sqlite3.Error):
        text = _SQLITE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
    elif isinstance(error, psycopg.Error):
        text = _POSTGRES.get(error.sqlstate or "")
        lost = error.sqlstate is None or error.sqlstate[:2] in ("08", "57")
        if text is None and isinstance(error, psycopg.OperationalError) and lost:
            text = _LOST
    else:
        return None
    if text is None:
        return None
    why = " ".join(str(error).split())
    if text.startswith("{") and where.startswith("the "):  # a file keeps its name
        where = where[0].upper() + where[1:]
    return StoreError(text.format(where=where, why=why))


@contextmanager
def translating(where: str) -> Iterator[None]:
    """Raise StoreError in place of a driver's error that a person can do something about."""
    try:
        yield
    except (DBAPIError, PoolTimeout, sqlite3.Error, psycopg.Error) as error:
        known = translated(error, where)
        if known is None:
            raise
        raise known from error
