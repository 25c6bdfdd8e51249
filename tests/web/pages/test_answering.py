"""The card's Answer button: the desk phone is told to take the call, where it rings and for whom it rings."""

from telephony.simulator.server import AmiServer
from tests.web.serving import Running, hear_until


async def test_a_ringing_desk_phone_is_answered_from_the_page(with_pbx: Running, pbx: AmiServer) -> None:
    async with with_pbx.live("ana", "pops") as socket:
        await hear_until(socket, "snapshot")
        pbx.act(lambda world: world.inbound("+33601020304", "74950002001"))
        call_id = (await hear_until(socket, "pop.show"))["call_id"]
        assert (await with_pbx.ask("POST", f"live/{call_id}/answer", who="bruno")).status == 403
        assert (await with_pbx.ask("POST", f"live/{call_id}/answer", json={"extension": "2002"})).status == 403
        assert (await with_pbx.ask("POST", f"live/{call_id}/answer", json={"extension": "1\r\n2"})).status == 403
        assert (await with_pbx.ask("POST", f"live/{call_id}/answer")).status == 204
        await hear_until(socket, "pop.update", status="talking")
        assert (await with_pbx.ask("POST", f"live/{call_id}/hangup")).status == 204
        await hear_until(socket, "pop.update", status="wrap_up")
    assert (await with_pbx.ask("POST", f"live/{call_id}/answer")).status == 409
    assert (await with_pbx.ask("POST", "live/nothing/answer")).status == 404
