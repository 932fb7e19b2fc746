"""Holds requests and answers against the vendors' published API descriptions, with all schemas closed.

`Described` wraps a WSGI application. Each request (path, method, query parameters, body) and each answer
(status, body) that passes is validated; `violations` says what was wrong, `counts` how often each operation was
used, `undescribed` which operations were used although no description has them.

Closed means: where a description lists the members of an object and says nothing about others, others are
violations. The relaxations, all of them:

1. Error answers (4xx, 5xx) may also carry ``status``, ``errorType``, ``policyName``, ``errors``: the vendors
   document them in prose, their descriptions leave them out. Bodies that are not JSON come from gateways and
   are not looked at.
2. ``oneOf`` is read as ``anyOf``, since its branches overlap.
3. A date-time may be an empty text: Mailchimp writes "no date" so.
4. What a test passes as *newer*: member and parameter names that the vendor added after the description.

The descriptions lie in ``specs`` of the folder named by ``REGULARS_SHARED``, or of ``../shared`` beside this
checkout. They are read there, never copied.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

SHARED = Path(os.environ.get("REGULARS_SHARED", Path(__file__).parents[2] / "shared"))
SPECS = SHARED / "specs"
HUBSPOT = tuple(
    f"hubspot/{file}.json"
    for file in [
        "v3/crm-contacts",
        "v3/crm-properties",
        "v3/crm-owners",
        "v3/communication-preferences",
        "v3/oauth",
        "v3/webhooks",
        "2026-03/crm-objects-contacts",
        "2026-03/crm-properties",
        "2026-03/crm-owners",
        "2026-03/account-info",
        "2026-03/communication-preferences",
        "2026-03/oauth",
        "2026-03/webhooks",
    ]
)
MAILCHIMP = ("mailchimp/marketing-3.0.55.json",)
MAILCHIMP_BASE = "/3.0"
PIPEDRIVE = (("pipedrive/openapi-v1.yaml", "/v1"), ("pipedrive/openapi-v2.yaml", "/api/v2"))
PIPEDRIVE_NEWER = (
    "custom_fields",  # of a person, in requests: the description of 2025-10 has it for deals only
    "first_name",  # in requests: said in an issue of the vendor's client (client-nodejs #18)
    "last_name",
    "marketing_status",  # in answers: said in the description's prose
    "doi_status",
    "access",
    "label",
)
BREVO = ("brevo/swagger-v3.yaml",)
MAILCHIMP_SIGNS = ("signing_enabled", "signing_secret")  # of webhooks, in descriptions from 3.0.91 on
ERROR_EXTRAS = frozenset(("status", "errorType", "policyName", "errors"))
METHODS = ("get", "put", "post", "patch", "delete")

needs_specs = pytest.mark.skipif(
    not SPECS.is_dir(), reason="the vendors' API descriptions (../shared/specs) are not on this machine"
)

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Schema = dict[str, Any]

formats = FormatChecker(formats=())


@formats.checks("date-time")
def _is_moment(value: object) -> bool:
    if not isinstance(value, str) or value == "":
        return True
    try:
        return "T" in value and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


# -- descriptions ----------------------------------------------------------------------------------


class Closing:
    """Turns one description's schemas into closed JSON Schemas; references are kept and closed once."""

    def __init__(self, document: Mapping[str, Any], *, request: bool) -> None:
        self.document = document
        self.request = request
        self.definitions: dict[str, Schema] = {}

    def close(self, schema: Mapping[str, Any]) -> Schema:
        """*schema* with no other members than those it lists."""
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1]
            if name not in self.definitions:
                self.definitions[name] = {}  # a recursive schema meets itself here
                self.definitions[name] = self.close(self._look_up(schema["$ref"]))
            return {"$ref": f"#/$defs/{name}"}
        if "allOf" in schema:
            return self.close(self._merged(schema))
        closed = {key: value for key, value in schema.items() if key in KEPT}
        for key in ("anyOf", "oneOf"):
            if key in schema:
                closed["anyOf"] = [self.close(branch) for branch in schema[key]]
        if "items" in schema:
            closed["items"] = self.close(schema["items"])
        self._members(schema, closed)
        if schema.get("nullable"):
            closed = {"anyOf": [closed, {"type": "null"}]}
        return closed

    def _members(self, schema: Mapping[str, Any], closed: Schema) -> None:
        others = schema.get("additionalProperties")
        if isinstance(others, dict):
            closed["additionalProperties"] = self.close(others)
        elif others is not None:
            closed["additionalProperties"] = others
        if not schema.get("properties"):  # none at all, or an empty list: nothing is said about them
            return
        closed["properties"] = {
            name: self.close(member)
            for name, member in schema["properties"].items()
            if not (self.request and member.get("readOnly"))
        }
        if others is None and "anyOf" not in closed:
            closed["additionalProperties"] = False

    def _look_up(self, reference: str) -> Mapping[str, Any]:
        found: Any = self.document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        resolved: Mapping[str, Any] = found
        return resolved

    def _merged(self, schema: Mapping[str, Any]) -> Schema:
        """``allOf`` of objects as one object: closed one by one they would refuse each other's members."""
        parts = [self._look_up(part["$ref"]) if "$ref" in part else part for part in schema["allOf"]]
        if not any({"properties", "allOf"} & set(part) for part in parts):  # of anything but objects
            return {key: value for part in parts for key, value in part.items()}
        merged: Schema = {"type": "object", "properties": {}, "required": []}
        for part in schema["allOf"]:
            whole = self._look_up(part["$ref"]) if "$ref" in part else part
            if "allOf" in whole:
                whole = self._merged(whole)
            merged["properties"].update(whole.get("properties", {}))
            merged["required"] += whole.get("required", [])
        return merged


KEPT = (
    "type",
    "enum",
    "required",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "pattern",
    "format",
)


@dataclass(slots=True)
class Operation:
    """One operation of a description, with its validators made when first used."""

    key: str
    pattern: re.Pattern[str]
    weight: tuple[int, int]
    definition: Mapping[str, Any]
    parameters: Mapping[str, Mapping[str, Any]]
    path_parameters: Mapping[str, Mapping[str, Any]]
    document: Mapping[str, Any]
    _made: dict[str, Draft202012Validator] = field(default_factory=dict)

    def validator(self, name: str, schema: Mapping[str, Any], *, request: bool) -> Draft202012Validator:
        if name not in self._made:
            closing = Closing(self.document, request=request)
            closed = closing.close(schema)
            closed = {**closed, "$defs": closing.definitions}
            self._made[name] = Draft202012Validator(closed, format_checker=formats)
        return self._made[name]


@cache
def document_of(file: str) -> Any:
    """A description, read once; YAML's dates stay texts."""
    raw = (SPECS / file).read_bytes()
    document = json.loads(raw) if file.endswith(".json") else yaml.load(raw, _Plain)
    return _modern(document) if str(document.get("swagger", "")) == "2.0" else document


def _modern(document: dict[str, Any]) -> dict[str, Any]:
    """A description in Swagger 2.0 as OpenAPI 3 words it, as far as it is looked at here."""
    for item in document["paths"].values():
        for method in METHODS:
            for operation in [item[method]] if method in item else ():
                given = operation.get("parameters", [])
                operation["parameters"] = [{**one, "schema": one} for one in given if one["in"] != "body"]
                for body in (one for one in given if one["in"] == "body"):
                    content = {"application/json": {"schema": body["schema"]}}
                    operation["requestBody"] = {"required": body.get("required", False), "content": content}
                for answer in operation["responses"].values():
                    if "schema" in answer:
                        answer["content"] = {"application/json": {"schema": answer.pop("schema")}}
    return document


class _Plain(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML without dates: an example of a date is a text."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {
        first: [(tag, found) for tag, found in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


@cache
def operations(file: str, base: str) -> tuple[Operation, ...]:
    """All operations of one description file; read once."""
    document = document_of(file)
    found = []
    for path, item in document["paths"].items():
        shared = item.get("parameters", [])
        for method in METHODS:
            if method in item:
                found.append(_operation(document, base + path, method, item[method], shared))
    return tuple(found)


def _operation(
    document: Mapping[str, Any], path: str, method: str, definition: Mapping[str, Any], shared: list[Any]
) -> Operation:
    parts = re.split(r"\{([^}]+)\}", path)
    pattern = "".join(f"(?P<p{i // 2}>[^/]+)" if i % 2 else re.escape(part) for i, part in enumerate(parts))
    parameters = [*shared, *definition.get("parameters", [])]
    by_place = {
        place: {each["name"]: each for each in parameters if each["in"] == place} for place in ("query", "path")
    }
    schemes = document.get("components", {}).get("securitySchemes", {})
    for scheme in (schemes[name] for wanted in definition.get("security", ()) for name in wanted):
        if scheme.get("in") == "query":
            by_place["query"][scheme["name"]] = {"schema": {"type": "string"}}
    in_path = {f"p{i // 2}": by_place["path"].get(name, {}) for i, name in enumerate(parts) if i % 2}
    return Operation(
        f"{method.upper()} {path}",
        re.compile(pattern),
        (len(parts), -len(path)),
        definition,
        by_place["query"],
        in_path,
        document,
    )


# -- the middleware --------------------------------------------------------------------------------


class Described:
    """A WSGI application, with every request and answer held against the descriptions."""

    def __init__(
        self,
        app: Wsgi,
        files: Collection[str | tuple[str, str]],
        *,
        base: str = "",
        newer: Collection[str] = (),
    ) -> None:
        self.app = app
        self.newer = frozenset(newer)
        self.counts: Counter[str] = Counter()
        self.undescribed: Counter[str] = Counter()
        self.violations: list[str] = []
        self._by_method: dict[str, list[Operation]] = {}
        for named in files:
            file, at = (named, base) if isinstance(named, str) else named
            for operation in operations(file, at):
                self._by_method.setdefault(operation.key.split()[0], []).append(operation)
        for found in self._by_method.values():
            found.sort(key=lambda operation: operation.weight)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/")
        if path.startswith("/_sandbox"):
            return self.app(environ, start_response)
        raw = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(raw)
        operation, values = self._find(method, path)
        if operation is None:
            self.undescribed[f"{method} {path}"] += 1
            return self.app(environ, start_response)
        self.counts[operation.key] += 1
        self._check_request(operation, values, environ, raw)
        return self._answer(operation, environ, start_response)

    def report(self) -> str:
        """Counts in a few lines, to be printed by a test."""
        total, kinds, wrong = sum(self.counts.values()), len(self.counts), len(self.violations)
        lines = [f"{total} calls of {kinds} described operations, {wrong} violations"]
        lines += [f"  {count:6} {key}" for key, count in sorted(self.counts.items())]
        lines += [f"  {count:6} {key} (not described)" for key, count in sorted(self.undescribed.items())]
        lines += [f"  violation: {text}" for text in self.violations[:20]]
        return "\n".join(lines)

    def _find(self, method: str, path: str) -> tuple[Operation | None, Mapping[str, str]]:
        for operation in self._by_method.get(method, ()):
            if match := operation.pattern.fullmatch(path):
                return operation, match.groupdict()
        return None, {}

    def _say(self, operation: Operation, what: str) -> None:
        self.violations.append(f"{operation.key}: {what}")

    # -- request -----------------------------------------------------------------------------------

    def _check_request(
        self, operation: Operation, values: Mapping[str, str], environ: Mapping[str, Any], raw: bytes
    ) -> None:
        for name, text in values.items():
            schema = operation.path_parameters[name].get("schema", {})
            self._check_value(operation, f"path {name}", schema, [unquote(text)], explode=True)
        query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
        for name, texts in query.items():
            if name in self.newer:
                continue
            if name not in operation.parameters:
                self._say(operation, f"unknown query parameter {name}")
                continue
            known = operation.parameters[name]
            explode = known.get("explode", True)
            if "omma separated" in known.get("description", "") and "enum" in known.get("schema", {}):
                for part in (part for text in texts for part in text.split(",")):
                    self._check_value(operation, f"query {name}", known["schema"], [part], explode=explode)
                continue
            self._check_value(operation, f"query {name}", known.get("schema", {}), texts, explode=explode)
        for name, known in operation.parameters.items():
            if known.get("required") and name not in query:
                self._say(operation, f"query parameter {name} is required")
        self._check_body(operation, environ, raw)

    def _check_value(
        self, operation: Operation, what: str, schema: Mapping[str, Any], texts: list[str], *, explode: bool
    ) -> None:
        kind = schema.get("type")
        if kind == "array":
            parts = texts if explode else [part for text in texts for part in text.split(",")]
            value: Any = [_typed(part, schema.get("items", {}).get("type")) for part in parts]
        elif len(texts) > 1:
            self._say(operation, f"{what} is given {len(texts)} times")
            return
        else:
            value = _typed(texts[0], kind)
        self._validate(operation, what, schema, value, request=True)

    def _check_body(self, operation: Operation, environ: Mapping[str, Any], raw: bytes) -> None:
        wanted = operation.definition.get("requestBody")
        if wanted and "$ref" in wanted:
            wanted = Closing(operation.document, request=True)._look_up(wanted["$ref"])
        if not raw:
            if wanted and wanted.get("required"):
                self._say(operation, "a body is required")
            return
        if not wanted:
            if raw not in (b"{}", b"null"):
                self._say(operation, "no body is described")
            return
        kind = environ.get("CONTENT_TYPE", "").partition(";")[0] or "application/json"
        if kind not in wanted["content"]:
            self._say(operation, f"body of type {kind}")
            return
        try:
            value = json.loads(raw) if "json" in kind else _form(raw)
        except ValueError as error:
            self._say(operation, f"body is no JSON: {error}")
            return
        self._validate(operation, f"body {kind}", wanted["content"][kind].get("schema", {}), value, request=True)

    # -- answer ------------------------------------------------------------------------------------

    def _answer(self, operation: Operation, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def note(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            started.append((status, headers))
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        body = b"".join(self.app(environ, note))
        status, headers = started[-1]
        kind = next((value for name, value in headers if name.lower() == "content-type"), "")
        self._check_answer(operation, int(status.split()[0]), kind, body)
        return [body]

    def _check_answer(self, operation: Operation, status: int, kind: str, body: bytes) -> None:
        described = operation.definition["responses"]
        known = described.get(str(status)) or (described.get("default") if status >= 400 else None)
        if status == 501 or known is None:
            self._say(operation, f"answered {status}: {body[:200].decode('utf-8', 'replace')}")
            return
        content = known.get("content", {})
        if not body:
            if any(media.get("schema") for media in content.values()):
                self._say(operation, f"answered {status} without a body")
            return
        if "json" not in kind:
            if status < 400:
                self._say(operation, f"answered {status} with {kind}")
            return
        if not content:
            self._say(operation, f"answered {status} with a body that is not described")
            return
        media = content.get(kind.partition(";")[0]) or next(iter(content.values()))
        self._validate(operation, f"answer {status}", media.get("schema", {}), json.loads(body), request=False)

    def _validate(
        self, operation: Operation, what: str, schema: Mapping[str, Any], value: Any, *, request: bool
    ) -> None:
        extras = ERROR_EXTRAS if what.startswith(("answer 4", "answer 5")) else frozenset()
        for error in operation.validator(what, schema, request=request).iter_errors(value):
            if error.validator == "additionalProperties" and not _strange(error, self.newer | extras):
                continue
            self._say(operation, f"{what}: {error.json_path}: {error.message[:300]}")


def hubspot(app: Wsgi, *, newer: Collection[str] = ()) -> Described:
    """*app* against HubSpot's v3 and 2026-03 descriptions."""
    return Described(app, HUBSPOT, newer=newer)


def mailchimp(app: Wsgi, *, newer: Collection[str] = ()) -> Described:
    """*app* against Mailchimp's Marketing API 3.0.55, whose paths begin with /3.0."""
    return Described(app, MAILCHIMP, base=MAILCHIMP_BASE, newer=(*MAILCHIMP_SIGNS, *newer))


def pipedrive(app: Wsgi, *, newer: Collection[str] = ()) -> Described:
    """*app* against Pipedrive's v1 and v2, each under its own path."""
    return Described(app, PIPEDRIVE, newer=(*PIPEDRIVE_NEWER, *newer))


def brevo(app: Wsgi, *, newer: Collection[str] = ()) -> Described:
    """*app* against Brevo's v3, whose paths stand without it."""
    return Described(app, BREVO, newer=newer)


def _strange(error: ValidationError, allowed: frozenset[str]) -> list[str]:
    """The members that made *error*, without those that are allowed."""
    schema, instance = error.schema, error.instance
    listed = schema.get("properties", {}) if isinstance(schema, Mapping) else {}
    members = instance if isinstance(instance, dict) else {}
    return [name for name in members if name not in listed and name not in allowed]


def _typed(text: str, kind: str | None) -> Any:
    """A query value as its declared type, or the text itself where it is none (which then fails)."""
    if kind == "integer" and re.fullmatch(r"-?\d+", text):
        return int(text)
    if kind == "number" and re.fullmatch(r"-?\d+(\.\d+)?", text):
        return float(text)
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    return text


def _form(raw: bytes) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(raw.decode(), keep_blank_values=True).items()}
