"""The strip of the board: what it says of a link, and that it is silent where nothing happens."""

from dataclasses import replace

import pytest

from screenpop.messages import BoardPops
from screenpop.strip import RECENT_SECONDS, RecentPops, Strip
from telephony.lag import LinkHealth
from telephony.records import LinkChange
from tests.screenpop.scenes import T0

HEALTH = LinkHealth(up=True, lag_seconds=0.004, events_per_second=3.26, events=10, bad=1, reconnects=2)


def connected() -> Strip:
    strip = Strip()
    strip.apply(LinkChange(T0, "main", up=True))
    strip.look("main", HEALTH, T0 + 1)
    return strip


def test_a_link_tells_how_it_does() -> None:
    link = connected().entries()["main"]
    assert (link.up, link.late_since, link.lag_seconds, link.events_per_second) == (True, None, 0.0, 3.3)
    assert (link.bad, link.reconnects, link.pops) == (1, 2, BoardPops())


def test_a_pbx_at_rest_changes_nothing() -> None:
    strip = connected()
    assert not strip.look("main", replace(HEALTH, lag_seconds=0.0031, events=14), T0 + 2)
    assert strip.look("main", replace(HEALTH, lag_seconds=0.31), T0 + 3)


def test_a_late_link_says_since_when_and_a_lost_one_is_not_late() -> None:
    strip = connected()
    assert strip.look("main", replace(HEALTH, lag_seconds=3.14, late_since=T0 + 5), T0 + 6)
    link = strip.entries()["main"]
    assert (link.late_since, link.lag_seconds) == ("2025-11-21T19:40:05.000Z", 3.1)
    strip.apply(LinkChange(T0 + 9, "main", up=False, reason="the PBX has been silent for 15 s"))
    strip.look("main", replace(HEALTH, up=False, late_since=T0 + 5), T0 + 10)
    link = strip.entries()["main"]
    assert (link.up, link.late_since, link.since) == (False, None, "2025-11-21T19:40:09.000Z")
    assert link.reason == "the PBX has been silent for 15 s"


def test_a_pbx_that_never_answered_is_there_and_away() -> None:
    strip = Strip()
    assert strip.entry("main") is None
    strip.look("main", LinkHealth(), T0)
    link = strip.entry("main")
    assert link is not None
    assert (link.up, link.since) == (False, "2025-11-21T19:40:00.000Z")


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        ([0.004], (4.0, 4.0, 4.0)),
        ([0.002, 0.010], (2.0, 10.0, 10.0)),
        ([number / 1000 for number in range(100, 0, -1)], (50.0, 95.0, 99.0)),
    ],
)
def test_cards_of_the_last_minutes_in_quantiles(seconds: list[float], told: tuple[float, float, float]) -> None:
    pops = RecentPops()
    for one in seconds:
        pops.note(T0, one)
    found = pops.figures(T0 + RECENT_SECONDS)
    assert (found.count, found.p50_ms, found.p95_ms, found.p99_ms) == (len(seconds), *told)
    assert pops.figures(T0 + RECENT_SECONDS + 1) == BoardPops()


def test_a_card_is_counted_at_its_pbx() -> None:
    strip = connected()
    strip.popped("branch", T0, 0.005)
    strip.look("branch", HEALTH, T0 + 1)
    assert {pbx: link.pops.count for pbx, link in strip.entries().items()} == {"main": 0, "branch": 1}
