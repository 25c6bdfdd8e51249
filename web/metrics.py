"""Figures for Prometheus, in a registry of our own; counters that others keep are read when somebody asks for them."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from screenpop.service import Service
from telephony.tracker import Tracker
from web.catching_up import CatchUp

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
BLOCKED_SECONDS: Final = 0.020
"""An event loop that comes this much late was blocked."""
_WATCH_SECONDS: Final = 0.010
_POP_BUCKETS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)


class Metrics:
    """What is counted; one instance per process, handed to those who count."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call] # the library left it out
        self.registry = CollectorRegistry()
        self.pop_latency = Histogram(
            "callcard_pop_latency_seconds",
            "From the ring event's arrival to the published card",
            buckets=_POP_BUCKETS,
            registry=self.registry,
        )
        self.shown_latency = Histogram(
            "callcard_pop_shown_seconds",
            "From the ring event's arrival to the page's word that the card is on the screen",
            buckets=_POP_BUCKETS,
            registry=self.registry,
        )
        self.sockets = Gauge("callcard_open_sockets", "Open WebSocket connections", registry=self.registry)
        self.slow_sockets = Counter(
            "callcard_slow_sockets", "Sockets closed because the browser read too slowly", registry=self.registry
        )
        self.loop_blocked = Counter(
            "callcard_loop_blocked", "Times the event loop was blocked for more than 20 ms", registry=self.registry
        )
        self.database_errors = Counter(
            "callcard_database_errors", "Requests and writes the database failed", registry=self.registry
        )
        self.requests_failed = Counter(
            "callcard_requests_failed", "Requests answered with an internal error", registry=self.registry
        )

    def watch_trackers(self, trackers: Mapping[str, Tracker]) -> None:
        """Report the counters of these PBXs' trackers; the mapping may change later."""
        self.registry.register(_Trackers(trackers))

    def watch_catching_up(self, catching_up: Mapping[str, CatchUp]) -> None:
        """Report how the gaps of outages are filled from the PBXs' own logs."""
        self.registry.register(_CatchingUp(catching_up))

    def watch_service(self, service: Service) -> None:
        """Report how the writing of call rows goes."""
        for name, text, read in (
            ("callcard_unwritten_calls", "Call rows that wait to be written", lambda: service.writer.pending),
            ("callcard_failed_writes", "Call rows the database did not take at once", lambda: service.writer.failures),
            ("callcard_lost_writes", "Call rows given up", lambda: service.writer.lost),
        ):
            Gauge(name, text, registry=self.registry).set_function(read)
        self.registry.register(_RecentPops(service))

    def text(self) -> bytes:
        """Write everything in Prometheus' text format."""
        return generate_latest(self.registry)


class _Trackers(Collector):
    """Reads the trackers' own counters."""

    def __init__(self, trackers: Mapping[str, Tracker]) -> None:
        self._trackers = trackers

    @override
    def collect(self) -> Iterator[Metric]:
        counters = {
            name: CounterMetricFamily(f"callcard_ami_{name}", text, labels=["pbx"])
            for name, text in (
                ("events", "AMI events that were understood"),
                ("bad_blocks", "AMI messages that could not be read"),
                ("surprises", "Events that made no sense in the call book"),
                ("skipped", "AMI messages skipped unread"),
                ("reconnects", "Times the link came back"),
            )
        }
        up = GaugeMetricFamily("callcard_ami_up", "Whether the link to the PBX is up", labels=["pbx"])
        lag = GaugeMetricFamily(
            "callcard_ami_lag_seconds",
            "How late AMI events are worked on, or an answer to a ping is owed; clock difference taken off",
            labels=["pbx"],
        )
        waiting = GaugeMetricFamily("callcard_ami_waiting", "AMI messages that wait to be worked on", labels=["pbx"])
        rate = GaugeMetricFamily("callcard_ami_events_per_second", "AMI events understood lately", labels=["pbx"])
        late = GaugeMetricFamily("callcard_ami_late", "Whether the alarm for a late link is on", labels=["pbx"])
        for pbx, tracker in list(self._trackers.items()):
            counters["events"].add_metric([pbx], tracker.events)
            counters["bad_blocks"].add_metric([pbx], tracker.bad)
            counters["surprises"].add_metric([pbx], tracker.surprises)
            counters["skipped"].add_metric([pbx], tracker.skipped)
            counters["reconnects"].add_metric([pbx], tracker.reconnects)
            up.add_metric([pbx], tracker.connected)
            waiting.add_metric([pbx], tracker.waiting)
            late.add_metric([pbx], tracker.health.late_since is not None)
            lag.add_metric([pbx], tracker.health.lag_seconds)
            rate.add_metric([pbx], tracker.health.events_per_second)
        yield from (*counters.values(), up, lag, waiting, late, rate)


class _RecentPops(Collector):
    """Reads how soon cards came up in the last five minutes: what the board shows."""

    def __init__(self, service: Service) -> None:
        self._service = service

    @override
    def collect(self) -> Iterator[Metric]:
        recent = GaugeMetricFamily(
            "callcard_pop_recent_seconds",
            "From the ring event's arrival to the published card, cards of the last five minutes",
            labels=["pbx", "quantile"],
        )
        for pbx, link in self._service.links().items():
            for name, value in (("0.5", link.pops.p50_ms), ("0.95", link.pops.p95_ms), ("0.99", link.pops.p99_ms)):
                if value is not None:
                    recent.add_metric([pbx, name], value / 1000)
        yield recent


class _CatchingUp(Collector):
    """Reads the counters of those who fill the gaps."""

    def __init__(self, catching_up: Mapping[str, CatchUp]) -> None:
        self._catching_up = catching_up

    @override
    def collect(self) -> Iterator[Metric]:
        told = CounterMetricFamily("callcard_recovered_calls", "Calls read from the PBX's own log", labels=["pbx"])
        refused = CounterMetricFamily("callcard_recovery_bad_rows", "Rows of that log not understood", labels=["pbx"])
        cut = CounterMetricFamily(
            "callcard_recovery_cut_off", "Calls not told, their beginning is not in what was read", labels=["pbx"]
        )
        failed = CounterMetricFamily("callcard_recovery_failures", "Attempts to read it that failed", labels=["pbx"])
        behind = GaugeMetricFamily("callcard_recovery_behind", "Whether a gap is not filled yet", labels=["pbx"])
        for pbx, one in list(self._catching_up.items()):
            told.add_metric([pbx], one.calls)
            refused.add_metric([pbx], one.refused)
            cut.add_metric([pbx], one.cut_off)
            failed.add_metric([pbx], one.failures)
            behind.add_metric([pbx], one.behind)
        yield from (told, refused, cut, failed, behind)


async def watch_loop(metrics: Metrics) -> None:
    """Count how often the event loop came late, for ever."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + _WATCH_SECONDS
        await asyncio.sleep(_WATCH_SECONDS)
        if loop.time() - due > BLOCKED_SECONDS:
            metrics.loop_blocked.inc()
