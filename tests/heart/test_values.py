"""Values: `same` finds edits, `equivalent` finds agreement, and what cannot be parsed equals only itself."""

from __future__ import annotations

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mapping.countries import country_code
from mapping.model import Value
from mapping.values import Kind, blank, canonical, canonical_email, cut_image, equivalent, exact, lossy_image, same

STREET = {"street": "Hauptstr. 1", "city": "Ulm"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(None, True, id="none"),
        pytest.param("", True, id="empty-text"),
        pytest.param(" \t\n", True, id="only-spaces"),
        pytest.param([], True, id="no-members"),
        pytest.param({}, True, id="no-parts"),
        pytest.param("x", False, id="text"),
        pytest.param(["x"], False, id="members"),
        pytest.param({"city": ""}, False, id="a-part"),
        pytest.param(0, False, id="zero"),
        pytest.param(False, False, id="no"),
    ],
)
def test_blank(value: Value, expected: bool) -> None:
    """Nothing is there only where nothing is; zero and no are something."""
    assert blank(value) is expected


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        pytest.param("Ulm", "Ulm", True, id="text"),
        pytest.param("Ulm", "ulm", False, id="another-case"),
        pytest.param("Ulm", "Ulm ", False, id="another-spacing"),
        pytest.param("\u00c5", "A\u030a", True, id="another-unicode-form"),
        pytest.param("a\r\nb\rc", "a\nb\nc", True, id="other-line-ends"),
        pytest.param("Köln\r\n", "Köln\n", True, id="other-line-ends-beyond-ascii"),
        pytest.param("", None, True, id="blank-text-and-none"),
        pytest.param("\u3000", None, True, id="wide-space-and-none"),
        pytest.param(" \r\n", "", True, id="blanks"),
        pytest.param([], None, True, id="no-members-and-none"),
        pytest.param({}, None, True, id="no-parts-and-none"),
        pytest.param({"city": ""}, None, True, id="blank-parts-and-none"),
        pytest.param({"city": "Ulm", "street": ""}, {"city": "Ulm"}, True, id="a-blank-part"),
        pytest.param({"city": "Ulm"}, {"city": "ulm"}, False, id="a-part-in-another-case"),
        pytest.param(["b", "a"], ["a", "b", "a"], True, id="members-in-any-order"),
        pytest.param(["a"], ["A"], False, id="a-member-in-another-case"),
        pytest.param(["a"], "a", False, id="a-set-and-a-text"),
        pytest.param(0, None, False, id="zero-and-none"),
        pytest.param(False, None, False, id="no-and-none"),
        pytest.param(1, 2, False, id="numbers"),
        pytest.param(5, "5", False, id="a-number-and-its-text"),
    ],
)
def test_same(left: Value, right: Value, expected: bool) -> None:
    """Two values are one to the letter, Unicode form, line ends and ways of being blank aside."""
    assert (same(left, right), same(right, left)) == (expected, expected)


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda part: st.dictionaries(st.text(), part))
)
def test_exact_form_is_a_form(value: Value) -> None:
    """The exact form of an exact form is itself, and is the same as the value."""
    assert exact(exact(value)) == exact(value)
    assert same(value, exact(value))


@pytest.mark.parametrize(
    ("kind", "left", "right", "region", "expected"),
    [
        pytest.param(Kind.TEXT, " New\u00a0 York", "new york", "", True, id="text-in-another-case-and-spacing"),
        pytest.param(Kind.NAME, "STRASSE", "Straße", "", True, id="sharp-s"),
        pytest.param(Kind.NAME, "Ada", "Adá", "", False, id="an-accent-counts"),
        pytest.param(Kind.TEXT, "", None, "", True, id="blanks"),
        pytest.param(Kind.TEXT, "x", None, "", False, id="something-and-nothing"),
        pytest.param(Kind.PHONE, "030 123456", "+49 (30) 12 34-56", "DE", True, id="phone-of-the-region"),
        pytest.param(Kind.PHONE, "030 123456", "+49 30 123456", "FR", False, id="phone-of-another-region"),
        pytest.param(Kind.PHONE, "030 123456", "+49 30 123456", "", False, id="phone-of-no-region"),
        pytest.param(Kind.PHONE, "+49 30 123456 ext. 7", "+4930123456x7", "", True, id="extension"),
        pytest.param(Kind.PHONE, "+49 30 123456 ext. 7", "+4930123456", "", False, id="another-extension"),
        pytest.param(Kind.PHONE, "call me", "Call me", "DE", False, id="no-number-equals-only-itself"),
        pytest.param(Kind.PHONE, "+1 555 12", "+155512", "", False, id="too-short-to-be-possible"),
        pytest.param(Kind.PHONE, 30, 30, "DE", True, id="a-phone-that-is-a-number"),
        pytest.param(Kind.EMAIL, "Ada@Example.ORG", "ada@example.org", "", True, id="address-in-another-case"),
        pytest.param(Kind.EMAIL, "ada@example.org", "bo@example.org", "", False, id="other-addresses"),
        pytest.param(Kind.EMAIL, 7, 8, "", False, id="an-address-that-is-a-number"),
        pytest.param(
            Kind.ADDRESS, {**STREET, "country": "Germany"}, {**STREET, "country": "DE"}, "", True, id="country"
        ),
        pytest.param(
            Kind.ADDRESS,
            {**STREET, "country": "Atlantis"},
            {**STREET, "country": "atlantis"},
            "",
            True,
            id="no-country",
        ),
        pytest.param(Kind.ADDRESS, STREET, {**STREET, "country": "DE"}, "", False, id="a-part-more"),
        pytest.param(Kind.ADDRESS, STREET, {**STREET, "region": " "}, "", True, id="a-blank-part-more"),
        pytest.param(Kind.ADDRESS, {"city": " "}, {"street": ""}, "", True, id="only-blank-parts"),
        pytest.param(Kind.ADDRESS, {"country": 49}, {"country": 49}, "", True, id="a-country-that-is-a-number"),
        pytest.param(Kind.SET, ["VIP", "bread"], ["Bread", "vip"], "", True, id="members-in-another-case"),
        pytest.param(Kind.SET, ["vip"], ["vip", "bread"], "", False, id="a-member-more"),
        pytest.param(Kind.EMAIL, "foo", "bar", "", False, id="no-addresses"),
        pytest.param(Kind.EMAIL, "foo", "foo", "", True, id="no-address-and-itself"),
        pytest.param(Kind.EMAIL, "foo", None, "", False, id="no-address-and-nothing"),
        pytest.param(Kind.NUMBER, 1, 1.0, "", True, id="numbers"),
        pytest.param(Kind.NUMBER, 1, 2, "", False, id="other-numbers"),
        pytest.param(Kind.FLAG, True, False, "", False, id="yes-and-no"),
    ],
)
def test_equivalent(kind: Kind, left: Value, right: Value, region: str, expected: bool) -> None:
    """Values that mean the same are equivalent, though they may be written differently."""
    assert (equivalent(kind, left, right, region), equivalent(kind, right, left, region)) == (expected, expected)


@given(st.sampled_from([*Kind]), st.text())
def test_what_is_the_same_is_equivalent(kind: Kind, text: str) -> None:
    """`equivalent` never tells apart what `same` finds one."""
    assert equivalent(kind, text, exact(text))


def test_canonical_forms() -> None:
    """Forms that are stored: E.164 with its extension, texts folded, sets and addresses in a fixed order."""
    assert canonical(Kind.PHONE, "030 123456", "DE") == "+4930123456"
    assert canonical(Kind.PHONE, "+49 30 123456 ext. 7") == "+4930123456;7"
    assert canonical(Kind.SET, ["b", "A", "a"]) == ("a", "b")
    assert canonical(Kind.ADDRESS, {"city": "Ulm", "country": "Deutschland"}) == (("city", "ulm"), ("country", "DE"))
    assert canonical(Kind.TEXT, "") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("ada@example.org", "ada@example.org", id="plain"),
        pytest.param("Ada.Berg+news@Example.ORG", "ada.berg+news@example.org", id="case"),
        pytest.param(" ada@example.org\n", "ada@example.org", id="spaces-around"),
        pytest.param("o'neill@example.org", "o'neill@example.org", id="a-rarer-local-part"),
        pytest.param("jörg@example.org", "jörg@example.org", id="beyond-ascii"),
        pytest.param("ada@b\u00fccher.example", "ada@bücher.example", id="unicode-domain"),
        pytest.param("ada@xn--bcher-kva.example", "ada@bücher.example", id="punycode-domain"),
        pytest.param("ada@straße.example", "ada@straße.example", id="a-domain-with-a-sharp-s"),
        pytest.param("ada@strasse.example", "ada@strasse.example", id="which-is-another-domain"),
        pytest.param("ada@shop.test", "ada@shop.test", id="test-domain"),
        pytest.param("a" * 64 + "@example.org", "a" * 64 + "@example.org", id="longest-local-part"),
        pytest.param("a" * 65 + "@example.org", "a" * 65 + "@example.org", id="longer-than-mail-allows-but-in-use"),
        pytest.param("a@" + "b" * 60 + ".example" * 24, "a@" + "b" * 60 + ".example" * 24, id="longest-in-all"),
        pytest.param("aa@" + "b" * 60 + ".example" * 24, None, id="too-long"),
        pytest.param("ada..berg@example.org", None, id="two-dots"),
        pytest.param(".ada@example.org", None, id="leading-dot"),
        pytest.param("ada@example", None, id="no-top-level"),
        pytest.param("ada@-example.org", None, id="no-domain"),
        pytest.param("ada@", None, id="nothing-after"),
        pytest.param("@example.org", None, id="nothing-before"),
        pytest.param("call me", None, id="no-address"),
        pytest.param("ada berg@example.org", None, id="a-space-within"),
        pytest.param("ada@ex\u2100mple.org", None, id="no-domain-beyond-ascii"),
    ],
)
def test_canonical_email(text: str, expected: str | None) -> None:
    """The address by which records are linked; what is no address links nobody."""
    assert canonical_email(text) == expected


def by_library(text: str) -> str | None:
    """The canonical address by the library alone."""
    try:
        found = validate_email(
            text.strip(), check_deliverability=False, allow_smtputf8=True, test_environment=True, strict=False
        )
    except (EmailNotValidError, UnicodeError, ValueError):
        return None
    return found.normalized


LOCALS = st.text("abZ09._+-'é ß", min_size=0, max_size=8) | st.just("a" * 64) | st.just("a" * 65)
LABELS = st.text("abZ09-ü ", min_size=0, max_size=5) | st.sampled_from(
    ["xn--bcher-kva", "xn--strae-oqa", "xn--a", "XN--BCHER-KVA", "b" * 63, "b" * 64, "test", "localhost", "org"]
)
DOMAINS = st.lists(LABELS, min_size=1, max_size=5).map(".".join)
SEPARATORS = st.sampled_from(["@"] * 12 + ["", "@@", " @", "@ "])


@settings(max_examples=300)
@example("a@" + ".".join(["b" * 62] * 4))
@example("a" * 9 + "@" + ".".join(["b" * 62] * 4))
@example("a" * 64 + "@" + ".".join(["b" * 40] * 4))
@example("ada@b.example ")
@given(st.builds("{}{}{}{}".format, LOCALS, SEPARATORS, DOMAINS, st.sampled_from(["", "", " ", "\n"])) | st.text())
def test_the_fast_path_agrees_with_the_library(text: str) -> None:
    """Asking the library once per domain finds the same addresses as asking it each time."""
    ours, theirs = canonical_email(text), by_library(text)

    assert (ours is None) is (theirs is None)
    assert (ours or "").casefold() == (theirs or "").casefold()


@given(st.emails())
def test_the_fast_path_agrees_on_every_kind_of_address(text: str) -> None:
    """Whatever the standards allow is judged by the library."""
    assert (canonical_email(text) or "").casefold() == (by_library(text) or "").casefold()


@given(LOCALS, DOMAINS)
def test_a_canonical_address_is_its_own_form(local: str, domain: str) -> None:
    """A canonical address read again is itself, so stored forms compare."""
    form = canonical_email(f"{local}@{domain}")

    assert form is None or canonical_email(form) == form


FULL = "Adelheid von Winter"


@pytest.mark.parametrize(
    ("full", "shown", "lossy", "is_cut"),
    [
        pytest.param(FULL, FULL, True, False, id="whole"),
        pytest.param(FULL, FULL.upper(), True, False, id="another-case"),
        pytest.param(FULL, " adelheidvonwinter", True, False, id="another-spacing"),
        pytest.param(FULL, "Adelhe", True, True, id="cut"),
        pytest.param(FULL, "ADELHEID V", True, True, id="cut-and-another-case"),
        pytest.param(FULL, "von Winter", False, False, id="another-part"),
        pytest.param(FULL, "Adelhx", False, False, id="edited"),
        pytest.param(FULL, FULL + "s", False, False, id="longer"),
        pytest.param(FULL, "", False, False, id="blank-is-no-image"),
        pytest.param(FULL, None, False, False, id="nothing-is-no-image"),
        pytest.param(None, "A", False, False, id="of-nothing"),
        pytest.param(["a", "b"], ["a"], False, False, id="sets-are-not-cut"),
        pytest.param("A\u030angstrom", "\u00c5ng", True, True, id="another-unicode-form"),
    ],
)
def test_lossy_images(full: Value, shown: Value, lossy: bool, is_cut: bool) -> None:
    """What a platform may make of a value: cut, or changed in case or spacing only."""
    assert (lossy_image(full, shown), cut_image(full, shown)) == (lossy, is_cut)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("DE", "DE", id="code"),
        pytest.param("de", "DE", id="code-in-lower-case"),
        pytest.param("DEU", "DE", id="three-letters"),
        pytest.param("Germany", "DE", id="english"),
        pytest.param(" deutschland ", "DE", id="german"),
        pytest.param("Allemagne", "DE", id="french"),
        pytest.param("ÖSTERREICH", "AT", id="upper-case"),
        pytest.param("United  States", "US", id="spaces"),
        pytest.param("usa", "US", id="usa"),
        pytest.param("UK", "GB", id="uk"),
        pytest.param("Scotland", "GB", id="part-of-a-country"),
        pytest.param("Czech Republic", "CZ", id="former-name"),
        pytest.param("Atlantis", None, id="no-country"),
        pytest.param("QQ", None, id="no-code"),
        pytest.param("Ulm", None, id="a-city"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_countries(text: str, expected: str | None) -> None:
    """A country is one by any name that our neighbours write."""
    assert country_code(text) == expected
