"""The supervisors' picture: what each fact does to it, and that snapshot and deltas never disagree."""

from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from screenpop.board import Board, Identity
from screenpop.messages import AgentState, BoardContact, BoardState, CardNumber, encode
from screenpop.seats import Seats
from telephony.records import (
    CallPhase,
    Change,
    LegResult,
    LinkChange,
    Member,
    MemberStatus,
    Participant,
    PhoneChange,
    QueueChange,
    QueueRecord,
    Waiting,
)
from tests.screenpop.scenes import ANA, SEATS, T0, Scene, inbound, internal, outbound

T0_TEXT = "2025-11-21T19:40:00.000Z"


def seated(*pbxs: str) -> Board:
    board = Board(pbxs or ("main",))
    board.sit(SEATS, T0)
    for user in ("ana", "ben", "sue"):
        board.presence(user, 1, T0)
    return board


def state_of(board: Board, agent: str) -> tuple[AgentState, str | None]:
    entry = board.state().agents[agent]
    return entry.state, entry.call_id


def member(extension: str, **fields: object) -> Member:
    return replace(Member(f"PJSIP/{extension}", extension, extension, MemberStatus.NOT_IN_USE), **fields)


def queue(*members: Member, waiting: tuple[Waiting, ...] = (), pbx: str = "main") -> QueueRecord:
    return QueueRecord(pbx, "support", waiting, members, completed=3, abandoned=1)


def test_agents_are_the_users_with_a_phone() -> None:
    board = seated()
    agents = board.state().agents
    assert set(agents) == {"ana", "ben", "sue"}
    assert (agents["ana"].display_name, agents["ana"].extension) == ("Ana Sousa", "2001")
    assert agents["ana"].state is AgentState.AVAILABLE


def test_nobody_at_the_browser_is_offline() -> None:
    board = seated()
    board.presence("ana", 1, T0)
    board.presence("ana", -1, T0)
    assert state_of(board, "ana")[0] is AgentState.AVAILABLE
    board.presence("ana", -1, T0 + 1)
    assert state_of(board, "ana")[0] is AgentState.OFFLINE


def test_what_an_agent_does_goes_before_what_keeps_calls_away() -> None:
    board = seated()
    paused = queue(member("2001", paused=True, paused_reason="Lunch"))
    board.apply(PhoneChange(T0, "main", "2001", MemberStatus.UNAVAILABLE, reachable=False))
    assert state_of(board, "ana")[0] is AgentState.UNREACHABLE
    board.presence("ana", -1, T0)
    assert state_of(board, "ana")[0] is AgentState.OFFLINE
    board.apply(QueueChange(T0, paused))
    assert state_of(board, "ana")[0] is AgentState.PAUSED
    board.wrap_up("ana", "C1", T0)
    assert state_of(board, "ana") == (AgentState.WRAP_UP, "C1")
    scene = Scene(inbound("C2"))
    board.apply(scene.rings("2001"))
    assert state_of(board, "ana") == (AgentState.RINGING, "C2")


def test_an_inbound_call_from_ring_to_end() -> None:
    board = seated()
    scene = Scene(inbound())
    board.apply(scene.started())
    board.apply(scene.rings("2001"))
    call = board.state().calls["C1"]
    assert (call.direction, call.phase, call.queue, call.did) == ("inbound", "queued", "support", "74950000001")
    assert (call.number.raw, call.ringing, call.user) == ("+74951234567", ("2001",), None)
    assert state_of(board, "ana") == (AgentState.RINGING, "C1")
    board.apply(scene.answers("2001"))
    call = board.state().calls["C1"]
    assert (call.phase, call.user, call.extension, call.ringing) == ("talking", "ana", "2001", ())
    assert call.since == "2025-11-21T19:40:02.000Z"
    assert state_of(board, "ana") == (AgentState.ON_CALL, "C1")
    board.apply(scene.updated(phase=CallPhase.HELD))
    assert state_of(board, "ana") == (AgentState.ON_HOLD, "C1")
    board.apply(scene.ends())
    assert board.state().calls == {}
    assert state_of(board, "ana") == (AgentState.AVAILABLE, None)


def test_wrap_up_ends_with_the_card_and_a_call_comes_first() -> None:
    board = seated()
    board.wrap_up("ana", "C1", T0 + 10)
    assert state_of(board, "ana") == (AgentState.WRAP_UP, "C1")
    board.apply(Scene(inbound("C2")).rings("2001"))
    assert state_of(board, "ana") == (AgentState.RINGING, "C2")
    board.apply(Scene(inbound("C2")).ends())
    board.wrap_up("ana", None, T0 + 20)
    assert state_of(board, "ana") == (AgentState.AVAILABLE, None)


def test_who_dials_is_on_a_call() -> None:
    board = seated()
    scene = Scene(outbound())
    board.apply(scene.dials())
    assert state_of(board, "ana") == (AgentState.ON_CALL, "O1")
    board.apply(scene.answers("2001"))
    assert state_of(board, "ana") == (AgentState.ON_CALL, "O1")


def test_a_colleague_called_and_who_calls() -> None:
    board = seated()
    scene = Scene(internal())
    board.apply(scene.dials())
    board.apply(scene.rings("2002"))
    assert state_of(board, "ana") == (AgentState.ON_CALL, "I1")
    assert state_of(board, "ben") == (AgentState.RINGING, "I1")


def test_who_left_a_call_is_free_while_it_goes_on() -> None:
    board = seated()
    scene = Scene(outbound())
    board.apply(scene.dials())
    board.apply(scene.answers("2001"))
    board.apply(scene.leaves("2001"))
    assert state_of(board, "ana") == (AgentState.AVAILABLE, None)
    assert set(board.state().calls) == {"O1"}


def test_a_phone_that_stopped_ringing_is_free() -> None:
    board = seated()
    scene = Scene(inbound())
    board.apply(scene.rings("2001"))
    board.apply(scene.stops("2001", LegResult.NO_ANSWER))
    assert state_of(board, "ana") == (AgentState.AVAILABLE, None)


def test_a_consultation_is_gone_once_it_is_part_of_the_call() -> None:
    board = seated()
    call, consultation = Scene(inbound()), Scene(internal())
    board.apply(call.answers("2001"))
    board.apply(consultation.answers("2002"))
    assert set(board.state().calls) == {"C1", "I1"}
    board.apply(call.absorbs("I1", Participant("2002", answered_at=T0)))
    assert set(board.state().calls) == {"C1"}
    assert state_of(board, "ben") == (AgentState.ON_CALL, "C1")


def test_a_late_word_about_an_ended_call_does_not_bring_it_back() -> None:
    board = seated()
    scene = Scene(inbound())
    board.apply(scene.rings("2001"))
    board.apply(scene.ends())
    board.apply(scene.updated(hangup_cause=16))
    assert board.state().calls == {}


def test_a_queue_shows_who_waits_and_who_helps() -> None:
    board = seated()
    board.apply(Scene(inbound()).started())
    board.identify("C1", Identity(CardNumber("+74951234567", "+74951234567", "external"), BoardContact(12, "Claire")))
    waiting = (
        Waiting("C2.1", None, None, 2, T0 + 5, "C2"),
        Waiting("C1.1", "+74951234567", "CLAIRE", 1, T0, "C1"),
    )
    members = (
        member("2001"),
        member("2002", paused=True, paused_reason="lunch", since=T0 - 60),
        member("2003", status=MemberStatus.IN_USE, in_call=True),
        member("2009", status=MemberStatus.UNAVAILABLE),
        Member("Local/x@y", "outside", None),
    )
    board.apply(QueueChange(T0 + 6, queue(*members, waiting=waiting)))
    entry = board.state().queues["support"]
    assert [(caller.position, caller.call_id) for caller in entry.waiting] == [(1, "C1"), (2, "C2")]
    assert entry.waiting[0].contact == BoardContact(12, "Claire")
    assert (entry.longest, entry.available, entry.talking) == (T0_TEXT, 1, 1)
    assert (entry.completed, entry.abandoned) == (3, 1)
    assert [row.user for row in entry.members] == ["ana", "ben", "sue", None, None]
    agents = board.state().agents
    assert agents["ana"].queues == ("support",)
    assert (agents["ben"].state, agents["ben"].paused_reason) == (AgentState.PAUSED, "lunch")
    assert agents["ben"].since == "2025-11-21T19:39:00.000Z"
    assert (agents["#2009"].user, agents["#2009"].extension) == (None, "2009")


def test_a_queue_that_is_gone_takes_its_members_along() -> None:
    board = seated()
    record = queue(member("2001"), member("2009"))
    board.apply(QueueChange(T0, record))
    assert "#2009" in board.state().agents
    board.apply(QueueChange(T0 + 1, record, gone=True))
    state = board.state()
    assert state.queues == {}
    assert state.agents["ana"].queues == ()
    assert "#2009" not in state.agents


def test_queues_of_the_same_name_on_two_pbxs_are_two() -> None:
    board = seated("main", "branch")
    board.apply(QueueChange(T0, queue(member("2001"))))
    board.apply(QueueChange(T0, queue(pbx="branch")))
    assert set(board.state().queues) == {"main/support", "branch/support"}


def test_a_phone_that_is_not_registered_cannot_be_reached() -> None:
    board = seated()
    board.apply(PhoneChange(T0 + 1, "main", "2001", MemberStatus.UNAVAILABLE, reachable=False))
    assert state_of(board, "ana")[0] is AgentState.UNREACHABLE
    board.apply(PhoneChange(T0 + 2, "main", "2001", MemberStatus.NOT_IN_USE))
    assert state_of(board, "ana")[0] is AgentState.AVAILABLE


def test_a_seat_taken_moves_the_phone_to_its_new_user() -> None:
    board = seated()
    board.apply(PhoneChange(T0, "main", "2009", MemberStatus.NOT_IN_USE))
    assert board.state().agents["#2009"].state is AgentState.AVAILABLE
    board.sit(Seats({"2009": ANA}), T0 + 1)
    agents = board.state().agents
    assert set(agents) == {"ana", "#2001"} - {"#2001"}
    assert agents["ana"].extension == "2009"


def test_a_withheld_caller_before_anyone_looked() -> None:
    board = seated()
    board.apply(Scene(inbound(number=None)).started())
    assert board.state().calls["C1"].number == CardNumber("", None, "withheld")


def test_a_broken_link_is_on_the_board() -> None:
    board = seated()
    board.apply(LinkChange(T0, "main", up=False, reason="connection refused"))
    link = board.state().links["main"]
    assert (link.up, link.reason, link.since) == (False, "connection refused", T0_TEXT)


def test_nothing_new_is_no_delta() -> None:
    board = seated()
    board.apply(Scene(inbound()).started())
    first = board.delta(1)
    assert first is not None
    assert set(first.calls.set) == {"C1"}
    assert board.delta(2) is None
    board.apply(Scene(inbound()).started())
    assert board.delta(2) is None


def test_what_came_and_went_between_two_deltas_is_not_told() -> None:
    board = seated()
    board.delta(1)
    scene = Scene(inbound(queue=None))
    board.apply(scene.started())
    board.apply(scene.ends())
    assert board.delta(2) is None


def test_a_call_taken_over_is_on_the_board() -> None:
    board = seated()
    scene = Scene(inbound())
    scene.rings("2001")
    scene.answers("2001")
    board.adopt(scene.call)
    assert state_of(board, "ana") == (AgentState.ON_CALL, "C1")


# Snapshot + deltas = fresh snapshot.

PHONES = ("2001", "2002", "2009")
CALLS = ("C1", "C2", "C3")


def _call_change(step: tuple[Any, ...], scenes: dict[str, Scene]) -> Change:
    kind, call_id, phone = step
    scene = scenes.setdefault(call_id, Scene(inbound(call_id)))
    if kind == "absorbs":
        scenes.pop("C3", None)
    elif kind == "ends":
        del scenes[call_id]
    verbs: dict[str, Callable[[], Change]] = {
        "rings": lambda: scene.rings(phone),
        "answers": lambda: scene.answers(phone),
        "stops": lambda: scene.stops(phone, LegResult.NO_ANSWER),
        "leaves": lambda: scene.leaves(phone),
        "held": lambda: scene.updated(phase=CallPhase.HELD),
        "absorbs": lambda: scene.absorbs("C3"),
        "ends": scene.ends,
    }
    return verbs[kind]()


def _change(step: tuple[Any, ...], scenes: dict[str, Scene]) -> Change:
    kind, call_id, phone = step
    at = T0 + len(scenes)
    match kind:
        case "queue":
            waiting = (Waiting("w", "+7495", None, 1, at, call_id),) if phone != "2009" else ()
            return QueueChange(at, queue(member(phone), waiting=waiting), gone=call_id == "C3")
        case "phone":
            return PhoneChange(at, "main", phone, MemberStatus.NOT_IN_USE, reachable=call_id != "C1")
        case "link":
            return LinkChange(at, "main", up=call_id == "C1")
        case _:
            return _call_change(step, scenes)


PARTS = ("calls", "queues", "agents", "links")
KINDS = ("rings", "answers", "stops", "leaves", "held", "absorbs", "ends", "queue", "phone", "link")
STEPS = st.one_of(
    st.tuples(st.sampled_from(KINDS), st.sampled_from(CALLS), st.sampled_from(PHONES)),
    st.tuples(st.sampled_from(("identify", "wrap_up", "online", "offline", "sit", "stand", "delta", "join")),
              st.sampled_from(CALLS), st.sampled_from(("ana", "ben"))),
)  # fmt: skip


def _do(board: Board, step: tuple[Any, ...], scenes: dict[str, Scene]) -> None:
    match step:
        case ("identify", call_id, name):
            board.identify(call_id, Identity(CardNumber("1", None, "external"), BoardContact(1, name)))
        case ("wrap_up", call_id, name):
            board.wrap_up(name, None if call_id == "C3" else call_id, T0)
        case ("online", _, name):
            board.presence(name, 1, T0)
        case ("offline", _, name):
            board.presence(name, -1, T0)
        case ("sit", *_):
            board.sit(SEATS, T0)
        case ("stand", *_):
            board.sit(Seats(), T0)
        case ("delta", *_):
            pass
        case _:
            board.apply(_change(step, scenes))


def _merge(state: dict[str, Any], frame: dict[str, Any]) -> None:
    for part in PARTS:
        state[part].update(frame[part]["set"])
        for key in frame[part]["gone"]:
            state[part].pop(key, None)


@given(st.lists(STEPS, max_size=40))
@settings(max_examples=300, deadline=None)
def test_snapshot_and_deltas_make_a_fresh_snapshot(steps: list[tuple[Any, ...]]) -> None:
    board = Board()
    scenes: dict[str, Scene] = {}
    early: dict[str, Any] = {part: {} for part in PARTS}
    late: dict[str, Any] | None = None
    for number, step in enumerate([*steps, ("delta", "", "")]):
        if step[0] == "join":
            late = _plain(board.state())
            continue
        _do(board, step, scenes)
        frame = board.delta(number) if step[0] == "delta" else None
        if frame is not None:
            told = msgspec.json.decode(encode(frame))
            _merge(early, told)
            if late is not None:
                _merge(late, told)
    fresh = _plain(board.state())
    assert early == fresh
    assert late is None or late == fresh


def _plain(state: BoardState) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(state))
    return plain
