"""What AMI actions do to the simulated PBX, and the texts Asterisk answers with."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from telephony.simulator import features
from telephony.simulator.listings import LISTINGS, Listing
from telephony.simulator.originating import Origination
from telephony.simulator.pbx import Pbx
from telephony.simulator.switch import Party

_DIALPLAN_EXISTS = re.compile(r"DIALPLAN_EXISTS\((?P<context>[^,]*),(?P<exten>[^,]*),1\)")
_CALLER_ID = re.compile(r'\s*(?:"?(?P<name>[^"<]*?)"?\s*)?<(?P<number>[^>]*)>\s*')


@dataclass(frozen=True, slots=True)
class Request:
    """One action as it came: field names in lower case, repeated fields kept."""

    name: str
    fields: tuple[tuple[str, str], ...]

    def get(self, field: str, default: str = "") -> str:
        """Give the first value of a field."""
        return next((value for name, value in self.fields if name == field.lower()), default)

    def all(self, field: str) -> tuple[str, ...]:
        """Give every value of a repeated field."""
        return tuple(value for name, value in self.fields if name == field.lower())


@dataclass(frozen=True, slots=True)
class Answer:
    """What AMI answers: `headers` follow ActionID; a list comes after them."""

    success: bool
    headers: tuple[tuple[str, str], ...] = ()
    listing: Listing | None = None


def parse(block: bytes) -> Request:
    """Read one action (without its empty line); headers without a colon are dropped as Asterisk does."""
    fields = []
    for line in block.decode("utf-8", errors="surrogateescape").splitlines():
        name, colon, value = line.partition(":")
        if colon:
            fields.append((name.strip().lower(), value.strip()))
    name = next((value for field, value in fields if field == "action"), "")
    return Request(name, tuple(fields))


def _done(message: str) -> Answer:
    return Answer(success=True, headers=(("Message", message),))


def failed(message: str) -> Answer:
    """Answer with an error."""
    return Answer(success=False, headers=(("Message", message),))


def extension_of(interface: str) -> str:
    """Find the phone behind an interface: `PJSIP/2001` -> `2001`; empty for other technologies."""
    technology, _, rest = interface.partition("/")
    return rest if technology.upper() == "PJSIP" else ""


def _yes(text: str) -> bool:
    return text.lower() in {"true", "yes", "y", "t", "1", "on"}


def _caller_id(text: str) -> Party:
    match = _CALLER_ID.fullmatch(text)
    if match is None:
        return Party(text.strip())
    return Party(match["number"].strip(), (match["name"] or "").strip())


def _originate(pbx: Pbx, request: Request) -> Answer:
    if not request.get("channel"):
        return failed("Channel not specified")
    extension = extension_of(request.get("channel"))
    if not extension:
        return failed("Invalid channel")
    application, data = request.get("application"), request.get("data")
    if not request.get("exten") and not application:
        return failed("Extension does not exist.")
    timeout = request.get("timeout", "30000")
    if not timeout.isdecimal():
        return failed("Invalid timeout")
    order = Origination(
        extension=extension,
        context=request.get("context", "from-internal"),
        exten=request.get("exten"),
        caller=_caller_id(request.get("callerid")),
        timeout=int(timeout) / 1000,
        action_id=request.get("actionid"),
        channel_id=request.get("channelid"),
        run=(lambda channel: features.run_application(pbx, channel, application, data)) if application else None,
    )
    # Real Asterisk queues it too: the answer comes before the first event.
    pbx.timeline.after(0, lambda: pbx.originate(order))
    return _done("Originate successfully queued")


def _hang_up(pbx: Pbx, request: Request) -> Answer:
    channel = pbx.switch.channels.get(request.get("channel"))
    if channel is None:
        return failed("No such channel" if request.get("channel") else "No channel specified")
    pbx.timeline.after(0, lambda: pbx.hang_up(channel, asked=False))
    return _done("Channel Hungup")


def _redirect(pbx: Pbx, request: Request) -> Answer:
    channel = pbx.switch.channels.get(request.get("channel"))
    if channel is None:
        return failed(f"Channel does not exist: {request.get('channel')}")
    if not pbx.redirect(channel, request.get("exten"), request.get("context", "from-internal")):
        return failed("Redirect failed, channel not up.")
    return _done("Redirect successful")


def _blind_transfer(pbx: Pbx, request: Request) -> Answer:
    channel = pbx.switch.channels.get(request.get("channel"))
    if channel is None:
        return failed("Channel specified does not exist")
    if not pbx.blind_transfer(channel, request.get("exten")):
        return failed("Transfer not permitted")
    return _done("Transfer succeeded")


def _atxfer(pbx: Pbx, request: Request) -> Answer:
    channel = pbx.switch.channels.get(request.get("channel"))
    if channel is None:
        return failed("Channel specified does not exist")
    exten = request.get("exten").removesuffix("#")
    # Real Asterisk says that it is queued whatever comes of it.
    pbx.timeline.after(0, partial(features.consult, pbx, channel, exten))
    return _done("Atxfer successfully queued")


def _park(pbx: Pbx, request: Request) -> Answer:
    channel = pbx.switch.channels.get(request.get("channel"))
    if channel is None:
        return failed("Channel does not exist")
    parker = request.get("timeoutchannel").partition("/")[2].rpartition("-")[0]
    timeout = request.get("timeout", "45000")
    seconds = int(timeout) / 1000 if timeout.isdecimal() else 45.0
    parked = features.park(pbx, channel, parker, seconds)
    return _done("Park successful") if parked else failed("Could not park channel")


def _setvar(pbx: Pbx, request: Request) -> Answer:
    known = request.get("channel") in pbx.switch.channels
    return _done("Variable Set") if known else failed("No such channel")


def _getvar(pbx: Pbx, request: Request) -> Answer:
    variable = request.get("variable")
    match = _DIALPLAN_EXISTS.fullmatch(variable)
    value = str(int(match is not None and features.knows(pbx, match["context"], match["exten"])))
    return Answer(success=True, headers=(("Variable", variable), ("Value", value)))


def _prioritise(pbx: Pbx, request: Request) -> Answer:
    channel, priority = pbx.switch.channels.get(request.get("caller")), request.get("priority")
    if channel is None or not priority.isdecimal():
        return failed("Caller not found")
    at_once = _yes(request.get("immediate"))
    if not features.prioritise(pbx, request.get("queue"), channel, int(priority), at_once=at_once):
        return failed("Caller not found")
    return _done("Priority change for caller on queue")


def _record(pbx: Pbx, request: Request) -> Answer:
    channel = pbx.switch.channels.get(request.get("channel"))
    if channel is None:
        return failed("Channel specified does not exist")
    features.record(pbx, channel)
    return _done("MixMonitor started")


def _stop_recording(pbx: Pbx, request: Request) -> Answer:
    channel = pbx.switch.channels.get(request.get("channel"))
    if channel is None or not features.stop_recording(pbx, channel):
        return failed("Could not stop monitoring channel")
    return _done("Stopped MixMonitor")


def _mute_recording(pbx: Pbx, request: Request) -> Answer:
    channel = pbx.switch.channels.get(request.get("channel"))
    if channel is None or not features.mute_recording(pbx, channel, muted=_yes(request.get("state"))):
        return failed("Cannot set mute flag")
    return Answer(success=True)


def _queue_add(pbx: Pbx, request: Request) -> Answer:
    extension = extension_of(request.get("interface"))
    if request.get("queue") not in pbx.queues:
        return failed("Unable to add interface to queue: No such queue")
    if extension not in pbx.switch.phones:
        return failed("Unable to add interface to queue: Interface does not exist")
    penalty = request.get("penalty", "0")
    added = pbx.add_member(
        request.get("queue"),
        extension,
        request.get("membername"),
        penalty=int(penalty) if penalty.isdecimal() else 0,
        paused=_yes(request.get("paused")),
    )
    return _done("Added interface to queue") if added else failed("Unable to add interface: Already there")


def _queue_remove(pbx: Pbx, request: Request) -> Answer:
    if request.get("queue") not in pbx.queues:
        return failed("Unable to remove interface from queue: No such queue")
    removed = pbx.remove_member(request.get("queue"), extension_of(request.get("interface")))
    return _done("Removed interface from queue") if removed else failed("Unable to remove interface: Not there")


def _queue_pause(pbx: Pbx, request: Request) -> Answer:
    paused = _yes(request.get("paused"))
    extension = extension_of(request.get("interface"))
    queue = request.get("queue") or None
    if not pbx.pause_member(extension, paused=paused, reason=request.get("reason"), queue=queue):
        return failed("Interface not found")
    return _done(f"Interface {'paused' if paused else 'unpaused'} successfully")


def _notify(pbx: Pbx, request: Request) -> Answer:
    """Do what desk phones do on NOTIFY `Event: talk` and `Event: hold`: answer, or hold and take back."""
    extension = request.get("endpoint")
    if extension not in pbx.switch.phones:
        return failed(f"Unable to retrieve endpoint {extension}")
    variables = dict(value.partition("=")[::2] for value in request.all("variable"))
    match variables.get("Event"):
        case "talk":
            if not pbx.answer(extension):
                pbx.hold(extension, held=False)
        case "hold":
            pbx.hold(extension)
        case _:
            pass
    return _done("NOTIFY sent")


def _ping(pbx: Pbx, _request: Request) -> Answer:
    return Answer(success=True, headers=(("Ping", "Pong"), ("Timestamp", f"{pbx.timeline.now:.6f}")))


def _settings(_pbx: Pbx, _request: Request) -> Answer:
    return Answer(success=True, headers=(("AMIversion", "11.0.0"), ("AsteriskVersion", "22.0.0-simulated")))


ACTIONS: Mapping[str, Callable[[Pbx, Request], Answer]] = {
    "atxfer": _atxfer,
    "blindtransfer": _blind_transfer,
    "coresettings": _settings,
    "getvar": _getvar,
    "hangup": _hang_up,
    "mixmonitor": _record,
    "mixmonitormute": _mute_recording,
    "originate": _originate,
    "park": _park,
    "ping": _ping,
    "pjsipnotify": _notify,
    "queueadd": _queue_add,
    "queuechangeprioritycaller": _prioritise,
    "queuepause": _queue_pause,
    "queueremove": _queue_remove,
    "redirect": _redirect,
    "setvar": _setvar,
    "stopmixmonitor": _stop_recording,
}
"""Action (lower case) -> what it does."""


def perform(pbx: Pbx, request: Request) -> Answer:
    """Carry out one action of a signed-in user."""
    name = request.name.lower()
    if name in ACTIONS:
        return ACTIONS[name](pbx, request)
    if name in LISTINGS:
        listing = LISTINGS[name](pbx, dict(reversed(request.fields)))
        if listing is None:
            return failed("Bridge not found")
        return Answer(success=True, headers=(("Message", listing.message),), listing=listing)
    return failed(f"Invalid/unknown command: {request.name}. Use Action: ListCommands to show available commands.")
