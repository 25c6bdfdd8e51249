"""`python -m bench` prints the table; `--write` also puts it into README."""

import argparse
import asyncio
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from uvloop import Loop

from bench import pops, processes, reducer, starting
from bench.database import prepare
from bench.table import machine, table

BEGIN: Final = "<!-- bench -->"
END: Final = "<!-- /bench -->"
LONGEST_SECONDS: Final = 15 * 60
README: Final = Path("README.md")


async def run() -> str:
    """Measure everything, one thing after the other; return the block for README."""
    load = os.getloadavg()[0]
    _say("preparing the database (kept in var/bench)")
    folder, agents = await prepare()
    _say("events per second")
    throughput = reducer.measure()
    _say("starts")
    starts = await starting.measure(folder, agents)
    _say("ring event to card")
    ours, _ = await pops.start_ours(folder, agents)
    floor, _ = await pops.start_floor(folder, agents)
    result = await pops.measure(ours, floor)
    day = datetime.fromtimestamp(time.time(), UTC).date().isoformat()
    return "\n".join([*table(result, throughput, starts), "", f"Measured {day} on {machine(load)}"])


async def bounded() -> str:
    """Run everything, at most `LONGEST_SECONDS`, and leave no process behind."""
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            return await run()
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
    chosen = parser.parse_args()
    with asyncio.Runner(loop_factory=Loop) as runner:
        block = runner.run(bounded())
    sys.stdout.write(f"{block}\n")
    if chosen.write:
        write(block)


def _say(what: str) -> None:
    sys.stderr.write(f"bench: {what}\n")


if __name__ == "__main__":
    main()
