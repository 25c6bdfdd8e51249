"""Run the demo: Callcard and a simulated PBX in one process, joined by a real AMI link on loopback."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from aiohttp import hdrs, web

from telephony.addresses import parse_ami_urls
from telephony.simulator.day import AGENTS, COMPANY_NUMBER, Callers, Day, example_company
from telephony.simulator.pbx import Pbx
from telephony.simulator.server import AmiServer
from telephony.simulator.timeline import Timeline
from web.__main__ import Node, serve
from web.auth import PRINCIPAL
from web.demo.clients import CLIENTS, Clients, invent
from web.demo.colleagues import Colleagues
from web.demo.filling import SignIn, agent_name, fill
from web.demo.history import CALLS, PBX
from web.demo.sounds import MONITOR_FOLDER, SPOOL_FOLDER, clear_sounds
from web.settings import Settings

DATABASE = "demo.db"


def demo_settings(settings: Settings) -> Settings:
    """Turn the user's settings into the demo's: a database and a folder of its own, never the real ones."""
    folder = settings.var_dir / "demo"
    routes = example_company().routes or {}
    return replace(
        settings,
        database_url=f"sqlite+aiosqlite:///{folder / DATABASE}",
        var_dir=folder,
        bus_url=None,
        recordings={PBX: folder / MONITOR_FOLDER},
        voicemail={PBX: folder / SPOOL_FOLDER},
        own_numbers=tuple(f"+{number}" for number in (COMPANY_NUMBER, *routes) if len(number) > len("501")),
    )


def clear(folder: Path) -> None:
    """Remove what an earlier demo left; only files that a demo writes."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        (folder / f"{DATABASE}{suffix}").unlink(missing_ok=True)
    clear_sounds(folder / MONITOR_FOLDER, folder / SPOOL_FOLDER)


def callers_of(clients: Clients) -> Callers:
    """Choose who calls today: clients, numbers that several have, strangers."""
    shared = frozenset(clients.shared)
    known = tuple(draft.phones[0].number for draft in clients.drafts if draft.phones[0].number not in shared)
    return Callers(known=known[:600], shared=clients.shared, unknown=clients.strangers)


class Company:
    """The simulated company behind the demo: its PBX, its day, and who of the agents is a real person now."""

    def __init__(self, clients: Clients) -> None:
        self.pbx = Pbx(Timeline(time.time()), example_company())
        self.server = AmiServer(self.pbx)
        self.day = Day(self.pbx, callers_of(clients))

    def watch(self, node: Node) -> None:
        """Notice who signs in, so that the phone on that desk rings soon; the other desks are played."""
        node.app.on_response_prepare.append(self._notice)
        colleagues = Colleagues({extension: agent_name(extension) for extension in AGENTS}, self._is_taken)

        async def play(_: web.Application) -> AsyncIterator[None]:
            work = asyncio.create_task(colleagues.work(node.services.service), name="colleagues")
            yield
            work.cancel()
            await asyncio.wait({work})

        node.app.cleanup_ctx.append(play)

    def _is_taken(self, extension: str) -> bool:
        return extension in self.day.seats

    async def _notice(self, request: web.Request, response: web.StreamResponse) -> None:
        principal = request.get(PRINCIPAL)
        match request.method, request.path:
            case hdrs.METH_POST, "/login" if response.status == web.HTTPSeeOther.status_code:
                name = str((await request.post()).get("name", "")).strip()
                self.sit_down(_phones_of(name))
            case hdrs.METH_POST, "/api/v1/me/seat" if (
                principal is not None and response.status == web.HTTPOk.status_code
            ):
                chosen = str((await request.json())["extension"])
                before = principal.user.extensions
                self.stand_up(tuple(extension for extension in before if extension != chosen))
                # Whoever says that they stay where they are may be rung at already.
                self.sit_down((chosen,), again=chosen not in before)
            case hdrs.METH_GET, "/ws" if principal is not None:
                self.sit_down(principal.user.extensions, again=False)
            case hdrs.METH_POST, "/logout" if principal is not None:
                self.stand_up(principal.user.extensions)
            case _:
                pass

    def sit_down(self, extensions: tuple[str, ...], *, again: bool = True) -> None:
        """Let a person take a phone; `again`: also when somebody sits there already."""
        for extension in extensions[:1]:
            if again or extension not in self.day.seats:
                self.server.act(partial(self._man, extension))

    def stand_up(self, extensions: tuple[str, ...]) -> None:
        """Let the person at a phone go."""
        for extension in extensions:
            self.server.act(partial(self._leave, extension))

    def _man(self, extension: str, _pbx: Pbx) -> None:
        self.day.man(extension)

    def _leave(self, extension: str, _pbx: Pbx) -> None:
        self.day.leave(extension)


def _phones_of(name: str) -> tuple[str, ...]:
    return tuple(extension for extension in AGENTS if agent_name(extension) == name.casefold())


async def run_demo(
    settings: Settings, *, clients: int = CLIENTS, calls: int = CALLS, stop: asyncio.Event | None = None
) -> None:
    """Prepare a fresh demo of that size and run it until `stop`, SIGTERM or SIGINT."""
    chosen = demo_settings(settings)
    await asyncio.to_thread(clear, chosen.var_dir)
    _say(f"Preparing demo data: {clients:,} clients and a year of calls ...")
    invented = invent(clients)
    signs = await fill(chosen, invented, calls)
    company = Company(invented)
    async with company.server as server:
        server.act(lambda _pbx: company.day.begin())
        with_pbx = replace(chosen, ami=parse_ami_urls(server.url))
        await serve(with_pbx, stop=stop, started=lambda url: _introduce(url, signs), prepared=company.watch)


def _introduce(url: str, signs: list[SignIn]) -> None:
    lines = [url, *(f"{sign.role.value} {sign.name} {sign.password}" for sign in signs)]
    _say("\n".join(lines))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
