"""Bytes in, whole messages out: the same ones however the stream was cut."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from telephony.framing import Framer

WANTED = frozenset({b"Newchannel", b"Hangup", b"VarSet"})
TELLING = {b"VarSet": (b"\nVariable: ", (b"VMSTATUS",))}


def framer(max_block: int = 256 * 1024) -> Framer:
    return Framer(WANTED, max_block, TELLING)


def counters(one: Framer) -> tuple[int, int, int]:
    return one.skipped, one.oversize, one.malformed


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({place % (len(stream) + 1) for place in places} | {0, len(stream)})
    return [stream[start:end] for start, end in pairwise(edges)]


def test_a_message_comes_out_whole_and_without_its_blank_line() -> None:
    assert framer().feed(b"Event: Newchannel\r\nChannel: PJSIP/1\r\n\r\n") == [b"Event: Newchannel\r\nChannel: PJSIP/1"]


def test_a_letter_split_between_reads_survives() -> None:
    one = framer()
    stream = "Event: Hangup\r\nCallerIDName: Хасан\r\n\r\n".encode()
    blocks = [block for place in range(len(stream)) for block in one.feed(stream[place : place + 1])]
    assert [block.decode() for block in blocks] == ["Event: Hangup\r\nCallerIDName: Хасан"]


def test_unwanted_events_are_counted_not_given() -> None:
    one = framer()
    assert one.feed(b"Event: RTCPSent\r\nA: 1\r\n\r\nEvent: Hangup\r\n\r\nEvent: Newexten\r\n\r\n") == [
        b"Event: Hangup"
    ]
    assert counters(one) == (2, 0, 0)


def test_a_frequent_event_needs_a_header_that_says_so() -> None:
    one = framer()
    boring = b"Event: VarSet\r\nVariable: X\r\nValue: VMSTATUS\r\n\r\n"
    telling = b"Event: VarSet\r\nVariable: VMSTATUS\r\nValue: SUCCESS\r\n\r\n"
    assert one.feed(boring + telling) == [telling.strip()]
    assert one.skipped == 1


def test_a_name_once_found_unwanted_still_passes_with_an_action_id() -> None:
    one = framer()
    plain, answer = b"Event: Status\r\nA: 1\r\n\r\n", b"Event: Status\r\nActionID: a\r\n\r\n"
    assert one.feed(plain) == one.feed(plain) == []
    assert one.feed(plain + answer + plain) == [answer.strip()]
    assert one.feed(b"Event: Status\nActionID: a\n\n") == [answer.strip()]
    assert one.skipped == 4


def test_names_without_number_or_end_are_skipped_and_fill_no_memory() -> None:
    one = framer()
    events = (b"Event: %s\r\nA: 1\r\n\r\n" % name for number in range(3000) for name in (b"X%d" % number, b"Y" * 5000))
    assert one.feed(b"".join(events)) == []
    assert one.skipped == 6000
    assert sum(map(len, one._verdicts)) < 100_000


def test_an_event_of_one_line_is_no_shorter_name() -> None:
    one = framer()
    assert [one.feed(b"Event: Hangup\r\n\r\n") for _ in range(3)] == [[b"Event: Hangup"]] * 3


def test_any_of_several_values_is_enough() -> None:
    one = Framer(WANTED, telling={b"VarSet": (b"\nVariable: ", (b"VMSTATUS", b"VM_MESSAGEFILE"))})
    told = [b"Event: VarSet\r\nVariable: %s\r\nValue: x" % name for name in (b"VMSTATUS", b"VM_MESSAGEFILE", b"VMX")]
    assert one.feed(b"\r\n\r\n".join((*told, b""))) == told[:2]


def test_of_a_repeated_header_the_last_one_decides_as_it_does_for_who_reads_it() -> None:
    told = [
        b"Event: VarSet\r\nVariable: %s\r\nVariable: %s" % pair for pair in ((b"X", b"VMSTATUS"), (b"VMSTATUS", b"X"))
    ]
    assert framer().feed(b"\r\n\r\n".join((*told, b""))) == told[:1]


def test_a_frequent_event_without_its_header_is_skipped() -> None:
    one = framer()
    assert one.feed(b"Event: VarSet\r\nValue: 1\r\n\r\nEvent: VarSet\r\n\r\n") == []
    assert one.skipped == 2


def test_a_bare_line_feed_is_seen_beside_a_stray_carriage_return() -> None:
    assert framer().feed(b"Event: Hangup\rA: b\nC: d\n\nEvent: Hangup\r\n\r\n") == [
        b"Event: Hangup\rA: b\r\nC: d",
        b"Event: Hangup",
    ]


def test_responses_and_whatever_carries_an_action_id_pass() -> None:
    stream = (
        b"Response: Success\r\nActionID: a\r\n\r\n"
        b"Event: CoreShowChannel\r\nActionID: a\r\n\r\n"
        b"Event: Status\r\nPrivilege: Call\r\nActionID: a\r\n\r\n"
        b"Response: Error\r\nMessage: Failed to parse message: line too long\r\n\r\n"
    )
    assert len(framer().feed(stream)) == 4


def test_the_banner_is_taken_off_and_read() -> None:
    one = framer()
    assert one.feed(b"Asterisk Call Manager/11.0.0\r\nResponse: Success\r\n\r\n") == [b"Response: Success"]
    assert one.version == "11.0.0"


def test_lines_may_end_with_a_bare_line_feed() -> None:
    one = framer()
    stream = b"Event: Hangup\nCause: 16\n\nEvent: Newchannel\r\nA: b\n\r\nEvent: Hangup\r\n\r\n"
    assert one.feed(stream) == [b"Event: Hangup\r\nCause: 16", b"Event: Newchannel\r\nA: b", b"Event: Hangup"]


def test_rubbish_costs_itself_only() -> None:
    one = framer()
    assert one.feed(b"\xff\xfe\x00junk\r\n\r\nEvent: Hangup\r\nName: \xc8\xe2\r\n\r\n") == [
        b"Event: Hangup\r\nName: \xc8\xe2"
    ]
    assert counters(one) == (0, 0, 1)


def test_an_event_name_that_is_not_on_the_first_line_is_still_found() -> None:
    one = framer()
    assert one.feed(b"Privilege: call,all\r\nevent: Hangup\r\n\r\nevent:Other\r\n\r\n") == [
        b"Privilege: call,all\r\nevent: Hangup"
    ]
    assert counters(one) == (1, 0, 0)


def test_without_a_filter_everything_is_given() -> None:
    one = Framer(None)
    assert one.feed(b"Event: Anything\r\n\r\nEvent:\r\n\r\n") == [b"Event: Anything", b"Event:"]


def test_an_endless_message_is_dropped_and_the_next_one_read() -> None:
    one = framer(max_block=100)
    for _ in range(1000):
        assert one.feed(b"x" * 99) == []
    assert one.feed(b"\r\n\r\nEvent: Hangup\r\n\r\n") == [b"Event: Hangup"]
    assert counters(one) == (0, 1, 0)


def test_an_oversize_message_that_comes_at_once_is_dropped() -> None:
    one = framer(max_block=100)
    long = b"Event: Hangup\r\nA: " + b"x" * 100 + b"\r\n\r\n"
    odd = b"Something: " + b"x" * 100 + b"\r\n\r\n"
    assert one.feed(long + odd + b"Event: Hangup\r\n\r\n") == [b"Event: Hangup"]
    assert counters(one) == (0, 2, 0)


_LINE_END = st.sampled_from([b"\r\n", b"\r\n", b"\n"])
_TEXT = st.binary(max_size=20).map(lambda text: text.replace(b"\r", b"").replace(b"\n", b""))
_LINE = st.one_of(
    st.sampled_from([b"Event: Hangup", b"Event: Other", b"Response: Success", b"ActionID: x", b"Event: VarSet"]), _TEXT
)
_STREAM = st.lists(st.tuples(st.lists(_LINE, max_size=5), _LINE_END)).map(
    lambda blocks: b"".join(b"".join(line + end for line in lines) + end for lines, end in blocks)
)


@given(stream=st.one_of(_STREAM, st.binary()), places=st.lists(st.integers(min_value=0), max_size=20))
def test_any_split_gives_the_same_messages(stream: bytes, places: list[int]) -> None:
    whole, pieces = framer(max_block=60), framer(max_block=60)
    expected = whole.feed(stream + b"\r\n\r\n")
    assert [block for part in cut(stream + b"\r\n\r\n", places) for block in pieces.feed(part)] == expected
    assert counters(pieces) == counters(whole)


@given(stream=st.binary())
def test_no_bytes_stop_the_stream(stream: bytes) -> None:
    one = framer()
    one.feed(stream)
    assert one.feed(b"\r\n\r\nEvent: Hangup\r\nUniqueid: 1.1\r\n\r\n")[-1] == b"Event: Hangup\r\nUniqueid: 1.1"
