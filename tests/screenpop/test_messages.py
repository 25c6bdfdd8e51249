"""The frames as they are on the wire."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from screenpop.messages import (
    Auth,
    BadFrameError,
    BoardDelta,
    BoardSnapshot,
    BoardState,
    Card,
    CardNumber,
    CloseReason,
    Ping,
    PopClose,
    PopReason,
    PopShow,
    PopsSnapshot,
    PopsState,
    PopState,
    PopStatus,
    PopUpdate,
    Ready,
    Resync,
    Subscribe,
    decode_client,
    encode,
    optional_timestamp,
    pops_subject,
    sequence,
    snapshot_subject,
    subject_user,
    timestamp,
)

CARD = Card(CardNumber("+7495", "+7495", "external"))


def test_what_a_new_card_says() -> None:
    frame = json.loads(encode(PopShow(3, "C1", PopReason.TRANSFER, CARD)))
    assert {key: frame[key] for key in ("type", "seq", "call_id", "reason")} == {
        "type": "pop.show",
        "seq": 3,
        "call_id": "C1",
        "reason": "transfer",
    }
    contract = {"number", "caller_name", "contact", "candidates", "queue", "did", "wait_seconds", "history", "fields"}
    assert contract <= set(frame["card"])


def test_an_update_says_only_what_changed() -> None:
    frame = json.loads(encode(PopUpdate(4, "C1", status=PopStatus.TALKING)))
    assert frame == {"type": "pop.update", "seq": 4, "call_id": "C1", "status": "talking"}
    frame = json.loads(encode(PopUpdate(5, "C1", card=CARD)))
    assert set(frame) == {"type", "seq", "call_id", "card"}


def test_a_close_says_why() -> None:
    frame = json.loads(encode(PopClose(6, "C1", CloseReason.ANSWERED_ELSEWHERE)))
    assert frame == {"type": "pop.close", "seq": 6, "call_id": "C1", "reason": "answered_elsewhere"}


def test_snapshots() -> None:
    pops = json.loads(encode(PopsSnapshot(7, PopsState((PopState("C1", PopStatus.WRAP_UP, CARD),)))))
    assert (pops["type"], pops["topic"], pops["seq"]) == ("snapshot", "pops", 7)
    assert (pops["state"]["pops"][0]["call_id"], pops["state"]["pops"][0]["status"]) == ("C1", "wrap_up")
    board = json.loads(encode(BoardSnapshot(8, BoardState())))
    assert (board["topic"], board["seq"]) == ("board", 8)
    assert {"calls", "queues", "agents"} <= set(board["state"])


def test_a_board_delta_names_every_part() -> None:
    frame = json.loads(encode(BoardDelta(9)))
    assert (frame["type"], frame["seq"]) == ("board.delta", 9)
    for part in ("calls", "queues", "agents"):
        assert frame[part] == {"set": {}, "gone": []}


def test_ready() -> None:
    frame = json.loads(encode(Ready("ana", "agent", ("2001",))))
    assert frame == {"type": "ready", "user": "ana", "role": "agent", "extensions": ["2001"]}


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ('{"type": "auth", "token": "t"}', Auth("t")),
        ('{"type": "subscribe", "topic": "pops"}', Subscribe("pops")),
        ('{"type": "subscribe", "topic": "secrets", "new": 1}', Subscribe("secrets")),
        ('{"type": "resync", "topic": "board"}', Resync("board")),
        ('{"type": "ping"}', Ping()),
    ],
)
def test_what_clients_say(text: str, frame: object) -> None:
    assert decode_client(text) == frame


@pytest.mark.parametrize("text", ["", "{", "[]", '"auth"', "{}", '{"type": "dance"}', '{"type": "auth"}', b"\xff"])
def test_nonsense_is_refused_in_words(text: str | bytes) -> None:
    with pytest.raises(BadFrameError) as refused:
        decode_client(text)
    assert str(refused.value)


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_no_bytes_end_the_reader(text: bytes | str) -> None:
    with contextlib.suppress(BadFrameError):
        decode_client(text)


def test_the_number_of_a_frame() -> None:
    assert sequence(encode(PopShow(12, "C1", PopReason.RING, CARD))) == 12
    assert sequence(encode(Ready("ana", "agent"))) == 0


def test_times() -> None:
    assert timestamp(1_763_754_000.1234) == "2025-11-21T19:40:00.123Z"
    assert optional_timestamp(None) is None
    assert optional_timestamp(0.0) == "1970-01-01T00:00:00.000Z"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_every_users_subject_is_one_token_and_its_own(name: str) -> None:
    subject = pops_subject(name)
    token = subject.removeprefix("pops.")
    assert not set(token) & set(". *>\t\r\n")
    assert subject_user(subject) == name
    assert snapshot_subject(subject) == f"snapshot.{subject}"


def test_the_board_is_no_users_subject() -> None:
    assert subject_user("board") is None
