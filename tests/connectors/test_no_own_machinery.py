"""No connector has its own retry, paging or signature code: what is one platform's says how it is called, and no more.

The kit waits, retries, turns pages and compares signatures (`connectors.http`, `asking`, `walk`, `stretches`,
`signing`). So a module that is one platform's, by its name or because no other platform reaches it, imports nothing
that does; has no loop that goes on until something comes; asks for nothing a second time; and heeds no answer that only
the kit can act on.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

import pytest

from tests.lines import belonging

FORBIDDEN = {
    **dict.fromkeys(("tenacity", "stamina", "backoff", "retrying"), "who retries is connectors.http"),
    **dict.fromkeys(("time", "sched", "asyncio", "threading", "random"), "who waits is connectors.pace"),
    **dict.fromkeys(("requests", "urllib3", "httpx", "aiohttp", "socket", "http"), "who calls is connectors.http"),
    **dict.fromkeys(("hmac", "secrets", "jwt", "cryptography", "nacl", "standardwebhooks"), "see connectors.signing"),
    **dict.fromkeys(("importlib", "builtins"), "what is imported stands where one reads it"),
    "hashlib": "see connectors.signing",
}
"""What none of them imports, and where that belongs."""
ALLOWED = frozenset({"time.strptime"})
ENDLESS = frozenset({"count", "cycle", "repeat", "takewhile"})
WAITS = frozenset({"sleep", "_sleep", "wait"})
BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that say "again, later": they are read by whoever judges answers, and by nobody else."""

APART = {"files": "it reads files of one's own machine: there is nobody to call, to believe or to wait for"}
EXCEPTIONS = {
    ("mailchimp_members", "imports hashlib"): "a member is named by the MD5 of its address",
    ("mailchimp_events", "imports hashlib"): "an event has no id: its key holds what it says",
    ("mailchimp_reports", "imports hashlib"): "a key has room for so many letters: what is longer is shortened",
    (
        "meta_audiences",
        "imports hashlib",
    ): "addresses go into an audience hashed, and are listed so",
}
"""What a module may have all the same, and why."""


def machinery(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a module's *text* with machinery of its own, and what it is."""
    module = ast.parse(text)
    judges = {
        id(inner)
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef) and node.returns is not None and _last(node.returns) == "Verdict"
        for inner in ast.walk(node)
    }
    methods = {id(one) for node in ast.walk(module) if isinstance(node, ast.ClassDef) for one in node.body}
    for node in ast.walk(module):
        found = [*_imports(node), *_names(node), *_loops(node), *_again(node)]
        if id(node) not in judges:
            found += _statuses(node)
        if isinstance(node, ast.FunctionDef) and node.name in _called(node, method=id(node) in methods):
            found.append(f"calls itself: {node.name}")
        place = node.iter if isinstance(node, ast.comprehension) else node
        yield from ((getattr(place, "lineno", 0), what) for what in found)


def _imports(node: ast.AST) -> Iterator[str]:
    names: Sequence[str] = ()
    if isinstance(node, ast.Import):
        names = [one.name for one in node.names]
    elif isinstance(node, ast.ImportFrom):
        names = [f"{node.module}.{one.name}" for one in node.names]
    for name in names:
        root = "http" if name.startswith("urllib.request") else name.partition(".")[0]
        if root in FORBIDDEN and name not in ALLOWED:
            yield f"imports {name}: {FORBIDDEN[root]}"


def _names(node: ast.AST) -> Iterator[str]:
    name = _last(node)
    if name in ("compare_digest", "__import__") or "retry" in name.lower():
        yield f"uses {name}"
    if isinstance(node, ast.Call) and _last(node.func) in WAITS:
        yield f"waits: {ast.unparse(node)}"
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.lower() == "retry-after":
        yield "reads Retry-After"


def _loops(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.While):
        yield f"loops until something comes: while {ast.unparse(node.test)}"
    if not isinstance(node, ast.For | ast.comprehension) or not isinstance(node.iter, ast.Call):
        return
    name, asked = _last(node.iter.func), ast.unparse(node.iter)
    if name in ENDLESS or (name == "iter" and len(node.iter.args) > 1):
        yield f"loops until something comes: for … in {asked}"
    if name == "range" and isinstance(node, ast.For) and "len(" not in asked:
        inside = [one for part in node.body for one in ast.walk(part)]
        used = any(ast.unparse(one) == ast.unparse(node.target) for one in inside if isinstance(one, ast.Name))
        calls = any(isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) for one in inside)
        if not used or (calls and any(isinstance(one, ast.Break | ast.Return | ast.Try) for one in inside)):
            yield f"does the same again and again: for … in {asked}"


def _again(node: ast.AST) -> Iterator[str]:
    """A call that fails, or whose answer is bad, and is made once more."""
    if isinstance(node, ast.Try):
        tried = {ast.unparse(one.func) for one in _calls(node.body)}
        again = {ast.unparse(one.func) for handler in node.handlers for one in _calls(handler.body)}
        yield from (f"does it again: {what}" for what in sorted(tried & again))
    if isinstance(node, ast.FunctionDef):
        asked: set[str] = set()
        for part in node.body:
            if isinstance(part, ast.If) and {"ok", "status", "status_code"} & set(map(_last, ast.walk(part.test))):
                yield from (f"does it again: {what}" for what in sorted(asked & _asked(part.body)))
            asked |= _asked([part])


def _asked(parts: Sequence[ast.stmt]) -> set[str]:
    """The calls whose answers are kept or given back."""
    kept = [one.value for part in parts for one in ast.walk(part) if isinstance(one, ast.Assign | ast.Return)]
    return {ast.unparse(one) for one in kept if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute)}


def _statuses(node: ast.AST) -> Iterator[str]:
    if not isinstance(node, ast.Compare):
        return
    for one in ast.walk(node):
        if isinstance(one, ast.Constant) and type(one.value) is int and one.value in BUSY:
            yield f"heeds a busy platform: {ast.unparse(node)}"
    sides = " ".join(_last(one).lower() for one in (node.left, *node.comparators))
    if isinstance(node.ops[0], ast.Eq | ast.NotEq) and ("signature" in sides or "digest" in sides):
        yield f"compares signatures: {ast.unparse(node)}"


def _last(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _calls(parts: Sequence[ast.stmt]) -> list[ast.Call]:
    return [one for part in parts for one in ast.walk(part) if isinstance(one, ast.Call)]


def _called(node: ast.FunctionDef, *, method: bool) -> set[str]:
    """What a function calls of its own module, or a method of its own object."""
    calls = [one.func for one in _calls(node.body)]
    if method:
        return {one.attr for one in calls if isinstance(one, ast.Attribute) and _last(one.value) in ("self", "cls")}
    return {one.id for one in calls if isinstance(one, ast.Name)}


def test_no_connector_has_machinery_of_its_own() -> None:
    """Retrying, waiting, turning pages and comparing signatures are the kit's; each exception has its reason."""
    modules = {path: platform for path, platform in belonging().items() if platform not in APART}
    found = [(path.stem, line, what) for path in modules for line, what in machinery(path.read_text("utf-8"))]
    excused = {
        (name, start)
        for name, start in EXCEPTIONS
        if any(module == name and what.startswith(start) for module, _, what in found)
    }
    bad = [
        f"connectors/{module}.py:{line} {what}"
        for module, line, what in found
        if not any(module == name and what.startswith(start) for name, start in excused)
    ]

    assert bad == []
    assert excused == set(EXCEPTIONS)
    assert len(modules) > 40


BAD = {
    "import time": "imports time",
    "from time import sleep, strptime": "imports time.sleep",
    "import hmac": "imports hmac",
    "from hashlib import sha256": "imports hashlib.sha256",
    "def f():\n    from tenacity import retry": "imports tenacity.retry",
    "from urllib.request import urlopen": "imports urllib.request.urlopen",
    "from requests.adapters import HTTPAdapter": "imports requests.adapters.HTTPAdapter",
    "hmac = __import__('hmac')": "uses __import__",
    "right = kit.compare_digest(one, other)": "uses compare_digest",
    "ok = given == signature": "compares signatures",
    "def f(self):\n    self._sleep(2)": "waits: self._sleep(2)",
    "def f(done):\n    done.wait(3)": "waits: done.wait(3)",
    "while True:\n    page = ask(after)": "while True",
    "after = ''\nwhile after is not None:\n    after = ask(after)": "while after is not None",
    "for page in iter(ask, None):\n    yield page": "for … in iter(ask, None)",
    "pages = [ask(at) for at in itertools.count(0, 100)]": "for … in itertools.count(0, 100)",
    "for at in range(0, 10**9, 100):\n    page = self.ask(at)\n    if not page:\n        break": "again and again",
    "for _ in range(3):\n    answers.append(ask())": "again and again",
    "for n in range(3):\n    try:\n        api.ask(n)\n    except Later:\n        pass": "again and again",
    "def pages(after):\n    yield (page := ask(after))\n    yield from pages(page.after)": "calls itself: pages",
    "class A:\n    def ask(self, n):\n        return self.ask(n - 1)": "calls itself: ask",
    "try:\n    api.ask()\nexcept Later:\n    api.ask()": "does it again: api.ask",
    "def f():\n    r = api.ask(1)\n    if not r.ok:\n        r = api.ask(1)": "does it again: api.ask(1)",
    "if response.status in (429, 503):\n    pass": "heeds a busy platform",
    "wait = float(headers['Retry-After'])": "reads Retry-After",
    "retrying = Retrying(stop=3)": "uses Retrying",
}
GOOD = (
    "for start in range(0, len(changes), SIZE):\n    if not api.send(changes[start : start + SIZE]).ok:\n        break",
    "for number in range(1, 90):\n    if f'TAG{number}' not in taken:\n        break",
    "def judged(response) -> Verdict:\n    return Verdict.SPENT if response.status == 429 else judge(response)",
    "for answer, _ in turned('', ask, onward, refuse):\n    yield from answer.results",
    "class A:\n    def row(self):\n        return row(self)",
    "try:\n    return read(one)\nexcept Gone:\n    return None",
    "def f():\n    r = api.ask(1)\n    if r.status == 404:\n        r = api.ask(2)",
)


@pytest.mark.parametrize(("text", "found"), BAD.items())
def test_machinery_is_found(text: str, found: str) -> None:
    """Each way in which a connector may go its own is told, with its line."""
    told = list(machinery(text))

    assert any(found in what for _, what in told), told
    assert all(1 <= line <= text.count("\n") + 1 for line, _ in told)


@pytest.mark.parametrize("text", GOOD)
def test_what_a_connector_may_do_is_no_machinery(text: str) -> None:
    """Batches, names that are free, verdicts, and the kit itself."""
    assert list(machinery(text)) == []
