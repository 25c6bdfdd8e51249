"""Figures for Prometheus."""

import re

from telephony.simulator.day import direct_number
from telephony.simulator.server import AmiServer
from tests.web.serving import Running, hear_until


def figures(text: str) -> dict[str, float]:
    """Read Prometheus' text format: name with labels -> value."""
    lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


async def test_a_pop_is_counted_and_timed(with_pbx: Running, pbx: AmiServer) -> None:
    async with with_pbx.live("ana", "pops") as socket:
        pbx.act(lambda world: world.inbound("+33601020304", direct_number("2001")))
        await hear_until(socket, "pop.show")
        answer = await with_pbx.ask("GET", "/metrics", who=None)
        found = figures(answer.text)
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert found["callcard_pop_latency_seconds_count"] == 1
        assert found["callcard_open_sockets"] == 1
        assert found['callcard_ami_up{pbx="main"}'] == 1
        assert found['callcard_ami_events_total{pbx="main"}'] > 0
        assert found['callcard_ami_bad_blocks_total{pbx="main"}'] == 0
        assert found["callcard_lost_writes"] == 0
    assert not re.search(r"33601020304|ana", answer.text), "figures tell nothing about people"


async def test_figures_are_there_without_a_pbx(service: Running) -> None:
    found = figures((await service.ask("GET", "/metrics", who=None)).text)
    assert {"callcard_loop_blocked_total", "callcard_database_errors_total", "callcard_open_sockets"} <= found.keys()
