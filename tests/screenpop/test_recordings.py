"""What the agents' screens and the board show while real Asterisk traffic is played."""

import re
from pathlib import Path

import pytest

from crm_core.numbers import Numbering
from crm_core.staff.rules import Role, User
from screenpop.board import Board
from screenpop.cards import Knowledge, View, build
from screenpop.messages import AgentState, Card, CloseReason, PopReason, PopStatus
from screenpop.pops import Close, PopAction, PopBook, Show, Update
from screenpop.seats import Seats
from telephony.calls import apply
from telephony.events import parse
from telephony.headers import headers
from telephony.records import CallChange, Change
from telephony.recovery import sweep
from tests.telephony.recording import ASTERISK22, blocks_of, new_book

SETTLE_SECONDS = 0.2
QUIET_SECONDS = 100.0
PHONES = [str(number) for number in range(2000, 2100)]
SEATS = Seats({phone: User(1, f"at {phone}", f"At {phone}", Role.AGENT, extensions=(phone,)) for phone in PHONES})
AT_REST = {AgentState.OFFLINE, AgentState.AVAILABLE, AgentState.PAUSED, AgentState.UNREACHABLE}


class Floor:
    """Everybody's screen and the supervisors' wall."""

    def __init__(self) -> None:
        self.pops = PopBook()
        self.board = Board()
        self.board.sit(SEATS, 0.0)
        self.numbering = Numbering("RU", (), re.compile("[0-9]{2,5}"))
        self.actions: list[PopAction] = []

    def take(self, changes: tuple[Change, ...]) -> None:
        for change in changes:
            self.board.apply(change)
            if isinstance(change, CallChange):
                self._take_call(change)

    def _take_call(self, change: CallChange) -> None:
        number = self.numbering.read(change.call.number, withheld=change.call.withheld)

        def make(view: View) -> Card:
            return build(change.call, Knowledge(number), view, SEATS)

        self.actions += self.pops.decide(change, SEATS.user(change.extension), make)

    def play(self, path: Path) -> None:
        book = new_book()
        at = settled = 0.0
        for at, block in blocks_of(path):
            if at - settled >= SETTLE_SECONDS:
                self.actions += self.pops.settle()
                self.take(sweep(book, at).changes)
                settled = at
            event = parse(headers(block), at)
            if event is not None:
                self.take(apply(book, event).changes)
        self.take(sweep(book, at + QUIET_SECONDS).changes)
        for _ in range(3):
            self.actions += self.pops.settle()

    def of(self, phone: str) -> list[tuple[str, str | None]]:
        """Tell in short what happened on the screen of whoever sits at a phone."""
        return [_short(action) for action in self.actions if action.user == f"at {phone}" and _short(action)[1]]


def _short(action: PopAction) -> tuple[str, str | None]:
    match action:
        case Show():
            return "show", action.reason
        case Update():
            return "update", action.status
        case Close():
            return "close", action.reason


def played(name: str) -> Floor:
    floor = Floor()
    floor.play(ASTERISK22 / f"{name}.jsonl")
    return floor


@pytest.mark.parametrize("path", sorted(ASTERISK22.glob("*.jsonl")), ids=lambda path: path.stem)
def test_when_all_have_hung_up_nothing_is_left_behind(path: Path) -> None:
    floor = Floor()
    floor.play(path)
    left = [pop for phone in PHONES for pop in floor.pops.state(f"at {phone}").pops if pop.status != PopStatus.WRAP_UP]
    assert left == []
    state = floor.board.state()
    assert state.calls == {}
    assert {agent.state for agent in state.agents.values()} <= AT_REST


SHOWN_AND_TALKED = [("show", PopReason.RING), ("update", PopStatus.TALKING), ("update", PopStatus.WRAP_UP)]


def test_a_call_to_a_phone() -> None:
    assert played("did_answered").of("2001") == SHOWN_AND_TALKED


def test_the_caller_cancels() -> None:
    assert played("did_caller_cancels").of("2001") == [("show", PopReason.RING), ("close", CloseReason.CALLER_GONE)]


def test_nobody_answers_and_the_voicemail_takes_over() -> None:
    floor = played("did_noanswer_voicemail")
    assert floor.of("2001") == [("show", PopReason.RING), ("close", CloseReason.ENDED)]


def test_a_blind_transfer() -> None:
    floor = played("blind_transfer_refer")
    assert floor.of("2001") == SHOWN_AND_TALKED
    assert floor.of("2002") == [("show", PopReason.TRANSFER), *SHOWN_AND_TALKED[1:]]


def test_an_attended_transfer() -> None:
    floor = played("attended_transfer_refer")
    assert floor.of("2002") == [
        ("show", PopReason.RING),
        ("update", PopStatus.TALKING),
        ("close", CloseReason.ENDED),
        ("show", PopReason.TRANSFER),
        ("update", PopStatus.WRAP_UP),
    ]


def test_a_colleague_picks_the_call_up() -> None:
    floor = played("pickup_group")
    assert floor.of("2001") == [("show", PopReason.RING), ("close", CloseReason.ANSWERED_ELSEWHERE)]
    assert floor.of("2002") == [("show", PopReason.ANSWER), ("update", PopStatus.WRAP_UP)]


def test_a_click_to_call() -> None:
    assert played("clicktocall_answered").of("2001") == [("show", PopReason.DIAL), *SHOWN_AND_TALKED[1:]]


def test_the_caller_leaves_the_queue_while_phones_ring() -> None:
    floor = played("queue_abandoned_ringing")
    ends = [_short(action) for action in floor.actions if isinstance(action, Close)]
    assert ends
    assert set(ends) == {("close", CloseReason.CALLER_GONE)}
