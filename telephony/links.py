"""What the rest of the house sees of a link to a PBX: its deliveries, its errors, and the port the tracker talks to.

The tracker and the tests know only this module; the adapter that speaks AMI is chosen by the composition root.

    AmiError
     +-- NotConnected     no link, or it broke while the answer was awaited
     +-- LoginRefused     the PBX does not take user and secret
     +-- ActionTimeout    no answer in time
     +-- ActionRefused    the PBX said no, in its own words
     +-- BadField         refused by ourselves before anything was sent
     +-- NotSupported     Callcard cannot do this (yet)
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

Fields = Mapping[str, str | Sequence[str]]
"""Headers of an action; a sequence repeats its header (`Variable`)."""


class AmiError(Exception):
    """The PBX could not be asked, or did not do what was asked."""


class NotConnected(AmiError):
    """There is no link to the PBX, or it broke while the answer was awaited."""


class LoginRefused(AmiError):
    """The PBX refused user and secret; trying again at once would only fill its log."""


class ActionTimeout(AmiError):
    """The PBX did not answer an action in time; it may still carry it out."""


class ActionRefused(AmiError):
    """The PBX refused an action; the message is its own."""


class BadField(AmiError):
    """A value that must not be sent: a line break, a NUL, an oversize line, a comma inside a variable."""


class NotSupported(AmiError):
    """Callcard cannot do this on this PBX."""


class Received(NamedTuple):
    """One event block, without its trailing blank line, and when it arrived (epoch seconds)."""

    at: float
    block: bytes


class LinkUp(NamedTuple):
    """Login succeeded; every `Received` until the next `LinkDown` belongs to this connection."""

    at: float
    version: str
    """Protocol version of the banner (`11.0.0`), empty when none was sent."""


class LinkDown(NamedTuple):
    """The link is gone, or could not be made for the first time; `reason` is for people."""

    at: float
    reason: str


Delivery = Received | LinkUp | LinkDown


class Response(NamedTuple):
    """A positive answer to an action."""

    message: str
    fields: Mapping[str, str]


class Link(Protocol):
    """A connection to one PBX that heals itself; owned and run by the composition root."""

    @property
    def deliveries(self) -> asyncio.Queue[Delivery]:
        """Everything the PBX tells, in its order; bounded."""

    @property
    def reason(self) -> str:
        """Why the link is down, in plain words; empty while it is up."""

    @property
    def skipped(self) -> int:
        """Events dropped by name before they were parsed."""

    @property
    def malformed(self) -> int:
        """Messages dropped because they were no AMI, or oversize."""

    @property
    def owed_seconds(self) -> float:
        """How long the PBX has been owing a sign of life that it was asked for; 0 while it owes none."""

    async def action(
        self,
        name: str,
        fields: Fields | None = None,
        *,
        timeout: float = 5.0,  # noqa: ASYNC109 - belongs to the question: a PBX may carry out what it did not answer
    ) -> Response:
        """Ask for one thing and wait for its answer, at most `timeout` seconds.

        Raises:
            AmiError: see the tree above; nothing else.

        """

    async def action_list(
        self,
        name: str,
        fields: Fields | None = None,
        *,
        timeout: float = 10.0,  # noqa: ASYNC109 - see action()
    ) -> list[dict[str, str]]:
        """Ask for a list and wait for its last item, at most `timeout` seconds.

        Raises:
            AmiError: see the tree above; nothing else.

        """
