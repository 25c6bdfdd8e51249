"""The simulated PBX on a socket: AMI as Asterisk 22 speaks it, on loopback only."""

import asyncio
import contextlib
import hashlib
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self, TypeVar

from telephony.simulator.actions import Answer, Request, failed, parse, perform
from telephony.simulator.frames import Frame, frame
from telephony.simulator.pbx import Pbx

T = TypeVar("T")

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
LONGEST_LINE = 1024
LONGEST_ACTION = 64 * 1024
MOST_UNSENT = 4 * 1024 * 1024
"""Bytes a client may leave unread before it is dropped, as `writetimeout` does with a real one."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who may sign in, and how refusals feel."""

    user: str = "callcard"
    secret: str = "simulated"  # noqa: S105 - of a PBX that exists for the length of a demo
    denied: frozenset[str] = frozenset()
    """Actions (lower case) this user has no right to."""
    refusal_delay: float = 1.0


class Session:
    """One AMI connection."""

    def __init__(self, server: "AmiServer", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.reader = reader
        self.writer = writer
        self.signed_in = False
        self.classes: frozenset[str] | None = None
        """Privilege classes of the events wanted; None = all."""
        self.challenge = ""

    async def run(self) -> None:
        """Serve the connection until either side ends it."""
        self.writer.write(BANNER)
        while (block := await self._read_action()) is not None:
            if block == b"":
                self._say(failed("Failed to parse message: line too long"), "")
                continue
            if not await self._handle(parse(block)):
                return

    async def _read_action(self) -> bytes | None:
        """Read up to an empty line; None at the end, empty when a line was too long."""
        lines: list[bytes] = []
        size, too_long = 0, False
        while True:
            try:
                line = await self.reader.readuntil(b"\n")
            except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
                return None
            line = line.rstrip(b"\r\n")
            size += len(line)
            too_long = too_long or len(line) > LONGEST_LINE
            if size > LONGEST_ACTION:
                return None
            if line:
                lines.append(line)
            elif lines:
                return b"" if too_long else b"\n".join(lines)

    async def _handle(self, request: Request) -> bool:
        """Answer one action; False when the connection is over."""
        action_id = request.get("actionid")
        match request.name.lower():
            case "challenge":
                self.challenge = self.server.next_challenge()
                self._say(Answer(success=True, headers=(("Challenge", self.challenge),)), action_id)
            case "login":
                return await self._login(request)
            case "logoff":
                self._write([("Response", "Goodbye"), *_id(action_id), ("Message", "Thanks for all the fish.")])
                return False
            case _ if not self.signed_in or request.name.lower() in self.server.access.denied:
                self._say(failed("Permission denied"), action_id)
            case "events":
                self._set_events(request.get("eventmask"))
                state = "Off" if self.classes == frozenset() else "On"
                self._say(Answer(success=True, headers=(("Events", state),)), action_id)
            case _:
                with self.server.answer_first():
                    self._say(self.server.act(lambda pbx: perform(pbx, request)), action_id)
        return True

    async def _login(self, request: Request) -> bool:
        if not self._may_enter(request):
            await asyncio.sleep(self.server.access.refusal_delay)
            self._say(failed("Authentication failed"), request.get("actionid"))
            return False
        self.signed_in = True
        self._set_events(request.get("events", "on"))
        self._say(Answer(success=True, headers=(("Message", "Authentication accepted"),)), request.get("actionid"))
        timeline = self.server.pbx.timeline
        uptime = str(int(timeline.now - timeline.started))
        booted = {"Uptime": uptime, "LastReload": uptime, "Status": "Fully Booted"}
        self.deliver(frame(timeline.now, "FullyBooted", booted))
        return True

    def _may_enter(self, request: Request) -> bool:
        access = self.server.access
        if request.get("username") != access.user:
            return False
        if request.get("authtype").upper() == "MD5":
            expected = hashlib.md5((self.challenge + access.secret).encode(), usedforsecurity=False).hexdigest()
            return bool(self.challenge) and request.get("key").lower() == expected
        return request.get("secret") == access.secret

    def _set_events(self, mask: str) -> None:
        wanted = {part.strip().lower() for part in mask.split(",")}
        if wanted & {"on", "all", "", "true"}:
            self.classes = None
        else:
            self.classes = frozenset(wanted - {"off", "false"})

    def deliver(self, said: Frame) -> None:
        """Send an event, if this connection wants it; drop a connection that does not read."""
        if not self.signed_in or (self.classes is not None and said.privilege not in self.classes):
            return
        self.send(self.server.render(said))

    def send(self, data: bytes) -> None:
        """Write bytes, bounded."""
        transport = self.writer.transport
        if transport.is_closing():
            return
        if transport.get_write_buffer_size() > MOST_UNSENT:
            transport.abort()
            return
        if not self.server.silent:
            self.writer.write(data)

    def _say(self, answer: Answer, action_id: str) -> None:
        listing = answer.listing
        start = [("EventList", "start")] if listing else []
        response = "Success" if answer.success else "Error"
        self._write([("Response", response), *_id(action_id), *start, *answer.headers])
        if listing is None:
            return
        for event, headers in listing.items:
            own = list(headers.items())
            self._write([("Event", event), *([*own, *_id(action_id)] if listing.id_last else [*_id(action_id), *own])])
        count = str(len(listing.items))
        totals = [(name, count if value == "*" else value) for name, value in listing.totals.items()]
        last = [("Event", listing.complete), *_id(action_id), ("EventList", "Complete"), ("ListItems", count), *totals]
        self._write(last)

    def _write(self, headers: list[tuple[str, str]]) -> None:
        text = "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n"
        self.send(text.encode("utf-8", errors="surrogateescape"))


def _id(action_id: str) -> list[tuple[str, str]]:
    return [("ActionID", action_id)] if action_id else []


class AmiServer:
    """A PBX in (accelerated) real time behind an AMI port. Run it with `async with`, in one event loop."""

    def __init__(
        self,
        pbx: Pbx,
        access: Access | None = None,
        *,
        speed: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        timestamps: bool = True,
    ) -> None:
        self.pbx = pbx
        self.access = access or Access()
        self.speed = speed
        self.timestamps = timestamps
        self.silent = False
        """While set, nothing is sent: a peer that is dead without having said so."""
        self.sessions: set[Session] = set()
        self._clock = clock
        self._began, self._virtual = clock(), pbx.timeline.now
        self._handlers: set[asyncio.Task[None]] = set()
        self._challenges = itertools.count(100_000_000)
        self._woken = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._kept: list[Frame] | None = None
        self._rendered: tuple[Frame, bytes] | None = None
        pbx.switch.listeners.append(self._deliver)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen (port 0: any free one) and let time run; gives the port."""
        self._server = await asyncio.start_server(self._connected, host, port, limit=LONGEST_ACTION)
        self._began, self._virtual = self._clock(), self.pbx.timeline.now
        self._ticking = asyncio.create_task(self._tick(), name="simulated time")
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self, *, restart: bool = False) -> None:
        """Say Shutdown, close every connection and the port."""
        self.pbx.switch.emit("Shutdown", Shutdown="Cleanly", Restart=str(restart))
        if self._ticking is not None:
            self._ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticking
        if self._server is not None:
            self._server.close()
            self.drop()
            if self._handlers:
                await asyncio.wait(self._handlers, timeout=self.access.refusal_delay + 1.0)
            await self._server.wait_closed()

    async def __aenter__(self) -> Self:
        if self._server is None:
            await self.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.stop()

    @property
    def port(self) -> int:
        """The port it listens on."""
        if self._server is None:
            raise RuntimeError("not started")
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """The setting that leads here."""
        return f"ami://{self.access.user}:{self.access.secret}@127.0.0.1:{self.port}"

    def drop(self) -> None:
        """Close every connection without a word, as a dying PBX does."""
        for session in tuple(self.sessions):
            session.writer.close()

    def act(self, deed: Callable[[Pbx], T]) -> T:
        """Do something to the PBX at the present moment; the way for tests and demos to play people, too."""
        self._advance()
        try:
            return deed(self.pbx)
        finally:
            self._woken.set()

    def _advance(self) -> None:
        self.pbx.timeline.run_until(self._virtual + (self._clock() - self._began) * self.speed)

    def next_challenge(self) -> str:
        """Give a challenge that was not given before."""
        return str(next(self._challenges))

    def render(self, said: Frame) -> bytes:
        """Write an event once for all connections."""
        if self._rendered is None or self._rendered[0] is not said:
            self._rendered = (said, said.render(timestamps=self.timestamps))
        return self._rendered[1]

    @contextlib.contextmanager
    def answer_first(self) -> Iterator[None]:
        """Keep events back until the answer to the action that caused them has been written."""
        self._kept = []
        try:
            yield
        finally:
            kept, self._kept = self._kept, None
            for said in kept:
                self._deliver(said)

    def _deliver(self, said: Frame) -> None:
        if self._kept is not None:
            self._kept.append(said)
            return
        for session in tuple(self.sessions):
            session.deliver(said)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(self, reader, writer)
        self.sessions.add(session)
        if (handler := asyncio.current_task()) is not None:
            self._handlers.add(handler)
            handler.add_done_callback(self._handlers.discard)
        try:
            await session.run()
        except ConnectionError:
            pass
        finally:
            self.sessions.discard(session)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _tick(self) -> None:
        while True:
            self._advance()
            due = self.pbx.timeline.next_at()
            wait = None if due is None else max(0.0, (due - self.pbx.timeline.now) / self.speed)
            self._woken.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), wait)
