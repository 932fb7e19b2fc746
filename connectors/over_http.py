"""What connectors have in common whose platform speaks HTTP and JSON: how they are opened, and how an answer is read.

Who signs in how, at which address and at what pace is each platform's own.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping
from typing import TypeVar, Unpack

import msgspec

from connectors.auth import Auth, Credential, Renewed
from connectors.base import Connector, Outside, Settings
from connectors.http import Http, Response
from connectors.http_verdict import Verdict, judge, retry_after
from connectors.pace import Clock, Pace, Sleep
from mapping.model import Millis

T = TypeVar("T")


class OverHttp(Connector):
    """A connector with one `Http`."""

    def __init__(self, credential: Credential, settings: Settings, **outside: Unpack[Outside]) -> None:
        super().__init__(credential, settings, **outside)
        self._clock, self._sleep = outside.get("clock", time.time), outside.get("sleep", time.sleep)
        self.pace = outside.get("pace") or self._pace(self._clock, self._sleep)
        self._http = Http(
            platform=self.title,
            base_url=self._base_url(settings.base_url, credential),
            auth=self._auth(credential, outside.get("renewed")),
            pace=self.pace,
            judge=self._judge,
            after=self._after,
            heed=self._heed,
            headers=self._headers(),
            lane_of=self._lane,
            transport=outside.get("transport"),
            clock=self._clock,
            sleep=self._sleep,
        )

    @abstractmethod
    def _base_url(self, given: str, credential: Credential) -> str:
        """Where the account is called: at *given*, else at the vendor's own address."""

    @abstractmethod
    def _auth(self, credential: Credential, renewed: Renewed | None) -> Auth:
        """What signs the account's requests in."""

    def _pace(self, clock: Clock, sleep: Sleep) -> Pace:
        """The platform's limits."""
        return Pace(clock=clock, sleep=sleep)

    def _judge(self, response: Response) -> Verdict:
        """What an answer's status means there."""
        return judge(response)

    def _after(self, response: Response, now: float) -> float:
        """Seconds that a refused call is asked to wait."""
        return retry_after(response, now)

    def _heed(self, pace: Pace, response: Response) -> None:
        """Take over limits that stand in an answer's body."""

    def _lane(self, path: str) -> str:
        """Whose windows a call of this path keeps to."""
        return ""

    def _headers(self) -> Mapping[str, str]:
        """What goes with every call, such as a version."""
        return {}

    def calls(self) -> Mapping[str, int]:
        return self._http.calls()

    def close(self) -> None:
        self._http.close()

    def _now(self) -> Millis:
        return round(self._clock() * 1000)

    def _good(self, response: Response, operation: str) -> Response:
        """The response of a read, which has no reason to be refused."""
        return good(self._http, response, operation)

    def _typed(self, response: Response, shape: type[T]) -> T:
        """A good answer of that shape."""
        return decoded(self._http, msgspec.json.Decoder(shape), response, shape.__name__)


def good(http: Http, response: Response, operation: str) -> Response:
    """The response of a read, which has no reason to be refused."""
    if not response.ok:
        raise http.misread(operation, http.explain(response))
    return response


def decoded(http: Http, decoder: msgspec.json.Decoder[T], response: Response, operation: str) -> T:
    """A good answer, decoded; Misread where it is none, or has another shape."""
    try:
        return decoder.decode(good(http, response, operation).body)
    except msgspec.DecodeError as error:
        raise http.misread(operation, f"an answer has not the documented shape ({error})") from error
