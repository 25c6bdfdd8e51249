"""A caller moved on by keys to a group: the music is no hold, the one who takes the call is the target."""

from telephony.records import CallRecord
from tests.telephony.recording import Block, new_book, play

TRUNK, ANA, BRUNO, CARLA = ((f"PJSIP/{name}-0", f"1.{place}") for place, name in enumerate(("trunk", 2001, 2002, 2003)))
Channel = tuple[str, str]


def event(name: str, channel: Channel, prefix: str = "", dest: Channel | None = None, **fields: str) -> bytes:
    lines = [f"Event: {name}", f"{prefix}Channel: {channel[0]}", f"{prefix}Uniqueid: {channel[1]}"]
    if dest is not None:
        lines += [f"DestChannel: {dest[0]}", f"DestUniqueid: {dest[1]}"]
    return "\r\n".join([*lines, *(f"{key}: {value}" for key, value in fields.items())]).encode()


def rings(channel: Channel) -> list[bytes]:
    return [event("DialBegin", TRUNK, dest=channel), event("DialState", TRUNK, dest=channel, DialStatus="RINGING")]


def enters(*channels: Channel, bridge: str) -> list[bytes]:
    return [event("BridgeEnter", channel, BridgeUniqueid=bridge, BridgeType="basic") for channel in channels]


def told(is_external: str, *after: bytes) -> CallRecord:
    """Give the row of a call that Ana takes, holds for a second and transfers to a group of two."""
    story = [
        event("Newchannel", TRUNK, ChannelStateDesc="Ring", Exten="74950000001", CallerIDNum="33601020304"),
        *rings(ANA),
        event("DialEnd", TRUNK, dest=ANA, DialStatus="ANSWER"),
        *enters(ANA, TRUNK, bridge="b1"),
        event("Hold", ANA),
        event("Unhold", ANA),
        event("BlindTransfer", ANA, "Transferer", Result="Success", Extension="610", IsExternal=is_external),
        event("BridgeLeave", TRUNK, BridgeUniqueid="b1"),
        event("BridgeLeave", ANA, BridgeUniqueid="b1"),
        event("Hangup", ANA, Cause="16"),
        *rings(BRUNO),
        *rings(CARLA),
        *after,
        event("Hangup", BRUNO, Cause="0"),
        event("Hangup", CARLA, Cause="0"),
        event("Hangup", TRUNK, Cause="16"),
    ]
    times = [1.0 if block.startswith(b"Event: Unhold") else 0.0 for block in story]
    blocks: list[Block] = [(sum(times[: place + 1]), block) for place, block in enumerate(story)]
    (row,) = play(blocks, new_book()).in_order()
    return row


def test_music_while_keys_are_pressed_is_no_hold_and_the_taker_is_the_target() -> None:
    row = told("No", event("DialEnd", TRUNK, dest=CARLA, DialStatus="ANSWER"), *enters(CARLA, TRUNK, bridge="b2"))
    assert (row.holds, row.hold_seconds) == (0, 0.0)
    assert [(moved.kind.value, moved.source, moved.target) for moved in row.transfers] == [("blind", "2001", "2003")]
    results = {part.extension: part.result and part.result.value for part in row.participants}
    assert results == {"2001": "answered", "2002": "elsewhere", "2003": "answered"}


def test_a_hold_before_the_transfer_of_the_phone_itself_is_one_and_nobody_took_the_call() -> None:
    row = told("Yes")
    assert (row.holds, row.hold_seconds, row.answered_by) == (1, 1.0, "2001")
    assert len(row.transfers) == 1
    results = {part.extension: part.result and part.result.value for part in row.participants}
    assert results == {"2001": "answered", "2002": "no_answer", "2003": "no_answer"}


def test_parking_by_transfer_is_none_also_when_told_the_other_way_round() -> None:
    story = [
        event("Newchannel", TRUNK, ChannelStateDesc="Ring", Exten="74950000001"),
        *rings(ANA),
        *enters(ANA, TRUNK, bridge="b1"),
        event("ParkedCall", TRUNK, "Parkee", ParkingSpace="701"),
        event("BlindTransfer", ANA, "Transferer", Result="Success", Extension="700", IsExternal="Yes"),
        event("Hangup", ANA, Cause="16"),
        *enters(CARLA, TRUNK, bridge="b2"),
        event("Hangup", CARLA, Cause="16"),
        event("Hangup", TRUNK, Cause="16"),
    ]
    (row,) = play([(0.0, block) for block in story], new_book()).in_order()
    assert (row.transfers, row.answered_by) == ((), "2001")
