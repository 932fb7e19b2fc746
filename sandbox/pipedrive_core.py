"""The Pipedrive emulator's middle: credentials, budgets, and the one place where a person changes."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sandbox.pipedrive_state import EVERY_STATUS, Json, Person, PersonField, PipedriveState, Switches, show, split
from sandbox.platform import Answer, Call, Clock, Emulator, Route, Stop

USER: Final = 7
COMPANY: Final = 4711
COLLEAGUE: Final = "sandbox-pipedrive-colleague"  # a user who is no administrator
SECONDS: Final = 2.0  # the burst window
KEPT: Final = timedelta(days=30)  # description: "After 30 days, the person will be permanently deleted"


def failed(status: int, error: str, info: str = "") -> Answer:
    """facts, Errors: ``success:false``, ``error``, ``error_info``."""
    return Answer(status, {"success": False, "error": error, "error_info": info})


class PipedriveCore(Emulator):
    """State, credentials and changes of persons; the paths are added by `PipedriveSandbox`."""

    name = "pipedrive"
    state: PipedriveState

    def __init__(
        self,
        *,
        token: str = "sandbox-pipedrive-demo",
        clock: Clock | None = None,
        quotas: bool = True,
        switches: Switches | None = None,
        burst: int = 20,
        daily: int = 30_000,
    ) -> None:
        super().__init__(PipedriveState(), clock=clock, quotas=quotas)
        self.switches = switches or Switches()
        self.tokens = {token: True, COLLEAGUE: False}  # whether its user is an administrator
        self.refresh_tokens: dict[str, str] = {}
        if any(not key.startswith("sandbox-") for key in self.tokens):
            raise ValueError("a credential of the sandbox starts with sandbox-")
        self.burst, self.daily = burst, daily
        self._starts: deque[datetime] = deque()
        self._spent = (datetime.min.replace(tzinfo=UTC), 0)

    # -- the door ------------------------------------------------------------------------------------

    def authenticate(self, call: Call, route: Route) -> Answer | None:
        """``x-api-token``, ``api_token`` in the query, or a Bearer (facts, Auth)."""
        if route.traits.get("open"):
            return None
        bearer = call.headers.get("Authorization", "")
        token = call.headers.get("x-api-token") or call.one("api_token") or bearer.removeprefix("Bearer ").strip()
        if token not in self.tokens:
            return Answer(401, {"success": False, "error": "unauthorized access", "errorCode": 401})
        call.token = token
        if route.traits.get("admin") and not self.tokens[token]:
            return failed(403, "You do not have permissions to perform this action.", "Please check your permissions.")
        return None

    def spend(self, call: Call, route: Route) -> Answer | None:
        """A burst in any 2 s, and the day's tokens (facts, Limits: read 2, list 20, write 10, search 40)."""
        start = call.now - timedelta(seconds=SECONDS)
        while self._starts and self._starts[0] <= start:
            self._starts.popleft()
        if len(self._starts) >= self.burst:
            return self.too_many()
        self._starts.append(call.now)
        midnight = call.now.replace(hour=0, minute=0, second=0, microsecond=0)
        day, spent = self._spent
        spent = spent if day == midnight else 0
        cost = int(route.traits.get("cost", 2))
        if spent + cost > self.daily:
            self._spent = (midnight, self.daily)
            return failed(429, "Daily request budget exceeded", "It is filled up again at midnight.")
        self._spent = (midnight, spent + cost)
        return None

    def headers(self, call: Call, route: Route) -> tuple[tuple[str, str], ...]:
        if not self.quotas or route.traits.get("open"):
            return ()
        left = max(0, self.burst - len(self._starts))
        reset = 0.0
        if self._starts:
            reset = max(0.0, SECONDS - (call.now - self._starts[0]).total_seconds())
        return (
            ("x-ratelimit-limit", str(self.burst)),
            ("x-ratelimit-remaining", str(left)),
            ("x-ratelimit-reset", str(int(reset) + 1)),
            ("x-daily-requests-left", str(self.daily - self._spent[1])),
        )

    def too_many(self, retry_after: float | None = None) -> Answer:
        answer = failed(429, "request over limit", "")
        wait = () if retry_after is None else (("Retry-After", f"{retry_after:g}"),)
        return answer._replace(headers=wait)

    def broken(self, status: int = 500) -> Answer:
        return failed(status, "Server error", "Please try again.")

    def malformed(self, message: str) -> Answer:
        return failed(400, "Bad request", message)

    # -- persons -------------------------------------------------------------------------------------

    def person(self, number: int | str, *, deleted: bool = False) -> Person:
        """A person that is there; stops with the vendor's 404."""
        found = self.state.persons.get(int(number)) if str(number).isdigit() else None
        if found is None or (found.deleted is not None and not deleted) or self._purged(found):
            raise Stop(failed(404, "Person not found", ""))
        return found

    def _purged(self, person: Person) -> bool:
        return person.deleted is not None and self.clock() - person.deleted >= KEPT

    def living(self) -> list[Person]:
        return [person for person in self.state.persons.values() if person.deleted is None]

    def change(self, person: Person, values: Mapping[str, Any], now: datetime, *, by: str) -> None:
        """Set what is in *values*; a stamp moves only where something is different afterwards."""
        before = show(person, self.switches, EVERY_STATUS)
        for name, value in values.items():
            self._put(person, name, value, by)
        if show(person, self.switches, EVERY_STATUS) != before:
            person.updated = now
            self.told("change", person, before, now, by)

    def _put(self, person: Person, name: str, value: Any, by: str) -> None:
        typed = by != "api"
        match name:
            case "name":
                person.name = self.rewritten("name", " ".join(str(value).split()), by_person=typed)
                person.first, person.last = split(person.name, self.switches.split)
            case "first_name" | "last_name":
                setattr(person, name.removesuffix("_name"), str(value or ""))
                person.name = f"{person.first} {person.last}".strip()
            case "emails" | "phones":
                setattr(person, name, self._entries(name, value, typed))
            case "label_ids":
                person.labels = list(dict.fromkeys(value or ()))
            case "custom_fields":
                kept = {key: one for key, one in {**person.custom, **value}.items() if one not in (None, "")}
                person.custom = kept
            case "marketing_status":
                self._market(person, value, by)
            case "owner_id" | "org_id":
                setattr(person, name.removesuffix("_id"), value)
            case "visible_to":
                person.visible_to = value
            case _:
                person.synced[name] = value

    def _entries(self, name: str, given: Any, typed: bool) -> list[Json]:
        """A list of values with just one primary: the first that says so, else the first."""
        found = []
        for one in given or ():
            value = self.rewritten(name, str(one["value"]), by_person=typed)
            if value:
                found.append({"value": value, "primary": bool(one.get("primary")), "label": one.get("label") or "work"})
        first = next((place for place, one in enumerate(found) if one["primary"]), 0)
        return [{**one, "primary": place == first} for place, one in enumerate(found)]

    def _market(self, person: Person, status: str, by: str) -> None:
        """description: without an address it stays `no_consent`; a change is allowed once; one that is forbidden is not
        an error. facts (?): nobody but the person gets out of `unsubscribed`."""
        if by == "person":
            person.marketing = status
            return
        spent = self.switches.once and person.marketing_changes > 0
        if not person.emails or person.marketing == "unsubscribed" or (spent and status != "unsubscribed"):
            return
        if status != person.marketing:
            person.marketing, person.marketing_changes = status, person.marketing_changes + 1

    def delete(self, person: Person, now: datetime, *, by: str, into: Person | None = None) -> None:
        before = show(person, self.switches, EVERY_STATUS)
        person.deleted, person.updated = now, now
        person.merged_into = into.id if into is not None else None
        self.told("delete", person, before, now, by)

    def merge(self, loser: Person, winner: Person, now: datetime, *, by: str) -> None:
        """The one that is merged is deleted; the other gets its addresses, phones and labels, and what it lacked."""
        before = show(winner, self.switches, EVERY_STATUS)
        for name in ("emails", "phones"):
            there = {one["value"] for one in getattr(winner, name)}
            more = [{**one, "primary": False} for one in getattr(loser, name) if one["value"] not in there]
            setattr(winner, name, self._entries("", [*getattr(winner, name), *more], True))
        winner.labels = list(dict.fromkeys([*winner.labels, *loser.labels]))
        winner.custom = {**loser.custom, **winner.custom}
        if loser.marketing == "unsubscribed":
            winner.marketing = "unsubscribed"
        winner.updated = now
        self.delete(loser, now, by=by, into=winner)
        self.told("change", winner, before, now, by)

    @abstractmethod
    def born(self, values: Mapping[str, Any], now: datetime, *, by: str) -> Person:
        """Make a person."""

    @abstractmethod
    def label_field(self) -> PersonField:
        """The field whose options are the labels."""

    def told(self, action: str, person: Person, before: Json | None, now: datetime, by: str) -> None:
        """A person was made, changed or deleted: hooks may want to know."""

    def dump(self) -> Iterator[Json]:
        for person in self.state.persons.values():
            shown = show(person, self.switches, EVERY_STATUS)
            yield {"kind": "person", **shown, "merged_into": person.merged_into}
        for hook in self.state.hooks.values():
            yield {"kind": "hook", "id": hook["id"], "url": hook["subscription_url"]}
