"""Sole owner of the call book of one PBX: what the link delivers goes in, in order; what changed goes out.

Live events are taken as they come, always. The snapshot that follows a (re)connect is asked for beside them and merged
when it is there; a PBX that refuses or never answers the lists costs the snapshot, nothing else.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import assert_never

from telephony import marks, recovery
from telephony.actions import DialPlan
from telephony.calls import CallBook, apply
from telephony.events import WANTED
from telephony.headers import headers
from telephony.journal import Journal
from telephony.lag import LagMeter, LinkHealth
from telephony.links import ActionTimeout, AmiError, Delivery, Link, LinkDown, LinkUp, Received
from telephony.reading import read
from telephony.records import CallRecord, Change, Step
from telephony.supervision import Supervision

log = logging.getLogger(__name__)

SWEEP_SECONDS = 0.5
BATCH = 100
"""Deliveries taken before others get their turn on the event loop: some 5 ms."""
LIST_SECONDS = 10.0
RETRY_SECONDS = 20.0
"""Until a list that was not answered in time is asked for again."""
SNAPSHOT_ATTEMPTS = 5
_NOTHING = Step()

Items = list[dict[str, str]]


class Tracker(Supervision):
    """Follows one PBX. `run` never ends by itself; the link and the journal are run by their owner."""

    def __init__(
        self,
        link: Link,
        book: CallBook,
        journal: Journal | None,
        deliver: Callable[[Sequence[Change]], None],
        *,
        plan: DialPlan | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare to follow `link`; `deliver` must not block."""
        super().__init__(link, book, plan or DialPlan())
        self.connected = False
        self.meter = LagMeter()
        self.health = LinkHealth()
        """As last looked at."""
        self.events = 0
        self.surprises = 0
        self.snapshots = 0
        """Snapshots merged since the start."""
        self._journal = journal
        self._deliver = deliver
        self._clock = clock
        self._told = False
        """Whether the delivery at hand changed anything."""
        self._bad = 0
        self._passed_over = 0
        self._looked_at = 0.0
        self._looked_events = 0
        self.links = 0
        """Times the link came up since the start."""
        self._known_links = 0
        self._snapshot_due = asyncio.Event()
        self._unanswered: set[str] = set()

    @property
    def reason(self) -> str:
        """Why the PBX is away, in plain words; empty while it is there."""
        return self.link.reason

    @property
    def reconnects(self) -> int:
        """How often the link came back."""
        return max(0, self.links - 1)

    @property
    def waiting(self) -> int:
        """Messages that arrived and are not worked on yet."""
        return self.link.deliveries.qsize()

    def look(self, at: float) -> LinkHealth:
        """Tell how the link does at `at` (epoch seconds); called by its one owner, about once a second."""
        lag = self.meter.look(at, self.link.owed_seconds) if self.connected else 0.0
        seconds = at - self._looked_at
        rate = (self.events - self._looked_events) / seconds if self._looked_at and seconds > 0 else 0.0
        self._looked_at, self._looked_events = at, self.events
        self.health = LinkHealth(
            self.connected, lag, self.meter.stamped, rate, self.events, self.skipped, self.bad, self.waiting,
            self.reconnects, self.meter.late_since,
        )  # fmt: skip
        return self.health

    @property
    def bad(self) -> int:
        """Messages that could not be read."""
        return self._bad + self.link.malformed

    @property
    def skipped(self) -> int:
        """Messages of no interest."""
        return self._passed_over + self.link.skipped

    @property
    def settled(self) -> bool:
        """Whether it is known which calls run: the snapshot of this link is taken in, and no adopted call is open."""
        return self.connected and self._known_links == self.links and not recovery.unseen(self.book)

    def oldest_call(self) -> float | None:
        """Return when the call began that has been running for longest (epoch seconds); None when none runs."""
        return min((call.started_at for call in self.book.calls.values()), default=None)

    def adopt(self, calls: Sequence[CallRecord]) -> None:
        """Take over the calls that the database holds as running; before `run`."""
        recovery.adopt(self.book, calls)

    def set_extensions(self, known: frozenset[str]) -> None:
        """Tell which endpoints are phones of ours besides those the settings' pattern names."""
        self.book.line = replace(self.book.line, known=known)

    async def run(self) -> None:
        """Follow the PBX, for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(), name=f"{self.pbx}: follow")
            tasks.create_task(self._recover(), name=f"{self.pbx}: recover")
            tasks.create_task(self._sweep(), name=f"{self.pbx}: sweep")

    async def _follow(self) -> None:
        deliveries = self.link.deliveries
        while True:
            self._told = False
            self._take(await deliveries.get())
            for _ in range(BATCH):
                # What was told must reach a browser now, and not after all that came in the same breath.
                if self._told or deliveries.empty():
                    break
                self._take(deliveries.get_nowait())
            self.meter.handled(self._clock())
            await asyncio.sleep(0)

    def _take(self, delivery: Delivery) -> None:
        match delivery:
            case Received(at, block):
                self._record(at, block)
                if block.startswith(b"Event: FullyBooted"):
                    # A login during the boot came before all channels and queues were there.
                    self._snapshot_due.set()
                self._guarded(lambda: self._apply(at, block))
            case LinkUp(at, _):
                self._record(at, marks.up())
                self.connected = True
                self.links += 1
                self._snapshot_due.set()
                self._guarded(lambda: recovery.link_up(self.book, at))
            case LinkDown(at, reason):
                self._record(at, marks.down(reason))
                self.connected = False
                self.meter.lose()
                self._snapshot_due.clear()
                self._guarded(lambda: recovery.link_down(self.book, at, reason))
            case _:
                assert_never(delivery)

    def _record(self, at: float, block: bytes) -> None:
        if self._journal is not None:
            self._journal.record(at, block)

    def _apply(self, at: float, block: bytes) -> Step:
        event = read(block, at)
        if event is None:
            if headers(block).get("Event", "").encode() in WANTED:
                self._bad += 1
            else:
                self._passed_over += 1
            return _NOTHING
        self.events += 1
        self.meter.note(at, event.at)
        return apply(self.book, event, at)

    def _guarded(self, work: Callable[[], Step]) -> None:
        """Work on the book and tell what changed; whatever goes wrong costs this one message."""
        try:
            step = work()
            for surprise in step.surprises:
                self.surprises += 1
                # Each doubling is told: a flood fills a counter, not the log.
                if self.surprises & (self.surprises - 1) == 0:
                    log.warning("%s: surprise %d: %s", self.pbx, self.surprises, surprise)
            if step.changes:
                self._told = True
                self._deliver(step.changes)
        except Exception:
            self._bad += 1
            if self._bad & (self._bad - 1) == 0:
                log.exception("%s: one message could not be worked on (%d so far)", self.pbx, self._bad)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self._guarded(lambda: recovery.sweep(self.book, self._clock()))

    async def _recover(self) -> None:
        while True:
            await self._snapshot_due.wait()
            for _ in range(SNAPSHOT_ATTEMPTS):
                self._snapshot_due.clear()
                if await self._resync():
                    break
                try:
                    async with asyncio.timeout(RETRY_SECONDS):
                        await self._snapshot_due.wait()
                except TimeoutError:
                    log.debug("%s: asking again for the lists that were not answered", self.pbx)

    async def _resync(self) -> bool:
        """Ask for the lists and merge what came; False when it is worth asking again."""
        links = self.links
        self._unanswered.clear()
        async with asyncio.TaskGroup() as tasks:
            channels = tasks.create_task(self._list("CoreShowChannels"))
            queues = tasks.create_task(self._list("QueueStatus"))
        self._merge(links, channels.result(), queues.result(), None)
        worth_it = bool(self._unanswered) and self.connected and links == self.links
        self._merge(links, None, None, await self._list("DeviceStateList"))
        self.snapshots += 1
        self._known_links = links
        return not worth_it

    async def _list(self, name: str) -> Items | None:
        try:
            return await self.link.action_list(name, timeout=LIST_SECONDS)
        except ActionTimeout:
            self._unanswered.add(name)
            log.warning("%s: %s was not answered within %g s", self.pbx, name, LIST_SECONDS)
        except AmiError as error:
            log.info("%s: no %s: %s", self.pbx, name, error)
        return None

    def _merge(self, links: int, channels: Items | None, queues: Items | None, devices: Items | None) -> None:
        """Merge what was asked on the present link; what an earlier one said is stale."""
        if links != self.links or not self.connected or (channels is None and queues is None and devices is None):
            return
        facts = recovery.snapshot(channels, queues, devices)
        at = self._clock()
        for block in marks.listed(marks.Lists(channels, queues, devices)):
            self._record(at, block)
        self._guarded(lambda: recovery.resync(self.book, facts, at))
