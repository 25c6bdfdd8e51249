"""Asking a PBX on somebody's behalf: which one, and what its refusals mean to the caller."""

from collections.abc import Awaitable
from typing import TypeVar

from aiohttp import web

from telephony.links import ActionRefused, ActionTimeout, AmiError, BadField, NotConnected
from telephony.links import NotSupported as NotSupportedByLink
from telephony.phones import AT, local
from telephony.tracker import Tracker
from web.api.problems import Conflict, Invalid, NotSupported, Problem, Unavailable
from web.services import services

Answer = TypeVar("Answer")


def tracker_of(request: web.Request, pbx: str) -> Tracker:
    """Return the tracker of a PBX by its name. Raises `Unavailable` where its link is down or another node's."""
    tracker = services(request).trackers.get(pbx)
    if tracker is None or not tracker.connected:
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
        return await action
    except AmiError as error:
        raise _problem(error) from error


def _problem(error: AmiError) -> Problem:
    match error:
        case NotSupportedByLink():
            return NotSupported(str(error) or "Callcard cannot do this on this PBX yet.")
        case NotConnected():
            return Unavailable("The PBX cannot be reached at the moment.")
        case ActionTimeout():
            return Unavailable("The PBX did not answer in time.")
        case BadField():
            return Invalid(str(error))
        case ActionRefused():
            return Conflict(f"The PBX refused: {error}")
        case _:
            return Unavailable(str(error))
