"""One connection's part of `connect`, step by step; nothing is stored before all of them went well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from rich.markup import escape
from rich.prompt import Confirm, Prompt

from connectors.base import Account, Connector, Platform
from connectors.errors import TooNarrow
from mapping.model import Companies, Create, Direction
from regulars import connecting, wiring
from regulars.audiences import Place
from regulars.config import ConnectionConfig
from regulars.config_edit import set_connection
from regulars.config_errors import translate
from regulars.session import Session
from regulars.trouble import WrongUse
from regulars.workspace import Workspace
from sync import runs

DIRECTIONS = {
    "read": "only look: nothing is ever written there",
    "fill": "write only where it is blank there",
    "both": "keep it in agreement, both ways",
}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was said on the command line; None leaves the present choice, or asks."""

    fields: str | None = None
    custom: Sequence[str] = ()
    streams: str | None = None
    direction: Direction | None = None
    create: Create | None = None
    companies: Companies | None = None
    own_key: bool | None = None
    whole: bool | None = None


class Steps:
    """One connection that is being set up."""

    def __init__(
        self, here: Session, business: Workspace, entry: Platform, place: Place, secret: Mapping[str, str]
    ) -> None:
        self.here, self.business, self.entry = here, business, entry
        self.name, self.before, self.secret = place.name, place.before, secret
        self.values: dict[str, Any] = {"platform": entry.name}
        if place.before is not None:
            self.values = place.before.model_dump(mode="json", exclude_defaults=True)
        self.title = place.audience.label if place.audience is not None else ""
        if place.audience is not None:
            self.values["audience"] = place.audience.id
        self.people: list[dict[str, Any]] = []
        self.account = self.opened = Account("", "")  # what it showed at first, and as every run will see it

    @property
    def holder(self) -> str:
        """The connection that keeps the credential."""
        return str(self.values.get("credential") or self.name)

    def look(self) -> Account:
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
        for text in (*account.may_not, *account.lacks):
            here.say(f"  [warn]![/] {escape(text)}")
        self.account = account
        return account

    def offered(self) -> connecting.Fields:
        """The fields that there are."""
        connector = self._open()
        try:
            return connecting.offered(connector)
        finally:
            connector.close()

    def choose(self, wishes: Wishes, found: connecting.Fields, elsewhere: frozenset[str]) -> None:
        """Everything that is chosen; *elsewhere* names fields that another of the audiences has."""
        if self.title:
            self.here.say(f"\nThe audience [strong]{escape(self.title)}[/], here called [name]{self.name}[/]:")
        self._fields(wishes, found, elsewhere)
        chosen = self.streams(wishes.streams)
        if wishes.streams is None and chosen:
            self.look()  # again: now it is known which streams it has to open
        self._direction(wishes.direction, wishes.create)
        self._companies(wishes.companies)
        self._own_key(wishes.own_key)
        connector = self._open()
        try:
            self.opened = connector.check()
        finally:
            connector.close()

    def keep(self) -> None:
        """Store which account it opens, and the settings."""
        account = self.opened
        runs.connected(self.business.database, self.name, self.entry.name, account.id, account.name)
        set_connection(self.business.folder, self.name, self.values)
        kept = "Its credential is stored encrypted." if self.secret else "It needs no credential."
        if self.holder != self.name:
            kept = f"It is opened with the credential of {self.holder}."
        self.here.say(f"\n[good]✓[/] [strong]{self.name}[/] is connected. {kept}")

    def document(self) -> dict[str, Any]:
        """What was done, as JSON."""
        account = self.account
        said = (*account.may_not, *account.lacks)
        return {
            "connection": self.name,
            "platform": self.entry.name,
            "account": {"id": self.opened.id, "name": account.name, "may": account.may, "may_not": said},
            "settings": self.values,
            "samples": self.people,
        }

    # -- step by step -------------------------------------------------------------------------------------------

    def _open(self) -> Connector:
        try:
            config = ConnectionConfig.model_validate(self.values)
        except ValidationError as error:
            raise translate(error, ConnectionConfig, "", f"connections.{self.name}") from None
        region = self.business.config.business.country
        where, folder = f"connections.{self.name}", self.business.folder
        return wiring.open_connector(self.entry, self.secret, config, region=region, folder=folder, where=where)

    def whole(self, wanted: bool | None) -> None:
        """Whether each export holds everybody, where it is exports that are read."""
        if wanted is not None and not self.entry.files:
            raise WrongUse(f"--whole is said of files, and {self.entry.title} is none.")
        if wanted is None and self.entry.files and self.before is None and self.here.may_ask:
            question = "Does each export hold everybody? Then who is missing from a newer one counts as gone there"
            wanted = Confirm.ask(question, default=False, console=self.here.out)
        if wanted is not None:
            self.values["whole"] = wanted

    def _fields(self, wishes: Wishes, found: connecting.Fields, elsewhere: frozenset[str]) -> None:
        """Choose the fields, and look at three people through them."""
        present = self.before.fields if self.before else None
        self.values["fields"] = connecting.choose_fields(self.here, found, wishes.fields, present, elsewhere)
        own = connecting.choose_own(self.here, found, wishes.custom, elsewhere)
        if own:
            self.values["custom"] = {**self.values.get("custom", {}), **own}
        connector = self._open()
        try:
            self.people = connecting.samples(connector)
            connecting.show_samples(
                self.here, self.people if not self.here.json else (), {r.name: r.label for r in connector.fields}
            )
        finally:
            connector.close()

    def streams(self, wanted: str | None) -> bool:
        """What to read beside people: companies, deals, calls, mail activity. Nothing unless asked for. Returns
        whether some were chosen."""
        offered = self.entry.connector.streams
        chosen = connecting.choose_streams(self.here, offered, wanted, self.before is None)
        if chosen is not None:
            self.values["streams"] = chosen
        return bool(chosen)

    def _direction(self, direction: Direction | None, create: Create | None) -> None:
        """What may be written there, and who may be created."""
        here, values = self.here, self.values
        if self.entry.connector.reads_only:
            if direction not in (None, Direction.READ) or create not in (None, Create.NONE):
                raise WrongUse(f"{self.entry.title} cannot be written.", fix="Leave --direction and --create out.")
            values["direction"], values["create"] = Direction.READ.value, Create.NONE.value
            return
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

    def _companies(self, wanted: Companies | None) -> None:
        """Whether people are put to the companies that they work for: only where it is asked for."""
        if wanted is None:
            return
        stream, mode = self.entry.connector.companies_in, f"--companies {wanted.value}"
        if wanted is Companies.NONE:
            self.values.pop("companies", None)
            return
        if not stream:
            raise WrongUse(f"{self.entry.title} has no companies that people belong to.", fix="Leave --companies out.")
        if self.values["direction"] == Direction.READ.value:
            raise WrongUse(f"{mode} writes there, and the direction is read.", fix="Add --direction fill, or both.")
        if stream not in self.values.get("streams", ()):
            text = f'{mode} rests on the stream "{stream}", which is not read.'
            raise WrongUse(text, fix=f"Add it to --streams, as in --streams {stream}.")
        self.values["companies"] = wanted.value

    def _own_key(self, own_key: bool | None) -> None:
        """Offer to make the field that carries our key, where the platform has fields of one's own."""
        possible = type(self._open()).add_own_key is not Connector.add_own_key
        if not possible or self.values["direction"] == "read":
            return
        wanted, account = own_key, self.account
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
