"""The worker does what is due, mail first, and neither a failure nor a lost wake-up ends that."""

from __future__ import annotations

from dataclasses import dataclass, field

from webhooks.worker import Worker


@dataclass
class Day:
    """Work as a list of what is due; what was done is noted."""

    mail: int = 0
    pulls: int = 0
    fails: int = 0
    done: list[str] = field(default_factory=list)
    worker: Worker | None = None

    def mail_waits(self) -> bool:
        if not self.mail and not self.pulls and not self.fails:
            assert self.worker is not None
            self.worker.stop()
        return self.mail > 0

    def hear(self) -> None:
        if self.fails:
            self.fails -= 1
            raise ConnectionError("the store is away")
        self.mail -= 1
        self.done.append("hear")

    def pull_is_due(self) -> bool:
        return self.pulls > 0

    def pull(self) -> None:
        self.pulls -= 1
        self.done.append("pull")
        if self.pulls == 1:
            self.mail += 1  # told meanwhile, and nobody woke the worker


def worked(day: Day) -> list[Exception]:
    """Let a worker work until nothing is due; what failed meanwhile."""
    failures: list[Exception] = []
    day.worker = Worker(day, failures.append, rest=0.001)
    day.worker.run()
    return failures


def test_mail_goes_first_and_everything_is_done() -> None:
    """Two deliveries, then two pulls, and the delivery that came during the first before the second."""
    day = Day(mail=2, pulls=2)

    assert worked(day) == []
    assert day.done == ["hear", "hear", "pull", "hear", "pull"]


def test_a_failure_is_told_and_tried_again() -> None:
    """What failed is still due."""
    day = Day(mail=1, fails=3)

    assert len(worked(day)) == 3
    assert day.done == ["hear"]
