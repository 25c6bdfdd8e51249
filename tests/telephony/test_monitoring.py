"""Real Asterisk tells which file is which conversation's."""

import pytest

from telephony import events as ev
from telephony.calls import apply
from telephony.records import RecordingKind
from tests.telephony.recording import ASTERISK22, blocks_of, new_book, play


def test_a_recorded_queue_call_names_its_file() -> None:
    (row,) = play(blocks_of(ASTERISK22 / "queue_recorded.jsonl"), new_book()).in_order()
    (recording,) = row.recordings
    assert recording.file == "/lab/spool/monitor/1795291408.196.wav"
    assert (recording.kind, recording.channel) == (RecordingKind.CALL, "1795291408.196")
    assert row.ended_at is not None
    assert recording.ended_at == pytest.approx(row.ended_at, abs=0.5)


def test_a_recording_started_and_stopped_in_mid_call_has_its_own_times() -> None:
    (row,) = play(blocks_of(ASTERISK22 / "recording_by_ami.jsonl"), new_book()).in_order()
    (recording,) = row.recordings
    assert recording.file == "/lab/spool/monitor/ami-rec.wav"
    assert recording.ended_at is not None
    assert recording.ended_at - recording.started_at == pytest.approx(3.0, abs=0.1)


@pytest.mark.parametrize(
    ("trace", "file"),
    [
        ("voicemail_direct", "/lab/spool/voicemail/default/2002/INBOX/msg0000"),
        ("queue_timeout_voicemail", "/lab/spool/voicemail/default/2003/INBOX/msg0000"),
    ],
)
def test_a_message_belongs_to_the_call_it_was_left_in(trace: str, file: str) -> None:
    rows = play(blocks_of(ASTERISK22 / f"{trace}.jsonl"), new_book()).in_order()
    assert [(one.kind, one.file) for row in rows for one in row.recordings] == [(RecordingKind.VOICEMAIL, file)]


def test_the_variable_and_the_event_are_one_recording_in_either_order() -> None:
    party = ev.Party("PJSIP/trunk-1", "1.1", "1.1", "Ring", "+34910000000", exten="500")
    for first, second in (("/m/a.wav", ""), ("", "/m/a.wav"), ("/m/a.wav", "/m/a.wav")):
        book = new_book()
        apply(book, ev.Newchannel(1.0, party))
        for file in (first, second):
            apply(book, ev.MonitorStart(1.5, party, file))
        apply(book, ev.MonitorStart(9.0, party, "/m/b.wav"))
        apply(book, ev.MonitorStop(9.5, party))
        (call,) = book.calls.values()
        told = [(one.file, one.started_at, one.ended_at) for one in call.recordings]
        assert told == [("/m/a.wav", 1.5, 9.5), ("/m/b.wav", 9.0, 9.5)]
        for number in range(100):
            apply(book, ev.MonitorStart(20.0 + number, party, f"/m/{number}.wav"))
        assert len(call.recordings) == 50


def test_a_channel_of_no_conversation_is_no_surprise() -> None:
    stranger = ev.Party("PJSIP/2001-1", "9.9")
    book = new_book()
    assert apply(book, ev.MonitorStart(1.0, stranger, "/m/a.wav")).surprises == ()
    assert apply(book, ev.MonitorStop(1.0, stranger)).changes == ()
