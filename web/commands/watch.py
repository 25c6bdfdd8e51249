"""`watch`: prints pops and board changes as they come; a client of the public WebSocket, with a library of its own."""

import argparse
import asyncio
import os
import sys

import msgspec

from web import settings
from web.commands.command import CommandFailed, Commands


def register(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "watch",
        help="print pops and board changes",
        description="Print pops and board changes as JSON lines until Ctrl-C. The token is read from CALLCARD_TOKEN.",
    )
    parser.add_argument("--url", metavar="URL", help="of the service; ws://HOST:PORT/ws of the settings by default")
    parser.add_argument("--token", metavar="TOKEN", help="an API token; CALLCARD_TOKEN is safer")
    parser.add_argument(
        "--topic", action="append", choices=["pops", "board"], help="what to watch; repeatable, pops by default"
    )
    parser.add_argument("--count", type=int, metavar="N", help="stop after so many frames")
    parser.set_defaults(run=run_watch)


def run_watch(options: argparse.Namespace) -> None:
    """Print frames."""
    token = options.token or os.environ.get("CALLCARD_TOKEN")
    if not token:
        raise CommandFailed("no token: `callcard token create --user NAME` prints one; put it into CALLCARD_TOKEN")
    url = options.url
    if url is None:
        chosen = settings.load()
        host = f"[{chosen.http_host}]" if ":" in chosen.http_host else chosen.http_host
        url = f"ws://{host}:{chosen.http_port}/ws"
    asyncio.run(_watch(url, token, options.topic or ["pops"], options.count))


async def _watch(url: str, token: str, topics: list[str], count: int | None) -> None:
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
    from websockets.typing import Subprotocol

    messages = [{"type": "auth", "token": token}, *({"type": "subscribe", "topic": topic} for topic in topics)]
    try:
        async with connect(url, subprotocols=[Subprotocol("callcard.v1")], compression=None, max_size=None) as socket:
            for message in messages:
                await socket.send(msgspec.json.encode(message).decode())
            seen = 0
            async for frame in socket:
                sys.stdout.write(f"{frame if isinstance(frame, str) else frame.decode()}\n")
                sys.stdout.flush()
                seen += 1
                if count is not None and seen >= count:
                    return
    except ConnectionClosed as error:
        code = error.rcvd.code if error.rcvd else 1006
        raise CommandFailed(_CLOSED.get(code, f"the server closed the connection ({code})")) from error
    except (InvalidHandshake, InvalidURI, OSError, TimeoutError) as error:
        raise CommandFailed(f"{url}: {error}") from error


_CLOSED = {
    4401: "the token is not valid",
    4403: "this user may not watch that topic",
    4408: "too slow: the server cut the connection",
    1012: "the server is going down",
    1006: "the connection broke",
}
