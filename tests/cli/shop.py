"""A folder in which commands are run, and the platforms' addresses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from regulars import street
from regulars.cli import app

CREDENTIALS = {"HUBSPOT_TOKEN": street.HUBSPOT_TOKEN, "MAILCHIMP_API_KEY": street.MAILCHIMP_KEY}


@dataclass
class Answer:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Shop:
    """A folder in which commands are run, and the platforms' addresses."""

    folder: Path
    hubspot: str = ""
    mailchimp: str = ""
    street: street.Street | None = None

    def run(self, *arguments: str, stdin: str = "", **environment: str) -> Answer:
        """Run `regulars -C FOLDER ARGUMENTS` in a pipe."""
        result = CliRunner().invoke(app, ["-C", str(self.folder), *arguments], input=stdin, env=environment or None)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout, result.stderr)

    def open(self) -> None:
        """Make it a business with both platforms connected."""
        assert self.run("init", "--name", "Backhaus", "--country", "DE", "--timezone", "Europe/Berlin").code == 0
        self._connect("hubspot", self.hubspot, "favourite_bread")
        self.open_mailchimp()

    def open_mailchimp(self) -> None:
        """Connect Mailchimp, for the first time or again."""
        self._connect("mailchimp", self.mailchimp, "BREAD")

    def _connect(self, name: str, address: str, bread: str) -> None:
        both = ["--direction", "both", "--create", "none", "--fields", "given_name,family_name,phone,company"]
        done = self.run("connect", name, "--base-url", address, *both, "--custom", f"bread={bread}", **CREDENTIALS)
        assert done.code == 0, done.err


@contextmanager
def beside(folder: Path, people: int, name: str, *how: str) -> Iterator[Shop]:
    """HubSpot, Mailchimp and a further platform of one small town, all connected; *how* is said to `connect`."""
    made = street.build(people, 3, quotas=False, campaigns=0, also=(name,))
    with street.open_street(made, [0] * 3) as (hubspot, mailchimp, further):
        shop = Shop(folder, hubspot, mailchimp, made)
        shop.open()
        credentials = {**CREDENTIALS, **street.OTHERS[name].environment}
        done = shop.run("connect", name, "--base-url", further, *how, **credentials)
        assert done.code == 0, done.err
        yield shop
