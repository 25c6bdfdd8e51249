"""What the tests of ways through a dialplan share: the laboratory's numbers, and what the phones do."""

import asyncio
import time

import msgspec
import pytest

from tests.e2e.dialogs import Dialog, IncomingCall, OutgoingCall
from tests.e2e.laboratory import RECORD_IN
from tests.e2e.phones import Phone
from tests.telephony.truths import Truth

recorded = pytest.mark.skipif(not RECORD_IN, reason="played from tests/recordings/own instead")
"""What takes long, or is much like another one: CALLCARD_E2E_RECORD=FOLDER makes its recording anew."""

CLAIRE, MOBILE = "33601020304", "89031112233"
TALK = 0.8


def number(line: int) -> str:
    return f"74950000{line:03}"


def inbound(line: int, **facts: object) -> Truth:
    return msgspec.convert({"number": CLAIRE, "did": number(line)} | facts, Truth)


async def talk() -> None:
    await asyncio.sleep(TALK)


async def press(phone: Dialog, keys: str) -> None:
    for key in keys:
        body = f"Signal={key}\r\nDuration=100\r\n"
        await phone.request("INFO", ("Content-Type", "application/dtmf-relay"), body=body)
        await asyncio.sleep(0.15)


async def answered(trunk: Phone, phone: Phone, line: int) -> tuple[OutgoingCall, IncomingCall, float]:
    call = await trunk.dial(number(line), caller=CLAIRE)
    ringing = await phone.next_call()
    await ringing.answer()
    since = time.time()
    await talk()
    return call, ringing, since
