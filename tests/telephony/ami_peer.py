"""A scripted manager interface on loopback: says what a test tells it to say, byte by byte where that matters."""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

Action = Mapping[str, str]
BANNER = b"Asterisk Call Manager/11.0.0\r\n"
CHALLENGE = "840415273"
SECRET = "s3cret"


def message(*lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"


def answer(action: Action, response: str, *lines: str) -> bytes:
    return message(f"Response: {response}", f"ActionID: {action['ActionID']}", *lines)


class Peer:
    """Accepts connections; each action is noted and answered by the reply of its name, if there is one."""

    def __init__(self) -> None:
        self.actions: list[Action] = []
        self.logins = 0
        self.port = 0
        self.banner = BANNER
        self.replies: dict[str, Callable[[Action], bytes]] = {
            "Challenge": lambda action: answer(action, "Success", f"Challenge: {CHALLENGE}"),
            "Login": self.login,
            "Ping": lambda action: answer(action, "Success", "Ping: Pong"),
        }
        self.arrived = asyncio.Condition()
        self._writers: list[asyncio.StreamWriter] = []

    def login(self, action: Action) -> bytes:
        self.logins += 1
        key = hashlib.md5(f"{CHALLENGE}{SECRET}".encode(), usedforsecurity=False).hexdigest()
        if action.get("Key") == key or action.get("Secret") == SECRET:
            return answer(action, "Success", "Message: Authentication accepted")
        return answer(action, "Error", "Message: Authentication failed")

    def say(self, data: bytes) -> None:
        """Write to the newest connection."""
        self._writers[-1].write(data)

    def hang_up(self) -> None:
        self._writers[-1].close()

    async def asked(self, name: str, times: int = 1) -> Action:
        """Wait until an action came that often; gives the last."""

        def found() -> list[Action]:
            return [action for action in self.actions if action["Action"] == name]

        async with self.arrived, asyncio.timeout(10):
            await self.arrived.wait_for(lambda: len(found()) >= times)
            return found()[times - 1]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        writer.write(self.banner)
        try:
            while block := await reader.readuntil(b"\r\n\r\n"):
                lines = (line.partition(": ") for line in block.decode().splitlines() if line)
                action = {key: value for key, _, value in lines}
                async with self.arrived:
                    self.actions.append(action)
                    self.arrived.notify_all()
                reply = self.replies.get(action["Action"])
                if reply is not None:
                    writer.write(reply(action))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@asynccontextmanager
async def peer(tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    one = Peer()
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0, ssl=tls)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.close()
        for writer in one._writers:
            writer.close()
        await server.wait_closed()
