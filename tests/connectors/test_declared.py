"""The base of declared connectors, on a made-up platform: pages, changes, writes and what answers mean."""

from __future__ import annotations

import pytest

from connectors.base import Result
from connectors.errors import Later, Misread
from tests.connectors.postbird import WAYS, Bird, change, open_postbird

NAMES = list(WAYS)


@pytest.mark.parametrize("way", NAMES)
def test_everybody_is_read_in_every_way_of_turning_pages(way: str) -> None:
    """Each once, the last page says that it is the last, and the listing was whole."""
    bird = Bird()
    one = open_postbird(bird, way)

    pages = list(one.pages(None))

    ids = [raw.remote_id for page in pages for raw in page.records]
    assert sorted(set(ids), key=int) == [str(n) for n in range(1, 26)]
    assert len(ids) - 25 == (2 if way.startswith("offset") else 0)  # each page begins with the end of the one before
    assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
    assert pages[-1].complete


@pytest.mark.parametrize("way", [way for way in NAMES if way != "whole"])
def test_the_same_page_for_ever_is_a_misreading(way: str) -> None:
    """No way of turning pages goes round in circles."""
    bird = Bird()
    bird.stuck = True
    one = open_postbird(bird, way)

    with pytest.raises(Misread, match="read already"):
        list(one.pages(None))

    assert len(bird.asked) < 10


@pytest.mark.parametrize("way", [way for way in NAMES if way != "graph"])
def test_afterwards_only_what_changed_is_asked_for(way: str) -> None:
    """From one overlap before the newest stamp, and from that stamp itself once nothing can follow late."""
    bird = Bird()
    now = [1_767_225_700.0]
    one = open_postbird(bird, way, clock=lambda: now[0])
    cursor = list(one.pages(None))[-1].cursor
    bird.people[3] |= {"changed": "2026-01-02T00:00:00Z", "first": "Augusta"}

    seen = []
    for _ in range(3):
        now[0] += 600
        pages = list(one.pages(cursor))
        cursor = pages[-1].cursor
        seen.append([raw.remote_id for page in pages for raw in page.records])

    assert "3" in seen[0]
    assert seen[2] == ["3"]
    assert not pages[-1].complete


def test_an_interrupted_pull_goes_on_where_it_was() -> None:
    """The cursor is stored with each page; a restart begins behind it."""
    bird = Bird()
    first = next(open_postbird(bird).pages(None))

    rest = [raw.remote_id for page in open_postbird(bird).pages(first.cursor) for raw in page.records]

    assert rest == [str(n) for n in range(11, 26)]


def test_nobody_is_missed_when_records_leave_while_pages_are_turned() -> None:
    """By offset everybody moves up: the next page is looked for further back."""
    bird = Bird()
    seen = []

    for page in open_postbird(bird, "offset").pages(None):
        seen += [raw.remote_id for raw in page.records]
        for gone in (1, 2, 3):
            bird.people.pop(gone, None)

    assert set(seen) == {str(n) for n in range(1, 26)}


def test_a_link_to_elsewhere_is_not_followed() -> None:
    """The credential goes to the account's own address only."""
    bird = Bird()
    one = open_postbird(bird, "link")
    bird.app.view_functions["/link"] = lambda: {
        "people": [{"uid": 1}],
        "links": {"next": "http://127.0.0.1:10/link?from=10"},
    }

    with pytest.raises(Misread, match="another address"):
        list(one.pages(None))


def test_an_answer_shows_what_was_written_and_a_refusal_says_why() -> None:
    """The record comes with the answer; whoever is not there is gone; a reason holds no address."""
    one = open_postbird(Bird())

    done = one.update([change(1, "Augusta"), change(2, None), change(99, "Nobody")])

    assert [outcome.result for outcome in done] == [Result.APPLIED, Result.REFUSED, Result.GONE]
    assert done[0].shown is not None
    assert done[0].shown.fields["given_name"] == "Augusta"
    assert (done[1].code, "blank" in done[1].reason, "p2@" in done[1].reason) == ("invalid", True, False)


def test_an_error_within_200_is_read_as_what_it_is() -> None:
    """A spent quota is no result."""
    one = open_postbird(Bird())

    with pytest.raises(Later) as caught:
        one.update([change(1, "too much")])

    assert caught.value.after >= 3600


def test_a_key_in_the_address_stays_out_of_sight() -> None:
    """It is sent with every call, and shown in none of the errors."""
    bird = Bird()
    one = open_postbird(bird)
    bird.app.view_functions["/cursor"] = lambda: ({"message": "no key sandbox-postbird-key here"}, 500)

    with pytest.raises(Later) as caught:
        list(one.pages(None))

    assert "sandbox-postbird-key" not in str(caught.value)
    assert "***" in str(caught.value)
