"""The tracker behind a real link: recordings over a socket in, changes out, and nothing that ends it."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from telephony import tracker as tracker_module
from telephony.addresses import AmiAddress
from telephony.ami import AmiLink, Timing
from telephony.calls import CallBook, Line, call_id, open_calls
from telephony.journal import Journal, read
from telephony.links import ActionRefused, BadField, NotSupported
from telephony.records import CallChange, CallPhase, CallRecord, Change, ChangeKind, Direction, LinkChange, Outcome
from telephony.recovery import queues
from telephony.tracker import Tracker
from tests.telephony.ami_peer import SECRET, Action, Peer, answer, message, peer
from tests.telephony.recording import ASTERISK22

QUICK = Timing(challenge=0.05, silence=3600, first_back_off=0.01, longest_back_off=0.02)
LIVE = re.compile(r"Event: (?!FullyBooted)")


class Told:
    """Collects what a tracker delivers, and waits for it."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.fail = False
        self._news = asyncio.Event()

    def __call__(self, changes: Sequence[Change]) -> None:
        self.changes.extend(changes)
        self._news.set()
        if self.fail:
            raise RuntimeError("the receiver has a bug")

    def calls(self, kind: ChangeKind) -> list[CallChange]:
        return [change for change in self.changes if isinstance(change, CallChange) and change.kind is kind]

    def links(self) -> list[bool]:
        return [change.up for change in self.changes if isinstance(change, LinkChange)]

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self._news.clear()
                await self._news.wait()


async def eventually(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a counter has no event
            await asyncio.sleep(0.005)


def recording(name: str) -> list[tuple[float, bytes]]:
    """Give a recording's live messages, each with its arrival."""
    entries = map(json.loads, (ASTERISK22 / f"{name}.jsonl").read_text("utf-8").splitlines())
    return [(entry["t"], entry["raw"].encode()) for entry in entries if LIVE.match(entry["raw"])]


@asynccontextmanager
async def tracked(
    pbx: Peer, told: Told, journal: Journal | None = None, clock: Callable[[], float] = time.time
) -> AsyncIterator[Tracker]:
    address = AmiAddress("main", "127.0.0.1", pbx.port, "crm", SECRET)
    link = AmiLink(address, timing=QUICK)
    book = CallBook(Line("main", re.compile(r"[0-9]{2,5}")))
    one = Tracker(link, book, journal, told, clock=clock)
    tasks = {asyncio.create_task(link.run()), asyncio.create_task(one.run())}
    try:
        await told.until(told.links)
        yield one
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=5)
        assert all(task.cancelled() for task in tasks)


def refusing(pbx: Peer) -> None:
    for name in ("CoreShowChannels", "QueueStatus", "DeviceStateList"):
        pbx.replies[name] = lambda action: answer(action, "Error", "Message: Permission denied")


def listing(items: str, complete: str) -> Callable[[Action], bytes]:
    """Answer with the items of `behave_resync` whose event is one of `items`."""
    entries = map(json.loads, (ASTERISK22 / "behave_resync.jsonl").read_text("utf-8").splitlines())
    wanted = re.compile(rf"Event: ({items})\r\n")
    raws = [entry["raw"] for entry in entries if wanted.match(entry["raw"])]

    def reply(action: Action) -> bytes:
        mine = f"ActionID: {action['ActionID']}"
        told = "".join(re.sub(r"ActionID: [^\r]*", mine, raw) for raw in raws).encode()
        end = message(f"Event: {complete}", mine, "EventList: Complete")
        return answer(action, "Success", "EventList: start") + told + end

    return reply


async def test_a_recording_over_the_socket_is_one_answered_call(tmp_path: Path) -> None:
    raws = recording("did_answered")
    told, journal = Told(), Journal(tmp_path)
    async with peer() as pbx:
        refusing(pbx)
        async with tracked(pbx, told, journal) as one:
            for _, raw in raws:
                pbx.say(raw)
            await told.until(lambda: told.calls(ChangeKind.ENDED))
            assert one.connected
            assert one.events > 0
            assert one.skipped > 0
            assert one.bad == 0
    (ended,) = told.calls(ChangeKind.ENDED)
    assert (ended.call.outcome, ended.call.answered_by) == (Outcome.ANSWERED, "2001")
    await journal.close()
    kept = await asyncio.to_thread(lambda: [raw for _, raw in read(tmp_path) if b"Event: Callcard" not in raw])
    assert kept == [raw for _, raw in raws if raw in kept]
    assert len(kept) == one.events


async def test_a_peer_that_never_answers_a_list_is_followed_all_the_same() -> None:
    told = Told()
    async with peer() as pbx, tracked(pbx, told):
        await pbx.asked("CoreShowChannels")
        for _, raw in recording("did_answered"):
            pbx.say(raw)
        await told.until(lambda: told.calls(ChangeKind.ENDED))


async def test_an_unanswered_list_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker_module, "LIST_SECONDS", 0.05)
    monkeypatch.setattr(tracker_module, "RETRY_SECONDS", 0.01)
    told = Told()
    async with peer() as pbx, tracked(pbx, told) as one:
        await pbx.asked("QueueStatus", 2)
        pbx.replies["CoreShowChannels"] = listing("CoreShowChannel", "CoreShowChannelsComplete")
        pbx.replies["QueueStatus"] = listing("QueueParams|QueueMember|QueueEntry", "QueueStatusComplete")
        await eventually(lambda: open_calls(one.book))


async def test_the_snapshot_after_login_shows_the_calls_of_the_moment() -> None:
    told = Told()
    async with peer() as pbx:
        pbx.replies["CoreShowChannels"] = listing("CoreShowChannel", "CoreShowChannelsComplete")
        pbx.replies["QueueStatus"] = listing("QueueParams|QueueMember|QueueEntry", "QueueStatusComplete")
        pbx.replies["DeviceStateList"] = listing("DeviceStateChange", "DeviceStateListComplete")
        async with tracked(pbx, told) as one:
            await eventually(lambda: one.snapshots)
            # As its truth file tells; the sixth is one party alone in a conference, no conversation yet.
            assert {(call.number, call.phase.value, call.queue, call.extension) for call in open_calls(one.book)} == {
                ("+79160000001", "talking", None, "2001"),
                ("+79160000002", "talking", None, "2002"),
                ("+79160000003", "queued", "support", None),
                ("+79160000006", "queued", "support", None),
                ("2003", "ringing", None, "2003"),
            }
            assert sum(len(queue.waiting) for queue in queues(one.book)) == 2
            assert one.bad == 0


async def test_a_boot_that_ends_after_the_login_gives_a_second_snapshot() -> None:
    told = Told()
    async with peer() as pbx:
        refusing(pbx)
        async with tracked(pbx, told) as one:
            await eventually(lambda: one.snapshots == 1)
            pbx.say(message("Event: FullyBooted", "Status: Fully Booted"))
            await eventually(lambda: one.snapshots == 2)


async def test_the_link_going_down_and_up_is_told() -> None:
    told = Told()
    async with peer() as pbx:
        refusing(pbx)
        async with tracked(pbx, told) as one:
            await eventually(lambda: one.snapshots == 1)
            pbx.hang_up()
            await told.until(lambda: told.links() == [True, False, True])
            await eventually(lambda: one.snapshots == 2)
            assert one.connected


async def test_what_goes_wrong_with_one_message_costs_one_message() -> None:
    told = Told()
    async with peer() as pbx:
        refusing(pbx)
        async with tracked(pbx, told) as one:
            pbx.say(message("Event: Newchannel", "Channel: nothing more"))
            await eventually(lambda: one.bad == 1)
            raws = recording("did_answered")
            told.fail = True
            for _, raw in raws[: len(raws) // 2]:
                pbx.say(raw)
            await eventually(lambda: one.bad > 1)
            told.fail = False
            for _, raw in raws[len(raws) // 2 :]:
                pbx.say(raw)
            await told.until(lambda: told.calls(ChangeKind.ENDED))


async def test_lag_is_measured_past_the_difference_of_the_clocks() -> None:
    told = Told()
    async with peer() as pbx:
        refusing(pbx)
        async with tracked(pbx, told, clock=lambda: 1_700_000_010.0) as one:
            assert one.meter.lag == 0
            for stamp in ("1700000005.000000", "1699999905.000000"):
                pbx.say(message("Event: Newchannel", f"Timestamp: {stamp}", "Channel: PJSIP/2001-1", "Uniqueid: 1.1"))
            await eventually(lambda: one.events == 2 and one.meter.lag > 0)
            assert one.meter.lag == pytest.approx(100.0, abs=20.0)
            health = one.look(1_700_000_011.0)
            assert (health.up, health.stamped, health.events, health.reconnects) == (True, True, 2, 0)
            assert (health.bad, health.waiting, health.events_per_second) == (0, 0, 0.0)
            assert one.look(1_700_000_012.0).events_per_second == 0.0


async def test_an_extension_registered_at_run_time_is_a_phone() -> None:
    told = Told()
    async with peer() as pbx:
        refusing(pbx)
        async with tracked(pbx, told) as one:
            one.set_extensions(frozenset({"reception"}))
            assert one.book.line.is_phone("reception")


async def test_adopted_calls_that_are_gone_end_with_the_snapshot() -> None:
    told = Told()
    record = CallRecord(
        call_id("main", "5.5"),
        "main",
        Direction.INBOUND,
        CallPhase.TALKING,
        started_at=5.0,
        number="+74950000000",
        channels=("5.5",),
        extension="2001",
        answered_at=6.0,
    )
    async with peer() as pbx:
        pbx.replies["CoreShowChannels"] = lambda action: (
            answer(action, "Success", "EventList: start")
            + message("Event: CoreShowChannelsComplete", f"ActionID: {action['ActionID']}", "EventList: Complete")
        )
        address = AmiAddress("main", "127.0.0.1", pbx.port, "crm", SECRET)
        link = AmiLink(address, timing=QUICK)
        one = Tracker(link, CallBook(Line("main", re.compile(r"[0-9]{2,5}"))), None, told)
        one.adopt([record])
        assert [call.id for call in open_calls(one.book)] == [record.id]
        refused = pbx.replies["CoreShowChannels"]
        refusing(pbx)
        pbx.replies["CoreShowChannels"] = refused
        tasks = {asyncio.create_task(link.run()), asyncio.create_task(one.run())}
        try:
            await told.until(lambda: told.calls(ChangeKind.ENDED))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=5)
    assert told.calls(ChangeKind.ENDED)[0].call.id == record.id


@asynccontextmanager
async def talking(told: Told) -> AsyncIterator[tuple[Tracker, Peer, CallRecord]]:
    """Begin a direct call in which agent 2001 talks; the PBX does what it is asked."""
    async with peer() as pbx:
        refusing(pbx)
        done = ("Hangup", "BlindTransfer", "Originate", "QueueAdd", "QueueRemove", "QueuePause", "Getvar")
        for name in (*done, "MixMonitorMute", "StopMixMonitor"):
            pbx.replies[name] = lambda action: answer(action, "Success", "Message: done")
        pbx.replies["QueueStatus"] = listing("QueueParams|QueueMember", "QueueStatusComplete")
        async with tracked(pbx, told) as one:
            await eventually(lambda: one.snapshots)
            for _, raw in recording("did_answered"):
                if raw.startswith((b"Event: HangupRequest", b"Event: BridgeLeave")):
                    break
                pbx.say(raw)
            await told.until(lambda: told.calls(ChangeKind.ANSWERED))
            (call,) = open_calls(one.book)
            yield one, pbx, call


async def test_hanging_up_names_a_living_channel_of_the_call() -> None:
    async with talking(Told()) as (one, pbx, call):
        await one.hangup(call.id)
        assert (await pbx.asked("Hangup"))["Channel"].startswith("PJSIP/trunk-")
        refused = iter([b"No such channel", b""])
        pbx.replies["Hangup"] = lambda action: answer(
            action, "Error" if next(refused) else "Success", "Message: No such channel"
        )
        await one.hangup(call.id)
        assert (await pbx.asked("Hangup", 3))["Channel"].startswith("PJSIP/2001-")
        with pytest.raises(ActionRefused, match="has ended"):
            await one.hangup("unknown")


async def test_a_blind_transfer_starts_from_the_agents_channel() -> None:
    async with talking(Told()) as (one, pbx, call):
        await one.transfer(call.id, "2002")
        asked = await pbx.asked("BlindTransfer")
        assert asked["Channel"].startswith("PJSIP/2001-")
        assert (asked["Exten"], asked["Context"]) == ("2002", "from-internal")
        with pytest.raises(BadField):
            await one.transfer(call.id, "2002\r\nAction: Logoff")


async def test_what_the_pbx_cannot_do_is_refused_before_a_call_is_lost() -> None:
    async with talking(Told()) as (one, pbx, call):
        with pytest.raises(NotSupported, match="no \\*4653 in from-internal"):
            await one.hold(call.id)
        with pytest.raises(ActionRefused, match="nobody is consulted"):
            await one.complete(call.id)
        with pytest.raises(ActionRefused, match="does not wait"):
            await one.take(call.id, "2002")
        with pytest.raises(ActionRefused, match="not parked"):
            await one.fetch(call.id, "2002")
        with pytest.raises(ActionRefused, match="nobody talks"):
            await one.hold(call.id, by=frozenset({"2009"}))
        pbx.replies["MixMonitor"] = lambda action: answer(action, "Error", "Message: Permission denied")
        with pytest.raises(NotSupported, match="write class system"):
            await one.record(call.id, "start")
        await one.unhold(call.id)


async def test_recordings_and_listeners_are_asked_for_on_the_calls_channels() -> None:
    async with talking(Told()) as (one, pbx, call):
        await one.record(call.id, "pause")
        assert (await pbx.asked("MixMonitorMute"))["State"] == "1"
        await one.record(call.id, "stop")
        await pbx.asked("StopMixMonitor")
        await one.spy(call.id, "2008", "whisper", 'vera"\r\n<1>')
        asked = await pbx.asked("Originate")
        assert asked["Data"].startswith("PJSIP/2001-")
        assert asked["Data"].endswith(",qESw")
        assert asked["ChannelId"].startswith("callcard-spy-whisper-")
        assert asked["CallerID"] == '"vera1" <2001>'


async def test_dialling_gives_the_id_the_call_will_have() -> None:
    async with talking(Told()) as (one, pbx, _):
        call = await one.dial("2002", "+7 916 123-45-67")
        asked = await pbx.asked("Originate")
        assert call == call_id("main", asked["ChannelId"])
        assert (asked["Channel"], asked["Exten"], asked["Async"]) == ("PJSIP/2002", "+79161234567", "true")


async def test_queue_members_are_paused_by_the_name_the_queue_knows() -> None:
    async with talking(Told()) as (one, pbx, _):
        await one.queue_pause("2001", paused=True, reason="lunch")
        asked = await pbx.asked("QueuePause")
        assert (asked["Interface"], asked["Paused"], asked["Reason"]) == ("PJSIP/2001", "true", "lunch")
        assert "Queue" not in asked
        await one.queue_pause("2999", paused=False, queue="support")
        asked = await pbx.asked("QueuePause", 2)
        assert (asked["Interface"], asked["Paused"], asked["Queue"]) == ("PJSIP/2999", "false", "support")


async def test_logging_in_and_out_of_one_queue_and_of_all() -> None:
    async with talking(Told()) as (one, pbx, _):
        names = {queue.name for queue in queues(one.book)}
        member_of = {q.name for q in queues(one.book) for m in q.members if m.extension == "2001"}
        await one.queue_add("2001", "support")
        assert (await pbx.asked("QueueAdd"))["Queue"] == "support"
        await one.queue_add("2001")
        added = [action["Queue"] for action in pbx.actions if action["Action"] == "QueueAdd"]
        assert set(added[1:]) == names
        await one.queue_remove("2001")
        removed = [action["Queue"] for action in pbx.actions if action["Action"] == "QueueRemove"]
        assert set(removed) == member_of
        pbx.replies["QueueAdd"] = lambda action: answer(
            action, "Error", "Message: Unable to add interface: Already there"
        )
        await one.queue_add("2001")
        pbx.replies["QueueRemove"] = lambda action: answer(action, "Error", "Message: Member not dynamic")
        with pytest.raises(ActionRefused, match="not dynamic"):
            await one.queue_remove("2999", "support")
