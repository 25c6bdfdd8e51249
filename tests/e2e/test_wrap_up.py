"""The work after a queue's call on a real Asterisk: the member is paused, the next caller goes elsewhere."""

import signal

import pytest

from tests.e2e.api import Api, Row
from tests.e2e.conftest import Node, Plug
from tests.e2e.phones import Phone

pytestmark = pytest.mark.e2e

SUPPORT = "74950000003"
WRAP_UP = "wrap-up"


async def pause_of(api: Api, extension: str) -> str | None:
    """Return why the PBX pauses a member of the queue; None: it does not."""
    queues: list[Row] = (await api.get("queues"))["items"]
    (support,) = [queue for queue in queues if queue["name"] == "support"]
    (member,) = [one for one in support["members"] if one["extension"] == extension]
    return str(member["paused_reason"]) if member["paused"] else None


async def state_of(api: Api, user: str) -> str:
    return str(next(agent["state"] for agent in (await api.get("agents"))["items"] if agent["id"] == user))


async def test_a_demanded_result_keeps_the_next_caller_from_the_agent(node: Node, plug: Plug, trunk: Phone) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    async with node.api() as root, node.api("ana") as api, node.live("ana") as live:
        await root.put("queue-settings/support", result_required=True)
        claire = await trunk.dial(SUPPORT, caller="+33601020304")
        agent = await ana.next_call()
        await bruno.next_call()
        await agent.answer()
        await api.talking()
        await claire.hang_up()
        told = await live.wait_for("pop.update", status="wrap_up")
        assert told["wrap_up"]["result_required"]
        await api.until(lambda: pause_of(root, "2001"), lambda reason: reason == WRAP_UP)

        second = await trunk.dial(SUPPORT, caller="+33601020305")
        offered = await bruno.next_call()
        assert ana.calls.empty()
        await api.patch(f"calls/{told['call_id']}", disposition="sold")
        await api.until(lambda: pause_of(root, "2001"), lambda reason: reason is None)
        offered.decline(486)
        again = await ana.next_call()  # the queue's next round rings her too
        await second.hang_up()
        await again.wait_ended()


async def test_a_killed_service_goes_on_and_lets_the_agent_go(node: Node, plug: Plug, trunk: Phone) -> None:
    ana = await plug("2001")
    async with node.api() as root, node.api("ana") as api:
        await root.put("queue-settings/support", wrap_up_seconds=600, pause_in_wrap_up=True)
        async with node.live("ana") as live:
            claire = await trunk.dial(SUPPORT, caller="+33601020304")
            agent = await ana.next_call()
            await agent.answer()
            await api.talking()
            await claire.hang_up()
            await live.wait_for("pop.update", status="wrap_up")
            await api.until(lambda: pause_of(root, "2001"), lambda reason: reason == WRAP_UP)
        node.callcard.stop(signal.SIGKILL)
        node.callcard.start()
        await api.until(lambda: state_of(root, "ana"), lambda state: state == "wrap_up")
        async with node.live("ana") as live:
            (snapshot,) = live.of("snapshot")
            (pop,) = snapshot["state"]["pops"]
            assert (pop["status"], pop["wrap_up"]["paused"]) == ("wrap_up", True)
            assert await pause_of(root, "2001") == WRAP_UP
            await api.post("agents/ana/ready")
            await api.until(lambda: pause_of(root, "2001"), lambda reason: reason is None)
