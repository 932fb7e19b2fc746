"""How somebody allows an app to act for them: the address that they open, and the one they come back to.

The authorization code flow of RFC 6749, with a state against foreign answers and, where the platform takes one, a proof
key (RFC 7636). The app is the business's own: its id and secret are asked for, and nobody else's tokens pass by us.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from oauthlib.oauth2 import OAuth2Error, WebApplicationClient
from oauthlib.oauth2.rfc6749.parameters import parse_authorization_code_response

from connectors.auth import ClientCredentials, Credential, proven, token_parts
from connectors.errors import BadCredentials
from connectors.http import Http
from connectors.http_transport import Transport
from connectors.oauth_app import OAuthApp, endpoint
from connectors.paths import Envelope

_VERIFIER = 64
_DENIED = "access_denied"


@dataclass(frozen=True, slots=True)
class Question:
    """One question to whoever owns an account: whether *client* may act for them. They are sent back to *redirect*."""

    app: OAuthApp
    client: str
    redirect: str
    state: str
    verifier: str
    base: str = ""  # the sandbox's address, where it stands in for the platform's

    @property
    def address(self) -> str:
        """What they open."""
        proof = {}
        if self.app.pkce:
            challenge = WebApplicationClient(self.client).create_code_challenge(self.verifier, "S256")
            proof = {"code_challenge": challenge, "code_challenge_method": "S256"}
        more = {"optional_scope": self.app.between.join(self.app.optional)} if self.app.optional else {}
        address = WebApplicationClient(self.client).prepare_request_uri(
            self.app.authorize,
            redirect_uri=self.redirect,
            scope=self.app.between.join(self.app.scopes) or None,
            state=self.state,
            **proof,
            **more,
        )
        return f"{endpoint(address, self.base)}?{urlsplit(address).query}" if self.base else str(address)

    def code(self, came_back: str) -> str:
        """The code in the address that they came back to. Raises BadCredentials where they said no, or where the answer
        belongs to another question."""
        # oauthlib takes https only, which an address on this machine need not be
        secure = urlsplit(came_back)._replace(scheme="https").geturl()
        try:
            return str(parse_authorization_code_response(secure, state=self.state)["code"])
        except OAuth2Error as error:
            if error.error == _DENIED:
                raise BadCredentials("it was not allowed.", fix="Connect again, and allow it there.") from None
            what = error.description or error.error or type(error).__name__
            raise BadCredentials(f"the answer cannot be used ({what}).", fix="Connect again from the start.") from None


def ask(app: OAuthApp, client: str, redirect: str, base: str = "") -> Question:
    """A new question, with a state and a proof key of its own."""
    verifier = WebApplicationClient(client).create_code_verifier(_VERIFIER)
    return Question(app, client, redirect, secrets.token_urlsafe(24), verifier, base)


def granted(
    question: Question, code: str, secret: str, title: str, transport: Transport | None = None
) -> dict[str, str]:
    """The credential that a *code* is worth. Raises Failure where the platform gives none."""
    app, token = question.app, endpoint(question.app.token, question.base)
    client = {"client_id": question.client, "client_secret": secret}
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": question.redirect}
    if app.pkce:
        form["code_verifier"] = question.verifier
    form, headers = proven(form, client, in_header=app.in_header)
    with_secret = ClientCredentials(client, token)
    http = Http(platform=title, base_url=_origin(token), auth=with_secret, transport=transport)
    try:
        response = http.request(
            "POST", token, form=form, headers=headers, idempotent=False, operation="get token", anonymous=True
        )
        if not response.ok:
            why = f"would not give the access ({http.explain(response)})."
            raise BadCredentials(why, platform=title, fix="Check the app's id, secret and redirect address; ask again.")
        parts = {**client, **token_parts(response.body, app.keeps)}
        return parts | _told(http, question, parts)
    finally:
        http.close()


def _told(http: Http, question: Question, parts: Credential) -> dict[str, str]:
    """What the platform tells of the account elsewhere, and belongs to the credential."""
    tells = question.app.tells
    if tells is None:
        return {}
    headers = {"Authorization": f"{tells.scheme} {parts['access_token']}"}
    where = endpoint(tells.url, question.base)
    response = http.request("GET", where, headers=headers, operation="read account", anonymous=True)
    found = Envelope(response.body).value(tells.path) if response.ok else None
    if not found:
        raise http.misread("read account", f"it does not say {tells.part}")
    return {tells.part: str(found)}


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
