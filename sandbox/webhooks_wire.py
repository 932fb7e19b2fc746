"""One HTTP request to a listener, from a sandbox that never speaks to another machine.

The address that a listener was registered with may be a public one (``https://hooks.bakery.example``): `Wire.proxy`
then plays the proxy in front of it and leads the request to a port on this machine. The signature still covers the
public address, as the vendor's does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import requests

LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Sealed:
    """A request as it goes out."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    method: str = "POST"


@dataclass
class Wire:
    """Sends requests to this machine, and to no other."""

    proxy: dict[str, str] = field(default_factory=dict)  # public prefix -> prefix here
    unreachable: set[str] = field(default_factory=set)  # addresses that no proxy leads to this machine
    _session: requests.Session | None = None

    def send(self, sealed: Sealed, patience: float) -> int | None:
        """The status that came back within *patience* seconds, or ``None``."""
        url = self.here(sealed.url)
        if urlsplit(url).hostname not in LOOPBACK:
            self.unreachable.add(sealed.url)
            return None
        headers = dict(sealed.headers)
        if url != sealed.url:
            headers["Host"] = urlsplit(sealed.url).netloc  # as a proxy that keeps the host passes it on
        try:
            answer = self._open().request(
                sealed.method, url, data=sealed.body, headers=headers, timeout=patience, allow_redirects=False
            )
        except requests.RequestException:
            return None
        return answer.status_code

    def lead(self, ways: Mapping[str, str]) -> None:
        """Lead public addresses to this machine; raises ValueError for another one."""
        for public, local in ways.items():
            if urlsplit(local).hostname not in LOOPBACK:
                raise ValueError(f"{public} cannot lead to {local}: the sandbox only calls this machine")
            self.proxy[public] = local

    def here(self, url: str) -> str:
        """The address on this machine that *url* leads to."""
        for public, local in self.proxy.items():
            if url.startswith(public):
                return local + url[len(public) :]
        return url

    def _open(self) -> requests.Session:
        if self._session is None:
            self._session = requests.Session()
            self._session.trust_env = False  # a proxy of this machine's user is not the vendor's
        return self._session
