"""Commands that stay until they are ended, as processes of their own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.cli.shop import Shop


@contextmanager
def running(shop: Shop, *command: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A command that stays, and what it says first."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "regulars", "-C", str(shop.folder), *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=dict(os.environ),
    )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline()
    finally:
        process.kill()
        process.wait()


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=30)
    return process.returncode, said


def address(first: str) -> str:
    """The address that a first line names."""
    found = re.search(r"http://[\d.]+:\d+", first)
    assert found, first
    return found[0]
