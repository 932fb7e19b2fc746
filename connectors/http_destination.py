"""Where a credential may go: real ones to public addresses by HTTPS, demo ones to this machine, and never crosswise."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from connectors.errors import ConnectionFailure

DEMO = "sandbox-"
"""Demo credentials start so; they open the sandbox and nothing else."""


def guard_destination(base_url: str, secret: str) -> None:
    """Refuse to send real credentials to this machine or a private network, and demo ones anywhere else."""
    parts = urlsplit(base_url)
    host = (parts.hostname or "").rstrip(".").lower()
    if not host or parts.username or parts.password or parts.scheme not in ("http", "https"):
        raise ConnectionFailure(f"{host or base_url!r} is no web address.", fix="Correct base_url in regulars.toml.")
    local = host == "localhost" or host.endswith(".localhost") or _loopback(host)
    if secret.startswith(DEMO):
        if not local:
            raise ConnectionFailure(
                f"a demo credential opens the sandbox on this machine only, not {host}.",
                fix="Connect again with a real credential, or start the sandbox.",
            )
        return
    if local:
        raise ConnectionFailure(
            f"a real credential is never sent to this machine ({host}).",
            fix=f"The sandbox is opened with a demo credential, one that starts with {DEMO!r}.",
        )
    if private(host):
        raise ConnectionFailure(
            f"{host} is a private address; a real credential goes to the platform's own address only.",
            fix="Correct base_url in regulars.toml.",
        )
    if parts.scheme != "https":
        raise ConnectionFailure(f"{host} would be called without encryption.", fix="Use https in base_url.")


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def private(host: str) -> bool:
    """Whether *host* is an address that the internet does not lead to."""
    try:
        return not ipaddress.ip_address(host.split("%", maxsplit=1)[0]).is_global
    except ValueError:
        return False
