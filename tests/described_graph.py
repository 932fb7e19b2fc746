"""Holds requests and answers against Meta's own descriptions, which are neither OpenAPI nor like it: a file for each
kind of node, with its fields and its edges, and for each edge its parameters and the kind of node that it gives.

Every field and edge that a request names, in whatever depth, and every field that an answer shows has to be described.
The relaxations, all of them:

1. `COMMON` parameters belong to the Graph API as a whole and stand in no description: its pages on paging, field
   expansion and sign-in describe them.
2. `KNOWN` names kinds whose files are not among the descriptions; their fields are those of the vendor's SDK where it
   has such a class, else those that the vendor's pages name.
3. Fields of the type Object, or of a kind that is in neither, are not looked into.

The descriptions lie where `tests.described` says. They are read there, never copied.
"""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from facebook_business.adobjects.profile import Profile
from facebook_business.adobjects.recommendation import Recommendation

from tests.described import SPECS, Wsgi

COMMON = frozenset(
    (
        "fields",
        "access_token",
        "appsecret_proof",
        "limit",
        "after",
        "since",
        "summary",  # of edges that can be counted
        "filtering",  # of leads: the guide to lead ads
    )
)
KNOWN: Mapping[str, frozenset[str]] = {
    "Recommendation": frozenset(v for n, v in vars(Recommendation.Field).items() if not n.startswith("_")),
    "Profile": frozenset(v for n, v in vars(Profile.Field).items() if not n.startswith("_")),
    "UnifiedMessage": frozenset(("id", "created_time", "from", "to", "message")),  # the Conversations API's page
    "IGProfile": frozenset(("id", "name", "username")),  # the User Profile API's page
}
NAMED = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of node: its fields with their types, and its edges with what they give and what they take."""

    name: str
    fields: Mapping[str, str]
    edges: Mapping[str, tuple[str, frozenset[str]]]


@cache
def kind(name: str) -> Kind | None:
    """What is described of a kind; None where nothing is."""
    path = SPECS / "meta" / f"{name}.json"
    if not path.exists():
        return Kind(name, dict.fromkeys(KNOWN[name], "Object"), {}) if name in KNOWN else None
    document = json.loads(path.read_bytes())
    fields = {one["name"]: one["type"] for one in document["fields"]}
    edges = {
        one["endpoint"]: (one["return"], frozenset(parameter["name"] for parameter in one["params"]))
        for one in document["apis"]
        if one["method"] == "GET" and one.get("endpoint")
    }
    return Kind(name, fields, edges)


class DescribedGraph:
    """A WSGI application of the Graph API, with every request and answer held against the descriptions. *of* says of
    what kind the node of a path is."""

    def __init__(self, app: Wsgi, of: Callable[[str], str]) -> None:
        self.app, self.of = app, of
        self.counts: Counter[str] = Counter()
        self.undescribed: Counter[str] = Counter()
        self.violations: list[str] = []
        self.looked_at = 0  # names of fields and edges, and parameters

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        node, _, edge = environ["PATH_INFO"].removeprefix("/v26.0").strip("/").partition("/")
        query = {name: texts[-1] for name, texts in parse_qs(environ.get("QUERY_STRING", "")).items()}
        known = kind(self.of(node))
        where = f"{environ['REQUEST_METHOD']} {NAMED.sub('…', node)}{'/' if edge else ''}{edge}"
        if known is None or environ["REQUEST_METHOD"] != "GET" or (edge and edge not in known.edges):
            self.undescribed[where] += 1
            return self.app(environ, start_response)
        self.counts[f"GET {known.name}{'/' if edge else ''}{edge}"] += 1
        if edge:
            given, parameters = known.edges[edge]
            self._parameters(where, query, parameters)
            known = kind(given)
        self._fields(where, query.get("fields", ""), known)
        return self._answer(where, known, bool(edge), environ, start_response)

    def report(self) -> str:
        """Counts in a few lines, to be printed by a test."""
        total, kinds, wrong = sum(self.counts.values()), len(self.counts), len(self.violations)
        lines = [
            f"{total} calls of {kinds} described nodes and edges, {self.looked_at} names in them, {wrong} violations"
        ]
        lines += [f"  {count:6} {key}" for key, count in sorted(self.counts.items())]
        lines += [f"  {count:6} {key} (not described)" for key, count in sorted(self.undescribed.items())]
        return "\n".join([*lines, *(f"  violation: {text}" for text in self.violations[:20])])

    # -- request -----------------------------------------------------------------------------------

    def _parameters(self, where: str, given: Iterable[str], known: frozenset[str]) -> None:
        for name in given:
            self.looked_at += 1
            if name not in known | COMMON:
                self.violations.append(f"{where}: unknown parameter {name}")

    def _fields(self, where: str, text: str, of: Kind | None) -> None:
        """Each name of an expansion, and those within it."""
        if of is None:
            return
        for name, arguments, inner in expanded(text):
            self.looked_at += 1
            if name in of.edges:
                given, parameters = of.edges[name]
                self._parameters(f"{where} {name}", arguments, parameters)
                self._fields(f"{where} {name}", inner, kind(given))
            elif name in of.fields:
                self._fields(f"{where} {name}", inner, kind(of.fields[name]))
            else:
                self.violations.append(f"{where}: {of.name} has no field or edge {name}")

    # -- answer ------------------------------------------------------------------------------------

    def _answer(
        self, where: str, of: Kind | None, listed: bool, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> list[bytes]:
        started: list[str] = []

        def note(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            started.append(status)
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        environ["wsgi.input"] = io.BytesIO()
        body = b"".join(self.app(environ, note))
        shown = json.loads(body)
        if started[-1].startswith("200"):
            self._shown(f"{where} shows", {"data": shown["data"]} if listed else shown, of, listed=listed)
        elif not {"message", "code"} <= set(shown.get("error", ())):
            self.violations.append(f"{where} answered {started[-1]}: {body[:200].decode()}")
        return [body]

    def _shown(self, where: str, shown: Any, of: Kind | None, *, listed: bool) -> None:
        for body in shown.get("data", []) if listed else [shown]:
            for name, value in body.items() if of is not None else ():
                self.looked_at += 1
                if of is not None and name in of.edges and isinstance(value, dict):
                    self._shown(f"{where} {name}", value, kind(of.edges[name][0]), listed=True)
                elif of is not None and name in of.fields:
                    inner = kind(of.fields[name])
                    if isinstance(value, dict) and inner is not None:
                        self._shown(f"{where} {name}", value, inner, listed=False)
                elif of is not None:
                    self.violations.append(f"{where} {name}, which {of.name} does not have")


def expanded(text: str) -> list[tuple[str, list[str], str]]:
    """The names at the top of a text of fields, each with the names of its arguments and what its braces hold."""
    found: list[tuple[str, list[str], str]] = []
    depth, part = 0, ""
    for letter in f"{text},":
        depth += (letter in "({") - (letter in ")}")
        if letter == "," and not depth:
            if part:
                head, _, inner = part.partition("{")
                name, *arguments = head.split(".")
                found.append((name, [one.partition("(")[0] for one in arguments], inner[:-1]))
            part = ""
        else:
            part += letter
    return found


def meta(app: Any) -> DescribedGraph:
    """*app* against Meta's descriptions; the emulator's own numbers say of what kind a node is."""
    starts = {"10": "Page", "1784": "IGUser", "61": "LeadgenForm", "62": "Lead", "71": "Profile", "121": "IGProfile"}

    def of(node: str) -> str:
        if node == "me":
            return "Page"
        if "_" in node:
            return "PagePost"
        if node.startswith("179"):
            return "IGMedia"
        return next((name for start, name in starts.items() if node.startswith(start)), "")

    return DescribedGraph(app, of)
