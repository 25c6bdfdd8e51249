"""A replay decides what the live service decided, and decides it again."""

from pathlib import Path

import pytest

from crm_core.calls.rules import CallRow, TraceEntry
from crm_core.people.rules import ContactDraft, PhoneDraft
from screenpop.rehearsal import SETTLE_SECONDS, Rehearsal
from screenpop.seats import Seats
from screenpop.traces import decisions
from telephony.calls import CallBook
from telephony.pipeline import follow
from telephony.records import CallChange, Surprise
from tests.screenpop.conftest import House
from tests.telephony.recording import ASTERISK22, blocks_of, new_book
from tests.telephony.simulated import SCENARIOS, STARTED, blocks_of_frames, play_people

NAMES = [
    "did_answered", "did_caller_cancels", "did_noanswer_voicemail", "did_busy_voicemail", "did_phone_offline",
    "ringgroup_answered", "queue_ringall_answered", "queue_abandoned_ringing", "blind_transfer_refer",
    "attended_transfer_refer", "pickup_group", "outbound_answered", "clicktocall_answered", "internal_answered",
]  # fmt: skip
Messages = list[tuple[float, bytes]]


def recorded(path: Path) -> Messages:
    return [(at, block + b"\r\n\r\n" if not block.endswith(b"\r\n\r\n") else block) for at, block in blocks_of(path)]


def simulated(name: str) -> Messages:
    _, frames = play_people(SCENARIOS[name])
    return [(STARTED + at, block) for at, block in blocks_of_frames(frames)]


async def replayed(house: House, messages: Messages) -> dict[str, tuple[CallRow, tuple[TraceEntry, ...]]]:
    seats = Seats(await house.staff.seats())
    rehearsal = Rehearsal(house.people, house.calls, house.numbering, seats)
    found = {}
    async for told in rehearsal.play(messages, book().line):
        assert not isinstance(told, Surprise)
        found[told[0].id] = told
    return found


def book() -> CallBook:
    return new_book("[0-9]{4}")


async def lived(house: House, messages: Messages) -> set[str]:
    """Let the live service take the same changes, time passing as it did."""
    settled, calls = 0.0, set()
    for now, step in follow(messages, book().line):
        settled = max(settled, now - 10 * SETTLE_SECONDS)
        while now - settled >= SETTLE_SECONDS:
            settled += SETTLE_SECONDS
            house.service._publish_later(house.service._pops.settle())
        house.clock.now = now
        for change in step.changes:
            if isinstance(change, CallChange):
                calls.add(change.call.id)
                await house.service._handle(change)
    return calls


@pytest.mark.parametrize("name", NAMES)
async def test_a_replay_decides_what_was_decided_live(house: House, name: str) -> None:
    messages = recorded(ASTERISK22 / f"{name}.jsonl")
    known = PhoneDraft("+79161234567")
    await house.people.create_contact(ContactDraft(name="Claire Durand", phones=(known,)), "ana")
    again = await replayed(house, messages)
    assert again
    await lived(house, messages)
    for call_id, (row, steps) in again.items():
        await house.steps(call_id, "ended")
        live = await house.calls.trace(call_id)
        assert decisions(steps) == decisions(live)
        assert row.record == (await house.row(call_id)).record


@pytest.mark.parametrize("name", ["did_answered", "ringgroup_answered", "queue_ringnoanswer_next", "ami_blindtransfer"])
async def test_a_replay_of_the_simulator_decides_the_same(house: House, name: str) -> None:
    messages = simulated(name)
    again = await replayed(house, messages)
    assert again
    await lived(house, messages)
    for call_id, (_, steps) in again.items():
        await house.steps(call_id, "ended")
        assert decisions(steps) == decisions(await house.calls.trace(call_id))


async def test_the_same_journal_tells_the_same_twice(house: House) -> None:
    messages = recorded(ASTERISK22 / "queue_ringall_answered.jsonl")
    assert await replayed(house, messages) == await replayed(house, messages)


async def test_a_phone_that_never_rang_is_named(house: House) -> None:
    found = await replayed(house, recorded(ASTERISK22 / "did_busy_voicemail.jsonl"))
    told = [decision for _, steps in found.values() for decision in decisions(steps)]
    assert ("pop.none", {"why": "never_rang", "extension": "2001", "user": None}) in told


async def test_a_call_that_no_phone_was_called_for_says_so(house: House) -> None:
    found = await replayed(house, recorded(ASTERISK22 / "did_phone_offline.jsonl"))
    told = [decision for _, steps in found.values() for decision in decisions(steps)]
    assert ("pop.none", {"why": "no_phone"}) in told
