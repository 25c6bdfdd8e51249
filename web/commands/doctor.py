"""`doctor`: what is wrong with this installation, and what to do about it."""

import argparse
import asyncio
import errno
import sys
import time
from pathlib import Path
from typing import Final

from telephony.addresses import AmiAddress
from telephony.sources import LogAddress
from web import settings
from web.commands.command import CommandFailed, Commands
from web.settings import Settings, SettingsError

_SECONDS: Final = 10.0
_LOG_SECONDS: Final = 3600.0


def register(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "doctor",
        help="check settings, database and PBX links",
        description="Check settings, database and PBX links; exit 1 when one of them fails.",
    )
    parser.set_defaults(run=run_doctor)


def run_doctor(_: argparse.Namespace) -> None:
    """Check everything and print one line each."""
    try:
        chosen = settings.load()
        settings.signing_key(chosen)
    except SettingsError as error:
        _print("FAIL", "settings", f"{error}. Correct it in the environment or in callcard.toml.")
        raise CommandFailed("1 check failed") from error
    _print("PASS", "settings", "can be read")
    failed = asyncio.run(_check(chosen))
    if failed:
        raise CommandFailed(f"{failed} {'check' if failed == 1 else 'checks'} failed")


async def _check(chosen: Settings) -> int:
    results = [await _check_database(chosen), await _check_bus(chosen), await _check_http(chosen)]
    results += [await _check_pbx(address) for address in chosen.ami]
    results += [await _check_cel(address) for address in chosen.cel]
    results += await _check_recordings(chosen)
    results += await _check_voicemail(chosen)
    if not chosen.ami:
        _print("PASS", "pbx", "none is set; CALLCARD_AMI_URL=ami://user:secret@host:5038 connects one")
    return results.count(False)


async def _check_database(chosen: Settings) -> bool:
    from crm_core.db import Database
    from crm_core.errors import DatabaseUnavailable

    try:
        async with asyncio.timeout(_SECONDS):
            db = await Database.open(chosen.database_url)
            try:
                await db.ping()
            finally:
                await db.close()
    except (DatabaseUnavailable, TimeoutError) as error:
        reason = str(error) or "no answer"
        return _print("FAIL", "database", f"{reason}. Check CALLCARD_DATABASE_URL and that the server runs.")
    return _print("PASS", "database", "answers")


async def _check_bus(chosen: Settings) -> bool:
    if chosen.bus_url is None:
        return True
    from web.__main__ import check_bus

    problem = await check_bus(chosen.bus_url, _SECONDS)
    if problem:
        return _print("FAIL", "bus", f"{problem}. Check CALLCARD_BUS_URL and that NATS runs.")
    return _print("PASS", "bus", "answers")


async def _check_http(chosen: Settings) -> bool:
    address = f"{chosen.http_host}:{chosen.http_port}"
    try:
        server = await asyncio.start_server(lambda _reader, writer: writer.close(), chosen.http_host, chosen.http_port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return _print("PASS", "http", f"{address} is in use: the service runs already, or another program does")
        return _print("FAIL", "http", f"cannot listen on {address}: {error.strerror}. Check CALLCARD_HTTP.")
    server.close()
    await server.wait_closed()
    return _print("PASS", "http", f"{address} is free")


async def _check_pbx(address: AmiAddress) -> bool:
    from web.__main__ import check_pbx

    what = f"pbx {address.name}"
    problem = await check_pbx(address, _SECONDS)
    if problem:
        advice = f"Check CALLCARD_AMI_URL, manager.conf, and that {address.host}:{address.port} can be reached."
        return _print("FAIL", what, f"{problem}. {advice}")
    return _print("PASS", what, f"signed in as {address.user} at {address.host}:{address.port}")


async def _check_cel(address: LogAddress) -> bool:
    from telephony.sources import LogUnavailable
    from telephony.sources.opening import open_log

    what = f"call history {address.name}"
    log = open_log(address)
    try:
        async with asyncio.timeout(_SECONDS):
            rows = 0
            async for some in log.rows(time.time() - _LOG_SECONDS):
                rows += len(some)
    except (LogUnavailable, TimeoutError) as error:
        reason = str(error) or "no answer"
        return _print("FAIL", what, f"{reason}. Check CALLCARD_CEL_URL, cel.conf and who may read it.")
    return _print("PASS", what, f"can be read, {rows} rows of the last hour")


async def _check_recordings(chosen: Settings) -> list[bool]:
    from crm_core.recordings.places import PlaceUnavailable
    from web.__main__ import recording_sources

    results = []
    for pbx, source in recording_sources(chosen).by_pbx.items():
        what = f"recordings {pbx}".rstrip()
        try:
            holds = await source.place.check()
        except PlaceUnavailable as error:
            advice = "Check CALLCARD_RECORDINGS, the mount, and that Callcard's user may read it."
            results.append(_print("FAIL", what, f"{error}. {advice}"))
            continue
        where = chosen.recordings[pbx]
        folder = where if isinstance(where, Path) else where.site
        found = "can be read" if holds else "can be read and is empty: right before the first recording, wrong later"
        results.append(_print("PASS", what, f"{folder} {found}"))
    return results


async def _check_voicemail(chosen: Settings) -> list[bool]:
    from crm_core.recordings.places import PlaceUnavailable
    from web.__main__ import voicemail_spools

    results = []
    for pbx, spool in voicemail_spools(chosen).items():
        try:
            found = len(await spool.scan())
        except PlaceUnavailable as error:
            advice = "Check CALLCARD_VOICEMAIL, the mount, and that Callcard's user may read it."
            results.append(_print("FAIL", f"voicemail {pbx}", f"{error}. {advice}"))
            continue
        results.append(_print("PASS", f"voicemail {pbx}", f"{spool.root} can be read and holds {found} messages"))
    return results


def _print(verdict: str, what: str, text: str) -> bool:
    sys.stdout.write(f"{verdict} {what}: {text}\n")
    return verdict == "PASS"
