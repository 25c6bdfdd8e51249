"""Recordings of calls: who may hear them, giving them out in parts, deleting them; all of it is written down."""

from pathlib import Path, PurePosixPath
from typing import Final

from aiohttp import hdrs, web

from crm_core.calls.rules import CallRow
from crm_core.recordings.folder import Folder
from crm_core.recordings.http import HttpPlace
from crm_core.recordings.places import Place, PlaceUnavailable
from crm_core.recordings.rules import GONE, Recording, RecordingState, format_of, may_listen, may_listen_at_all
from screenpop.messages import timestamp
from web.api import models
from web.api.calls import find_call
from web.api.hearing import check_range, given, handed_through
from web.api.problems import Conflict, Forbidden, NotFound, Unavailable
from web.api.reading import path_id
from web.api.routes import Route
from web.api.writing import answer, nothing
from web.auth import ADMINISTER, READ, SUPERVISE_WRITE, signed_in
from web.services import services

_REFUSED: Final = "You may hear the recordings of your own calls only."


async def list_recordings(request: web.Request) -> web.StreamResponse:
    """List a call's recordings; one of an older call is looked for now."""
    row = await find_call(request)
    parts, principal = services(request), signed_in(request)
    found = row.recordings
    too_old = parts.settings.retention.ends_recordings_of(row.record.started_at, parts.clock())
    if not found and not (too_old and row.kept is None):
        try:
            await parts.collector.look(row.record)
        except PlaceUnavailable as error:
            raise Unavailable("The recordings cannot be reached. Try again in a moment.") from error
        found = await parts.recordings.of_call(row.id)
    numbers = {one.id: n for n, one in enumerate(found, 1)}
    accesses = await parts.recordings.accesses(list(numbers)) if principal.supervises else ()
    return answer(
        models.RecordingList(
            models.recordings(found),
            None,
            _may(request, row),
            tuple(models.RecordingAccess(numbers[a.recording_id], a.user, a.what, timestamp(a.at)) for a in accesses),
        )
    )


async def play_recording(request: web.Request) -> web.StreamResponse:
    """Give a recording out, whole or in part, and write down who hears it."""
    parts, principal = services(request), signed_in(request)
    if not may_listen_at_all(principal.user.role, parts.settings.recordings_agents):
        raise Forbidden(_REFUSED)
    row = await find_call(request)
    if not _may(request, row):
        raise Forbidden(_REFUSED)
    recording = _chosen(request, row)
    if recording.state is RecordingState.RECORDING:
        raise Conflict("This recording is still being made.")
    source = parts.sources.of(recording.pbx)
    if recording.state is not RecordingState.READY or source is None:
        raise NotFound("This recording is not there any more.")
    try:
        return await _sound(request, row, recording, source.place)
    except PlaceUnavailable as error:
        raise Unavailable("The recordings cannot be reached. Try again in a moment.") from error


async def _sound(request: web.Request, row: CallRow, recording: Recording, place: Place) -> web.StreamResponse:
    """Find the file, write down who hears it, and give it out. Raises PlaceUnavailable."""
    facts = await place.find(recording.path)
    path = await place.locate(facts.path) if facts and isinstance(place, Folder) else None
    kind = format_of(facts.path) if facts is not None else None
    if facts is None or kind is None or (path is None and not isinstance(place, HttpPlace)):
        raise NotFound("This recording is not there any more.")
    check_range(request, facts.size)
    if request.method == hdrs.METH_GET:
        await services(request).recordings.heard(recording.id, signed_in(request).user.name)
    name = f"{row.id}-{request.match_info['n']}{PurePosixPath(facts.path).suffix}"
    if isinstance(place, HttpPlace):
        return await handed_through(request, place, facts, kind, name)
    return given(path or Path(), kind, name)


async def delete_recording(request: web.Request) -> web.StreamResponse:
    """Delete a recording for good; where the folder is not ours to write, it is only given out no more."""
    row = await find_call(request)
    parts, recording = services(request), _chosen(request, row)
    source = parts.sources.of(recording.pbx)
    if recording.state is RecordingState.RECORDING and row.record.ended_at is None:
        raise Conflict("This recording is still being made.")
    if source is not None and recording.path and recording.state is RecordingState.READY:
        try:
            await source.place.remove(recording.path)
        except PlaceUnavailable as error:
            raise Unavailable("The recordings cannot be reached. Try again in a moment.") from error
    if recording.state not in GONE:
        await parts.recordings.deleted(recording.id, signed_in(request).user.name)
    return nothing()


async def keep_call(request: web.Request) -> web.StreamResponse:
    """Keep a call's recordings and messages however old they grow."""
    row = await find_call(request)
    kept = await services(request).calls.keep(row.id, signed_in(request).user.name, kept=True)
    return answer(models.call(kept))


async def release_call(request: web.Request) -> web.StreamResponse:
    """Let a call's recordings and messages go when they are old enough."""
    row = await find_call(request)
    await services(request).calls.keep(row.id, signed_in(request).user.name, kept=False)
    return nothing()


def _may(request: web.Request, row: CallRow) -> bool:
    user = signed_in(request).user
    return may_listen(user.role, user.name, row.users.values(), services(request).settings.recordings_agents)


def _chosen(request: web.Request, row: CallRow) -> Recording:
    n = path_id(request, "n")
    if n > len(row.recordings):
        raise NotFound("There is no such recording.")
    return row.recordings[n - 1]


routes = [
    Route(
        method="GET",
        path="/calls/{call_id}/recordings",
        handler=list_recordings,
        access=READ,
        tag="recordings",
        summary="The recordings of a call, and to supervisors who heard them",
        returns=models.RecordingList,
    ),
    Route(
        method="GET",
        path="/calls/{call_id}/recordings/{n}/audio",
        handler=play_recording,
        access=READ,
        tag="recordings",
        summary="Hear a recording: agents their own calls only, by CALLCARD_RECORDINGS_AGENTS none",
        media="audio/*",
        problems=(409, 416),
    ),
    Route(
        method="DELETE",
        path="/calls/{call_id}/recordings/{n}",
        handler=delete_recording,
        access=ADMINISTER,
        tag="recordings",
        summary="Delete a recording for good",
        status=204,
        problems=(409,),
    ),
    Route(
        method="PUT",
        path="/calls/{call_id}/keep",
        handler=keep_call,
        access=SUPERVISE_WRITE,
        tag="recordings",
        summary="Keep a call's recordings and messages, however old they grow",
        returns=models.Call,
    ),
    Route(
        method="DELETE",
        path="/calls/{call_id}/keep",
        handler=release_call,
        access=SUPERVISE_WRITE,
        tag="recordings",
        summary="Keep a call's recordings and messages no longer than the others",
        status=204,
    ),
]
