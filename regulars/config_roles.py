"""Rules of roles out of `regulars.toml`, read and linked as those of segments are. Raises ConfigError."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mapping.model import Role
from mapping.rules import InSegment, Related, Rule, conditions, link
from regulars.config_segments import Known, Source, check_words, references, rule_of
from regulars.trouble import listed, nearest
from sync.segment import Segment

SECTION = "roles"
EXAMPLE = 'all = [{ bought = "count", at_least = 1 }]'
INSTEAD = 'Ask for what the platform shows: { field = "role", is = "customer" }.'


def read_roles(
    parts: Mapping[str, Any], segments: Mapping[str, Segment], connections: Iterable[str], text: str, file: str
) -> dict[str, Rule]:
    """The rules of roles, by role. A rule may rest on segments, but on no role, which might rest on itself."""
    source, known = Source(text, file, SECTION), list(connections)
    words = [role.value for role in Role]
    found: dict[str, Rule] = {}
    for name, part in parts.items():
        if name not in words:
            hint = nearest(name, words) or f"Roles are {listed(words, 'and')}."
            raise source.wrong((name,), f'there is no role "{name}".', hint)
        rule = rule_of(part, name, source, "role", EXAMPLE)
        references(name, rule, segments, known, source)
        found[name] = link({**{one.name: one.rule for one in segments.values()}, _key(name): rule})[_key(name)]
        _no_circle(name, rule, found[name], source)
    return found


def _key(role: str) -> str:
    """A role among the names of segments; no segment is called so."""
    return f"role {role}"


def _no_circle(name: str, written: Rule, linked: Rule, source: Source) -> None:
    if _asks(written):
        raise source.wrong((name, "role"), "the rule of a role cannot ask for a role.", INSTEAD)
    for one in conditions(linked):
        if isinstance(one, InSegment) and one.rule is not None and _asks(one.rule):
            said = f'the rule of a role cannot rest on the segment "{one.name}", which asks for a role.'
            raise source.wrong((name, "segment"), said, INSTEAD)


def _asks(rule: Rule) -> bool:
    return any(isinstance(one, Related) and one.roles for one in conditions(rule))


def check_role_words(roles: Mapping[str, Rule], known: Known, text: str, file: str) -> None:
    """Raises ConfigError for a rule about a field that no connection has, or a purpose that no mail has."""
    as_segments = {name: Segment(name, name, rule) for name, rule in roles.items()}
    check_words(as_segments, known, text, file, SECTION)
