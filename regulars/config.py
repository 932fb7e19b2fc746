"""`regulars.toml`: what a business says about itself, its connections and its fields.

Read with tomllib and checked with pydantic. An error names the file, the line where it can be found, the key,
what was wrong, what was expected and what to do. Edits that keep comments are in `regulars.config_edit`.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

import phonenumbers
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from mapping.decisions import Policy
from mapping.model import MARKETING, Companies, Create, Direction
from mapping.values import Kind
from regulars.config_errors import translate
from regulars.config_notices import Notices
from regulars.config_parts import CLOSED, Duration
from regulars.config_roles import read_organization_roles, read_roles
from regulars.config_segments import Destination, read_segments
from regulars.trouble import ConfigError, nearest
from sync.guard import Limit, Limits

FILE = "regulars.toml"
STORE = "regulars.db"
NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")


class _Part(BaseModel):
    model_config = CLOSED


class Business(_Part):
    """Who this is. The country reads phone numbers that carry no prefix."""

    name: str = Field(min_length=1, max_length=200)
    country: str
    timezone: str = "UTC"

    @field_validator("country")
    @classmethod
    def _a_country(cls, value: str) -> str:
        if value not in phonenumbers.SUPPORTED_REGIONS:
            upper = nearest(value.upper(), phonenumbers.SUPPORTED_REGIONS)
            raise ValueError(f'expected a country in two capital letters, such as "DE" or "US". {upper}'.strip())
        return value

    @field_validator("timezone")
    @classmethod
    def _a_timezone(cls, value: str) -> str:
        zones = available_timezones()
        if zones and value not in zones:
            raise ValueError(f'expected a time zone such as "Europe/Berlin". {nearest(value, zones)}'.strip())
        return value


def _purpose(value: str) -> str:
    if not NAME.fullmatch(value):
        raise ValueError('a purpose is a name of yours in small letters, digits, - and _, such as "workshops"')
    return value


Purpose = Annotated[str, AfterValidator(_purpose)]
"""What mail is for, in a word of the business's own."""


class CustomField(_Part):
    """A field of one's own on a platform."""

    remote: str = Field(min_length=1)
    type: Kind = Kind.TEXT
    way: Literal["both", "reads"] = "both"


class Brake(_Part):
    """How many are too many: more than `floor`, and more than this `share` of the connection's records."""

    share: float = Field(ge=0, le=1)
    floor: int = Field(ge=0)


class Brakes(_Part):
    deletes: Brake | None = None
    opt_outs: Brake | None = None
    creates: Brake | None = None
    changes: Brake | None = None
    associations: Brake | None = None
    everything_changed: Brake | None = None

    def limits(self) -> Limits:
        """The brakes as the guard takes them; what is not configured keeps its default."""
        given = {name: Limit(brake.share, brake.floor) for name, brake in self if brake is not None}
        return Limits(**given)


def _custom(value: object) -> object:
    return {"remote": value} if isinstance(value, str) else value


class ConnectionConfig(_Part):
    """One connection: a platform, one account there, and what may be done with it."""

    platform: str
    direction: Direction = Direction.READ
    create: Create = Create.NONE
    companies: Companies = Companies.NONE
    audience: str = ""
    credential: str = ""
    fields: tuple[str, ...] | None = None
    streams: tuple[str, ...] = ()
    custom: dict[str, Annotated[CustomField, BeforeValidator(_custom)]] = {}
    organization: dict[str, Annotated[CustomField, BeforeValidator(_custom)]] = {}
    own_key: bool = False
    purpose: Purpose = MARKETING
    purposes: dict[str, Purpose] = {}
    files: tuple[str, ...] = ()
    whole: bool = False
    columns: dict[str, str] = {}
    base_url: str = ""
    brakes: Brakes = Brakes()

    @model_validator(mode="after")
    def _creates_need_both(self) -> ConnectionConfig:
        if self.create is not Create.NONE and self.direction is Direction.READ:
            raise ValueError('create = "everyone" needs direction = "fill" or "both", and it is "read"')
        if self.companies is not Companies.NONE and self.direction is Direction.READ:
            said = f'companies = "{self.companies}" needs direction = "fill" or "both"'
            raise ValueError(f'{said}, and it is "read"')
        return self


class FieldConfig(_Part):
    """How one field's values survive: the newest, or a trust order of connections."""

    policy: Literal["newest"] | None = None
    trust: tuple[str, ...] = ()
    clear: bool = False

    @model_validator(mode="after")
    def _one_rule(self) -> FieldConfig:
        if self.policy and self.trust:
            raise ValueError('a field has either policy = "newest" or trust = [...], not both')
        return self

    def policy_of(self) -> Policy:
        return Policy(self.trust, self.clear)


class SegmentConfig(_Part):
    """People who are alike: a rule, and what it becomes where. The rule itself is read by `config_segments`."""

    title: str = ""
    all: Any = None
    any: Any = None
    destinations: dict[str, Destination] = {}


class RoleConfig(_Part):
    """What makes somebody a customer, a supplier and so on, and which organisations are. The rules themselves are read
    by `config_roles`."""

    all: Any = None
    any: Any = None
    organization: Any = None


class Webhooks(_Part):
    """How the platforms reach us, and how often we look by ourselves."""

    public_url: str = ""
    every: Duration = 60_000
    old_signatures: tuple[str, ...] = ()
    private_listeners: bool = False

    @field_validator("public_url")
    @classmethod
    def _an_address(cls, value: str) -> str:
        here = r"http://(127\.0\.0\.1|localhost)(:\d+)?"  # the sandbox calls within the machine
        if value and not re.fullmatch(rf"(https://[^\s/?#]+|{here})(/[^\s?#]*)?", value):
            raise ValueError(
                'expected the address at which platforms reach `regulars serve`, beginning with "https://"'
            )
        return value.rstrip("/")


class Config(_Part):
    """All of `regulars.toml`."""

    business: Business
    connections: dict[str, ConnectionConfig] = {}
    fields: dict[str, FieldConfig] = {}
    segments: dict[str, SegmentConfig] = {}
    roles: dict[str, RoleConfig] = {}
    webhooks: Webhooks = Webhooks()
    notices: Notices = Notices()
    fresh_for: Duration = 60_000
    contested_window: Duration = 7 * 86_400_000
    full_every: Duration = 7 * 86_400_000

    @field_validator("connections")
    @classmethod
    def _names(cls, value: dict[str, ConnectionConfig]) -> dict[str, ConnectionConfig]:
        for name in value:
            check_name(name)
        return value

    @field_validator("segments")
    @classmethod
    def _segment_names(cls, value: dict[str, SegmentConfig]) -> dict[str, SegmentConfig]:
        for name in value:
            check_name(name, "a segment")
        return value

    @model_validator(mode="after")
    def _credentials_are_connections_of_the_same_platform(self) -> Config:
        for name, part in self.connections.items():
            if not part.credential:
                continue
            holder = self.connections.get(part.credential)
            key = f'connections.{name}.credential names "{part.credential}"'
            if holder is None:
                raise ValueError(f"{key}, which is no connection. {nearest(part.credential, self.connections)}".strip())
            if part.credential == name:
                raise ValueError(f"{key} itself: leave it out")
            if holder.platform != part.platform:
                raise ValueError(f"{key}, which is a connection to {holder.platform}, not to {part.platform}")
            if holder.credential:
                raise ValueError(f'{key}, which has none of its own: name "{holder.credential}"')
        return self

    @model_validator(mode="after")
    def _old_signatures_name_connections(self) -> Config:
        for name in self.webhooks.old_signatures:
            if name not in self.connections:
                hint = nearest(name, self.connections)
                raise ValueError(f'webhooks.old_signatures names "{name}", which is no connection. {hint}'.strip())
        return self

    @model_validator(mode="after")
    def _trust_names_connections(self) -> Config:
        for name, rule in self.fields.items():
            for connection in rule.trust:
                if connection not in self.connections:
                    known = ", ".join(self.connections) or "there are none yet"
                    hint = nearest(connection, self.connections)
                    text = f'fields.{name}.trust names "{connection}", which is no connection ({known}). {hint}'
                    raise ValueError(text.strip())
        return self


def check_name(name: str, what: str = "a connection") -> None:
    """Raises ValueError where *name* cannot name *what*."""
    if not NAME.fullmatch(name):
        raise ValueError(f'"{name}" cannot name {what}: use small letters, digits, - and _, beginning with a letter')


def parse(text: str, file: str = FILE) -> Config:
    """The configuration in *text*. Raises ConfigError."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column (\d+)\)|\(at end of document\)", str(error))
        line = int(found[1]) if found and found[1] else len(text.splitlines())
        said = re.sub(r"\s*\(at .*\)", "", str(error))
        fix = "Values stand in quotes, and each [section] on a line of its own."
        if "twice" in said or "overwrite" in said:
            fix = "Each section and each key stands once."
        raise ConfigError(f"this is not TOML: {said}.", file=file, line=line, fix=fix) from None
    try:
        config = Config.model_validate(table)
    except ValidationError as error:
        raise translate(error, Config, text, file) from None
    segments = read_segments(config.segments, config.connections, text, file)
    read_roles(config.roles, segments, config.connections, text, file)
    read_organization_roles(config.roles, text, file)
    return config


def load(folder: Path) -> Config:
    """The configuration of the business in *folder*. Raises ConfigError."""
    path = folder / FILE
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        fix = "Run `regulars init` there, or name the folder with `regulars -C FOLDER`."
        raise ConfigError(
            "there is no such file, so this folder is no business yet.", file=str(path), fix=fix
        ) from None
    except OSError as error:
        raise ConfigError(
            f"it cannot be read: {error.strerror}.", file=str(path), fix="Check its permissions."
        ) from None
    try:
        return parse(raw.decode("utf-8"), FILE)
    except UnicodeDecodeError:
        raise ConfigError("it is not UTF-8 text.", file=FILE, fix="Save it again as UTF-8.") from None
