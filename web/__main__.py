"""Settings become adapters, adapters the running service: the only place that chooses, and one TaskGroup for all.

`python -m web` is the `callcard` command.
"""

import asyncio
import contextlib
import logging
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from aiohttp import web

from crm_core.agents.days_store import AgentDays
from crm_core.agents.states_store import AgentStates
from crm_core.agents.store import Agents
from crm_core.agents.wrap_ups import WrapUpStore
from crm_core.audit.store import Audit
from crm_core.calls.dispositions_store import Dispositions
from crm_core.calls.history import HistoryWriter
from crm_core.calls.store import Calls
from crm_core.db import Database, upgrade
from crm_core.errors import CrmError
from crm_core.imports.runner import Runner
from crm_core.imports.store import Imports
from crm_core.numbers import Numbering
from crm_core.oversight.store import Oversight
from crm_core.people.store import People
from crm_core.recordings.collector import Collector
from crm_core.recordings.folder import Folder
from crm_core.recordings.http import HttpPlace
from crm_core.recordings.places import Source, Sources
from crm_core.recordings.retention import Sweeper
from crm_core.recordings.store import Recordings
from crm_core.staff.store import Staff
from crm_core.voicemail.spool import Spool
from crm_core.voicemail.store import Voicemails
from crm_core.voicemail.watching import SpoolWatcher
from crm_core.work.store import Work
from screenpop.bus import Bus, LocalBus
from screenpop.merging import alone
from screenpop.pausing import Pausing
from screenpop.service import Service, Stores
from telephony import orders
from telephony.addresses import AmiAddress
from telephony.ami import AmiLink
from telephony.book import CallBook, Line
from telephony.journal import Journal
from telephony.links import LinkDown, LinkUp, Received
from telephony.phones import dialled, local_record, locals_of
from telephony.records import Change
from telephony.sources.opening import open_log
from telephony.tracker import Tracker
from web.app import build_app
from web.catching_up import CatchUp
from web.link_watch import LinkWatch
from web.metrics import Metrics, watch_loop
from web.nightly import every_night
from web.ownership import only_service, own
from web.services import Services
from web.settings import MONITOR, Settings, SettingsError, signing_key
from web.sockets import SOCKETS

REVISION_SECONDS: Final = 0.5
"""How often the service asks whether another process changed users, phones or tokens."""
FOLLOW_SECONDS: Final = 0.5
"""How soon a written call opens or closes a callback."""
SWEEP_SECONDS: Final = 6 * 3600.0
"""How often recordings and messages that are too old are looked for."""
RESTART_SECONDS: Final = 1.0
DAY_SECONDS: Final = 24 * 3600.0
IDLE_SECONDS: Final = 75.0
"""So long a connection may stay without a whole request's head."""
LONGEST_LINE: Final = 32 * 1024
"""Bytes of a request's first line or of one header; what is longer is refused before our own answers begin."""
LOOK_SECONDS: Final = 3.0
"""So long the start waits to know whether a PBX is ours to watch."""
STOP_SECONDS: Final = 7.0
"""All of the stopping together; SIGTERM is answered within 10 s."""
logger = logging.getLogger(__name__)


class Extensions:
    """The phones that belong to users, as last read; shared by whoever reads numbers or watches a PBX."""

    def __init__(self) -> None:
        self.known: frozenset[str] = frozenset()
        self.dialled: frozenset[str] = frozenset()
        """The same as they are dialled, and as the house writes them."""


class Node:
    """One running process: what it is made of and how its parts run together."""

    def __init__(self, settings: Settings, db: Database, key: bytes) -> None:
        self._settings = settings
        self._extensions = Extensions()
        numbering = Numbering(
            settings.region, settings.own_numbers, settings.extensions, lambda: self._extensions.dialled
        )
        metrics = Metrics()
        bus: Bus = LocalBus()
        if settings.bus_url is not None:
            from screenpop.bus_nats import NatsBus

            bus = NatsBus(settings.bus_url)
        staff, people, calls = Staff(db), People(db, numbering), Calls(db, numbering)
        imports = Imports(db, numbering)
        states = AgentStates(db)
        agents, results = Agents(db), Dispositions(db)
        service = Service(
            Stores(people, calls, staff, states, agents, WrapUpStore(db), results, numbering),
            bus,
            pbxs=[address.name for address in settings.ami] or ["main"],
            # After a take-over numbering goes on above what the node before reached, so that no delta looks old.
            first_seq=0 if settings.bus_url is None else int(time.time() * 1000),
            on_pop=metrics.pop_latency.observe,
        )
        if service.junction is not None:
            service.junction.ask_sip = self._sip_call_id
        recordings, sources = Recordings(db), recording_sources(settings)
        voicemails, spools = Voicemails(db, numbering), voicemail_spools(settings)
        self._mailboxes = SpoolWatcher(voicemails, spools)
        service.on_shown = metrics.shown_latency.observe
        self._trackers: dict[str, Tracker] = {}
        self._catching_up: dict[str, CatchUp] = {}
        self._looked = asyncio.Event()
        metrics.watch_trackers(self._trackers)
        metrics.watch_catching_up(self._catching_up)
        metrics.watch_service(service)
        self._pausing = Pausing(service, self._trackers, time.time, settings.away_seconds)
        self.services = Services(
            settings=settings,
            signing_key=key,
            db=db,
            staff=staff,
            people=people,
            audit=Audit(db),
            imports=imports,
            import_runner=Runner(imports, settings.var_dir / "imports"),
            calls=calls,
            work=Work(db, numbering),
            states=states,
            agents=agents,
            days=AgentDays(db),
            results=results,
            oversight=Oversight(db),
            numbering=numbering,
            service=service,
            bus=bus,
            recordings=recordings,
            collector=Collector(recordings, calls, sources),
            sources=sources,
            voicemails=voicemails,
            spools=spools,
            metrics=metrics,
            trackers=self._trackers,
        )
        self.app = build_app(self.services)

    async def run(self, stop: asyncio.Event, started: Callable[[str], None]) -> None:
        """Run every part until `stop` is set; `started` gets the URL once the first request can come."""
        parts = self.services
        await self._try_address()  # before the PBX hears of a service that cannot serve
        await self._take_in_changes()
        runner = web.AppRunner(
            self.app, access_log=None, shutdown_timeout=1.0, keepalive_timeout=IDLE_SECONDS,
            max_line_size=LONGEST_LINE, max_field_size=LONGEST_LINE,
        )  # fmt: skip
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_forever("bus", parts.bus.run)),
                group.create_task(_forever("watchdog", partial(watch_loop, parts.metrics))),
                group.create_task(_forever("presence", parts.service.attend)),
                group.create_task(_forever("imports", parts.import_runner.run)),
                group.create_task(_forever("revision", self._follow_revision)),
                group.create_task(_forever("operation", partial(own, parts.db, "service", self._operate, self._look))),
            ]
            try:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._looked.wait(), LOOK_SECONDS)
                await runner.setup()
                started(await self._listen(runner))
                await stop.wait()
            finally:
                await runner.cleanup()
                await parts.sources.close()
                for task in tasks:
                    task.cancel()

    async def _try_address(self) -> None:
        """Bind to the address and let it go again. Raises `SettingsError` when another program has it."""
        host, port = self._settings.http_host, self._settings.http_port
        try:
            server = await asyncio.get_running_loop().create_server(
                asyncio.Protocol, host, port, reuse_address=True, start_serving=False
            )
        except OSError as error:
            raise self._cannot_listen(error) from error
        server.close()

    def _cannot_listen(self, error: OSError) -> SettingsError:
        host, port = self._settings.http_host, self._settings.http_port
        return SettingsError(f"CALLCARD_HTTP: cannot listen on {host}:{port}: {_reason(error)}")

    async def _listen(self, runner: web.AppRunner) -> str:
        host, port = self._settings.http_host, self._settings.http_port
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise self._cannot_listen(error) from error
        actual = runner.addresses[0][1]
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{actual}"

    def _look(self) -> None:
        """Note that it is known now whether this node owns the service."""
        self._looked.set()

    async def _operate(self) -> None:
        """Watch the PBXs and decide who must see what, as the one node that does, until cancelled."""
        self.services.bus.carry(self._carry_out)
        try:
            await self._operate_parts()
        finally:
            self.services.bus.carry(None)

    async def _carry_out(self, frame: bytes) -> bytes:
        """Do what a browser on another node asks of a PBX that this node watches."""
        order = orders.decode_order(frame)
        if order is None:
            return orders.encode(orders.Report(error="AmiError", text="nodes of different versions"))
        return orders.encode(await orders.carry_out(self._trackers.get(order.pbx), order))

    async def _operate_parts(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(_forever("service", self.services.service.run))
            group.create_task(_forever("callbacks", self._follow_calls))
            group.create_task(_forever("clients", partial(every_night, self.services)))
            group.create_task(_forever("recordings", self.services.collector.run))
            group.create_task(_forever("links", LinkWatch(self._trackers, self.services.service).run))
            group.create_task(_forever("pauses", self._pausing.run))
            group.create_task(_forever("voicemail", self._mailboxes.run))
            group.create_task(_forever("retention", self._keep_for_so_long))
            for address in self._settings.ami:
                watched = asyncio.Event()
                group.create_task(_forever(f"PBX {address.name}", partial(self._watch, address, watched)))
                await watched.wait()
            self._look()

    async def _watch(self, address: AmiAddress, watched: asyncio.Event) -> None:
        """Watch one PBX, until cancelled."""
        parts, name = self.services, address.name
        link = AmiLink(address)
        journal = Journal(self._settings.var_dir / "journal", name=name)
        book = CallBook(Line(name, self._settings.extensions, locals_of(self._extensions.known, name)))
        tracker = Tracker(link, book, journal, partial(self._deliver, name))
        running = await parts.calls.open_calls(name)
        tracker.adopt([local_record(alone(call)) for call in running])
        parts.service.adopt(running)
        self._trackers[name] = tracker
        catch_up = self._catching_up[name] = self._catch_up(tracker)
        watched.set()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(link.run())
                group.create_task(journal.run())
                group.create_task(tracker.run())
                group.create_task(_forever(f"{name}: catching up", catch_up.run))
        finally:
            self._trackers.pop(name, None)
            self._catching_up.pop(name, None)

    def _catch_up(self, tracker: Tracker) -> CatchUp:
        parts = self.services
        log = self._settings.cel_of(tracker.pbx)
        history = HistoryWriter(parts.calls, parts.staff, parts.numbering)
        return CatchUp(tracker, open_log(log) if log is not None else None, parts.calls, history, parts.service.writer)

    async def _follow_calls(self) -> None:
        """Open and close callbacks by the calls written meanwhile, whoever wrote them; beside the way of a pop."""
        while True:
            try:
                while await self.services.work.follow():
                    pass
            except CrmError as error:
                self.services.metrics.database_errors.inc()
                logger.warning("callbacks wait for the database: %s", error)
            await asyncio.sleep(FOLLOW_SECONDS)

    async def _keep_for_so_long(self) -> None:
        """Delete recordings and messages that were kept for long enough, now and several times a day."""
        sweeper = retention(self._settings, self.services)
        while True:
            try:
                swept = await sweeper.sweep()
                await self.services.days.forget(self.services.clock() - self._settings.states_days * DAY_SECONDS)
            except CrmError as error:
                logger.warning("what is too old is deleted later: %s", error)
            else:
                if swept.recordings or swept.voicemails or swept.unreachable:
                    logger.info("kept for long enough: %s", swept)
            await asyncio.sleep(SWEEP_SECONDS)

    async def _sip_call_id(self, pbx: str, uniqueid: str) -> str | None:
        tracker = self._trackers.get(pbx)
        return None if tracker is None else await tracker.sip_call_id(uniqueid)

    def _deliver(self, name: str, changes: Sequence[Change]) -> None:
        """Hand on what changed at a PBX; first to those who show it."""
        self.services.service.submit(name, changes)
        self.services.collector.submit(changes)
        self._mailboxes.submit(changes)

    async def _follow_revision(self) -> None:
        """Take in what commands and other nodes write about users, phones and tokens."""
        seen: int | None = None
        while True:
            try:
                revision = await self.services.staff.revision()
                if revision != seen:
                    await self._take_in_changes()
                    seen = revision
            except CrmError as error:
                self.services.metrics.database_errors.inc()
                logger.warning("cannot follow changes of users: %s", error)
            await asyncio.sleep(REVISION_SECONDS)

    async def _take_in_changes(self) -> None:
        parts = self.services
        known = self._extensions.known = await parts.staff.extensions()
        self._extensions.dialled = dialled(known)
        for pbx, tracker in self._trackers.items():
            tracker.set_extensions(locals_of(self._extensions.known, pbx))
        await parts.service.reload_seats()
        await self.app[SOCKETS].recheck()


def recording_sources(settings: Settings) -> Sources:
    """Return where the recordings of each PBX lie."""
    prefixes, patterns = settings.recordings_prefix, settings.recordings_pattern
    return Sources(
        {
            pbx: Source(
                Folder(where) if isinstance(where, Path) else HttpPlace(where),
                prefixes.get(pbx) or prefixes.get("") or MONITOR,
                patterns.get(pbx) or patterns.get(""),
            )
            for pbx, where in settings.recordings.items()
        }
    )


def voicemail_spools(settings: Settings) -> dict[str, Spool]:
    """Return the mailboxes of each PBX by its name; a spool without a name is the first PBX's."""
    first = settings.ami[0].name if settings.ami else "main"
    return {pbx or first: Spool(folder) for pbx, folder in settings.voicemail.items()}


def retention(settings: Settings, parts: Services) -> Sweeper:
    """Return what deletes recordings and messages that were kept for long enough."""
    return Sweeper(settings.retention, parts.recordings, parts.sources, parts.voicemails, parts.spools)


async def serve(
    settings: Settings,
    *,
    stop: asyncio.Event | None = None,
    started: Callable[[str], None] | None = None,
    prepared: Callable[[Node], None] | None = None,
) -> None:
    """Run the service until `stop`, SIGTERM or SIGINT. Raises `SettingsError` and `CrmError` when it cannot start.

    `prepared` gets the node before it runs (the demo watches who signs in).
    """
    stop = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    key = await asyncio.to_thread(signing_key, settings)
    with contextlib.ExitStack() as alone:
        if settings.database_file is not None:
            await asyncio.to_thread(alone.enter_context, only_service(settings.database_file))
        await upgrade(settings.database_url)
        db = await Database.open(settings.database_url)
        try:
            node = Node(settings, db, key)
            if prepared is not None:
                prepared(node)
            running = asyncio.create_task(node.run(stop, started or _say_started))
            await _until_stopped(running, stop)
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await db.close()


async def _until_stopped(running: asyncio.Task[None], stop: asyncio.Event) -> None:
    """Wait for the end; once it was asked for, it may take `STOP_SECONDS`."""
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            await asyncio.wait({running}, timeout=STOP_SECONDS)
    finally:
        stopping.cancel()
        running.cancel()
    await asyncio.wait({running}, timeout=1.0)
    if not running.done() or running.cancelled():
        logger.warning("stopping took longer than %s s: some work was cut off", STOP_SECONDS)
        return
    error = _first(running.exception())
    if error is not None:
        raise error


def _first(error: BaseException | None) -> BaseException | None:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _forever(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Run a part; what it did not foresee is logged, and it begins anew: no fault of one part ends the service."""
    while True:
        try:
            await run()
        except Exception:
            logger.exception("%s failed and is started again", name)
            await asyncio.sleep(RESTART_SECONDS)
        else:
            return


async def check_pbx(address: AmiAddress, seconds: float) -> str:
    """Try to sign in to a PBX once; return what is wrong, nothing when it worked."""
    link = AmiLink(address)
    running = asyncio.create_task(link.run())
    try:
        async with asyncio.timeout(seconds):
            while True:
                match await link.deliveries.get():
                    case LinkUp():
                        return ""
                    case LinkDown(_, reason):
                        return reason
                    case Received():
                        pass
    except TimeoutError:
        return "no answer in time"
    finally:
        running.cancel()
        await asyncio.wait({running}, timeout=1.0)


async def check_bus(url: str, seconds: float) -> str:
    """Try to reach the bus once; return what is wrong, nothing when it worked."""
    from screenpop.bus_nats import NatsBus

    bus = NatsBus(url)
    running = asyncio.create_task(bus.run())
    deadline = asyncio.get_running_loop().time() + seconds
    try:
        while not bus.connected and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - the bus tells no event
            await asyncio.sleep(0.05)
        return "" if bus.connected else "cannot be reached"
    finally:
        running.cancel()
        await asyncio.wait({running}, timeout=1.0)


def _say_started(url: str) -> None:
    sys.stdout.write(f"Callcard is ready at {url}\n")
    sys.stdout.flush()


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


if __name__ == "__main__":
    from web.cli import main

    sys.exit(main())
