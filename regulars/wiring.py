"""From configuration to open connectors: credentials, field rows, policies, and the rule that demo meets demo."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from connectors import CATALOGUE
from connectors.base import Connector, Platform, Settings
from connectors.codecs import (
    month_day,
    read_choices,
    read_date,
    read_flag,
    read_number,
    write_choices,
    write_date,
    write_flag,
    write_number,
)
from connectors.files_forms import NOTHING, meanings
from connectors.pace import Pace
from mapping.decisions import Policies
from mapping.facts import ORGANIZATION
from mapping.fields import Codec, Field, FieldTable, Way
from mapping.model import MARKETING, Companies, Direction
from mapping.values import Kind
from regulars.config import FILE, NAME, Config, ConnectionConfig, CustomField
from regulars.trouble import REDACT, ConfigError, WrongUse, listed, nearest

DEMO = "sandbox-"
"""Demo credentials begin so: they open the sandbox and nothing else."""

_CODECS: Mapping[Kind, tuple[Codec, Codec | None]] = {
    Kind.NUMBER: (read_number, write_number),
    Kind.FLAG: (read_flag, write_flag),
    Kind.DATE: (read_date, write_date),
    Kind.SET: (read_choices, write_choices),
    Kind.BIRTHDAY: (month_day, None),
}


def platform(name: str, where: str = "") -> Platform:
    """A platform of the catalogue by name. Raises WrongUse, or ConfigError where the configuration named it."""
    for entry in CATALOGUE:
        if entry.name == name:
            return entry
    known = [entry.name for entry in CATALOGUE]
    hint = nearest(name, known) or f"Known are {listed(known, 'and')}."
    if where:
        raise ConfigError(f'there is no platform "{name}".', file=FILE, key=where, fix=hint)
    raise WrongUse(f'There is no platform "{name}".', fix=hint)


def field_table(entry: Platform, config: ConnectionConfig, where: str) -> FieldTable:
    """The rows that a connection uses: those it chose, and its custom ones. Raises ConfigError.

    The set in which segments are shown (tags) is always read: a badge that we cannot see is one that we cannot keep.
    """
    _of_its_kind(entry, config, where)
    standard = entry.connector.table
    known = [*(row.name for row in standard), *config.custom]
    for name in config.fields or ():
        if name not in known:
            said = entry.connector.cannot.get(name)
            text = f'{entry.title} has no field "{name}"' + (f": it {said}." if said else ".")
            hint = nearest(name, known) or f"Known are {listed(known, 'and')}."
            raise ConfigError(text, file=FILE, key=f"{where}.fields", fix=hint)
    chosen = None if config.fields is None else ["email", *config.fields]
    custom = [custom_row(entry, name, part) for name, part in config.custom.items()]
    badges = entry.connector.by_member
    if badges and chosen is not None and badges not in chosen and badges not in config.custom:
        custom.append(replace(standard.by_name[badges], way=Way.READS))
    return standard.choose(chosen, custom)


def _of_its_kind(entry: Platform, config: ConnectionConfig, where: str) -> None:
    """Files are named where a platform is made of them and nowhere else, and nothing is written to them."""
    if entry.files and not config.files:
        fix = f"Name them with `regulars connect {entry.name} --file FILE`."
        raise ConfigError("this connection names no file.", file=FILE, key=f"{where}.files", fix=fix)
    if entry.files and config.custom:
        text = f"columns of your own are not read from {entry.title.lower()}."
        raise ConfigError(text, file=FILE, key=f"{where}.custom", fix="Leave it out.")
    for heading, meaning in config.columns.items():
        if meaning not in (*meanings(), NOTHING):
            hint = nearest(meaning, meanings()) or f"Known are {listed(meanings(), 'and')}."
            text = f'the column "{heading}" cannot be the field "{meaning}", which no export has.'
            raise ConfigError(text, file=FILE, key=f"{where}.columns", fix=hint)
    for key, given in (("files", config.files), ("whole", config.whole), ("columns", config.columns)):
        if given and not entry.files:
            raise ConfigError(f"{entry.title} is not read from files.", file=FILE, key=f"{where}.{key}")
    if entry.connector.reads_only and config.direction is not Direction.READ:
        text = f'{entry.title.lower()} cannot be written: expected "read", found "{config.direction.value}".'
        raise ConfigError(text, file=FILE, key=f"{where}.direction")


def custom_row(entry: Platform, name: str, part: CustomField) -> Field:
    """A row for a field of one's own. The platform's own spelling is taken where it has one for this field."""
    way = Way.READS if part.way == "reads" else Way.BOTH
    own = getattr(entry.connector, "custom_row", None)
    row: Field | None = own(name, part.remote, part.type, way) if own is not None else None
    if row is not None:
        return row
    reads, writes = _CODECS.get(part.type, (None, None))
    if reads is not None and writes is None:
        way = Way.READS
    return Field(name, part.remote, part.type, way, reads, writes)


def streams(entry: Platform, config: ConnectionConfig, where: str) -> tuple[str, ...]:
    """The streams that a connection reads beside its records. Raises ConfigError for one that is not there."""
    known = [stream.name for stream in entry.connector.streams]
    for name in config.streams:
        if name not in known:
            hint = nearest(name, known) or f"Known are {listed(known, 'and')}."
            raise ConfigError(f'{entry.title} has no stream "{name}".', file=FILE, key=f"{where}.streams", fix=hint)
    return config.streams


def companies(entry: Platform, config: ConnectionConfig, where: str) -> Companies:
    """What a connection may do about the companies that people work for. Raises ConfigError."""
    stream = entry.connector.companies_in
    if config.companies is Companies.NONE:
        return config.companies
    if not stream:
        text = (
            f'{entry.title} has no companies that people belong to, so companies = "{config.companies}" asks too much.'
        )
        raise ConfigError(text, file=FILE, key=f"{where}.companies", fix="Take the line away.")
    if stream not in config.streams:
        text = f'companies = "{config.companies}" rests on the stream "{stream}", which is not read.'
        raise ConfigError(text, file=FILE, key=f"{where}.companies", fix=f'Add "{stream}" to streams.')
    return config.companies


def organization_rows(entry: Platform, config: ConnectionConfig, where: str) -> tuple[Field, ...]:
    """Rows for fields of one's own of companies, which are only read. Raises ConfigError."""
    if not config.organization:
        return ()
    stream, key = entry.connector.companies_in, f"{where}.organization"
    if not stream or stream not in config.streams:
        fix = f'Add "{stream}" to streams.' if stream else "Take the section away."
        raise ConfigError(f"{entry.title}'s companies are not read.", file=FILE, key=key, fix=fix)
    for name in config.organization:
        if name in ORGANIZATION or not NAME.fullmatch(name):
            said = "is a field of every organisation" if name in ORGANIZATION else "cannot name a field"
            raise ConfigError(f'"{name}" {said}.', file=FILE, key=f"{key}.{name}", fix="Choose another name.")
    return tuple(
        Field(name, part.remote, part.type, Way.READS, _CODECS.get(part.type, (None, None))[0])
        for name, part in config.organization.items()
    )


def organization_fields(config: Config) -> list[str]:
    """The fields of organisations that rules may ask for."""
    own = {name for part in config.connections.values() for name in part.organization}
    return [*ORGANIZATION, *sorted(own)]


def organization_kinds(config: Config) -> dict[str, Kind]:
    """The fields of one's own of companies, and what each holds."""
    return {name: one.type for part in config.connections.values() for name, one in part.organization.items()}


def _check_purposes(entry: Platform, config: ConnectionConfig, where: str) -> None:
    """What mail is for is said of a connection as a whole, or of single subscriptions where the platform has some.
    Raises ConfigError."""
    several = entry.connector.subscriptions
    if config.purpose != MARKETING and (several or not entry.connector.mails):
        fix = 'Say what single subscriptions are for, as in purposes = {1002 = "workshops"}.' if several else ""
        text = f"{entry.title} is not for one purpose." if several else f"{entry.title} sends no mail."
        raise ConfigError(text, file=FILE, key=f"{where}.purpose", fix=fix or "Take the line away.")
    if config.purposes and not several:
        fix = 'Say what all its mail is for, as in purpose = "workshops".' if entry.connector.mails else ""
        text = f"{entry.title} has no subscriptions that are left one by one."
        raise ConfigError(text, file=FILE, key=f"{where}.purposes", fix=fix or "Take the line away.")
    taken: dict[str, str] = {}
    for number, purpose in config.purposes.items():
        if not number.isdigit():
            fix = f"`regulars fields {where.rpartition('.')[2]}` lists them: 1002 is that of hs_email_optout_1002."
            text = f'"{number}" is no number of a subscription.'
            raise ConfigError(text, file=FILE, key=f"{where}.purposes", fix=fix)
        if purpose in taken and purpose != MARKETING:
            text = f'the subscriptions {taken[purpose]} and {number} are both for "{purpose}".'
            raise ConfigError(text, file=FILE, key=f"{where}.purposes", fix="Give each a purpose of its own.")
        taken[purpose] = number


def purposes(config: Config) -> list[str]:
    """What the business's mail is for: all purposes that rules may ask for."""
    parts = config.connections.values()
    own = {purpose for part in parts for purpose in (part.purpose, *part.purposes.values())}
    return [MARKETING, *sorted(own - {MARKETING})]


def tables(config: Config) -> dict[str, FieldTable]:
    """Every connection's field table, by name. Raises ConfigError."""
    found = {}
    for name, part in config.connections.items():
        entry = platform(part.platform, f"connections.{name}.platform")
        found[name] = field_table(entry, part, f"connections.{name}")
        companies(entry, part, f"connections.{name}")
        _check_purposes(entry, part, f"connections.{name}")
        organization_rows(entry, part, f"connections.{name}")
    return found


def kinds(config: Config) -> dict[str, Kind]:
    """The fields that the connections carry, and what kind of value each holds."""
    found: dict[str, Kind] = {}
    for table in tables(config).values():
        for row in table:
            found.setdefault(row.name, row.kind)
    return found


def policies(config: Config) -> Policies:
    """The business's rules as the fold takes them. Raises ConfigError for a rule about an unknown field."""
    carried = kinds(config)
    for name in config.fields:
        if carried and name not in carried:
            hint = nearest(name, carried) or f"Known are {listed(sorted(carried), 'and')}."
            raise ConfigError(f'no connection has a field "{name}".', file=FILE, key=f"fields.{name}", fix=hint)
    # What a connection read stays known when it is closed, and means what it meant.
    meant = {row.name: row.kind for entry in CATALOGUE for row in entry.connector.table}
    return Policies(
        {name: rule.policy_of() for name, rule in config.fields.items()},
        {name: rank for rank, name in enumerate(config.connections)},
        meant | carried,
        config.business.country,
        config.contested_window,
    )


def labels(config: Config) -> dict[str, str]:
    """Our field names as people read them."""
    found: dict[str, str] = {}
    for table in tables(config).values():
        for row in table:
            if row.label:
                found.setdefault(row.name, row.label)
    return found


def open_connector(
    entry: Platform,
    credential: Mapping[str, str],
    config: ConnectionConfig,
    *,
    region: str,
    folder: Path,
    where: str = "",
    renewed: Callable[[Mapping[str, str]], None] | None = None,
    pace: Pace | None = None,
) -> Connector:
    """A connector over one credential, or over files named beside *folder*. Raises WrongUse where demo and real would
    meet."""
    REDACT.learn(credential)
    keep_apart(entry, credential.values(), config.base_url)
    settings = Settings(
        base_url=config.base_url,
        audience=config.audience,
        fields=field_table(entry, config, where),
        own_key=config.own_key,
        purpose=config.purpose,
        purposes=config.purposes,
        region=region,
        streams=streams(entry, config, where),
        organization=organization_rows(entry, config, where),
        files=tuple(str(folder / Path(one).expanduser()) for one in config.files),
        whole=config.whole,
        columns=config.columns,
    )
    make: Callable[..., Connector] = entry.connector
    return make(credential, settings, renewed=renewed, pace=pace)


def keep_apart(entry: Platform, parts: Iterable[str], base_url: str) -> None:
    """Demo credentials reach this machine only, real ones never the sandbox."""
    demo = any(part.startswith(DEMO) for part in parts)
    if demo and not base_url:
        fix = "Start it with `regulars sandbox` and give the address that it prints with --base-url."
        raise WrongUse(f"This is a demo credential: it opens the sandbox, not {entry.title}.", fix=fix)
    if base_url and not loopback(base_url):
        fix = f"Leave --base-url (base_url in {FILE}) out to reach {entry.title} itself."
        raise WrongUse(f"{base_url} is not on this machine; only the sandbox may take a platform's place.", fix=fix)
    if base_url and not demo:
        fix = "The sandbox takes the demo credentials that `regulars sandbox` prints."
        raise WrongUse("A real credential is never sent to the sandbox.", fix=fix)


def loopback(url: str) -> bool:
    """Whether an address lies on this machine."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
