"""Controlling calls through the API on the simulated PBX: what was asked is done, and the row and the card tell it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest

from telephony.simulator.pbx import Pbx
from telephony.simulator.server import AmiServer
from telephony.simulator.switch import Channel, DeviceState, Reaction
from tests.web.serving import DEADLINE, Answer, Json, Running, hear_until

DIRECT, SUPPORT, SALES = "74950002001", "74950000003", "74950000004"
CLAIRE = "+33601020304"


async def until(ask: Callable[[], Awaitable[Json]], happened: Callable[[Json], object]) -> Json:
    async with asyncio.timeout(DEADLINE):
        while not happened(answer := await ask()):  # noqa: ASYNC110 - what is asked tells no event
            await asyncio.sleep(0.02)
    return answer


@asynccontextmanager
async def talk(service: Running, pbx: AmiServer, did: str = DIRECT) -> AsyncIterator[tuple[str, Channel]]:
    """Let Claire call and Ana answer; gives the call's id and Claire's channel."""
    async with service.live("ana", "pops") as socket:
        await hear_until(socket, "snapshot")
        claire = pbx.act(lambda world: world.inbound(CLAIRE, did))
        call = (await hear_until(socket, "pop.show"))["call_id"]
        assert pbx.act(lambda world: world.answer("2001"))
        await hear_until(socket, "pop.update", status="talking")
        yield call, claire


async def ask(service: Running, call: str, what: str, who: str = "ana", **body: Json) -> Answer:
    return await service.ask("POST", f"live/{call}/{what}", who=who, json=body)


async def order(service: Running, call: str, what: str, who: str = "ana", **body: Json) -> None:
    answer = await ask(service, call, what, who, **body)
    assert answer.status == 204, answer.text


async def row(service: Running, call: str, happened: Callable[[Json], object]) -> Json:
    async def read() -> Json:
        return (await service.ask("GET", f"calls/{call}", who="root")).body

    return await until(read, happened)


def steps(call: Json) -> list[str]:
    return [step["what"] for step in call["timeline"]]


async def card(service: Running, who: str, happened: Callable[[Json], object]) -> Json:
    """Give the newest card of an agent once it looks so."""

    async def read() -> Json:
        pops = service.node.services.service.pops_snapshot(who).state.pops
        return pops[-1].card if pops else None

    return await until(read, happened)


async def rings(pbx: AmiServer, extension: str) -> None:
    async def state() -> DeviceState:
        return pbx.pbx.switch.phones[extension].state

    await until(state, lambda state: state is DeviceState.RINGING)


def answers(pbx: AmiServer, extension: str) -> None:
    """Let a phone take whatever rings it."""
    phone = pbx.pbx.switch.phones[extension]
    phone.reaction = phone.click_reaction = lambda: Reaction(answer_after=0.05)


@pytest.mark.parametrize("did", [DIRECT, SUPPORT])
async def test_hold_and_take_back(with_pbx: Running, pbx: AmiServer, did: str) -> None:
    async with talk(with_pbx, pbx, did) as (call, claire):
        for turn in (1, 2):
            await order(with_pbx, call, "hold")
            assert (await row(with_pbx, call, lambda row: steps(row)[-1] == "hold"))["holds"] == turn
            await card(with_pbx, "ana", lambda card: card.live.held)
            await order(with_pbx, call, "unhold")
            await card(with_pbx, "ana", lambda card: not card.live.held)
        pbx.act(lambda world: world.hang_up(claire))
        done = await row(with_pbx, call, lambda row: row["ended_at"])
    assert (done["outcome"], done["answered_by"], done["holds"], done["transfers"]) == ("answered", "2001", 2, [])
    assert pbx.pbx.switch.channels == {}


async def test_a_held_call_ends_when_its_phone_is_put_down(with_pbx: Running, pbx: AmiServer) -> None:
    async with talk(with_pbx, pbx) as (call, _):
        await order(with_pbx, call, "hold")
        assert pbx.act(lambda world: world.put_down("2001"))
        done = await row(with_pbx, call, lambda row: row["ended_at"])
    assert (done["outcome"], done["transfers"]) == ("answered", [])
    assert pbx.pbx.switch.channels == {}


@pytest.mark.parametrize("did", [DIRECT, SUPPORT])
async def test_consult_and_hand_over(with_pbx: Running, pbx: AmiServer, did: str) -> None:
    async with talk(with_pbx, pbx, did) as (call, claire):
        await order(with_pbx, call, "transfer", to="2002", kind="attended")
        mine = await card(with_pbx, "ana", lambda card: card.live.consulting)
        assert (mine.live.consulting.extension, mine.live.consulting.name) == ("2002", "bruno")
        await rings(pbx, "2002")
        assert pbx.act(lambda world: world.answer("2002"))
        await card(with_pbx, "ana", lambda card: card.live.consulting_answered)
        await order(with_pbx, call, "complete")
        await row(with_pbx, call, lambda row: row["transfers"])
        assert (await card(with_pbx, "bruno", bool)).number.e164 == CLAIRE
        pbx.act(lambda world: world.hang_up(claire))
        done = await row(with_pbx, call, lambda row: row["ended_at"])
    assert [(one["kind"], one["from"], one["to"]) for one in done["transfers"]] == [("attended", "2001", "2002")]
    assert {one["extension"]: one["result"] for one in done["participants"] if one["answered_at"]} == {
        "2001": "answered",
        "2002": "answered",
    }
    assert (done["holds"], pbx.pbx.switch.channels) == (0, {})


@pytest.mark.parametrize("end", ["unhold", "decline", "caller"])
async def test_a_consultation_comes_to_nothing(with_pbx: Running, pbx: AmiServer, end: str) -> None:
    async with talk(with_pbx, pbx) as (call, claire):
        await order(with_pbx, call, "transfer", to="2002", kind="attended")
        await rings(pbx, "2002")
        refused = await ask(with_pbx, call, "hold")
        assert refused.status == 204  # the caller hears music already
        if end == "unhold":
            await order(with_pbx, call, "unhold")
        elif end == "decline":
            assert pbx.act(lambda world: world.decline("2002"))
        if end != "caller":
            await card(with_pbx, "ana", lambda card: not card.live.held)
        pbx.act(lambda world: world.hang_up(claire))
        done = await row(with_pbx, call, lambda row: row["ended_at"])
    assert (done["outcome"], done["answered_by"], done["transfers"]) == ("answered", "2001", [])
    assert pbx.pbx.switch.channels == {}


async def test_park_and_fetch(with_pbx: Running, pbx: AmiServer) -> None:
    answers(pbx, "2002")
    async with with_pbx.live("bruno", "parked") as socket, talk(with_pbx, pbx) as (call, claire):
        assert (await hear_until(socket, "snapshot", topic="parked"))["state"]["calls"] == {}
        await order(with_pbx, call, "park")
        told = await hear_until(socket, "parked")
        assert {name: told["calls"][call][name] for name in ("space", "extension", "by")} == {
            "space": "701",
            "extension": "2001",
            "by": "ana",
        }
        assert told["calls"][call]["number"]["e164"] == CLAIRE
        listed = await with_pbx.ask("GET", "parked", who="bruno")
        assert [one["id"] for one in listed.body["items"]] == [call]
        await order(with_pbx, call, "fetch", who="bruno")
        assert (await hear_until(socket, "parked"))["calls"] == {}
        await row(with_pbx, call, lambda row: "unpark" in steps(row))
        assert (await ask(with_pbx, call, "fetch", who="bruno")).status == 409
        pbx.act(lambda world: world.hang_up(claire))
        done = await row(with_pbx, call, lambda row: row["ended_at"])
    assert (done["direction"], done["answered_by"], done["transfers"]) == ("inbound", "2001", [])
    assert {one["extension"]: one["result"] for one in done["participants"]} == {"2001": "answered", "2002": "answered"}


async def parked(service: Running) -> Json:
    return (await service.ask("GET", "parked")).body["items"]


async def test_nobody_fetches_and_the_call_comes_back(with_pbx: Running, pbx: AmiServer) -> None:
    async with talk(with_pbx, pbx) as (call, _):
        await order(with_pbx, call, "park")
        await row(with_pbx, call, lambda row: "park" in steps(row))
        pbx.act(lambda world: world.timeline.run_for(46))
        await rings(pbx, "2001")
        assert await until(partial(parked, with_pbx), lambda items: not items) == []


@pytest.mark.parametrize("did", [DIRECT, SALES])
async def test_pickup_of_a_colleagues_call(with_pbx: Running, pbx: AmiServer, did: str) -> None:
    answers(pbx, "2002")
    rung = "2001" if did == DIRECT else "2004"
    claire = pbx.act(lambda world: world.inbound(CLAIRE, did))
    await rings(pbx, rung)

    async def running() -> Json:
        return (await with_pbx.ask("GET", "calls", who="root")).body["items"]

    call = (await until(running, bool))[0]["id"]
    await order(with_pbx, call, "pickup", who="bruno")
    await row(with_pbx, call, lambda row: row["answered_at"])
    pbx.act(lambda world: world.hang_up(claire))
    done = await row(with_pbx, call, lambda row: row["ended_at"])
    assert (done["direction"], done["outcome"], done["answered_by"]) == ("inbound", "answered", "2002")
    assert {one["extension"]: one["result"] for one in done["participants"]} == {rung: "elsewhere", "2002": "answered"}


async def test_recording_is_begun_paused_and_ended(with_pbx: Running, pbx: AmiServer) -> None:
    async with talk(with_pbx, pbx) as (call, _):
        assert (await ask(with_pbx, call, "record", action="pause")).status == 409
        for action, state in (("start", "on"), ("pause", "paused"), ("resume", "on"), ("stop", None)):
            await order(with_pbx, call, "record", action=action)
            await card(with_pbx, "ana", partial(records, state))
        read = await row(with_pbx, call, lambda row: "record_resume" in steps(row))
    assert [step for step in steps(read) if step.startswith("record")] == ["record_pause", "record_resume"]


def records(state: str | None, card: Json) -> bool:
    return bool(card.live.recording == state)


@pytest.mark.parametrize("mode", ["listen", "whisper", "barge"])
async def test_a_supervisor_joins_and_leaves(with_pbx: Running, pbx: AmiServer, mode: str) -> None:
    answers(pbx, "2008")
    async with talk(with_pbx, pbx) as (call, claire):
        await order(with_pbx, call, "spy", who="sam", mode=mode, extension="2008")
        await row(with_pbx, call, lambda row: mode in steps(row))
        assert pbx.act(lambda world: world.put_down("2008"))
        read = await row(with_pbx, call, lambda row: "spy_end" in steps(row))
        pbx.act(lambda world: world.hang_up(claire))
        done = await row(with_pbx, call, lambda row: row["ended_at"])
    assert [(step["extension"], step["detail"]) for step in read["timeline"] if step["what"] in {mode, "spy_end"}] == [
        ("2001", "sam"),
        ("2001", "sam"),
    ]
    assert [one["extension"] for one in done["participants"]] == ["2001"]


def wait_in(world: Pbx, number: str) -> Channel:
    return world.inbound(number, SALES)


async def test_waiting_callers_are_raised_moved_and_taken(with_pbx: Running, pbx: AmiServer) -> None:
    for extension in ("2004", "2005"):
        pbx.act(partial(Pbx.pause_member, extension=extension, paused=True))
    numbers = [CLAIRE, "+33601020305", "+33601020306"]
    for number in numbers:
        pbx.act(partial(wait_in, number=number))

    async def waiting() -> Json:
        listed = await with_pbx.ask("GET", "calls", who="root")
        return {row["number"]["e164"]: row["id"] for row in listed.body["items"]}

    calls = await until(waiting, lambda found: len(found) == 3)
    answers(pbx, "2004")
    answers(pbx, "2003")
    await order(with_pbx, calls[numbers[2]], "queue/priority", who="sam", priority=5)
    await order(with_pbx, calls[numbers[1]], "queue/move", who="sam", queue="billing")
    await row(with_pbx, calls[numbers[1]], lambda row: row["queue"] == "billing")
    await order(with_pbx, calls[numbers[0]], "queue/take", who="sam", extension="2003")
    taken = await row(with_pbx, calls[numbers[0]], lambda row: row["answered_at"])
    assert taken["answered_by"] == "2003"
    pbx.act(partial(wait_in, number="+33601020307"))
    assert (await ask(with_pbx, calls[numbers[1]], "queue/move", who="sam", queue="nowhere")).status == 409
    pbx.act(partial(Pbx.pause_member, extension="2004", paused=False))
    raised = await row(with_pbx, calls[numbers[2]], lambda row: row["answered_at"])
    assert raised["answered_by"] == "2004"


async def test_whoever_listens_in_is_written_down_before_it_begins(with_pbx: Running, pbx: AmiServer) -> None:
    answers(pbx, "2008")
    async with talk(with_pbx, pbx) as (call, _):
        await order(with_pbx, call, "spy", who="sam", mode="whisper", extension="2008")
        read = await row(with_pbx, call, lambda row: "whisper" in steps(row))
        assert (await ask(with_pbx, call, "unspy", who="sam", extension="2007")).status == 409
        await order(with_pbx, call, "unspy", who="sam", extension="2008")
        await row(with_pbx, call, lambda row: "spy_end" in steps(row))
        assert (await ask(with_pbx, call, "spy", who="sam", mode="listen", extension="no phone")).status == 422
    listed = await with_pbx.ask("GET", "spyings", who="root", params={"limit": "1"})
    (refused,) = listed.body["items"]
    assert (refused["mode"], refused["began_at"], refused["ended_at"]) == ("listen", None, None)
    rest = await with_pbx.ask("GET", "spyings", who="root", params={"cursor": listed.body["next"]})
    (done,) = rest.body["items"]
    facts = ("user", "phone", "mode", "call_id", "agent", "extension")
    assert tuple(done[name] for name in facts) == ("sam", "2008", "whisper", call, "ana", "2001")
    assert done["at"] <= done["began_at"] <= done["ended_at"]
    assert done["began_at"] == next(step["at"] for step in read["timeline"] if step["what"] == "whisper")
    assert rest.body["next"] is None
    assert (await with_pbx.ask("GET", "spyings", who="sam")).status == 403
    page = await with_pbx.ask("GET", "/admin/listening", who="root")
    assert (page.status, page.text.count('data-testid="spying"')) == (200, 2)
