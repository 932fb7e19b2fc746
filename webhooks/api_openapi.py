"""What the API is, as an OpenAPI document: written beside the pages, and held against them by a test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sync.events_kinds import KINDS, sample
from webhooks.outgoing_address import LONGEST, PUBLIC

PATH = "/api/v1"

_ID = {"type": "string", "pattern": "^sub_[0-9a-f]{20}$"}
_EVENTS = {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/EventName"}}

_SCHEMAS: Mapping[str, Any] = {
    "EventName": {"type": "string", "enum": list(KINDS)},
    "Event": {
        "type": "object",
        "description": "What a listener gets by POST, and what samples show.",
        "required": ["id", "type", "timestamp", "data"],
        "properties": {
            "id": {"type": "string", "description": "The same however often it is delivered: drop what you know."},
            "type": {"$ref": "#/components/schemas/EventName"},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": {"type": "object"},
        },
        "additionalProperties": False,
    },
    "NewSubscription": {
        "type": "object",
        "required": ["url", "events"],
        "properties": {
            "url": {
                "type": "string",
                "pattern": PUBLIC,
                "maxLength": LONGEST,
                "description": "A public address by HTTPS. Names that lead to private ones are never called.",
            },
            "events": _EVENTS,
        },
        "additionalProperties": False,
    },
    "Subscription": {
        "type": "object",
        "required": ["id", "url", "events", "made", "state", "note"],
        "properties": {
            "id": _ID,
            "url": {"type": "string"},
            "events": _EVENTS,
            "made": {"type": "string", "format": "date-time"},
            "state": {"type": "string", "enum": ["active", "disabled"]},
            "note": {"type": "string", "description": "Why it is disabled."},
            "secret": {"type": "string", "description": "Only in the answer that made it: verify signatures with it."},
        },
        "additionalProperties": False,
    },
    "Problem": {
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
        },
        "additionalProperties": False,
    },
}

_PROBLEMS = {
    400: "The body cannot be read.",
    401: "There is no key, or none that is known.",
    403: "The key has not the scope for it.",
    404: "There is no such thing.",
    409: "There are too many subscriptions.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "The address or an event cannot be accepted.",
}


def describe(public: str = "", *, local: bool = False) -> dict[str, Any]:
    """The document; *public* is where the API is reached, if that is known. *local* lets private addresses listen."""
    schemas = dict(_SCHEMAS)
    if local:
        anywhere = {"type": "string", "format": "uri", "maxLength": LONGEST}
        properties = {**schemas["NewSubscription"]["properties"], "url": anywhere}
        schemas["NewSubscription"] = {**schemas["NewSubscription"], "properties": properties}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Regulars",
            "version": "1",
            "description": "Listen to what happens: REST hooks, signed by Standard Webhooks.",
        },
        "servers": [{"url": public or "/"}],
        "security": [{"bearer": []}, {"header": []}],
        "paths": {
            f"{PATH}/openapi.json": {"get": {**_operation("describe", "This document", _object(), ()), "security": []}},
            f"{PATH}/me": {"get": _operation("me", "Whose key this is; to test a connection", _me(), (401,))},
            f"{PATH}/events": {"get": _operation("listEvents", "What can be heard", _list(_kind()), (401,))},
            f"{PATH}/events/{{event}}/samples": {
                "parameters": [_in_path("event", {"type": "string"})],
                "get": _operation("listSamples", "The newest events of a kind", _list(_ref("Event")), (401, 404)),
            },
            f"{PATH}/subscriptions": {
                "get": _operation("listSubscriptions", "Who listens", _list(_ref("Subscription")), (401, 403)),
                "post": _subscribe(),
            },
            f"{PATH}/subscriptions/{{id}}": {
                "parameters": [_in_path("id", {"type": "string"})],
                "get": _operation("getSubscription", "One that listens", _ref("Subscription"), (401, 403, 404)),
                "delete": {
                    "operationId": "unsubscribe",
                    "summary": "Listen no longer",
                    "responses": {"204": {"description": "It has ended."}, **_problems(401, 403, 404)},
                },
            },
        },
        "webhooks": {kind: _told(kind) for kind in KINDS},
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


def _subscribe() -> dict[str, Any]:
    body = {"required": True, "content": {"application/json": {"schema": _ref("NewSubscription")}}}
    made = {
        "description": "It listens from now on.",
        "headers": {"Location": {"schema": {"type": "string"}}},
        "content": {"application/json": {"schema": _ref("Subscription")}},
    }
    return {
        "operationId": "subscribe",
        "summary": "Listen; needs a key with the scope `subscriptions`",
        "requestBody": body,
        "responses": {"201": made, **_problems(400, 401, 403, 409, 413, 415, 422)},
    }


def _told(kind: str) -> dict[str, Any]:
    content = {"application/json": {"schema": _ref("Event"), "example": sample(kind)}}
    taken = {"200": {"description": "Any 2xx takes it; 410 ends the subscription; else it is tried again."}}
    body = {"required": True, "content": content}
    return {"post": {"summary": KINDS[kind].says, "requestBody": body, "responses": taken}}


def _operation(name: str, says: str, schema: Mapping[str, Any], problems: tuple[int, ...]) -> dict[str, Any]:
    found = {"description": says, "content": {"application/json": {"schema": schema}}}
    return {"operationId": name, "summary": says, "responses": {"200": found, **_problems(*problems)}}


def _problems(*codes: int) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": _ref("Problem")}}
    return {str(code): {"description": _PROBLEMS[code], "content": content} for code in codes}


def _in_path(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": schema}


def _object() -> dict[str, Any]:
    return {"type": "object"}


def _me() -> dict[str, Any]:
    scopes = {"type": "array", "items": {"type": "string"}}
    properties = {"name": {"type": "string"}, "scopes": scopes}
    return {"type": "object", "required": ["name", "scopes"], "properties": properties}


def _kind() -> dict[str, Any]:
    properties = {"event": _ref("EventName"), "says": {"type": "string"}, "sample": _ref("Event")}
    return {"type": "object", "required": list(properties), "properties": properties}
