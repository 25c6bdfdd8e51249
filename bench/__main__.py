"""`python -m bench` prints the table; `--write` also puts it into README."""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from uvloop import Loop

from bench import pages, pops, processes, reducer, starting, sustained
from bench.database import Agent, kept_file, million, prepare
from bench.pops import System
from bench.postgresql import filled
from bench.table import Figures, OnPostgreSQL, machine, table

BEGIN: Final = "<!-- bench -->"
END: Final = "<!-- /bench -->"
LONGEST_SECONDS: Final = 15 * 60
README: Final = Path("README.md")


async def run(*, with_million: bool) -> str:
    """Measure everything, one thing after the other; return the block for README."""
    load = os.getloadavg()[0]
    _say("preparing the database (kept in var/bench)")
    folder, agents = await prepare()
    _say("events per second")
    throughput = reducer.measure()
    _say("starts")
    starts = await starting.measure(folder, agents)
    large = await starting.measure_large(await million(kept_file()), agents) if with_million else None
    _say("ring event to card")
    ours, _ = await pops.start_ours(folder, agents)
    floor, _ = await pops.start_floor(folder, agents)
    result = await pops.measure(ours, floor)
    _say("sustained")
    flood = await sustained.measure(ours)
    weight = await pages.weigh(ours, agents)
    await ours.stop()
    _say("the same on PostgreSQL")
    postgresql = await on_postgresql(folder, agents, floor)
    figures = Figures(result, throughput, starts, large, flood, postgresql, weight)
    day = datetime.fromtimestamp(time.time(), UTC).date().isoformat()
    return "\n".join([*table(figures), "", f"Measured {day} on {machine(load)}"])


async def on_postgresql(folder: Path, agents: Sequence[Agent], floor: System) -> OnPostgreSQL | None:
    """Measure Callcard on a PostgreSQL of its own; None where there is none."""
    async with filled(kept_file()) as url:
        if url is None:
            return None
        place = folder / "postgresql"
        place.mkdir()
        ours, _ = await pops.start_ours(place, agents, url)
        load, beside = await pops.measure_side_by_side(ours, floor)
        flood = await sustained.measure(ours)
        await ours.stop()
        return OnPostgreSQL(load, beside, flood)


async def bounded(*, with_million: bool) -> str:
    """Run everything, at most `LONGEST_SECONDS`, and leave no process behind."""
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            return await run(with_million=with_million)
    finally:
        await processes.stop_all()


def write(block: str) -> None:
    """Put the block between README's marks."""
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}\n{block}\n{END}{after}", encoding="utf-8")


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Callcard.")
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    parser.add_argument("--million", action="store_true", help="also start with 1,000,000 clients (made once, 400 MB)")
    chosen = parser.parse_args()
    with asyncio.Runner(loop_factory=Loop) as runner:
        block = runner.run(bounded(with_million=chosen.million))
    sys.stdout.write(f"{block}\n")
    if chosen.write:
        write(block)


def _say(what: str) -> None:
    sys.stderr.write(f"bench: {what}\n")


if __name__ == "__main__":
    main()
