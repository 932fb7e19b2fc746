"""One folder, one business: its configuration, store, vault and engine, opened when first asked for."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC
from functools import cached_property, partial
from pathlib import Path

from sqlalchemy import Connection

from connectors.base import Connector, Platform
from connectors.pace import Pace
from mapping.decisions import Policies
from mapping.model import BADGE
from mapping.values import Kind
from regulars import wiring
from regulars.config import FILE, Config, load
from regulars.config_roles import check_role_words, read_organization_roles, read_roles
from regulars.config_segments import Known, check_words, read_segments
from regulars.session import Session
from regulars.trouble import ConnectionFailed, WrongUse, listed, nearest, nearest_fields
from regulars.words import label, zone
from sync import queries
from sync.audience import Audiences
from sync.engine import Engine
from sync.keys import LocalKeys, system_keyring
from sync.organizations import work_out
from sync.people import fold_and_plan
from sync.resolve import Identity, resolve
from sync.runs import last_revision
from sync.store.database import Database, open_database
from sync.vault import Vault, variable
from sync.wired import Progress, Wired
from sync.writes import Target

DATABASE = "REGULARS_DATABASE"
NO_KEYRING = "REGULARS_NO_KEYRING"


def now() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


class Workspace:
    """Everything of one business. Close it when done."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config: Config = load(folder)
        self._opened: list[Connector] = []
        self._paces: dict[tuple[str, frozenset[tuple[str, str]]], Pace] = {}

    @cached_property
    def database(self) -> Database:
        return open_database(os.environ.get(DATABASE), self.folder, now=now)

    @cached_property
    def vault(self) -> Vault:
        keys = LocalKeys(self.folder) if os.environ.get(NO_KEYRING) else LocalKeys(self.folder, keyring=system_keyring)
        return Vault(self.database, keys)

    @cached_property
    def policies(self) -> Policies:
        return wiring.policies(self.config)

    @cached_property
    def kinds(self) -> Mapping[str, Kind]:
        """The fields that the connections carry, and what kind of value each holds."""
        return wiring.kinds(self.config)

    @cached_property
    def labels(self) -> Mapping[str, str]:
        return wiring.labels(self.config)

    @property
    def titles(self) -> Mapping[str, str]:
        """What the platform of each connection is called."""
        parts = self.config.connections.items()
        return {name: wiring.platform(part.platform, f"connections.{name}.platform").title for name, part in parts}

    @property
    def timezone(self) -> str:
        return self.config.business.timezone

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent look at the store."""
        with self.database.read() as conn:
            yield conn

    def names(self, chosen: Sequence[str] = ()) -> list[str]:
        """The connections meant: *chosen*, or all. Raises WrongUse for one that is not there."""
        known = list(self.config.connections)
        if not known:
            raise WrongUse("There is no connection yet.", fix="Add one with `regulars connect PLATFORM`.")
        for name in chosen:
            if name not in known:
                hint = nearest(name, known) or f"There are {listed(known, 'and')}."
                raise WrongUse(f'There is no connection "{name}".', fix=hint)
        return [name for name in known if not chosen or name in chosen]

    def open(self, name: str) -> Connector:
        """One connection's connector. Raises ConnectionFailed where it has no credential."""
        part = self.config.connections[name]
        entry = wiring.platform(part.platform, f"connections.{name}.platform")
        parts = credential_parts(entry)
        holder = part.credential or name
        credential = self.vault.get(holder, parts) if parts else {}
        if parts and not credential:
            asked = variable(holder, parts[0])
            fix = f"Run `regulars connect {part.platform} --name {holder}`, or set {asked}."
            raise ConnectionFailed(f"{name} has no credential.", fix=fix)
        account = (part.base_url, frozenset(credential.items()))
        connector = wiring.open_connector(
            entry,
            credential,
            part,
            region=self.config.business.country,
            folder=self.folder,
            where=f"connections.{name}",
            renewed=partial(self.vault.put, holder),
            pace=self._paces.get(account),
        )
        if connector.pace is not None:
            self._paces[account] = connector.pace  # a limit holds for whoever calls with this credential
        self._opened.append(connector)
        return connector

    @cached_property
    def audiences(self) -> Audiences:
        """The business's segments, in its time zone. Raises ConfigError."""
        text = (self.folder / FILE).read_text("utf-8")
        found = read_segments(self.config.segments, self.config.connections, text, FILE)
        roles = read_roles(self.config.roles, found, self.config.connections, text, FILE)
        check_words(found, self.known_words, text, FILE)
        companies = read_organization_roles(self.config.roles, text, FILE)
        check_role_words(roles, companies, self.known_words, text, FILE)
        return Audiences(found, zone(self.timezone) or UTC, roles, self.policies, companies)

    @property
    def known_words(self) -> Known:
        """The words that rules may use."""
        fields = {name: self.labels.get(name, name) for name in self.kinds}
        return Known(fields, wiring.organization_fields(self.config), wiring.purposes(self.config))

    def _shown(self, connection: str, *kinds: str) -> dict[str, str]:
        """What segments become at a connection, as tags or as lists: the segment's name and the words there."""
        return {
            name: BADGE + segment.title
            for name, segment in self.audiences.segments.items()
            if segment.destinations.get(connection) in kinds
        }

    def wired(self) -> list[Wired]:
        """All connections, ready for the engine."""
        return [
            Wired(
                name=name,
                connector=self.open(name),
                direction=part.direction,
                create=part.create,
                limits=part.brakes.limits(),
                platform=part.platform,
                streams=wiring.streams(wiring.platform(part.platform), part, f"connections.{name}"),
                tags=self._shown(name, "tag"),
                lists=self._shown(name, "list", "segment"),
                companies=part.companies,
                hears=self.hears(name),
            )
            for name, part in self.config.connections.items()
        ]

    def webhook_secrets(self, name: str) -> list[str]:
        """The secrets by which a connection's platform proves that it calls, those valid now."""
        kept = self.vault.get(hook_secret(name), ("secret",))
        return [value for value in (kept.get("secret", ""), kept.get("former", "")) if value]

    def hears(self, name: str) -> bool:
        """Whether a connection's platform calls us."""
        entry = wiring.platform(self.config.connections[name].platform)
        return entry.connector.hooks is not None and bool(self.webhook_secrets(name))

    def engine(self, progress: Progress, wired: Sequence[Wired] | None = None) -> Engine:
        """The engine over all connections, opened here or *wired* before."""
        fresh = self.config.fresh_for
        return Engine(
            self.database,
            self.wired() if wired is None else wired,
            self.policies,
            now=now,
            progress=progress,
            fresh_for=fresh,
            full_every=self.config.full_every,
            audiences=self.audiences,
        )

    def refresh(self) -> None:
        """Work out again whoever was decided about, from what the store knows; asks no platform."""
        targets = {}
        for name, table in wiring.tables(self.config).items():
            part = self.config.connections[name]
            connector = wiring.platform(part.platform).connector
            target = Target.of(name, table, part.direction, part.create, connector.mails)
            targets[name] = replace(
                target,
                lists_need_consent=connector.lists_need_consent,
                tags=self._shown(name, "tag"),
                lists=self._shown(name, "list", "segment"),
                companies=part.companies,
            )
        resolve(self.database, last_revision(self.database), Identity())
        work_out(self.database, last_revision(self.database))
        fold_and_plan(self.database, targets, self.policies, settle_marks=False).close()

    def close(self) -> None:
        """Let go of connectors and the store."""
        for connector in self._opened:
            connector.close()
        if "database" in self.__dict__:
            self.database.close()


def hook_secret(name: str) -> str:
    """The vault's name for a connection's webhook secrets."""
    return f"{name}.webhook"


def credential_parts(entry: Platform) -> list[str]:
    """The parts of a platform's simplest credential."""
    first = next(iter(entry.asks.values()), ())
    return [option.id for option in first]


@contextmanager
def workspace(session: Session) -> Iterator[Workspace]:
    """The business in the session's folder."""
    opened = Workspace(session.folder)
    _ = opened.policies  # an unknown platform or field is told before anything is opened
    try:
        yield opened
    finally:
        opened.close()


def one_field(field: str, known: Iterable[str], labels: Mapping[str, str], text: str, otherwise: str = "") -> str:
    """The one of the *known* fields that *field* means, by its name or its label. Raises WrongUse with *text*, and
    with the nearest ones; with *otherwise* where none is near."""
    named = {name: label(name, labels) for name in known}
    if field in named:
        return field
    by_label = {said.casefold(): name for name, said in named.items()}
    if field.casefold() in by_label:
        return by_label[field.casefold()]
    raise WrongUse(text, fix=nearest_fields(field, named) or otherwise)


def one_person(conn: Connection, who: str) -> queries.PersonLine:
    """The person that *who* means. Raises WrongUse where it is nobody or several."""
    found = queries.find(conn, who)
    if not found:
        fix = "Give an id, an address or a name; `regulars people WORD` looks for one."
        raise WrongUse(f'Nobody is known as "{who}".', fix=fix)
    if len(found) > 1:
        lines = "\n".join(f"  {line.id}  {line.name or '(no name)'}  {line.email}" for line in found)
        raise WrongUse(f'"{who}" may be any of these {len(found)} people:\n{lines}', fix="Give the id.")
    return found[0]
