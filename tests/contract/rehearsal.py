"""A platform rehearsed for the contract suite: its emulator, its connector over it, and what people do there.

Each platform of the catalogue has one in `tests.contract.places`, in a file of its name. What people do is done through
the emulator's hands, and what stands there is read from its state, never through the connector that is checked.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, ClassVar

from connectors import platform
from connectors.base import Connector, Settings
from sandbox.clock import SimClock
from tests.connectors.joined import BASE, Joined, Watched
from tests.described import Described
from tests.described_graph import DescribedGraph

Wsgi = Callable[..., Any]


class Rehearsal(ABC):
    """One platform, fresh and empty."""

    name: ClassVar[str]
    credential: ClassVar[Mapping[str, str]] = {}
    wrong: ClassVar[Mapping[str, str]] = {}  # a credential that opens nothing
    listing: ClassVar[str] = ""  # a part of the address, or of what is sent there, by which people are listed
    making: ClassVar[str] = ""  # the pattern of paths that make people
    page: ClassVar[int] = 100  # people on a page
    told: ClassVar[str] = ""  # the stream whose items are listed in their stead, where nobody is named
    aside: ClassVar[Mapping[str, str]] = {}  # promises that do not concern the platform, and why
    lacks: ClassVar[Mapping[str, str]] = {}  # promises that are not kept yet, and why
    setup: ClassVar[Mapping[str, Any]] = {}  # settings of the connection
    exempt: ClassVar[str] = "$^"  # what the vendor's description is known to get wrong: a pattern of violations
    shelved: ClassVar[bool] = False  # its webhooks are set up by its API
    edits: ClassVar[bool] = True  # people's records can be edited there
    shows: ClassVar[str] = "given_name"  # the field in which a first name is seen

    def __init__(self) -> None:
        self.clock = SimClock()
        self.box = self.emulator()

    @abstractmethod
    def emulator(self) -> Any:
        """Its emulator, on `clock`."""

    def open(self, *, credential: Mapping[str, str] | None = None, app: Wsgi | None = None, **more: Any) -> Joined:
        """Its connector, on the emulator or on *app* in front of it."""
        wire = Watched(app or self.box.app)
        connector = platform(self.name).connector(
            dict(self.credential if credential is None else credential),
            Settings(base_url=BASE, **{**self.setup, **more}),
            transport=wire,
            clock=lambda: self.clock().timestamp(),
            sleep=self.clock.sleep,
        )
        return Joined(connector, self.box, self.clock, wire)

    def described(self) -> Described | DescribedGraph | None:
        """The emulator's application held against the vendor's description, where there is one."""
        return None

    def something(self) -> str:
        """One thing that is listed is there; gives its remote id."""
        return self.add("ada@example.org")

    # -- what people do, and what stands there ------------------------------------------------------------------

    @abstractmethod
    def add(self, email: str, given: str = "Ada", family: str = "Berg") -> str:
        """Somebody is there, put in by hand or by their own sign-up; gives their remote id."""

    @abstractmethod
    def load(self, count: int) -> list[str]:
        """*count* people have been there for long; gives their remote ids."""

    @abstractmethod
    def edit(self, remote_id: str, given: str) -> None:
        """Somebody corrects a first name."""

    def news(self, remote_id: str, given: str) -> str:
        """Something new shows: somebody's first name, or where nobody can edit it, somebody of that name. Gives the
        remote id by which it shows."""
        if self.edits:
            self.edit(remote_id, given)
            return remote_id
        return self.add(f"{given.lower()}@example.org", given)

    @abstractmethod
    def leave(self, remote_id: str) -> None:
        """The person opts out of mail."""

    @abstractmethod
    def delete(self, remote_id: str) -> None:
        """Somebody deletes the record."""

    @abstractmethod
    def addresses(self) -> list[str]:
        """The address of each record that is there, once for each record."""

    @abstractmethod
    def has_left(self, remote_id: str) -> bool:
        """Whether the platform holds the person for opted out."""

    # -- webhooks -----------------------------------------------------------------------------------------------

    public: ClassVar[str] = "https://hooks.bakery.example/webhooks/it"

    def hook(self, connector: Connector) -> str:
        """Have the platform call us; gives the secret."""
        return connector.hook_up(self.public, "a-spare-secret-of-ours-0123456789", known=False).secret

    def engage(self, remote_id: str) -> None:
        """The person opens a mail, or whatever else the platform tells as engagement."""

    def more_calls(self, connector: Connector, remote_id: str) -> None:
        """Kinds of calls that only this platform's connector makes."""

    def streams(self) -> tuple[str, ...]:
        """The streams that tell of engagement, where it is not told by webhooks alone."""
        return ()


class Unpeopled(Rehearsal):
    """A platform that names nobody: what is listed are the posts of one of its streams (`told`)."""

    @abstractmethod
    def post(self) -> str:
        """The business publishes something; gives its remote id."""

    @abstractmethod
    def react(self, post: str) -> str:
        """People do something with a post; gives the name of the figure that grows by three."""

    def something(self) -> str:
        return self.post()

    def add(self, email: str, given: str = "Ada", family: str = "Berg") -> str:
        raise NotImplementedError("nobody is named there")

    def edit(self, remote_id: str, given: str) -> None:
        raise NotImplementedError("nobody is named there")

    def leave(self, remote_id: str) -> None:
        raise NotImplementedError("nobody is named there")

    def delete(self, remote_id: str) -> None:
        raise NotImplementedError("nobody is named there")

    def addresses(self) -> list[str]:
        return []

    def has_left(self, remote_id: str) -> bool:
        return False


def rehearse(name: str) -> Rehearsal:
    """The rehearsal of a platform of the catalogue."""
    found: type[Rehearsal] = import_module(f"tests.contract.places.{name}").Place
    return found()
