"""The supervisors' picture and the queues, as they are now; whoever wants to follow them takes the WebSocket."""

from aiohttp import web
from msgspec import Struct, json

from screenpop.bus import NoAnswerError
from screenpop.messages import (
    BOARD_SUBJECT,
    PARKED_SUBJECT,
    BoardAgent,
    BoardCall,
    BoardLink,
    BoardQueue,
    BoardSnapshot,
    BoardState,
    ParkedCall,
    ParkedSnapshot,
    snapshot_subject,
)
from web.api.problems import Unavailable
from web.api.reading import PageQuery, page_of, read_query
from web.api.routes import Route
from web.api.writing import answer
from web.auth import READ, SUPERVISE
from web.services import services


class BoardNow(Struct, frozen=True):
    """The whole board after delta `seq`."""

    seq: int
    calls: dict[str, BoardCall]
    queues: dict[str, BoardQueue]
    agents: dict[str, BoardAgent]
    links: dict[str, BoardLink]


class Queue(BoardQueue, frozen=True, kw_only=True):
    """A queue with the id it has on the board."""

    id: str


class Parked(ParkedCall, frozen=True, kw_only=True):
    """A parked call with its id."""

    id: str


class ParkedList(Struct, frozen=True):
    """One page of parked calls."""

    items: tuple[Parked, ...]
    next: str | None


class QueueList(Struct, frozen=True):
    """One page of queues."""

    items: tuple[Queue, ...]
    next: str | None


async def read_board(request: web.Request) -> web.StreamResponse:
    """Read the whole board."""
    seq, state = await picture(request)
    return answer(BoardNow(seq, state.calls, state.queues, state.agents, state.links))


async def list_queues(request: web.Request) -> web.StreamResponse:
    """List queues with their callers and members."""
    query = read_query(request, PageQuery)
    _, state = await picture(request)
    queues = [
        Queue(id=key, **{name: getattr(queue, name) for name in BoardQueue.__struct_fields__})
        for key, queue in sorted(state.queues.items())
    ]
    items, following = page_of(queues, query)
    return answer(QueueList(tuple(items), following))


async def list_parked(request: web.Request) -> web.StreamResponse:
    """List the parked calls, the longest first."""
    query = read_query(request, PageQuery)
    try:
        frame = await services(request).bus.request(snapshot_subject(PARKED_SUBJECT))
    except NoAnswerError as error:
        raise Unavailable("No node watches the PBX at the moment.") from error
    calls = json.decode(frame, type=ParkedSnapshot).state.calls
    parked = [
        Parked(id=key, **{name: getattr(call, name) for name in ParkedCall.__struct_fields__})
        for key, call in sorted(calls.items(), key=lambda item: item[1].since)
    ]
    items, following = page_of(parked, query)
    return answer(ParkedList(tuple(items), following))


async def picture(request: web.Request) -> tuple[int, BoardState]:
    """Ask the owner of the service for the board. Raises `Unavailable`."""
    try:
        frame = await services(request).bus.request(snapshot_subject(BOARD_SUBJECT))
    except NoAnswerError as error:
        raise Unavailable("No node watches the PBX at the moment.") from error
    snapshot = json.decode(frame, type=BoardSnapshot)
    return snapshot.seq, snapshot.state


routes = [
    Route(
        method="GET",
        path="/board",
        handler=read_board,
        access=SUPERVISE,
        tag="live",
        summary="Live calls, queues and agents",
        returns=BoardNow,
        problems=(503,),
    ),
    Route(
        method="GET",
        path="/queues",
        handler=list_queues,
        access=READ,
        tag="live",
        summary="Queues with their callers and members",
        query=PageQuery,
        returns=QueueList,
        problems=(503,),
    ),
    Route(
        method="GET",
        path="/parked",
        handler=list_parked,
        access=READ,
        tag="live",
        summary="Parked calls",
        query=PageQuery,
        returns=ParkedList,
        problems=(503,),
    ),
]
