"""Many members at once: ``POST /lists/{id}``, and the jobs of ``POST /batches``."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from datetime import datetime
from hashlib import md5
from random import Random
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import orjson
from flask import Response, request
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException

from sandbox.mailchimp_core import MailchimpCore
from sandbox.mailchimp_members import ON_CREATE, WRITABLE, Members, draft_of, names_of
from sandbox.mailchimp_rules import forgotten, invalid, not_found, refuse_address
from sandbox.mailchimp_select import PAGE, SELECT, flag, page_of, selection
from sandbox.mailchimp_state import Audience, Batch, Member, iso, key_of, show_in_batch
from sandbox.platform import Answer, Call, Stop

Json = dict[str, Any]

AT_MOST: Final = 500  # facts, Many members at once
WAITING: Final = 500  # "Up to 500 batches may wait"
LINK_LIVES: Final = 600  # seconds: "valid for 10 minutes"
KEPT: Final = 7 * 86_400  # "kept 7 days"
IN_BATCH: Final = WRITABLE - {"marketing_permissions"}
FILE_SIZE: Final = 100  # results in one JSON file of the archive


class Failed(Exception):
    """One member of a batch was refused."""

    def __init__(self, error: str, code: str = "ERROR_GENERIC", field: str = "", message: str = "") -> None:
        super().__init__(error)
        self.shown = {"error": error, "error_code": code, "field": field, "field_message": message}


class BatchOfMembers:
    """``POST /lists/{id}``: answers 200 even if all failed."""

    def __init__(self, core: MailchimpCore, members: Members) -> None:
        self.core, self.members = core, members
        query = ("skip_merge_validation", "skip_duplicate_check")
        core.route("POST", "/3.0/lists/<list_id>", self.write, query=query, write=True, batch=True)

    def write(self, call: Call) -> Answer:
        audience = self.core.audience(call)
        body = self.core.body(call, ("members", "update_existing", "sync_tags"))
        given = self._given(body, flag(call, "skip_duplicate_check"))
        update, sync = bool(body.get("update_existing")), bool(body.get("sync_tags"))
        skip = flag(call, "skip_merge_validation")
        every = int(call.fault.args.get("every", 2)) if call.fault is not None else 0
        made: list[Json] = []
        changed: list[Json] = []
        errors: list[Json] = []
        for position, one in enumerate(given, start=1):
            try:
                if every and position % every == 0:
                    raise Failed("An internal error has occurred. Please try again.")
                member, new = self._one(audience, one, call.now, update=update, skip=skip)
                self._tag(audience, member, one, call.now, sync=sync)
                (made if new else changed).append(show_in_batch(audience, member))
            except Failed as failed:
                errors.append({"email_address": one.get("email_address", ""), **failed.shown})
        answer = {
            "new_members": made,
            "updated_members": changed,
            "errors": errors,
            "total_created": len(made),
            "total_updated": len(changed),
            "error_count": len(errors),
        }
        return Answer(200, answer)

    def _given(self, body: Json, skip_duplicates: bool) -> list[Json]:
        given = body.get("members")
        if not isinstance(given, list):
            raise Stop(invalid([("members", "This value should be an array.")]))
        if len(given) > AT_MOST:
            raise Stop(invalid([("members", f"Schema describes maximum {AT_MOST} items")]))
        known = IN_BATCH if self.core.switches.batch_tags else IN_BATCH - {"tags"}
        first: dict[str, Json] = {}
        for one in given:
            self.core.only(one, known, "members")
            key = str(one.get("email_address", "")).lower()
            if key in first and not skip_duplicates:
                raise Stop(invalid([], f"Duplicate items found for the following email addresses: {key}"))
            first.setdefault(key, one)
        return list(first.values())

    def _one(self, audience: Audience, body: Json, now: datetime, *, update: bool, skip: bool) -> tuple[Member, bool]:
        """Create or update one member, all or nothing."""
        core, address, status = self.core, body.get("email_address"), body.get("status")
        refusal = refuse_address(address, core.switches)
        if refusal is not None:
            raise _failed(refusal, "email_address")
        if status is not None and status not in ON_CREATE:
            raise Failed("Invalid status", field="status", message="Value must be one of: " + ", ".join(ON_CREATE))
        key = key_of(str(address))
        known = audience.members.get(key)
        if known is None and key in audience.forgotten:
            raise _failed(forgotten(str(address)), "email_address")
        if known is not None and not update:
            raise Failed(f"{address} is already a list member, do you want to update?", "ERROR_CONTACT_EXISTS")
        if not status and (known is None or core.switches.batch_needs_status):
            raise Failed("A status is required", field="status", message="This value should not be blank.")
        member = known or core.new_member(audience, str(address), now)
        draft = draft_of(member)
        self._fields(audience, draft, body, now, skip=skip or (known is not None and "merge_fields" not in body))
        if status and (refusal := core.set_status(audience, draft, status, now, "batch")):
            raise _failed(refusal, "")
        if body.get("timestamp_opt"):
            core.write_details(audience, draft, {"timestamp_opt": body["timestamp_opt"]})
        self.members.settle(audience, member, draft, now)
        return draft, known is None

    def _fields(self, audience: Audience, draft: Member, body: Json, now: datetime, *, skip: bool) -> None:
        errors = self.core.write_details(audience, draft, body)
        given = body.get("merge_fields", {})
        errors = errors or self.core.write_merge(audience, draft, given, now, skip_required=skip)
        if errors:
            field, message = errors[0]
            raise Failed(f"{field}: {message}", field=field, message=message)

    def _tag(self, audience: Audience, member: Member, body: Json, now: datetime, *, sync: bool) -> None:
        """Facts: ``sync_tags`` replaces their tags by the given ones; without it they are added."""
        if "tags" not in body and not sync:
            return
        wanted = {str(name): True for name in names_of(body.get("tags", []))}
        if sync:
            wanted.update({n: False for id in member.tags if (n := audience.tags[id].name) not in wanted})
        self.core.write_tags(audience, member, wanted, now)


def _failed(refusal: Answer, field: str) -> Failed:
    document = orjson.loads(refusal.body)
    errors = document.get("errors") or [{"field": field, "message": document["detail"]}]
    return Failed(document["detail"], field=errors[0]["field"], message=errors[0]["message"])


class Jobs:
    """``POST /batches``: any calls, in any order, with the results in a tar.gz."""

    def __init__(self, core: MailchimpCore) -> None:
        self.core = core
        core.route("GET", "/3.0/batches", self.page, query=PAGE)
        core.route("POST", "/3.0/batches", self.create, write=True)
        core.route("GET", "/3.0/batches/<batch_id>", self.read, query=SELECT)
        core.app.add_url_rule("/batch-results/<batch_id>/<int:until>", "batch results", self.download)

    def create(self, call: Call) -> Answer:
        body = self.core.body(call, ("operations",))
        operations = body.get("operations")
        if not isinstance(operations, list) or not operations:
            raise Stop(invalid([("operations", "This value should not be blank.")]))
        for one in operations:
            self.core.only(one, ("method", "path", "params", "body", "operation_id"), "operations")
            if not one.get("method") or not one.get("path") or not isinstance(one.get("body", ""), str):
                raise Stop(invalid([("operations", "An operation needs a method and a path; its body is a string.")]))
        batches = self.core.state.batches
        if sum(not batch.completed for batch in batches.values()) >= WAITING:
            raise Stop(self.core.too_many())
        id = md5(f"batch {self.core.number()}".encode(), usedforsecurity=False).hexdigest()[:10]
        batch = batches[id] = Batch(id, operations, int(call.now.timestamp()))
        self.core.after(self.core.switches.batch_delay, call.now, "batch", id)
        return Answer(200, self._show(batch, call.now))

    def page(self, call: Call) -> Answer:
        offset, count = page_of(call)
        every = [self._show(batch, call.now) for batch in self.core.state.batches.values()]
        chosen = selection(call, ("batches", "total_items", "_links"))
        return Answer(200, chosen.cut({"batches": every[offset : offset + count], "total_items": len(every)}))

    def read(self, call: Call) -> Answer:
        batch = self.core.state.batches.get(call.args["batch_id"])
        if batch is None:
            raise Stop(not_found())
        return Answer(200, selection(call).cut(self._show(batch, call.now)))

    def _show(self, batch: Batch, now: datetime) -> Json:
        """``finished`` is not success: look at ``errored_operations`` (facts)."""
        stamp = int(now.timestamp())
        done = bool(batch.completed)
        link = ""
        if done and stamp < batch.completed + KEPT:  # each reading gives a link for another ten minutes
            link = f"{request.host_url}batch-results/{batch.id}/{stamp + LINK_LIVES}"
        shown: Json = {
            "id": batch.id,
            "status": "finished" if done else "pending" if stamp <= batch.submitted else "started",
            "total_operations": len(batch.operations),
            "finished_operations": len(batch.operations) if done else 0,
            "errored_operations": sum(one["status_code"] >= 400 for one in batch.results),
            "submitted_at": iso(batch.submitted),
            "completed_at": iso(batch.completed),
            "response_body_url": link,
        }
        return shown

    def run(self, id: str, now: datetime) -> None:
        """Carry out a job: in any order, as the vendor does."""
        batch = self.core.state.batches[id]
        order = list(batch.operations)
        Random(id).shuffle(order)
        for one in order:
            batch.results.extend(self._operation(one, now))
        batch.completed = int(now.timestamp())

    def _operation(self, one: Json, now: datetime) -> Iterable[Json]:
        params = {name: [str(value)] for name, value in (one.get("params") or {}).items()}
        parts = urlsplit(one["path"])
        params.update(parse_qs(parts.query))
        pages = one["method"] == "GET" and "count" not in params
        offset = 0
        while True:  # "GET operations without count are paged for you"
            query = {**params, "count": ["1000"], "offset": [str(offset)]} if pages else params
            answer = self._carry_out(one["method"], parts.path, query, one.get("body") or "", now, lone=pages)
            body = answer.body if isinstance(answer.body, bytes) else orjson.dumps(answer.body)
            text = "" if answer.body is None else body.decode()
            yield {"status_code": answer.status, "operation_id": one.get("operation_id"), "response": text}
            offset += 1000
            if not pages or answer.status != 200 or orjson.loads(body).get("total_items", 0) <= offset:
                return

    def _carry_out(
        self, method: str, path: str, query: dict[str, list[str]], body: str, now: datetime, *, lone: bool
    ) -> Answer:
        full = f"/3.0/{path.lstrip('/')}"
        try:
            endpoint, args = self.core.app.url_map.bind("").match(full, method)
        except HTTPException:
            return not_found()
        route = self.core.known.get(str(endpoint))
        if route is None or route.template == "/3.0/batches":
            return not_found()
        if lone and "count" not in route.query:
            query = {name: value for name, value in query.items() if name not in ("count", "offset")}
        call = Call(method, full, route.template, args, query, Headers(), body.encode(), now)
        self.core.calls[f"in a batch: {method}", route.template] += 1
        return self.core.operate(route, call)

    def download(self, batch_id: str, until: int) -> Response:
        """The result: a gzipped tar of JSON files; no credential, but the link runs out."""
        batch = self.core.state.batches.get(batch_id)
        if batch is None or int(self.core.clock().timestamp()) > until:
            return Response(b"<Error><Code>AccessDenied</Code></Error>", 403, content_type="application/xml")
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for start in range(0, len(batch.results), FILE_SIZE):
                content = orjson.dumps(batch.results[start : start + FILE_SIZE])
                entry = tarfile.TarInfo(f"{batch_id}/{start // FILE_SIZE}.json")
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        return Response(packed.getvalue(), content_type="application/gzip")
