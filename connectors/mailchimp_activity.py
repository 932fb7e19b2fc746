"""What became of the campaigns of one audience: the stream of its e-mail activity, campaign by campaign.

One call lists the reports of up to a thousand campaigns. Its counters say which lists of which campaign have news;
a campaign whose counters stand still costs nothing more. Opens, clicks and bounces are asked for from the newest one
read, less an overlap; the other lists of a report have no such filter and are read whole.

Lists go by offset over a moving set. Each page begins with the last row of the one before, and is read again further
back where that row is not on it. A row that moves to a page already read changes the counters, so after several pages
they are asked again: unless they stood still, the same stretch is read once more in the next run. A list that shows
less than its counter, or activity so fresh that a late index may still hide some, is read once more after the overlap.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import msgspec

from connectors import mailchimp_reports as rows
from connectors.asking import turned
from connectors.base import Cursor, StreamPage
from connectors.codecs import DAY, iso_second, millis
from connectors.http import Http, Response
from connectors.mailchimp_counters import PARTS, Report, Reports
from connectors.mailchimp_paging import PAGE_SIZE, typed, whole
from connectors.moving import Spot
from connectors.over_http import good
from mapping.facts import Campaign, Channel, Facts, Touchpoint
from mapping.model import Millis

OVERLAP: Millis = 3_600_000
"""How late an event may show in a report."""


class Step(NamedTuple):
    """One list of a report: how it is asked for, how its rows read, and which counters speak of it."""

    call: str
    lists: rows.Lists[Any]
    told: rows.Told
    counters: tuple[int, ...]
    cut: Mapping[str, Sequence[str]]
    paged: bool = True
    since: bool = False


def _fields(name: str, *parts: str) -> Mapping[str, Sequence[str]]:
    return {"fields": ["total_items", *(f"{name}.{part}" for part in ("email_id", "email_address", *parts))]}


# What an opener shows of machines is newer than the description, so what is not needed is left out by name.
_HEAVY = ("merge_fields", "vip", "campaign_id", "list_id", "list_is_active", "contact_status", "_links")
_OPENS = {"exclude_fields": ["_links", *(f"members.{part}" for part in _HEAVY)]}
_ACTS = tuple(f"activity.{part}" for part in ("action", "timestamp", "url", "type"))

STEPS: Mapping[str, Step] = {
    "sent": Step("get_campaign_recipients", rows.RECIPIENTS, rows.sent, (0,), _fields("sent_to")),
    "opens": Step("get_campaign_open_details", rows.OPENERS, rows.opened, (1, 2), _OPENS, since=True),
    "acts": Step(
        "get_email_activity_for_campaign", rows.ACTIVE, rows.acted, (3, 4), _fields("emails", *_ACTS), since=True
    ),
    "left": Step(
        "get_unsubscribed_list_for_campaign",
        rows.LEAVERS,
        rows.left,
        (5,),
        _fields("unsubscribes", "timestamp", "reason"),
    ),
    "complained": Step(
        "get_campaign_abuse_reports",
        rows.COMPLAINERS,
        rows.complained,
        (6,),
        _fields("abuse_reports", "date"),
        paged=False,
    ),
}


class Known(msgspec.Struct, array_like=True):
    """What the cursor keeps of a campaign: its counters as they were read, the newest opening, click or bounce, and
    which lists to read once more, from when on."""

    counts: list[int]
    upto: Millis = 0
    again: list[str] = []
    after: Millis = 0

    def due(self, counts: Sequence[int], now: Millis) -> list[str]:
        ripe = self.again if self.again and now >= self.after else []
        return [
            name
            for name, step in STEPS.items()
            if any(counts[i] != self.counts[i] for i in step.counters) or name in ripe
        ]


class At(Spot, kw_only=True):
    """A campaign in the middle of being read. `due` are the lists still to read, the first of them from the spot on."""

    id: str
    sent: Millis
    last: Millis
    counts: list[int]
    due: list[str]
    since: Millis
    first: bool
    best: Millis = 0
    many: bool = False
    again: Sequence[str] = ()


class Read(NamedTuple):
    """A page of one list of a report."""

    page: rows.Listed[Any]
    touches: list[Touchpoint]
    refused: list[tuple[str, str]]


@dataclass(slots=True)
class Activity:
    """Reads the reports of one audience."""

    http: Http
    api: Any
    audience: str
    now: Callable[[], Millis]

    def pages(self, cursor: Cursor | None, *, full: bool) -> Iterator[StreamPage]:
        begun = cursor is not None and cursor["do"] != "done"
        kept = cursor["known"] if cursor is not None and (begun or not full) else {}
        known: dict[str, Known] = msgspec.convert(kept, dict[str, Known])
        if cursor is not None and begun and cursor["at"]:
            known = yield from self._campaign(known, msgspec.convert(cursor["at"], At), None, [])
        reports = self._reports()
        due = [(report, self._at(report, known)) for report in reports]
        due = [(report, at) for report, at in due if at.due]
        total = sum(_news(report, known) for report, _ in due)
        for report, at in due:
            known = yield from self._campaign(known, at, total, [_campaign(report)] if at.first else [])
        quiet = [report for report in reports if report.id not in known]
        known |= {report.id: Known(report.counts()) for report in quiet}
        facts = Facts(campaigns=[_campaign(report) for report in quiet]) if quiet else None
        yield StreamPage({"do": "done", "known": msgspec.to_builtins(known), "at": None}, facts=facts, last=True)

    def _reports(self) -> list[Report]:
        call = partial(self.api.get_all_campaign_reports, fields=["total_items", *(f"reports.{one}" for one in PARTS)])
        found = whole(self.http, call, Reports, lambda page: page.reports, lambda one: one.id)
        return [one for one in found if not self.audience or one.list_id == self.audience]

    def _at(self, report: Report, known: Mapping[str, Known]) -> At:
        before, counts = known.get(report.id), report.counts()
        due = (before or Known([0] * len(counts))).due(counts, self.now())
        last = max(millis(report.opens.last_open), millis(report.clicks.last_click))
        since = max(0, before.upto - OVERLAP) if before is not None and before.upto else 0
        return At(
            id=report.id,
            sent=millis(report.send_time),
            last=last,
            counts=counts,
            due=due,
            since=since,
            first=before is None,
        )

    # -- one campaign -----------------------------------------------------------------------------------------------

    def _campaign(
        self, known: dict[str, Known], at: At, total: int | None, campaigns: list[Campaign]
    ) -> Generator[StreamPage, None, dict[str, Known]]:
        """The pages of one campaign; returns what is known after it."""
        kept = msgspec.to_builtins(known)
        reads = turned(at, self._read, self._onward, partial(self.http.misread, "read report"))
        for read, after in reads if at.due else ():
            at = after or self._next(at, read)
            if read is None:
                break
            here = {"do": "go", "known": kept, "at": msgspec.to_builtins(at)}
            facts = Facts(touchpoints=read.touches, campaigns=campaigns)
            yield StreamPage(here, facts=facts, total=total, refused=read.refused)
            campaigns = []
        return {**known, at.id: self._known(at, known.get(at.id))}

    def _read(self, at: At) -> Read | None:
        """A page of the list that is due; None where the campaign was deleted since it was listed."""
        step = STEPS[at.due[0]]
        response = self._ask(step, at)
        if response.status == 404:
            return None
        try:
            page = step.lists.read(good(self.http, response, step.call).body)
        except msgspec.DecodeError as error:
            raise self.http.misread(step.call, f"no list of {step.lists.name} ({error})") from error
        touches = step.told(at.id, at.sent, page.rows)
        refused = [("", self.http.redact(reason)) for reason in page.refused]
        nameless = sum(not row.email_address for row in page.rows)
        refused += [("", f"a row of {step.lists.name} names nobody")] * nameless
        return Read(page, touches, refused)

    def _ask(self, step: Step, at: At) -> Response:
        query: dict[str, Any] = dict(step.cut)
        if step.paged:
            query |= {"count": PAGE_SIZE, "offset": at.offset}
        since = at.since
        if step.call == STEPS["acts"].call and not since and at.sent:
            since = at.sent - DAY  # with a time, Mailchimp need not list all who did nothing
        if step.since and since > 0:
            query["since"] = iso_second(since)
        response: Response = getattr(self.api, step.call)(at.id, **query)
        return response

    def _onward(self, at: At, read: Read | None) -> At | None:
        onward = self._next(at, read)
        return onward if onward.due else None

    def _next(self, at: At, read: Read | None) -> At:
        """Where to go on after a page; nothing is due any more after the last."""
        if read is None:
            return msgspec.structs.replace(at, due=[])
        name, page, change = at.due[0], read.page, msgspec.structs.replace
        if STEPS[name].since:
            at = change(at, best=max([at.best, *(touch.at for touch in read.touches)]))
        ids = [row.email_id for row in page.rows]
        spot = at.turn(ids, len(ids) + len(page.refused), PAGE_SIZE) if STEPS[name].paged else None
        if spot is not None:
            return change(spot, many=spot.many or spot.offset > at.offset)
        doubtful = at.restless(PAGE_SIZE) or self._doubtful(name, at, page)
        again = [*at.again, name] if doubtful else at.again
        return change(at, due=at.due[1:], offset=0, tail=[], backs=0, back=False, again=again)

    def _doubtful(self, name: str, at: At, page: rows.Listed[Any]) -> bool:
        """Whether a list that was read may have lagged behind its counter."""
        if at.offset + len(page.rows) + len(page.refused) < page.total_items:
            return True
        counter = at.counts[STEPS[name].counters[0]]
        if name in ("left", "complained"):
            return page.total_items < counter
        if name == "sent":
            return page.total_items < counter and at.sent > self.now() - DAY
        if name == "opens" and not at.since and page.total_opens >= counter:
            return False
        return max(at.last, at.best, at.sent) > self.now() - OVERLAP or (name == "acts" and not at.first)

    def _known(self, at: At, before: Known | None) -> Known:
        """What to keep of a campaign that was read."""
        upto = before.upto if before is not None else 0
        if at.best > upto and (not at.many or self._stood_still(at)):
            upto = at.best
        # What was read a second time because it was in doubt is in doubt no longer.
        changed = before is None or at.counts != before.counts
        again = list(at.again) if changed else []
        return Known(at.counts, upto, again, self.now() + OVERLAP if again else 0)

    def _stood_still(self, at: At) -> bool:
        response = self.api.get_campaign_report(at.id, fields=list(PARTS))
        return response.status != 404 and typed(self.http, response, Report).counts() == at.counts


def _campaign(report: Report) -> Campaign:
    title = report.campaign_title or report.subject_line
    return Campaign(report.id, title, millis(report.send_time), Channel.EMAIL, report.figures())


def _news(report: Report, known: Mapping[str, Known]) -> int:
    """How many touchpoints the counters promise."""
    now, before = report.counts(), known.get(report.id)
    old = before.counts if before is not None else [0] * len(now)
    return sum(max(0, now[i] - old[i]) for i in (0, 1, 3, 4, 5, 6))
