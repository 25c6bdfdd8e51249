"""The reducer: one typed event changes the call book, the step says what that means for calls, queues and phones.

`apply` never raises and knows no clock. One handler per event type; they stand where their subject is: `lifecycle`,
`dialing`, `talking`, `transfers`, `waiting`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from telephony import events as ev
from telephony.book import CallBook, Draft, Line, open_calls
from telephony.conversations import call_id
from telephony.dialing import dial_begin, dial_end, dial_state, originate_response
from telephony.lifecycle import hangup, hangup_request, newcallerid, newchannel
from telephony.monitoring import monitor_mute, monitor_start, monitor_stop
from telephony.records import Step
from telephony.talking import bridge_enter, bridge_leave, hold, local_bridge, unhold
from telephony.transfers import attended_transfer, blind_transfer, parked, pickup, unparked
from telephony.waiting import (
    agent_complete,
    application,
    conference_join,
    conference_leave,
    device_state,
    member,
    queue_abandon,
    queue_join,
    queue_leave,
    shutdown,
    spy,
    spy_over,
    voicemail_status,
)

__all__ = ["CallBook", "Line", "apply", "call_id", "open_calls"]


def apply(book: CallBook, event: ev.Event, arrived_at: float | None = None) -> Step:
    """Take one event into the book; `arrived_at` (epoch seconds) is only passed on as a fact."""
    draft = Draft(book, event.at, "", event, arrived_at)
    _HANDLERS[type(event)](draft, event)
    return draft.step()


_HANDLERS: Final[Mapping[type, Callable[[Draft, Any], None]]] = {
    ev.Newchannel: newchannel,
    ev.Newstate: newchannel,
    ev.NewCallerid: newcallerid,
    ev.HangupRequest: hangup_request,
    ev.Hangup: hangup,
    ev.DialBegin: dial_begin,
    ev.DialState: dial_state,
    ev.DialEnd: dial_end,
    ev.BridgeEnter: bridge_enter,
    ev.BridgeLeave: bridge_leave,
    ev.Hold: hold,
    ev.Unhold: unhold,
    ev.LocalBridge: local_bridge,
    ev.BlindTransfer: blind_transfer,
    ev.AttendedTransfer: attended_transfer,
    ev.Pickup: pickup,
    ev.ParkedCall: parked,
    ev.UnParkedCall: unparked,
    ev.QueueCallerJoin: queue_join,
    ev.QueueCallerLeave: queue_leave,
    ev.QueueCallerAbandon: queue_abandon,
    ev.AgentComplete: agent_complete,
    ev.MemberFacts: member,
    ev.OriginateResponse: originate_response,
    ev.ConfbridgeJoin: conference_join,
    ev.ConfbridgeLeave: conference_leave,
    ev.ApplicationEntered: application,
    ev.VoicemailStatus: voicemail_status,
    ev.MonitorStart: monitor_start,
    ev.MonitorStop: monitor_stop,
    ev.MonitorMute: monitor_mute,
    ev.ChanSpyStart: spy,
    ev.ChanSpyStop: spy_over,
    ev.DeviceState: device_state,
    ev.Shutdown: shutdown,
}
