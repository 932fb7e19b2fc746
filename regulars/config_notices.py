"""`[notices]` of `regulars.toml`: who is told that something needs them, and how soon."""

from __future__ import annotations

import re
from typing import Literal

from email_validator import EmailNotValidError, validate_email
from pydantic import BaseModel, Field, field_validator, model_validator

from regulars.config_parts import CLOSED, Duration
from webhooks.notice_mail import PORTS, near
from webhooks.outgoing_address import BadAddress, check_address


class NoticeMail(BaseModel):
    """The mail server that takes notices, and to whom they go. Its password is kept by `regulars notices`."""

    model_config = CLOSED

    host: str
    port: int | None = Field(default=None, ge=1, le=65_535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    sender: str
    to: tuple[str, ...] = Field(min_length=1)

    @field_validator("host")
    @classmethod
    def _a_host(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9._:-]+", value):
            raise ValueError('expected the name of a mail server, such as "smtp.example.com"')
        return value

    @field_validator("sender", "to")
    @classmethod
    def _addresses(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for one in (value,) if isinstance(value, str) else value:
            try:
                validate_email(one, check_deliverability=False, allow_smtputf8=False, test_environment=True)
            except EmailNotValidError as error:
                raise ValueError(f'"{one}" is no e-mail address: {error}') from None
        return value

    @model_validator(mode="after")
    def _no_open_password(self) -> NoticeMail:
        if self.user and self.security == "none" and not near(self.host):
            raise ValueError('security = "none" would send the password readable by anybody: use "starttls" or "tls"')
        return self

    @property
    def at(self) -> int:
        """The port: the one given, else the usual one."""
        return self.port or PORTS[self.security]


class NoticeHook(BaseModel):
    """A web address that notices are posted to."""

    model_config = CLOSED

    url: str
    private: bool = False

    @model_validator(mode="after")
    def _may_be_called(self) -> NoticeHook:
        try:
            check_address(self.url, local=self.private)
        except BadAddress as error:
            hint = "" if self.private else " (private = true allows one in your own network)"
            raise ValueError(f"{self.url} cannot be called: {error}{hint}") from None
        return self


class Notices(BaseModel):
    """Who is told, and how soon."""

    model_config = CLOSED

    after: Duration = 600_000
    again: Duration = 86_400_000
    mail: NoticeMail | None = None
    webhook: NoticeHook | None = None
