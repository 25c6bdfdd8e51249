"""The product on one screen: change -> number -> card -> decide -> write -> publish.

The path of a pop is short on purpose: one cached number, one statement, one encoding. The row's write is issued before
the push and not awaited; the next change of the same call waits for it. What is not urgent (traces, the board, phones
nobody sits at) is done by loops beside it. Whatever fails here costs one change at most, never the stream.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from msgspec import UNSET

from crm_core.calls.rules import TraceEntry
from crm_core.calls.store import Calls
from crm_core.errors import NotFound
from crm_core.numbers import Numbering, describe, preload
from crm_core.people.rules import Lookup
from crm_core.people.store import People
from crm_core.staff.store import Staff
from screenpop.board import Board
from screenpop.bus import Bus
from screenpop.cards import NOBODY, View, build
from screenpop.lanes import Adopted, Item, Lanes
from screenpop.live import LiveCall, has_place, recall
from screenpop.messages import (
    BOARD_SUBJECT,
    BoardSnapshot,
    Card,
    PopClose,
    PopShow,
    PopsSnapshot,
    PopStatus,
    PopUpdate,
    encode,
    pops_subject,
    snapshot_subject,
    subject_user,
)
from screenpop.pops import Close, MakeCard, PopAction, PopBook, Show, Update
from screenpop.seats import Seats, Use, dialling_phone, uses
from screenpop.writer import Writer
from telephony.records import CallChange, CallRecord, Change, ChangeKind

LOOKUP_SECONDS: Final = 0.3
"""A card without its client is shown when the client base takes longer."""
AWAY_SECONDS: Final = 1.0
"""After a failed look-up nobody else waits for one during this time; the sweep asks again."""
LOOKUP_FRESH_SECONDS: Final = 0.5
"""Phones of a ring group ring at once: one look-up serves them all."""
WRITE_SECONDS: Final = 0.3
"""How long a change waits for the write of the one before."""
BOARD_SECONDS: Final = 0.1
"""At most ten board frames a second."""
SWEEP_SECONDS: Final = 1.0
STOP_SECONDS: Final = 3.0
"""For handling what is queued, and again for writing it, at the stop."""
REOPEN_SECONDS: Final = 24 * 3600.0
"""How old a call may be whose card comes back from the log."""
MAX_UNSEATED: Final = 1_000
RELOOKS: Final = 20
"""Failed look-ups repeated per sweep."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stores:
    """What the service reads and writes."""

    people: People
    calls: Calls
    staff: Staff
    numbering: Numbering


@dataclass(slots=True)
class Counters:
    """What `/metrics` tells about the service."""

    changes: int = 0
    shown: int = 0
    updated: int = 0
    closed: int = 0
    failed_lookups: int = 0
    failed_changes: int = 0
    board_frames: int = 0


@dataclass(slots=True)
class _Sequences:
    """The numbers of the last frames, per topic."""

    first: int
    board: int
    pops: dict[str, int] = field(default_factory=dict)

    def next(self, user: str) -> int:
        """Take the next number for a frame of an agent."""
        number = self.last(user) + 1
        self.pops[user] = number
        return number

    def last(self, user: str) -> int:
        """Return the number of an agent's last frame."""
        return self.pops.get(user, self.first)


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
    ) -> None:
        self._stores = stores
        self._bus = bus
        self._clock = clock
        self._on_pop = on_pop
        self._first_seq = first_seq
        self._seq = _Sequences(first_seq, first_seq)
        self._pbxs = pbxs
        self._seats = Seats()
        self._pops = PopBook()
        self._board = Board(pbxs)
        self._board_changed = asyncio.Event()
        self._live: dict[str, LiveCall] = {}
        self._lanes = Lanes(self._handle)
        self._unseated: dict[str, float] = {}
        self._places_loaded = False
        self._away_until = 0.0
        self.writer = Writer(stores.calls)
        self.counters = Counters()

    # Life.

    async def run(self) -> None:
        """Work until cancelled; what is not written yet is then written (bounded in time)."""
        if self._first_seq:
            # Between nodes numbering goes on above whatever the owner before reached, so that no frame looks old.
            base = int(self._clock() * 1000)
            self._seq = _Sequences(base, base)
        self._bus.answer(self._snapshot)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.writer.run(), name="call rows")
                await self._reload_seats_until_known()
                group.create_task(self._lanes.run(), name="lanes")
                group.create_task(self._publish_board(), name="board")
                group.create_task(self._sweep(), name="sweep")
                group.create_task(self._load_places(), name="number tables")
        except asyncio.CancelledError:
            self._bus.answer(None)
            await self._finish()
            self._forget()
            raise

    def submit(self, pbx: str, changes: Sequence[Change]) -> None:  # noqa: ARG002 - a change names its PBX; the port does too
        """Take the changes of a PBX; never blocks, never raises."""
        for change in changes:
            self._board.apply(change)
            if isinstance(change, CallChange):
                self._lanes.put(change)
        self._board_changed.set()

    def adopt(self, calls: Sequence[CallRecord]) -> None:
        """Take over calls that were open when the service stopped, before any change of them is submitted."""
        for call in calls:
            self._board.adopt(call)
            self._lanes.put(Adopted(call))
        self._board_changed.set()

    async def reload_seats(self) -> None:
        """Read again who sits where; call it whenever the staff's revision moved."""
        self._seats = Seats(await self._stores.staff.seats())
        self._board.sit(self._seats, self._clock())
        self._board_changed.set()

    # What sockets and pages ask.

    def pops_snapshot(self, user: str) -> PopsSnapshot:
        """Return an agent's cards, as they are after the delta `seq`."""
        return PopsSnapshot(self._seq.last(user), self._pops.state(user))

    def board_snapshot(self) -> BoardSnapshot:
        """Return the board, as it is after the delta `seq`."""
        return BoardSnapshot(self._seq.board, self._board.state())

    def agent_online(self, user: str) -> None:
        """Count one more open socket of an agent."""
        self._board.presence(user, 1, self._clock())
        self._board_changed.set()

    def agent_offline(self, user: str) -> None:
        """Count one open socket of an agent less."""
        self._board.presence(user, -1, self._clock())
        self._board_changed.set()

    async def dismiss(self, user: str, call_id: str) -> bool:
        """Close a card on all tabs of the agent; False when it was not up."""
        actions = self._pops.dismiss(user, call_id, self._clock())
        self._publish(actions)
        return bool(actions)

    async def reopen(self, user: str, call_id: str) -> bool:
        """Put the card of an earlier call up again, to finish its note; False when there is no such call."""
        live = await self._recall(call_id)
        if live is None or self._clock() - live.call.started_at > REOPEN_SECONDS:
            return False
        at = self._clock()
        extension = next((phone for phone, name in live.users.items() if name == user), live.call.extension or "")
        view = View(user, extension, dialled=dialling_phone(live.call) == extension)
        status = _status(uses(live.call).get(extension))
        self._publish(self._pops.reopen(view, live.call, self._make(live), status, at))
        return True

    async def refresh_card(self, call_id: str) -> None:
        """Read the client of a call again and update its cards: it was created, chosen or changed."""
        live = self._live.get(call_id)
        if live is None:
            return
        row = await self._stores.calls.get(call_id)
        if row is not None:
            live.notes = row.notes
            live.disposition = row.disposition
            live.chosen_contact = row.contact.id if row.contact else None
        await self._look_up(live)
        self._publish(self._pops.refresh(call_id, self._make(live)))
        self._board_changed.set()

    # The path of a pop.

    async def _handle(self, item: Item) -> None:
        """Handle one change of a call; the border where an error costs this change and no more."""
        try:
            if isinstance(item, Adopted):
                await self._take_over(item.call)
            else:
                await self._step(item)
        except Exception:
            self.counters.failed_changes += 1
            logger.exception("a change of call %s could not be handled", item.call.id)

    async def _step(self, change: CallChange) -> None:
        call = change.call
        self.counters.changes += 1
        await self.writer.written(call.id, WRITE_SECONDS)
        live = self._meet(call)
        if self._must_look_up(live, change.kind):
            await self._look_up(live)
        if change.kind is ChangeKind.ABSORBED and change.absorbed is not None:
            self._absorb(live, change.absorbed)
        elif change.kind is ChangeKind.RINGING and (call.transfers or call.answered_at is not None):
            await self._read_notes(live)
        user = self._seats.user(change.extension)
        self.writer.put(live.row())
        await asyncio.sleep(0)  # the write is on its way before anyone is told
        actions = self._pops.decide(change, user, self._make(live))
        self._publish(actions)
        if any(isinstance(action, Show) for action in actions):
            self._on_pop(max(0.0, self._clock() - change.at))
        self._after(change, live, user, actions)

    def _meet(self, call: CallRecord) -> LiveCall:
        """Find or begin what is known about a call, and bring its facts up to date."""
        number = self._stores.numbering.read(call.number, withheld=call.withheld)
        live = self._live.get(call.id)
        if live is None:
            live = self._live[call.id] = LiveCall(call, number)
        live.call = call
        if live.number != number:
            live.number, live.looked_at, live.place, live.lookup = number, None, None, NOBODY
        live.seat(self._seats)
        return live

    def _must_look_up(self, live: LiveCall, kind: ChangeKind) -> bool:
        now = self._clock()
        if now < self._away_until and live.key is not None:
            live.incomplete = live.incomplete or live.looked_at is None
            return False
        if live.looked_at is None:
            return True
        fresh = now - live.looked_at < LOOKUP_FRESH_SECONDS
        return kind in {ChangeKind.RINGING, ChangeKind.DIALING} and not fresh

    async def _look_up(self, live: LiveCall) -> None:
        """Ask the client base who this is; when it does not answer in time, the card comes without."""
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                live.lookup = await self._find(live)
        except Exception as error:  # noqa: BLE001 - a pop without a client beats no pop
            self.counters.failed_lookups += 1
            live.incomplete = True
            self._away_until = self._clock() + AWAY_SECONDS
            logger.warning("call %s: the client base could not be asked: %r", live.call.id, error)
        else:
            live.incomplete = False
            live.looked_at = self._clock()
        if live.place is None and self._places_loaded and has_place(live.number):
            live.place = describe(live.number.e164 or "")
        self._board.identify(live.call.id, live.identity())
        self.writer.trace(
            live.call.id,
            TraceEntry(self._clock(), "number", f"{live.number.raw!r} is {live.number.e164 or live.number.kind.value}"),
            TraceEntry(self._clock(), "match", live.match()),
        )

    async def _find(self, live: LiveCall) -> Lookup:
        people = self._stores.people
        found = await people.lookup(live.key, exclude_call=live.call.id) if live.key else NOBODY
        chosen = live.chosen_contact
        if chosen is None or (found.contact is not None and found.contact.id == chosen):
            return found
        try:
            return await people.card(chosen, exclude_call=live.call.id)
        except NotFound:
            return found

    async def _read_notes(self, live: LiveCall) -> None:
        """Fetch what colleagues wrote on this call so far: it travels with a transfer."""
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                row = await self._stores.calls.get(live.call.id)
        except Exception as error:  # noqa: BLE001 - the card matters more than the notes on it
            logger.warning("call %s: its notes could not be read: %r", live.call.id, error)
            return
        if row is not None:
            live.notes = row.notes
            live.disposition = row.disposition

    def _absorb(self, live: LiveCall, absorbed: str) -> None:
        """Let a consultation, row and notes, become part of the call it was about."""
        self.writer.absorb(absorbed, live.call.id)
        gone = self._live.pop(absorbed, None)
        if gone is not None:
            live.users = gone.users | live.users

    def _make(self, live: LiveCall) -> MakeCard:
        def make(view: View) -> Card:
            return build(live.call, live.knowledge(), view, self._seats)

        return make

    def _publish(self, actions: Sequence[PopAction]) -> None:
        for action in actions:
            seq = self._seq.next(action.user)
            frame: PopShow | PopUpdate | PopClose
            match action:
                case Show():
                    frame = PopShow(seq, action.call_id, action.reason, action.card, action.status)
                    self.counters.shown += 1
                case Update():
                    status = UNSET if action.status is None else action.status
                    frame = PopUpdate(seq, action.call_id, status, UNSET if action.card is None else action.card)
                    self.counters.updated += 1
                case Close():
                    frame = PopClose(seq, action.call_id, action.reason)
                    self.counters.closed += 1
            self._bus.publish(pops_subject(action.user), encode(frame))
            waiting = self._pops.wrapping_up(action.user)
            at = waiting.since if waiting else self._clock()
            self._board.wrap_up(action.user, waiting.call_id if waiting else None, at)
        if actions:
            self._board_changed.set()

    def _after(self, change: CallChange, live: LiveCall, user: str | None, actions: Sequence[PopAction]) -> None:
        """Do what is not urgent: the trace, phones nobody sits at, forgetting the call."""
        self._board.identify(change.call.id, live.identity())
        rings = change.extension if change.kind is ChangeKind.RINGING else None
        if rings is not None and user is None and len(self._unseated) < MAX_UNSEATED:
            self._unseated[rings] = change.at
        self.writer.trace(change.call.id, *_steps(change, user, actions))
        if change.kind is ChangeKind.ENDED and not self._pops.viewers(change.call.id):
            self._live.pop(change.call.id, None)

    async def _take_over(self, call: CallRecord) -> None:
        """Put up the cards of a call that was running before the service started."""
        live = self._meet(call)
        await self._look_up(live)
        await self._read_notes(live)
        for extension, (use, _) in uses(call).items():
            user = self._seats.user(extension)
            if user is None:
                continue
            view = View(user, extension, dialled=dialling_phone(call) == extension)
            status = _status((use, 0.0))
            self._publish(self._pops.adopt(call, view, self._make(live), status))

    async def _recall(self, call_id: str) -> LiveCall | None:
        live = self._live.get(call_id)
        if live is None:
            row = await self._stores.calls.get(call_id)
            if row is None:
                return None
            live = self._live[call_id] = recall(row)
            await self._look_up(live)
        else:
            await self._read_notes(live)
        return live

    # Loops beside the path.

    async def _publish_board(self) -> None:
        while True:
            await self._board_changed.wait()
            self._board_changed.clear()
            delta = self._board.delta(self._seq.board + 1)
            if delta is not None:
                self._seq.board += 1
                self.counters.board_frames += 1
                self._bus.publish(BOARD_SUBJECT, encode(delta))
            await asyncio.sleep(BOARD_SECONDS)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self._tidy()
            except Exception:
                logger.exception("tidying up failed")

    async def _tidy(self) -> None:
        self._publish(self._pops.sweep(self._clock()))
        for call_id, live in list(self._live.items()):
            if live.call.ended_at is not None and not self._pops.viewers(call_id):
                del self._live[call_id]
        for live in [live for live in self._live.values() if live.incomplete][:RELOOKS]:
            await self._look_up(live)
            if live.incomplete:
                break
            self.writer.put(live.row())
            self._publish(self._pops.refresh(live.call.id, self._make(live)))
        while self._unseated:
            extension, at = next(iter(self._unseated.items()))
            await self._stores.staff.note_phone(extension, at)
            del self._unseated[extension]
        await self.writer.write_traces()

    async def _reload_seats_until_known(self) -> None:
        while True:
            try:
                await self.reload_seats()
            except Exception as error:  # noqa: BLE001 - the database may come up after us
                logger.warning("who sits where is not known yet: %r", error)
                await asyncio.sleep(SWEEP_SECONDS)
            else:
                return

    async def _load_places(self) -> None:
        """Load the big number tables in a thread; cards name the place from then on."""
        await asyncio.to_thread(preload)
        self._places_loaded = True

    async def _finish(self) -> None:
        """Handle what was submitted and write it: a call that rang is in the log even if we stop now."""
        try:
            async with asyncio.timeout(STOP_SECONDS):
                for item in self._lanes.remaining():
                    await self._handle(item)
        except TimeoutError:
            logger.error("%d changes could not be handled before the stop", self._lanes.depth)  # noqa: TRY400 - no traceback helps
        await self.writer.flush(STOP_SECONDS)

    def _forget(self) -> None:
        """Give the picture up: another owner may go on with it, and what we knew would be old."""
        self._pops = PopBook()
        self._board = Board(self._pbxs)
        self._board.sit(self._seats, self._clock())
        self._live.clear()

    def _snapshot(self, subject: str) -> bytes | None:
        if subject == snapshot_subject(BOARD_SUBJECT):
            return encode(self.board_snapshot())
        user = subject_user(subject.removeprefix(snapshot_subject("")))
        return None if user is None else encode(self.pops_snapshot(user))


def _status(use: tuple[Use, float] | None) -> PopStatus:
    match use:
        case None:
            return PopStatus.WRAP_UP
        case (Use.RINGING | Use.DIALING, _):
            return PopStatus.RINGING
        case _:
            return PopStatus.TALKING


def _steps(change: CallChange, user: str | None, actions: Sequence[PopAction]) -> list[TraceEntry]:
    """Put the why of a change's pops in words."""
    where = f" at {change.extension}" if change.extension else ""
    steps = [TraceEntry(change.at, change.kind.value, f"{change.trigger}{where}".strip())]
    if change.extension is not None and change.kind in {ChangeKind.RINGING, ChangeKind.DIALING}:
        sits = f"{user} sits at {change.extension}" if user else f"nobody sits at {change.extension}"
        steps.append(TraceEntry(change.at, "agent", sits))
    for action in actions:
        match action:
            case Show():
                steps.append(TraceEntry(change.at, "pop.show", f"{action.user}: {action.reason.value}"))
            case Update():
                steps.append(TraceEntry(change.at, "pop.update", f"{action.user}: {action.status or 'card'}"))
            case Close():
                steps.append(TraceEntry(change.at, "pop.close", f"{action.user}: {action.reason.value}"))
    return steps
