"""Telling whoever looks after a business that something needs them: after a run, and all the while `serve` runs.

What is sent is noted afterwards: killed between the two, one message comes twice, and with the same id.
"""

from __future__ import annotations

import base64
import logging
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy import Connection

from mapping.model import Millis
from regulars import notice_words
from regulars.trouble import REDACT, WrongUse
from regulars.words import count
from regulars.workspace import Workspace
from sync import notices
from sync.lease import Busy, lease
from sync.notices_due import Kind, Matter, Notice, State, due, over
from sync.store.errors import StoreError
from webhooks.notice_hook import Hook
from webhooks.notice_mail import Letterbox, NotTold

MAIL, WEBHOOK = "mail", "webhook"
VAULT = {MAIL: ("notices.mail", "password"), WEBHOOK: ("notices.webhook", "secret")}
"""Where the vault keeps what each channel needs, by name and part."""

VARIABLES = {MAIL: "REGULARS_NOTICES_MAIL_PASSWORD", WEBHOOK: "REGULARS_NOTICES_WEBHOOK_SECRET"}
"""The environment variables that the vault looks at before what it keeps."""

_LOG = logging.getLogger("regulars.notices")

LEASE = "notices"
LOOK = 5.0
"""Seconds between two looks while `serve` runs."""

_FIRST_REST, _LONGEST_REST = 60_000, 3_600_000


class Channel(Protocol):
    """A way to somebody."""

    @property
    def where(self) -> str:
        """Whom it reaches, for people."""
        ...

    def tell(self, business: str, told: Sequence[Notice], identity: str) -> None:
        """Raises NotTold."""
        ...


@dataclass(frozen=True, slots=True)
class ByMail:
    box: Letterbox
    timezone: str
    now: Callable[[], Millis]

    @property
    def where(self) -> str:
        return f"{', '.join(self.box.to)} over {self.box.host}:{self.box.port}"

    def tell(self, business: str, told: Sequence[Notice], identity: str) -> None:
        subject, text = notice_words.letter(business, told, self.timezone)
        self.box.deliver(subject, text, identity, self.now())


@dataclass(frozen=True, slots=True)
class ByHook:
    hook: Hook
    timezone: str
    now: Callable[[], Millis]

    @property
    def where(self) -> str:
        return self.hook.url

    def tell(self, business: str, told: Sequence[Notice], identity: str) -> None:
        if not self.hook.secret:
            raise NotTold("it has no secret to sign with: `regulars notices --new-secret` makes one")
        now = self.now()
        self.hook.deliver(notice_words.document(business, told, self.timezone, identity, now), identity, now)


def open_channels(business: Workspace) -> dict[str, Channel]:
    """The channels that the configuration names."""
    config, now, zone = business.config.notices, business.database.now, business.timezone
    found: dict[str, Channel] = {}
    if config.mail is not None:
        mail = config.mail
        password = _secret(business, MAIL) if mail.user else ""
        box = Letterbox(mail.host, mail.at, mail.security, mail.sender, mail.to, mail.user, password)
        found[MAIL] = ByMail(box, zone, now)
    if config.webhook is not None:
        hook = Hook(config.webhook.url, config.webhook.private, _secret(business, WEBHOOK))
        found[WEBHOOK] = ByHook(hook, zone, now)
    return found


def _secret(business: Workspace, channel: str) -> str:
    name, part = VAULT[channel]
    kept = business.vault.get(name, [part])
    REDACT.learn(kept)
    return kept.get(part, "")


def keep_password(business: Workspace, password: str) -> None:
    """Keep the mail server's password. Raises WrongUse for none."""
    if not password:
        raise WrongUse("A password has at least one sign.")
    business.vault.put(VAULT[MAIL][0], {VAULT[MAIL][1]: password})


def new_secret(business: Workspace) -> str:
    """Make the secret by which the webhook's owner knows us, in place of the one before; shown this once."""
    value = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    business.vault.put(VAULT[WEBHOOK][0], {VAULT[WEBHOOK][1]: value})
    return value


@dataclass(slots=True)
class Noticing:
    """Tells what is due. `failed` hears, in a sentence, of a channel that could not be told."""

    business: Workspace
    failed: Callable[[str], None]
    _channels: dict[str, Channel] | None = field(default=None)

    def turn(self) -> int:
        """Look once, and tell what is due; returns how many messages left. Costs a few reads where nothing is."""
        if not self._configured():
            return 0
        with self.business.read() as conn:
            moved, waits = self._look(conn, self.business.database.now())
        if not moved and not waits:
            return 0
        try:
            with lease(self.business.database, LEASE, wait=0):
                return self._tell()
        except Busy:
            return 0  # another process is at it

    def broke(self) -> None:
        """A run could not even begin."""
        database = self.business.database
        if self._configured():
            with database.write() as conn:
                notices.broke(conn, database.now())

    def _configured(self) -> bool:
        config = self.business.config.notices
        return config.mail is not None or config.webhook is not None

    def _names(self) -> list[str]:
        config = self.business.config.notices
        return [name for name, part in ((MAIL, config.mail), (WEBHOOK, config.webhook)) if part is not None]

    def _look(self, conn: Connection, now: Millis) -> tuple[notices.View | None, dict[str, list[Notice]]]:
        """What moved in the store since it was last noted (None: nothing), and what each channel has to be told."""
        config = self.business.config.notices
        view, moved = notices.look(conn, list(self.business.config.connections), now)
        told, fares = notices.told(conn), notices.channels(conn)
        view.gone.extend(over(view.matters, told, now, config.after))
        waits = {
            name: found
            for name in self._names()
            if fares.get(name, notices.Channel()).rests_until <= now
            and (found := due(view.matters, told.get(name, {}), now, config.after, config.again))
        }
        return (view if moved or view.gone else None), waits

    def _tell(self) -> int:
        database = self.business.database
        now = database.now()
        with database.durable() as conn:
            notices.forget_channels(conn, self._names())
            view, waits = self._look(conn, now)
            if view is not None:
                notices.keep(conn, view)
        if waits and self._channels is None:
            self._channels = open_channels(self.business)
        return sum(self._one(name, found) for name, found in waits.items())

    def _one(self, name: str, found: list[Notice]) -> bool:
        """Tell one channel, and note how it went."""
        assert self._channels is not None
        database, channel = self.business.database, self._channels[name]
        try:
            channel.tell(self.business.config.business.name, found, notice_words.identity_of(name, found))
        except NotTold as error:
            said = REDACT.clean(str(error))
            with database.write() as conn:
                failures = notices.channels(conn).get(name, notices.Channel()).failures
                rest = min(_LONGEST_REST, _FIRST_REST * 2 ** min(failures, 10))
                notices.note_failed(conn, name, said, database.now() + rest)
            self.failed(f"Nobody could be told by {name}: {said}.")
            return False
        fields = {"event": "notice.told", "channel": name, "matters": [one.matter.name for one in found]}
        _LOG.info("%s told by %s", count(len(found), "matter"), name, extra={"fields": fields})
        begun = [one.matter.name for one in found if one.state is not State.ENDED]
        ended = [one.matter.name for one in found if one.state is State.ENDED]
        with database.durable() as conn:
            notices.note_told(conn, name, begun, ended, database.now())
        return True


def test(business: Workspace) -> Mapping[str, str]:
    """Send each channel a notice that means nothing; what went wrong by channel, empty where it went well."""
    now = business.database.now()
    told = [Notice(Matter(Kind.FAILURE, "a-connection-that-is-not-there", now, {"runs": 0}), State.ENDED, now)]
    found = {}
    for name, channel in open_channels(business).items():
        found[name] = ""
        try:
            channel.tell(f"{business.config.business.name} (a test)", told, notice_words.identity_of(name, told))
        except NotTold as error:
            found[name] = REDACT.clean(str(error))
    return found


@contextmanager
def noticing(business: Workspace, failed: Callable[[str], None]) -> Iterator[Noticing]:
    """Tell meanwhile, on a thread of its own; at the end, what is at hand is finished."""
    work, ending = Noticing(business, failed), threading.Event()

    def run() -> None:
        while not ending.is_set():
            try:
                work.turn()
            except StoreError as error:
                failed(f"Notices rest: {REDACT.clean(str(error))}")
            ending.wait(LOOK)

    thread = threading.Thread(target=run, name="notices", daemon=True)
    thread.start()
    try:
        yield work
    finally:
        ending.set()
        thread.join(30.0)


def noting(business: Workspace, failed: Callable[[Exception], None]) -> Callable[[Exception], None]:
    """The same, and that a run of `serve` could not begin is told too."""

    def both(error: Exception) -> None:
        failed(error)
        with suppress(StoreError):
            Noticing(business, lambda _: None).broke()

    return both


@contextmanager
def told_of(business: Workspace, failed: Callable[[str], None]) -> Iterator[None]:
    """A run that nobody watches: what it shows is told at its end, and also that it could not begin."""
    work = Noticing(business, failed)
    try:
        yield
    except Busy:
        raise
    except Exception:
        with suppress(StoreError):
            work.broke()
            work.turn()
        raise
    with suppress(StoreError):
        work.turn()
