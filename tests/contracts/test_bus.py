"""What every bus promises, in one process and between nodes."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from screenpop.bus import Bus, LaggingError, LateAnswerError, LocalBus, NoAnswerError
from screenpop.bus_nats import NatsBus
from screenpop.feeds import Feed
from screenpop.messages import (
    BOARD_SUBJECT,
    BoardDelta,
    BoardSnapshot,
    BoardState,
    encode,
    pops_subject,
    sequence,
    snapshot_subject,
    subject_user,
)

NATS_URL = os.environ.get("CALLCARD_TEST_NATS_URL")
DEADLINE = 10.0
SIZE = 8


async def connected(bus: Bus) -> None:
    while not bus.connected:  # noqa: ASYNC110 - the port tells the state, it has no event
        await asyncio.sleep(0.01)


@asynccontextmanager
async def running(bus: Bus) -> AsyncIterator[Bus]:
    task = asyncio.create_task(bus.run())
    try:
        async with asyncio.timeout(DEADLINE):
            await connected(bus)
        yield bus
    finally:
        task.cancel()
        await asyncio.wait({task})


@pytest.fixture(params=["local", pytest.param("nats", marks=pytest.mark.e2e)])
def make_bus(request: pytest.FixtureRequest) -> Callable[[], Bus]:
    """Make one node's bus; two of them are two nodes (in process: the same one)."""
    if request.param == "local":
        bus = LocalBus(SIZE)
        return lambda: bus
    if NATS_URL is None:
        pytest.skip("CALLCARD_TEST_NATS_URL is not set")
    url = NATS_URL
    return lambda: NatsBus(url, size=SIZE)


@pytest.fixture
async def owner(make_bus: Callable[[], Bus]) -> AsyncIterator[Bus]:
    async with running(make_bus()) as bus:
        yield bus


@pytest.fixture
async def other(make_bus: Callable[[], Bus], owner: Bus) -> AsyncIterator[Bus]:
    assert owner.connected
    async with running(make_bus()) as bus:
        yield bus


def delta(seq: int) -> bytes:
    return encode(BoardDelta(seq))


def snapshot(seq: int) -> bytes:
    return encode(BoardSnapshot(seq, BoardState()))


async def answered(bus: Bus, subject: str) -> bytes:
    """Ask until the owner answers: between nodes it takes a moment to become one."""
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                return await bus.request(subject, timeout=0.5)
            except NoAnswerError:
                await asyncio.sleep(0.05)


async def test_frames_reach_who_subscribed_in_order(owner: Bus, other: Bus) -> None:
    owner.answer(lambda _: snapshot(0))
    here, there = owner.subscribe(BOARD_SUBJECT), other.subscribe(BOARD_SUBJECT)
    await answered(other, snapshot_subject(BOARD_SUBJECT))
    for seq in (1, 2, 3):
        owner.publish(BOARD_SUBJECT, delta(seq))
    async with asyncio.timeout(DEADLINE):
        for subscription in (here, there):
            assert [sequence(await subscription.get() or b"") for _ in range(3)] == [1, 2, 3]


async def test_frames_of_another_agent_do_not_come(owner: Bus, other: Bus) -> None:
    owner.answer(lambda _: snapshot(0))
    mine = other.subscribe(pops_subject("ana.b"))
    await answered(other, snapshot_subject(pops_subject("ana.b")))
    owner.publish(pops_subject("ana"), delta(1))
    owner.publish(pops_subject("ana.b"), delta(2))
    async with asyncio.timeout(DEADLINE):
        assert sequence(await mine.get() or b"") == 2


async def test_the_owner_answers_with_the_subject_asked(owner: Bus, other: Bus) -> None:
    asked: list[str] = []

    def handler(subject: str) -> bytes | None:
        asked.append(subject)
        return snapshot(7)

    owner.answer(handler)
    subject = snapshot_subject(pops_subject("ana.b"))
    assert sequence(await answered(other, subject)) == 7
    assert asked[-1] == subject
    assert subject_user(subject.removeprefix("snapshot.")) == "ana.b"


async def test_nobody_answers_when_nobody_owns(owner: Bus, other: Bus) -> None:
    subject = snapshot_subject(BOARD_SUBJECT)
    with pytest.raises(NoAnswerError):
        await other.request(subject, timeout=0.5)
    owner.answer(lambda _: None)
    with pytest.raises(NoAnswerError):
        await other.request(subject, timeout=0.5)
    owner.answer(lambda _: snapshot(1))
    await answered(other, subject)
    owner.answer(None)
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                await other.request(subject, timeout=0.5)
            except NoAnswerError:
                break


async def test_a_slow_reader_is_cut_off_and_the_others_are_not(owner: Bus, other: Bus) -> None:
    owner.answer(lambda _: snapshot(0))
    slow, quick = other.subscribe(BOARD_SUBJECT), other.subscribe(BOARD_SUBJECT)
    await answered(other, snapshot_subject(BOARD_SUBJECT))
    async with asyncio.timeout(DEADLINE):
        for seq in range(1, SIZE + 2):
            owner.publish(BOARD_SUBJECT, delta(seq))
            assert sequence(await quick.get() or b"") == seq
        assert slow.lagging
        with pytest.raises(LaggingError):
            await slow.get()


async def test_a_closed_subscription_gets_nothing(owner: Bus, other: Bus) -> None:
    owner.answer(lambda _: snapshot(0))
    closed, open_ = other.subscribe(BOARD_SUBJECT), other.subscribe(BOARD_SUBJECT)
    await answered(other, snapshot_subject(BOARD_SUBJECT))
    closed.close()
    closed.close()
    owner.publish(BOARD_SUBJECT, delta(1))
    async with asyncio.timeout(DEADLINE):
        await open_.get()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await closed.get()


async def test_a_feed_is_the_snapshot_and_what_follows_it(owner: Bus, other: Bus) -> None:
    seq = 5
    owner.answer(lambda _: snapshot(seq))
    feed = Feed(other, BOARD_SUBJECT)
    async with asyncio.timeout(DEADLINE):
        assert await anext(feed) == snapshot(5)
        owner.publish(BOARD_SUBJECT, delta(5))  # the snapshot holds it already
        owner.publish(BOARD_SUBJECT, delta(6))
        assert await anext(feed) == delta(6)
        seq = 8
        owner.publish(BOARD_SUBJECT, delta(8))  # 7 was lost on the way
        assert await anext(feed) == snapshot(8)
        owner.publish(BOARD_SUBJECT, delta(9))
        assert await anext(feed) == delta(9)
        feed.resync()
        assert await anext(feed) == snapshot(8)
    feed.close()


async def test_a_feed_waits_for_an_owner(owner: Bus, other: Bus) -> None:
    feed = Feed(other, BOARD_SUBJECT)
    first = asyncio.create_task(anext(feed))
    await asyncio.sleep(0)
    owner.answer(lambda _: snapshot(3))
    async with asyncio.timeout(DEADLINE):
        assert await first == snapshot(3)
    feed.close()


async def ordered(bus: Bus, frame: bytes) -> bytes:
    """Order until somebody carries out: between nodes it takes a moment to become the one who does."""
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                return await bus.order(frame, 5.0)
            except NoAnswerError:
                await asyncio.sleep(0.05)


async def test_orders_are_carried_out_beside_each_other_and_reported(owner: Bus, other: Bus) -> None:
    second_came = asyncio.Event()

    async def carrier(frame: bytes) -> bytes:
        if frame == b"first":
            await second_came.wait()
        elif frame == b"second":
            second_came.set()
        return frame.upper()

    owner.carry(carrier)
    assert await ordered(other, b"hello") == b"HELLO"
    assert await ordered(owner, b"hello") == b"HELLO"
    async with asyncio.timeout(DEADLINE):
        first, second = await asyncio.gather(other.order(b"first", 5.0), other.order(b"second", 5.0))
    assert (first, second) == (b"FIRST", b"SECOND")


async def test_an_order_nobody_takes_is_told_from_one_that_is_late(owner: Bus, other: Bus) -> None:
    with pytest.raises(NoAnswerError) as nobody:
        await other.order(b"hello", 0.5)
    assert not isinstance(nobody.value, LateAnswerError)
    waits = asyncio.Event()

    async def carrier(frame: bytes) -> bytes:
        if frame == b"wait":
            await waits.wait()
        return frame

    owner.carry(carrier)
    await ordered(other, b"hello")
    with pytest.raises(LateAnswerError):
        await other.order(b"wait", 0.1)
    waits.set()
    owner.carry(None)
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                await other.order(b"hello", 0.5)
            except NoAnswerError:
                break
