"""Where the key of the vault comes from: REGULARS_KEY, the system's keyring where one works, else a key file."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from sync.store.errors import StoreError

VARIABLE = "REGULARS_KEY"
FILE = "regulars.key"
_BYTES = 32
_SERVICE = "regulars"


class KeyMissing(StoreError):
    """There is no key, or not one that may be used."""


class KeySource(Protocol):
    """Gives the vault's key: 32 bytes."""

    def key(self, *, create: bool) -> bytes:
        """The key; made and kept where there is none and *create* is set. Raises KeyMissing."""
        ...


class Keyring(Protocol):
    """The part of the `keyring` library that we use."""

    def get_password(self, service: str, username: str) -> str | None: ...

    def set_password(self, service: str, username: str, password: str) -> None: ...


class LocalKeys:
    """The key of the store in one folder.

    Looks in the environment, then for the key file, then in the keyring. A new key goes to the keyring if that gives
    it back when asked, else into the file. *keyring* finds the keyring (`system_keyring`), and is called only when
    it is needed.
    """

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str] = os.environ,
        keyring: Callable[[], Keyring | None] = lambda: None,
    ) -> None:
        self._path = folder / FILE
        self._environ = environ
        self._find_keyring = keyring
        self._entry = str(folder.resolve())

    def key(self, *, create: bool) -> bytes:
        """See KeySource."""
        given = self._environ.get(VARIABLE)
        if given:
            return _decoded(given, VARIABLE)
        if self._path.exists():
            return self._from_file()
        kept = self._from_keyring()
        if kept is not None:
            return _decoded(kept, "the system's keyring")
        if not create:
            raise KeyMissing(
                f"The key of the stored credentials is gone: neither {VARIABLE} nor the system's keyring nor"
                f" {self._path} has it. Bring it back, or run `regulars disconnect` and `regulars connect` for each"
                " connection."
            )
        new = base64.b64encode(secrets.token_bytes(_BYTES)).decode()
        if not self._to_keyring(new):
            self._to_file(new)
            new = self._path.read_text()  # of two processes that make one at once, the first one's stands
        return _decoded(new, str(self._path))

    def __repr__(self) -> str:
        return f"LocalKeys({self._path.parent})"

    def _from_file(self) -> bytes:
        try:
            found = self._path.stat()
            if os.name == "posix" and stat.S_IMODE(found.st_mode) & 0o077:
                raise KeyMissing(
                    f"Others on this machine may read the key file {self._path}. Run `chmod 600 {self._path}`; if"
                    " somebody may have read it, connect your platforms again with new credentials."
                )
            return _decoded(self._path.read_text(), str(self._path))
        except (OSError, UnicodeDecodeError) as error:
            raise KeyMissing(f"The key file {self._path} cannot be read ({error}). Check its owner.") from error

    def _to_file(self, key: str) -> None:
        """Complete or not there at all: written under another name, then linked, which fails where one is there."""
        part = self._path.with_name(f"{FILE}.{secrets.token_hex(4)}.part")
        try:
            descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(key + "\n")
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(part, self._path)
            except FileExistsError:
                pass
            except OSError:  # a file system without links (FAT)
                part.replace(self._path)
        except OSError as error:
            raise KeyMissing(f"The key file {self._path} cannot be written ({error}).") from error
        finally:
            part.unlink(missing_ok=True)

    def _from_keyring(self) -> str | None:
        keyring = self._find_keyring()
        if keyring is None:
            return None
        try:
            return keyring.get_password(_SERVICE, self._entry)
        except Exception:  # noqa: BLE001 - its backends raise whatever their desktop raises
            return None

    def _to_keyring(self, key: str) -> bool:
        """Whether it was kept, which only reading it back tells."""
        keyring = self._find_keyring()
        if keyring is None:
            return False
        with suppress(Exception):
            keyring.set_password(_SERVICE, self._entry, key)
        return self._from_keyring() == key


def system_keyring() -> Keyring | None:
    """The system's keyring, or None where there is none that works without asking (a server, a container)."""
    import keyring  # noqa: PLC0415 - slow to load, and wanted only when a key is
    from keyring.backends import fail  # noqa: PLC0415

    try:
        backend = keyring.get_keyring()
        return None if isinstance(backend, fail.Keyring) or backend.priority < 1 else backend
    except Exception:  # noqa: BLE001 - see above
        return None


def _decoded(text: str, where: str) -> bytes:
    plain = text.strip().replace("-", "+").replace("_", "/").rstrip("=")
    try:
        key = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _BYTES:
        raise KeyMissing(
            f"{where} does not hold a key: 32 bytes in base64 are expected. `openssl rand -base64 32` makes a new one;"
            " credentials sealed with the old one need the old one."
        )
    return key
