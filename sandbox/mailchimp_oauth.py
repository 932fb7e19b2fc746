"""How an app is let into a Mailchimp account: the page, the token, and the account's data centre.

Docs: "Access Data on Behalf of Other Users with OAuth 2". A token holds until it is taken back; there is none to renew.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs

from sandbox.consent_page import ConsentPage
from sandbox.mailchimp_core import MailchimpCore
from sandbox.platform import Answer, Call

APP: Final = ("sandbox-client", "sandbox-client-secret")
CENTRE: Final = "us0"


class OAuth:
    """The three addresses at login.mailchimp.com."""

    def __init__(self, core: MailchimpCore) -> None:
        self.core = core
        self.codes: set[str] = set()
        self.consent = ConsentPage(core.route, "/oauth2/authorize", APP[0], self._allowed)
        core.route("POST", "/oauth2/token", self.token, open=True)
        core.route("GET", "/oauth2/metadata", self.metadata)

    def _allowed(self, call: Call) -> str:
        code = f"sandbox-code-{len(self.codes) + 1}"
        self.codes.add(code)
        return code

    def token(self, call: Call) -> Answer:
        form = {name: values[-1] for name, values in parse_qs(call.raw.decode("utf-8", "replace")).items()}
        code, app = form.get("code", ""), (form.get("client_id"), form.get("client_secret"))
        wrong = form.get("grant_type") != "authorization_code" or app != APP or code not in self.codes
        if wrong or not self.consent.fits(code, form):
            return Answer(400, {"error": "invalid_grant", "error_description": "expired or wrong code, app or address"})
        self.codes.remove(code)
        token = f"sandbox-token-{len(self.core.keys) + 1}"
        self.core.keys[token] = "owner"
        return Answer(200, {"access_token": token, "expires_in": 0, "scope": None})

    def metadata(self, call: Call) -> Answer:
        shown = {"dc": CENTRE, "role": "owner", "accountname": "Sandbox", "user_id": 1}
        return Answer(200, {**shown, "api_endpoint": f"https://{CENTRE}.api.mailchimp.com"})
