"""Bad input: each mistake ends in a sentence that says what to do, in the right exit code, and in no traceback."""

from __future__ import annotations

import sqlite3

import pytest

from regulars.config import parse
from regulars.trouble import ConfigError
from sync import queries
from tests.cli.shop import CREDENTIALS, Shop

BUSINESS = '[business]\nname = "Backhaus"\ncountry = "DE"\n'
HUBSPOT = BUSINESS + '[connections.hubspot]\nplatform = "hubspot"\n'

MISTAKES = (
    ("[business\n", ("line 1", "not TOML")),
    ("", ("business", "this section is missing", "[business] with name, country")),
    (BUSINESS.replace("DE", "de"), ("line 3", "business.country", '"DE"')),
    (BUSINESS + 'timezone = "Europe/Berln"\n', ("business.timezone", "Europe/Berlin")),
    (HUBSPOT + 'direktion = "both"\n', ("line 6", "direktion", '"direction"')),
    (HUBSPOT + 'direction = "bothh"\n', ("line 6", "connections.hubspot.direction", '"both"')),
    (HUBSPOT + 'create = "everyone"\n', ("connections.hubspot", "direction")),
    (HUBSPOT + "brakes.deletes = { share = 3, floor = 2 }\n", ("brakes.deletes.share", "1")),
    (BUSINESS + '[fields.phone]\ntrust = ["hubspt"]\n', ("fields.phone.trust", "hubspt")),
    ('fresh_for = "soon"\n' + BUSINESS, ("line 1", "fresh_for", '"10m"')),
    (BUSINESS + '[connections.Hub]\nplatform = "hubspot"\n', ("Hub", "small letters")),
)


@pytest.mark.parametrize(("text", "words"), MISTAKES, ids=lambda part: part[1][0] if isinstance(part, tuple) else None)
def test_a_wrong_configuration_names_line_key_and_way_out(text: str, words: tuple[str, ...]) -> None:
    """
    The error names what was wrong, where, and what was expected.
    """
    with pytest.raises(ConfigError) as caught:
        parse(text)

    for word in ("regulars.toml", *words):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HUBSPOT + 'fields = ["given_nam"]\n', ("fields", '"given_name"')),
        (HUBSPOT + 'fields = ["tags"]\n', ("tags", "contacts have no tags")),
        (HUBSPOT.replace('"hubspot"\n', '"hubspott"\n'), ("hubspott", '"hubspot"')),
        (HUBSPOT + '[fields.phon]\npolicy = "newest"\n', ("fields.phon", '"phone"')),
    ],
)
def test_an_unknown_field_or_platform_names_the_nearest(shop: Shop, text: str, words: tuple[str, ...]) -> None:
    """
    What the platform does not have is refused before anything is opened.
    """
    (shop.folder / "regulars.toml").write_text(text, "utf-8")
    answer = shop.run("plan")

    assert answer.code == 2, answer.err
    for word in words:
        assert word in answer.err


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (["sync"], 2, "regulars init"),
        (["init"], 2, "--name"),
        (["init", "--name", "B", "--country", "Atlantis"], 2, '"Atlantis" is no country'),
        (["init", "--name", "B", "--country", "DE", "--timezone", "Berlin"], 2, '"Europe/Berlin"'),
        (["frobnicate"], 2, "frobnicate"),
        (["people", "--limit", "0"], 2, "limit"),
    ],
)
def test_wrong_use_ends_in_2_and_says_what_to_do(shop: Shop, command: list[str], code: int, words: str) -> None:
    """
    Nothing is asked in a pipe.
    """
    answer = shop.run(*command)

    assert answer.code == code
    assert words in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["sync", "hubspto"], "hubspot"),
        (["settle", "phon", "--prefer", "hubspot"], "phone"),
        (["settle", "phone", "--prefer", "nobody"], "nobody"),
        (["undo", "99"], "regulars runs"),
        (["apply", "nowhere.jsonl"], "nowhere.jsonl"),
        (["apply", "regulars.toml"], "no plan"),
        (["connect", "hubspto"], "hubspot"),
        (["connect", "hubspot"], "HUBSPOT_TOKEN"),
        (["connect", "hubspot", "--credential-file", "nowhere"], "nowhere"),
        (["disconnect", "nobody"], "nobody"),
        (["release", "--field", "phone"], "--who"),
        (["split", "zz", "1"], "zz"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_wrong_use_in_a_business(settled_town: Shop, command: list[str], words: str) -> None:
    """
    Each names what was not understood and what is near it; in JSON too.
    """
    answer, document = settled_town.run(*command), settled_town.run(*command, "--json")

    assert answer.code == 2, answer.err
    assert words in answer.err
    assert document.json["exit"] == 2
    assert words in document.json["error"]["text"] + document.json["error"]["fix"]


def test_demo_credentials_reach_loopback_only_and_real_ones_never_the_sandbox(settled_town: Shop) -> None:
    """
    Neither leaves for the wrong side.
    """
    real = {"HUBSPOT_TOKEN": "pat-eu1-11111111-2222"}
    base = ["connect", "hubspot", "--name", "other"]
    cases = (
        settled_town.run(*base, **CREDENTIALS),
        settled_town.run(*base, "--base-url", settled_town.hubspot, **real),
        settled_town.run(*base, "--base-url", "https://api.example.com", **CREDENTIALS),
        settled_town.run(*base, "--base-url", "http://127.0.0.1.evil.example", **CREDENTIALS),
    )

    assert [answer.code for answer in cases] == [2, 2, 2, 2]
    assert not any(secret in one.err for one in cases for secret in (*CREDENTIALS.values(), *real.values()))


def test_an_unknown_credential_ends_in_3_and_nothing_is_stored(settled_town: Shop) -> None:
    """
    A credential that does not open is not kept.
    """
    wrong = {"HUBSPOT_TOKEN": "sandbox-somebody-else"}
    answer = settled_town.run("connect", "hubspot", "--name", "other", "--base-url", settled_town.hubspot, **wrong)

    assert answer.code == 3
    assert "HubSpot" in answer.err
    assert "sandbox-somebody-else" not in answer.err
    assert [one["name"] for one in settled_town.run("connections", "--json").json] == ["hubspot", "mailchimp"]


def test_a_credential_from_stdin(town: Shop) -> None:
    """
    `--credential-file -` reads it from the pipe.
    """
    arguments = ["connect", "hubspot", "--name", "second", "--base-url", town.hubspot, "--credential-file", "-"]
    answer = town.run(*arguments, "--json", stdin="sandbox-hubspot-demo\n")

    assert answer.code == 0, answer.err
    assert answer.json["account"]["id"] == "4242"
    assert len(answer.json["samples"]) == 3


def test_a_platform_that_cannot_be_reached_ends_in_3_and_the_rest_goes_on(town: Shop) -> None:
    """
    One broken connection does not stop the other.
    """
    path = town.folder / "regulars.toml"
    path.write_text(path.read_text("utf-8").replace(town.mailchimp, "http://127.0.0.1:9"), "utf-8")
    answer = town.run("sync", "--json")

    assert answer.code == 3
    assert "mailchimp" in answer.json["failures"]
    assert answer.json["connections"]["hubspot"]["new"] > 0


def test_a_stopped_connection_says_what_it_saw_and_waits_for_release(town: Shop) -> None:
    """
    A guard's stop ends in 1; `release` lets it go on.
    """
    path = town.folder / "regulars.toml"
    brake = (
        'direction = "both"\nbrakes.changes = { share = 0.0, floor = 0 }\nbrakes.opt_outs = { share = 0.0, floor = 0 }'
    )
    path.write_text(path.read_text("utf-8").replace('direction = "both"', brake), "utf-8")
    stopped = town.run("sync", "--json")
    told = town.run("sync")
    released = town.run("release", "--json")
    after = town.run("sync", "--json")

    assert stopped.json["stops"]
    assert stopped.code == told.code == 1
    assert "regulars release" in told.out
    assert released.json["released"]
    assert not after.json["stops"]


def test_a_store_from_a_newer_version_or_no_store_at_all(town: Shop) -> None:
    """
    Neither is touched; the sentence says what to do.
    """
    with sqlite3.connect(town.folder / "regulars.db") as store:
        store.execute("UPDATE alembic_version SET version_num = '9999'")
    newer = town.run("status")
    for path in town.folder.glob("regulars.db*"):
        path.unlink()
    (town.folder / "regulars.db").write_bytes(b"this is no database, and never was one" * 100)
    alien = town.run("status")

    assert (newer.code, alien.code) == (2, 2)
    assert "newer" in newer.err
    assert "store" in alien.err


def test_a_lost_key_says_what_to_do(town: Shop) -> None:
    """
    Without its key the store's credentials stay closed, and the sentence says how to go on.
    """
    (town.folder / "regulars.key").unlink()
    answer = town.run("sync")

    assert answer.code == 2
    assert "REGULARS_KEY" in answer.err


def test_an_unforeseen_mistake_is_an_apology_and_a_log_without_secrets(
    settled_town: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    No traceback reaches a user; the log keeps it with secrets taken out.
    """

    def broken(*_: object) -> None:
        raise RuntimeError("boom with Bearer abcdefghijkl and pat-eu1-1234abcd-5678")

    monkeypatch.setattr(queries, "status", broken)
    answer = settled_town.run("status")
    log = (settled_town.folder / "regulars-errors.log").read_text("utf-8")

    assert answer.code == 3
    assert "Sorry" in answer.err
    assert "Traceback" not in answer.err
    assert "Traceback" in log
    for secret in ("abcdefghijkl", "pat-eu1-1234abcd"):
        assert secret not in log + answer.err


def test_two_syncs_at_once(town: Shop) -> None:
    """
    The second says so and leaves with 1.
    """
    from sync.lease import lease
    from sync.store.database import open_database

    with open_database(None, town.folder, now=lambda: 1) as database, lease(database, "sync"):
        answer = town.run("sync")

    assert answer.code == 1
    assert "running" in answer.err
