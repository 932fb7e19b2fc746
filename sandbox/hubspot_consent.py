"""HubSpot's e-mail preferences, numbered (v3) and date version 2026-03.

Facts: Consent. The numbered API cannot re-subscribe somebody who opted out, the newer one can.
"Unsubscribed from all" is a state of its own beside the states of the single types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sandbox.hubspot_portal import WIDE
from sandbox.hubspot_rules import Refusal, address, missing
from sandbox.hubspot_search import bad
from sandbox.hubspot_state import Consent, SubscriptionType, ms, stamp
from sandbox.platform import Answer, Call

if TYPE_CHECKING:
    from sandbox.hubspot import HubSpotSandbox

V3, TODAY = "/communication-preferences/v3", "/communication-preferences/2026-03"
STATES = ("SUBSCRIBED", "UNSUBSCRIBED", "NOT_SPECIFIED")
LEGAL = [
    "LEGITIMATE_INTEREST_PQL",
    "LEGITIMATE_INTEREST_CLIENT",
    "PERFORMANCE_OF_CONTRACT",
    "CONSENT_WITH_NOTICE",
    "NON_GDPR",
    "PROCESS_AND_STORE",
    "LEGITIMATE_INTEREST_OTHER",
]
STATUS = ("subscriptionId", "statusState", "channel", "legalBasis", "legalBasisExplanation")
BATCH_MAX = 100
CREATED = "2025-01-01T00:00:00.000Z"


class ConsentApi:
    """Handlers over what addresses said."""

    def __init__(self, box: HubSpotSandbox) -> None:
        self.box = box
        read = ("communication_preferences.read",)
        write = ("communication_preferences.read_write",)
        batch_read = ("communication_preferences.statuses.batch.read",)
        batch_write = ("communication_preferences.statuses.batch.write",)
        channel = {"channel"}
        self._add("GET", V3 + "/definitions", self.definitions_v3, scopes=read)
        self._add("GET", V3 + "/status/email/<email>", self.status_v3, scopes=read)
        self._add("POST", V3 + "/unsubscribe", self.unsubscribe_v3, write=True, scopes=write)
        self._add("POST", V3 + "/subscribe", self.subscribe_v3, write=True, scopes=write)
        one, many = TODAY + "/statuses/<email>", TODAY + "/statuses/batch"
        wide = {"channel", "verbose"}
        self._add("GET", TODAY + "/definitions", self.definitions, scopes=read)
        self._add("GET", one, self.status, query=channel, scopes=read)
        self._add("POST", one, self.set_status, write=True, scopes=write)
        self._add("GET", one + "/unsubscribe-all", self.wide_status, query=wide, scopes=read)
        self._add("POST", one + "/unsubscribe-all", self.leave, query=wide, write=True, scopes=write)
        self._add("POST", many + "/read", self.batch_read, query=channel, scopes=batch_read)
        self._add("POST", many + "/write", self.batch_write, batch=True, write=True, scopes=batch_write)
        all_read, all_write = many + "/unsubscribe-all/read", many + "/unsubscribe-all"
        self._add("POST", all_read, self.batch_wide_read, query=channel, scopes=batch_read)
        self._add("POST", all_write, self.batch_leave, query=wide, write=True, scopes=batch_write)

    def _add(self, method: str, path: str, handler: Callable[[Call], Answer], **more: Any) -> None:
        self.box.route(method, path, self.box.saying(handler), **more)

    def _types(self) -> Mapping[int, SubscriptionType]:
        types: dict[int, SubscriptionType] = self.box.state.subscriptions
        return types

    def _type(self, key: Any) -> SubscriptionType:
        kind = self._types().get(int(key)) if str(key).isdigit() else None
        if kind is None:
            raise missing(f"Subscription {key} does not exist")
        return kind

    # -- numbered --------------------------------------------------------------------------------

    def definitions_v3(self, call: Call) -> Answer:
        return Answer(200, {"subscriptionDefinitions": [_definition(kind) for kind in self._types().values()]})

    def status_v3(self, call: Call) -> Answer:
        email = address(call.args["email"])
        statuses = [self._status_v3(email, kind) for kind in self._types().values()]
        return Answer(200, {"recipient": email, "subscriptionStatuses": statuses})

    def unsubscribe_v3(self, call: Call) -> Answer:
        email, kind, body = self._request_v3(call)
        self._say(email, kind.id, "UNSUBSCRIBED", body, call)
        return Answer(200, self._status_v3(email, kind))

    def subscribe_v3(self, call: Call) -> Answer:
        email, kind, body = self._request_v3(call)
        if self.box.portal.opted_out(email, kind.id):  # facts: Consent
            text = f"Subscription {kind.id} for {email} cannot be updated because they have unsubscribed"
            raise Refusal(400, "VALIDATION_ERROR", text)
        self._say(email, kind.id, "SUBSCRIBED", body, call)
        return Answer(200, self._status_v3(email, kind))

    def _request_v3(self, call: Call) -> tuple[str, SubscriptionType, Mapping[str, Any]]:
        body = self.box.body(call, ("emailAddress", "subscriptionId", "legalBasis", "legalBasisExplanation"))
        return address(str(body.get("emailAddress", ""))), self._type(body.get("subscriptionId")), body

    def _status_v3(self, email: str, kind: SubscriptionType) -> dict[str, Any]:
        said = self.box.portal.consents(email)
        wide = WIDE in said and said[WIDE].state == "UNSUBSCRIBED"
        own = said.get(kind.id)
        subscribed = not wide and own is not None and own.state == "SUBSCRIBED"
        shown: dict[str, Any] = {
            "id": str(kind.id),
            "name": kind.name,
            "description": kind.description,
            "status": "SUBSCRIBED" if subscribed else "NOT_SUBSCRIBED",
            "sourceOfStatus": "PORTAL_WIDE_STATUS" if wide else "SUBSCRIPTION_STATUS",
        }
        return {**shown, **_legal(own)}

    # -- date version: one address -----------------------------------------------------------------

    def definitions(self, call: Call) -> Answer:
        return self._results(call, [_definition(kind) for kind in self._types().values()])

    def status(self, call: Call) -> Answer:
        self._email_only(call)
        return self._results(call, self._statuses(address(call.args["email"]), call))

    def set_status(self, call: Call) -> Answer:
        body = self.box.body(call, STATUS)
        return self._results(call, [self._set(address(call.args["email"]), body, call)])

    def wide_status(self, call: Call) -> Answer:
        self._email_only(call)
        return self._results(call, [self._wide(address(call.args["email"]), call)])

    def leave(self, call: Call) -> Answer:
        """No body: everybody's link at the foot of a mail."""
        self._email_only(call)
        email = address(call.args["email"])
        self._say(email, WIDE, "UNSUBSCRIBED", {}, call)
        verbose = call.one("verbose", "false").lower() == "true"
        return self._results(call, self._left(email, call) if verbose else [])

    # -- date version: batches ---------------------------------------------------------------------

    def batch_read(self, call: Call) -> Answer:
        self._email_only(call)
        found = [{"subscriberIdString": email, "statuses": self._statuses(email, call)} for email in self._emails(call)]
        return self._results(call, found)

    def batch_wide_read(self, call: Call) -> Answer:
        self._email_only(call)
        found = [
            {"subscriberIdString": email, "wideStatuses": [self._wide(email, call)]} for email in self._emails(call)
        ]
        return self._results(call, found)

    def batch_write(self, call: Call) -> Answer:
        """Bad inputs are listed in ``errors`` of the answer, the others are carried out."""
        inputs = self._inputs(call)
        results, errors = [], []
        for position, given in enumerate(inputs):
            self.box.only(given, (*STATUS, "subscriberIdString"), f"an input of {call.template}")
            try:
                if call.has_fault("partial") and position % 2:
                    raise Refusal(400, "VALIDATION_ERROR", "This input could not be carried out")
                results.append(self._set(address(str(given.get("subscriberIdString", ""))), given, call))
            except Refusal as refusal:
                errors.append(_error(refusal, str(given.get("subscriberIdString", ""))))
        answer = self._results(call, results)
        if errors:
            answer.body.update(numErrors=len(errors), errors=errors)
        return answer

    def batch_leave(self, call: Call) -> Answer:
        self._email_only(call)
        emails = self._emails(call)
        for email in emails:
            self._say(email, WIDE, "UNSUBSCRIBED", {}, call)
        verbose = call.one("verbose", "false").lower() == "true"
        found = [
            {"subscriberIdString": email, **({"statuses": self._left(email, call)} if verbose else {})}
            for email in emails
        ]
        return self._results(call, found)

    # -- parts -----------------------------------------------------------------------------------

    def _email_only(self, call: Call) -> None:
        if call.one("channel") != "EMAIL":
            raise bad("channel is required, and EMAIL is the only one")

    def _inputs(self, call: Call) -> list[Any]:
        inputs = self.box.body(call, ("inputs",)).get("inputs")
        if not isinstance(inputs, list):
            raise bad("Invalid input JSON: inputs must be a list")
        if len(inputs) > BATCH_MAX:
            raise bad(f"There can be at most {BATCH_MAX} inputs")
        return inputs

    def _emails(self, call: Call) -> list[str]:
        return [address(str(given)) for given in self._inputs(call)]

    def _say(self, email: str, subscription: int, state: str, body: Mapping[str, Any], call: Call) -> None:
        basis, why = body.get("legalBasis"), body.get("legalBasisExplanation")
        if basis is not None and basis not in LEGAL:
            raise bad(f"There is no legal basis {basis}")
        if self.box.switches.privacy_settings and state == "SUBSCRIBED" and not (basis and why):
            raise bad("legalBasis and legalBasisExplanation are required in this account")
        if not email:
            raise bad("an address is required")
        self.box.portal.consent(email, Consent(subscription, state, ms(call.now), "PUBLIC_STATUS_API", basis, why))

    def _set(self, email: str, body: Mapping[str, Any], call: Call) -> dict[str, Any]:
        kind, state = self._type(body.get("subscriptionId")), body.get("statusState")
        if state not in STATES or body.get("channel") != "EMAIL":
            raise bad("statusState and channel EMAIL are required")
        before = self.box.portal.consents(email).get(kind.id)
        wide = self.box.portal.consents(email).get(WIDE)
        if state == "SUBSCRIBED" and wide is not None and wide.state == "UNSUBSCRIBED":
            # a fresh grant of one type ends "unsubscribed from all" but leaves the other types out
            for other in self._types():
                self._say(email, other, "UNSUBSCRIBED", {}, call)
            self._say(email, WIDE, "NOT_SPECIFIED", {}, call)
        self._say(email, kind.id, state, body, call)
        reason = "REQUESTED_CHANGE_OCCURRED"
        if before is not None and before.state == state:
            reason = "NO_STATUS_CHANGE"
        elif before is not None and before.state == "UNSUBSCRIBED" and state == "SUBSCRIBED":
            reason = "RESUBSCRIBE_OCCURRED"
        return {**self._status(email, kind, call), "setStatusSuccessReason": reason}

    def _statuses(self, email: str, call: Call) -> list[dict[str, Any]]:
        return [self._status(email, kind, call) for kind in self._types().values()]

    def _left(self, email: str, call: Call) -> list[dict[str, Any]]:
        reason = "UNSUBSCRIBE_FROM_ALL_OCCURRED"
        return [{**shown, "setStatusSuccessReason": reason} for shown in self._statuses(email, call)]

    def _status(self, email: str, kind: SubscriptionType, call: Call) -> dict[str, Any]:
        said = self.box.portal.consents(email)
        own = said.get(kind.id)
        wide = said.get(WIDE)
        used = wide if wide is not None and wide.state == "UNSUBSCRIBED" else own
        shown = {
            "channel": "EMAIL",
            "source": used.source if used else "NONE",
            "status": used.state if used else "NOT_SPECIFIED",
            "subscriberIdString": email,
            "subscriptionId": kind.id,
            "subscriptionName": kind.name,
            "timestamp": stamp(used.at if used else ms(call.now)),
        }
        return {**shown, **_legal(own)}

    def _wide(self, email: str, call: Call) -> dict[str, Any]:
        wide = self.box.portal.consents(email).get(WIDE)
        return {
            "channel": "EMAIL",
            "status": wide.state if wide else "NOT_SPECIFIED",
            "subscriberIdString": email,
            "timestamp": stamp(wide.at if wide else ms(call.now)),
            "wideStatusType": "PORTAL_WIDE",
        }

    def _results(self, call: Call, results: list[dict[str, Any]]) -> Answer:
        at = stamp(ms(call.now))
        return Answer(200, {"status": "COMPLETE", "results": results, "startedAt": at, "completedAt": at})

    def dump(self) -> Iterator[dict[str, Any]]:
        for email, said in self.box.state.consents.items():
            states = {str(key) if key else "all": consent.state for key, consent in said.items()}
            yield {"kind": "consent", "email": email, "states": states}


def _definition(kind: SubscriptionType) -> dict[str, Any]:
    return {
        "id": str(kind.id),
        "name": kind.name,
        "description": kind.description,
        "purpose": "Sales" if kind.is_internal else "Marketing",
        "communicationMethod": "One to One" if kind.is_internal else "Email",
        "isActive": True,
        "isDefault": kind.is_default,
        "isInternal": kind.is_internal,
        "createdAt": CREATED,
        "updatedAt": CREATED,
    }


def _legal(consent: Consent | None) -> dict[str, str]:
    found = {}
    if consent is not None and consent.legal_basis:
        found["legalBasis"] = consent.legal_basis
    if consent is not None and consent.explanation:
        found["legalBasisExplanation"] = consent.explanation
    return found


def _error(refusal: Refusal, email: str) -> dict[str, Any]:
    return {
        "status": "error",
        "category": refusal.category,
        "message": refusal.message,
        "context": {"subscriberIdString": [email]},
        "links": {},
        "errors": refusal.details(),
    }
