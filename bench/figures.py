"""How figures are boiled down and written."""

import math
from collections.abc import Sequence
from statistics import median


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` (0..1) of all values do not exceed (nearest rank); 0 of none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def percentiles(seconds: Sequence[float]) -> str:
    """Write p50 / p95 / p99 of some durations in milliseconds."""
    if not seconds:
        return "-"
    return " / ".join(f"{percentile(seconds, share) * 1000:.2f}" for share in (0.50, 0.95, 0.99))


def times(ours: float, theirs: float) -> str:
    """Write how many times ours is theirs."""
    return f"{ours / theirs:.1f}x" if theirs else "-"


def middle(values: Sequence[float]) -> float:
    """Return the median."""
    return median(values)


def judged(budget: str, met: bool) -> str:  # noqa: FBT001 - the verdict
    """Write a budget with what became of it."""
    return f"{budget}: {'met' if met else '**missed**'}"
