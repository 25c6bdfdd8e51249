"""The table that README shows."""

import os
import platform
from collections.abc import Iterator
from pathlib import Path

from bench import stream
from bench.database import CLIENTS
from bench.figures import percentile, percentiles, times
from bench.pops import FEW, MANY, RATES, WORST, Result, System
from bench.reducer import Throughput

BUSY = 2.0
"""A load average from which the figures are those of a busy machine."""


def machine(load: float) -> str:
    """Describe where the figures were measured."""
    processor = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    names = (line.partition(":")[2].strip() for line in processor if "model name" in line)
    model = next(names, platform.machine())
    python = platform.python_version()
    text = f"{os.cpu_count()} cores ({model}), Python {python}, load average {load:.1f} before the run."
    return f"{text} Other jobs were running: trust the ratios." if load >= BUSY else text


def table(result: Result, throughput: Throughput, starts: tuple[float, float]) -> Iterator[str]:
    """Write the table, line by line."""
    yield "| what | Callcard | beside it, same run | ratio |"
    yield "|---|---|---|---|"
    for agents in (FEW, MANY):
        for rate in RATES:
            yield _pops(result, agents, rate)
    yield _pops(result, MANY, WORST, burst=True)
    yield _processor(result)
    yield f"| event loop blocked for more than 20 ms, during all of the above | {result.blocked} times | | |"
    yield from _events(throughput)
    yield from _memory(result.ours, result.floor)
    what = f"start with {CLIENTS:,} clients: exec to ready"
    yield f"| {what} | {starts[0]:.2f} s | bare chain {starts[1]:.2f} s | {times(*starts)} |"


def _pops(result: Result, agents: int, rate: int, *, burst: bool = False) -> str:
    ours, floor = (system.loads[agents, rate, burst] for system in (result.ours, result.floor))
    what = f"ring event to card, {agents} agents, {rate} call{'s' if rate > 1 else ''}/s: p50 / p95 / p99 ms"
    if burst:
        what = f"the same, the ring event in one burst with all before it, {agents} agents, {rate} calls/s"
    lost = ours.calls - len(ours.seconds)
    mine = percentiles(ours.seconds) + (f", {lost} of {ours.calls} lost" if lost else "")
    ratio = times(percentile(ours.seconds, 0.5), percentile(floor.seconds, 0.5))
    return f"| {what} | {mine} | bare chain {percentiles(floor.seconds)} | {ratio} |"


def _processor(result: Result) -> str:
    ours, floor = (system.loads[MANY, max(RATES), False].core for system in (result.ours, result.floor))
    what = f"CPU at {max(RATES)} calls/s, {MANY} agents"
    return f"| {what} | {ours:.0%} of a core | bare chain {floor:.0%} | {times(ours, floor)} |"


def _events(throughput: Throughput) -> Iterator[str]:
    for what, ours, budget, beside, ratio in stream.rows(throughput):
        yield f"| {what} | {ours} | {'; '.join(filter(None, (beside, budget)))} | {ratio} |"


def _memory(ours: System, floor: System) -> Iterator[str]:
    mine, bare = (system.agent_bytes / 1024 for system in (ours, floor))
    yield f"| memory per further agent | {mine:.1f} kB | bare chain {bare:.1f} kB | {times(mine, bare)} |"
    mine, bare = (system.rss_after / 1024 / 1024 for system in (ours, floor))
    what = f"memory (RSS) with {MANY} agents after all calls"
    yield f"| {what} | {mine:.0f} MB | bare chain {bare:.0f} MB | {times(mine, bare)} |"
