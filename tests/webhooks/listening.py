"""Somebody who listens to us: checks what comes as Standard Webhooks asks, with no code of ours, and remembers it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connectors.http_transport import Response
from sync.keys import LocalKeys
from sync.store.database import Database
from sync.vault import Vault
from webhooks import outgoing
from webhooks.outgoing import secret_name
from webhooks.outgoing_send import Sender

HOOK = "https://listener.example.org/hook"


@dataclass
class Ear:
    """Answers with the statuses in `answers`, one after the other, then with 204. `hears` are the bodies, in order."""

    secrets: dict[str, str] = field(default_factory=dict)
    answers: list[int | Exception] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    hears: list[dict[str, Any]] = field(default_factory=list)
    before: Callable[[], None] = lambda: None
    after: Callable[[], None] = lambda: None

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Response:
        self.before()
        assert (method, headers["Content-Type"]) == ("POST", "application/json")
        assert body is not None
        key = base64.b64decode(self.secrets[url].removeprefix("whsec_"))
        text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        right = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{right}"
        heard = json.loads(body)
        assert heard["id"] == headers["webhook-id"]
        self.hears.append(heard)
        answer = self.answers.pop(0) if self.answers else 204
        self.after()
        if isinstance(answer, Exception):
            raise answer
        return Response(answer, self.headers, b"")

    def close(self) -> None:
        """Nothing is held open."""

    def told(self, kind: str) -> list[Any]:
        """What events of that kind said."""
        return [one["data"] for one in self.hears if one["type"] == kind]


def vault_of(database: Database, folder: Path) -> Vault:
    return Vault(database, LocalKeys(folder), environ={})


def listen(
    database: Database, folder: Path, ear: Ear, *kinds: str, url: str = HOOK
) -> tuple[outgoing.Subscription, Sender]:
    """Let *ear* hear of these kinds; the subscription, and the sender that tells it."""
    vault = vault_of(database, folder)
    made, secret = outgoing.add(database, vault, url, kinds, local=False)
    ear.secrets[url] = secret
    return made, Sender(database, lambda identity: vault.get(secret_name(identity)).get("secret", ""), ear)
