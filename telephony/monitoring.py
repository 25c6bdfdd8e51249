"""What the PBX records of a conversation: MixMonitor's recordings, and the message a caller leaves."""

from typing import Final

from msgspec.structs import replace

from telephony import events as ev
from telephony.book import Draft, call_of
from telephony.conversations import Conversation
from telephony.parties import known
from telephony.records import ChangeKind, Recording, RecordingKind

MOST_RECORDINGS: Final = 50
"""Of one conversation; a looping dialplan must not fill the memory."""
SAME_START_SECONDS: Final = 2.0
"""The variable that names the file and the event of the start come together, 0.1 ms apart on a quiet machine."""


def monitor_start(draft: Draft, event: ev.MonitorStart) -> None:
    """Take note that a channel is recorded, and of the file once it is told."""
    channel = known(draft, event.party, make=False)
    call = call_of(draft.book, channel) if channel is not None else None
    if call is None or _told_already(call, event) or len(call.recordings) >= MOST_RECORDINGS:
        return
    call.recordings.append(Recording(RecordingKind.CALL, event.file, event.party.uniqueid, draft.at))
    draft.tell(ChangeKind.UPDATED, call)


def _told_already(call: Conversation, event: ev.MonitorStart) -> bool:
    """Whether this start is in the list; a file that comes after its event is written into it."""
    for place, recording in enumerate(call.recordings):
        running = recording.channel == event.party.uniqueid and recording.ended_at is None
        if not running or (recording.file and event.file and recording.file != event.file):
            continue
        if recording.file == event.file or event.at - recording.started_at <= SAME_START_SECONDS:
            call.recordings[place] = replace(recording, file=recording.file or event.file)
            return True
    return False


def monitor_stop(draft: Draft, event: ev.MonitorStop) -> None:
    """End the recordings of a channel."""
    channel = known(draft, event.party, make=False)
    call = call_of(draft.book, channel) if channel is not None else None
    if call is not None and stop_recordings(call, event.party.uniqueid, draft.at):
        draft.tell(ChangeKind.UPDATED, call)


def monitor_mute(draft: Draft, event: ev.MonitorMute) -> None:
    """Take note that the recordings of a channel are paused, or go on."""
    channel = known(draft, event.party, make=False)
    call = call_of(draft.book, channel) if channel is not None else None
    if call is None:
        return
    for place, recording in enumerate(call.recordings):
        if recording.channel == event.party.uniqueid and recording.ended_at is None:
            call.recordings[place] = replace(recording, paused=event.muted)
    call.note(draft.at, "record_pause" if event.muted else "record_resume")
    draft.tell(ChangeKind.UPDATED, call)


def stop_recordings(call: Conversation, uniqueid: str, at: float) -> bool:
    """End what is recorded of a channel; False when nothing was."""
    running = [
        place
        for place, recording in enumerate(call.recordings)
        if recording.channel == uniqueid and recording.ended_at is None
    ]
    for place in running:
        call.recordings[place] = replace(call.recordings[place], ended_at=at, paused=False)
    return bool(running)


def message_saved(call: Conversation, event: ev.VoicemailStatus) -> None:
    """Take note of a message the caller left: it is complete when its file is named."""
    if len(call.recordings) < MOST_RECORDINGS and all(one.file != event.file for one in call.recordings):
        call.recordings.append(Recording(RecordingKind.VOICEMAIL, event.file, event.uniqueid, event.at, event.at))
