"""Reading a block by its pattern and reading it line by line are the same, whatever is wrong with the block."""

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from telephony import reading
from telephony.events import Newchannel, parse
from telephony.framing import Framer
from telephony.headers import headers
from tests.telephony.recording import OWN, all_recordings, blocks_of


@cache
def recorded() -> list[bytes]:
    whole = (path for path in all_recordings() if path.parent != OWN)  # our own ones are without some headers
    framed = (Framer().feed(raw.strip() + b"\r\n\r\n") for path in whole for _, raw in blocks_of(path))
    return sorted({block for blocks in framed for block in blocks})


@cache
def usual() -> list[bytes]:
    return [block for block in recorded() if first_line(block) in reading._USUAL]


@cache
def one_of_each() -> list[bytes]:
    return list({first_line(block): block for block in usual()}.values())


def first_line(block: bytes) -> bytes:
    return block[: block.find(b"\r")]


def by_lines(block: bytes) -> object:
    return parse(headers(block), 1.0)


def test_every_recorded_block_is_read_as_it_is_line_by_line() -> None:
    assert [reading.read(block, 1.0) for block in recorded()] == [by_lines(block) for block in recorded()]


def test_nearly_all_frequent_events_of_a_pbx_of_today_have_the_usual_layout() -> None:
    """A pattern that matches nothing would be right as well, and slow."""
    patterns = {line: matched for line, (matched, _) in reading._USUAL.items()}
    matched = [block for block in usual() if patterns[first_line(block)](block.decode("utf-8", "replace"))]
    assert len(matched) > 0.9 * len(usual())
    assert set(map(first_line, matched)) == set(patterns)


def test_the_pbx_s_own_time_is_taken() -> None:
    block = next(block for block in one_of_each() if block.startswith(b"Event: Newchannel\r"))
    stamped = block.replace(b"\r\nChannel: ", b"\r\nTimestamp: 1795291188.25\r\nChannel: ", 1)
    mangled = block.replace(b"\r\nChannel: ", b"\r\nTimestamp: 17952x\r\nChannel: ", 1)
    events = [reading.read(each, 1.0) for each in (stamped, mangled)]
    assert [event.at for event in events if isinstance(event, Newchannel)] == [1795291188.25, 1.0]


def test_a_hidden_number_shows_in_the_variables_that_follow_the_channel() -> None:
    block = next(block for block in one_of_each() if block.startswith(b"Event: Newchannel\r"))
    variables = b"\r\nChanVariable: DID=1\r\nChanVariable: CALLERID(pres)=%s\r\nChanVariable: X=CALLERID(pres)=prohib"
    events = [reading.read(block + variables % value, 1.0) for value in (b"prohib_not_screened", b"allowed", b"")]
    assert [event.party.hidden for event in events if isinstance(event, Newchannel)] == [True, False, False]


_VALUES = st.one_of(
    st.sampled_from(["", "<unknown>", " a b ", "a: b", "\xa0x\x1f", "16", "prohib", "CALLERID(pres)=prohib", "a\rb"]),
    st.text(max_size=8),
)
_ODD_LINES = st.sampled_from([
    "ChanVariable: CALLERID(pres)=prohib", "DestChanVariable: CALLERID(pres)=prohib", "ChanVariable: DID=1",
    "ChanVariable: CALLERID(pres)=allowed", "Timestamp: 12.5", "Timestamp: x", "Uniqueid: 9.9", "Nothing",
    "Forward: 2002", "CID-CallingPres: 32 (Presentation Prohibited)", "Language: en", "event: Hangup", "Cause: 17",
])  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(block=st.deferred(lambda: st.sampled_from(one_of_each())), data=st.data())
def test_whatever_is_wrong_with_a_block_it_is_read_as_line_by_line(block: bytes, data: st.DataObject) -> None:
    lines = block.decode().split("\r\n")
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(["drop", "repeat", "value", "odd", "swap"])):
            case "drop" if len(lines) > 1:
                del lines[place]
            case "repeat":
                lines.insert(data.draw(st.integers(1, len(lines))), lines[place])
            case "value":
                lines[place] = lines[place].partition(":")[0] + ": " + data.draw(_VALUES)
            case "odd":
                lines.insert(place + 1, data.draw(_ODD_LINES))
            case _:
                lines[place], lines[-1] = lines[-1], lines[place]
    changed = "\r\n".join(lines).encode("utf-8", "surrogatepass")
    assert reading.read(changed, 1.0) == by_lines(changed)


@given(block=st.one_of(st.binary(), st.binary().map(lambda rest: b"Event: Hangup\r\n" + rest)))
def test_no_bytes_are_too_odd(block: bytes) -> None:
    assert reading.read(block, 1.0) == by_lines(block)
