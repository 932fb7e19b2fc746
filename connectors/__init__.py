"""How platforms talk. `CATALOGUE` is the list of those we know; a new platform is one entry here and one file."""

from connectors.base import Connector, CredentialKind, Platform, Settings
from connectors.brevo import Brevo
from connectors.buffer import Buffer
from connectors.files import ASKS as FILES
from connectors.files import Files
from connectors.hootsuite import Hootsuite
from connectors.hubspot import APP as HUBSPOT_APP
from connectors.hubspot import ASKS_OAUTH as HUBSPOT_OAUTH
from connectors.hubspot import ASKS_TOKEN as HUBSPOT_TOKEN
from connectors.hubspot import HubSpot
from connectors.mailchimp import APP as MAILCHIMP_APP
from connectors.mailchimp import ASKS_OAUTH as MAILCHIMP_OAUTH
from connectors.mailchimp import ASKS_TOKEN as MAILCHIMP_TOKEN
from connectors.mailchimp import Mailchimp
from connectors.meta import Meta
from connectors.meta_audiences import MetaAudiences
from connectors.pipedrive import Pipedrive
from connectors.sprout import Sprout

CATALOGUE: tuple[Platform, ...] = (
    Platform(
        "hubspot",
        "HubSpot",
        HubSpot,
        {CredentialKind.TOKEN: HUBSPOT_TOKEN, CredentialKind.OAUTH: HUBSPOT_OAUTH},
        {
            "token": "HUBSPOT_TOKEN",
            "access_token": "HUBSPOT_ACCESS_TOKEN",
            "refresh_token": "HUBSPOT_REFRESH_TOKEN",
            "client_id": "HUBSPOT_CLIENT_ID",
            "client_secret": "HUBSPOT_CLIENT_SECRET",
        },
        app=HUBSPOT_APP,
    ),
    Platform(
        "mailchimp",
        "Mailchimp",
        Mailchimp,
        {CredentialKind.TOKEN: MAILCHIMP_TOKEN, CredentialKind.OAUTH: MAILCHIMP_OAUTH},
        {
            "api_key": "MAILCHIMP_API_KEY",
            "access_token": "MAILCHIMP_ACCESS_TOKEN",
            "server": "MAILCHIMP_SERVER",
        },
        app=MAILCHIMP_APP,
    ),
    Pipedrive.entry(),
    Brevo.entry(),
    Meta.entry(),
    Buffer.entry(),
    Hootsuite.entry(),
    MetaAudiences.entry(),
    Sprout.entry(),
    Platform("files", "Exported files", Files, {CredentialKind.TOKEN: FILES}, {}, files=True),
)


def platform(name: str) -> Platform:
    """The catalogue's entry of that name. Raises KeyError, whose message names those there are."""
    for entry in CATALOGUE:
        if entry.name == name:
            return entry
    known = ", ".join(entry.name for entry in CATALOGUE)
    raise KeyError(f"no platform is called {name!r}; there are: {known}")


__all__ = ["CATALOGUE", "Connector", "Platform", "Settings", "platform"]
