"""`regulars serve` and `regulars worker`: changes carried within seconds, as long as they run."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext
from typing import Annotated

import typer
from rich.markup import escape

from regulars.journals import EVERY, beside, journaled, reading
from regulars.logs import Form, Told, begin, ended
from regulars.noticing import noticing, noting
from regulars.serving import Serving
from regulars.session import Session, session
from regulars.telling import telling
from regulars.trouble import REDACT, Waiting, WrongUse, listed
from regulars.webhook_doors import doors, reaches
from regulars.webhook_mending import Mending
from regulars.workspace import Workspace, workspace
from sync import inbox
from sync.lease import SERVING, Busy, lease
from webhooks.api import create_api
from webhooks.counts import Counts
from webhooks.health import create_health
from webhooks.listen import listening
from webhooks.post import Post
from webhooks.receiver import create_app
from webhooks.rounds import Rounds
from webhooks.rounds_here import Here
from webhooks.rounds_queue import Bell, Queue

Log = Annotated[Form, typer.Option(help="What it says as it runs: lines for people, or JSON, one document a line.")]


def serve(
    host: Annotated[str, typer.Option(help="Where to listen; a proxy with TLS stands in front.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes a free one.")] = 8460,
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="Only receive; `regulars worker` does the rest.")
    ] = False,
    log: Log = Form.TEXT,
) -> None:
    """Receive webhooks and carry each change within seconds. Ctrl-C ends it, and nothing is lost."""
    here = session()
    begin(here, log)
    with workspace(here) as business, ExitStack() as open_:
        business.names()
        open_.enter_context(_one_receiver(business))
        work = None if no_worker else _worker(here, business)
        post = Post(business.database, work.wake if work else open_.enter_context(_bell(here, business)))
        found = doors(business)
        counts = Counts()
        hooks = business.config.webhooks
        api = create_api(
            business.database, lambda: business.vault, local=hooks.private_listeners, public=hooks.public_url
        )
        pages = [create_health(business.database, counts), api]
        app = create_app(found, post, counts, public=hooks.public_url, pages=pages)
        over = threading.Event()
        kept = journaled(business) if work else []
        others = _beside(here, business, work, kept) if work else nullcontext()
        notices = noticing(business, here.note) if work else nullcontext()
        open_.enter_context(closing(post))
        try:
            at = open_.enter_context(listening(app, host, port))
        except OSError as error:
            fix = "Choose another with --port."
            raise WrongUse(f"{host}:{port} cannot be listened on ({error.strerror}).", fix=fix) from None
        open_.enter_context(others)
        open_.enter_context(notices)
        open_.enter_context(_ended_by_signals(work.stop if work else over.set))
        here.say(f"Listening on http://{host}:{at}. {_who(business, kept)}")
        if work is None:
            over.wait()
        else:
            work.run()
        open_.close()
        here.say("Ended. What was received is kept, and done at the next start.")


def worker(log: Log = Form.TEXT) -> None:
    """Do what `regulars serve --no-worker` received, and look at everything in its time. Ctrl-C ends it."""
    here = session()
    begin(here, log)
    with workspace(here) as business:
        business.names()
        work = _worker(here, business)
        kept = journaled(business)
        with _ended_by_signals(work.stop), _beside(here, business, work, kept), noticing(business, here.note):
            here.say(" ".join(["At work.", *_reads(kept)]))
            work.run()
        here.say("Ended. Nothing was left half done.")


@contextmanager
def _beside(here: Session, business: Workspace, work: Rounds, kept: Sequence[str]) -> Iterator[None]:
    """What goes on beside the work: others are told, and journals are read."""

    def told(line: str) -> None:
        here.say(escape(REDACT.clean(line)))

    failed = _failed(here)
    mending = beside(Mending(business, told), failed, "mending")
    with telling(business, failed), reading(business, kept, work.wake, told, failed), mending:
        yield


def _reads(kept: Sequence[str]) -> list[str]:
    """Whose journals are read, in a sentence, if any."""
    return [f"What happens at {listed(list(kept), 'and')} is read from its journal, every {EVERY:g} s."] if kept else []


@contextmanager
def _one_receiver(business: Workspace) -> Iterator[None]:
    """A second receiver on one SQLite file is a mistake, and would fight with the first for the file."""
    if business.database.path is None:
        yield
        return
    try:
        with lease(business.database, SERVING):
            yield
    except Busy as error:
        who = error.holder or "another process"
        raise Waiting(f"Another `regulars serve` is running on this store ({who}).") from None


@contextmanager
def _bell(here: Session, business: Workspace) -> Iterator[Callable[[], None]]:
    """Wakes workers in other processes. On SQLite they look by themselves, once a second."""
    if business.database.is_sqlite:
        yield lambda: None
        return
    with closing(Bell(business.database, _failed(here))) as bell:
        yield bell.wake


def _worker(here: Session, business: Workspace) -> Rounds:
    every = business.config.webhooks.every / 1000

    def told(line: Told) -> None:
        with business.read() as conn:
            ended(line, inbox.of_run(conn, line.balance.run))

    serving, failed = Serving(business, every, told), noting(business, _failed(here))
    return Here(serving, failed) if business.database.is_sqlite else Queue(business.database, serving, failed)


def _failed(here: Session) -> Callable[[Exception], None]:
    def failed(error: Exception) -> None:
        here.note(f"[bad]{escape(REDACT.clean(f'{type(error).__name__}: {error}'))}[/]")

    return failed


def _who(business: Workspace, kept: Sequence[str]) -> str:
    """Who may call, and how the others are followed."""
    every = business.config.webhooks.every // 1000
    polls = f"Everything is looked at every {every} s."
    found = [one.name for one in reaches(business) if one.proven]
    calls = (
        f"{listed(found, 'and')} may call." if found else "No platform may call yet (`regulars webhooks` tells how)."
    )
    return " ".join([calls, *_reads(kept), polls])


@contextmanager
def _ended_by_signals(end: Callable[[], None]) -> Iterator[None]:
    """The first SIGTERM or Ctrl-C lets what is at hand be finished; the second ends at once, which loses nothing."""
    asked: list[int] = []

    def heard(number: int, _: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        end()

    before = {number: signal.signal(number, heard) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
