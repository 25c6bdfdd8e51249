"""What a restart needs of a running call beside its row: the call as the book held it, its channels, their bridges.

It stands in the row of a running call, so that a service killed in mid-call goes on where it was: transfers under way,
holds, who gave up, which phones ring. A row says what a call is to people; from it alone that could only be guessed.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from telephony.channels import Channel, Graph
from telephony.conversations import Conversation


class Standing(msgspec.Struct, frozen=True):
    """A running call in full."""

    call: Conversation
    channels: tuple[Channel, ...]
    bridges: Mapping[str, str]
    """The kinds of the bridges these channels are in."""


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Standing)


def describe(graph: Graph, call: Conversation) -> bytes:
    """Give a running call in full: some 1 kB, to be read by `restore`."""
    channels = tuple(found for one in call.channels if (found := graph.channels.get(one)) is not None)
    bridges = {c.bridge: graph.bridges[c.bridge].kind for c in channels if c.bridge is not None}
    return _ENCODER.encode(Standing(call, channels, bridges))


def restore(told: bytes) -> Standing | None:
    """Read it; None where there is none, or another release wrote it in another way."""
    try:
        return _DECODER.decode(told) if told else None
    except msgspec.MsgspecError:
        return None
