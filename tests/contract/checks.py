"""The checks of the contract: one for each promise of `connectors.levels`, the same for every platform.

A check takes a fresh rehearsal and fails with an assertion where the promise is not kept.
"""

from __future__ import annotations

import contextlib
import importlib
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

from connectors import CATALOGUE, platform
from connectors.base import Change, Connector, Outcome, Page, Raw, Result, StreamPage
from connectors.errors import BadCredentials, Failure, MaybeSent, Misread
from connectors.http import Response
from connectors.signing import Delivery, doubt
from mapping.fields import Field
from mapping.model import ConsentState, RecordState
from mapping.values import Kind
from sandbox.webhooks_wire import Sealed
from tests.connectors.joined import Joined, Watched
from tests.contract.rehearsal import Rehearsal, Unpeopled
from tests.docs.pages import ROOT

CHECKS: dict[str, Callable[[Rehearsal], None]] = {}
MOST_CALLS = 60
SAMPLES: dict[Kind, Any] = {
    Kind.TEXT: "Rye, and Ünïcode",
    Kind.NAME: "Zoë",
    Kind.EMAIL: "zoe@example.org",
    Kind.PHONE: "+49 30 1234567",
    Kind.DATE: "2026-03-31",
    Kind.BIRTHDAY: "03-31",
    Kind.NUMBER: 12.5,
    Kind.FLAG: True,
    Kind.ADDRESS: {"street": "Lange Gasse 1", "city": "Ulm", "region": "BW", "postcode": "89073", "country": "DE"},
    Kind.SET: ["cake", "vip"],
}


def check(function: Callable[[Rehearsal], None]) -> Callable[[Rehearsal], None]:
    """Enter a check under its own name."""
    CHECKS[function.__name__] = function
    return function


# -- bronze -----------------------------------------------------------------------------------------------------


@check
def signs_in(place: Rehearsal) -> None:
    account = place.open().connector.check()

    assert account.id
    if place.wrong:
        with pytest.raises(BadCredentials):
            place.open(credential=place.wrong).connector.check()


def _lists_nobody(place: Rehearsal) -> bool:
    """Whether a platform says that it has nobody to list. Then that is so: one page, nobody on it, nothing asked for,
    and nobody taken for gone because of it."""
    one = place.open()
    if "listing" not in one.connector.cannot:
        return False
    place.load(3)

    pages = [page for full in (True, False) for page in one.pages(full=full)]

    assert [(list(page.records), page.last, page.complete) for page in pages] == [([], True, False)] * 2
    assert one.connector.forgets
    assert one.wire.sent == []
    return True


@check
def reads_everybody(place: Rehearsal) -> None:
    if _lists_nobody(place):
        return
    ids = place.load(2 * place.page + 3)
    one = place.open()

    pages = _pages(place, one)

    assert sorted({raw.remote_id for page in pages for raw in _listed(page)}) == sorted(ids)
    assert [page.last for page in pages].index(True) == len(pages) - 1
    assert pages[-1].complete is not one.connector.forgets
    assert sum(_asks(place.listing, sent.url, sent.body) for sent in one.wire.sent) <= len(pages) + 1


def _pages(place: Rehearsal, one: Joined) -> list[Page | StreamPage]:
    """The listing of people from the cursor on, or of the stream that is read in their stead."""
    pages: list[Page | StreamPage] = []
    if place.told:
        pages += one.connector.stream_pages(place.told, one.cursor)
    else:
        pages += one.connector.pages(one.cursor)
    one.cursor = pages[-1].cursor
    return pages


def _listed(page: Page | StreamPage) -> Sequence[Raw]:
    return page.records if isinstance(page, Page) else page.items


def _asks(part: str, url: str, body: bytes | None) -> bool:
    """Whether a call asks for the listing."""
    return part in url or part.encode() in (body or b"")


class _SamePage(Watched):
    """Answers each listing as the first one was answered."""

    first: Response | None = None
    part = ""

    def send(self, method: str, url: str, headers: Any, body: bytes | None, timeout: float) -> Response:
        answer = super().send(method, url, headers, body, timeout)
        if _asks(self.part, url, body):
            self.first = self.first or answer
            assert len(self.sent) < MOST_CALLS, "reads the same page for ever"
            return self.first
        return answer


@check
def never_circles(place: Rehearsal) -> None:
    if _lists_nobody(place):
        return
    place.load(2 * place.page + 3)
    one = place.open()
    wire = _SamePage(place.box.app)
    wire.part = place.listing
    one.connector._http._transport = wire  # type: ignore[attr-defined]

    with contextlib.suppress(Misread):  # either it ends, or it says so
        _pages(place, one)

    assert len(wire.sent) < MOST_CALLS


@check
def lens_holds(place: Rehearsal) -> None:
    for row in platform(place.name).connector.table:
        if row.readable and row.writable:
            _reads_back(row)


def _reads_back(row: Field) -> None:
    value = SAMPLES[row.kind]
    shown = row.write(value)

    assert row.read(shown) == value, row.name
    assert row.write(row.read(shown)) == shown, row.name


@check
def cannot_is_complete(place: Rehearsal) -> None:
    connector = platform(place.name).connector
    words = {row.name for entry in CATALOGUE for row in entry.connector.table}
    both = {row.name for row in connector.table if row.writable}

    if place.told:  # who names nobody has no fields at all
        assert list(connector.table) == []
        return
    assert words - {row.name for row in connector.table} - set(connector.cannot) == set()
    assert both & set(connector.cannot) == set()


@check
def leaving_is_read(place: Rehearsal) -> None:
    who = place.add("ada@example.org")
    place.clock.advance(600)
    place.leave(who)
    one = place.open()

    seen = one.pull()[who]
    one.connector.update([Change(who, {"given_name": "Augusta"}, address="ada@example.org")])

    assert ConsentState.WITHDRAWN in {consent.state for consent in seen.consent}
    assert not seen.subscribed
    assert place.has_left(who)


@check
def secrets_stay(place: Rehearsal) -> None:
    one = place.open()
    place.something()
    place.box.faults.add("error_before", times=99)
    secrets = [part for part in place.credential.values() if len(part) > 8]

    with pytest.raises(Failure) as caught:
        one.connector.check()

    shown = " ".join((str(caught.value), repr(caught.value), repr(one.connector), repr(vars(one.connector))))
    shown += repr(one.connector._http) + repr(one.connector._http._auth)  # type: ignore[attr-defined]
    assert [secret for secret in secrets if secret in shown] == []


@check
def speaks_for_itself(place: Rehearsal) -> None:
    module = importlib.import_module(platform(place.name).connector.__module__)

    assert [word for word in ("Docs ", "Pace ", "Quirks ") if f"\n{word}" not in (module.__doc__ or "")] == []


# -- silver -----------------------------------------------------------------------------------------------------


def _made(one: Joined, change: Change) -> list[Outcome]:
    """A create whose answer may be lost: what is known of it then."""
    try:
        return list(one.connector.create([change]))
    except MaybeSent:
        return [Outcome(Result.MAYBE)]


def _new(address: str, key: str = "p1") -> Change:
    return Change("", {"given_name": "Ada", "family_name": "Berg"}, address=address, key=key, subscribed=True)


def _writes_nothing(place: Rehearsal) -> None:
    """A platform that is only read refuses every write in words, and sends nothing."""
    who, one = place.something(), place.open()
    change = Change(who, {"given_name": "Augusta"}, address="ada@example.org")
    connector, before = one.connector, place.addresses()

    done = [connector.update([change]), connector.create([_new("new@example.org")]), connector.archive([change])]
    done.append(connector.opt_out([change], "marketing"))

    assert "writing" in connector.cannot
    assert [(each.result, each.code) for (each,) in done] == [(Result.REFUSED, "cannot")] * 4
    assert one.wire.sent == []
    assert place.addresses() == before


def _made_by_noting(place: Rehearsal) -> bool:
    """Whether a platform has nobody to look for, so that making somebody is writing them down: then the same address is
    the same record however often, and nothing is sent."""
    one = place.open()
    if "listing" not in one.connector.cannot:
        return False

    made = [one.connector.create([_new(address)])[0] for address in ("new@example.org", "New@example.org")]
    unasked = one.connector.create([Change("", address="bo@example.org", subscribed=False)])[0]

    assert [each.result for each in made] == [Result.APPLIED] * 2
    assert len({each.remote_id for each in made}) == 1
    assert unasked.result is Result.REFUSED
    assert one.wire.sent == []
    return True


@check
def retries_what_is_safe(place: Rehearsal) -> None:
    if _made_by_noting(place):
        return
    if place.open().connector.reads_only:
        _writes_nothing(place)
        return
    for kind in ("lost_answer", "error_after", "lost_request", "error_before"):
        one = place.open()
        place.box.faults.add(kind, method="POST", path=place.making)
        address = f"{kind.replace('_', '.')}@example.org"

        (done,) = _made(one, _new(address))

        assert place.addresses().count(address) <= 1, kind
        assert done.result is not Result.APPLIED or place.addresses().count(address) == 1, kind
        place.box.faults.clear()


@check
def waits_as_told(place: Rehearsal) -> None:
    who = place.something()
    one = place.open()
    before = place.clock.now
    if "listing" in one.connector.cannot:  # there is no listing: whatever else is asked waits
        place.box.faults.add("rate_limit", retry_after=17)
        one.connector.check()
        assert (place.clock.now - before).total_seconds() >= 17
        return
    path = "*" if place.told else f"*{place.listing.rstrip('?').lstrip('/')}*"
    place.box.faults.add("rate_limit", path=path, retry_after=17)

    found = [raw.remote_id for page in _pages(place, one) for raw in _listed(page)]

    assert found == [who]
    assert place.box.faults.seen["rate_limit"] == 1
    assert (place.clock.now - before).total_seconds() >= 17


@check
def one_bad_record(place: Rehearsal) -> None:
    if place.open().connector.reads_only:
        _writes_nothing(place)
        return
    first, lost, last = (place.add(f"{name}@example.org") for name in ("ada", "bo", "cy"))
    one = place.open()
    one.pull()
    place.delete(lost)
    pairs = [(first, "ada"), (lost, "bo"), (last, "cy")]
    changes = [Change(who, {"given_name": "Augusta"}, address=f"{name}@example.org") for who, name in pairs]

    done = one.connector.update(changes)
    shown = one.connector.read([first, last])

    assert [one.result is Result.APPLIED for one in done] == [True, False, True]
    assert done[1].result in (Result.GONE, Result.REFUSED)
    assert [one.connector.decode(raw).fields["given_name"] for raw in shown.values() if raw] == ["Augusta"] * 2


@check
def made_once(place: Rehearsal) -> None:
    if _made_by_noting(place):
        return
    if place.open().connector.reads_only:
        _writes_nothing(place)
        return
    one = place.open()
    place.box.faults.add("lost_answer", method="POST", path=place.making)

    _made(one, _new("new@example.org"))
    found = one.connector.find(["new@example.org"], ["p1"])
    _made(one, _new("new@example.org"))

    assert len({raw.remote_id for raw in found.values()}) == 1
    assert place.addresses().count("new@example.org") == 1


@check
def gone_is_proven(place: Rehearsal) -> None:
    if _lists_nobody(place):
        return
    stays, goes = place.add("ada@example.org"), place.add("bo@example.org")
    one = place.open()
    one.pull()
    place.delete(goes)

    pages = one.pages(full=True)
    raws = one.connector.read([stays, goes])
    if one.connector.forgets:  # who is not shown there may only be too old
        assert "deletions" in one.connector.cannot
        assert not pages[-1].complete
        assert [raws.get(one) is None for one in (stays, goes)] == [False, True]
        return

    listed = [raw for page in pages for raw in page.records if raw.remote_id == goes]
    states = [one.connector.decode(raw).state for raw in [*listed, *([raws[goes]] if raws[goes] else [])] if raw]
    assert pages[-1].complete
    assert raws[stays] is not None
    assert RecordState.LIVE not in states


@check
def reads_past_the_index(place: Rehearsal) -> None:
    who = place.add("ada@example.org")
    one = place.open()
    before = one.pull()[who]
    place.box.late_index = 120

    raw = one.raw(place.news(who, "Augusta"))

    assert before.fields[place.shows] == "Ada"
    assert raw is not None
    assert one.connector.decode(raw).fields[place.shows] == "Augusta"


@check
def leaves_for_good(place: Rehearsal) -> None:
    if place.open().connector.reads_only:
        _writes_nothing(place)
        return
    who, other = place.add("ada@example.org"), place.add("bo@example.org")
    one = place.open()

    (done,) = one.connector.opt_out([Change(who, address="ada@example.org")], "marketing")
    (again,) = one.connector.opt_out([Change(who, address="ada@example.org")], "marketing")

    assert (done.result, again.result) == (Result.APPLIED, Result.APPLIED)
    assert (place.has_left(who), place.has_left(other)) == (True, False)


# -- gold -------------------------------------------------------------------------------------------------------


def _letters(place: Rehearsal, one: Joined) -> tuple[list[Any], str]:
    """What the platform has to tell after somebody's edit, and the secret of its hook."""
    secret = place.hook(one.connector)
    who = place.something()
    place.clock.advance(5)
    if not isinstance(place, Unpeopled):
        place.news(who, "Augusta")
    place.clock.advance(5)
    room = place.box.mailroom
    return room.pack(room.due(place.clock())), secret


def _delivery(sealed: Sealed) -> Delivery:
    return Delivery(sealed.method, sealed.url, {k.lower(): v for k, v in sealed.headers.items()}, sealed.body)


@check
def hooks_are_proven(place: Rehearsal) -> None:
    one = place.open()
    letters, secret = _letters(place, one)
    hooks, now = _hooks(one.connector), place.clock.now
    room, letter = place.box.mailroom, letters[0]

    true = _delivery(room.seal(letter, now))
    forged = [_delivery(room.forge(letter, how, now)) for how in room.forgeries]
    later = _delivery(room.seal(letter, now))

    assert doubt(hooks.rules, true, [secret], now.timestamp()) is None
    assert [doubt(hooks.rules, false, [secret], now.timestamp()) is None for false in forged] == [False] * len(forged)
    assert doubt(hooks.rules, true, ["another secret"], now.timestamp()) is not None
    assert hooks.same(true.body) == hooks.same(later.body)
    assert true.headers["content-type"].partition(";")[0] in hooks.types


@check
def hooks_name_whom(place: Rehearsal) -> None:
    one = place.open()
    letters, _ = _letters(place, one)
    everybody = {raw.remote_id for page in one.pages() for raw in page.records}

    heard = [_hooks(one.connector).hear(place.box.mailroom.seal(each, place.clock.now).body) for each in letters]

    named = {record for each in heard for record in each.records}
    named |= {raw.remote_id for each in heard for raw in one.connector.find(list(each.addresses), []).values()}
    assert everybody
    assert everybody <= named
    assert [odd for each in heard for odd in each.odd] == []


def _hooks(connector: Connector) -> Any:
    assert connector.hooks is not None
    return connector.hooks


@check
def catches_up(place: Rehearsal) -> None:
    if isinstance(place, Unpeopled):
        _figures_catch_up(place)
        return
    if _lists_nobody(place):
        return
    ids = place.load(2 * place.page + 3)
    place.clock.advance(3600)
    one = place.open()
    turning, seen = one.connector.pages(None), set()
    for number, page in enumerate(turning):
        seen |= {raw.remote_id for raw in page.records}
        one.cursor = page.cursor
        if number == 0:
            place.delete(ids[0])
    place.box.late_index = 45
    place.clock.advance(600)
    changed = place.news(ids[-1], "Augusta")
    early = one.pull()
    place.clock.advance(60)
    late = one.pull()

    assert set(ids[1:]) <= seen
    assert "Augusta" in {found[changed].fields.get(place.shows) for found in (early, late) if changed in found}


def _figures_catch_up(place: Unpeopled) -> None:
    """What is done with a post after it was read is read again, without reading everything."""
    ids = place.load(2 * place.page + 3)
    one = place.open()
    _pages(place, one)
    place.clock.advance(3600)
    new = place.post()
    figure = place.react(new)
    _pages(place, one)
    place.react(new)
    place.clock.advance(600)

    pages = _pages(place, one)

    items = {raw.remote_id: raw for page in pages for raw in _listed(page)}
    assert len(items) < len(ids)
    assert _figures(place, one, items[new])[figure] == 6


def _figures(place: Rehearsal, one: Joined, item: Raw) -> dict[str, int]:
    (campaign,) = one.connector.facts(place.told, item).campaigns
    assert campaign.channel == "social"
    return campaign.figures


@check
def tells_engagement(place: Rehearsal) -> None:
    if isinstance(place, Unpeopled):
        post = place.post()
        figure, one = place.react(post), place.open()
        items = [raw for page in _pages(place, one) for raw in _listed(page)]
        assert [_figures(place, one, raw)[figure] for raw in items if raw.remote_id == post] == [3]
        return
    who = place.add("ada@example.org")
    one = place.open(streams=place.streams())
    if not place.streams():
        place.hook(one.connector)
    place.engage(who)
    place.clock.advance(600)

    first, second = _touches(place, one), _touches(place, one)

    assert first
    assert sorted(first) == sorted(second)
    assert len(first) == len(set(first))


def _touches(place: Rehearsal, one: Joined) -> list[str]:
    """The keys of what is told of engagement, by streams or else by webhooks."""
    found: list[str] = []
    for name in place.streams():
        for page in one.connector.stream_pages(name, None, full=True):
            found += _keys(
                [page.facts] if page.facts is not None else [one.connector.facts(name, i) for i in page.items]
            )
    if place.streams():
        return found
    room = place.box.mailroom
    bodies = [room.seal(letter, place.clock.now).body for letter in room.pack(room.due(place.clock.now))]
    return _keys(_hooks(one.connector).hear(body).facts for body in bodies)


def _keys(told: Iterable[Any]) -> list[str]:
    return [key for facts in told for key, _ in facts.singly()]


@check
def as_described(place: Rehearsal) -> None:
    described = place.described()
    assert described is not None, "there is no description"
    one = place.open(app=described)
    tour(place, one)
    violations = [text for text in described.violations if not re.search(place.exempt, text)]
    print(described.report())

    assert violations == []
    assert dict(described.undescribed) == {}


def tour(place: Rehearsal, one: Joined) -> None:
    """Every kind of call once."""
    connector = one.connector
    who = place.add("ada@example.org")
    place.load(3)
    connector.check(rights=True)
    connector.remote_fields()
    connector.add_own_key()
    one.pull()
    place.clock.advance(3600)
    one.pull()
    connector.find(["ada@example.org", "nobody@example.org"], ["p1"])
    if connector.reads_only:
        place.more_calls(connector, who)
        return
    values = {"given_name": "Augusta", "phone": "+49 30 1234567"}
    connector.update([Change(who, values, address="ada@example.org", tags_on=_badges(connector))])
    connector.update([Change(who, {"phone": None}, address="ada@example.org", tags_off=_badges(connector))])
    (made,) = connector.create([_new("new@example.org")])
    place.more_calls(connector, who)
    connector.opt_out([Change(who, address="ada@example.org")], "marketing")
    connector.archive([Change(who, address="ada@example.org")])
    if connector.erases:
        connector.erase([Change(made.remote_id)])
    if place.shelved:
        connector.hook_up(place.public, "a-spare-secret-of-ours-0123456789", known=False)
        connector.hook_up(place.public, "a-spare-secret-of-ours-0123456789", known=True)


def _badges(connector: Connector) -> tuple[str, ...]:
    return ("Regulars: VIP",) if connector.by_member else ()


@check
def quirks_are_tested(place: Rehearsal) -> None:
    text = (ROOT / "tests" / "connectors" / f"test_{place.name}.py").read_text("utf-8")
    tests = re.findall(r'^def test_\w+\(.*?"""(?P<promise>.+?)"""', text, re.MULTILINE | re.DOTALL)

    assert len(tests) >= 5


@check
def checked_live(place: Rehearsal) -> None:
    raise AssertionError("never yet")
