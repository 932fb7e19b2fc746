"""How platforms talk. `CATALOGUE` is the list of those we know; a new platform is one line here and one file."""

from importlib import import_module

from connectors.base import Connector, CredentialKind, Platform, Settings
from connectors.declared import Declared
from connectors.files import ASKS as FILES
from connectors.files import Files
from connectors.hubspot import APP as HUBSPOT_APP
from connectors.hubspot import ASKS_OAUTH as HUBSPOT_OAUTH
from connectors.hubspot import ASKS_TOKEN as HUBSPOT_TOKEN
from connectors.hubspot import HubSpot
from connectors.mailchimp import APP as MAILCHIMP_APP
from connectors.mailchimp import ASKS_OAUTH as MAILCHIMP_OAUTH
from connectors.mailchimp import ASKS_TOKEN as MAILCHIMP_TOKEN
from connectors.mailchimp import Mailchimp


def described(name: str) -> Platform:
    """The entry of a platform whose connector is data: the class of that name in the module of that name."""
    module = import_module(f"connectors.{name}")
    kinds = (one for one in vars(module).values() if isinstance(one, type) and issubclass(one, Declared))
    (connector,) = (one for one in kinds if vars(one).get("name") == name)
    return connector.entry()


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
    described("pipedrive"),
    described("brevo"),
    described("meta"),
    described("buffer"),
    described("hootsuite"),
    described("meta_audiences"),
    described("sprout"),
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
