"""Where an event may go: to public addresses by HTTPS, and elsewhere only if the configuration says so.

This looks at what an address says. Where its name leads is looked at by the connection itself, each time: a name may
point anywhere, and elsewhere tomorrow.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from connectors.http_destination import private

LONGEST = 2000

_PORT = "[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
_HOST = "([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?[.])+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]"
PUBLIC = f'^https://{_HOST}(:({_PORT}))?([/?][!-"$-~]*)?$'
"""What a public address looks like, as the API's description says it."""


class BadAddress(ValueError):
    """Nothing is ever sent there."""


def check_address(url: str, *, local: bool) -> str:
    """The address as it is called. *local* allows private ones, and such without TLS. Raises BadAddress."""
    if len(url) > LONGEST or not url.isascii() or any(letter.isspace() or ord(letter) < 32 for letter in url):
        raise BadAddress(f"an address has at most {LONGEST} plain letters and no spaces")
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise BadAddress("this is no web address") from None
    if parts.scheme not in ("https", "http") or not host:
        raise BadAddress('expected a web address that begins with "https://"')
    if parts.username is not None or parts.password is not None:
        raise BadAddress("an address with a user name and a password in it is not called")
    if parts.fragment:
        raise BadAddress('what follows a "#" is never sent: leave it out')
    if not local:
        if parts.scheme != "https":
            raise BadAddress('it would be called without encryption: expected "https://"')
        if host == "localhost" or host.endswith((".localhost", ".local", ".internal")) or private(host):
            raise BadAddress(f"{host} is a private address, and private addresses are not called")
        if not re.fullmatch(PUBLIC, url):
            raise BadAddress('expected the name of a public host, as in "https://hooks.example.org/path"')
    return url
