"""Query parameters that most Mailchimp paths share: ``count``, ``offset``, ``fields``, ``exclude_fields``."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any, Final

from sandbox.mailchimp_rules import invalid, problem
from sandbox.platform import Call, Stop

Json = dict[str, Any]
# A tree of names; an empty one stands for the whole value.
Tree = dict[str, "Tree"]

PAGE: Final = ("fields", "exclude_fields", "count", "offset")
SELECT: Final = ("fields", "exclude_fields")
MOST: Final = 1000  # facts, Reading: "count (default 10, max 1000)"


def page_of(call: Call) -> tuple[int, int]:
    """``offset`` and ``count``, within the documented limits."""
    offset, count = number(call, "offset", 0), number(call, "count", 10)
    if offset < 0:
        raise Stop(invalid([("offset", "Schema describes integer minimum 0")]))
    if not 0 <= count <= MOST:
        raise Stop(invalid([("count", f"Schema describes integer maximum {MOST}")]))
    return offset, count


def shifted(call: Call, offset: int) -> int:
    """*offset* as it falls where the fault ``page_shift`` moved the set meanwhile (facts, Reading)."""
    if not call.has_fault("page_shift") or call.fault is None:
        return offset
    return max(0, offset + (-1 if call.fault.args.get("how") in ("insert", "repeat") else 1))


def number(call: Call, name: str, default: int) -> int:
    text = call.one(name)
    if not text:
        return default
    try:
        return int(text)
    except ValueError:
        raise Stop(invalid([(name, "Schema describes integer, string found instead")])) from None


def flag(call: Call, name: str) -> bool:
    """A boolean; Python's own spelling, which the SDK sends, is taken too."""
    text = call.one(name).lower()
    if text not in ("", "true", "false", "1", "0"):
        raise Stop(invalid([(name, "Schema describes boolean, string found instead")]))
    return text in ("true", "1")


class Selection:
    """Which members of an answer the caller wants; hashable by its *text*."""

    __slots__ = ("exclude", "text", "tree")

    def __init__(self, tree: Tree, exclude: bool, text: str) -> None:
        self.tree, self.exclude, self.text = tree, exclude, text

    def wants(self, name: str) -> bool:
        """Whether the top-level *name* appears at all."""
        if not self.tree:
            return True
        return self.tree.get(name) != {} if self.exclude else name in self.tree

    def within(self, name: str) -> Selection:
        """What is selected inside the value called *name*."""
        return Selection(self.tree.get(name, {}), self.exclude, self.text)

    def cut(self, value: Json) -> Json:
        """The wanted part of *value*."""
        if not self.tree:
            return value
        found: Json = _without(value, self.tree) if self.exclude else _only(value, self.tree)
        return found


def selection(call: Call, known: Collection[str] = (), under: str = "", inner: Collection[str] = ()) -> Selection:
    """Read the call's selection. Names outside *known* (and *inner*, below *under*) are refused, where given."""
    fields, exclude = ",".join(call.many("fields")), ",".join(call.many("exclude_fields"))
    if fields and exclude:  # facts, Reading: "(not both)"
        raise Stop(problem(400, "Bad Request", "Use either fields or exclude_fields, not both."))
    chosen = _parsed(fields or exclude, bool(exclude))
    strange = [name for name in chosen.tree if known and name not in known]
    if under and inner:
        strange += [f"{under}.{name}" for name in chosen.tree.get(under, {}) if name not in inner]
    if strange:
        detail = f"The fields requested from this resource are invalid: {', '.join(strange)}"
        raise Stop(problem(422, "Requested Fields Invalid", detail))
    return chosen


@lru_cache(maxsize=256)
def _parsed(text: str, exclude: bool) -> Selection:
    tree: Tree = {}
    paths = [path.strip().split(".") for path in text.split(",") if path.strip()]
    for path in sorted(paths, key=len, reverse=True):  # a shorter path takes the whole value
        branch = tree
        for name in path[:-1]:
            branch = branch.setdefault(name, {})
        branch[path[-1]] = {}
    return Selection(tree, exclude, f"{'-' if exclude else '+'}{text}")


def _only(value: Any, tree: Tree) -> Any:
    if not tree:
        return value
    if isinstance(value, list):
        return [_only(one, tree) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: _only(value[name], branch) for name, branch in tree.items() if name in value}


def _without(value: Any, tree: Tree) -> Any:
    if isinstance(value, list):
        return [_without(one, tree) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _without(inner, tree[name]) if name in tree else inner
        for name, inner in value.items()
        if tree.get(name) != {}
    }
