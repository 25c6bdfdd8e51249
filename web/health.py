"""Signs of life for whoever watches the service: alive, ready, and in figures."""

import asyncio
from collections.abc import Mapping
from typing import Final

from aiohttp import hdrs, web

from crm_core.errors import DatabaseUnavailable
from web import auth
from web.api import problems
from web.metrics import CONTENT_TYPE
from web.services import Services, services

CHECK_SECONDS: Final = 3.0


def setup(app: web.Application) -> None:
    """Add the routes; all are open to everybody and tell nothing about clients."""
    auth.add_route(app, hdrs.METH_GET, "/healthz", healthz, auth.PUBLIC)
    auth.add_route(app, hdrs.METH_GET, "/readyz", readyz, auth.PUBLIC)
    auth.add_route(app, hdrs.METH_GET, "/metrics", metrics, auth.PUBLIC)


async def healthz(_: web.Request) -> web.StreamResponse:
    """Answer while the process lives."""
    return web.json_response({"status": "alive"})


async def readyz(request: web.Request) -> web.StreamResponse:
    """Answer 200 when database, bus and every PBX link are up, else 503 with which is not."""
    checks = await check(services(request))
    down = [name for name, state in checks.items() if state != "up"]
    if down:
        return problems.answer(problems.Unavailable(f"Down: {', '.join(down)}."), checks)
    return web.json_response({"status": "ready", "checks": checks})


async def metrics(request: web.Request) -> web.StreamResponse:
    """Write Prometheus' text format."""
    return web.Response(body=services(request).metrics.text(), headers={hdrs.CONTENT_TYPE: CONTENT_TYPE})


async def check(parts: Services) -> Mapping[str, str]:
    """Ask every part for a sign of life. A PBX that another node holds counts as up."""
    checks = {"database": await _database(parts), "bus": "up" if parts.bus.connected else "down"}
    for name, tracker in parts.trackers.items():
        checks[f"pbx {name}"] = "up" if tracker.connected else "down"
    return checks


async def _database(parts: Services) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await parts.db.ping()
    except (DatabaseUnavailable, TimeoutError):
        return "down"
    return "up"
