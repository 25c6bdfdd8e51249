"""One call keeps its order, different calls do not wait, nothing a call has become is lost."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from screenpop.lanes import Adopted, Item, Lanes
from telephony.records import ChangeKind
from tests.screenpop.conftest import DEADLINE
from tests.screenpop.scenes import Scene, inbound, internal


class Seen:
    """What was handled, in order; a call can be made to take its time."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.changed = asyncio.Event()
        self.gates: dict[str, asyncio.Event] = {}

    async def __call__(self, item: Item) -> None:
        gate = self.gates.get(item.call.id)
        if gate is not None:
            await gate.wait()
        self.items.append(item)
        self.changed.set()

    async def wait_for(self, count: int) -> list[Item]:
        async with asyncio.timeout(DEADLINE):
            while len(self.items) < count:
                self.changed.clear()
                await self.changed.wait()
        return self.items


@asynccontextmanager
async def running(handle: Callable[[Item], Awaitable[None]], count: int = 8, size: int = 100) -> AsyncIterator[Lanes]:
    lanes = Lanes(handle, count=count, size=size)
    task = asyncio.create_task(lanes.run())
    try:
        yield lanes
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_a_call_keeps_its_order() -> None:
    seen = Seen()
    async with running(seen) as lanes:
        scene = Scene(inbound())
        changes: list[Item] = [Adopted(scene.call), scene.rings("2001"), scene.answers("2001"), scene.ends()]
        for change in changes:
            lanes.put(change)
        assert await seen.wait_for(4) == changes
        assert lanes.depth == 0


async def test_a_slow_call_does_not_hold_up_the_others() -> None:
    seen = Seen()
    seen.gates["slow"] = asyncio.Event()
    async with running(seen) as lanes:
        lanes.put(Scene(inbound("slow")).started())
        quick = [Scene(inbound(f"C{number}")).started() for number in range(50)]
        for change in quick:
            lanes.put(change)
        await seen.wait_for(1)
        assert all(item.call.id != "slow" for item in seen.items)
        seen.gates["slow"].set()
        await seen.wait_for(51)


async def test_a_full_lane_keeps_what_each_call_has_become(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    seen = Seen()
    lanes = Lanes(seen, count=1, size=2)
    scene, other = Scene(inbound()), Scene(inbound("C2"))
    for change in (scene.started(), scene.rings("2001"), other.started(), scene.answers("2001"), scene.ends()):
        lanes.put(change)
    assert lanes.overflows == 3
    kinds = [(item.call.id, getattr(item, "kind", None)) for item in lanes.remaining()]
    assert kinds == [
        ("C1", ChangeKind.STARTED),
        ("C1", ChangeKind.RINGING),
        ("C2", ChangeKind.STARTED),
        ("C1", ChangeKind.ENDED),
    ]


async def test_a_merge_waits_for_the_consultation() -> None:
    seen = Seen()
    seen.gates["I1"] = asyncio.Event()
    async with running(seen) as lanes:
        call, consultation = Scene(inbound("C1")), Scene(internal("I1"))
        before, merge = consultation.dials(), call.absorbs("I1")
        lanes.put(before)
        lanes.put(merge)
        lanes.put(Scene(inbound("C7")).started())
        await seen.wait_for(1)
        assert merge not in seen.items
        seen.gates["I1"].set()
        items = await seen.wait_for(3)
        assert items.index(before) < items.index(merge)


async def test_a_stop_in_the_middle_leaves_the_change_for_the_end() -> None:
    seen = Seen()
    seen.gates["C1"] = asyncio.Event()
    async with running(seen) as lanes:
        change = Scene(inbound()).started()
        lanes.put(change)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert list(lanes.remaining()) == [change]
    assert lanes.depth == 0


async def test_a_change_knows_whether_the_next_one_of_its_call_is_here() -> None:
    followed: list[bool] = []

    async def handle(item: Item) -> None:
        followed.append(lanes.followed(item.call.id))
        await seen(item)

    seen = Seen()
    async with running(handle, count=1) as lanes:
        scene, other = Scene(inbound("C1")), Scene(inbound("C2"))
        for change in (scene.started(), scene.rings("2001"), other.started(), scene.ends()):
            lanes.put(change)
        await seen.wait_for(4)
    assert followed == [True, False, False, False]


async def test_a_lane_is_idle_when_it_works_and_has_nothing_to_do() -> None:
    seen = Seen()
    gate = seen.gates["C1"] = asyncio.Event()
    async with running(seen, count=1) as lanes:
        assert not lanes.idle("C1"), "it does not work yet"
        lanes.put(Scene(inbound("C2")).started())
        assert not lanes.idle("C1"), "something waits"
        await seen.wait_for(1)
        await asyncio.sleep(0)
        assert lanes.idle("C1")
        lanes.put(Scene(inbound("C1")).started())
        await asyncio.sleep(0)
        assert not lanes.idle("C1"), "something is being handled"
        gate.set()
        await seen.wait_for(2)
    assert not lanes.idle("C1"), "nobody is there to handle anything"
