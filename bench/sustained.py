"""How many calls a second come up and are written for good, when the next one begins as soon as it may."""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from bench import processes
from bench.database import callers
from bench.pops import System
from telephony.conversations import call_id

CALLS: Final = 1_200
AT_ONCE: Final = 250
"""Calls whose card has not come yet; each goes on for 0.6 s after it."""
LOOK_SECONDS: Final = 0.02
LATE_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Sustained:
    """What one system did with all calls."""

    shown: int
    written: bool
    """Whether every row was in the database in the end."""
    wall_seconds: float
    """From the first event to the last row."""
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        """Calls per second, as it went here and now."""
        return self.shown / self.wall_seconds

    @property
    def per_core(self) -> float:
        """Calls per second of the process's own CPU time."""
        return self.shown / self.cpu_seconds


async def measure(system: System) -> Sustained:
    """Ring phone after phone, at most `AT_ONCE` without their card; everything is over when it returns."""
    numbers = callers()
    waiting: set[str] = set()
    begun = shown = 0
    cpu, began = system.program.cpu_seconds, time.perf_counter()
    deadline = began + LATE_SECONDS
    while (begun < CALLS or waiting) and time.perf_counter() < deadline:
        while begun < CALLS and len(waiting) < AT_ONCE:
            agent = system.agents[begun % system.connected]
            call = system.caller.call(numbers[(begun * 7) % len(numbers)], agent.extension)
            waiting.add(call_id("main", call.uniqueid))
            system.pbx.begin(call, 0.0)
            begun += 1
        await asyncio.sleep(LOOK_SECONDS)
        came = waiting.intersection(call for call, _ in (await system.order(shown=True))["shown"])
        waiting -= came
        shown += len(came)
    await asyncio.gather(*system.pbx.running)
    written = await _written(system, deadline)
    return Sustained(shown, written, time.perf_counter() - began, system.program.cpu_seconds - cpu)


async def _written(system: System, deadline: float) -> bool:
    """Wait until no row waits for the database; False when that takes too long."""
    while time.perf_counter() < deadline:
        text = (await processes.get(system.port, "/metrics")).decode()
        waiting = [line for line in text.splitlines() if line.startswith("callcard_unwritten_calls ")]
        if waiting and float(waiting[0].split()[1]) == 0:
            return True
        await asyncio.sleep(LOOK_SECONDS)
    return False
