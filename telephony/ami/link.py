"""The link to one PBX: a connection that is watched, ended when it is dead, and made again."""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from telephony.addresses import AmiAddress
from telephony.ami.connection import Connection
from telephony.ami.login import connect, sign_in
from telephony.events import WANTED
from telephony.framing import Framer
from telephony.links import (
    AmiError,
    Delivery,
    Fields,
    LinkDown,
    LinkUp,
    LoginRefused,
    NotConnected,
    Received,
    Response,
)

log = logging.getLogger(__name__)

WAITING_DELIVERIES = 20_000
"""About 20 s of a PBX at its limit; a reader further behind does better with a fresh snapshot."""
LINK_EVENTS = frozenset({b"FullyBooted", b"Shutdown"})


@dataclass(frozen=True, slots=True)
class Timing:
    """How patient a link is, in seconds."""

    connect: float = 5.0
    """Connecting, TLS and login together."""
    challenge: float = 1.5
    """A peer that knows only the plain login may not answer a Challenge at all."""
    silence: float = 2.0
    """After this much silence the PBX is asked for a sign of life: one that stands still is known to be late soon."""
    answer: float = 13.0
    """How long that sign may take: a dead PBX is noticed within 15 s, a stalled one has time to recover."""
    first_back_off: float = 0.25
    longest_back_off: float = 10.0
    growth: float = 1.6
    """Each further attempt waits longer by this: an Asterisk restarted on purpose is away for two seconds."""
    refused: float = 30.0
    """Between two logins with an account the PBX does not take."""
    steady: float = 5.0
    """A link that lived longer starts its back-off anew."""


class AmiLink:
    """Keeps one PBX connected: signs in, delivers its events in order, asks it for things, comes back by itself.

    `run` is the link; whoever owns it puts it into a TaskGroup. Everything else may be used at any time.
    """

    def __init__(
        self,
        address: AmiAddress,
        *,
        clock: Callable[[], float] = time.time,
        timing: Timing | None = None,
        wanted: frozenset[bytes] | None = WANTED,
        waiting: int = WAITING_DELIVERIES,
    ) -> None:
        """Prepare a link; `wanted` None delivers every event, `waiting` bounds the deliveries."""
        self.address = address
        self.deliveries: asyncio.Queue[Delivery] = asyncio.Queue(waiting)
        self.reason = "not connected yet"
        """Why the link is down, in plain words; empty while it is up."""
        self._clock = clock
        self._timing = timing or Timing()
        self._wanted = wanted if wanted is None else wanted | LINK_EVENTS
        self._connection: Connection | None = None
        self._asked_at: float | None = None
        self._skipped = 0
        self._malformed = 0

    @property
    def owed_seconds(self) -> float:
        """See `links.Link.owed_seconds`."""
        asked, connection = self._asked_at, self._connection
        if asked is None or connection is None or connection.heard_at >= asked:
            return 0.0
        return asyncio.get_running_loop().time() - asked

    @property
    def connected(self) -> bool:
        """Signed in, as far as we know."""
        return self._connection is not None

    @property
    def skipped(self) -> int:
        """Events dropped by name before they were parsed."""
        return self._skipped + (self._connection.framer.skipped if self._connection else 0)

    @property
    def malformed(self) -> int:
        """Messages dropped because they were oversize or no AMI at all."""
        return self._malformed + (self._connection.malformed if self._connection else 0)

    async def run(self) -> None:
        """Connect, deliver, come back, for ever."""
        attempt = 0
        told = False
        while True:
            pause = None
            try:
                connection = await self._signed_in()
            except LoginRefused as refusal:
                self._report(f"login as {self.address.user} refused: {refusal}")
                pause = self._timing.refused
            except NotConnected as failure:
                self._report(str(failure))
            else:
                began = asyncio.get_running_loop().time()
                self._report(await self._stay(connection))
                told = False
                if asyncio.get_running_loop().time() - began > self._timing.steady:
                    attempt = 0
            if not told:
                await self.deliveries.put(LinkDown(self._clock(), self.reason))
                told = True
            await asyncio.sleep(self._back_off(attempt) if pause is None else pause)
            attempt += 1

    async def action(
        self,
        name: str,
        fields: Fields | None = None,
        *,
        timeout: float = 5.0,  # noqa: ASYNC109 - belongs to the question: a PBX may carry out what it did not answer
    ) -> Response:
        """See `links.Link.action`."""
        connection = self._online()
        return await connection.answer_to(connection.ask(name, fields or {}), timeout)

    async def action_list(
        self,
        name: str,
        fields: Fields | None = None,
        *,
        timeout: float = 10.0,  # noqa: ASYNC109 - see action()
    ) -> list[dict[str, str]]:
        """See `links.Link.action_list`."""
        connection = self._online()
        question = connection.ask(name, fields or {}, as_list=True)
        await connection.answer_to(question, timeout)
        return question.items

    def _online(self) -> Connection:
        if self._connection is None:
            raise NotConnected(f"PBX {self.address.name} is away: {self.reason}")
        return self._connection

    def _report(self, reason: str) -> None:
        if reason != self.reason:
            log.warning("PBX %s is away: %s", self.address.name, reason)
        self.reason = reason

    def _back_off(self, attempt: int) -> float:
        longest = min(
            self._timing.longest_back_off, self._timing.first_back_off * self._timing.growth ** min(attempt, 32)
        )
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads the load of many links, guards no secret

    async def _signed_in(self) -> Connection:
        """Connect and sign in.

        Raises:
            LoginRefused: the PBX does not take the account.
            NotConnected: anything else.

        """
        connection = Connection(Framer(self._wanted), self._clock, self._deliver)
        try:
            async with asyncio.timeout(self._timing.connect):
                await connect(connection, self.address)
                await sign_in(connection, self.address, self._timing.challenge)
        except TimeoutError:
            connection.drop("no login in time")
            raise NotConnected(f"no connection and login within {self._timing.connect:g} s") from None
        except LoginRefused:
            connection.drop("login refused")
            raise
        except (OSError, ValueError, AmiError) as error:
            connection.drop("no login")
            raise NotConnected(str(error) or type(error).__name__) from error
        except asyncio.CancelledError:
            connection.drop("Callcard closed the connection")
            raise
        return connection

    async def _stay(self, connection: Connection) -> str:
        """Deliver until the connection is over; gives the reason."""
        try:
            self.reason = ""
            self._connection = connection
            await self.deliveries.put(LinkUp(self._clock(), connection.framer.version))
            log.info("PBX %s is connected (AMI %s)", self.address.name, connection.framer.version or "without banner")
            connection.open()
            return await self._watch(connection)
        finally:
            self._connection = None
            self._asked_at = None
            self._skipped += connection.framer.skipped
            self._malformed += connection.malformed
            connection.drop("Callcard closed the connection")

    async def _watch(self, connection: Connection) -> str:
        """Wait for the end of the connection, and make an end of it when the PBX gives no sign of life."""
        loop = asyncio.get_running_loop()
        while not connection.lost.done():
            patience = connection.heard_at + self._timing.silence - loop.time()
            if patience > 0:
                await asyncio.wait({connection.lost}, timeout=patience)
                continue
            asked = loop.time()
            try:
                ping = connection.ask("Ping", {})
            except NotConnected as failure:
                return str(failure)
            self._asked_at = asked
            signs: set[asyncio.Future[Any]] = {connection.lost, ping.answered}
            await asyncio.wait(signs, timeout=self._timing.answer, return_when=asyncio.FIRST_COMPLETED)
            connection.forget(ping)
            self._asked_at = None
            if connection.heard_at < asked and not connection.lost.done():
                return f"the PBX has been silent for {loop.time() - connection.heard_at:.0f} s"
        return connection.lost.result()

    def _deliver(self, received: Received) -> bool:
        try:
            self.deliveries.put_nowait(received)
        except asyncio.QueueFull:
            return False
        return True
