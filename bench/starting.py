"""How long a start takes: from exec to the first 200 of `/readyz`, beside the bare chain, in turns."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.database import Agent
from bench.figures import middle
from bench.pops import start_floor, start_ours

STARTS: Final = 3


async def measure(folder: Path, agents: Sequence[Agent]) -> tuple[float, float]:
    """Return the median seconds of Callcard's start and of the bare chain's."""
    ours: list[float] = []
    floor: list[float] = []
    for _ in range(STARTS):
        for start, taken in ((start_ours, ours), (start_floor, floor)):
            system, seconds = await start(folder, agents)
            taken.append(seconds)
            await system.stop()
    return middle(ours), middle(floor)


async def measure_large(folder: Path, agents: Sequence[Agent]) -> float:
    """Return the median seconds of Callcard's start on a large database."""
    taken: list[float] = []
    for _ in range(STARTS):
        system, seconds = await start_ours(folder, agents)
        taken.append(seconds)
        await system.stop()
    return middle(taken)
