"""How fast one account may be called."""

from __future__ import annotations

from connectors.hubspot import learn
from connectors.pace import Pace, Window


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
