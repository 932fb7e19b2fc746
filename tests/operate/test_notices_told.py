"""Notices to real receivers on this machine: encrypted, signed, once, with nothing in them that they must not hold."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from regulars.noticing import Noticing, noticing
from regulars.workspace import Workspace
from sync import runs
from sync.balance import Balance, ConnectionBalance
from sync.guard import Brake, Stop
from sync.lease import lease
from tests.cli.shop import Shop
from tests.cli.staying import end, running
from tests.operate.receivers import PASSWORD, USER, MailServer, certificate, mail_server, web_server

PATIENCE = 30.0
SECRET = "pat-eu1-0123456789abcdef"
"""What a platform's answer might hold; it must not be told."""


def configured(shop: Shop, text: str) -> Shop:
    """The business, with this about notices at the end of its file, and two connections that nobody opens."""
    with (shop.folder / "regulars.toml").open("a", encoding="utf-8") as file:
        for name in ("hubspot", "mailchimp"):
            if name not in (shop.folder / "regulars.toml").read_text("utf-8"):
                file.write(f'\n[connections.{name}]\nplatform = "{name}"\n')
        file.write(f"\n{text}\n")
    return shop


def by_mail(server: MailServer, security: str = "none", more: str = "", after: str = "0s") -> str:
    return (
        f'[notices]\nafter = "{after}"\n[notices.mail]\nhost = "127.0.0.1"\nport = {server.port}\n'
        f'security = "{security}"\nsender = "regulars@bakery.example"\nto = ["owner@bakery.example"]\n{more}'
    )


def failing(business: Workspace, name: str = "hubspot", text: str = f"{SECRET} of Erna Beck is refused") -> None:
    """A run ends in which a connection failed."""
    runs.register(business.database, [(one, one) for one in business.config.connections])
    number, _ = runs.begin(business.database, "sync", business.database.now())
    balance = Balance(run=number, failures={name: text} if name else {})
    balance.connections = {one: ConnectionBalance() for one in business.config.connections}
    runs.end(business.database, number, balance, business.database.now())


def until(seen: Callable[[], bool]) -> None:
    end_at = time.monotonic() + PATIENCE
    while not seen():
        assert time.monotonic() < end_at, "it never came"
        time.sleep(0.05)


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
def test_a_mail_server_is_spoken_to_as_it_asks(
    shop: Shop, tmp_path: Path, security: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Encrypted and signed in with the kept password; a wrong one is said without showing it."""
    pair = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pair[0]))
    with mail_server(security, pair, auth=security != "none") as server:
        signs_in = "" if security == "none" else f'user = "{USER}"\n'
        configured(shop, by_mail(server, security, signs_in))
        if signs_in:
            wrong = shop.run("notices", "--test", REGULARS_NOTICES_MAIL_PASSWORD="not the right one")
            assert (wrong.code, "neither this user nor this password" in wrong.out) == (3, True), wrong.out
            assert "not the right one" not in wrong.out + wrong.err
            shop.run("notices", "--password", stdin=PASSWORD + "\n")
        told = shop.run("notices", "--test")

    assert told.code == 0, told.out + told.err
    assert server.sessions == [(security != "none", bool(signs_in))]
    assert PASSWORD not in told.out + told.err
    assert PASSWORD.encode() not in (shop.folder / "regulars.toml").read_bytes()


def test_a_mail_server_that_nobody_vouches_for_gets_nothing(shop: Shop, tmp_path: Path) -> None:
    """No password and no word leaves where the certificate does not hold, or encryption is not offered."""
    with mail_server("starttls", certificate(tmp_path)) as unknown, mail_server("none") as plain:
        configured(shop, by_mail(unknown, "starttls"))
        first = shop.run("notices", "--test")
        text = (shop.folder / "regulars.toml").read_text("utf-8").replace(str(unknown.port), str(plain.port))
        (shop.folder / "regulars.toml").write_text(text, "utf-8")
        second = shop.run("notices", "--test")

    assert (first.code, second.code) == (3, 3)
    assert "certificate does not hold" in first.out
    assert "does not offer" in second.out
    assert unknown.got == plain.got == []


def test_a_webhook_is_signed_and_stays_outside(shop: Shop) -> None:
    """The listener's own library proves it; a private address is refused unless the file says so."""
    with web_server() as server:
        text = f'[notices.webhook]\nurl = "{server.url}"\n'
        configured(shop, text + "private = true\n")
        unsigned = shop.run("notices", "--test")
        made = shop.run("notices", "--new-secret")
        secret = made.err.split()[-1]
        told = shop.run("notices", "--test")
        server.status = 500
        refused = shop.run("notices", "--test")
        kept = (shop.folder / "regulars.toml").read_text("utf-8")
        (shop.folder / "regulars.toml").write_text(kept.replace("private = true\n", ""), "utf-8")
        private = shop.run("notices", "--test")

    assert (unsigned.code, told.code, refused.code, private.code) == (3, 0, 3, 2), told.out + told.err
    assert "--new-secret" in unsigned.out
    assert "answered 500" in refused.out
    assert "private = true" in private.err
    documents = server.told(secret)
    assert [one["type"] for one in documents] == ["notice", "notice"]
    assert documents[0]["id"] == server.got[0][0]["webhook-id"]
    assert secret not in told.out + told.err


def test_once_per_matter_and_its_end_once(shop: Shop) -> None:
    """Run after run a failure is one mail, without what the platform said; working again is one more."""
    with mail_server("none") as server:
        configured(shop, by_mail(server))
        business = Workspace(shop.folder)
        work = Noticing(business, pytest.fail)
        for _ in range(3):
            failing(business)
            work.turn()
        once = len(server.got)
        with business.database.write() as conn:
            conn.exec_driver_sql("UPDATE connection SET pulled_at = 9000000000000")
        failing(business, "")
        for _ in range(3):
            work.turn()
        business.close()

    assert (once, len(server.got)) == (1, 2)
    assert "Corner Bakery" in server.got[0]["subject"]
    assert server.got[0]["to"] == "owner@bakery.example"
    assert "hubspot fails since" in server.texts[0]
    assert "hubspot works again" in server.texts[1]
    assert not [text for text in server.texts if SECRET in text or "Erna" in text]


def test_all_of_a_look_is_one_mail_with_what_to_do(shop: Shop) -> None:
    """A guard and a failure at once are told together; the list says the same, and when it was told."""
    with mail_server("none") as server:
        configured(shop, by_mail(server))
        business = Workspace(shop.folder)
        runs.register(business.database, [("mailchimp", "mailchimp")])
        runs.stop(business.database, Stop(Brake.OPT_OUTS, "mailchimp", "120 opt-outs by erna@beck.example", 120))
        failing(business)
        before = shop.run("notices")
        Noticing(business, pytest.fail).turn()
        business.close()
        after = shop.run("notices", "--json")

    assert len(server.got) == 1
    assert "120 opt-outs" in server.texts[0]
    assert "`regulars release mailchimp`" in server.texts[0]
    assert "erna" not in server.texts[0]
    assert (before.code, after.code) == (1, 1)
    assert before.out.count("not yet") == 2
    assert [(one["kind"], one["subject"], list(one["told"])) for one in after.json["stands"]] == [
        ("failure", "hubspot", ["mail"]),
        ("guard", "mailchimp", ["mail"]),
    ]


def test_a_crash_loses_nothing_and_doubles_one_at_most(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after the mail left and before that was noted, it leaves once more with the same id; then no more."""
    with mail_server("none") as server:
        configured(shop, by_mail(server))
        business = Workspace(shop.folder)
        failing(business)

        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr("sync.notices.note_told", killed)
            Noticing(business, pytest.fail).turn()
        for _ in range(3):
            Noticing(business, pytest.fail).turn()
        business.close()

    assert len(server.got) == 2
    assert server.got[0]["message-id"] == server.got[1]["message-id"]
    assert server.texts[0] == server.texts[1]


def test_who_cannot_be_told_is_tried_again_later_alone(shop: Shop) -> None:
    """A mail server that refuses rests for a minute and is shown; the webhook is told once meanwhile."""
    said: list[str] = []
    with mail_server("none") as server, web_server() as web:
        configured(shop, by_mail(server) + f'[notices.webhook]\nurl = "{web.url}"\nprivate = true\n')
        made = shop.run("notices", "--new-secret")
        business = Workspace(shop.folder)
        server.refuses = "451 erna@beck.example is over quota"
        failing(business)
        for _ in range(3):
            Noticing(business, said.append).turn()
        shown = shop.run("notices")
        with business.database.write() as conn:
            conn.exec_driver_sql("UPDATE notice_channel SET rests_until = 0")
        server.refuses = ""
        Noticing(business, said.append).turn()
        again = shop.run("notices", "--json")
        business.close()

    assert len(said) == 1
    assert "answered 451" in said[0]
    assert "erna" not in said[0] + shown.out
    assert "It failed" in shown.out
    assert (len(web.told(made.err.split()[-1])), len(server.got)) == (1, 1)
    assert [one["failures"] for one in again.json["told"]] == [0, 0]


def test_two_at_once_tell_once(shop: Shop) -> None:
    """While another process is at it, nothing is sent; afterwards what is left is."""
    with mail_server("none") as server:
        configured(shop, by_mail(server))
        business = Workspace(shop.folder)
        failing(business)
        with lease(business.database, "notices"):
            Noticing(business, pytest.fail).turn()
            meanwhile = len(server.got)
        with noticing(business, pytest.fail), noticing(business, pytest.fail):
            until(lambda: bool(server.got))
        business.close()

    assert (meanwhile, len(server.got)) == (0, 1)


def test_nobody_to_tell_costs_nothing(shop: Shop) -> None:
    """Without [notices] nothing is looked at or kept, and the list says how to change that."""
    configured(shop, "")
    business = Workspace(shop.folder)
    failing(business)
    work = Noticing(business, pytest.fail)
    work.broke()
    told = work.turn()
    with business.read() as conn:
        kept = conn.exec_driver_sql("SELECT count(*) FROM notice").scalar()
    business.close()
    shown = shop.run("notices", "--test")

    assert (told, kept) == (0, 0)
    assert (shown.code, "[notices.mail]" in shown.err) == (2, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[notices.mail]\nhost = "x"\nsender = "a@b.example"\nto = []\n', "notices.mail.to"),
        ('[notices.mail]\nhost = "x"\nsender = "nobody"\nto = ["a@b.example"]\n', '"nobody" is no e-mail address'),
        ('[notices.mail]\nhost = "x y"\nsender = "a@b.example"\nto = ["a@b.example"]\n', "name of a mail server"),
        ('[notices.mail]\nhost = "x"\nsender = "a@b.example"\nto = ["a@b.example"]\nport = 0\n', "notices.mail.port"),
        ('[notices.mail]\nhost = "x"\nsender = "a@b.example"\nto = ["a@b.example"]\npasword = "x"\n', "pasword"),
        (
            '[notices.mail]\nhost = "x.example"\nuser = "u"\nsecurity = "none"\nsender = "a@b.de"\nto = ["a@b.de"]',
            "readable by anybody",
        ),
        ('[notices.mail]\nhost = "x"\nsecurity = "ssl"\nsender = "a@b.example"\nto = ["a@b.example"]\n', '"starttls"'),
        ('[notices.webhook]\nurl = "http://hooks.example/x"\n', "https://"),
        ('[notices.webhook]\nurl = "https://127.0.0.1/x"\n', "private = true"),
        ('[notices]\nafter = "soon"\n', "notices.after"),
    ],
)
def test_what_is_wrong_in_the_file_is_said(shop: Shop, text: str, said: str) -> None:
    """With the key and what was expected."""
    configured(shop, text)
    told = shop.run("notices")

    assert (told.code, said in told.err) == (2, True), told.err


def town_with(town: Shop, server: MailServer) -> Shop:
    assert town.run("sync").code in (0, 1)
    return configured(town, by_mail(server))


def test_a_sync_that_nobody_watches_tells(town: Shop) -> None:
    """A credential that is refused and, with the right one, its end; one that is missing is told too."""
    with mail_server("none") as server:
        town_with(town, server)
        refused = [town.run("sync", "--quiet", REGULARS_HUBSPOT_TOKEN="sandbox-of-somebody-else") for _ in range(2)]
        after_refused = len(server.got)
        works = town.run("sync", "--quiet")

    assert [one.code for one in refused] == [3, 3]
    assert "hubspot failed" in refused[0].err
    assert (refused[0].out, works.out, works.err) == ("", "", "")
    assert (after_refused, len(server.got)) == (1, 2)
    assert "hubspot fails since" in server.texts[0]
    assert "hubspot works again" in server.texts[1]


def test_a_run_that_cannot_begin_is_told(town: Shop) -> None:
    """Without a credential there is no run to show it; the next one that begins ends the matter."""
    with mail_server("none") as server:
        town_with(town, server)
        text = (town.folder / "regulars.toml").read_text("utf-8")
        more = '[connections.second]\nplatform = "hubspot"\n'
        (town.folder / "regulars.toml").write_text(text + more, "utf-8")
        failed = [town.run("sync", "--quiet").code for _ in range(2)]
        (town.folder / "regulars.toml").write_text(text, "utf-8")
        town.run("sync", "--quiet")

    assert failed == [3, 3]
    assert len(server.got) == 2
    assert "No run could begin" in server.texts[0]
    assert "Runs begin again" in server.texts[1]


def test_serving_tells(town: Shop) -> None:
    """A credential that is refused while `serve` runs is told within its look, once."""
    with mail_server("none") as server:
        configured(town_with(town, server), '[webhooks]\nevery = "2s"\n')
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("REGULARS_HUBSPOT_TOKEN", "sandbox-of-somebody-else")
            with running(town, "serve", "--port", "0") as (process, _):
                until(lambda: bool(server.got))
                time.sleep(0.5)
                code, said = end(process)

    assert (code, len(server.got)) == (0, 1), said
    assert "hubspot fails since" in server.texts[0], said
