"""`regulars connect`: open a platform, look at it, choose, and keep the credential encrypted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.markup import escape
from rich.prompt import Confirm, Prompt

from connectors.base import Account, Connector, Platform
from connectors.errors import TooNarrow
from mapping.model import Create, Direction
from regulars import connecting, wiring
from regulars.config import ConnectionConfig, check_name
from regulars.config_edit import set_connection
from regulars.config_errors import translate
from regulars.session import Json, Session, session
from regulars.trouble import WrongUse
from regulars.workspace import Workspace, workspace
from sync import runs

DIRECTIONS = {
    "read": "only look: nothing is ever written there",
    "fill": "write only where it is blank there",
    "both": "keep it in agreement, both ways",
}


def connect(
    platform: Annotated[str, typer.Argument(help="hubspot or mailchimp.")],
    name: Annotated[
        str | None, typer.Option(help="What to call the connection; the platform's name otherwise.")
    ] = None,
    credential_file: Annotated[
        Path | None, typer.Option(help="Read the credential from this file; - is stdin.")
    ] = None,
    oauth: Annotated[bool, typer.Option("--oauth", help="The credential is an OAuth one.")] = False,
    audience: Annotated[str | None, typer.Option(help="The audience, by name or id.")] = None,
    fields: Annotated[str | None, typer.Option(help='Our names with commas, or "all".')] = None,
    custom: Annotated[
        list[str] | None, typer.Option(help="A field of your own: our_name=there. May be repeated.")
    ] = None,
    streams: Annotated[
        str | None, typer.Option(help='What to read beside people: names with commas, "all" or "none".')
    ] = None,
    direction: Annotated[Direction | None, typer.Option(help="What may be written there.")] = None,
    create: Annotated[Create | None, typer.Option(help="Who may be created there.")] = None,
    own_key: Annotated[bool | None, typer.Option(help="Make a field there that carries our key.")] = None,
    base_url: Annotated[str | None, typer.Option(help="The sandbox's address, in place of the platform's.")] = None,
    json: Json = False,
) -> None:
    """Open a platform: checks the credential, shows what it may do, lets you choose, and keeps it encrypted."""
    here = session(json)
    entry = wiring.platform(platform)
    name = name or entry.name
    try:
        check_name(name)
    except ValueError as error:
        raise WrongUse(f"{error}.") from None
    with workspace(here) as business:
        before = business.config.connections.get(name)
        if before is not None and before.platform != entry.name:
            raise WrongUse(f"{name} is a connection to {before.platform}.", fix="Choose another --name.")
        file = credential_file
        if file is not None and str(file) != "-":
            file = here.path(file)
        secret = connecting.credential(here, entry, file, oauth)
        steps = _Steps(here, business, entry, name, before, secret)
        document = steps.run(audience or "", fields, custom or (), streams, direction, create, own_key, base_url)
        here.emit(document, lambda _: None)


class _Steps:
    """One `connect`, step by step; nothing is stored before all of them went well."""

    def __init__(
        self,
        here: Session,
        business: Workspace,
        entry: Platform,
        name: str,
        before: ConnectionConfig | None,
        secret: Mapping[str, str],
    ) -> None:
        self.here, self.business, self.entry, self.name = here, business, entry, name
        self.values: dict[str, Any] = {"platform": entry.name}
        if before is not None:
            self.values = before.model_dump(mode="json", exclude_defaults=True)
        self.before, self.secret = before, secret

    def run(
        self,
        audience: str,
        fields: str | None,
        custom: Any,
        streams: str | None,
        direction: Direction | None,
        create: Create | None,
        own_key: bool | None,
        base_url: str | None,
    ) -> dict[str, Any]:
        """All steps; returns what was done."""
        if base_url is not None:
            self.values["base_url"] = base_url
        account = self._account()
        chosen = connecting.audience(self.here, self.entry, account, audience or self.values.get("audience", ""))
        if chosen:
            self.values["audience"] = chosen
        people = self._fields(fields, custom)
        self._streams(streams)
        self._direction(direction, create)
        self._own_key(account, own_key)
        self._keep(account)
        return {
            "connection": self.name,
            "platform": self.entry.name,
            "account": {"id": account.id, "name": account.name, "may": account.may, "may_not": account.may_not},
            "settings": self.values,
            "samples": people,
        }

    def _open(self) -> Connector:
        try:
            config = ConnectionConfig.model_validate(self.values)
        except ValidationError as error:
            raise translate(error, ConnectionConfig, "", f"connections.{self.name}") from None
        region = self.business.config.business.country
        return wiring.open_connector(self.entry, self.secret, config, region=region, where=f"connections.{self.name}")

    def _account(self) -> Account:
        """Open the account and say what the credential may do there."""
        connector = self._open()
        try:
            account = connector.check(rights=True)
        finally:
            connector.close()
        here = self.here
        here.say(f"[good]✓[/] Opened [strong]{escape(account.name or account.id)}[/] at {self.entry.title}.")
        for text in account.may:
            here.say(f"  [good]✓[/] {escape(text)}")
        for text in account.may_not:
            here.say(f"  [warn]![/] {escape(text)}")
        return account

    def _fields(self, fields: str | None, custom: Any) -> list[dict[str, Any]]:
        """Choose the fields, and look at three people through them."""
        connector = self._open()
        try:
            found = connecting.offered(connector)
        finally:
            connector.close()
        present = self.before.fields if self.before else None
        self.values["fields"] = connecting.choose_fields(self.here, found, fields, present)
        own = connecting.choose_own(self.here, found, custom)
        if own:
            self.values["custom"] = {**self.values.get("custom", {}), **own}
        connector = self._open()
        try:
            people = connecting.samples(connector)
            connecting.show_samples(
                self.here, people if not self.here.json else (), {r.name: r.label for r in connector.fields}
            )
        finally:
            connector.close()
        return people

    def _streams(self, wanted: str | None) -> None:
        """What to read beside people: companies, deals, calls, mail activity. Nothing unless asked for."""
        offered = self.entry.connector.streams
        chosen = connecting.choose_streams(self.here, offered, wanted, self.before is None)
        if chosen is not None:
            self.values["streams"] = chosen

    def _direction(self, direction: Direction | None, create: Create | None) -> None:
        """What may be written there, and who may be created."""
        here, values = self.here, self.values
        if direction is None and here.may_ask and self.before is None:
            for word, text in DIRECTIONS.items():
                here.say(f"  [name]{word:<5}[/] {text}")
            asked = Prompt.ask(
                "What may Regulars do there?", choices=list(DIRECTIONS), default="read", console=here.out
            )
            direction = Direction(asked)
        if direction is not None:
            values["direction"] = direction.value
        values.setdefault("direction", Direction.READ.value)
        if create is None and here.may_ask and self.before is None and values["direction"] != "read":
            everyone = Confirm.ask(
                "Create people there who are not there yet? Platforms may bill for them",
                default=False,
                console=here.out,
            )
            create = Create.EVERYONE if everyone else Create.NONE
        if create is not None:
            values["create"] = create.value
        values.setdefault("create", Create.NONE.value)

    def _own_key(self, account: Account, own_key: bool | None) -> None:
        """Offer to make the field that carries our key, where the platform has fields of one's own."""
        possible = type(self._open()).add_own_key is not Connector.add_own_key
        if not possible or self.values["direction"] == "read":
            return
        wanted = own_key
        if wanted is None and account.has_own_key:
            wanted = True
        if wanted is None and self.here.may_ask and "own_key" not in self.values:
            self.here.say("With a field of ours there, a create that is cut off is never made twice.")
            wanted = Confirm.ask("Make that field?", default=True, console=self.here.out)
        if wanted and not account.has_own_key:
            connector = self._open()
            try:
                connector.add_own_key()
            except TooNarrow as error:
                self.here.say(f"[warn]![/] It could not be made: {escape(str(error))} Going on without it.")
                wanted = False
            finally:
                connector.close()
        if wanted is not None:
            self.values["own_key"] = wanted

    def _keep(self, account: Account) -> None:
        """Store the credential encrypted and which account it opens, then the settings."""
        self._open().close()
        self.business.vault.put(self.name, self.secret)
        runs.connected(self.business.database, self.name, self.entry.name, account.id, account.name)
        set_connection(self.business.folder, self.name, self.values)
        self.here.say(f"\n[good]✓[/] [strong]{self.name}[/] is connected. Its credential is stored encrypted.")
        self.here.say("Next: [strong]regulars sync --dry-run[/], then [strong]regulars sync[/]")
