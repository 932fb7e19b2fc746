"""Rules of roles out of `regulars.toml`, read and linked as those of segments are. Raises ConfigError."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mapping.model import Role
from mapping.rules import Bought, FieldTest, InSegment, Related, Rule, conditions, link
from mapping.rules_read import RuleError, read_rule
from mapping.rules_words import say
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
        if part.organization is not None and part.all is None and part.any is None:
            continue
        rule = rule_of(part, name, source, "role", EXAMPLE)
        references(name, rule, segments, known, source)
        found[name] = link({**{one.name: one.rule for one in segments.values()}, _key(name): rule})[_key(name)]
        _no_circle(name, rule, found[name], source)
    return found


def read_organization_roles(parts: Mapping[str, Any], text: str, file: str) -> dict[str, Rule]:
    """The rules of what organisations are, by role. They ask for an organisation's own fields as its platforms show
    them, and for what was sold to it."""
    source = Source(text, file, SECTION)
    found: dict[str, Rule] = {}
    for name, part in parts.items():
        if part.organization is None:
            continue
        try:
            found[name] = read_rule(part.organization, ("organization",))
        except RuleError as error:
            raise source.wrong((name, *error.where), error.text, error.fix) from None
        for one in conditions(found[name]):
            if not isinstance(one, Bought) and not (isinstance(one, FieldTest) and not one.organization):
                said = f"of an organisation nobody can ask whether it is {say(one)}."
                raise source.wrong((name, "organization"), said, "Ask for its fields, or for what it bought.")
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


def check_role_words(
    roles: Mapping[str, Rule], organizations: Mapping[str, Rule], known: Known, text: str, file: str
) -> None:
    """Raises ConfigError for a rule about a field that no connection has, or a purpose that no mail has."""
    source = Source(text, file, SECTION)
    for name, rule in organizations.items():
        for one in conditions(rule):
            if isinstance(one, FieldTest) and one.name not in known.organization:
                hint = (
                    nearest(one.name, known.organization) or f"Known are {listed(sorted(known.organization), 'and')}."
                )
                raise source.wrong((name, "organization", "field"), f'organisations have no field "{one.name}".', hint)
    as_segments = {name: Segment(name, name, rule) for name, rule in roles.items()}
    check_words(as_segments, known, text, file, SECTION)
