"""How fast one account may be called."""

from __future__ import annotations

import threading
from contextlib import ExitStack

from hypothesis import given
from hypothesis import strategies as st

from connectors.batches import spread
from connectors.hubspot import learn
from connectors.pace import ASK_AGAIN, PATIENCE, Pace, Window, going_first


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def starts(pace: Pace, time: Time, count: int, lane: str = "") -> list[float]:
    found = []
    for _ in range(count):
        with pace.slot(lane):
            found.append(time.now)
    return found


def test_no_stretch_of_a_window_holds_more_calls_than_it_may() -> None:
    """Any ten seconds hold at most four calls."""
    time = Time()
    found = starts(Pace(Window(4, 10.0), clock=time, sleep=time.sleep), time, 13)

    assert found == [0.0] * 4 + [10.0] * 4 + [20.0] * 4 + [30.0]


def test_windows_stack_and_lanes_are_apart() -> None:
    """Two windows of one lane both hold; another lane has its own."""
    time = Time()
    pace = Pace(Window(2, 1.0), Window(3, 10.0), Window(1, 5.0, "search"), clock=time, sleep=time.sleep)

    assert starts(pace, time, 4) == [0.0, 0.0, 1.0, 10.0]
    assert starts(pace, time, 2, "search") == [10.0, 15.0]


def test_an_empty_pace_never_waits() -> None:
    """Without windows there is nothing to wait for."""
    time = Time()

    assert starts(Pace(clock=time, sleep=time.sleep), time, 50) == [0.0] * 50


def test_calls_can_be_asked_to_leave_room_for_each_other() -> None:
    """Until told otherwise; whoever goes first does not wait for it."""
    time = Time()
    pace = Pace(clock=time, sleep=time.sleep)
    pace.ease(5.0)

    apart = starts(pace, time, 3)
    with going_first():
        at_once = starts(pace, time, 2)
    pace.ease(0.0)
    free = starts(pace, time, 2)

    assert apart == [0.0, 5.0, 10.0]
    assert at_once == [10.0, 10.0]
    assert free == [10.0, 10.0]


def test_limits_are_learned_from_answers() -> None:
    """HubSpot's headers replace our guess, and tell what is left of the day."""
    time = Time()
    pace = Pace(Window(100, 10.0), learn=learn, clock=time, sleep=time.sleep)

    pace.learn(
        {
            "x-hubspot-ratelimit-max": "2",
            "x-hubspot-ratelimit-interval-milliseconds": "10000",
            "x-hubspot-ratelimit-daily-remaining": "77",
        }
    )

    assert starts(pace, time, 3) == [0.0, 0.0, 10.0]
    assert pace.quota_left == 77


def most_in(starts: list[float], seconds: float) -> int:
    """The most calls that any stretch of that length holds."""
    ordered = sorted(starts)
    return max((sum(at <= other < at + seconds for other in ordered) for at in ordered), default=0)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from((0.0, 0.0, 0.0, 0.3, 2.0, 11.0))), max_size=120))
def test_the_limit_holds_whoever_goes_first(history: list[tuple[bool, float]]) -> None:
    """However ordinary calls and those of people who leave are mixed, and however far ahead places were taken, no
    stretch holds more than the platform's limit, nor ordinary calls more than their part of the longer one."""
    time, ahead = Time(), list[float]()
    pace = Pace(Window(10, 10.0), Window(4, 1.0), share=0.2, clock=time, sleep=ahead.append)
    taken: dict[bool, list[float]] = {True: [], False: []}
    for first, passes in history:
        time.now += passes
        ahead.clear()
        with going_first(when=first), pace.slot():
            taken[first].append(time.now + sum(ahead))

    everybody = taken[True] + taken[False]
    assert most_in(everybody, 9.999) <= 10
    assert most_in(everybody, 0.999) <= 4
    assert most_in(taken[False], 9.999) <= 8


def test_who_leaves_does_not_wait_behind_a_bulk() -> None:
    """A saturated window, with a hundred calls in line: an opt-out starts at once, as many as are kept do, the next
    ones within the window; and what is idle is not wasted on waiting."""
    time, ahead = Time(), list[float]()
    pace = Pace(Window(20, 10.0), share=0.1, clock=time, sleep=ahead.append)
    for _ in range(100):
        with pace.slot():
            pass
    ahead.clear()
    waits = []
    for _ in range(4):
        with going_first(), pace.slot():
            waits.append(sum(ahead))
            ahead.clear()
    time.now = 1_000.0
    with going_first():
        idle = starts(pace, time, 20)

    assert waits == [0.0, 0.0, 10.0, 10.0]
    assert idle == [1_000.0] * 20


def test_a_window_of_a_second_keeps_nothing() -> None:
    """Ordinary calls have all of it; whoever leaves waits for those that are under way, and so no longer than it."""
    time, ahead = Time(), list[float]()
    pace = Pace(Window(10, 1.0), at_once=5, share=0.05, clock=time, sleep=ahead.append)
    for _ in range(14):  # four of them are in line, as many as ordinary calls may be under way
        with pace.slot():
            pass
    ahead.clear()
    with going_first(), pace.slot():
        waited = sum(ahead)

    assert waited == 1.0


def test_a_place_is_kept_among_the_calls_at_once() -> None:
    """Ordinary calls that hold every place they may do not keep an opt-out out."""
    pace, entered = Pace(at_once=3, share=0.05), threading.Event()

    def leave() -> None:
        with going_first(), pace.slot():
            entered.set()

    with ExitStack() as held:
        held.enter_context(pace.slot())
        held.enter_context(pace.slot())
        one = threading.Thread(target=leave, daemon=True)
        one.start()
        found = entered.wait(5.0)
        one.join(5.0)

    assert found


def test_going_first_holds_in_every_thread() -> None:
    """Opt-outs that leave side by side all go first."""
    pace = Pace(share=0.1)
    pace.quota(1, 1000)
    with going_first():
        led = spread(range(6), lambda _: pace.spent(), 3)
    followed = spread(range(6), lambda _: pace.spent(), 3)

    assert led == [""] * 6
    assert all("1 of 1,000 calls of today are left" in text for text in followed)


def test_a_spent_day_is_asked_about_again() -> None:
    """Ordinary calls end where a tenth of the day is left; one may ask after a while, and an answer lets all go on."""
    time = Time()
    pace = Pace(share=0.1, clock=time)
    pace.quota(101, 1000)
    before = pace.spent()
    pace.quota(100, 1000)
    stopped = pace.spent()
    time.now = ASK_AGAIN
    asked, next_one = pace.spent(), pace.spent()
    pace.quota(900, 1000)

    assert (before, bool(stopped), asked, bool(next_one), pace.spent()) == ("", True, "", True, "")


def test_a_long_window_that_is_full_is_not_slept_through() -> None:
    """It says which, on its own lane only, until it is about to open; what is kept goes on."""
    time = Time()
    pace = Pace(Window(10, 86_400.0, "mail", waits=False), Window(10, 1.0), share=0.1, clock=time, sleep=time.sleep)
    starts(pace, time, 9, "mail")

    full, elsewhere = pace.spent("mail"), pace.spent()
    with going_first():
        first = pace.spent("mail")
    time.now = 86_400.0 - PATIENCE

    assert full == "its 10 calls in 24 hours are used up"
    assert (elsewhere, first, pace.spent("mail")) == ("", "", "")
    assert pace.longest == 1.0
