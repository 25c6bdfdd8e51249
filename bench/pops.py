"""From the ring event in the AMI socket to the card at a WebSocket client: Callcard and the bare chain in turns."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench import processes
from bench.database import Agent, callers
from bench.pbx import Pbx
from bench.processes import Program
from bench.recordings import Caller
from telephony.conversations import call_id

FEW, MANY = 10, 500
RATES: Final = {1: 12, 20: 160, 50: 400}
"""Calls per second -> calls in one turn."""
WORST: Final = 50
"""Calls per second that are also told each in one burst."""
TURNS: Final = 2
LIVE: Final = 300
"""Calls at once while memory is read."""
WARM_UP_CALLS: Final = 100
SETTLE_SECONDS: Final = 2.0
LATE_SECONDS: Final = 5.0
"""A card that did not come by then counts as lost."""
QUIET_SECONDS: Final = 3.0
ANSWER_SECONDS: Final = 60.0
OURS, FLOOR = "Callcard", "bare chain"


@dataclass(slots=True)
class Load:
    """What came of the calls of one kind of load."""

    seconds: list[float] = field(default_factory=list)
    """From the ring event to the card, per card."""
    calls: int = 0
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0

    @property
    def core(self) -> float:
        """Share of a core that was used."""
        return self.cpu_seconds / self.wall_seconds

    def take_in(self, other: "Load") -> None:
        """Add another turn of the same kind."""
        self.seconds += other.seconds
        self.calls += other.calls
        self.cpu_seconds += other.cpu_seconds
        self.wall_seconds += other.wall_seconds


@dataclass(slots=True)
class System:
    """One of the two that are compared, with its PBX and its agents."""

    name: str
    program: Program
    pbx: Pbx
    port: int
    agents: Sequence[Agent]
    clients: Program
    caller: Caller
    loads: dict[tuple[int, int, bool], Load] = field(default_factory=dict)
    """By agents connected, calls per second, and whether the ring came in one burst with all before it."""
    agent_bytes: float = 0.0
    """Resident bytes per agent of those that were connected last."""
    rss: int = 0
    """Resident bytes with all agents and `LIVE` calls, after all other calls."""
    connected: int = 0

    async def order(self, **order: object) -> dict[str, Any]:
        """Have the process with the agents do something."""
        stdin, stdout = self.clients.process.stdin, self.clients.process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the agents' process has no pipes")
        stdin.write(json.dumps(order).encode() + b"\n")
        async with asyncio.timeout(ANSWER_SECONDS):
            answer: dict[str, Any] = json.loads(await stdout.readline())
        return answer

    async def connect(self, count: int) -> None:
        """Open sockets until so many agents are connected."""
        more = self.agents[self.connected : count]
        if not more:
            return
        before = self.program.rss
        tokens = [agent.token if self.name == OURS else agent.extension for agent in more]
        await self.order(open={"url": f"ws://127.0.0.1:{self.port}/ws", "tokens": tokens})
        self.connected = count
        await asyncio.sleep(SETTLE_SECONDS)
        self.agent_bytes = (self.program.rss - before) / len(more)

    async def load(self, rate: int, calls: int, *, burst: bool = False) -> Load:
        """Ring so many phones and see how long each card took; everything is over when it returns."""
        numbers = callers()
        self.pbx.rang.clear()
        cpu, began = self.program.cpu_seconds, time.perf_counter()
        for count in range(calls):
            await asyncio.sleep(max(0.0, began + count / rate - time.perf_counter()))
            agent = self.agents[count % self.connected]
            call = self.caller.call(numbers[(count * 7) % len(numbers)], agent.extension)
            self.pbx.begin(call, 0.0 if burst else self.caller.gap)
        await asyncio.gather(*self.pbx.running)
        await asyncio.sleep(0.2)
        used, lasted = self.program.cpu_seconds - cpu, time.perf_counter() - began
        written = {call_id("main", uniqueid): at for uniqueid, at in self.pbx.rang.items()}
        shown = await self._shown(written)
        return Load([shown[one] - at for one, at in written.items() if one in shown], calls, used, lasted)

    async def _shown(self, written: dict[str, float]) -> dict[str, float]:
        shown: dict[str, float] = {}
        deadline = time.perf_counter() + LATE_SECONDS
        while len(shown) < len(written) and time.perf_counter() < deadline:
            for call, at in (await self.order(shown=True))["shown"]:
                shown.setdefault(call, at)
            await asyncio.sleep(0.05)
        return {call: at for call, at in shown.items() if call in written}

    async def live_rss(self) -> int:
        """Return the resident bytes while `LIVE` calls are talked at once; all are over when it returns."""
        numbers = callers()
        for count in range(LIVE):
            call = self.caller.call(numbers[count % len(numbers)], self.agents[count % self.connected].extension)
            self.pbx.begin(call, self.caller.gap, LIVE / WORST + SETTLE_SECONDS)
            await asyncio.sleep(1 / WORST)
        await asyncio.sleep(SETTLE_SECONDS / 2)
        rss = self.program.rss
        await asyncio.gather(*self.pbx.running)
        return rss

    def add(self, rate: int, load: Load, *, burst: bool = False) -> None:
        """Add a turn to those of the same kind."""
        self.loads.setdefault((self.connected, rate, burst), Load()).take_in(load)

    async def blocked(self) -> int:
        """Return how often the event loop was blocked so far, by Callcard's own count."""
        text = (await processes.get(self.port, "/metrics")).decode()
        lines = [line for line in text.splitlines() if line.startswith("callcard_loop_blocked")]
        return int(float(lines[0].split()[1])) if lines else 0

    async def stop(self) -> None:
        """End everything."""
        await self.clients.stop()
        await self.program.stop()
        await self.pbx.stop()


@dataclass(frozen=True, slots=True)
class Result:
    """Both systems after all turns."""

    ours: System
    floor: System
    blocked: int
    """How often Callcard's event loop was blocked for more than 20 ms during the loads."""


async def start_ours(folder: Path, agents: Sequence[Agent], url: str | None = None) -> tuple[System, float]:
    """Start `callcard serve` on the folder's database or on `url`; return it and the seconds until it was ready."""
    pbx = Pbx()
    await pbx.start()
    port = processes.free_port()
    settings = _settings(folder, port, pbx) | ({"CALLCARD_DATABASE_URL": url} if url else {})
    program = await processes.start("-m", "web", "serve", log=folder / "serve.log", settings=settings)
    seconds = await processes.ready(program, port)
    return await _system(OURS, program, pbx, port, agents), seconds


async def start_floor(folder: Path, agents: Sequence[Agent]) -> tuple[System, float]:
    """Start the bare chain on the same database."""
    pbx = Pbx()
    await pbx.start()
    port = processes.free_port()
    arguments = ("-m", "bench.chain", str(folder / "callcard.db"), str(port), str(pbx.port))
    program = await processes.start(*arguments, log=folder / "chain.log")
    seconds = await processes.ready(program, port)
    return await _system(FLOOR, program, pbx, port, agents), seconds


async def _system(name: str, program: Program, pbx: Pbx, port: int, agents: Sequence[Agent]) -> System:
    await pbx.signed_in()
    clients = await processes.start("-m", "bench.agents", log=Path("var/bench/run/agents.log"), pipes=True)
    return System(name, program, pbx, port, agents, clients, Caller(int(time.time())))


def _settings(folder: Path, port: int, pbx: Pbx) -> dict[str, str]:
    return {
        "CALLCARD_VAR_DIR": str(folder),
        "CALLCARD_HTTP": f"127.0.0.1:{port}",
        "CALLCARD_AMI_URL": f"ami://bench:bench@127.0.0.1:{pbx.port}",
        "CALLCARD_REGION": "RU",
    }


async def measure(ours: System, floor: System) -> Result:
    """Load both in turns, with few agents connected, then with many."""
    for system in (ours, floor):
        await system.connect(FEW)
        await system.load(20, WARM_UP_CALLS)
    await asyncio.sleep(QUIET_SECONDS)
    blocked = await ours.blocked()
    for agents in (FEW, MANY):
        for system in (ours, floor):
            await system.connect(agents)
        for _ in range(TURNS):
            for rate, calls in RATES.items():
                for system in (ours, floor):
                    system.add(rate, await system.load(rate, calls))
            if agents == MANY:
                for system in (ours, floor):
                    system.add(WORST, await system.load(WORST, RATES[WORST], burst=True), burst=True)
    for system in (ours, floor):
        system.rss = await system.live_rss()
    return Result(ours, floor, await ours.blocked() - blocked)


async def measure_side_by_side(ours: System, floor: System) -> tuple[Load, Load]:
    """Load another Callcard and the bare chain in turns, with many agents at the highest rate."""
    await ours.connect(MANY)
    await ours.load(20, WARM_UP_CALLS)
    await asyncio.sleep(QUIET_SECONDS)
    totals = (Load(), Load())
    for _ in range(TURNS):
        for system, total in zip((ours, floor), totals, strict=True):
            total.take_in(await system.load(WORST, RATES[WORST]))
    return totals
