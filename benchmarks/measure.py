"""One step in a process of its own: `python -m benchmarks.measure ORDER ANSWER`, both files of JSON.

CPU time is this process's alone, all its threads, from when everything is open and loaded to when the step is done.
Peak memory is of the whole process, start-up included. A profile sees the main thread alone.
"""

from __future__ import annotations

import cProfile
import pstats
import re
import resource
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.measured import Measured, Order
from benchmarks.steps import STEPS, Bench, preload


def _main(order_file: str, answer_file: str) -> None:
    order = msgspec.json.decode(Path(order_file).read_bytes(), type=Order)
    preload()
    work = STEPS[order.step](Bench(order))
    started, wall = time.process_time(), time.perf_counter()
    costs: list[tuple[str, float]] = []
    if order.profile:
        profile = cProfile.Profile(time.process_time)
        done = profile.runcall(work)
        profile.dump_stats(order.profile)
        costs = _costs(profile)
    else:
        done = work()
    cpu, wall = time.process_time() - started, time.perf_counter() - wall
    most = peak()
    Path(answer_file).write_bytes(msgspec.json.encode(Measured(order.step, done, wall, cpu, started, most, costs)))


def peak() -> float:
    """The most memory that this process ever held, in MB. Linux counts what its parent held into ru_maxrss, so ask
    for the high-water mark of this program's own memory where it is told."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    if found:
        return int(found[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)


_ROOT = str(Path(__file__).resolve().parent.parent) + "/"
_Function = tuple[str, int, str]


def _costs(profile: cProfile.Profile) -> list[tuple[str, float]]:
    """Shares of CPU time by module of ours or package of others', the largest first.

    Own time only; what a module spends in built-in functions is its own, but the database's driver stands apart.
    """
    shares: Counter[str] = Counter()
    stats: dict[_Function, Any] = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    for function, (_, _, own, _, callers) in stats.items():
        if function[0] != "~" or "sqlite3" in function[2] or not callers:
            shares[_home(function)] += own
        else:
            for caller, (_, _, spent, _) in callers.items():
                shares[_home(caller)] += spent
    total = sum(shares.values())
    return [(name, spent / total) for name, spent in shares.most_common()]


def _home(function: _Function) -> str:
    """Where a function lives, as one names it."""
    file, _, name = function
    if file == "~":
        return "sqlite3" if "sqlite3" in name else "Python itself"
    if file.startswith(_ROOT) and "site-packages" not in file:
        return file.removeprefix(_ROOT).removesuffix(".py")
    found = re.search(r"site-packages/([\w.]+)", file)
    return found[1].removesuffix(".py") if found else "Python itself"


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])
