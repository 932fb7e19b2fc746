"""What can go wrong with a platform, by who must act.

Failure
├── Later             nobody need act: busy, slow or down; `after` says when to try again
│   └── Spent         the day's calls are used up, or those left are kept for people who leave
├── MaybeSent         a write left and its answer was lost: read back before anything else is sent
└── ConnectionFailure this connection only; a person must act
    ├── BadCredentials
    ├── TooNarrow     the credential may not do this
    ├── Misread       an answer that its documentation does not allow
    └── Unreachable   no such host, refused, a certificate that does not hold

What concerns one record only is never raised: it is an `Outcome` of that record. `NotOffered` is no failure of a
platform: whoever raises it was asked for what its connector does not declare, which is a mistake in our own code.
"""

from __future__ import annotations


class Failure(Exception):
    """A platform call failed. `platform` names it; the message says what was wrong and what to do."""

    def __init__(self, message: str, *, platform: str = "", fix: str = "") -> None:
        super().__init__(message)
        self.platform = platform
        self.fix = fix

    def __str__(self) -> str:
        text = super().__str__()
        where = f"{self.platform}: {text}" if self.platform else text
        return f"{where} {self.fix}".strip()


class Later(Failure):
    """Nothing was changed; trying again after `after` seconds may work."""

    def __init__(self, message: str, *, platform: str = "", fix: str = "", after: float = 0.0) -> None:
        super().__init__(message, platform=platform, fix=fix)
        self.after = after


class Spent(Later):
    """The quota of the day is used up, but for what is kept for calls that go first."""


class MaybeSent(Failure):
    """The request may have taken effect: its answer never arrived."""


class ConnectionFailure(Failure):
    """This connection cannot go on until a person acts."""


class BadCredentials(ConnectionFailure):
    """The platform does not know the credential, or it expired."""


class TooNarrow(ConnectionFailure):
    """The credential is good, and may not do this."""


class Misread(ConnectionFailure):
    """The platform answered in a way that its documentation does not allow."""


class Unreachable(ConnectionFailure):
    """No connection could be opened at all."""


class NotOffered(Exception):
    """A connector was asked for something that it does not declare: a mistake of whoever asked, not of the platform."""

    def __init__(self, title: str, missing: str, declared: str) -> None:
        super().__init__(f"{title} has no {missing}. Ask only where `{declared}` of its connector names it.")
