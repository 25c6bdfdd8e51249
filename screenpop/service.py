"""The product on one screen: change -> number -> card -> decide -> write -> publish."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from crm_core.calls.store import Calls
from crm_core.numbers import Numbering
from crm_core.people.store import People
from crm_core.staff.store import Staff
from screenpop.bus import Bus
from screenpop.messages import BoardSnapshot, PopsSnapshot
from telephony.records import CallRecord, Change


@dataclass(frozen=True, slots=True)
class Stores:
    """What the service reads and writes."""

    people: People
    calls: Calls
    staff: Staff
    numbering: Numbering


class Service:
    """Owner of the pops and of the board. Sockets read both through `screenpop.feeds.Feed(bus, subject)`."""

    def __init__(
        self,
        stores: Stores,
        bus: Bus,
        *,
        clock: Callable[[], float] = time.time,
        pbxs: Sequence[str] = ("main",),
        first_seq: int = 0,
        on_pop: Callable[[float], None] = lambda _: None,
    ) -> None: ...

    async def run(self) -> None:
        """Work until cancelled; what is not written yet is then written (bounded in time)."""
        raise NotImplementedError

    def submit(self, pbx: str, changes: Sequence[Change]) -> None:
        """Take the changes of a PBX; never blocks, never raises."""
        raise NotImplementedError

    def adopt(self, calls: Sequence[CallRecord]) -> None:
        """Take over calls that were open when the service stopped, before any change of them is submitted."""
        raise NotImplementedError

    async def reload_seats(self) -> None:
        """Read again who sits where; call it at start and whenever the staff's revision moved."""
        raise NotImplementedError

    def pops_snapshot(self, user: str) -> PopsSnapshot:
        """Return an agent's cards, as they are after the delta `seq`."""
        raise NotImplementedError

    def board_snapshot(self) -> BoardSnapshot:
        """Return the board, as it is after the delta `seq`."""
        raise NotImplementedError

    def agent_online(self, user: str) -> None:
        """Count one more open socket of an agent."""
        raise NotImplementedError

    def agent_offline(self, user: str) -> None:
        """Count one open socket of an agent less."""
        raise NotImplementedError

    async def dismiss(self, user: str, call_id: str) -> bool:
        """Close a card on all tabs of the agent; False when it was not up."""
        raise NotImplementedError

    async def reopen(self, user: str, call_id: str) -> bool:
        """Put the card of an ended call up again, to finish its note; False when there is no such call."""
        raise NotImplementedError

    async def refresh_card(self, call_id: str) -> None:
        """Read the client of a call again and update its cards: it was created, chosen or changed."""
        raise NotImplementedError
