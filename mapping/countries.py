"""Country names as people write them, in the languages of our neighbours, to ISO 3166 codes."""

from __future__ import annotations

from functools import cache, lru_cache

from babel import Locale
from babel.core import get_global

LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt", "pl", "cs", "da", "sv", "nb", "fi", "tr")

_ALSO = {
    "uk": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "usa": "US",
    "czech republic": "CZ",
    "u.s.": "US",
    "u.s.a.": "US",
}


@lru_cache(maxsize=4096)
def country_code(text: str) -> str | None:
    """The two-letter code for a country's name or code; None where it is neither. Source: Unicode CLDR."""
    word = " ".join(text.split()).casefold()
    code = word.upper()
    if len(code) == 2 and code in Locale("en").territories:
        return code
    if word in _ALSO:
        return _ALSO[word]
    # Each language takes a moment to load: most words are found in the first.
    named = (_names(language).get(word) for language in LANGUAGES)
    return next((found for found in named if found is not None), _aliases().get(word))


@cache
def _names(language: str) -> dict[str, str]:
    territories = Locale(language).territories.items()
    return {name.casefold(): code for code, name in territories if len(code) == 2 and code.isalpha()}


@cache
def _aliases() -> dict[str, str]:
    return {old.casefold(): new[0] for old, new in get_global("territory_aliases").items() if len(new) == 1}
