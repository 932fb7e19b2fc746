"""The only place that connects, waits, retries, classifies and redacts.

A call ends in one of three ways: a `Response` (2xx, or a 4xx that speaks about a record and is the connector's
to read), a `Failure` that says who must act, or `MaybeSent` for a write whose answer was lost. Reads, and writes
declared idempotent, are repeated after any passing fault; other writes only when they surely did not arrive.

`http_destination` says where a credential may go, `http_call` spells a request, `http_transport` carries it, and
`http_verdict` judges the answer; credentials, pace and repetition are here.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TypeVar

import tenacity

from connectors.auth import Auth
from connectors.errors import (
    BadCredentials,
    ConnectionFailure,
    Failure,
    Later,
    MaybeSent,
    Misread,
    Spent,
    TooNarrow,
    Unreachable,
)
from connectors.http_call import Call, Query, address, content
from connectors.http_destination import DEMO, guard_destination
from connectors.http_transport import Lost, NotSent, Response, SocketTransport, Transport, WsgiTransport
from connectors.http_verdict import Judge, Verdict, explained, judge, redacted, retry_after
from connectors.pace import Clock, Pace, Sleep

USER_AGENT = "regulars/0.1"
READ_SECONDS = 125.0  # the platforms cut a request after 120 s at most; ours must not give up before theirs does
ATTEMPTS = 5
LONGEST_WAIT = 60.0  # a platform that asks for more is tried again at the next run
F = TypeVar("F", bound=Failure)

__all__ = [
    "Http",
    "Lost",
    "NotSent",
    "Response",
    "SocketTransport",
    "Transport",
    "Verdict",
    "WsgiTransport",
    "guard_destination",
    "judge",
]


class _Again(Exception):
    """This attempt failed in a passing way; `failure` is what remains if no attempt does better."""

    def __init__(self, failure: Failure, after: float = 0.0) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.after = after


class Http:
    """All calls of one connection."""

    def __init__(
        self,
        *,
        platform: str,
        base_url: str,
        auth: Auth,
        pace: Pace | None = None,
        judge: Judge = judge,
        after: Callable[[Response, float], float] = retry_after,
        heed: Callable[[Pace, Response], None] | None = None,
        headers: Mapping[str, str] | None = None,
        lane_of: Callable[[str], str] | None = None,
        transport: Transport | None = None,
        clock: Clock = time.time,
        sleep: Sleep = time.sleep,
        user_agent: str = USER_AGENT,
        read_seconds: float = READ_SECONDS,
        attempts: int = ATTEMPTS,
    ) -> None:
        """*after* says how long a refused call is asked to wait, *heed* takes over limits that stand in bodies, and
        *headers* go with every call. *lane_of* gives the lane of a path, where a call names none."""
        self._secrets = auth.secrets()
        self.demo = any(secret.startswith(DEMO) for secret in self._secrets)
        for secret in self._secrets[:1]:
            self._named(guard_destination, platform, base_url, secret)
        self.platform = platform
        self.base_url = base_url.rstrip("/")
        self.pace = pace or Pace()
        self.counts: Counter[str] = Counter()
        self._auth = auth
        self._judge = judge
        self._after = after
        self._heed = heed
        self._lane_of = lane_of or (lambda _: "")
        self._always = dict(headers or {})
        self._transport = transport or SocketTransport(self.pace.at_once, local=self.demo)
        self._clock = clock
        self._sleep = sleep
        self._agent = user_agent
        self._read_seconds = read_seconds
        self._attempts = attempts

    @staticmethod
    def _named(guard: Callable[[str, str], None], platform: str, base_url: str, secret: str) -> None:
        try:
            guard(base_url, secret)
        except ConnectionFailure as failure:
            failure.platform = platform
            raise

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        json: bytes | None = None,
        form: Mapping[str, str] | None = None,
        idempotent: bool | None = None,
        operation: str = "",
        lane: str = "",
        wants_json: bool = True,
        anonymous: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """One call, repeated where that is safe. *path* is appended to the base address; *json* is encoded already.

        *idempotent* is assumed for GET only. Answers 2xx and those 4xx that speak about a record are returned;
        with *wants_json* only if they are JSON (or empty, where the status says so). *anonymous* sends no
        credential, and alone may go to an address outside the base address.
        """
        url = path if anonymous and "://" in path else self.base_url + path
        body, described = content(json, form)
        always = {"Accept": "application/json", "User-Agent": self._agent, **({} if anonymous else self._always)}
        sent = {**always, **described, **(headers or {})}
        safe = method == "GET" if idempotent is None else idempotent
        return self._run(
            Call(
                method,
                address(url, query),
                body,
                sent,
                safe,
                operation or path,
                lane or self._lane_of(path),
                wants_json,
                anonymous,
            )
        )

    def _run(self, call: Call) -> Response:
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self._attempts),
            wait=self._wait,
            retry=tenacity.retry_if_exception_type(_Again),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(self._attempt, call)
        except _Again as again:
            raise again.failure from None

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """Exponential with full jitter, and never shorter than the platform asks."""
        error = state.outcome.exception() if state.outcome else None
        asked = error.after if isinstance(error, _Again) else 0.0
        return asked + random.uniform(0.1, min(20.0, 0.5 * 2**state.attempt_number))  # noqa: S311

    def _attempt(self, call: Call, renewed: bool = False) -> Response:
        if not call.anonymous and (why := self.pace.spent(call.lane)):
            raise self._spent(f"{why}.", 3600.0)
        signed = {} if call.anonymous else self._auth.headers()
        url = call.url if call.anonymous else address(call.url, self._auth.query())
        self.counts[call.operation] += 1
        with self.pace.slot(call.lane):
            try:
                response = self._transport.send(
                    call.method, url, {**call.headers, **signed}, call.body, self._read_seconds
                )
            except NotSent as error:
                gone = self._fail(Unreachable, f"cannot be reached: {error}.", "Check the network, then try again.")
                raise (gone if error.final else _Again(gone)) from error
            except Lost as error:
                raise self._unanswered(call, f"the connection broke ({error})") from error
        self.pace.learn(response.headers)
        if self._heed is not None:
            self._heed(self.pace, response)
        verdict = self._judge(response)
        if verdict is Verdict.ANSWER:
            return self._answer(call, response)
        may_renew = verdict is Verdict.STRANGER and not renewed and not call.anonymous
        if may_renew and self._auth.renew(signed, self._post_form):
            self._secrets = (*self._secrets, *self._auth.secrets())
            return self._attempt(call, renewed=True)
        raise self._refusal(call, response, verdict)

    def _answer(self, call: Call, response: Response) -> Response:
        """The response, if it is what was promised."""
        if not call.wants_json or response.status == 204 or response.is_json:
            return response
        what = f"answered {response.status} with {response.kind} where JSON is promised"
        if call.idempotent:
            raise _Again(self._fail(Misread, f"{call.operation}: {what}.", "Try again; if it stays, tell us."))
        if response.ok:
            raise self._fail(MaybeSent, f"{call.operation}: {what}; the write may have taken effect.")
        raise self._fail(Misread, f"{call.operation}: {what}.", "Try again; if it stays, tell us.")

    def _refusal(self, call: Call, response: Response, verdict: Verdict) -> Exception:
        said = self.explain(response)
        if verdict is Verdict.STRANGER:
            return self._fail(
                BadCredentials, f"does not accept the credential ({said}).", "Connect again with a new one."
            )
        if verdict is Verdict.NARROW:
            return self._fail(
                TooNarrow, f"the credential may not do this: {call.operation} ({said}).", "Widen its rights."
            )
        if verdict is Verdict.ODD:
            return self._fail(Misread, f"{call.operation}: unexpected answer {response.status} ({said}).")
        if verdict is Verdict.SPENT:
            self.pace.quota(0)
            what = f"the quota of today is used up ({said}); waiting will not help before it is filled up again."
            return self._spent(what, retry_after(response, self._clock()) or 3600.0)
        after = self._after(response, self._clock())
        if verdict is Verdict.BUSY:
            later = self._later(f"is busy ({said}).", "Try again in a while.", after)
            return later if after > LONGEST_WAIT else _Again(later, after or self._share_of_window())
        return self._unanswered(call, said, after)

    def _share_of_window(self) -> float:
        """Where no wait is asked for: long enough that all attempts together outlast the platform's longest window.

        Another program may call the same account; our own pace knows nothing of its calls.
        """
        return self.pace.longest / max(1, self._attempts - 1)

    def _unanswered(self, call: Call, what: str, after: float = 0.0) -> Exception:
        """A fault after which a write may have taken effect."""
        if call.idempotent:
            later = self._later(f"{call.operation}: {what}.", "Try again in a while.", after)
            return later if after > LONGEST_WAIT else _Again(later, after)
        return self._fail(MaybeSent, f"{call.operation}: {what}; the write may have taken effect.")

    def _post_form(self, path: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None, /) -> bytes:
        response = self.request(
            "POST", path, form=form, headers=headers, idempotent=True, operation="renew token", anonymous=True
        )
        if not response.ok:
            raise self._fail(
                BadCredentials,
                f"would not renew the access ({self.explain(response)}).",
                "Connect again to allow it anew.",
            )
        return response.body

    def explain(self, response: Response) -> str:
        """What the platform said about itself, short and without secrets or addresses of people."""
        return self.redact(explained(response)[:400])

    def redact(self, text: str) -> str:
        """*text* without our secrets and without e-mail addresses."""
        return redacted(text, self._secrets)

    def _fail(self, kind: type[F], message: str, fix: str = "") -> F:
        return kind(self.redact(message), platform=self.platform, fix=fix)

    def _later(self, message: str, fix: str, after: float) -> Later:
        return Later(self.redact(message), platform=self.platform, fix=fix, after=after)

    def _spent(self, message: str, after: float) -> Spent:
        fix = "Run again tomorrow, or raise the plan."
        return Spent(self.redact(message), platform=self.platform, fix=fix, after=after)

    def guard(self, url: str) -> None:
        """Refuse an address that an answer named, where `guard_destination` would refuse it for our credential."""
        self._named(guard_destination, self.platform, url, self._secrets[0] if self._secrets else "")

    def misread(self, operation: str, what: str) -> Misread:
        """An answer whose shape the documentation does not allow."""
        return self._fail(Misread, f"{operation}: {what}.", "Try again; if it stays, tell us.")

    def calls(self) -> dict[str, int]:
        """Calls by operation, and the quota left where it is known."""
        left = {} if self.pace.quota_left is None else {"quota_left": self.pace.quota_left}
        return {**self.counts, **left}

    def close(self) -> None:
        self._transport.close()

    def __repr__(self) -> str:
        return f"Http({self.platform}, {self.base_url}, ***)"
