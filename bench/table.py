"""The table that README shows: each figure beside its budget, and its floor or peer from the same run."""

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import stream
from bench.database import CLIENTS, TIMES
from bench.figures import judged, percentile, percentiles, times
from bench.pages import Weight
from bench.pops import FEW, LIVE, MANY, RATES, WORST, Load, Result, System
from bench.reducer import Throughput
from bench.sustained import Sustained

BUSY = 2.0
"""A load average from which the figures are those of a busy machine."""
NOT_HERE: Final = "not measured here"
BARE: Final = "bare chain"


@dataclass(frozen=True, slots=True)
class OnPostgreSQL:
    """Callcard on PostgreSQL, beside the bare chain on SQLite."""

    load: Load
    floor: Load
    sustained: Sustained


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that was measured."""

    result: Result
    throughput: Throughput
    starts: tuple[float, float]
    large_start: float | None
    """Seconds to be ready with `TIMES` as many clients, where asked for."""
    sustained: Sustained
    postgresql: OnPostgreSQL | None
    weight: Weight


def machine(load: float) -> str:
    """Describe where the figures were measured."""
    processor = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    names = (line.partition(":")[2].strip() for line in processor if "model name" in line)
    model = next(names, platform.machine())
    python = platform.python_version()
    text = f"{os.cpu_count()} cores ({model}), Python {python}, load average {load:.1f} before the run."
    return f"{text} Other jobs were running: trust the ratios." if load >= BUSY else text


def table(all_of: Figures) -> Iterator[str]:
    """Write the table, line by line."""
    result = all_of.result
    yield "| what | Callcard | budget | beside it, same run | ratio |"
    yield "|---|---|---|---|---|"
    for agents in (FEW, MANY):
        for rate in RATES:
            yield _pops(result, agents, rate)
    yield _pops(result, MANY, WORST, burst=True)
    yield from _postgresql(all_of.postgresql)
    yield _sustained("SQLite", 200, all_of.sustained)
    yield _processor(result)
    yield _line(
        "event loop blocked for more than 20 ms, during all of the above on SQLite", f"{result.blocked} times",
        judged("never", result.blocked == 0),
    )  # fmt: skip
    yield from _events(all_of.throughput)
    yield from _memory(result.ours, result.floor)
    yield from _starts(all_of.starts, all_of.large_start)
    kilobytes = all_of.weight.bytes / 1024
    what = f"agent's desk at the first visit, {all_of.weight.files} files as they travel"
    yield _line(what, f"{kilobytes:.0f} kB", judged("<= 200 kB", kilobytes <= 200))  # noqa: PLR2004 - the budget


def _line(what: str, ours: str, budget: str = "", beside: str = "", ratio: str = "") -> str:
    return f"| {what} | {ours} | {budget} | {beside} | {ratio} |"


def _pops(result: Result, agents: int, rate: int, *, burst: bool = False) -> str:
    ours, floor = (system.loads[agents, rate, burst] for system in (result.ours, result.floor))
    what = f"ring event to card, {agents} agents, {rate} call{'s' if rate > 1 else ''}/s: p50 / p95 / p99 ms"
    if burst:
        what = f"the same, the ring event in one burst with all before it, {agents} agents, {rate} calls/s"
    p50, p99 = (percentile(ours.seconds, share) * 1000 for share in (0.5, 0.99))
    beside = percentile(floor.seconds, 0.5) * 1000
    budget = ""
    if (agents, rate, burst) == (MANY, WORST, False):
        bounds = (("p50 <= 1", p50 <= 1), ("p99 <= 10", p99 <= 10), ("<= 2x", p50 <= 2 * beside))  # noqa: PLR2004 - the budget
        budget = ", ".join(judged(text, met) for text, met in bounds)
    return _line(what, _shown(ours), budget, f"{BARE} {percentiles(floor.seconds)}", times(p50, beside))


def _shown(load: Load) -> str:
    lost = load.calls - len(load.seconds)
    return percentiles(load.seconds) + (f", {lost} of {load.calls} lost" if lost else "")


def _postgresql(measured: OnPostgreSQL | None) -> Iterator[str]:
    what = f"ring event to card on PostgreSQL, {MANY} agents, {WORST} calls/s: p50 / p95 / p99 ms"
    if measured is None:
        yield _line(what, NOT_HERE, "p50 <= 2")
        yield _line("sustained pops, everything written, PostgreSQL", NOT_HERE, ">= 300/s per core")
        return
    p50, beside = (percentile(one.seconds, 0.5) * 1000 for one in (measured.load, measured.floor))
    budget = judged("p50 <= 2", p50 <= 2)  # noqa: PLR2004 - the budget
    floor = f"{BARE} on SQLite {percentiles(measured.floor.seconds)}"
    yield _line(what, _shown(measured.load), budget, floor, times(p50, beside))
    yield _sustained("PostgreSQL", 300, measured.sustained)


def _sustained(database: str, budget: int, measured: Sustained) -> str:
    text = f"{measured.per_core:.0f}/s per core of its own CPU time, {measured.per_second:.0f}/s as it went"
    if not measured.written:
        text += ", **not everything written**"
    met = measured.written and measured.per_core >= budget
    return _line(f"sustained pops, everything written, {database}", text, judged(f">= {budget}/s per core", met))


def _processor(result: Result) -> str:
    ours, floor = (system.loads[MANY, WORST, False].core for system in (result.ours, result.floor))
    what = f"CPU at {WORST} calls/s, {MANY} agents"
    return _line(what, f"{ours:.0%} of a core", "", f"{BARE} {floor:.0%}", times(ours, floor))


def _events(throughput: Throughput) -> Iterator[str]:
    for row in stream.rows(throughput):
        yield _line(*row)


def _memory(ours: System, floor: System) -> Iterator[str]:
    mine, bare = (system.agent_bytes / 1024 for system in (ours, floor))
    budget = judged("<= 20 kB", mine <= 20)  # noqa: PLR2004 - the budget
    yield _line("memory per further agent", f"{mine:.1f} kB", budget, f"{BARE} {bare:.1f} kB", times(mine, bare))
    mine, bare = (system.rss / 1024 / 1024 for system in (ours, floor))
    budget = judged("<= 250 MB", mine <= 250)  # noqa: PLR2004 - the budget
    what = f"memory (RSS) with {MANY} agents and {LIVE} live calls, after all calls"
    yield _line(what, f"{mine:.0f} MB", budget, f"{BARE} {bare:.0f} MB", times(mine, bare))


def _starts(starts: tuple[float, float], large: float | None) -> Iterator[str]:
    ours, floor = starts
    what = f"start with {CLIENTS:,} clients: exec to ready"
    yield _line(what, f"{ours:.2f} s", "", f"{BARE} {floor:.2f} s", times(ours, floor))
    what = f"start with {CLIENTS * TIMES:,} clients"
    if large is None:
        yield _line(what, f"{NOT_HERE}: `python -m bench --million`", "< 2 s")
    else:
        yield _line(what, f"{large:.2f} s", judged("< 2 s", large < 2))  # noqa: PLR2004 - the budget
