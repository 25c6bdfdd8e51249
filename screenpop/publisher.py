"""Numbers what sockets must be told and hands it to the bus, each frame encoded once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from msgspec import UNSET

from screenpop.board import Board
from screenpop.bus import Bus
from screenpop.messages import (
    BOARD_SUBJECT,
    PARKED_SUBJECT,
    ParkedCall,
    ParkedNow,
    PopClose,
    PopShow,
    PopUpdate,
    encode,
    pops_subject,
)
from screenpop.pops import Close, PopAction, Show, Update

MILLISECONDS: Final = 1000


@dataclass(slots=True)
class Counters:
    """What was published."""

    shown: int = 0
    updated: int = 0
    closed: int = 0
    board_frames: int = 0


class Publisher:
    """Owner of the sequence numbers: one per agent's cards, one for the board."""

    def __init__(self, bus: Bus, first_seq: int) -> None:
        self._bus = bus
        self._first = first_seq
        self._pops: dict[str, int] = {}
        self.board_seq = first_seq
        self.parked_seq = first_seq
        self.parked_calls: dict[str, ParkedCall] = {}
        self.counters = Counters()

    def begin(self, at: float) -> None:
        """Begin to own the service at `at`.

        Between nodes (a first number was given) numbering goes on above whatever the owner before reached, so that no
        frame looks old.
        """
        if self._first:
            self._first = self.board_seq = self.parked_seq = int(at * MILLISECONDS)
            self._pops.clear()

    def pops_seq(self, user: str) -> int:
        """Return the number of an agent's last frame."""
        return self._pops.get(user, self._first)

    def pops(self, actions: Sequence[PopAction]) -> None:
        """Tell agents what happened to their cards."""
        for action in actions:
            seq = self._pops[action.user] = self.pops_seq(action.user) + 1
            self._bus.publish(pops_subject(action.user), encode(self._frame(action, seq)))

    def board(self, board: Board) -> None:
        """Tell supervisors what changed, if anything did."""
        delta = board.delta(self.board_seq + 1)
        if delta is not None:
            self.board_seq += 1
            self.counters.board_frames += 1
            self._bus.publish(BOARD_SUBJECT, encode(delta))

    def parked(self, board: Board) -> None:
        """Tell everybody which calls are parked, if that changed."""
        calls = board.parked()
        if calls != self.parked_calls:
            self.parked_calls = calls
            self.parked_seq += 1
            self._bus.publish(PARKED_SUBJECT, encode(ParkedNow(self.parked_seq, calls)))

    def _frame(self, action: PopAction, seq: int) -> PopShow | PopUpdate | PopClose:
        match action:
            case Show():
                self.counters.shown += 1
                return PopShow(seq, action.call_id, action.reason, action.card, action.status)
            case Update():
                self.counters.updated += 1
                status = UNSET if action.status is None else action.status
                card = UNSET if action.card is None else action.card
                return PopUpdate(seq, action.call_id, status, card, action.wrap_up)
            case Close():
                self.counters.closed += 1
                return PopClose(seq, action.call_id, action.reason)
