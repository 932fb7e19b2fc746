"""Rounds over processes and machines: Procrastinate on the same PostgreSQL wakes whoever is free.

Its jobs are wake-ups and nothing more: "look what is due", and "drain this connection", of which at most one each
waits. A job that is lost with its worker is missed by nobody, since the next look finds the same work in the store.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from procrastinate import App, PsycopgConnector, SyncPsycopgConnector
from procrastinate.connector import BaseConnector
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.jobs import Status
from procrastinate.worker import Worker

from sync.store.database import Database
from webhooks.rounds import Trouble, Work
from webhooks.rounds_schema import prepare

QUEUE = "regulars"
EVERY = 5
"""Seconds between two looks by themselves, whoever makes them."""

STALLED = 60
"""Seconds without a sign of life after which a worker's job is cleared away."""

AGAIN = 3.0
"""Seconds after which a worker that lost its server asks again."""

logging.getLogger("procrastinate").setLevel(logging.CRITICAL)  # what fails is told by ourselves


class Bell:
    """Wakes workers, wherever they are. A wake-up that cannot be sent is told, and missed by nobody."""

    def __init__(self, database: Database, failed: Callable[[Exception], None]) -> None:
        prepare(database)
        self._failed = failed
        self._app = App(connector=SyncPsycopgConnector(**_pool(database)))
        self._look = self._app.configure_task("look", queue=QUEUE, queueing_lock="look")
        self._app.open()

    def wake(self) -> None:
        try:
            with contextlib.suppress(AlreadyEnqueued):
                self._look.defer()
        except Exception as error:  # noqa: BLE001 - whoever files mail is not to fail for it
            self._failed(error)

    def close(self) -> None:
        self._app.close()


class Queue:
    """A worker among several."""

    def __init__(self, database: Database, work: Work, failed: Callable[[Exception], None]) -> None:
        self._database = database
        self._work = work
        self._failed = failed
        self._trouble = Trouble(failed, time.monotonic)
        self._ended = threading.Event()
        self._bell: Bell | None = None
        self._stop: Callable[[], object] = lambda: None

    def run(self) -> None:
        while not self._ended.is_set():
            try:
                self._bell = Bell(self._database, self._failed)
                with contextlib.closing(self._bell):
                    asyncio.run(self._serve())
            except Exception as error:  # noqa: BLE001 - told, and tried again later
                self._failed(error)
            if not self._ended.is_set():
                self._ended.wait(AGAIN)

    def wake(self) -> None:
        if self._bell is not None:
            self._bell.wake()

    def stop(self) -> None:
        self._ended.set()
        self._stop()

    def _going(self) -> bool:
        return not self._ended.is_set()

    async def _serve(self) -> None:
        """Work until stopped; jobs at hand are finished."""
        app, many = self._tasks(PsycopgConnector(**_pool(self._database))), len(self._work.names()) + 2
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(many))  # one for each connection, one to look, one to tidy
        async with app.open_async():
            worker = Worker(
                app,
                queues=[QUEUE],
                concurrency=many,
                delete_jobs="always",
                install_signal_handlers=False,
                fetch_job_polling_interval=float(EVERY),
                stalled_worker_timeout=float(STALLED),
            )
            self._stop = lambda: loop.call_soon_threadsafe(worker.stop)
            try:
                if not self._ended.is_set():
                    await worker.run()  # type: ignore[no-untyped-call]
            finally:
                self._stop = lambda: None

    def _tasks(self, connector: BaseConnector) -> App:
        app = App(connector=connector)

        @app.periodic(cron=f"* * * * * */{EVERY}", queue=QUEUE, queueing_lock="look")
        @app.task(name="look", queue=QUEUE, queueing_lock="look")
        async def look(timestamp: int = 0) -> None:  # noqa: ARG001 - when it was due
            for name in await asyncio.to_thread(self._due):
                with contextlib.suppress(AlreadyEnqueued):
                    await drain.configure(queueing_lock=f"drain {name}").defer_async(name=name)

        @app.task(name="drain", queue=QUEUE)
        def drain(name: str) -> None:
            if self._going() and self._trouble.watch(name, lambda: self._work.drain(name, self._going)):
                self.wake()  # it may have planned something for others

        @app.periodic(cron="*/5 * * * *", queue=QUEUE, queueing_lock="tidy")
        @app.task(name="tidy", queue=QUEUE, queueing_lock="tidy")
        async def tidy(timestamp: int = 0) -> None:  # noqa: ARG001
            await asyncio.to_thread(self._trouble.watch, "tidy", self._work.tidy)
            for job in await app.job_manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=STALLED):
                await app.job_manager.finish_job(job, status=Status.FAILED, delete_job=True)

        return app

    def _due(self) -> list[str]:
        """Where something is due: whoever is free drains it."""
        found: list[str] = []
        self._trouble.watch("look", lambda: found.extend(self._work.due()))
        return [name for name in found if self._going() and not self._trouble.rests(name)]


def _pool(database: Database) -> dict[str, Any]:
    """How Procrastinate reaches the store's own database and schema."""
    url = database.engine.url.set(drivername="postgresql")
    return {"conninfo": url.render_as_string(hide_password=False), "min_size": 1, "max_size": 4, "timeout": 10.0}
