"""Finds out who the other side of a call is, and remembers it while anyone may look at the call.

A client base that does not answer in time costs the card its client and nothing else: the card comes without, and the
client follows as soon as it can be asked again.
"""

import asyncio
import contextlib
import gc
import logging
import threading
from collections.abc import Callable
from typing import Final

from crm_core.calls.store import Calls
from crm_core.errors import NotFound
from crm_core.numbers import Numbering, describe, preload
from crm_core.people.rules import Lookup
from crm_core.people.store import People
from screenpop.cards import NOBODY
from screenpop.live import LiveCall, has_place, recall
from screenpop.seats import Seats
from telephony.records import CallRecord, ChangeKind

LOOKUP_SECONDS: Final = 0.3
"""A card without its client is shown when the client base takes longer."""
AWAY_SECONDS: Final = 1.0
"""After a failed look-up nobody else waits for one during this time."""
FRESH_SECONDS: Final = 0.5
"""Phones of a ring group ring at once: one look-up serves them all."""

logger = logging.getLogger(__name__)


async def _in_a_daemon(work: Callable[[], None]) -> None:
    """Run `work` in a thread that a stop need not wait for, as it would for the event loop's own threads."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def finish(error: Exception | None) -> None:
        if not done.done():
            done.set_result(None) if error is None else done.set_exception(error)

    def run() -> None:
        error: Exception | None = None
        try:
            work()
        except Exception as raised:  # noqa: BLE001 - it is raised again where it is awaited
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(finish, error)

    threading.Thread(target=run, name="number tables", daemon=True).start()
    await done


class Callers:
    """Calls that are running, or whose cards are still up, each with what is known about its caller."""

    def __init__(
        self,
        people: People,
        calls: Calls,
        numbering: Numbering,
        clock: Callable[[], float],
        patience: float = LOOKUP_SECONDS,
    ) -> None:
        self._people = people
        self._calls = calls
        self._numbering = numbering
        self._clock = clock
        self._patience = patience
        self._live: dict[str, LiveCall] = {}
        self._away_until = 0.0
        self._places_loaded = False
        self.failures = 0

    def get(self, call_id: str) -> LiveCall | None:
        """Return what is known about a call."""
        return self._live.get(call_id)

    def all(self) -> tuple[LiveCall, ...]:
        """Return everything that is known."""
        return tuple(self._live.values())

    def drop(self, call_id: str) -> LiveCall | None:
        """Forget a call."""
        return self._live.pop(call_id, None)

    def clear(self) -> None:
        """Forget all calls."""
        self._live.clear()

    def meet(self, call: CallRecord, seats: Seats) -> LiveCall:
        """Find or begin what is known about a call, and bring its facts up to date."""
        number = self._numbering.read(call.number, withheld=call.withheld)
        live = self._live.get(call.id)
        if live is None:
            live = self._live[call.id] = LiveCall(call, number)
        live.call = call
        if live.number != number:
            live.number, live.looked_at, live.place, live.lookup = number, None, None, NOBODY
        live.seat(seats)
        return live

    def must_ask(self, live: LiveCall, kind: ChangeKind) -> bool:
        """Tell whether the client base must be asked before this change can be shown."""
        now = self._clock()
        if now < self._away_until and live.key is not None:
            live.incomplete = live.incomplete or live.looked_at is None
            return False
        if live.looked_at is None:
            return True
        return kind in {ChangeKind.RINGING, ChangeKind.DIALING} and now - live.looked_at >= FRESH_SECONDS

    async def ask(self, live: LiveCall) -> None:
        """Ask the client base who this is, for a bounded time."""
        try:
            async with asyncio.timeout(self._patience):
                live.lookup = await self._find(live)
        except Exception as error:  # noqa: BLE001 - a pop without a client beats no pop
            self.failures += 1
            live.incomplete = True
            self._away_until = self._clock() + AWAY_SECONDS
            logger.warning("call %s: the client base could not be asked: %r", live.call.id, error)
        else:
            live.incomplete = False
            live.looked_at = self._clock()
        if live.place is None and self._places_loaded and has_place(live.number):
            live.place = describe(live.number.e164 or "")

    async def read_notes(self, live: LiveCall) -> None:
        """Fetch what was written on this call so far: it travels with a transfer."""
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                row = await self._calls.get(live.call.id)
        except Exception as error:  # noqa: BLE001 - the card matters more than the notes on it
            logger.warning("call %s: its notes could not be read: %r", live.call.id, error)
        else:
            if row is not None:
                live.notes = row.notes
                live.disposition = row.disposition

    async def reread(self, live: LiveCall) -> None:
        """Read again what people decided about a call, and its client. Raises CrmError."""
        row = await self._calls.get(live.call.id)
        if row is not None:
            live.notes = row.notes
            live.disposition = row.disposition
            live.chosen_contact = row.contact.id if row.contact else None
        await self.ask(live)

    async def recall(self, call_id: str) -> LiveCall | None:
        """Return what is known about a call of now or earlier; None when there is no such call. Raises CrmError."""
        live = self._live.get(call_id)
        if live is not None:
            await self.read_notes(live)
            return live
        row = await self._calls.get(call_id)
        if row is None:
            return None
        live = self._live[call_id] = recall(row)
        await self.ask(live)
        return live

    async def load_places(self) -> None:
        """Load the big number tables in a thread; cards name the place from then on."""
        gc.disable()
        try:
            await _in_a_daemon(preload)
        finally:
            # What is loaded by now stays for good; walking it in each full collection stops the loop for 100 ms.
            gc.freeze()
            gc.enable()
        self._places_loaded = True

    async def _find(self, live: LiveCall) -> Lookup:
        found = await self._people.lookup(live.key, exclude_call=live.call.id) if live.key else NOBODY
        chosen = live.chosen_contact
        if chosen is None or (found.contact is not None and found.contact.id == chosen):
            return found
        try:
            return await self._people.card(chosen, exclude_call=live.call.id)
        except NotFound:
            return found
