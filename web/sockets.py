"""The live border: `GET /ws`, subprotocol `callcard.v1`. One socket is one signed-in client with up to three topics.

Each topic is a task that carries its feed's frames to the socket; a client that does not keep up is cut off (4408) and
takes the snapshot when it comes back. Every way out goes through one `finally`.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, hdrs, web

from crm_core.errors import CrmError
from screenpop.bus import LaggingError
from screenpop.feeds import Feed
from screenpop.messages import (
    BOARD_SUBJECT,
    PARKED_SUBJECT,
    Auth,
    BadFrameError,
    ErrorFrame,
    Ping,
    Pong,
    Ready,
    Receipt,
    Resync,
    ServerFrame,
    Shown,
    Subscribe,
    Topic,
    decode_client,
    encode,
    pops_subject,
    shown_call,
)
from web import auth
from web.api.problems import Problem
from web.services import Services, services

PROTOCOL: Final = "callcard.v1"
UNAUTHORIZED: Final = 4401
FORBIDDEN: Final = 4403
TOO_SLOW: Final = 4408
GOING_DOWN: Final = 1012
MISBEHAVED: Final = 1008
SIGN_IN_SECONDS: Final = 10.0
RECHECK_SECONDS: Final = 60.0
"""How often a socket asks whether its session still lasts; who is shut out is told at once."""
HEARTBEAT_SECONDS: Final = 16.0
"""Quiet for so long: a ping; no answer in half of that: the peer is dead, noticed within 24 s."""
SEND_SECONDS: Final = 5.0
"""A frame that takes longer to leave: the client is too slow."""
GOODBYE_SECONDS: Final = 2.0
"""The same when the server goes down."""
LINGER_SECONDS: Final = 15.0
"""So long a client may take to read its close code; then the connection is dropped."""
_LARGEST_MESSAGE: Final = 64 * 1024
_UNSENT_BYTES: Final = 64 * 1024
_MOST_MISTAKES: Final = 20
logger = logging.getLogger(__name__)


def setup(app: web.Application) -> None:
    """Add the route; it is public because a client may sign in with its first message."""
    app[SOCKETS] = Sockets()
    auth.add_route(app, hdrs.METH_GET, "/ws", serve, auth.PUBLIC)
    app.on_shutdown.append(_go_down)
    app.cleanup_ctx.append(_keep_rechecking)


class Sockets:
    """All open sockets of this process."""

    def __init__(self) -> None:
        self._open: set[Socket] = set()

    def add(self, socket: "Socket") -> None:
        """Remember an open socket."""
        self._open.add(socket)

    def discard(self, socket: "Socket") -> None:
        """Forget it."""
        self._open.discard(socket)

    async def recheck(self, session: str | None = None) -> None:
        """Ask for every socket (of one browser session) whether its user may still be here.

        Called when users, seats or tokens changed, and when a session ended. A few questions serve all sockets.
        Raises CrmError.
        """
        sockets = [one for one in self._open if one.principal and (session is None or one.session == session)]
        if not sockets:
            return
        now = await auth.principals(sockets[0].parts, {one.credential for one in sockets if one.credential})
        # Who is told something may read slowly: nobody waits for the others.
        await asyncio.gather(*(one.become(now.get(one.credential) if one.credential else None) for one in sockets))

    async def close_all(self, code: int) -> None:
        """Close every socket."""
        async with asyncio.TaskGroup() as group:
            for socket in list(self._open):
                group.create_task(socket.close(code, GOODBYE_SECONDS))


SOCKETS: web.AppKey[Sockets] = web.AppKey("sockets", Sockets)


async def _go_down(app: web.Application) -> None:
    await app[SOCKETS].close_all(GOING_DOWN)


async def _keep_rechecking(app: web.Application) -> AsyncIterator[None]:
    """Ask for all sockets now and then: a session may run out with nobody telling."""

    async def ask() -> None:
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            with contextlib.suppress(CrmError):  # a database that is away throws nobody out
                await app[SOCKETS].recheck()

    asking = asyncio.create_task(ask(), name="recheck sockets")
    yield
    asking.cancel()
    await asyncio.wait({asking})


async def serve(request: web.Request) -> web.StreamResponse:
    """Speak with one client until one side ends it."""
    offered = [name.strip() for name in request.headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "").split(",") if name.strip()]
    if offered and PROTOCOL not in offered:
        raise Problem(f"This server speaks {PROTOCOL}.", status=HTTPStatus.BAD_REQUEST)
    response = web.WebSocketResponse(
        protocols=(PROTOCOL,) if offered else (),
        heartbeat=HEARTBEAT_SECONDS,
        compress=False,
        max_msg_size=_LARGEST_MESSAGE,
        writer_limit=_UNSENT_BYTES,
        timeout=SEND_SECONDS,
    )
    socket = Socket(request, response)
    await socket.greet()
    await response.prepare(request)
    parts = services(request)
    request.app[SOCKETS].add(socket)
    parts.metrics.sockets.inc()
    try:
        await socket.run()
    except Exception:
        # The upgrade is done, so the HTTP border can no longer answer: this is its twin.
        logger.exception("a socket failed")
        await socket.close(WSCloseCode.INTERNAL_ERROR)
    finally:
        parts.metrics.sockets.dec()
        request.app[SOCKETS].discard(socket)
    return response


def _subject(topic: Topic, user: str) -> str:
    match topic:
        case Topic.POPS:
            return pops_subject(user)
        case Topic.BOARD:
            return BOARD_SUBJECT
        case Topic.PARKED:
            return PARKED_SUBJECT


class Socket:
    """One client."""

    __slots__ = (
        "_feeds", "_group", "_id", "_mistakes", "_pumps", "_request", "_response", "_tab", "credential", "parts",
        "principal",
    )  # fmt: skip

    def __init__(self, request: web.Request, response: web.WebSocketResponse) -> None:
        self._request = request
        self._response = response
        self.parts: Services = services(request)
        self.principal: auth.Principal | None = None
        """Who signed in here, as last asked."""
        self.credential: auth.Credential | None = None
        self._feeds: dict[Topic, Feed] = {}
        self._pumps: list[asyncio.Task[None]] = []
        self._group: asyncio.TaskGroup | None = None
        self._mistakes = 0
        self._id = secrets.token_hex(4)
        """What the socket is called in traces."""
        self._tab = ""

    @property
    def session(self) -> str | None:
        """The browser session this socket came with, None where it came without."""
        given = self.credential
        return given.token if given is not None and given.via == "cookie" else None

    async def run(self) -> None:
        """Sign in, then answer the client's messages in their order."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                if await self._sign_in():
                    await self._answer_messages(group)
            except ConnectionResetError:
                pass  # the client is gone
            except TimeoutError:
                await self.close(TOO_SLOW)
            finally:
                self._group = None
                for pump in self._pumps:
                    pump.cancel()
                if Topic.POPS in self._feeds and self.principal is not None:
                    self.parts.service.agent_offline(self.principal.user.name)
                for feed in self._feeds.values():
                    feed.close()

    async def become(self, now: auth.Principal | None) -> None:
        """Take in who this is by now: shut out, out; another role or other phones, told."""
        before = self.principal
        if before is None or self._response.closed:
            return
        if now is None:
            self._show_out(UNAUTHORIZED)
        elif Topic.BOARD in self._feeds and not now.supervises:
            self._show_out(FORBIDDEN)
        elif now.user != before.user:
            self.principal = now
            with contextlib.suppress(ConnectionResetError, TimeoutError):
                await self._send_ready(now)

    def _show_out(self, code: int) -> None:
        """Close without making anybody wait for a client that may not read."""
        for pump in self._pumps:
            pump.cancel()
        if self._group is not None:
            self._group.create_task(self.close(code))

    async def close(self, code: int, seconds: float = SEND_SECONDS) -> None:
        """Say why and end it. A client that does not read gets a while, then the connection is dropped."""
        transport = self._request.transport
        if transport is not None:
            asyncio.get_running_loop().call_later(LINGER_SECONDS, transport.abort)
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            async with asyncio.timeout(seconds):
                await self._response.close(code=code)

    # Signing in.

    async def greet(self) -> None:
        """Find out, before the upgrade is answered, whether cookie or header say who this is."""
        principal = await auth.authenticate(self._request) if self._trusted() else None
        if principal is not None:
            self._request[auth.PRINCIPAL] = principal
            self.principal, self.credential = principal, auth.credential(self._request)

    def _trusted(self) -> bool:
        """Tell whether the cookie may speak for the client: it must not come from a page of somebody else."""
        return auth.COOKIE not in self._request.cookies or auth.same_origin(self._request)

    async def _sign_in(self) -> bool:
        principal = self.principal
        if principal is None and self._trusted():
            principal = await self._sign_in_by_message()
        if principal is None:
            await self.close(UNAUTHORIZED)
            return False
        self.principal = principal
        await self._send_ready(principal)
        return True

    async def _sign_in_by_message(self) -> auth.Principal | None:
        try:
            # Not receive's own time-out: that one begins anew with every ping.
            async with asyncio.timeout(SIGN_IN_SECONDS):
                message = await self._response.receive()
        except TimeoutError:
            return None
        if message.type is not WSMsgType.TEXT:
            return None
        try:
            frame = decode_client(message.data)
        except BadFrameError:
            return None
        if not isinstance(frame, Auth):
            return None
        self.credential = auth.Credential("token", frame.token)
        return await auth.by_token(self._request, frame.token)

    async def _send_ready(self, principal: auth.Principal) -> None:
        user = principal.user
        await self._send(Ready(user.name, user.role.value, user.extensions))

    # Messages.

    async def _answer_messages(self, group: asyncio.TaskGroup) -> None:
        async for message in self._response:
            if message.type is not WSMsgType.TEXT:
                await self._complain("send text frames")
                continue
            try:
                frame = decode_client(message.data)
            except BadFrameError as error:
                await self._complain(str(error))
                continue
            match frame:
                case Subscribe():
                    self._tab = frame.tab or self._tab
                    await self._subscribe(group, frame.topic)
                case Resync():
                    await self._resync(frame.topic)
                case Ping():
                    await self._send(Pong())
                case Shown():
                    self._tell_delivery(frame.call_id, shown=True)
                case Auth():
                    await self._complain("signed in already")

    async def _subscribe(self, group: asyncio.TaskGroup, name: str) -> None:
        principal = self.principal
        topic = Topic(name) if name in set(Topic) else None
        if principal is None or topic is None or (topic is Topic.BOARD and not principal.supervises):
            await self.close(FORBIDDEN)
        elif topic in self._feeds:
            self._feeds[topic].resync()
        else:
            subject = _subject(topic, principal.user.name)
            feed = self._feeds[topic] = Feed(self.parts.bus, subject)
            self._pumps.append(group.create_task(self._pump(feed)))
            if topic is Topic.POPS:
                self.parts.service.agent_online(principal.user.name)

    async def _resync(self, name: str) -> None:
        feed = next((feed for topic, feed in self._feeds.items() if topic == name), None)
        if feed is None:
            await self._complain("subscribe to the topic first")
        else:
            feed.resync()

    async def _complain(self, text: str) -> None:
        self._mistakes += 1
        if self._mistakes > _MOST_MISTAKES:
            await self.close(MISBEHAVED)
        else:
            await self._send(ErrorFrame(text))

    # Frames out.

    async def _pump(self, feed: Feed) -> None:
        """Carry one topic to the client."""
        try:
            async for frame in feed:
                await self._send_bytes(frame)
                call_id = shown_call(frame)
                if call_id is not None:
                    self._tell_delivery(call_id, shown=False)
        except (LaggingError, TimeoutError):
            self.parts.metrics.slow_sockets.inc()
            await self.close(TOO_SLOW)
        except ConnectionResetError:
            pass  # the reader sees it too and ends the socket

    def _tell_delivery(self, call_id: str, *, shown: bool) -> None:
        if self.principal is not None and Topic.POPS in self._feeds:
            user, at = self.principal.user.name, self.parts.clock()
            self.parts.service.delivered(Receipt(call_id, user, self._id, self._tab, at, shown))

    async def _send(self, frame: ServerFrame) -> None:
        await self._send_bytes(encode(frame))

    async def _send_bytes(self, frame: bytes) -> None:
        async with asyncio.timeout(SEND_SECONDS):
            await self._response.send_frame(frame, WSMsgType.TEXT)
