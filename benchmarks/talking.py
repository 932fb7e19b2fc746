"""A module of ours in a process of its own that stays: asked in lines of JSON, it answers in lines of JSON."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import msgspec

from benchmarks.child import Broken
from benchmarks.street import ROOT

A = TypeVar("A")

_SECONDS_TO_END = 60.0


class Talk:
    """Who stays, seen from us."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def ask(self, what: msgspec.Struct, answer: type[A]) -> A:
        """Raises Broken where there comes no answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(what) + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise Broken("its process ended early")
        return msgspec.json.decode(line, type=answer)


@contextmanager
def talking(module: str) -> Iterator[Talk]:
    """`python -m MODULE`; it is to end when nothing can be asked any more."""
    process = subprocess.Popen(
        [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, bufsize=-1
    )
    assert process.stdin is not None
    try:
        yield Talk(process)
        process.stdin.close()
        if process.wait(_SECONDS_TO_END):
            raise Broken(f"its process ended with {process.returncode}")
    except (subprocess.TimeoutExpired, BrokenPipeError):
        raise Broken("its process did not end in order") from None
    finally:
        process.kill()
        process.wait()


def questions(kind: type[A]) -> Iterator[A]:
    """What is asked, from within such a process."""
    for line in sys.stdin.buffer:
        yield msgspec.json.decode(line, type=kind)


def answer(what: msgspec.Struct) -> None:
    """Answer the last question."""
    sys.stdout.buffer.write(msgspec.json.encode(what) + b"\n")
    sys.stdout.buffer.flush()
