"""What Callcard asks of a PBX, as AMI actions: name and headers.

Nothing a person types can become a second header, a second variable or a second action.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from telephony.links import BadField, Fields

LONGEST_LINE = 1_000
"""Bytes of one header line; Asterisk refuses lines of 1,024 without saying whose they were."""
MOST_LINES = 120
"""Header lines of one action; Asterisk ignores what follows the 128th."""

_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_FORBIDDEN = re.compile(r"[\r\n\0\ud800-\udfff]")
_SEPARATORS = re.compile(r"[\s()./-]")
_DIGITS = re.compile(r"[+*#0-9]{1,40}")
_KEYS = re.compile(r"[*0-9]{1,40}")
_ENDPOINT = re.compile(r"[A-Za-z0-9_.+-]{1,64}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}")
_OURS = frozenset({"action", "actionid"})

Action = tuple[str, Mapping[str, str | Sequence[str]]]
"""Name of the action and its headers."""


def checked(name: str, fields: Fields) -> dict[str, str | list[str]]:
    """Give the headers ready to be written.

    Raises:
        BadField: a value with a line break, NUL or lone surrogate, an oversize line, too many lines, a bad header name.

    """
    if not _HEADER.fullmatch(name):
        raise BadField(f"{name[:80]!r} is no action")
    lines: dict[str, str | list[str]] = {}
    count = 0
    for header, value in fields.items():
        if not _HEADER.fullmatch(header) or header.lower() in _OURS:
            raise BadField(f"{header[:80]!r} is no header of an action")
        values = [value] if isinstance(value, str) else list(value)
        for line in values:
            _check_line(header, line)
        count += len(values)
        lines[header] = value if isinstance(value, str) else values
    if count > MOST_LINES:
        raise BadField(f"an action of {count} lines, at most {MOST_LINES} fit")
    return lines


def _check_line(header: str, value: str) -> None:
    if _FORBIDDEN.search(value):
        raise BadField(f"{header}: a line break, NUL or broken character")
    if len(f"{header}: {value}".encode()) > LONGEST_LINE:
        raise BadField(f"{header}: longer than {LONGEST_LINE} bytes")


def dialable(number: str) -> str:
    """Give a number or name as the dialplan wants it: `8 (495) 123-45-67` -> `84951234567`.

    Raises:
        BadField: nothing that can be dialled.

    """
    digits = _SEPARATORS.sub("", number)
    if _DIGITS.fullmatch(digits):
        return digits
    if _ENDPOINT.fullmatch(number.strip()):
        return number.strip()
    raise BadField(f"{number[:80]!r} cannot be dialled")


@dataclass(frozen=True, slots=True)
class DialPlan:
    """How this PBX names its phones and where its dialplan takes numbers from our phones."""

    technology: str = "PJSIP"
    context: str = "from-internal"
    variables: Mapping[str, str] = field(default_factory=dict)
    """Channel variables for every call made by click."""

    def interface(self, extension: str) -> str:
        """Name of the phone behind an extension: `PJSIP/2001`.

        Raises:
            BadField: no extension.

        """
        if not _ENDPOINT.fullmatch(extension):
            raise BadField(f"{extension[:80]!r} is no extension")
        return f"{self.technology}/{extension}"


def originate(plan: DialPlan, extension: str, to: str, *, channel_id: str, ring_seconds: float = 30.0) -> Action:
    """Ring the agent's phone, then dial `to` from it. `channel_id` becomes the uniqueid of the agent's channel."""
    number = dialable(to)
    fields: dict[str, str | Sequence[str]] = {
        "Channel": plan.interface(extension),
        "Context": plan.context,
        "Exten": number,
        "Priority": "1",
        # The phone shows who is being called; without Async the whole connection would wait for the call's end.
        "CallerID": f"<{number}>",
        "Timeout": str(round(ring_seconds * 1000)),
        "ChannelId": channel_id,
        "Async": "true",
    }
    if plan.variables:
        fields["Variable"] = [_variable(name, value) for name, value in plan.variables.items()]
    return "Originate", fields


def _variable(name: str, value: str) -> str:
    # Asterisk splits the header at commas: one would smuggle in a second variable.
    if not _VARIABLE.fullmatch(name) or "," in value:
        raise BadField(f"variable {name[:80]!r}: a bad name, or a comma in its value")
    return f"{name}={value}"


def hangup(channel: str, cause: int = 16) -> Action:
    """End one channel, by its name or uniqueid; 16 is a normal end."""
    return "Hangup", {"Channel": channel, "Cause": str(cause)}


def answer(extension: str) -> Action:
    """Tell a ringing desk phone to take the call: NOTIFY `Event: talk`, which phones may be set to ignore."""
    if not _ENDPOINT.fullmatch(extension):
        raise BadField(f"{extension[:80]!r} is no extension")
    return "PJSIPNotify", {"Endpoint": extension, "Variable": ["Event=talk"]}


def redirect(plan: DialPlan, channel: str, to: str) -> Action:
    """Take a channel out of whatever it does and send it to `to`."""
    return "Redirect", {"Channel": channel, "Context": plan.context, "Exten": dialable(to), "Priority": "1"}


def blind_transfer(plan: DialPlan, channel: str, to: str) -> Action:
    """Let the party on `channel` send its peer to `to`."""
    return "BlindTransfer", {"Channel": channel, "Context": plan.context, "Exten": dialable(to)}


def attended_transfer(plan: DialPlan, channel: str, to: str) -> Action:
    """Let the party on `channel` consult `to` and hand its peer over by hanging up.

    Asterisk plays the digits to itself as key presses: `#` ends them, or it would wait three seconds for more.
    """
    number = dialable(to).removeprefix("+")
    if not _KEYS.fullmatch(number):
        raise BadField(f"{to[:80]!r} cannot be consulted: digits only")
    return "Atxfer", {"Channel": channel, "Context": plan.context, "Exten": f"{number}#"}


def hold(plan: DialPlan, channel: str, waiting_room: str) -> Action:
    """Let the party on `channel` consult an extension that begins no longer one: a `#` would stay over as a key."""
    return "Atxfer", {"Channel": channel, "Context": plan.context, "Exten": waiting_room}


def remember(channel: str, name: str, value: str) -> Action:
    """Set a variable that every channel made from this one inherits."""
    return "Setvar", {"Channel": channel, "Variable": f"__{name}", "Value": value}


def knows(plan: DialPlan, extension: str) -> Action:
    """Ask whether the dialplan knows an extension; needs the function DIALPLAN_EXISTS (func_dialplan)."""
    return "Getvar", {"Variable": f"DIALPLAN_EXISTS({plan.context},{extension},1)"}


def sip_call_id(channel: str) -> Action:
    """Ask which SIP Call-ID a channel has; asked by itself it is harmless, as a `channelvars` it jams Asterisk."""
    return "Getvar", {"Channel": channel, "Variable": "CHANNEL(pjsip,call-id)"}


def run_at(  # noqa: PLR0913 - an Originate has that many sides
    plan: DialPlan,
    extension: str,
    application: str,
    data: str,
    *,
    channel_id: str,
    caller_id: str,
    ring_seconds: float = 30.0,
) -> Action:
    """Ring a phone of ours and run one dialplan application on it once it is taken."""
    return "Originate", {
        "Channel": plan.interface(extension),
        "Application": application,
        "Data": data,
        "CallerID": caller_id,
        "Timeout": str(round(ring_seconds * 1000)),
        "ChannelId": channel_id,
        "Async": "true",
    }


def listener_name(who: str) -> str:
    """Write a supervisor's name so that a caller id can carry it; the call's timeline names them so."""
    return "".join(letter for letter in who if letter.isalnum() or letter in " ._-")[:40]


def record(channel: str, file: str) -> Action:
    """Begin to record; Asterisk asks for the write class `system`."""
    return "MixMonitor", {"Channel": channel, "File": file, "options": "b"}


def stop_recording(channel: str) -> Action:
    """End every recording of a channel."""
    return "StopMixMonitor", {"Channel": channel}


def mute_recording(channel: str, *, muted: bool) -> Action:
    """Record silence instead of both sides, or voices again."""
    return "MixMonitorMute", {"Channel": channel, "Direction": "both", "State": "1" if muted else "0"}


def prioritise(queue: str, channel: str, priority: int) -> Action:
    """Give a waiting caller another priority: callers with a higher one are served first."""
    fields = {"Queue": queue, "Caller": channel, "Priority": str(priority)}
    # Without it Asterisk notes the priority and leaves the caller where it stands.
    return "QueueChangePriorityCaller", {**fields, "Immediate": "yes"}


def park(channel: str, *, announce_to: str | None = None, seconds: float | None = None) -> Action:
    """Park a channel; after `seconds` (the lot's own time when None) it comes back."""
    fields = {"Channel": channel}
    if announce_to is not None:
        fields["TimeoutChannel"] = announce_to
    if seconds is not None:
        fields["Timeout"] = str(round(seconds * 1000))
    return "Park", fields


def queue_add(queue: str, interface: str, *, member_name: str | None = None, penalty: int = 0) -> Action:
    """Log a phone into a queue."""
    fields = {"Queue": queue, "Interface": interface, "Penalty": str(penalty)}
    if member_name is not None:
        fields["MemberName"] = member_name
    return "QueueAdd", fields


def queue_remove(queue: str, interface: str) -> Action:
    """Log a phone out of a queue."""
    return "QueueRemove", {"Queue": queue, "Interface": interface}


def queue_pause(interface: str, *, paused: bool, reason: str = "", queue: str | None = None) -> Action:
    """Pause or unpause a member, in every queue when none is named."""
    fields = {"Interface": interface, "Paused": "true" if paused else "false"}
    if reason:
        fields["Reason"] = reason
    if queue is not None:
        fields["Queue"] = queue
    return "QueuePause", fields
