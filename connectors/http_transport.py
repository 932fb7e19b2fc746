"""One request, one answer: over sockets, or to an app in this process. Nothing is repeated or judged here."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes, urlsplit

import certifi
import msgspec
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from connectors.http_destination import private

CONNECT_SECONDS = 10.0

_syntax = msgspec.json.Decoder(msgspec.Raw)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, body undecoded. Header names are lower-cased."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def kind(self) -> str:
        return self.headers.get("content-type", "").split(";")[0].strip() or "no content type"

    @property
    def is_json(self) -> bool:
        """Whether the body is JSON to its last byte."""
        if "json" not in self.kind:
            return False
        try:
            _syntax.decode(self.body)
        except (msgspec.DecodeError, UnicodeError):
            return False
        return True


class NotSent(Exception):
    """No connection could be opened: the request never left."""

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


class Lost(Exception):
    """The connection broke after it was opened: the request may have arrived."""


class Transport(Protocol):
    """The seam below `Http`: one request, one answer. Raises NotSent or Lost."""

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout: float
    ) -> Response: ...

    def close(self) -> None: ...


class _PublicOnly:
    """Refuses a socket whose far end is not a public address: a name may point anywhere."""

    def _new_conn(self) -> Any:
        sock = super()._new_conn()  # type: ignore[misc]
        peer = str(sock.getpeername()[0])
        if private(peer):
            sock.close()
            raise NotSent(f"its name leads to the private address {peer}", final=True)
        return sock


class _GuardedHTTP(_PublicOnly, HTTPConnection):
    pass


class _GuardedHTTPS(_PublicOnly, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _GuardedHTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedHTTPS


class SocketTransport:
    """Pooled connections by urllib3: no retries and no redirects of its own. Without *bodies* only the head of an
    answer is read: whoever answers may be anybody, and might never end."""

    def __init__(self, at_once: int = 10, *, local: bool = False, bodies: bool = True) -> None:
        self._bodies = bodies
        self._pool = urllib3.PoolManager(
            maxsize=at_once, retries=False, cert_reqs="CERT_REQUIRED", ca_certs=certifi.where()
        )
        if not local:
            self._pool.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Response:
        waits = urllib3.Timeout(connect=CONNECT_SECONDS, read=timeout)
        try:
            got = self._pool.urlopen(
                method, url, headers=dict(headers), body=body, timeout=waits, retries=False, redirect=False,
                preload_content=self._bodies,
            )  # fmt: skip
            if not self._bodies:
                got.close()
            text = got.data if self._bodies else b""
            return Response(got.status, {k.lower(): v for k, v in got.headers.items()}, text)
        except urllib3.exceptions.SSLError as error:
            raise NotSent("its certificate does not hold", final=True) from error
        except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError) as error:
            raise NotSent(_unreachable(error)) from error
        except urllib3.exceptions.HTTPError as error:
            raise Lost(type(error).__name__) from error

    def close(self) -> None:
        self._pool.clear()


def _unreachable(error: Exception) -> str:
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return "there is no such host, or this machine is offline"
    if isinstance(error, urllib3.exceptions.ConnectTimeoutError):
        return f"no connection within {CONNECT_SECONDS:.0f} s"
    return "the connection was refused"


class WsgiTransport:
    """Joins a connector to a WSGI app in this process. An exception that leaves the app is a dropped connection."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app
        self._lock = threading.Lock()

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Response:
        said: list[Any] = []

        def start(status: str, fields: list[tuple[str, str]], _: object = None) -> Callable[[bytes], object]:
            said[:] = [int(status[:3]), {name.lower(): text for name, text in fields}]
            return lambda _: None

        with self._lock:
            try:
                chunks = self._app(_environ(method, url, headers, body or b""), start)
                try:
                    whole = b"".join(chunks)
                finally:
                    closing = getattr(chunks, "close", None)
                    if closing is not None:
                        closing()
            except Exception as error:
                raise Lost(type(error).__name__) from error
        return Response(said[0], said[1], whole)

    def close(self) -> None:
        """Nothing is held open."""


def _environ(method: str, url: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    parts = urlsplit(url)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(parts.path).decode("latin-1"),
        "RAW_URI": parts.path + (f"?{parts.query}" if parts.query else ""),
        "QUERY_STRING": parts.query,
        "SERVER_NAME": parts.hostname or "localhost",
        "SERVER_PORT": str(parts.port or (443 if parts.scheme == "https" else 80)),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": parts.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, text in headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = text
    environ["HTTP_HOST"] = parts.netloc
    return environ
