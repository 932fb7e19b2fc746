"""Notices by webhook: one signed request, to public addresses unless the configuration says otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field

from connectors.http_transport import Lost, NotSent, SocketTransport
from webhooks.notice_mail import NotTold
from webhooks.outgoing_address import BadAddress, check_address
from webhooks.outgoing_send import TIMEOUT, signed


@dataclass(frozen=True, slots=True)
class Hook:
    """An address, and the secret by which its owner knows us."""

    url: str
    private: bool = False
    secret: str = field(default="", repr=False)

    def deliver(self, body: bytes, identity: str, now: int) -> None:
        """Post one document; *identity* is the same however often it is sent. Raises NotTold."""
        transport = SocketTransport(local=self.private, bodies=False)
        try:
            url = check_address(self.url, local=self.private)
            answer = transport.send("POST", url, signed(self.secret, identity, body, now), body, TIMEOUT)
        except (BadAddress, NotSent) as error:
            raise NotTold(str(error)) from None
        except Lost as error:
            raise NotTold(f"the connection broke off ({error})") from None
        finally:
            transport.close()
        if not answer.ok:
            raise NotTold(f"it answered {answer.status}")
