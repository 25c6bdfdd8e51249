"""The bus between nodes, on NATS: frames reach the sockets of other nodes, questions reach the owner of the service.

NATS only carries. What it loses while it is away is made up for by snapshots, and subscribers on the owner's own node
do not depend on it at all.
"""

import asyncio
import logging
from contextlib import suppress
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as RemoteSubscription
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeout

from screenpop.bus import (
    REQUEST_TIMEOUT,
    SUBSCRIPTION_SIZE,
    Answer,
    Carrier,
    LateAnswerError,
    LocalBus,
    NoAnswerError,
    Subscription,
)
from screenpop.messages import ORDERS_SUBJECT, snapshot_subject

OUTGOING_SIZE: Final = 4096
"""Frames that may wait for NATS; more are dropped, the gap is healed by a snapshot."""
CONNECT_SECONDS: Final = 2
RECONNECT_SECONDS: Final = 1
MOST_ORDERS: Final = 64
"""Orders of other nodes that are carried out at the same time."""
PING_SECONDS: Final = 10
"""A dead server is noticed after two of these without an answer."""

logger = logging.getLogger(__name__)


class NatsBus:
    """Local delivery as in `LocalBus`, and NATS for everyone else."""

    def __init__(self, url: str, *, size: int = SUBSCRIPTION_SIZE) -> None:
        self._url = url
        self._local = LocalBus(size)
        self._outgoing: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(OUTGOING_SIZE)
        self._client: Client | None = None
        self._remote: dict[str, RemoteSubscription] = {}
        self._answering: RemoteSubscription | None = None
        self._owner: Answer | None = None
        self._carrying: RemoteSubscription | None = None
        self._carrier: Carrier | None = None
        self._orders: set[asyncio.Task[None]] = set()
        self._lock = asyncio.Lock()
        self._changed = asyncio.Event()
        self._troubled_once = False
        self.dropped = 0

    @property
    def connected(self) -> bool:
        """Whether other nodes can be reached."""
        return self._client is not None and self._client.is_connected

    async def run(self) -> None:
        """Keep the connection going until cancelled."""
        client = Client()
        try:
            await self._connect(client)
            self._client = client
            self._changed.set()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send(client), name="bus sender")
                group.create_task(self._follow(client), name="bus subscriptions")
        finally:
            self._client = None
            self._remote.clear()
            self._answering = self._carrying = None
            for order in self._orders:
                order.cancel()
            with suppress(NatsError, OSError, TimeoutError):
                async with asyncio.timeout(CONNECT_SECONDS):
                    await client.close()

    def publish(self, subject: str, frame: bytes) -> None:
        """Send a frame to whoever subscribes now; never blocks, never raises."""
        self._local.publish(subject, frame)
        try:
            self._outgoing.put_nowait((subject, frame))
        except asyncio.QueueFull:
            self.dropped += 1

    def subscribe(self, subject: str) -> Subscription:
        """Get the frames of a subject from now on; those of other nodes once `request` or the loop has asked NATS."""
        subscription = self._local.subscribe(subject)
        self._changed.set()
        return subscription

    async def request(self, subject: str, timeout: float = REQUEST_TIMEOUT) -> bytes:  # noqa: ASYNC109 - the port names it
        """Ask the owner of the service. Raises NoAnswerError."""
        if self._owner is not None:
            return await self._local.request(subject)
        client = self._client
        if client is None or not client.is_connected:
            raise NoAnswerError(subject)
        try:
            await self._settle(client)
            answer = await client.request(subject, timeout=timeout)
        except (NatsError, OSError, TimeoutError) as error:
            raise NoAnswerError(subject) from error
        return answer.data

    def answer(self, handler: Answer | None) -> None:
        """Become the owner that answers requests, or (None) stop being it."""
        self._owner = handler
        self._local.answer(handler)
        self._changed.set()

    async def order(self, frame: bytes, timeout: float) -> bytes:  # noqa: ASYNC109 - the port names it
        """Have the owner of the service do something, and get its report. Raises NoAnswerError, LateAnswerError."""
        if self._carrier is not None:
            return await self._local.order(frame, timeout)
        client = self._client
        if client is None or not client.is_connected:
            raise NoAnswerError(ORDERS_SUBJECT)
        try:
            report = await client.request(ORDERS_SUBJECT, frame, timeout=timeout)
        except (NatsTimeout, TimeoutError) as error:
            raise LateAnswerError(ORDERS_SUBJECT) from error
        except (NatsError, OSError) as error:
            raise NoAnswerError(ORDERS_SUBJECT) from error
        return report.data

    def carry(self, carrier: Carrier | None) -> None:
        """Carry out orders from now on, or (None) no more."""
        self._carrier = carrier
        self._local.carry(carrier)
        self._changed.set()

    async def _connect(self, client: Client) -> None:
        """Connect, however long it takes; later losses are healed by the client itself."""
        while True:
            try:
                await client.connect(
                    self._url,
                    name="callcard",
                    no_echo=True,
                    allow_reconnect=True,
                    max_reconnect_attempts=-1,
                    connect_timeout=CONNECT_SECONDS,
                    reconnect_time_wait=RECONNECT_SECONDS,
                    ping_interval=PING_SECONDS,
                    max_outstanding_pings=2,
                    error_cb=self._troubled,
                    reconnected_cb=self._reconnected,
                )
            except (NatsError, OSError, TimeoutError) as error:
                await self._troubled(error)
                await asyncio.sleep(RECONNECT_SECONDS)
            else:
                self._troubled_once = False
                return

    async def _troubled(self, error: Exception) -> None:
        """Log the first of a row of troubles: attempts to reconnect go on for ever."""
        level = logging.DEBUG if self._troubled_once else logging.WARNING
        self._troubled_once = True
        logger.log(level, "the bus is not reachable: %r", error)

    async def _reconnected(self) -> None:
        self._troubled_once = False
        logger.info("the bus is back")
        self._local.interrupt()

    async def _send(self, client: Client) -> None:
        while True:
            subject, frame = await self._outgoing.get()
            try:
                await client.publish(subject, frame)
            except NatsError as error:
                self.dropped += 1
                logger.debug("a frame for %s is not sent: %s", subject, error)

    async def _follow(self, client: Client) -> None:
        """Keep NATS subscriptions equal to what is subscribed here."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._settle(client)
            except NatsError as error:
                logger.warning("the bus does not take a subscription: %s", error)
                await asyncio.sleep(RECONNECT_SECONDS)
                self._changed.set()

    async def _settle(self, client: Client) -> None:
        async with self._lock:
            wanted = self._local.subjects()
            for subject in wanted - self._remote.keys():
                self._remote[subject] = await client.subscribe(subject, cb=self._receive)
            for subject in self._remote.keys() - wanted:
                await self._remote.pop(subject).unsubscribe()
            if self._owner is not None and self._answering is None:
                self._answering = await client.subscribe(snapshot_subject(">"), cb=self._respond)
            elif self._owner is None and self._answering is not None:
                answering, self._answering = self._answering, None
                await answering.unsubscribe()

            if self._carrier is not None and self._carrying is None:
                self._carrying = await client.subscribe(ORDERS_SUBJECT, cb=self._take_order)
            elif self._carrier is None and self._carrying is not None:
                carrying, self._carrying = self._carrying, None
                await carrying.unsubscribe()

    async def _take_order(self, message: Msg) -> None:
        """Begin an order; the next one does not wait for it. Who orders too much at once waits in vain."""
        carrier = self._carrier
        if carrier is None or len(self._orders) >= MOST_ORDERS:
            return
        order = asyncio.create_task(self._carry_out(carrier, message), name="order")
        self._orders.add(order)
        order.add_done_callback(self._orders.discard)

    async def _carry_out(self, carrier: Carrier, message: Msg) -> None:
        try:
            report = await carrier(message.data)
            await message.respond(report)
        except (NatsError, OSError) as error:
            logger.warning("what became of an order cannot be told: %s", error)

    async def _receive(self, message: Msg) -> None:
        self._local.publish(message.subject, message.data)

    async def _respond(self, message: Msg) -> None:
        answer = self._owner(message.subject) if self._owner else None
        if answer is not None:
            # Frames that wait here were sent before this snapshot was taken: they may arrive after it, and are known.
            await message.respond(answer)
