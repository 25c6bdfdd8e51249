"""What people ask of a PBX, written down so that the node they are at can hand it to the node that watches the PBX."""

from collections.abc import Mapping
from typing import Final

import msgspec

from telephony.links import ActionRefused, ActionTimeout, AmiError, BadField, NotConnected, NotSupported
from telephony.tracker import Tracker

COMMANDS: Final = frozenset(
    {
        "dial", "answer", "hangup", "hold", "unhold", "transfer", "complete", "park", "fetch", "pickup", "take", "move",
        "prioritise", "record", "spy", "leave", "queue_pause", "queue_add", "queue_remove",
    }
)  # fmt: skip
"""The methods of a `Tracker` that may be asked for from elsewhere."""

Argument = str | int | float | bool | list[str] | None


class Order(msgspec.Struct, frozen=True):
    """One command for one PBX."""

    pbx: str
    command: str
    arguments: tuple[Argument, ...] = ()
    named: dict[str, Argument] = {}


class Report(msgspec.Struct, frozen=True):
    """What became of an order: its result, or which `AmiError` and its text."""

    result: str | None = None
    error: str | None = None
    text: str = ""


_ERRORS: Final[Mapping[str, type[AmiError]]] = {
    kind.__name__: kind for kind in (ActionRefused, ActionTimeout, BadField, NotConnected, NotSupported)
}
_ENCODER: Final = msgspec.json.Encoder()
_ORDER: Final = msgspec.json.Decoder[Order](Order)
_REPORT: Final = msgspec.json.Decoder[Report](Report)


def encode(message: Order | Report) -> bytes:
    """Write an order or a report as UTF-8 JSON."""
    return _ENCODER.encode(message)


def decode_order(frame: bytes) -> Order | None:
    """Read an order; None when it says nothing we know (another version)."""
    try:
        order = _ORDER.decode(frame)
    except msgspec.DecodeError:
        return None
    return order if order.command in COMMANDS else None


def result_of(frame: bytes) -> str | None:
    """Read a report: give its result. Raises the `AmiError` it tells."""
    try:
        report = _REPORT.decode(frame)
    except msgspec.DecodeError as error:
        raise AmiError("the node that watches the PBX speaks another version") from error
    if report.error is None:
        return report.result
    raise _ERRORS.get(report.error, AmiError)(report.text)


async def carry_out(pbx: Tracker | None, order: Order) -> Report:
    """Do what is ordered at the PBX this node watches (None: it does not); never raises for what the PBX says."""
    if pbx is None or not pbx.connected:
        return Report(error=NotConnected.__name__)
    try:
        result = await getattr(pbx, order.command)(*order.arguments, **order.named)
    except AmiError as error:
        return Report(error=type(error).__name__, text=str(error))
    except TypeError as error:
        return Report(error=AmiError.__name__, text=f"nodes of different versions: {error}")
    return Report(result=result)
