"""Asking a PBX on somebody's behalf: which one, and what its refusals mean to the caller."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeVar, cast

from aiohttp import web

from screenpop.bus import Bus, LateAnswerError, NoAnswerError
from telephony import orders
from telephony.links import ActionRefused, ActionTimeout, AmiError, BadField, NotConnected
from telephony.links import NotSupported as NotSupportedByLink
from telephony.phones import AT, local
from telephony.tracker import Tracker
from web.api.problems import Conflict, Invalid, NotSupported, Problem, Unavailable
from web.services import services

Answer = TypeVar("Answer")


ORDER_SECONDS: Final = 8.0
"""How long a PBX may take for all of one command; browsers wait for ten."""


class RemotePbx:
    """A PBX that another node watches: it has the commands of a `Tracker`, which travel over the bus."""

    def __init__(self, pbx: str, bus: Bus) -> None:
        self._pbx = pbx
        self._bus = bus

    def __getattr__(self, command: str) -> Callable[..., Awaitable[str | None]]:
        """Give one of `orders.COMMANDS`."""
        if command not in orders.COMMANDS:
            raise AttributeError(command)
        return partial(self._order, command)

    async def _order(self, command: str, *arguments: orders.Argument, **named: orders.Argument) -> str | None:
        order = orders.Order(self._pbx, command, arguments, named)
        try:
            report = await self._bus.order(orders.encode(order), ORDER_SECONDS)
        except LateAnswerError as error:
            raise ActionTimeout("the node that watches the PBX did not answer in time") from error
        except NoAnswerError as error:
            raise NotConnected(f"no node watches the PBX {self._pbx} at the moment") from error
        return orders.result_of(report)


def tracker_of(request: web.Request, pbx: str) -> Tracker:
    """Return the PBX of that name; commands for one that another node watches go there. Raises `Unavailable`."""
    parts = services(request)
    tracker = parts.trackers.get(pbx)
    if tracker is None:
        return cast("Tracker", RemotePbx(pbx, parts.bus))  # nothing but its commands is used
    if not tracker.connected:
        raise Unavailable(f"The PBX {pbx} cannot be reached at the moment.")
    return tracker


def default_tracker(request: web.Request) -> Tracker:
    """Return the first PBX of the settings. Raises `Unavailable`."""
    ami = services(request).settings.ami
    if not ami:
        raise Unavailable("No PBX is connected: CALLCARD_AMI_URL is not set.")
    return tracker_of(request, ami[0].name)


def phone_of(request: web.Request, phone: str) -> tuple[Tracker, str]:
    """Return the PBX of a phone and what it calls the phone. Raises `Unavailable`, or `Invalid` for an unknown PBX.

    A phone written without its PBX is that of the PBX where it is registered, else of the first one of the settings.
    """
    extension, _, where = phone.partition(AT)
    if where and where not in {address.name for address in services(request).settings.ami}:
        raise Invalid.field("extension", f"there is no PBX named {where}")
    where = where or services(request).service.home(phone) or ""
    return (tracker_of(request, where) if where else default_tracker(request)), extension


def extension_at(pbx: str, phone: str) -> str:
    """Return what a PBX calls a phone. Raises `Conflict` for a phone of another one."""
    extension = local(phone, pbx)
    if extension is None:
        raise Conflict(f"{phone} is a phone of another PBX than the call's ({pbx}).")
    return extension


async def asking(action: Awaitable[Answer]) -> Answer:
    """Await an action; what the PBX answers to it becomes a problem the caller can read."""
    try:
        async with asyncio.timeout(ORDER_SECONDS):
            return await action
    except TimeoutError as error:
        raise _problem(ActionTimeout()) from error
    except AmiError as error:
        raise _problem(error) from error


def _problem(error: AmiError) -> Problem:
    match error:
        case NotSupportedByLink():
            return NotSupported(str(error) or "Callcard cannot do this on this PBX yet.")
        case NotConnected():
            return Unavailable(_sentence(str(error)) or "The PBX cannot be reached at the moment.")
        case ActionTimeout():
            return Unavailable("The PBX did not answer in time: look whether it was done all the same.")
        case BadField():
            return Invalid(str(error))
        case ActionRefused():
            return Conflict(f"The PBX refused: {error}")
        case _:
            return Unavailable(str(error))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""
