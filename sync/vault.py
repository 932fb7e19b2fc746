"""The vault: credentials, encrypted in the store, and taken from the environment before that.

AES-256-GCM with the connection's name as associated data, so that one connection's secret cannot be passed off as
another's. The key lies elsewhere: in REGULARS_KEY, in the system's keyring, or in a file that only its owner reads.
Whoever has the store and the key file has the secrets: the file protects a copied or mailed store, not a stolen
folder.
"""

from __future__ import annotations

import os
import re
import secrets
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, delete, insert, select

from sync.keys import KeySource
from sync.store.database import Database
from sync.store.errors import StoreError
from sync.store.schema import secret as table

_FORMAT = b"\x01"
_NONCE = 12
_SHORTEST = 4


class VaultError(StoreError):
    """A credential cannot be read or kept. The text says what to do, and shows nothing secret."""


class Secrets(Mapping[str, str]):
    """The parts of one credential by name. Its `repr` names the parts and shows no value."""

    def __init__(self, parts: Mapping[str, str]) -> None:
        self._parts = dict(parts)

    def __getitem__(self, part: str) -> str:
        return self._parts[part]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def __repr__(self) -> str:
        return f"Secrets({', '.join(f'{part}=***' for part in self._parts)})"


class Vault:
    """Credentials by connection name."""

    def __init__(self, database: Database, keys: KeySource, environ: Mapping[str, str] = os.environ) -> None:
        self._database = database
        self._keys = keys
        self._environ = environ

    def put(self, name: str, parts: Mapping[str, str]) -> None:
        """Keep a credential, in place of the one kept for that name; on disk before this returns. Raises VaultError
        where the key is not the one that sealed the others."""
        key = self._keys.key(create=self._empty())
        with self._database.durable() as conn:
            self._same_key(conn, key, name)
            nonce = secrets.token_bytes(_NONCE)
            sealed = _FORMAT + nonce + AESGCM(key).encrypt(nonce, msgspec.json.encode(dict(parts)), name.encode())
            conn.execute(delete(table).where(table.c.name == name))
            conn.execute(insert(table).values(name=name, sealed=sealed))

    def get(self, name: str, parts: Iterable[str] = ()) -> Secrets:
        """The credential of a connection; empty where there is none.

        Each part kept, and each of *parts*, is taken from the environment where REGULARS_<NAME>_<PART> is set.
        Raises VaultError where the kept one is needed and cannot be opened.
        """
        given = {part: value for part in parts if (value := self._environ.get(variable(name, part)))}
        if given and all(part in given for part in parts):
            return Secrets(given)
        with self._database.read() as conn:
            sealed = conn.execute(select(table.c.sealed).where(table.c.name == name)).scalar()
        if sealed is None:
            return Secrets(given)
        try:
            kept = _open(bytes(sealed), self._keys.key(create=False), name)
        except StoreError:
            if given:  # enough to go on without the key, as the error below would advise
                return Secrets(given)
            raise
        over = {part: value for part in kept if (value := self._environ.get(variable(name, part)))}
        return Secrets({**kept, **over, **given})

    def copy(self, name: str, other: str) -> bool:
        """Keep the credential of *name* for *other* too; whether there was one. Takes nothing from the environment."""
        with self._database.read() as conn:
            sealed = conn.execute(select(table.c.sealed).where(table.c.name == name)).scalar()
        if sealed is None:
            return False
        self.put(other, _open(bytes(sealed), self._keys.key(create=False), name))
        return True

    def forget(self, name: str) -> bool:
        """Remove the credential kept for a name; whether there was one. Needs no key."""
        with self._database.durable() as conn:
            return bool(conn.execute(delete(table).where(table.c.name == name)).rowcount)

    def __repr__(self) -> str:
        return "Vault(***)"

    def _empty(self) -> bool:
        with self._database.read() as conn:
            return conn.execute(select(table.c.name).limit(1)).first() is None

    def _same_key(self, conn: Connection, key: bytes, name: str) -> None:
        other = conn.execute(select(table.c.name, table.c.sealed).where(table.c.name != name).limit(1)).first()
        if other is not None:
            _open(bytes(other.sealed), key, other.name)


def variable(name: str, part: str) -> str:
    """The environment variable that gives one part of a connection's credential: REGULARS_HUBSPOT_TOKEN."""
    return re.sub(r"[^A-Z0-9]+", "_", f"REGULARS_{name}_{part}".upper())


def _open(sealed: bytes, key: bytes, name: str) -> dict[str, str]:
    nonce, body = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
    try:
        if sealed[:1] != _FORMAT:
            raise InvalidTag
        return msgspec.json.decode(AESGCM(key).decrypt(nonce, body, name.encode()), type=dict[str, str])
    except (InvalidTag, ValueError, msgspec.DecodeError):
        raise VaultError(
            f"The credential of {name} cannot be opened with this key. Bring back the key that sealed it (REGULARS_KEY,"
            f" the system's keyring or the file regulars.key), or run `regulars disconnect {name}` and connect it"
            f" again, or set {variable(name, 'PART')} for each part of it, for example {variable(name, 'token')}."
        ) from None


def redact(text: str, hidden: Iterable[str]) -> str:
    """*text* with each secret replaced by ***, the longest first, also where it is quoted for a URL, JSON or HTTP
    Basic. A secret shorter than four characters is left, since replacing it would tell more than it hides."""
    forms: set[str] = set()
    for value in hidden:
        if len(value) >= _SHORTEST:
            forms.update(_forms(value))
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, "***")
    return text


def _forms(value: str) -> set[str]:
    """How one secret may be written in a text: plain, in a URL, in JSON, and in base64 wherever it begins."""
    quoted = {quote(value, safe=""), quote_plus(value), msgspec.json.encode(value).decode()[1:-1]}
    raw = value.encode("utf-8", "surrogatepass")
    for shift in range(3):
        # Base64 of three bytes is four characters: leave out those at the ends that depend on the neighbours.
        body = raw[(3 - shift) % 3 :]
        body = body[: len(body) // 3 * 3]
        if len(body) >= 6:  # eight characters of base64
            quoted.add(b64encode(body).decode())
            quoted.add(urlsafe_b64encode(body).decode())
    return {value, *quoted}
