"""Customers: SIPp plays one call of a scenario through the trunk."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from tests.e2e.asterisk import TRUNK_HOST
from tests.e2e.servers import free_udp_port

SCENARIOS = Path(__file__).parent / "scenarios"
SIPP_SECONDS = 60
"""No call of a test lasts longer; SIPp ends itself then."""


class Caller:
    """One running SIPp."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self._process = process
        self._folder = folder

    async def wait_done(self, seconds: float = SIPP_SECONDS) -> None:
        """Return when the call went through the whole scenario; fail with SIPp's own words otherwise."""
        async with asyncio.timeout(seconds):
            status = await self._process.wait()
        errors = "".join(path.read_text(errors="replace") for path in self._folder.glob("*.errors"))
        assert status == 0, f"sipp ended with {status}\n{errors}"


def _speaking(script: str, folder: Path) -> str:
    """Let the scenario send a hum (A-law) over and over once the PBX has answered."""
    sound = folder / "hum.alaw"
    sound.write_bytes(bytes((0x25, 0x35, 0xA5, 0xB5)) * 8000)
    stream = f'<nop><action><exec rtp_stream="{sound},-1,8,PCMA/8000"/></action></nop>'
    script = script.replace("[media_port]", "[rtpstream_audio_port]")
    return script.replace('<recv request="BYE"', f'{stream}\n  <recv request="BYE"', 1)


@contextlib.asynccontextmanager
async def customer(
    sip_port: int,
    did: str,
    caller: str,
    *,
    name: str = "",
    talk_seconds: float = 2,
    scenario: str = "talk",
    speaks: bool = False,
) -> AsyncIterator[Caller]:
    """Let a customer call `did`; `speaks`: sound is sent, as from a phone. SIPp is ended with the block."""
    with tempfile.TemporaryDirectory(prefix="callcard-sipp-") as folder:
        local = [
            "-i",
            TRUNK_HOST,
            "-p",
            str(free_udp_port(TRUNK_HOST)),
            "-mi",
            TRUNK_HOST,
            "-mp",
            str(free_udp_port(TRUNK_HOST)),
        ]
        keys = {"did": did, "caller": caller, "name": name}
        script = (SCENARIOS / f"{scenario}.xml").read_text().replace("[talk]", str(round(talk_seconds * 1000)))
        if speaks:
            script = _speaking(script, Path(folder))
        played = Path(folder) / "scenario.xml"
        played.write_text(script)
        named = [part for key, value in keys.items() for part in ("-key", key, value)]
        limits = ["-m", "1", "-nostdin", "-timeout", str(SIPP_SECONDS), "-timeout_error"]
        errors = ["-trace_err", "-error_file", f"{folder}/sipp.errors"]
        process = await asyncio.create_subprocess_exec(
            "/usr/bin/sipp", f"127.0.0.1:{sip_port}", "-sf", str(played),
            *local, *named, *limits, *errors,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            cwd=folder,
        )  # fmt: skip
        try:
            yield Caller(process, Path(folder))
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
