"""The call book on a live Asterisk without the rest of the product: what AMI really sends becomes rows at once."""

import asyncio
import contextlib
import json
import os
import re
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Self

import msgspec

from telephony.records import CallRecord
from tests.e2e.asterisk import Asterisk
from tests.telephony.recording import Block, Outcome, new_book, play
from tests.telephony.truths import Truth, differences

Alter = Callable[[bytes], bytes | None]

SETTLED_SECONDS = 0.3
RECORD_IN = os.environ.get("CALLCARD_E2E_RECORD", "")
"""A folder: judged tests are kept there as recordings."""


def without_dialplan(block: bytes) -> bytes | None:
    """Drop what a manager user without the right `dialplan` does not see."""
    return None if block.startswith((b"Event: VarSet", b"Event: Newexten")) else block


def as_chan_sip(block: bytes) -> bytes:
    """Name the channels as chan_sip does, and the machine in each uniqueid (`systemname`)."""
    return re.sub(rb"\b(1[0-9]{9}\.[0-9]+)", rb"pbx1-\1", block.replace(b"PJSIP/", b"SIP/"))


class Ear:
    """One AMI connection that keeps every block with its arrival."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._news = asyncio.Condition()
        self.blocks: list[Block] = []
        self.up: set[str] = set()
        self.seen = 0

    @classmethod
    @contextlib.asynccontextmanager
    async def at(cls, asterisk: Asterisk, user: str) -> AsyncIterator[Self]:
        """Sign in and listen until the end of the block."""
        reader, writer = await asyncio.open_connection("127.0.0.1", asterisk.ami_port)
        ear = cls(reader, writer)
        await reader.readline()
        ear.send("Login", Username=user, Secret=asterisk.secret)
        listening = asyncio.create_task(ear._listen())
        try:
            yield ear
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            await listening

    def send(self, action: str, **fields: str) -> None:
        """Send an action; what comes of it is seen in the events."""
        lines = [f"Action: {action}", *(f"{key}: {value}" for key, value in fields.items())]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    def channel(self, endpoint: str, place: int = -1) -> str:
        """Name a channel of an endpoint that is up now, the newest by default."""
        return sorted(name for name in self.up if name.startswith(f"PJSIP/{endpoint}-"))[place]

    async def quiet(self, seconds: float = 15) -> None:
        """Return when at least one channel was there and all are gone."""
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(lambda: self.seen > 0 and not self.up)
        await asyncio.sleep(SETTLED_SECONDS)  # records may follow the last hang-up

    async def event(self, name: str, seconds: float = 10, *, channel: str = "") -> None:
        """Return when an event of that name (and endpoint) has come."""
        first, whose = f"Event: {name}\r".encode(), f"\nChannel: PJSIP/{channel}".encode() if channel else b""
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(
                lambda: any(block.startswith(first) and whose in block for _, block in self.blocks)
            )

    async def parked(self) -> str:
        """Return the space a call was just parked in: Asterisk takes the next one each time."""
        await self.event("ParkedCall")
        told = next(block for _, block in self.blocks if block.startswith(b"Event: ParkedCall\r"))
        space = re.search(rb"\nParkingSpace: ([0-9]+)", told)
        assert space is not None
        return space[1].decode()

    def rows(self, alter: Alter = lambda block: block) -> Outcome:
        """Play what was heard, as another manager user or another PBX would have told it."""
        heard = ((at, told) for at, block in self.blocks if (told := alter(block)) is not None)
        return play(heard, new_book())

    async def _listen(self) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                block = (await self._reader.readuntil(b"\r\n\r\n"))[:-4].lstrip()
                self.blocks.append((time.time(), block))
                name = re.search(rb"\nChannel: ([^\r]+)", block)
                if name is not None and block.startswith(b"Event: Newchannel\r"):
                    self.seen += 1
                    self.up.add(name[1].decode())
                elif name is not None and block.startswith(b"Event: Hangup\r"):
                    self.up.discard(name[1].decode())
                async with self._news:
                    self._news.notify_all()


class Lab:
    """A stretch of life on the PBX, heard by Callcard's own manager user and by one that hears all."""

    def __init__(self, own: Ear, full: Ear, cel: Path) -> None:
        self.own = own
        self.full = full
        self._cel = cel
        self._cel_before = cel.stat().st_size if cel.exists() else 0

    async def judge(self, *truths: Truth) -> list[CallRecord]:
        """Compare the rows with what the phones say that happened, in the order in which the calls began."""
        await self.full.quiet()
        told = facts(self.own.rows())
        if RECORD_IN:
            self._record(Path(RECORD_IN), truths)
        wrong = [differences(row, truth) for row, truth in zip(self.own.rows().in_order(), truths, strict=False)]
        assert (len(told), wrong) == (len(truths), [{}] * len(truths)), (len(told), wrong)
        return await self.rows()

    def _record(self, folder: Path, truths: tuple[Truth, ...]) -> None:
        """Keep what was heard, what Asterisk wrote down and what the phones say, for tests/recordings/own."""
        test = os.environ["PYTEST_CURRENT_TEST"].partition("::test_")[2].partition(" ")[0]
        name = re.sub(r"[^a-z0-9]+", "_", test.lower()).strip("_")
        heard = ((at, slim(raw)) for at, raw in self.full.blocks if matters(raw))
        blocks = [json.dumps({"t": round(at, 4), "raw": raw.decode()}) + "\n" for at, raw in heard]
        told = msgspec.json.format(msgspec.json.encode(truths), indent=1)
        (folder / f"{name}.events.jsonl").write_text("".join(blocks))
        (folder / f"{name}.truth.json").write_bytes(told + b"\n")
        (folder / f"{name}.cel.jsonl").write_bytes(self._cel.read_bytes()[self._cel_before :])

    async def rows(self) -> list[CallRecord]:
        """Give the rows once all is quiet; they are the same however AMI told the story, and nothing is left over."""
        await self.full.quiet()
        outcome = self.own.rows()
        told = facts(outcome)
        assert facts(self.full.rows()) == told
        assert facts(self.full.rows(as_chan_sip)) == told
        bare = self.full.rows(without_dialplan)
        assert [fact[:2] + fact[3:] for fact in facts(bare)] == [fact[:2] + fact[3:] for fact in told]
        for played in (outcome, bare):
            assert played.surprises == []
            assert (played.book.calls, played.book.by_channel, played.book.graph.channels) == ({}, {}, {})
        return outcome.in_order()


def matters(block: bytes) -> bool:
    """Leave out of recordings what says nothing of calls: it is most of the bytes."""
    name = block.removeprefix(b"Event: ").partition(b"\r")[0]
    if name == b"VarSet":
        return any(b"\nVariable: " + variable in block for variable in (b"VM", b"MIXMONITOR"))
    if name == b"Newexten":
        return any(b"\nApplication: " + name + b"\r" in block for name in (b"VoiceMail", b"Queue", b"Dial"))
    return block.startswith(b"Event: ") and not name.startswith(_NOISE)


def slim(block: bytes) -> bytes:
    """Leave out what is the same in all blocks, or nobody reads."""
    return b"\r\n".join(line for line in block.split(b"\r\n") if not line.startswith(_NO_FACTS))


_NOISE = (
    b"RTCP", b"TestEvent", b"CEL", b"Cdr", b"MusicOnHold", b"DTMF", b"ExtensionStatus", b"SuccessfulAuth", b"Challenge",
    b"SoftHangup", b"NewConnectedLine", b"PeerStatus", b"ContactStatus", b"AORs", b"BridgeCreate", b"BridgeDestroy",
)  # fmt: skip
_NO_FACTS = (
    b"Privilege: ", b"ChannelState: ", b"Language: ", b"AccountCode: ", b"Priority: ", b"BridgeTechnology: ",
    b"BridgeName: ", b"BridgeVideoSourceMode: ", b"ConnectedLineName: ", b"ChanVariable: ", b"DestChannelState: ",
    b"DestLanguage: ", b"DestAccountCode: ", b"DestPriority: ", b"DestConnectedLineName: ", b"DestContext: ",
    b"DestChanVariable: ",
)  # fmt: skip


def facts(outcome: Outcome) -> list[tuple[object, ...]]:
    """Give what must not depend on the manager user's rights; the third fact (voicemail, an empty queue) may."""
    return [
        (
            row.direction,
            row.answered_by,
            (row.outcome, row.queue),
            row.number,
            row.did,
            [(part.extension, part.result) for part in row.participants],
            [(moved.kind, moved.source, moved.target) for moved in row.transfers],
            row.holds,
        )
        for row in outcome.in_order()
    ]


@contextlib.asynccontextmanager
async def listening(asterisk: Asterisk) -> AsyncIterator[Lab]:
    """Listen to one test's calls."""
    asterisk.wait_idle()
    async with Ear.at(asterisk, "callcard") as own, Ear.at(asterisk, "lab") as full:
        await full.event("FullyBooted")
        yield Lab(own, full, asterisk.cel_file)
