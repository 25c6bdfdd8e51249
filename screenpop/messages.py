"""The JSON vocabulary of the bus and the browser: one struct per frame, so that names are written down once.

Names follow the public contract; additions are welcome there, renames are not. Times are RFC 3339 UTC with
milliseconds, durations are seconds. A frame is encoded once, however many sockets it goes to.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final, Literal
from urllib.parse import quote, unquote

import msgspec
from msgspec import UNSET, Struct, UnsetType


class PopReason(StrEnum):
    """Why a card came up."""

    RING = "ring"
    ANSWER = "answer"
    TRANSFER = "transfer"
    DIAL = "dial"


class PopStatus(StrEnum):
    """Where the agent stands with the call of a card."""

    RINGING = "ringing"
    TALKING = "talking"
    WRAP_UP = "wrap_up"


class CloseReason(StrEnum):
    """Why a card went away."""

    ANSWERED_ELSEWHERE = "answered_elsewhere"
    CALLER_GONE = "caller_gone"
    ENDED = "ended"
    DISMISSED = "dismissed"


class Topic(StrEnum):
    """What a socket can subscribe to."""

    POPS = "pops"
    BOARD = "board"
    PARKED = "parked"


class AgentState(StrEnum):
    """What an agent (or a phone nobody sits at) is doing, as supervisors see it."""

    OFFLINE = "offline"
    AVAILABLE = "available"
    RINGING = "ringing"
    ON_CALL = "on_call"
    ON_HOLD = "on_hold"
    WRAP_UP = "wrap_up"
    PAUSED = "paused"
    UNREACHABLE = "unreachable"


# The card.


class CardNumber(Struct, frozen=True):
    """The outside party's number: as seen on the wire, in E.164 where it has that, and its kind."""

    raw: str | None
    e164: str | None
    kind: str


class CardContact(Struct, frozen=True):
    """The client a call belongs to, or one of several it may belong to."""

    id: int
    name: str
    company: str | None = None


class CardPlace(Struct, frozen=True):
    """What the number itself tells; the browser works out the local time from the zones."""

    type: str | None = None
    country: str | None = None
    """ISO code."""
    region: str | None = None
    carrier: str | None = None
    time_zones: tuple[str, ...] = ()


class CardColleague(Struct, frozen=True):
    """The other side of an internal call."""

    extension: str
    name: str | None = None


class CardCall(Struct, frozen=True):
    """One earlier call of the same client or number."""

    id: str
    direction: str
    outcome: str | None
    started_at: str
    talk_seconds: float = 0.0
    queue: str | None = None
    agent: str | None = None
    note: str | None = None
    disposition: str | None = None


class CardNote(Struct, frozen=True):
    """A note already written on this very call: a colleague's, draft or finished, travels with a transfer."""

    author: str
    text: str
    at: str | None = None
    draft: bool = False


class CardLive(Struct, frozen=True):
    """What the viewer's phone does with the running call, so that the page offers what can be done now."""

    held: bool = False
    """The viewer keeps the other party on hold, be it to consult somebody."""
    waits: bool = False
    """The other side keeps the viewer on hold."""
    consulting: CardColleague | None = None
    consulting_answered: bool = False
    recording: str | None = None
    """`on`, `paused`, or None where nothing is recorded."""


class CardField(Struct, frozen=True):
    """One more line of the card; `key` is stable, `label` is its English name, `value` is shown as it is."""

    key: str
    label: str
    value: str


class Card(Struct, frozen=True):
    """What the agent sees of one call. Colleagues' and withheld calls have no contact and no candidates."""

    number: CardNumber
    caller_name: str | None = None
    contact: CardContact | None = None
    candidates: tuple[CardContact, ...] = ()
    """The clients that share the number, when there are several; `contact` is then the one chosen by hand, if any."""
    queue: str | None = None
    did: str | None = None
    wait_seconds: float = 0.0
    history: tuple[CardCall, ...] = ()
    fields: tuple[CardField, ...] = ()
    direction: str = "inbound"
    started_at: str | None = None
    rang_at: str | None = None
    answered_at: str | None = None
    ended_at: str | None = None
    place: CardPlace | None = None
    groups: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    owner: str | None = None
    previous_call: CardCall | None = None
    previous_agent: str | None = None
    """Who talked to this client last."""
    calls_today: int = 0
    last_note: str | None = None
    colleague: CardColleague | None = None
    called: str | None = None
    notes: tuple[CardNote, ...] = ()
    """Notes other people wrote on this call."""
    draft: str | None = None
    """The viewer's own unfinished note on this call."""
    disposition: str | None = None
    incomplete: bool = False
    """True while the client base could not be asked: the contact may follow in an update."""
    live: CardLive = CardLive()


# Frames from the server.


class Ready(Struct, frozen=True, tag_field="type", tag="ready"):
    """Signed in."""

    user: str
    role: str
    extensions: tuple[str, ...] = ()


class PopWrapUp(Struct, frozen=True):
    """The agent still works on the call of a card: until when (None: no timer), and whether a result must be chosen."""

    until: str | None = None
    result_required: bool = False
    paused: bool = False
    """The agent's queues offer no call meanwhile."""
    over: bool = False
    """The agent is ready for the next call; the card only waits for its result."""


class PopState(Struct, frozen=True):
    """One card that is up now."""

    call_id: str
    status: PopStatus
    card: Card
    reason: PopReason = PopReason.RING
    wrap_up: PopWrapUp | None = None
    """None: the card says nothing about what the agent does now."""


class PopsState(Struct, frozen=True):
    """All cards of one agent."""

    pops: tuple[PopState, ...] = ()


class PopsSnapshot(Struct, frozen=True, tag_field="type", tag="snapshot"):
    """The agent's cards after delta `seq`."""

    seq: int
    state: PopsState
    topic: Literal["pops"] = "pops"


class PopShow(Struct, frozen=True, tag_field="type", tag="pop.show"):
    """A card comes up."""

    seq: int
    call_id: str
    reason: PopReason
    card: Card
    status: PopStatus = PopStatus.RINGING


class PopUpdate(Struct, frozen=True, tag_field="type", tag="pop.update"):
    """A card changes; what is not named stays."""

    seq: int
    call_id: str
    status: PopStatus | UnsetType = UNSET
    card: Card | UnsetType = UNSET
    wrap_up: PopWrapUp | UnsetType | None = UNSET


class PopClose(Struct, frozen=True, tag_field="type", tag="pop.close"):
    """A card goes away, on all tabs of the agent."""

    seq: int
    call_id: str
    reason: CloseReason


class BoardContact(Struct, frozen=True):
    """The client of a live call."""

    id: int
    name: str


class BoardSpy(Struct, frozen=True):
    """Somebody who listens to a live call."""

    who: str
    extension: str
    mode: str
    since: str


class BoardCall(Struct, frozen=True):
    """One live call; `since` is when its phase began."""

    direction: str
    phase: str
    number: CardNumber
    started_at: str
    since: str
    pbx: str
    caller_name: str | None = None
    contact: BoardContact | None = None
    queue: str | None = None
    did: str | None = None
    called: str | None = None
    extension: str | None = None
    user: str | None = None
    ringing: tuple[str, ...] = ()
    """Phones of ours that ring for it now."""
    answered_at: str | None = None
    parked: str | None = None
    """The parking space."""
    recording: str | None = None
    spies: tuple[BoardSpy, ...] = ()


class BoardWaiting(Struct, frozen=True):
    """One caller waiting in a queue."""

    number: str | None
    name: str | None
    contact: BoardContact | None
    position: int
    since: str
    call_id: str | None = None


class BoardMember(Struct, frozen=True):
    """One member of a queue."""

    name: str
    extension: str | None
    user: str | None
    status: str
    paused: bool
    paused_reason: str | None = None
    penalty: int = 0
    calls_taken: int = 0


class BoardQueue(Struct, frozen=True):
    """A queue now. `longest` is since when its longest caller waits; the counters are the PBX's own."""

    name: str
    pbx: str
    waiting: tuple[BoardWaiting, ...] = ()
    members: tuple[BoardMember, ...] = ()
    longest: str | None = None
    available: int = 0
    talking: int = 0
    completed: int = 0
    abandoned: int = 0


class BoardAgent(Struct, frozen=True):
    """An agent, or a phone nobody sits at (`user` is None). `since` is when the state began, as far as known."""

    user: str | None
    display_name: str
    extension: str | None
    state: AgentState
    since: str | None = None
    call_id: str | None = None
    paused_reason: str | None = None
    queues: tuple[str, ...] = ()
    online: bool = False
    reachable: bool = True
    extensions: tuple[str, ...] = ()


class BoardPops(Struct, frozen=True):
    """How long cards took from their event's arrival to being sent, in milliseconds; over the last five minutes."""

    count: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None


class BoardLink(Struct, frozen=True):
    """The link to one PBX; what a PBX with a broken link shows is old, not current."""

    up: bool
    since: str
    """When it came up or went down."""
    reason: str = ""
    late_since: str | None = None
    """Since when the PBX has been late (the alarm is on); None: it is not."""
    lag_seconds: float = 0.0
    """How late its last event was worked on."""
    events_per_second: float = 0.0
    bad: int = 0
    """Messages that could not be read, since the start."""
    reconnects: int = 0
    """Times the link came back, since the start."""
    pops: BoardPops = BoardPops()


class BoardState(Struct, frozen=True):
    """The whole board."""

    calls: dict[str, BoardCall] = {}
    queues: dict[str, BoardQueue] = {}
    agents: dict[str, BoardAgent] = {}
    links: dict[str, BoardLink] = {}


class CallsDelta(Struct, frozen=True):
    """Calls that are new or changed, and those that are gone."""

    set: dict[str, BoardCall] = {}
    gone: tuple[str, ...] = ()


class QueuesDelta(Struct, frozen=True):
    """Queues that are new or changed, and those that are gone."""

    set: dict[str, BoardQueue] = {}
    gone: tuple[str, ...] = ()


class AgentsDelta(Struct, frozen=True):
    """Agents that are new or changed, and those that are gone."""

    set: dict[str, BoardAgent] = {}
    gone: tuple[str, ...] = ()


class LinksDelta(Struct, frozen=True):
    """PBX links that are new or changed."""

    set: dict[str, BoardLink] = {}
    gone: tuple[str, ...] = ()


class BoardSnapshot(Struct, frozen=True, tag_field="type", tag="snapshot"):
    """The board after delta `seq`."""

    seq: int
    state: BoardState
    topic: Literal["board"] = "board"


class BoardDelta(Struct, frozen=True, tag_field="type", tag="board.delta"):
    """What changed on the board: whole new values, so that applying one twice does no harm."""

    seq: int
    calls: CallsDelta = CallsDelta()
    queues: QueuesDelta = QueuesDelta()
    agents: AgentsDelta = AgentsDelta()
    links: LinksDelta = LinksDelta()


class ParkedCall(Struct, frozen=True):
    """A caller in a parking space: who parked it at which phone (`by`: by name), since when."""

    space: str
    extension: str | None
    by: str | None
    since: str
    number: CardNumber
    caller_name: str | None = None
    contact: BoardContact | None = None
    pbx: str = "main"


class ParkedState(Struct, frozen=True):
    """Every parked call."""

    calls: dict[str, ParkedCall] = {}


class ParkedSnapshot(Struct, frozen=True, tag_field="type", tag="snapshot"):
    """The parked calls after `seq`."""

    seq: int
    state: ParkedState
    topic: Literal["parked"] = "parked"


class ParkedNow(Struct, frozen=True, tag_field="type", tag="parked"):
    """The parked calls changed: all of them as they are now."""

    seq: int
    calls: dict[str, ParkedCall] = {}


class ErrorFrame(Struct, frozen=True, tag_field="type", tag="error"):
    """What the client sent could not be done; the socket stays open."""

    message: str


class Pong(Struct, frozen=True, tag_field="type", tag="pong"):
    """The answer to a client that cannot send protocol pings (a browser)."""


ServerFrame = (
    Ready | PopsSnapshot | BoardSnapshot | ParkedSnapshot | PopShow | PopUpdate | PopClose | BoardDelta | ParkedNow
    | ErrorFrame | Pong
)  # fmt: skip


# Frames from the client.


class Auth(Struct, frozen=True, tag_field="type", tag="auth"):
    """Sign in with an API token."""

    token: str


class Subscribe(Struct, frozen=True, tag_field="type", tag="subscribe"):
    """Ask for a topic: a snapshot, then its deltas."""

    topic: str
    """A `Topic`; what else is asked for is refused by the socket, as a forbidden one is."""
    tab: Annotated[str, msgspec.Meta(max_length=40)] = ""
    """What a browser calls its tab, for the trace."""


class Resync(Struct, frozen=True, tag_field="type", tag="resync"):
    """A gap was seen: ask for the snapshot again."""

    topic: str


class Ping(Struct, frozen=True, tag_field="type", tag="ping"):
    """Ask whether the server is there."""


class Shown(Struct, frozen=True, tag_field="type", tag="shown"):
    """The page has painted a card: sent once per `pop.show`, by clients that know it."""

    call_id: Annotated[str, msgspec.Meta(max_length=100)]


ClientFrame = Auth | Subscribe | Resync | Ping | Shown


# Between nodes.


class Wish(StrEnum):
    """What an agent's node asks the owner of the service to do with a card."""

    DISMISS = "dismiss"
    REOPEN = "reopen"
    REFRESH = "refresh"
    READY = "ready"
    RELEASE = "release"
    """Ready, whether a result was chosen or not: a supervisor says so."""
    MORE = "more"


class Control(Struct, frozen=True, tag_field="type", tag="control"):
    """One wish; `user` is empty where it concerns everybody's card of the call."""

    wish: Wish
    call_id: str
    user: str = ""


class Online(Struct, frozen=True, tag_field="type", tag="online"):
    """Who has a browser open on a node."""

    node: str
    users: tuple[str, ...] = ()


class Receipt(Struct, frozen=True, tag_field="type", tag="receipt"):
    """A card left for a browser at `at` (epoch seconds), or (`shown`) its page says that it is on the screen."""

    call_id: str
    user: str
    socket: str
    tab: str
    at: float
    shown: bool = False


class Links(Struct, frozen=True):
    """How the links to the PBXs do, by the PBX's name."""

    links: dict[str, BoardLink] = {}


class BadFrameError(ValueError):
    """A client frame that says nothing we know; the text may be shown to the client."""


class _Numbered(Struct, frozen=True):
    seq: int = 0


_ENCODER: Final = msgspec.json.Encoder()
_CLIENT: Final = msgspec.json.Decoder[ClientFrame](ClientFrame)
_CONTROL: Final = msgspec.json.Decoder[Control](Control)
_ONLINE: Final = msgspec.json.Decoder[Online](Online)
_RECEIPT: Final = msgspec.json.Decoder[Receipt](Receipt)
_LINKS: Final = msgspec.json.Decoder[Links](Links)
_NUMBERED: Final = msgspec.json.Decoder[_Numbered](_Numbered)


def encode(frame: ServerFrame | ClientFrame | Control | Online | Receipt | Links) -> bytes:
    """One frame as UTF-8 JSON."""
    return _ENCODER.encode(frame)


def decode_client(text: str | bytes) -> ClientFrame:
    """Read a client's frame. Raises BadFrameError."""
    try:
        frame: ClientFrame = _CLIENT.decode(text)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise BadFrameError(str(error)) from None
    return frame


def decode_control(frame: bytes) -> Control | None:
    """Read another node's wish; None when it says nothing we know (another version)."""
    try:
        return _CONTROL.decode(frame)
    except msgspec.DecodeError:
        return None


def decode_online(frame: bytes) -> Online | None:
    """Read who is on another node; None when it says nothing we know (another version)."""
    try:
        return _ONLINE.decode(frame)
    except msgspec.DecodeError:
        return None


def decode_receipt(frame: bytes) -> Receipt | None:
    """Read what another node says of a card's way; None when it says nothing we know (another version)."""
    try:
        return _RECEIPT.decode(frame)
    except msgspec.DecodeError:
        return None


def decode_links(frame: bytes) -> Links:
    """Read how the links do; none of them when it says nothing we know (another version)."""
    try:
        return _LINKS.decode(frame)
    except msgspec.DecodeError:
        return Links()


_SHOW_MARK: Final = b'{"type":"pop.show"'


class _OfCall(Struct, frozen=True):
    call_id: str


_OF_CALL: Final = msgspec.json.Decoder[_OfCall](_OfCall)


def shown_call(frame: bytes) -> str | None:
    """Return which call's card an encoded frame brings up; None for any other frame."""
    return _OF_CALL.decode(frame).call_id if frame.startswith(_SHOW_MARK) else None


def sequence(frame: bytes) -> int:
    """Read the `seq` of an encoded frame, 0 where it has none."""
    return _NUMBERED.decode(frame).seq


def timestamp(at: float) -> str:
    """Epoch seconds as RFC 3339 UTC with milliseconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def optional_timestamp(at: float | None) -> str | None:
    """Like `timestamp`, and None for None."""
    return None if at is None else timestamp(at)


BOARD_SUBJECT: Final = "board"
"""Bus subject of the board's deltas."""


PARKED_SUBJECT: Final = "parked"
"""Bus subject of the parked calls."""
ORDERS_SUBJECT: Final = "orders"
"""Bus subject on which nodes ask the owner of the service to act on a PBX, and get its report."""
CONTROL_SUBJECT: Final = "control"
"""Bus subject of the wishes to the owner of the service."""
LINKS_SUBJECT: Final = "links"
"""Bus subject under which the owner answers how the links to the PBXs do: `Links`."""
RECEIPT_SUBJECT: Final = "receipts"
"""Bus subject on which nodes tell the owner what became of cards."""
PRESENCE_SUBJECT: Final = "presence"
"""Bus subject on which nodes tell who is online."""
_POPS_PREFIX: Final = "pops."


def pops_subject(user: str) -> str:
    """Bus subject of one agent's cards; the name is made safe for a bus that reads dots and blanks as structure."""
    return _POPS_PREFIX + quote(user, safe="").replace(".", "%2E")


def subject_user(subject: str) -> str | None:
    """Return whose cards a subject carries, None when it carries something else."""
    if not subject.startswith(_POPS_PREFIX):
        return None
    return unquote(subject.removeprefix(_POPS_PREFIX))


def snapshot_subject(subject: str) -> str:
    """Bus subject where the owner of the service answers with the snapshot that the deltas on `subject` follow."""
    return "snapshot." + subject
