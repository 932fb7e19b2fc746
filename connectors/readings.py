"""What a platform's answers mean, as values: who must act (`When`), and what became of one record (`Refusals`).

Codes differ by platform, and so does where they stand: some throttle with a 403, some put errors into a 200.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from connectors.base import Change, Outcome, Result
from connectors.http_transport import Response
from connectors.http_verdict import Judge, Verdict, judge
from connectors.paths import Envelope, dig


@dataclass(frozen=True, slots=True)
class When:
    """An answer with this *status* (0: any refusal) is to be read so, where all that is asked holds: *header* stands
    there with that text, *at* that path of the body stands one of *among* (or anything at all), it *is JSON* or is
    not."""

    status: int
    verdict: Verdict
    header: tuple[str, str] | None = None
    at: str = ""
    among: Sequence[object] = ()
    is_json: bool | None = None

    def fits(self, response: Response) -> bool:
        if response.status != self.status and (self.status or response.ok):
            return False
        if self.is_json is not None and response.is_json is not self.is_json:
            return False
        if self.header is not None and response.headers.get(self.header[0], "").strip() != self.header[1]:
            return False
        if not self.at:
            return True
        found = Envelope(response.body).value(self.at) if response.is_json else None
        return found in self.among if self.among else found is not None


def judged_by(cases: Sequence[When]) -> Judge:
    """The reading of a platform: the first case that fits, else the common one."""

    def reading(response: Response) -> Verdict:
        for case in cases:
            if case.fits(response):
                return case.verdict
        return judge(response)

    return reading


def said(response: Response) -> object:
    """The body of an answer; None where it is no JSON."""
    return msgspec.json.decode(response.body) if response.is_json and response.body else None


@dataclass(frozen=True, slots=True)
class Refusals:
    """How one record's write is refused: *code* is the path of the platform's code, and *codes* what it is in our words
    (`exists`, `compliance_state`, `cap`, …; a status may stand there too). Statuses in *gone* say that the record is
    not there. *words* of a message blame fields of ours, where they were written."""

    code: str = "code"
    codes: Mapping[object, str] = field(default_factory=dict)
    gone: Sequence[int] = (404, 410)
    words: Mapping[str, str] = field(default_factory=dict)

    def outcome(self, response: Response, change: Change, reason: str, title: str) -> Outcome:
        """What became of the record whose write was answered so."""
        remote_id = change.remote_id
        if response.status in self.gone:
            return Outcome(Result.GONE, remote_id, reason=f"{title} has no such record any more", code="gone")
        text = response.body.decode(errors="replace") if self.words else ""
        blamed = tuple(name for word, name in self.words.items() if word in text and name in change.values)
        if blamed:
            return Outcome(Result.REFUSED, remote_id, reason=reason, code="invalid", blamed=blamed)
        theirs = dig(said(response), self.code)
        code = self.codes.get(theirs) if isinstance(theirs, str | int) else None
        return Outcome(
            Result.REFUSED, remote_id, reason=reason, code=code or self.codes.get(response.status, "invalid")
        )
