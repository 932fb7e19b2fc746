"""Emulators on loopback sockets: keep-alive, several threads, never on an address that others can reach."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from waitress.server import BaseWSGIServer, create_server  # type: ignore[import-untyped]

from sandbox.platform import OVER_SOCKET, Emulator

LOOPBACK = ("127.0.0.1", "::1", "localhost")
THREADS = 12  # Mailchimp lets ten requests in at once; the eleventh has to be heard to be refused

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class _HungUp(logging.Filter):
    """Drops what waitress says about answers (held back by a fault) that outlive the sockets."""

    def filter(self, record: logging.LogRecord) -> bool:
        late = record.exc_info and isinstance(record.exc_info[1], OSError)
        return not late and "still running" not in str(record.msg)


logging.getLogger("waitress").addFilter(_HungUp())


def _over_socket(app: Wsgi) -> Wsgi:
    """Tell the emulator that it can really wait; in process a wait is an exception."""

    def marked(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ[OVER_SOCKET] = True
        return app(environ, start_response)

    return marked


def _server(app: Wsgi, host: str, port: int, threads: int, sockets: dict[int, Any]) -> BaseWSGIServer:
    if host not in LOOPBACK:
        raise ValueError(f"the sandbox only listens on this machine, not on {host}")
    # ConnectionDropped is an OSError: waitress then closes the connection without a byte and says nothing
    server: BaseWSGIServer = create_server(
        _over_socket(app),
        map=sockets,
        host=host,
        port=port,
        threads=threads,
        ident=None,
        log_socket_errors=False,
        channel_timeout=300,
        clear_untrusted_proxy_headers=True,
    )
    return server


@contextmanager
def serving(emulator: Emulator, *, app: Wsgi | None = None, port: int = 0, threads: int = THREADS) -> Iterator[str]:
    """Serve in a thread; gives the base address, such as ``http://127.0.0.1:40123``.

    *app* stands in for the emulator's own WSGI application, such as one wrapped by a validator.
    """
    sockets: dict[int, Any] = {}
    server = _server(app or emulator.app, "127.0.0.1", port, threads, sockets)
    thread = threading.Thread(target=server.run, name=f"sandbox-{emulator.name}", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        # inside the loop's own thread: with no socket left it ends at once. Under the lock: a worker that wakes the
        # loop just now would else have the pipe closed before this thread writes to it
        with server.trigger.lock:
            server.trigger.thunks.append(lambda: server.asyncore.close_all(sockets, ignore_all=True))
            server.trigger.pull_trigger()
        thread.join(timeout=5)
        server.task_dispatcher.shutdown(timeout=0.5)


@contextmanager
def serving_all(emulators: Sequence[Emulator], ports: Sequence[int] = ()) -> Iterator[list[str]]:
    """Serve each emulator on a port of its own."""
    with ExitStack() as stack:
        chosen = [*ports, *([0] * (len(emulators) - len(ports)))]
        yield [
            stack.enter_context(serving(emulator, port=port)) for emulator, port in zip(emulators, chosen, strict=True)
        ]


def serve(
    emulators: Sequence[Emulator], ports: Sequence[int], ready: Callable[[list[str]], None] | None = None
) -> None:
    """Serve until interrupted; *ready* hears the addresses once they answer."""
    with serving_all(emulators, ports) as addresses:
        if ready is not None:
            ready(addresses)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
