"""Notices by e-mail: one message, over the operator's own mail server."""

from __future__ import annotations

import ipaddress
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate

import certifi

PORTS = {"starttls": 587, "tls": 465, "none": 25}
"""The usual port of each way to speak to a mail server."""

TIMEOUT = 20.0
"""Seconds after which a mail server that does not answer is given up."""


class NotTold(Exception):
    """A notice could not be delivered; the text says why, for people."""


@dataclass(frozen=True, slots=True)
class Letterbox:
    """A mail server and who gets mail over it."""

    host: str
    port: int
    security: str
    sender: str
    to: Sequence[str]
    user: str = ""
    password: str = field(default="", repr=False)

    def deliver(self, subject: str, text: str, identity: str, now: int) -> None:
        """Send one message; *identity* is the same however often it is sent. Raises NotTold."""
        message = EmailMessage()
        message["From"], message["To"] = self.sender, ", ".join(self.to)
        message["Subject"] = " ".join(subject.split())
        message["Date"] = formatdate(now / 1000)
        message["Message-ID"] = f"<{identity}@{self.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        try:
            with self._open() as server:
                refused = server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            raise NotTold(f"{self.host}:{self.port}: {_why(error)}") from error
        if refused:
            raise NotTold(f"{self.host}:{self.port}: it takes no mail for {len(refused)} of {len(self.to)} addresses")

    def _open(self) -> smtplib.SMTP:
        """A session that is encrypted and signed in as far as it was asked for."""
        if self.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT, context=_trusted())
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT)
        try:
            if self.security == "starttls":
                server.starttls(context=_trusted())
            if self.user:
                server.login(self.user, self.password)
        except BaseException:
            server.close()
            raise
        return server


def near(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _trusted() -> ssl.SSLContext:
    """Who may vouch for a mail server: whom the system trusts, and the usual ones where it brings none."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _why(error: Exception) -> str:
    """What was wrong, without what a server says of people."""
    match error:
        case smtplib.SMTPAuthenticationError():
            return "it takes neither this user nor this password"
        case smtplib.SMTPNotSupportedError():
            return "it does not offer what is asked of it (encryption, or signing in)"
        case smtplib.SMTPRecipientsRefused():
            return "it takes no mail for these addresses"
        case smtplib.SMTPSenderRefused():
            return "it takes no mail from this sender"
        case smtplib.SMTPResponseException():
            return f"it answered {error.smtp_code}"
        case ssl.SSLCertVerificationError():
            return "its certificate does not hold"
        case ssl.SSLError():
            return 'it does not speak TLS here; security = "starttls" or another port may be meant'
        case TimeoutError():
            return "it does not answer"
        case smtplib.SMTPException():
            return f"the session broke off ({type(error).__name__})"
        case _:
            return str(getattr(error, "strerror", "") or type(error).__name__).lower()
