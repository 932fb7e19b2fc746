"""A module of ours in a fresh process: an order goes in and an answer comes back, both files of JSON."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TypeVar

import msgspec

from benchmarks.street import ROOT

A = TypeVar("A")


class Broken(Exception):
    """A process ended without an answer; what would follow it means nothing."""


def answer_of(module: str, order: msgspec.Struct, folder: Path, name: str, answer: type[A]) -> A:
    """What `python -m MODULE ORDER ANSWER` answers. *name* names the two files in *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    order_file, answer_file = (folder / f"{name}.{what}.json" for what in ("order", "answer"))
    order_file.write_bytes(msgspec.json.encode(order))
    ended = subprocess.run([sys.executable, "-m", module, str(order_file), str(answer_file)], cwd=ROOT, check=False)
    if ended.returncode:
        raise Broken(f"its process ended with {ended.returncode}")
    return msgspec.json.decode(answer_file.read_bytes(), type=answer)


def say(text: str) -> None:
    """What is going on, for who waits."""
    print(f"  {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
