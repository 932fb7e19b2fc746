"""Progress for people: bars with count, rate, time left and quota in a terminal, a line per step in a pipe."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

_WORDS = {
    "pull": "reading",
    "people": "who is who",
    "plan": "planning",
    "push": "writing",
    "read": "looking again",
}


def words(what: str) -> str:
    """The step in an owner's words."""
    return _WORDS.get(what, what.replace("_", " "))


class _Count(ProgressColumn):
    """`1,234 of 5,000`, or what was counted so far."""

    def render(self, task: Task) -> Text:
        done = f"{int(task.completed):,}"
        return Text(f"{done} of {int(task.total):,}" if task.total else done, justify="right")


class _Rate(ProgressColumn):
    """Records a second, once there is something to tell."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "", style="soft", justify="right")


class Bars:
    """Bars in a terminal. A context manager: the bars stand only while it is open."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(style="name", finished_text="[good]✓[/]"),
            TextColumn("[name]{task.fields[connection]}[/]"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24, style="bright_black", complete_style="cyan", finished_style="green"),
            _Count(),
            _Rate(),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            TextColumn("[soft]{task.fields[note]}[/]"),
            console=console,
        )
        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._ended: set[tuple[str, str]] = set()
        self.quota: Callable[[str], int | None] = lambda connection: None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begin(self, connection: str, what: str, total: int | None) -> None:
        """A step begins; *total* is how many are expected, where that is known."""
        key = (connection, what)
        if key in self._tasks:
            self._again(key, total)
            return
        self._tasks[key] = self._progress.add_task(words(what), total=total, connection=connection, note="")

    def _again(self, key: tuple[str, str], total: int | None) -> None:
        """A step goes on, or begins once more: who is who is then worked out anew, and whatever else comes on top."""
        task = self._tasks[key]
        if key in self._ended and key[1] == "people":
            self._progress.reset(task, total=total)
        else:
            before = self._done(task) if key in self._ended else 0
            self._progress.update(task, total=None if total is None else int(before) + total)
        self._ended.discard(key)

    def _done(self, task: TaskID) -> float:
        return self._progress.tasks[self._progress.task_ids.index(task)].completed

    def advance(self, connection: str, what: str, count: int, note: str = "") -> None:
        """*count* more are done; *note* says what is left of a quota."""
        task = self._tasks.get((connection, what))
        if task is not None:
            self._progress.update(task, advance=count)
            left = self.quota(connection)
            note = note or ("" if left is None else f"{left:,} calls left today")
            if note:
                self._progress.update(task, note=note)

    def end(self, connection: str, what: str) -> None:
        """A step is done."""
        task = self._tasks.get((connection, what))
        if task is not None:
            done = self._done(task)
            self._ended.add((connection, what))
            self._progress.update(task, total=done or 1, completed=done or 1)

    def say(self, text: str) -> None:
        """A line above the bars."""
        self._progress.console.print(text, markup=False)


class Lines:
    """A line per finished step, for a pipe or a log. Writes to stderr, so that the answer stays alone."""

    def __init__(self, console: Console, *, silent: bool = False) -> None:
        self._console = console
        self._silent = silent
        self._counts: dict[tuple[str, str], tuple[int, float]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def begin(self, connection: str, what: str, total: int | None) -> None:
        """A step begins."""
        self._counts.setdefault((connection, what), (0, time.monotonic()))

    def advance(self, connection: str, what: str, count: int, note: str = "") -> None:
        """*count* more are done."""
        done, since = self._counts.get((connection, what), (0, time.monotonic()))
        self._counts[connection, what] = done + count, since

    def end(self, connection: str, what: str) -> None:
        """A step is done: say how many it were."""
        done, since = self._counts.pop((connection, what), (0, time.monotonic()))
        if done and not self._silent:
            where = f"{connection}: " if connection else ""
            self._console.print(f"{where}{words(what)} {done:,} in {time.monotonic() - since:.1f} s", markup=False)

    def say(self, text: str) -> None:
        """A remark."""
        if not self._silent:
            self._console.print(text, markup=False)
