"""Commands for a PBX that another node watches: they travel over the bus, and what became of them comes back."""

from collections.abc import Callable

import pytest

from telephony import orders
from telephony.links import AmiError
from telephony.simulator.server import AmiServer
from telephony.tracker import Tracker
from tests.web.serving import Running
from tests.web.test_control import ask, card, order, row, steps, talk


@pytest.fixture
def elsewhere(with_pbx: Running) -> Callable[[], Tracker]:
    """Take the PBX away from this node's browsers: from then on another node watches it."""

    def away() -> Tracker:
        parts = with_pbx.node.services
        assert isinstance(parts.trackers, dict)
        tracker: Tracker = parts.trackers.pop("main")

        async def carry(frame: bytes) -> bytes:
            wanted = orders.decode_order(frame)
            assert wanted is not None
            return orders.encode(await orders.carry_out(tracker if wanted.pbx == "main" else None, wanted))

        parts.bus.carry(carry)
        return tracker

    return away


async def test_commands_are_carried_out_where_the_pbx_is_watched(
    with_pbx: Running, pbx: AmiServer, elsewhere: Callable[[], Tracker]
) -> None:
    async with talk(with_pbx, pbx) as (call, _):
        tracker = elsewhere()
        await order(with_pbx, call, "hold")
        await card(with_pbx, "ana", lambda card: card.live.held)
        refused = await ask(with_pbx, call, "complete")
        assert (refused.status, refused.body["detail"]) == (409, "The PBX refused: nobody is consulted")
        unknown = await ask(with_pbx, call, "transfer", to="bad number!", kind="blind")
        assert unknown.status == 422
        await order(with_pbx, call, "unhold")
        await row(with_pbx, call, lambda row: steps(row)[-1] == "unhold")
        assert (await with_pbx.ask("POST", "agents/ana/pause", json={"reason": "lunch"})).status == 204
        dialled = await with_pbx.ask("POST", "dial", who="bruno", json={"to": CLAIRES_OTHER})
        assert (dialled.status, dialled.body["extension"]) == (201, "2002")
        tracker.connected = False
        gone = await ask(with_pbx, call, "hangup")
        assert (gone.status, gone.body["detail"]) == (503, "The PBX cannot be reached at the moment.")
        tracker.connected = True
        with_pbx.node.services.bus.carry(None)
        nobody = await ask(with_pbx, call, "hangup")
        assert (nobody.status, nobody.body["detail"]) == (503, "No node watches the PBX main at the moment.")


CLAIRES_OTHER = "+33601020309"


def test_every_command_is_one_of_the_tracker_and_nothing_else_is_ordered() -> None:
    assert all(callable(getattr(Tracker, command)) for command in orders.COMMANDS)
    frame = orders.encode(orders.Order("main", "run"))
    assert orders.decode_order(frame) is None
    assert orders.decode_order(b"\xff") is None


@pytest.mark.parametrize("nonsense", [b"", b"[]", b'{"result": 1}'])
def test_another_version_is_told(nonsense: bytes) -> None:
    with pytest.raises(AmiError, match="another version"):
        orders.result_of(nonsense)


async def test_arguments_of_another_version_are_told() -> None:
    class Watched(Tracker):
        connected = True

        def __init__(self) -> None:
            """Watch nothing: only what is asked of it counts."""

    report = await orders.carry_out(Watched(), orders.Order("main", "hold", ("call",), {"colour": "red"}))
    assert (report.error, report.text.startswith("nodes of different versions")) == ("AmiError", True)
