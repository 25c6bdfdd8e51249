"""The product on one screen: change -> number -> card -> decide -> write -> publish.

The path of a pop is short on purpose: one cached number, one statement, one encoding, and no waiting at all where the
caller is known by the time the phone rings. The row's write is issued before the push and not awaited; the next change
of the same call waits for it. What is not urgent (traces, the board, phones nobody sits at) is done by loops beside it.
Whatever fails here costs one change at most, never the stream.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from crm_core.agents.rules import LONGEST_WRAP_UP
from crm_core.agents.states_store import AgentStates
from crm_core.agents.store import Agents
from crm_core.agents.wrap_ups import StoredWrapUp, WrapUpStore
from crm_core.calls.dispositions_store import Dispositions
from crm_core.calls.rules import Note
from crm_core.calls.store import Calls
from crm_core.numbers import Numbering
from crm_core.people.store import People
from crm_core.staff.store import Staff
from screenpop import traces
from screenpop.board import Board
from screenpop.bus import Bus, frames
from screenpop.callers import Callers
from screenpop.cards import View, build
from screenpop.junction import Junction
from screenpop.lanes import Adopted, Item, Lanes
from screenpop.live import LiveCall
from screenpop.messages import (
    BOARD_SUBJECT,
    CONTROL_SUBJECT,
    LINKS_SUBJECT,
    PARKED_SUBJECT,
    RECEIPT_SUBJECT,
    BoardLink,
    BoardSnapshot,
    Card,
    Control,
    Links,
    ParkedSnapshot,
    ParkedState,
    PopsSnapshot,
    PopStatus,
    Receipt,
    Wish,
    decode_control,
    decode_receipt,
    encode,
    snapshot_subject,
    subject_user,
)
from screenpop.pauses import Absences
from screenpop.pops import MakeCard, PopAction, PopBook, Show
from screenpop.presence import Presence
from screenpop.publisher import Counters, Publisher
from screenpop.recorder import StateRecorder
from screenpop.seats import Seats, Use, dialling_phone, uses
from screenpop.wrapping import Wrapping
from screenpop.writer import Writer
from telephony import phones
from telephony.lag import LinkHealth
from telephony.records import CallChange, CallRecord, Change, ChangeKind

WRITE_SECONDS: Final = 0.3
"""How long a change waits for the write of the one before."""
BOARD_SECONDS: Final = 0.1
"""At most ten board frames a second."""
SETTLE_SECONDS: Final = 0.2
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
    states: AgentStates
    agents: Agents
    wrap_ups: WrapUpStore
    results: Dispositions
    numbering: Numbering


class Service:
    """Owner of the pops and of the board. Sockets read both through `screenpop.feeds.Feed(bus, subject)`.

    Every node has one; `run` makes it the owner. One that does not own passes wishes on to the node that does.
    """

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
        self._pbxs = pbxs
        self._on_pop = on_pop
        self.on_shown: Callable[[float], None] = lambda _: None
        """Told how long a card took from its event to the word of a page that it is on the screen, in seconds."""
        self._owning = False
        self._seats = Seats()
        self._pops = PopBook()
        self._board = Board(pbxs)
        self._board_changed = asyncio.Event()
        self._callers = Callers(stores.people, stores.calls, stores.numbering, clock)
        self._publisher = Publisher(bus, first_seq)
        self._presence = Presence(bus, clock, self._someone_came_or_went)
        self._lanes = Lanes(self._handle)
        self._unseated: dict[str, float] = {}
        self.writer = Writer(stores.calls)
        self.recorder = StateRecorder(stores.states, clock)
        self.absences = Absences()
        self.wrapping = Wrapping(stores.agents, stores.results, stores.wrap_ups, clock)
        self.failed_changes = 0
        self.junction = Junction(clock, self._hear) if len(pbxs) > 1 else None
        """Where calls between several PBXs become one."""

    @property
    def counters(self) -> Counters:
        """What was published, for `/metrics`."""
        return self._publisher.counters

    @property
    def failed_lookups(self) -> int:
        """How often the client base did not answer."""
        return self._callers.failures

    # Life.

    async def run(self) -> None:
        """Own the service until cancelled; what is not written yet is then written (bounded in time)."""
        self._publisher.begin(self._clock())
        self._owning = True
        self._bus.answer(self._snapshot)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.writer.run(), name="call rows")
                await self._reload_seats_until_known()
                group.create_task(self._lanes.run(), name="lanes")
                group.create_task(self._publish_board(), name="board")
                group.create_task(self.recorder.run(lambda: self._board), name="agents' states")
                group.create_task(self._wrap_up(), name="wrap-ups")
                group.create_task(self._settle(), name="settle")
                group.create_task(self._sweep(), name="sweep")
                if self.junction is not None:
                    group.create_task(self.junction.run(), name="halves")
                group.create_task(self._obey(), name="wishes")
                group.create_task(self._hear_receipts(), name="receipts")
                group.create_task(self._callers.load_places(), name="number tables")
        except asyncio.CancelledError:
            self._bus.answer(None)
            await self._finish()
            self._forget()
            raise

    async def attend(self) -> None:
        """Keep up with who is online on other nodes, until cancelled; every node does so, owner or not."""
        await self._presence.run()

    def submit(self, pbx: str, changes: Sequence[Change]) -> None:  # noqa: ARG002 - a change names its PBX too
        """Take the changes of a PBX; never blocks, never raises."""
        for told in changes:
            change = phones.named(told, self._seats.written)
            self._hear([change] if self.junction is None else self.junction.take(change))

    def _hear(self, changes: Sequence[Change]) -> None:
        """Take what happened to whole conversations."""
        for change in changes:
            self._board.apply(change)
            if isinstance(change, CallChange) and not self._done_at_once(change):
                self._lanes.put(change)
        self._board_changed.set()

    def home(self, extension: str) -> str | None:
        """Return the PBX at which a phone was last seen registered; None where nobody knows."""
        return self._board.home(extension)

    def look(self, pbx: str, health: LinkHealth) -> None:
        """Take in how the link to a PBX does; about once a second."""
        if self._board.look(pbx, health, self._clock()):
            self._board_changed.set()

    async def caught_up(self) -> None:
        """Wait (bounded) until the call log has what was told so far: who just saw a card finds its row."""
        await self.writer.caught_up(WRITE_SECONDS)

    def adopt(self, calls: Sequence[CallRecord]) -> None:
        """Take over calls that were open when the service stopped, before any change of them is submitted."""
        for call in calls:
            self._board.adopt(call)
            if self.junction is not None:
                self.junction.adopt(call)
            self._lanes.put(Adopted(call))
        self._board_changed.set()

    async def reload_seats(self) -> None:
        """Read again who sits where; call it whenever the staff's revision moved. Raises CrmError."""
        await self.wrapping.reload()
        self._seats = Seats(await self._stores.staff.seats())
        self._board.sit(self._seats, self._clock())
        self._board_changed.set()

    # What sockets and pages ask.

    def pops_snapshot(self, user: str) -> PopsSnapshot:
        """Return an agent's cards, as they are after the delta `seq`."""
        return PopsSnapshot(self._publisher.pops_seq(user), self.wrapping.onto(user, self._pops.state(user)))

    def board_snapshot(self) -> BoardSnapshot:
        """Return the board, as it is after the delta `seq`."""
        return BoardSnapshot(self._publisher.board_seq, self._board.state())

    def links(self) -> dict[str, BoardLink]:
        """Return how the links to the PBXs do; empty on a node that does not own the service."""
        return self._board.strip.entries()

    def parked_snapshot(self) -> ParkedSnapshot:
        """Return the parked calls, as they are after the frame `seq`."""
        return ParkedSnapshot(self._publisher.parked_seq, ParkedState(self._publisher.parked_calls))

    def agent_online(self, user: str) -> None:
        """Count one more open socket of an agent."""
        self._presence.enter(user)

    def agent_offline(self, user: str) -> None:
        """Count one open socket of an agent less."""
        self._presence.leave(user)

    @property
    def online(self) -> frozenset[str]:
        """Who has a browser open, on whatever node."""
        return self._presence.online

    def user_at(self, pbx: str, extension: str) -> str | None:
        """Return who sits at a phone of a PBX."""
        return self._seats.user(f"{extension}{phones.AT}{pbx}") or self._seats.user(extension)

    async def ready(self, user: str, *, forced: bool = False) -> bool:
        """End an agent's wrap-ups by hand and put their cards away; False where a result must be chosen first.

        `forced`: whether it was chosen or not; the card that waits for it stays.
        """
        if self._passed_on(Wish.RELEASE if forced else Wish.READY, "", user):
            return True
        calls = self.wrapping.book.finish(user, forced=forced)
        if calls is None:
            return False
        self._tell_wrap_ups(user, calls)
        for call_id in calls:
            await self.dismiss(user, call_id)
        return True

    def more_time(self, user: str) -> None:
        """Let an agent's wrap-ups last longer than their timers say."""
        if not self._passed_on(Wish.MORE, "", user):
            self._tell_wrap_ups(user, self.wrapping.book.more(user, self._clock()))

    async def dismiss(self, user: str, call_id: str) -> bool:
        """Close a card on all tabs of the agent; False when it was not up, or waits for its result."""
        if self._passed_on(Wish.DISMISS, call_id, user):
            return True
        if self.wrapping.book.waits_for_result(user, call_id):
            return False
        actions = self._pops.dismiss(user, call_id, self._clock())
        self._publish_later(actions)
        return bool(actions)

    async def reopen(self, user: str, call_id: str) -> bool:
        """Put the card of an earlier call up again, to finish its note; False when there is no such call."""
        at = self._clock()
        if not self._owning:
            row = await self._stores.calls.get(call_id)
            known = row is not None and at - row.record.started_at <= REOPEN_SECONDS
            return known and self._passed_on(Wish.REOPEN, call_id, user)
        live = await self._callers.recall(call_id)
        if live is None or at - live.call.started_at > REOPEN_SECONDS:
            return False
        extension = next((phone for phone, name in live.users.items() if name == user), live.call.extension or "")
        view = View(user, extension, dialled=dialling_phone(live.call) == extension)
        status = _status(uses(live.call).get(extension))
        self._publish_later(self._pops.reopen(view, live.call, self._make(live), status, at))
        return True

    async def refresh_card(self, call_id: str) -> None:
        """Read the client and notes of a call again and update its cards: something was created, chosen or changed."""
        live = self._callers.get(call_id)
        if live is None:
            self._passed_on(Wish.REFRESH, call_id)
            return
        await self._callers.reread(live)
        self._found(live)
        self._publish(self._pops.refresh(call_id, self._make(live)))

    async def client_changed(self, numbers: Collection[str | None]) -> None:
        """Bring the cards of these numbers (E.164) up to date: a client was created, changed or deleted."""
        for live in self._callers.all():
            if live.number.e164 is not None and live.number.e164 in numbers and self._pops.viewers(live.call.id):
                await self.refresh_card(live.call.id)

    def note_saved(self, call_id: str, note: Note) -> None:
        """Take a note that was just saved onto the call's cards: cheap, since notes are saved as they are typed."""
        live = self._callers.get(call_id)
        if live is None:
            self._passed_on(Wish.REFRESH, call_id)
            return
        live.notes = (*(other for other in live.notes if other.id != note.id), note)
        self._publish(self._pops.refresh(call_id, self._make(live)))

    def delivered(self, receipt: Receipt) -> None:
        """Note that a card left for a browser, or is on its screen."""
        if not self._owning:
            self._bus.publish(RECEIPT_SUBJECT, encode(receipt))
            return
        live = self._callers.get(receipt.call_id)
        if live is None:
            return
        arrived_at = live.popped.get(receipt.user)
        self.writer.trace(receipt.call_id, traces.delivered(receipt, arrived_at))
        if receipt.shown and arrived_at is not None:
            self.on_shown(max(0.0, receipt.at - arrived_at))

    # The path of a pop.

    async def _handle(self, item: Item) -> None:
        with self._border(item):
            if isinstance(item, Adopted):
                await self._take_over(item.call)
            else:
                await self._step(item)

    def _done_at_once(self, change: CallChange) -> bool:
        """Handle a change that has nothing to wait for; False: it must go through its lane.

        A phone rings some milliseconds after its call began: by then the caller is known and the row is written.
        """
        call = change.call
        if not self._lanes.idle(call.id) or self.writer.writes(call.id):
            return False
        with self._border(change):
            live = self._callers.meet(call, self._seats)
            if self._callers.must_ask(live, change.kind) or self._must_read(change):
                return False
            self._decide(change, live)
        return True

    @contextmanager
    def _border(self, item: Item) -> Iterator[None]:
        """Let an error cost this change and no more."""
        try:
            yield
        except Exception:
            self.failed_changes += 1
            logger.exception("a change of call %s could not be handled", item.call.id)

    async def _step(self, change: CallChange) -> None:
        call = change.call
        await self.writer.written(call.id, WRITE_SECONDS)
        live = self._callers.meet(call, self._seats)
        if self._callers.must_ask(live, change.kind):
            await self._callers.ask(live)
            self._found(live)
        if change.kind is ChangeKind.ABSORBED and change.absorbed is not None:
            self._absorb(live, change.absorbed)
        elif self._must_read(change):
            await self._callers.read_notes(live)
        self._decide(change, live)

    def _must_read(self, change: CallChange) -> bool:
        """Tell whether the database is needed before the change can be shown, though the caller is known."""
        call = change.call
        comes_over = change.kind is ChangeKind.RINGING and (call.transfers or call.answered_at is not None)
        return bool(comes_over) or change.kind is ChangeKind.ABSORBED

    def _decide(self, change: CallChange, live: LiveCall) -> None:
        call, user = change.call, self._seats.user(change.extension)
        if not self._unseen(change):
            # The loop keeps the order of what is issued: the row is on its way before a socket gets the frame.
            self.writer.put(live.row())
        dismissed = self._pops.is_dismissed(user, call.id)
        actions = self._pops.decide(change, user, self._make(live))
        self._publish(actions)
        arrived_at = change.at if change.cause is None else change.cause.arrived_at
        for action in actions:
            if isinstance(action, Show):
                live.popped[action.user] = arrived_at
                if change.cause is not None:  # a snapshot tells late what it tells
                    self._popped(call.pbx, arrived_at)
        online, now = user in self._presence.online, self._clock()
        steps = traces.decided(change, user, actions, now, online=online, dismissed=dismissed)
        self.writer.trace(call.id, *steps)
        self._after(change, user)

    def _popped(self, pbx: str, arrived_at: float) -> None:
        """Measure how long a card took."""
        now = self._clock()
        took = max(0.0, now - arrived_at)
        self._on_pop(took)
        self._board.strip.popped(pbx, now, took)

    def _unseen(self, change: CallChange) -> bool:
        """Tell whether a change may go without a write of its own: nobody sees the call, and its next change is here.

        A call that rings in the same burst in which it began is written once, and its card waits for no write.
        """
        early = change.kind in {ChangeKind.STARTED, ChangeKind.UPDATED} and not self._pops.viewers(change.call.id)
        return early and self._lanes.followed(change.call.id)

    def _absorb(self, live: LiveCall, absorbed: str) -> None:
        """Let a consultation, row and notes, become part of the call it was about."""
        self.writer.absorb(absorbed, live.call.id)
        gone = self._callers.drop(absorbed)
        if gone is not None:
            live.users = gone.users | live.users
            live.notes = (*live.notes, *gone.notes)

    def _make(self, live: LiveCall) -> MakeCard:
        known = live.knowledge()

        def make(view: View) -> Card:
            return build(live.call, known, view, self._seats)

        return make

    def _found(self, live: LiveCall) -> None:
        """Let board and trace know who the caller is."""
        self._board.identify(live.call.id, live.identity())
        self._board_changed.set()
        self.writer.trace(live.call.id, *traces.found(live, self._clock()))

    def _publish(self, actions: Sequence[PopAction]) -> None:
        self._publisher.pops(self.wrapping.joined(actions, self._pops))
        for user in {action.user for action in actions}:
            self._show_wrap_up(user)

    def _show_wrap_up(self, user: str) -> None:
        now = self.wrapping.book.current(user)
        self._board.wrap_up(user, now.call_id if now else None, now.started_at if now else self._clock())
        self._board_changed.set()

    def _tell_wrap_ups(self, user: str, calls: Collection[str]) -> None:
        """Let cards and board know what became of an agent's wrap-ups."""
        self._publisher.pops(self.wrapping.updates(user, calls))
        self._show_wrap_up(user)
        self.wrapping.notice()

    def _publish_later(self, actions: Sequence[PopAction]) -> None:
        """Tell agents what no event brought about: a person's wish, or the passing of time; it is traced as well."""
        self._publish(actions)
        for action in actions:
            self.writer.trace(action.call_id, traces.told(action, self._clock()))

    def _after(self, change: CallChange, user: str | None) -> None:
        """Do what is not urgent: phones nobody sits at, forgetting the call."""
        rings = change.extension if change.kind is ChangeKind.RINGING else None
        if rings is not None and user is None and len(self._unseated) < MAX_UNSEATED:
            self._unseated[rings] = change.at
        if change.kind is ChangeKind.ENDED and not self._pops.viewers(change.call.id):
            self._callers.drop(change.call.id)

    async def _take_over(self, call: CallRecord) -> None:
        """Put up the cards of a call that was running before the service started."""
        live = self._callers.meet(call, self._seats)
        await self._callers.ask(live)
        self._found(live)
        await self._callers.read_notes(live)
        for extension, use in uses(call).items():
            user = self._seats.user(extension)
            if user is not None:
                view = View(user, extension, dialled=dialling_phone(call) == extension)
                self._publish(self._pops.adopt(call, view, self._make(live), _status(use)))

    async def _resume(self, one: StoredWrapUp) -> None:
        """Go on with a wrap-up that a restart interrupted; one nobody can go on with is forgotten."""
        live = await self._callers.recall(one.call_id)
        if live is None or self._clock() - one.started_at >= LONGEST_WRAP_UP:
            self.wrapping.book.forget(one.key)
            return
        self.wrapping.book.restore(one)
        view = View(one.user, one.extension, dialled=dialling_phone(live.call) == one.extension)
        self._publish(self._pops.resume(view, live.call, self._make(live), one.started_at))

    # Loops beside the path.

    async def _wrap_up(self) -> None:
        """Go on with what lasted when the service was last alive, then follow the wrap-ups until cancelled."""
        while not self.wrapping.known:
            try:
                for one in await self.wrapping.rows.lasting():
                    await self._resume(one)
            except Exception as error:  # noqa: BLE001 - the database may come up after us
                logger.warning("wrap-ups of before are not known yet: %r", error)
                await asyncio.sleep(SWEEP_SECONDS)
            else:
                self.wrapping.known = True
        await self.wrapping.run(lambda: self._presence.online, self._tell_wrap_ups)

    async def _publish_board(self) -> None:
        while True:
            await self._board_changed.wait()
            # First the pops that this very change is about; the board gathers what else comes meanwhile.
            await asyncio.sleep(BOARD_SECONDS)
            self._board_changed.clear()
            self._publisher.board(self._board)
            self._publisher.parked(self._board)
            self.recorder.look(self._board)

    async def _settle(self) -> None:
        while True:
            await asyncio.sleep(SETTLE_SECONDS)
            self._publish_later(self._pops.settle())

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self._tidy()
            except Exception:
                logger.exception("tidying up failed")

    async def _tidy(self) -> None:
        self._publish_later(self._pops.sweep(self._clock()))
        for live in self._callers.all():
            if live.call.ended_at is not None and not self._pops.viewers(live.call.id):
                self._callers.drop(live.call.id)
        for live in [live for live in self._callers.all() if live.incomplete][:RELOOKS]:
            await self._callers.ask(live)
            if live.incomplete:
                break
            self._found(live)
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

    async def _finish(self) -> None:
        """Handle what was submitted and write it: a call that rang is in the log even if we stop now."""
        try:
            async with asyncio.timeout(STOP_SECONDS):
                for item in self._lanes.remaining():
                    await self._handle(item)
        except TimeoutError:
            logger.error("%d changes could not be handled before the stop", self._lanes.depth)  # noqa: TRY400 - no traceback helps
        await asyncio.gather(
            self.writer.flush(STOP_SECONDS),
            self.recorder.finish(self._board, STOP_SECONDS),
            self.wrapping.finish(STOP_SECONDS),
        )

    def _forget(self) -> None:
        """Give the picture up: another owner may go on with it, and what we knew would be old."""
        self._owning = False
        self._pops = PopBook()
        self._callers.clear()
        if self.junction is not None:
            self.junction.clear()
        self._board = Board(self._pbxs)
        self._board.sit(self._seats, self._clock())
        for user in self._presence.online:
            self._board.presence(user, 1, self._clock())

    # Between nodes.

    def _someone_came_or_went(self, user: str, came: bool) -> None:  # noqa: FBT001 - a callback's fact
        self._board.presence(user, 1 if came else -1, self._clock())
        self._board_changed.set()
        if came:
            self.absences.came(user)
        else:
            self.absences.went(user, self._clock())
        self.wrapping.notice()

    def _passed_on(self, wish: Wish, call_id: str, user: str = "") -> bool:
        """Pass a wish on to the owner of the service; False when that is us."""
        if self._owning:
            return False
        self._bus.publish(CONTROL_SUBJECT, encode(Control(wish, call_id, user)))
        return True

    async def _obey(self) -> None:
        """Do what agents on other nodes wish."""
        async for frame in frames(self._bus, CONTROL_SUBJECT):
            wish = decode_control(frame)
            if wish is not None:
                await self._fulfil(wish)

    async def _hear_receipts(self) -> None:
        """Hear what became of cards on other nodes."""
        async for frame in frames(self._bus, RECEIPT_SUBJECT):
            receipt = decode_receipt(frame)
            if receipt is not None:
                self.delivered(receipt)

    async def _fulfil(self, control: Control) -> None:
        try:
            match control.wish:
                case Wish.DISMISS:
                    await self.dismiss(control.user, control.call_id)
                case Wish.REOPEN:
                    await self.reopen(control.user, control.call_id)
                case Wish.REFRESH:
                    await self.refresh_card(control.call_id)
                case Wish.READY | Wish.RELEASE:
                    await self.ready(control.user, forced=control.wish is Wish.RELEASE)
                case Wish.MORE:
                    self.more_time(control.user)
        except Exception:
            logger.exception("a wish of another node could not be fulfilled")

    def _snapshot(self, subject: str) -> bytes | None:
        if subject == snapshot_subject(BOARD_SUBJECT):
            return encode(self.board_snapshot())
        if subject == snapshot_subject(LINKS_SUBJECT):
            return encode(Links(self.links()))
        if subject == snapshot_subject(PARKED_SUBJECT):
            return encode(self.parked_snapshot())
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
