"""Rules of roles in `regulars.toml`: read, refused where they would rest on themselves, and at work in a sync."""

from __future__ import annotations

import pytest

from regulars import config
from regulars.trouble import ConfigError
from tests.cli.shop import Shop

FRIENDS = '[segments.friends]\nall = [{ role = "partner" }]\n\n[segments.both]\nany = [{ segment = "friends" }]\n\n'
BUSINESS = '[business]\nname = "Backhaus"\ncountry = "DE"\n\n'


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[roles.suplier]\nall = [{ bought = true }]\n", 'line 5, roles.suplier: there is no role "suplier". Did you'),
        ("[roles.king]\nall = [{ bought = true }]\n", "Roles are customer, prospect, supplier, partner, employee and"),
        ("[roles.customer]\n", "roles.customer: this role has no rule. Add a line such as all = [{ bought"),
        ("[roles.customer]\nall = [{ bougt = true }]\n", 'there is no condition "bougt". Did you mean "bought"?'),
        (
            '[roles.customer]\ntitle = "x"\nall = [{ bought = true }]\n',
            'roles.customer.title: there is no key "title".',
        ),
        (
            '[roles.customer]\nall = [{ not = { role = "supplier" } }]\n',
            "line 6, roles.customer.role: the rule of a role cannot ask for a role. Ask for what the platform shows: {",
        ),
        (
            FRIENDS + '[roles.customer]\nall = [{ segment = "both" }]\n',
            'cannot rest on the segment "both", which asks for a role',
        ),
        ('[roles.customer]\nall = [{ segment = "freinds" }]\n', 'there is no segment "freinds"'),
        ('[roles.customer]\nall = [{ listed = "x", connection = "hub" }]\n', '"hub" is no connection'),
        (
            '[roles.supplier]\norganization = { touched = "called" }\n',
            "line 6, roles.supplier.organization: of an organisation nobody can ask whether it is called.",
        ),
        (
            "[roles.supplier]\norganization = { bougt = true }\n",
            'there is no condition "bougt". Did you mean "bought"?',
        ),
    ],
    ids=lambda part: part.splitlines()[0] if part.startswith("[") else "",
)
def test_a_rule_that_cannot_be_is_refused_with_its_place(text: str, error: str) -> None:
    """
    File, line and key, what was wrong, and the nearest known word or the way around.
    """
    with pytest.raises(ConfigError) as caught:
        config.parse(BUSINESS + text)

    assert error in str(caught.value)


def test_a_rule_may_rest_on_a_segment_and_on_a_stage() -> None:
    """
    Neither is a role: what a segment asks of fields and purchases, and how far a platform says it has come.
    """
    segment = "[segments.buyers]\nall = [{ bought = true }]\n\n"
    text = segment + '[roles.customer]\nany = [{ segment = "buyers" }, { stage = "retention" }]\n'

    assert list(config.parse(BUSINESS + text).roles) == ["customer"]


def test_rules_give_roles_in_a_sync_and_segments_see_them(town: Shop) -> None:
    """
    A sync judges the rule before the segments; `person` and `why` say that it was the rule, a person's word ends it.
    """
    town.run("sync", "--pull-only")
    who = next(
        one for one in town.run("people", "--limit", "500", "--json").json["people"] if one["name"].count(" ") == 1
    )
    family = who["name"].split(" ")[1]
    path = town.folder / "regulars.toml"
    rule = f'\n[roles.supplier]\nall = [{{ field = "family_name", is = "{family}" }}]\n'
    path.write_text(path.read_text("utf-8") + rule + '\n[segments.bakers]\nall = [{ role = "supplier" }]\n', "utf-8")
    town.run("sync")
    shown = town.run("person", who["id"], "--json").json
    why = town.run("why", who["id"], "role")
    ended = town.run("role", who["id"], "supplier", "--end")
    town.run("sync")
    after = town.run("person", who["id"], "--json").json

    assert [(one["role"], one["source"], one["to"]) for one in shown["roles"]] == [("supplier", "rule", None)]
    assert "bakers" in [one["segment"] for one in shown["segments"]]
    assert f'Your rule for supplier: family_name is "{family.lower()}"' in why.out.replace(family, family.lower())
    assert ended.code == 0
    assert [(one["source"], one["to"] is None) for one in after["roles"]] == [("rule", False)]
    assert "bakers" not in [one["segment"] for one in after["segments"]]
