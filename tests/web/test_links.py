"""How the links to the PBXs do, told to whoever asks: board, pages, figures and the log."""

import logging

import pytest

from screenpop.messages import BoardLink
from telephony.lag import ALARM_SECONDS
from telephony.simulator.day import direct_number
from telephony.simulator.server import AmiServer
from tests.web.serving import Running, hear, hear_until
from tests.web.test_metrics import figures
from web.link_watch import LinkWatch

LINK = set(BoardLink.__struct_fields__)


async def test_board_page_and_figures_tell_the_same_of_a_link(with_pbx: Running, pbx: AmiServer) -> None:
    async with with_pbx.live("ana", "pops") as agent, with_pbx.live("sam", "board") as board:
        first = await hear(board)
        assert set(first["state"]["links"]) <= {"main"}
        pbx.act(lambda world: world.inbound("+33601020304", direct_number("2001")))
        await hear_until(agent, "pop.show")
        link: dict[str, object] = {}
        while not (link.get("up") and link["pops"]["count"] == 1):  # type: ignore[index] # JSON as it came
            frame = await hear(board)
            link = frame["links"]["set"].get("main", link) if frame["type"] == "board.delta" else link
        assert set(link) == LINK
    told = (await with_pbx.ask("GET", "board", "sam")).body["links"]["main"]
    assert (told["up"], told["late_since"], told["bad"], told["pops"]["count"]) == (True, None, 0, 1)
    status = (await with_pbx.ask("GET", "/status")).body
    assert set(status["links"]["main"]) == LINK
    assert status["checks"]["pbx main"] == "up"
    found = figures((await with_pbx.ask("GET", "/metrics", who=None)).text)
    assert found['callcard_ami_late{pbx="main"}'] == 0
    assert found['callcard_ami_events_per_second{pbx="main"}'] >= 0
    told = (await with_pbx.ask("GET", "board", "sam")).body["links"]["main"]["pops"]
    assert found['callcard_pop_recent_seconds{pbx="main",quantile="0.99"}'] == pytest.approx(told["p99_ms"] / 1000)


async def test_a_late_link_is_one_line_when_it_begins_and_one_when_it_ends(
    with_pbx: Running, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "web.link_watch")
    parts = with_pbx.node.services
    tracker = parts.trackers["main"]
    now = parts.clock()
    watch = LinkWatch(parts.trackers, parts.service, lambda: now)
    tracker.meter.note(now, now - 1.0)
    for second in range(60):
        now += 1
        # Events that happened four seconds before, by a clock that is one second behind; then in time again.
        tracker.meter.note(now, now - (5.0 if second < 20 else 1.0))
        tracker.meter.handled(now)
        watch.look()
        if second == ALARM_SECONDS + 2:
            link = (await with_pbx.ask("GET", "/status")).body["links"]["main"]
            assert (link["up"], link["lag_seconds"]) == (True, 4.0)
            assert link["late_since"] is not None
    assert [line.getMessage() for line in caplog.records] == [
        "PBX main is late: its events are worked on 4.0 s after they happened",
        "PBX main is no longer late, after 20 s",
    ]


async def test_without_a_pbx_there_are_no_links(service: Running) -> None:
    assert (await service.ask("GET", "/status")).body["links"] == {}
