"""Ways of signing in, as values: what people are asked for, and what a request is signed with.

A connector lists its ways; the first one whose parts are all there is taken. The kinds of credential that `connect`
offers, and the environment's names for their parts, follow from the list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from connectors.auth import Auth, Bearer, ClientCredentials, Credential, OAuth, ProvenBearer, Renewed
from connectors.base import CredentialKind, Option
from connectors.errors import BadCredentials
from connectors.oauth_app import OAuthApp, endpoint

APP = (Option("client_id", "Client id of the app"), Option("client_secret", "Client secret of the app"))


@dataclass(frozen=True, slots=True)
class SignIn:
    """One way. `auth` makes what signs, from a credential that has all parts that it `asks` for, from what stores a
    renewed one, and from the sandbox's address, where that stands in for the platform's."""

    kind: CredentialKind
    asks: tuple[Option, ...]
    auth: Callable[[Credential, Renewed | None, str], Auth]
    app: OAuthApp | None = None

    def fits(self, credential: Credential) -> bool:
        return all(credential.get(option.id) for option in self.asks if not option.optional)


def by_key(part: str, label: str, where: str, sign: Callable[[str], Auth] = Bearer) -> SignIn:
    """A key or token that a person copies; *where* says from which page."""
    return SignIn(CredentialKind.TOKEN, (Option(part, label, where),), lambda credential, *_: sign(credential[part]))


def by_proven_token(token: Option, secret: Option, parameter: str) -> SignIn:
    """A token that a person copies. Where the app's *secret* is given too, its proof goes along as *parameter*."""

    def auth(credential: Credential, *_: object) -> Auth:
        known = credential.get(secret.id, "")
        return ProvenBearer(credential[token.id], known, parameter) if known else Bearer(credential[token.id])

    return SignIn(CredentialKind.TOKEN, (token, replace(secret, optional=True)), auth)


def by_oauth(app: OAuthApp) -> SignIn:
    """An access that a person allowed an app, renewed whenever it runs out."""

    def auth(credential: Credential, renewed: Renewed | None, base: str) -> Auth:
        return OAuth(credential, endpoint(app.token, base), renewed, in_header=app.in_header, keeps=app.keeps)

    tokens = (Option("access_token", "Access token"), Option("refresh_token", "Refresh token"))
    return SignIn(CredentialKind.OAUTH, (*tokens, *APP), auth, app)


def by_app(token: str, *, in_header: bool = False) -> SignIn:
    """An app that signs in as itself."""

    def auth(credential: Credential, renewed: Renewed | None, base: str) -> Auth:
        return ClientCredentials(credential, endpoint(token, base), renewed, in_header=in_header)

    return SignIn(CredentialKind.OAUTH, APP, auth)


def signed_in(ways: Sequence[SignIn], title: str, credential: Credential, renewed: Renewed | None, base: str) -> Auth:
    """What signs the requests of an account. Raises BadCredentials where no way is whole."""
    for way in ways:
        if way.fits(credential):
            return way.auth(credential, renewed, base)
    missing = " or ".join(", ".join(option.label.lower() for option in way.asks) for way in ways)
    raise BadCredentials(f"the credential is not whole: expected {missing}.", platform=title, fix="Connect again.")


def asked(ways: Sequence[SignIn]) -> Mapping[CredentialKind, tuple[Option, ...]]:
    """What `connect` asks for, by kind of credential."""
    return {way.kind: way.asks for way in reversed(ways)}


def environment(name: str, ways: Sequence[SignIn]) -> Mapping[str, str]:
    """Each part's name in the environment: `PIPEDRIVE_API_TOKEN`."""
    return {option.id: f"{name}_{option.id}".upper() for way in ways for option in way.asks}
