"""The simulated company's PBX: its dialplan, and everything callers, phones and AMI can do to it.

A test or a demo says what people do (`inbound`, `answer`, `hang_up`); time passes on the timeline; the events come out
of `switch.listeners` as Asterisk would send them.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from telephony.simulator.dialing import Calling, Dial, Leg, Target
from telephony.simulator.originating import Originate, Origination
from telephony.simulator.parking import Parked, ParkingLot
from telephony.simulator.queueing import Queueing, QueueMember, WaitingQueue
from telephony.simulator.switch import TRUNK, CallPlan, Channel, Party, Phone, Reaction, State, Switch
from telephony.simulator.talking import Talk
from telephony.simulator.timeline import Timeline
from telephony.simulator.voicemail import Announcement, VoiceMail

QUEUE_CONTEXT = "callcard-queues"
"""The dialplan's context with one extension per queue, as in asterisk_conf/extensions.conf."""
ANONYMOUS = Party("anonymous", "Anonymous")
"""What a withheld caller looks like on the wire."""


@dataclass(frozen=True, slots=True)
class ToPhones:
    """A number that rings one phone or several at once, then goes to a mailbox or ends. `timeout` in seconds."""

    extensions: tuple[str, ...]
    timeout: float = 20.0
    mailbox: str | None = None


@dataclass(frozen=True, slots=True)
class ToQueue:
    """A number that leads into a queue. `timeout` in seconds."""

    queue: str
    timeout: float = 120.0
    mailbox: str | None = None
    answer_first: bool = True


Route = ToPhones | ToQueue


@dataclass(frozen=True, slots=True)
class Company:
    """What the PBX is set up with."""

    phones: tuple[Phone, ...]
    queues: tuple[WaitingQueue, ...] = ()
    routes: Mapping[str, Route] | None = None
    """Dialled number (DID, or a short number of a queue) -> where it leads."""
    number: str = "74950000000"
    """Shown on outbound calls."""


def _answers_soon(_number: str) -> Reaction:
    return Reaction(answer_after=3.0)


class Pbx:
    """A running PBX. All methods take effect at once, at the timeline's present time."""

    def __init__(self, timeline: Timeline, company: Company) -> None:
        self.timeline = timeline
        self.company = company
        self.switch = Switch(timeline, list(company.phones))
        self.queues = {queue.name: queue for queue in company.queues}
        self.routes = dict(company.routes or {})
        self.messages: Counter[str] = Counter()
        self.lot = ParkingLot()
        self.far_side: Callable[[str], Reaction] = _answers_soon
        """How outside numbers react when they are called."""
        self.outbound_plan: Callable[[], CallPlan] = CallPlan
        """What agents intend with calls they dial from the page."""
        self.talks: list[Callable[[Talk], None]] = []
        """Told about every talk that begins."""
        self.switch.device_listeners.append(self._member_status)
        for queue in company.queues:
            for member in queue.members.values():
                member.login_time = int(timeline.now)

    # What people outside do.

    def inbound(self, number: str, did: str, *, name: str = "", plan: CallPlan | None = None) -> Channel:
        """Let `number` (empty = none given) call `did`; raises ValueError for a number nobody has."""
        if did not in self.routes:
            raise ValueError(f"nobody has the number {did}")
        channel = self.switch.new_channel(TRUNK, State.Ring, Party(number, name), did)
        channel.plan = plan or CallPlan()
        channel.did = did
        self.run(channel, did)
        return channel

    # What agents do at their phones.

    def dial(self, extension: str, number: str, plan: CallPlan | None = None) -> Channel:
        """Let an agent dial at the desk phone."""
        phone = self._phone(extension)
        channel = self.switch.new_channel(extension, State.Ring, Party(extension, phone.name), number)
        channel.plan = plan or CallPlan()
        self.run(channel, number)
        return channel

    def answer(self, extension: str) -> bool:
        """Pick up the phone; False when it does not ring."""
        return self._at_ringing_phone(extension, lambda calling, leg: calling.answered(leg))

    def decline(self, extension: str, status: int = 603) -> bool:
        """Refuse the call with a SIP status; False when the phone does not ring."""
        return self._at_ringing_phone(extension, lambda calling, leg: calling.refused(leg, status))

    def _at_ringing_phone(self, extension: str, act: Callable[[Calling, Leg], None]) -> bool:
        for channel in self.channels_at(extension):
            calling = channel.owner
            if not isinstance(calling, Dial | Queueing | Originate):
                continue
            leg = calling.leg_of(channel)
            if leg is not None:
                act(calling, leg)
                return True
        return False

    def put_down(self, extension: str) -> bool:
        """Hang up at a phone, or refuse what rings there; False when nothing is going on."""
        for channel in self.channels_at(extension):
            self.hang_up(channel)
            return True
        return False

    def hold(self, extension: str, *, held: bool = True) -> bool:
        """Press hold, or take the caller back; False when the phone is in no talk."""
        for channel in self.channels_at(extension):
            talk = channel.owner
            if channel.bridge is not None and isinstance(talk, Talk):
                self.switch.hold(channel, talk.other(channel), held=held)
                return True
        return False

    def register(self, extension: str, *, registered: bool) -> None:
        """Plug a phone in or out."""
        phone = self._phone(extension)
        phone.registered = registered
        status = "Reachable" if registered else "Unreachable"
        self.switch.emit("PeerStatus", ChannelType="PJSIP", Peer=f"PJSIP/{extension}", PeerStatus=status)
        self.switch.refresh(extension)

    def hang_up(self, channel: Channel, *, asked: bool = True) -> None:
        """End a channel; `asked`: its own party hung up (else AMI did)."""
        if not channel.gone and channel.owner is not None:
            channel.owner.hung_up(channel, asked=asked)

    # What AMI does.

    def originate(self, order: Origination) -> None:
        """Ring a phone, then dial for it."""

        def go_on(channel: Channel) -> None:
            if order.run is not None:
                order.run(channel)
                return
            channel.plan = self.outbound_plan()
            self.run(channel, order.exten)

        Originate(self.switch, order, go_on).start()

    def redirect(self, channel: Channel, exten: str, context: str = "from-internal") -> bool:
        """Send a channel to another number; its partner is hung up. False when the channel cannot be moved."""
        owner = channel.owner
        if isinstance(owner, Talk):
            owner.release(channel)
        elif isinstance(owner, Queueing) and channel is owner.caller:
            owner.release()
        else:
            return False
        channel.context = context
        self.run(channel, exten)
        return True

    def blind_transfer(self, channel: Channel, exten: str) -> bool:
        """Transfer the partner of `channel` to another number; False when it has no partner."""
        talk = channel.owner
        if not isinstance(talk, Talk) or channel.bridge is None:
            return False
        transferee = talk.caller if channel is talk.called else talk.called
        self.switch.emit("Unhold", channel.headers())
        self.switch.emit(
            "BlindTransfer",
            channel.headers("Transferer"),
            transferee.headers("Transferee"),
            channel.bridge.headers(),
            Result="Success",
            IsExternal="Yes",
            Context="from-internal",
            Extension=exten,
        )
        return self.redirect(transferee, exten)

    def add_member(self, queue: str, extension: str, name: str = "", *, penalty: int = 0, paused: bool = False) -> bool:
        """Sign a phone in to a queue; False when it is there already. Raises KeyError for an unknown queue or phone."""
        members, phone = self.queues[queue].members, self.switch.phones[extension]
        if extension in members:
            return False
        members[extension] = QueueMember(
            phone, name or f"PJSIP/{extension}", penalty=penalty, paused=paused, login_time=int(self.timeline.now)
        )
        self._say_member("QueueMemberAdded", queue, members[extension])
        return True

    def remove_member(self, queue: str, extension: str) -> bool:
        """Sign a phone out of a queue; False when it was not there. Raises KeyError for an unknown queue."""
        member = self.queues[queue].members.pop(extension, None)
        if member is None:
            return False
        self._say_member("QueueMemberRemoved", queue, member)
        return True

    def pause_member(self, extension: str, *, paused: bool, reason: str = "", queue: str | None = None) -> bool:
        """Pause a member in one queue or in all; False when it is in none."""
        found = False
        for name, each in self.queues.items():
            member = each.members.get(extension)
            if member is None or queue not in {None, name}:
                continue
            found = True
            member.paused, member.paused_reason = paused, reason if paused else ""
            if paused:
                member.last_pause = int(self.timeline.now)
            self._say_member("QueueMemberPause", name, member)
        return found

    # The dialplan.

    def run(self, channel: Channel, exten: str) -> None:
        """Let the dialplan decide what happens to a channel that asks for `exten`."""
        channel.exten = exten
        if channel.context == QUEUE_CONTEXT and exten in self.queues:
            channel.context = "from-internal"
            self._enter_queue(channel, ToQueue(exten))
            return
        parked = self.lot.spaces.get(exten)
        if parked is not None:
            self._fetch(channel, parked)
            return
        route = self.routes.get(exten)
        if route is None and exten in self.switch.phones:
            route = ToPhones((exten,))
        match route:
            case ToPhones():
                self._ring_phones(channel, route)
            case ToQueue():
                self._enter_queue(channel, route)
            case None:
                self._dial_out(channel, exten)

    def _fetch(self, channel: Channel, parked: Parked) -> None:
        if channel.state is not State.Up:
            self.switch.set_state(channel, State.Up)
        channel.plan = replace(parked.channel.plan, hung_up_by_called=True)
        self.talk_began(parked.fetched_by(channel))

    def _ring_phones(self, channel: Channel, route: ToPhones) -> None:
        targets = [Target(extension, extension) for extension in route.extensions]
        reactions = [
            phone.reaction()
            for extension in route.extensions
            if (phone := self.switch.phones.get(extension)) is not None and phone.registered
        ]

        def nobody(status: str, cause: int) -> None:
            if route.mailbox is not None and status != "CHANUNAVAIL":
                VoiceMail(self.switch, channel, route.mailbox, self.messages).start()
            else:
                self._end(channel, status, cause)

        data = "&".join(f"PJSIP/{extension}" for extension in route.extensions)
        self._dial(channel, targets, reactions, route.timeout, nobody, data)

    def _dial(
        self,
        channel: Channel,
        targets: Sequence[Target],
        reactions: Sequence[Reaction],
        timeout: float,
        nobody: Callable[[str, int], None],
        data: str,
    ) -> None:
        Dial(self.switch, channel, nobody, self.talk_began).start(targets, reactions, timeout, f"{data},{timeout:g}")

    def _enter_queue(self, channel: Channel, route: ToQueue) -> None:
        if route.answer_first and channel.state is not State.Up:
            self.switch.run_application(channel, "Answer")
            self.switch.set_state(channel, State.Up)

        def nobody(status: str) -> None:
            if status == "JOINEMPTY" and route.mailbox is None:
                Announcement(self.switch, channel, 1.0, lambda: self._end(channel, "", 16)).start()
            elif route.mailbox is not None:
                VoiceMail(self.switch, channel, route.mailbox, self.messages).start()
            else:
                self._end(channel, "", 16)

        Queueing(self.switch, self.queues[route.queue], channel, nobody, self.talk_began).start(route.timeout)

    def _dial_out(self, channel: Channel, exten: str) -> None:
        if channel.endpoint != TRUNK and channel.state is State.Ring:
            self.switch.run_application(channel, "Set", f"CALLERID(num)={self.company.number}")
            self.switch.set_caller(channel, Party(self.company.number, channel.caller.name))
        target = Target(TRUNK, exten)
        reactions = [self.far_side(exten)]

        def nobody(status: str, cause: int) -> None:
            self._end(channel, status, cause)

        self._dial(channel, [target], reactions, 60.0, nobody, f"PJSIP/{exten}@{TRUNK}")

    def _end(self, channel: Channel, status: str, cause: int) -> None:
        if status in {"BUSY", "CONGESTION"} and channel.endpoint != TRUNK and channel.state is State.Ring:
            channel.tech_cause = 486 if status == "BUSY" else 503
            self.switch.run_application(channel, status.capitalize(), "")
            self.switch.set_state(channel, State.Busy)
            self.switch.request_hangup(channel, cause)
        else:
            self.switch.run_application(channel, "Hangup", "")
        self.switch.soft_hangup(channel)
        self.switch.hang_up(channel, cause)

    # The rest.

    def channels_at(self, extension: str) -> list[Channel]:
        """All channels of a phone, the one that rings first."""
        found = [channel for channel in self.switch.channels.values() if channel.endpoint == extension]
        return sorted(found, key=lambda channel: channel.state is not State.Ringing)

    def _phone(self, extension: str) -> Phone:
        try:
            return self.switch.phones[extension]
        except KeyError:
            raise ValueError(f"there is no phone {extension}") from None

    def talk_began(self, talk: Talk) -> None:
        """Tell who wants to know that a talk begins."""
        for listener in self.talks:
            listener(talk)

    def _member_status(self, phone: Phone) -> None:
        for name, queue in self.queues.items():
            member = queue.members.get(phone.extension)
            if member is not None:
                self._say_member("QueueMemberStatus", name, member)

    def _say_member(self, event: str, queue: str, member: QueueMember) -> None:
        self.switch.emit(event, self.queues[queue].member_headers(member))
