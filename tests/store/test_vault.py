"""Secrets stay secret: sealed in the store, hidden in `repr`, errors, logs; a key that others can read is refused."""

from __future__ import annotations

import base64
import logging
import sqlite3
import stat
import threading
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.keys import FILE, KeyMissing, LocalKeys
from sync.store.database import Database, open_database
from sync.store.schema import secret
from sync.vault import Vault, VaultError, redact, variable

TOKEN = "pat-eu1-7f3c-not-a-real-token"


def vault(database: Database, folder: Path, **environ: str) -> Vault:
    return Vault(database, LocalKeys(folder, environ), environ)


def test_put_get_forget(database: Database, tmp_path: Path) -> None:
    """What was put is got, by another process too, replaced by the next, and gone when forgotten."""
    vault(database, tmp_path).put("hubspot", {"token": "old"})
    vault(database, tmp_path).put("hubspot", {"token": TOKEN, "refresh": "r€"})
    one = vault(database, tmp_path)

    assert dict(one.get("hubspot")) == {"token": TOKEN, "refresh": "r€"}
    assert dict(one.get("mailchimp")) == {}
    assert (one.forget("hubspot"), one.forget("hubspot")) == (True, False)
    assert dict(one.get("hubspot")) == {}


def test_nothing_readable_is_stored(tmp_path: Path) -> None:
    """Neither the store nor its log holds the secret; equal secrets are sealed differently."""
    with open_database(None, tmp_path, now=lambda: 0) as database:
        one = vault(database, tmp_path)
        one.put("hubspot", {"token": TOKEN})
        one.put("other", {"token": TOKEN})
        stored = b"".join(path.read_bytes() for path in tmp_path.glob("regulars.db*"))
        with database.read() as conn:
            sealed = list(conn.execute(secret.select()).all())

    assert TOKEN.encode() not in stored
    assert b"token" not in b"".join(row.sealed for row in sealed)
    assert sealed[0].sealed[13:] != sealed[1].sealed[13:]


def test_repr_shows_nothing(database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nor does a log line that prints all of it."""
    caplog.set_level(logging.DEBUG)
    one = vault(database, tmp_path)
    one.put("hubspot", {"token": TOKEN})
    found = one.get("hubspot")
    logging.getLogger("test").info("%r %s %r %s", one, one, found, found)

    assert repr(found) == "Secrets(token=***)"
    assert TOKEN not in caplog.text


def test_environment_comes_first(database: Database, tmp_path: Path) -> None:
    """REGULARS_<NAME>_<PART> replaces that part, and alone is enough: no key and no store is needed."""
    vault(database, tmp_path).put("shop-eu", {"token": "stored", "refresh": "stored"})
    over = vault(database, tmp_path, REGULARS_SHOP_EU_TOKEN="given")
    (tmp_path / FILE).unlink()
    alone = vault(database, tmp_path, REGULARS_SHOP_EU_TOKEN="given", REGULARS_OTHER_TOKEN="x")

    assert variable("shop-eu", "token") == "REGULARS_SHOP_EU_TOKEN"
    assert dict(alone.get("shop-eu", ["token"])) == {"token": "given"}
    assert dict(alone.get("shop-eu", ["token", "refresh"])) == {"token": "given"}
    with pytest.raises(KeyMissing, match="key of the stored credentials is gone"):
        over.get("shop-eu")


def test_environment_replaces_one_part(database: Database, tmp_path: Path) -> None:
    """The other parts stay as kept."""
    vault(database, tmp_path).put("shop", {"token": "stored", "refresh": "kept"})
    over = vault(database, tmp_path, REGULARS_SHOP_TOKEN="given")

    assert dict(over.get("shop")) == {"token": "given", "refresh": "kept"}


def test_wrong_key(database: Database, tmp_path: Path) -> None:
    """It is said which credential, why, and both ways out; and nothing is sealed beside it with another key."""
    vault(database, tmp_path).put("hubspot", {"token": TOKEN})
    other = vault(database, tmp_path, REGULARS_KEY=b64encode(b"k" * 32).decode())

    with pytest.raises(VaultError, match="credential of hubspot cannot be opened with this key.*regulars disconnect"):
        other.get("hubspot")
    with pytest.raises(VaultError, match="credential of hubspot"):
        other.put("mailchimp", {"token": "new"})
    assert dict(vault(database, tmp_path).get("hubspot")) == {"token": TOKEN}
    other.put("hubspot", {"token": "new"})  # the last one may be replaced
    assert dict(other.get("hubspot")) == {"token": "new"}


def test_a_secret_moved_to_another_name_does_not_open(database: Database, tmp_path: Path) -> None:
    """Nor does a damaged one."""
    one = vault(database, tmp_path)
    one.put("hubspot", {"token": TOKEN})
    with database.write() as conn:
        conn.exec_driver_sql("UPDATE secret SET name = 'sandbox'")

    with pytest.raises(VaultError, match="credential of sandbox"):
        one.get("sandbox")
    with database.write() as conn:
        conn.execute(secret.update().values(sealed=b"\x01short"))
    with pytest.raises(VaultError):
        one.get("sandbox")


def test_key_file_is_private(tmp_path: Path) -> None:
    """Made for its owner only, once; the same key ever after."""
    keys = LocalKeys(tmp_path, {})
    key = keys.key(create=True)

    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert keys.key(create=True) == LocalKeys(tmp_path, {}).key(create=False) == key
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_key_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """With the command that puts it right."""
    LocalKeys(tmp_path, {}).key(create=True)
    (tmp_path / FILE).chmod(mode)

    with pytest.raises(KeyMissing, match="chmod 600"):
        LocalKeys(tmp_path, {}).key(create=True)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff\xfe", b64encode(b"x" * 31), b"?" * 44])
def test_key_file_that_holds_no_key(tmp_path: Path, content: bytes) -> None:
    """A damaged key is never replaced by a new one: the old secrets still need it."""
    (tmp_path / FILE).write_bytes(content)
    (tmp_path / FILE).chmod(0o600)

    with pytest.raises(KeyMissing):
        LocalKeys(tmp_path, {}).key(create=True)
    assert (tmp_path / FILE).read_bytes() == content


def test_key_from_the_environment(tmp_path: Path) -> None:
    """Either base64 alphabet, with or without padding; nothing is written."""
    key = bytes(range(220, 252))
    for text in (b64encode(key).decode(), base64.urlsafe_b64encode(key).decode().rstrip("=")):
        assert LocalKeys(tmp_path, {"REGULARS_KEY": text}).key(create=True) == key

    with pytest.raises(KeyMissing, match="REGULARS_KEY does not hold a key") as caught:
        LocalKeys(tmp_path, {"REGULARS_KEY": "my password"}).key(create=True)
    assert "my password" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_two_at_once_make_one_key(tmp_path: Path) -> None:
    """Whoever comes second uses the first one's."""
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(LocalKeys(tmp_path, {}).key(create=True))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8
    assert len(set(found)) == 1


class Keyring:
    """A keyring that works, forgets what it is given, or breaks."""

    def __init__(self, mood: str) -> None:
        self.mood = mood
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        if self.mood == "breaks":
            raise RuntimeError("no desktop")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.mood == "breaks":
            raise RuntimeError("no desktop")
        if self.mood == "works":
            self.kept[service, username] = password


@pytest.mark.parametrize(("mood", "file"), [("works", False), ("forgets", True), ("breaks", True)])
def test_keyring_where_one_works(tmp_path: Path, mood: str, file: bool) -> None:
    """A keyring that gives the key back keeps it; otherwise it lies in the file."""
    keyring = Keyring(mood)
    key = LocalKeys(tmp_path, {}, lambda: keyring).key(create=True)

    assert (tmp_path / FILE).exists() is file
    assert LocalKeys(tmp_path, {}, lambda: keyring).key(create=False) == key


def test_no_key_is_made_to_read(tmp_path: Path) -> None:
    """A lost key is said to be lost."""
    with pytest.raises(KeyMissing, match="is gone"):
        LocalKeys(tmp_path, {}).key(create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_lost_key_is_not_replaced_while_it_is_needed(database: Database, tmp_path: Path) -> None:
    """Or the credentials kept with the old one could never be opened when it is found again."""
    one = vault(database, tmp_path)
    one.put("hubspot", {"token": TOKEN})
    (tmp_path / FILE).unlink()

    with pytest.raises(KeyMissing, match="is gone"):
        one.put("mailchimp", {"token": "x"})


secrets = st.text(min_size=9, max_size=40)


@given(secrets, st.text(max_size=8), st.text(max_size=8))
def test_redact(value: str, before: str, after: str) -> None:
    """No way of writing a secret in a URL, JSON or Basic header is left readable."""
    try:
        raw = value.encode()
    except UnicodeEncodeError:
        return
    for text in (f"{before}{value}{after}", f"{before}?key={quote(value, safe='')}"):
        assert value not in redact(text, [value])
    basic = b64encode(before.encode("utf-8", "replace") + b":" + raw).decode()
    hidden = redact(f"Basic {basic}", [value])

    assert "***" in hidden
    assert hidden.count("***") == 1


def test_redact_leaves_the_rest() -> None:
    """The longest first, several at once, and no empty or tiny secret that would blank the whole text."""
    text = "token abcdef-longer and abcdef; ok"

    assert redact(text, ["abcdef", "abcdef-longer", "", "ok"]) == "token *** and ***; ok"


def test_two_stores_two_keys(tmp_path: Path) -> None:
    """A copied store without its key file gives nothing away."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with open_database(None, tmp_path / "a", now=lambda: 0) as database:
        vault(database, tmp_path / "a").put("hubspot", {"token": TOKEN})
    copy = sqlite3.connect(tmp_path / "b" / "regulars.db")
    source = sqlite3.connect(tmp_path / "a" / "regulars.db")
    source.backup(copy)
    copy.close()
    source.close()

    with open_database(None, tmp_path / "b", now=lambda: 0) as database, pytest.raises(KeyMissing):
        vault(database, tmp_path / "b").get("hubspot")
