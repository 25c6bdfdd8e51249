"""What the table says of the AMI stream."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from bench import day, peers, reducer, resync
from bench.figures import judged, times
from bench.reducer import Throughput

FASTEST: Final = 100_000
"""Mixed events a second and core, at least."""
BUDGETS: Final = {reducer.NAMED: 6, **dict.fromkeys(peers.NAMES, 8)}
"""How many times as fast as a peer the stream has to be."""

Row = tuple[str, str, str, str, str]
"""What, our figure, its budget, what stands beside it, the ratio."""


def rows(measured: Throughput) -> Iterator[Row]:
    """Tell how fast the stream is, where the time goes, and how it fares when it is long or begins anew."""
    mine = measured.rate(reducer.OURS)
    what = "AMI events/s per core, framing + reducer"
    for peer in (reducer.NAMED, reducer.ALL, *peers.NAMES):
        if peer not in measured.passes:
            yield what, f"{mine:,.0f}", "", f"{peer}: not measured (Node is missing, or it failed)", ""
            continue
        theirs = measured.rate(peer)
        budget = judged(f">= {FASTEST:,}/s", mine >= FASTEST) if peer == reducer.NAMED else ""
        if (least := BUDGETS.get(peer)) is not None:
            budget += ", " * bool(budget) + judged(f">= {least}x", mine >= least * theirs)
        yield what, f"{mine:,.0f}", budget, f"{peer} {theirs:,.0f}", times(mine, theirs)
    stages = [measured.per_event(name) for name in (reducer.FRAMING, reducer.EVENTS_READ, reducer.OURS)]
    own = (stages[0], *(later - earlier for earlier, later in pairwise(stages)))
    share = measured.picked / measured.events
    what = f"of it: framing + typed event + reducer, µs per event ({share:.0%} are picked)"
    yield what, " + ".join(f"{max(0.0, each):.1f}" for each in own), "", "", ""
    yield from _resync(measured)
    yield _half_hour(measured)


def _resync(measured: Throughput) -> Iterator[Row]:
    for when, seconds in (("the link was away", measured.resync.again), ("a start", measured.resync.fresh)):
        what = f"list of {resync.CHANNELS:,} channels read and merged after {when}"
        yield what, f"{seconds * 1000:.0f} ms", judged("< 1 s", seconds < 1), "", ""


def _half_hour(measured: Throughput) -> Row:
    lived = measured.half_hour
    what = (
        f"half an hour at {day.RATE:.0f} calls/s in simulated time ({lived.calls:,} calls, {lived.events:,} events,"
        f" up to {lived.most_at_once} calls at once): memory at the start and after each quarter"
    )
    memory = " / ".join(f"{each / 1024 / 1024:.0f}" for each in lived.memory)
    told = f"{memory} MB, {lived.ended:,} rows, {lived.surprises} surprises"
    met = lived.ended == lived.calls and lived.memory[-1] <= day.FLAT * lived.memory[1]
    return what, told, judged("flat, a row each", met), "", f"{lived.seconds:.0f} s of CPU"
