"""The scenarios of the recordings, played again on the simulator."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from telephony.simulator import features
from telephony.simulator.frames import Frame
from telephony.simulator.originating import Origination
from telephony.simulator.pbx import Company, Pbx, ToPhones, ToQueue
from telephony.simulator.queueing import WaitingQueue
from telephony.simulator.switch import TRUNK, Channel, Party, Phone, Reaction, State
from telephony.simulator.timeline import Timeline
from tests.telephony.recording import Block

STARTED = 1795291188.0
People = Callable[[Pbx], None]
"""What the people of a scenario do, planned on the PBX's timeline."""

SILENT, BUSY, DECLINES = Reaction(), Reaction(None, refuse_after=0.001), Reaction(refuse_after=0.5, refuse_with=603)


def lab() -> Company:
    """Set up the company of the laboratory in which the recordings were made."""
    names = ("One", "Two", "Three", "Four")
    phones = tuple(Phone(f"200{number}", f"Agent {name}") for number, name in enumerate(names, 1))
    offline = Phone("2010", "Agent Ten", registered=False)
    return Company(
        phones=(*phones, offline),
        queues=(
            WaitingQueue("support", "ringall"),
            WaitingQueue("sales", "linear", ring_timeout=4),
            WaitingQueue("strict", join_empty=False),
        ),
        routes={
            "74951230001": ToQueue("support"),
            "74951230002": ToQueue("sales"),
            "74951230003": ToPhones(("2001", "2002", "2003")),
            "74951230004": ToPhones(("2001",), timeout=8, mailbox="2001"),
            "74951230011": ToQueue("support", timeout=5, mailbox="2001"),
            "74951230018": ToPhones(("2001",)),
            "74951230019": ToQueue("strict"),
            "74951230020": ToQueue("support", answer_first=False),
            "74951230023": ToPhones(("2010",)),
        },
        number="74951230000",
    )


def play_people(people: People, seconds: float = 30.0) -> tuple[Pbx, list[Frame]]:
    """Let people act on a fresh PBX; gives it and everything it said."""
    pbx, frames = Pbx(Timeline(STARTED), lab()), list[Frame]()
    pbx.switch.listeners.append(frames.append)
    people(pbx)
    pbx.timeline.run_for(seconds)
    return pbx, frames


def blocks_of_frames(frames: Sequence[Frame]) -> list[Block]:
    """Write frames as a recording would hold them: arrival in seconds since the start."""
    return [(frame.at - STARTED, frame.render(timestamps=False)) for frame in frames]


def at(pbx: Pbx, seconds: float, act: Callable[[], object]) -> None:
    """Plan an act, whatever it returns."""

    def do() -> None:
        act()

    pbx.timeline.after(seconds, do)


def one_after_the_other(*parts: People) -> People:
    """Join parts of a scenario that begin at the same moment."""

    def people(pbx: Pbx) -> None:
        for part in parts:
            part(pbx)

    return people


def sign_in(queue: str, *extensions: str) -> People:
    def people(pbx: Pbx) -> None:
        for extension in extensions:
            pbx.add_member(queue, extension, pbx.switch.phones[extension].name)

    return people


def phone(extension: str, *reactions: Reaction) -> People:
    """Let a phone react so to its next calls, one after the other."""

    def people(pbx: Pbx) -> None:
        left = list(reactions)
        pbx.switch.phones[extension].reaction = lambda: left.pop(0)
        pbx.switch.phones[extension].click_reaction = lambda: left.pop(0)

    return people


def inbound(did: str, *acts: tuple[float, str], number: str = "+79161234567") -> People:
    """Let a caller ring `did`; then, after so many seconds, `answer 2001`, `put_down 2001`, `caller hangs up`..."""

    def people(pbx: Pbx) -> None:
        caller = pbx.inbound(number, did)
        for seconds, act in acts:
            at(pbx, seconds, partial(do, pbx, caller, act))

    return people


def do(pbx: Pbx, caller: Channel, act: str) -> None:
    match act.split():
        case ["answer", extension]:
            assert pbx.answer(extension)
        case ["put_down", extension]:
            assert pbx.put_down(extension)
        case ["decline", extension]:
            assert pbx.decline(extension)
        case ["transfer", extension]:
            assert pbx.blind_transfer(pbx.channels_at("2001")[0], extension)
        case ["AMI", "hangup"]:
            pbx.hang_up(caller, asked=False)
        case ["caller", "hangs", "up"]:
            pbx.hang_up(caller)
        case _:
            use_feature(pbx, act)


def use_feature(pbx: Pbx, act: str) -> None:
    match act.split():
        case ["hold", extension]:
            assert pbx.hold(extension)
        case ["take", "back", extension]:
            assert pbx.hold(extension, held=False)
        case ["listen", extension]:
            spyee = pbx.channels_at("2001")[0]
            own = Party(extension, pbx.switch.phones[extension].name)
            spyer = pbx.switch.new_channel(extension, State.Ring, own, f"*22{spyee.endpoint}")
            pbx.switch.run_application(spyer, "Answer")
            pbx.switch.set_state(spyer, State.Up)
            features.run_application(pbx, spyer, "ChanSpy", f"{spyee.name},q")
        case ["record"]:
            features.record(pbx, pbx.channels_at("2001")[0])
        case ["mute" | "unmute" as what]:
            assert features.mute_recording(pbx, pbx.channels_at("2001")[0], muted=what == "mute")
        case ["stop", "recording"]:
            assert features.stop_recording(pbx, pbx.channels_at("2001")[0])
        case _:
            raise ValueError(act)


def dialled(
    number: str,
    far: Reaction,
    *,
    extension: str = "2001",
    caller_after: float | None = None,
    far_after: float | None = None,
) -> People:
    """Let an agent dial; then one side hangs up after so many seconds."""

    def people(pbx: Pbx) -> None:
        pbx.far_side = lambda _number: far
        caller = pbx.dial(extension, number)
        if caller_after is not None:
            at(pbx, caller_after, lambda: pbx.hang_up(caller))
        if far_after is not None:
            at(pbx, far_after, lambda: pbx.hang_up(pbx.channels_at(TRUNK)[0]))

    return people


def later(seconds: float, people: People) -> People:
    """Begin a part of a scenario later."""
    return lambda pbx: at(pbx, seconds, partial(people, pbx))


def clicked(
    number: str, *, extension: str = "2001", timeout: float = 10.0, action_id: str = "", channel_id: str = ""
) -> People:
    """Let somebody click on a number in a page."""
    order = Origination(
        extension, "clicktocall", number, Party(number, f"Click {number}"), timeout, action_id, channel_id
    )
    return lambda pbx: pbx.originate(order)


SCENARIOS: Mapping[str, People] = {
    "did_answered": inbound("74951230004", (2, "answer 2001"), (6, "caller hangs up")),
    "did_answered_agent_hangup": inbound("74951230004", (1, "answer 2001"), (3, "put_down 2001")),
    "did_agent_declines": inbound("74951230018", (1, "decline 2001")),
    "did_busy_voicemail": one_after_the_other(
        phone("2001", BUSY), inbound("74951230004", (0.4, "caller hangs up"), number="+79031112233")
    ),
    "did_caller_cancels": inbound("74951230018", (3, "caller hangs up")),
    "did_noanswer_voicemail": inbound("74951230004", (18, "caller hangs up"), number="84951112233"),
    "did_phone_offline": inbound("74951230023"),
    "ringgroup_answered": inbound("74951230003", (2, "answer 2002"), (5, "caller hangs up")),
    "ringgroup_abandoned": inbound("74951230003", (3, "caller hangs up")),
    "queue_ringall_answered": one_after_the_other(
        sign_in("support", "2001", "2002"), inbound("74951230001", (2, "answer 2001"), (6, "caller hangs up"))
    ),
    "queue_ringnoanswer_next": one_after_the_other(
        sign_in("sales", "2001", "2002"), inbound("74951230002", (6, "answer 2002"), (8, "caller hangs up"))
    ),
    "queue_abandoned_ringing": one_after_the_other(
        sign_in("support", "2001", "2002"), inbound("74951230001", (3, "caller hangs up"))
    ),
    "queue_joinempty": inbound("74951230019"),
    "queue_timeout_voicemail": one_after_the_other(
        sign_in("support", "2001"), inbound("74951230011", (15, "caller hangs up"), number="+79161230002")
    ),
    "queue_noanswerapp": one_after_the_other(
        sign_in("support", "2001"), inbound("74951230020", (1.5, "answer 2001"), (3.5, "put_down 2001"))
    ),
    "hold_unhold": inbound(
        "74951230004",
        (1, "answer 2001"),
        (2, "hold 2001"),
        (3.7, "take back 2001"),
        (4.8, "hold 2001"),
        (6.4, "take back 2001"),
        (7.5, "caller hangs up"),
    ),
    "supervisor_spy": inbound(
        "74951230018", (0.5, "answer 2001"), (0.6, "listen 2004"), (2.5, "put_down 2004"), (3, "caller hangs up")
    ),
    "recording_by_ami": inbound(
        "74951230018",
        (0.5, "answer 2001"),
        (1.5, "record"),
        (2.5, "mute"),
        (3.5, "unmute"),
        (4.5, "stop recording"),
        (5, "caller hangs up"),
    ),
    "ami_hangup": inbound("74951230004", (1, "answer 2001"), (2, "AMI hangup")),
    "ami_blindtransfer": inbound(
        "74951230004", (1, "answer 2001"), (2.5, "transfer 2002"), (3.5, "answer 2002"), (5.5, "caller hangs up")
    ),
    "internal_answered": one_after_the_other(
        phone("2002", Reaction(answer_after=1.4)), dialled("2002", SILENT, caller_after=3)
    ),
    "internal_busy_noanswer": one_after_the_other(
        phone("2002", BUSY, SILENT), dialled("2002", SILENT), later(1, dialled("2002", SILENT, caller_after=3))
    ),
    "outbound_answered": dialled("989161234567", Reaction(answer_after=1.5), caller_after=4.5),
    "outbound_answered_far_hangup": dialled(
        "9+442071838750", Reaction(answer_after=1.5), extension="2002", far_after=3.5
    ),
    "outbound_failures": one_after_the_other(
        dialled("989160000486", BUSY),
        later(1, dialled("989160000503", Reaction(None, refuse_after=0.001, refuse_with=503))),
        later(2, dialled("989160000404", Reaction(None, refuse_after=0.001, refuse_with=404))),
        later(3, dialled("989160000603", Reaction(None, refuse_after=0.001, refuse_with=603))),
        later(4, dialled("989160000000", SILENT, caller_after=3)),
    ),
    "clicktocall_answered": one_after_the_other(
        phone("2001", Reaction(answer_after=1)),
        lambda pbx: setattr(pbx, "far_side", lambda _number: Reaction(answer_after=1.5)),
        clicked("89161234567", action_id="lab-360", channel_id="crm-42-a"),
        lambda pbx: at(pbx, 5.5, lambda: pbx.put_down("2001")),
    ),
    "clicktocall_failures": one_after_the_other(
        phone("2001", Reaction(answer_after=0.5), SILENT, BUSY),
        lambda pbx: setattr(pbx, "far_side", lambda _number: BUSY),
        clicked("89160000486", action_id="lab-1"),
        later(1, clicked("89160000001", timeout=3, action_id="lab-2")),
        later(5, clicked("89160000002", action_id="lab-3")),
        later(7, clicked("89160000003", extension="2010", action_id="lab-4")),
    ),
}
"""Recording -> the same scenario here."""
