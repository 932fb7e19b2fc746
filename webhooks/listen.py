"""The web server: waitress, in a thread of this process, ended in order."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from waitress.server import create_server  # type: ignore[import-untyped]

from connectors.hooks import LARGEST

THREADS = 16

LARGEST_BODY = 2 * LARGEST
"""Bytes of a body that are taken in at most. The app refuses what is a little too large in its own words, and counts
it; what is larger still is not even read."""

AT_A_TIME = 64 * 1024
"""Bytes that are read from a connection at a time; most deliveries are whole then."""

_SECONDS_TO_END = 5.0


@contextmanager
def listening(app: Flask, host: str, port: int) -> Iterator[int]:
    """Serve *app* meanwhile; gives the port. Raises OSError where it cannot be listened on.

    At the end what is being answered is answered; then the sockets are closed by the thread that reads from them, since
    anybody else would close them under its hands.
    """
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    sockets: dict[int, Any] = {}
    server: Any = create_server(
        app,
        map=sockets,
        host=host,
        port=port,
        threads=THREADS,
        ident=None,
        max_request_body_size=LARGEST_BODY,
        recv_bytes=AT_A_TIME,
    )
    thread = threading.Thread(target=server.run, name="receiver", daemon=True)
    thread.start()
    try:
        yield int(server.effective_port)
    finally:
        server.task_dispatcher.shutdown(timeout=_SECONDS_TO_END)
        with server.trigger.lock:
            server.trigger.thunks.append(lambda: server.asyncore.close_all(sockets, ignore_all=True))
            server.trigger.pull_trigger()
        thread.join(timeout=_SECONDS_TO_END)
