"""Mailchimp's batch jobs: hundreds of calls for the price of three requests.

A job runs its operations in any order, and `finished` is not success: each answer has a status of its own. Its result
lies elsewhere for ten minutes, under an address that is signed by itself and fetched without our credential.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from connectors import mailchimp_wire as wire
from connectors.asking import finished
from connectors.errors import Failure, Later, MaybeSent
from connectors.http import Http, Response
from connectors.over_http import decoded, good

PATIENCE = 600.0
"""Seconds until a job that does not finish counts as unanswered."""

Answers = Mapping[int, wire.Done]
"""The answer to each operation, by its place; one that is missing was not told."""


class Jobs:
    """Runs batch jobs on one account."""

    def __init__(self, http: Http, sleep: Callable[[float], None]) -> None:
        self._http = http
        self._sleep = sleep

    def write(self, operations: Sequence[Mapping[str, Any]]) -> Answers | None:
        """The answers to *operations* that change something; None where Mailchimp takes no further job now.

        Raises MaybeSent where the job was taken, or may have been, and its result is unknown.
        """
        batches = wire.batches_api(self._http)
        numbered = [{**operation, "operation_id": str(index)} for index, operation in enumerate(operations)]
        response = batches.start(msgspec.json.encode({"operations": numbered}))
        if not response.ok:
            return None
        job = self._decoded(response)
        try:
            return self._answers(batches, job)
        except Failure as failure:
            raise MaybeSent(f"the batch job was taken, and its result is unknown: {failure}") from failure

    def read(self, operations: Sequence[Mapping[str, Any]]) -> Answers | None:
        """The same for *operations* that only read: whatever becomes of them can be asked again."""
        try:
            return self.write(operations)
        except MaybeSent as lost:
            raise Later(f"the batch job that reads was not answered: {lost}", platform=self._http.platform) from lost

    def _answers(self, batches: Any, taken: wire.Job) -> Answers:
        def look(job: wire.Job) -> wire.Job:
            return self._decoded(batches.status(job.id))

        job = finished(taken, lambda job: job.status == "finished", look, self._sleep, PATIENCE)
        if job is None:
            raise Later("it does not finish", platform=self._http.platform)
        self._http.guard(job.response_body_url)
        response = self._http.request(
            "GET", job.response_body_url, operation="fetch batch result", wants_json=False, anonymous=True
        )
        try:
            return _unpacked(good(self._http, response, "fetch batch result").body)
        except (tarfile.TarError, OSError, EOFError, ValueError) as error:
            raise self._http.misread("fetch batch result", f"no archive of answers ({type(error).__name__})") from error

    def _decoded(self, response: Response) -> wire.Job:
        return decoded(self._http, wire.job, response, "look at batch")


def _unpacked(body: bytes) -> Answers:
    answers: dict[int, wire.Done] = {}
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        for entry in archive:
            file = archive.extractfile(entry) if entry.isfile() else None
            if file is not None and entry.name.endswith(".json"):
                for done in wire.dones.decode(file.read()):
                    answers[int(done.operation_id or -1)] = done
    return answers
