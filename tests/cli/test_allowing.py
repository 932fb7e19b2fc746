"""An app is allowed in the browser: the address is opened, somebody says yes, and the connection works."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

import pexpect
import pytest

from connectors import oauth, platform
from connectors.base import Settings
from connectors.errors import BadCredentials
from connectors.oauth_app import OAuthApp
from regulars import allowing, street
from regulars.session import Session
from regulars.trouble import WrongUse
from sandbox.server import free_port
from tests.cli.shop import Shop

CLIENT = "sandbox-client"
SECRETS = {"hubspot": "sandbox-secret", "mailchimp": "sandbox-client-secret", "pipedrive": "sandbox-client-secret"}


@pytest.fixture(scope="module")
def addresses() -> Iterator[dict[str, str]]:
    """Three rehearsed platforms by name."""
    made = street.build(20, 3, quotas=False, also=("pipedrive",))
    with street.open_street(made, [0, 0, 0]) as opened:
        yield dict(zip(("hubspot", "mailchimp", "pipedrive"), opened, strict=True))


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str]) -> Session:
    return Session()


def read(address: str, **headers: str) -> str:
    with urlopen(Request(address, headers=headers), timeout=5) as answer:
        return str(answer.read().decode())


def clicks(link: str, *, before: Callable[[str], object] = lambda _: None) -> Callable[[str], bool]:
    """A browser in which somebody clicks on *link*, and *before* that something happens at the way back."""

    def opened(address: str) -> bool:
        (found,) = re.findall(f'id="{link}" href="([^"]+)"', read(address))

        def go() -> None:
            before(unescape(found))
            read(unescape(found))

        threading.Thread(target=go, daemon=True).start()
        return True

    return opened


@pytest.mark.parametrize("name", ["hubspot", "mailchimp", "pipedrive"])
def test_whoever_says_yes_is_connected(addresses: dict[str, str], here: Session, name: str) -> None:
    """What came back opens the account, and holds every part that the platform is opened with."""
    entry, base = platform(name), addresses[name]

    parts = allowing.allowed(here, entry, CLIENT, SECRETS[name], base=base, port=free_port(), open_=clicks("allow"))
    connector = entry.connector(parts, Settings(base_url=base))

    assert connector.check().id
    assert parts["access_token"].startswith("sandbox-")
    connector.close()


def test_whoever_says_no_is_told(addresses: dict[str, str], here: Session) -> None:
    """Nothing is asked of the platform then."""
    entry, base = platform("hubspot"), addresses["hubspot"]

    with pytest.raises(BadCredentials, match="not allowed"):
        allowing.allowed(here, entry, CLIENT, SECRETS["hubspot"], base=base, port=free_port(), open_=clicks("deny"))


def test_the_answer_to_another_question_is_refused(addresses: dict[str, str], here: Session) -> None:
    """A foreign page that sends the browser here with a code of its own does not get in."""
    entry, base = platform("hubspot"), addresses["hubspot"]
    port = free_port()

    def foreign(_: str) -> bool:
        address = f"http://localhost:{port}{allowing.PATH}?code=sandbox-code-1&state=guessed"
        threading.Thread(target=read, args=(address,), daemon=True).start()
        return True

    with pytest.raises(BadCredentials, match="cannot be used"):
        allowing.allowed(here, entry, CLIENT, SECRETS["hubspot"], base=base, port=port, open_=foreign)


def test_the_door_opens_for_one_path_and_this_machine_only(addresses: dict[str, str], here: Session) -> None:
    """Other paths, and other names for this machine, find nothing; what follows still works."""
    entry, base = platform("pipedrive"), addresses["pipedrive"]
    seen: list[int] = []

    def knock(way_back: str) -> None:
        host = urlsplit(way_back).netloc
        for address, headers in ((f"http://{host}/else", {}), (way_back, {"Host": "evil.example"})):
            with pytest.raises(HTTPError) as refused:
                read(address, **headers)
            seen.append(refused.value.code)

    browser = clicks("allow", before=knock)
    parts = allowing.allowed(here, entry, CLIENT, SECRETS["pipedrive"], base=base, port=free_port(), open_=browser)

    assert seen == [404, 404]
    assert parts["refresh_token"]


def test_nobody_comes(here: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while it says so, and what else there is."""
    monkeypatch.setattr(allowing, "PATIENCE", 0.1)

    with pytest.raises(WrongUse, match="Nobody came back") as told:
        allowing.allowed(here, platform("hubspot"), "app", "secret", port=free_port(), open_=lambda _: True)

    assert "--no-browser" in told.value.fix


def test_a_port_that_is_taken_is_named(here: Session) -> None:
    """With the option that chooses another."""
    port = free_port()
    with (
        allowing._listening(port),
        pytest.raises(WrongUse, match=str(port)) as told,
    ):
        allowing.allowed(here, platform("hubspot"), "app", "secret", port=port, open_=lambda _: True)

    assert "--port" in told.value.fix


def test_elsewhere_the_address_is_shown_and_the_way_back_pasted(
    addresses: dict[str, str], here: Session, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a machine without a browser."""
    entry, base = platform("pipedrive"), addresses["pipedrive"]

    def paste(*_: object) -> str:
        shown = "".join(capsys.readouterr().out.split())
        (address,) = re.findall(rf"({re.escape(base)}/oauth/authorize\?\S+?)(?=Thebrowser)", shown)
        (found,) = re.findall('id="allow" href="([^"]+)"', read(address))
        return unescape(found)

    monkeypatch.setattr(allowing, "ask", paste)
    parts = allowing.allowed(here, entry, CLIENT, SECRETS["pipedrive"], base=base, browser=False)

    assert parts["access_token"]


def test_a_proof_key_goes_with_the_question_and_with_the_code() -> None:
    """Its digest to the page, itself to the token's address only; two questions share nothing."""
    app = OAuthApp("https://vendor.example/allow", "https://vendor.example/token", ("read", "write"), pkce=True)
    one, two = (oauth.ask(app, "app", "http://localhost:1/allowed") for _ in range(2))
    asked = parse_qs(urlsplit(one.address).query)

    assert asked["code_challenge_method"] == ["S256"]
    assert asked["scope"] == ["read write"]
    assert one.verifier not in one.address
    assert one.state not in two.address
    assert one.verifier != two.verifier
    assert len(one.verifier) >= 43


BROWSER = """
import re, sys, html
from urllib.request import urlopen
page = urlopen(sys.argv[1]).read().decode()
urlopen(html.unescape(re.search('id="allow" href="([^"]+)"', page)[1])).read()
"""


def test_connect_opens_the_browser(tmp_path: Path, addresses: dict[str, str]) -> None:
    """
    From the command to the connection that is kept; of the app only its id and secret are asked, and neither shows.
    """
    shop, script = Shop(tmp_path), tmp_path / "browser.py"
    shop.run("init", "--name", "Backhaus", "--country", "DE")
    script.write_text(BROWSER, "utf-8")
    path = ["--base-url", addresses["pipedrive"], "--direction", "read", "--fields", "given_name"]
    arguments = [
        "-m",
        "regulars",
        "-C",
        str(tmp_path),
        "connect",
        "pipedrive",
        "--oauth",
        *path,
        "--port",
        str(free_port()),
    ]
    env = {**os.environ, "BROWSER": f"{sys.executable} {script} %s &", "REGULARS_NO_KEYRING": "1"}
    child = pexpect.spawn(sys.executable, arguments, encoding="utf-8", timeout=40, dimensions=(50, 400), env=env)
    child.expect("Client id")
    child.expect("hidden")
    child.sendline(CLIENT)
    child.expect("Client secret")
    child.expect("hidden")
    child.sendline(SECRETS["pipedrive"])
    child.expect("redirect address")
    child.expect("opens in your browser")
    child.expect("Opened")
    child.expect("stored encrypted")
    child.expect(pexpect.EOF)
    child.close()

    assert child.exitstatus == 0
    assert shop.run("sync").code in (0, 1)
