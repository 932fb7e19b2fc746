"""`regulars backup`: a complete copy, which opens as the store."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from sqlalchemy import insert

from regulars.workspace import Workspace
from sync.store.schema import meta
from tests.cli.shop import Shop


def test_a_copy_is_complete_and_opens(shop: Shop, tmp_path: Path) -> None:
    """Made while somebody writes, private, and a store like the other."""
    business = Workspace(shop.folder)
    stop = threading.Event()

    def writing() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            with business.database.write() as conn:
                conn.execute(insert(meta).values(key=f"{number} a", value="1"))
                conn.execute(insert(meta).values(key=f"{number} b", value="1"))

    thread = threading.Thread(target=writing)
    thread.start()
    copies = [shop.run("backup", str(tmp_path / f"{number}.backup"), "--json") for number in range(3)]
    stop.set()
    thread.join()
    business.close()

    for copy in copies:
        path = Path(copy.json["file"])
        with sqlite3.connect(path) as conn:
            pairs = conn.execute("SELECT count(*) FROM meta WHERE key LIKE '% _'").fetchone()[0]
            assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        conn.close()
        assert pairs % 2 == 0
        assert path.stat().st_mode & 0o777 == 0o600
    other = Shop(tmp_path / "other")
    assert other.run("init", "--name", "Other", "--country", "DE").code == 0
    (tmp_path / "2.backup").rename(other.folder / "regulars.db")
    assert other.run("status").code == 0


def test_nothing_is_overwritten(shop: Shop, tmp_path: Path) -> None:
    """A file that is there stays; a folder that is not there is said; a server is none of its business."""
    there = tmp_path / "there"
    there.write_text("mine")
    refused = shop.run("backup", str(there))
    nowhere = shop.run("backup", str(tmp_path / "no" / "where"))
    memory = shop.run("backup", REGULARS_DATABASE="sqlite://")
    named = shop.run("backup")

    assert (refused.code, nowhere.code, memory.code, named.code) == (2, 1, 2, 0)
    assert there.read_text() == "mine"
    assert "pg_dump" in memory.err
    assert len(list(shop.folder.glob("regulars.db.*.backup"))) == 1
