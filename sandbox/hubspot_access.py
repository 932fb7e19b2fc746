"""HubSpot's door: tokens and scopes, the three quotas, OAuth, and the words in which it says no.

Facts: Authentication, Limits, Errors and merges.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from sandbox.consent_page import ConsentPage
from sandbox.hubspot_kinds import SCOPES
from sandbox.hubspot_rules import Refusal
from sandbox.hubspot_state import Token, ms
from sandbox.platform import Answer, Call, Route

if TYPE_CHECKING:
    from sandbox.hubspot import HubSpotSandbox

ALL_SCOPES = frozenset(
    (
        *SCOPES,
        "crm.lists.read",
        "crm.lists.write",
        "crm.objects.owners.read",
        "communication_preferences.read",
        "communication_preferences.read_write",
        "communication_preferences.statuses.batch.read",
        "communication_preferences.statuses.batch.write",
        "account-info.security.read",
        "oauth",
    )
)
TOKEN_LIFE = 30 * 60  # seconds; facts: Authentication
TEN_SECONDS = 10_000
DAY = 86_400_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests allowed (facts: Limits). All are plan values, so all are arguments."""

    ten_seconds: int = 190
    daily: int = 625_000
    search_per_second: int = 5
    oauth_ten_seconds: int = 110


FREE = Limits(ten_seconds=100, daily=250_000)
PROFESSIONAL = Limits()
ENTERPRISE = Limits(daily=1_000_000)


class Quotas:
    """Rolling windows per token, and the day's count of the account."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._windows: dict[str, deque[int]] = {}
        self._day = -1
        self._used = 0

    def clear(self) -> None:
        self._windows.clear()
        self._used = 0

    def spend(self, call: Call, route: Route, token: Token) -> str | None:
        """Count the call; the name of the policy that it breaks, if it does."""
        now = ms(call.now)
        if now // DAY != self._day:
            self._day, self._used = now // DAY, 0
        if route.traits.get("search"):  # does not count against the ten seconds (specification's exemption list)
            if not self._fits("search", now, 1000, self.limits.search_per_second):
                return "SECONDLY"
        elif not route.traits.get("exempt") and not self._fits(call.token, now, TEN_SECONDS, self._ten_seconds(token)):
            return "TEN_SECONDLY_ROLLING"
        if not token.oauth:
            if self._used >= self.limits.daily:
                return "DAILY"
            self._used += 1
        return None

    def headers(self, call: Call, token: Token) -> tuple[tuple[str, str], ...]:
        most = self._ten_seconds(token)
        left = max(0, most - len(self._windows.get(call.token, ())))
        found = (
            ("X-HubSpot-RateLimit-Max", str(most)),
            ("X-HubSpot-RateLimit-Remaining", str(left)),
            ("X-HubSpot-RateLimit-Interval-Milliseconds", str(TEN_SECONDS)),
        )
        if token.oauth:
            return found  # no daily limit header for OAuth
        daily = self.limits.daily
        return (
            *found,
            ("X-HubSpot-RateLimit-Daily", str(daily)),
            ("X-HubSpot-RateLimit-Daily-Remaining", str(max(0, daily - self._used))),
        )

    def _ten_seconds(self, token: Token) -> int:
        return self.limits.oauth_ten_seconds if token.oauth else self.limits.ten_seconds

    def _fits(self, key: str, now: int, width: int, most: int) -> bool:
        window = self._windows.setdefault(key, deque())
        while window and window[0] <= now - width:
            window.popleft()
        if len(window) >= most:
            return False
        window.append(now)
        return True


class Words:
    """Error bodies, each with its own correlation id."""

    def __init__(self) -> None:
        self._count = 0

    def correlation(self) -> str:
        self._count += 1
        return f"{self._count:08x}-5a4d-4b0c-8000-{self._count:012x}"

    def error(self, status: int, category: str, message: str, **more: Any) -> Answer:
        correlation = self.correlation()
        body = {"status": "error", "message": message, "correlationId": correlation, "category": category}
        return Answer(status, {**body, **more}, (("x-hubspot-correlation-id", correlation),))

    def refusal(self, refusal: Refusal) -> Answer:
        more: dict[str, Any] = {}
        if details := refusal.details():
            more["errors"] = details
        if refusal.sub:
            more["subCategory"] = refusal.sub
        return self.error(refusal.status, refusal.category, refusal.message, **more)

    def limit(self, policy: str, retry_after: float | None = None) -> Answer:
        message = {
            "DAILY": "You have reached your daily limit.",
            "SECONDLY": "You have reached your secondly limit.",
            "TEN_SECONDLY_ROLLING": "You have reached your ten_secondly_rolling limit.",
        }[policy]
        answer = self.error(429, "RATE_LIMITS", message, errorType="RATE_LIMIT", policyName=policy)
        if retry_after is None:
            return answer
        return answer._replace(headers=(*answer.headers, ("Retry-After", f"{retry_after:g}")))

    def unauthorized(self) -> Answer:
        message = (
            "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find "
            "more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview"
        )
        return self.error(401, "INVALID_AUTHENTICATION", message)

    def expired(self, seconds: int) -> Answer:
        message = f"The OAuth token used to make this call expired {seconds} second(s) ago."
        return self.error(401, "EXPIRED_AUTHENTICATION", message)

    def scopes(self, needed: frozenset[str]) -> Answer:
        """403 with category MISSING_SCOPES (facts: Authentication, (?))."""
        message = "This app hasn't been granted all required scopes to make this call."
        detail = {
            "message": "One or more of the following scopes are required.",
            "context": {"requiredGranularScopes": sorted(needed)},
        }
        return self.error(403, "MISSING_SCOPES", message, errors=[detail])


class OAuth:
    """Codes and refresh tokens for access tokens (facts: Authentication)."""

    def __init__(self, box: HubSpotSandbox) -> None:
        self.box = box
        self.consent = ConsentPage(
            box.route, "/oauth/authorize", box.client_id, self._allowed, more=("scope", "optional_scope")
        )
        box.route("POST", "/oauth/v1/token", self.token, write=False, open=True)
        box.route("POST", "/oauth/2026-03/token", self.token_of_today, write=False, open=True)
        box.route("GET", "/oauth/v1/access-tokens/<token>", self.introspect, open=True)

    def grant(self, scopes: frozenset[str] = ALL_SCOPES) -> str:
        """What consenting in the browser gives: a code for one exchange."""
        code = f"sandbox-code-{len(self.box.state.refresh) + 1}"
        self.box.state.refresh[code] = scopes
        return code

    def _allowed(self, call: Call) -> str:
        """What was asked for and is known; of the optional scopes nobody is asked."""
        asked = {scope for name in ("scope", "optional_scope") for scope in call.one(name).split()}
        return self.grant(frozenset(asked & ALL_SCOPES))

    def token(self, call: Call) -> Answer:
        return self._answer(call, {})

    def token_of_today(self, call: Call) -> Answer:
        extra = {"token_use": "access_token", "hub_id": self.box.portal_id}
        return self._answer(call, extra)

    def _answer(self, call: Call, extra: Mapping[str, Any]) -> Answer:
        """The form that the authentication guide describes; newer answers also name the account."""
        form = {name: values[-1] for name, values in parse_qs(call.raw.decode("utf-8", "replace")).items()}
        self.box.only(
            form,
            ("grant_type", "code", "redirect_uri", "client_id", "client_secret", "refresh_token", "scope"),
            call.template,
        )
        kind = form.get("grant_type", "")
        if kind == "client_credentials":
            return self._of_the_app(form, call.now)
        key = form.get("code" if kind == "authorization_code" else "refresh_token", "")
        if kind not in ("authorization_code", "refresh_token"):
            return self.box.words.error(400, "BAD_GRANT_TYPE", f"unknown grant_type {kind}")
        if (form.get("client_id"), form.get("client_secret")) != (self.box.client_id, self.box.client_secret):
            return self.box.words.error(400, "BAD_CLIENT_ID", "missing or unknown client id or secret")
        scopes = self.box.state.refresh.get(key)
        if scopes is None or key.startswith("sandbox-code-") is not (kind == "authorization_code"):
            return self.box.words.error(400, "BAD_REFRESH_TOKEN", "missing or unknown code or refresh token")
        if kind == "authorization_code" and not self.consent.fits(key, form):
            return self.box.words.error(
                400, "MISMATCH_REDIRECT_URI_AUTH_CODE", "another redirect URI than that of the code"
            )
        return Answer(200, {**self._issue(key, scopes, call.now), **extra})

    def _of_the_app(self, form: Mapping[str, str], now: datetime) -> Answer:
        """A token of the app itself, for its own affairs such as the journal; there is nothing to refresh it with."""
        if (form.get("client_id"), form.get("client_secret")) != (self.box.client_id, self.box.client_secret):
            return self.box.words.error(400, "BAD_CLIENT_ID", "missing or unknown client id or secret")
        scopes = frozenset(form.get("scope", "").split())
        access = f"sandbox-app-{ms(now)}-{len(self.box.state.tokens) + 1}"
        self.box.state.tokens[access] = Token(scopes, oauth=True, expires=ms(now) + TOKEN_LIFE * 1000)
        return Answer(200, {"access_token": access, "expires_in": TOKEN_LIFE, "token_type": "bearer"})

    def _issue(self, key: str, scopes: frozenset[str], now: datetime) -> dict[str, Any]:
        state = self.box.state
        refresh = key
        if key.startswith("sandbox-code-"):
            del state.refresh[key]
            refresh = f"sandbox-refresh-{ms(now)}-{len(state.refresh) + 1}"
            state.refresh[refresh] = scopes
        access = f"sandbox-access-{ms(now)}-{len(state.tokens) + 1}"
        state.tokens[access] = Token(scopes, oauth=True, expires=ms(now) + TOKEN_LIFE * 1000)
        return {
            "access_token": access,
            "refresh_token": refresh,
            "expires_in": TOKEN_LIFE,
            "token_type": "bearer",
        }

    def introspect(self, call: Call) -> Answer:
        key = call.args["token"]
        token = self.box.state.tokens.get(key)
        if token is None or not token.oauth:
            return self.box.words.error(404, "NOT_FOUND", "the token is not known")
        left = max(0, ((token.expires or 0) - ms(call.now)) // 1000)
        about = {
            "token": key,
            "hub_id": self.box.portal_id,
            "user_id": 7001,
            "app_id": 9001,
            "scopes": sorted(token.scopes),
            "token_type": "access",
            "expires_in": left,
        }
        return Answer(200, about)
