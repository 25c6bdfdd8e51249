"""Which calls of two PBXs are one: the near half dialled out over a line that is the far half's caller. Pure.

Changes of all PBXs go in, the changes of whole conversations come out. What makes two halves one is the SIP Call-ID of
the line, which both its ends share; the PBXs are asked for it as soon as number and time allow that two calls are one.
Where they do not say, number and time decide, if they leave exactly one possibility; two are never guessed between.
"""

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from screenpop.halves import Half, Halves, Question, same_caller
from screenpop.merging import alone, merge
from telephony.phones import AT
from telephony.records import LINKED, CallChange, CallRecord, Change, ChangeKind, Confidence, LinkChange

PATIENCE_SECONDS: Final = 1.0
"""So long the PBXs' answers are waited for before number and time decide."""
HOLD_SECONDS: Final = 0.25
"""So long the far half's changes wait: a card that comes up twice is worse than one a moment later."""
GONE_SECONDS: Final = 2.0
"""A near half that ended waits so long for the end of a far half whose PBX is away."""


class Linker:
    """Puts halves together and tells them as one."""

    def __init__(self) -> None:
        self._halves = Halves()
        self._known: dict[str, tuple[str, Confidence]] = {}
        """Far half -> near half, as the call log has it."""
        self._ids: dict[Question, str | None] = {}
        self._away: set[str] = set()
        self._pending: set[str] = set()
        """Halves about which the passing of time decides something."""
        self.questions: list[Question] = []
        """What has to be asked now; whoever asks takes them out."""

    @property
    def waiting(self) -> bool:
        """Whether the passing of time decides anything soon."""
        return bool(self._pending)

    def adopt(self, call: CallRecord, at: float) -> None:
        """Take over a call of the call log that was running before the start, whole as it was written."""
        for link in call.links:
            self._known[link.id] = (call.id, link.confidence)
        self._halves.add(Half(alone(call), at, told=True, shown=True))

    def take(self, change: Change, at: float) -> list[Change]:
        """Take a change of one PBX at `at` (our clock, epoch seconds); gives what the outside shall hear now."""
        match change:
            case CallChange():
                return self._take(change, at)
            case LinkChange():
                (self._away.discard if change.up else self._away.add)(change.pbx)
            case _:
                pass
        return [change]

    def answered(self, question: Question, sip_id: str | None, at: float) -> list[Change]:
        """Take a PBX's answer; None: it does not say."""
        self._ids[question] = sip_id
        return [told for far in self._halves.unlinked(at) for told in self._look(far, at)]

    def pass_time(self, at: float) -> list[Change]:
        """Decide what only time can; several times a second while `waiting`."""
        found: list[Change] = []
        for one in list(self._pending):
            half = self._halves.get(one)
            if half is None:
                self._pending.discard(one)
                continue
            if half.decide_at is not None and at >= half.decide_at:
                half.decide_at = None
                found += self._decide(half, at)
            if half.held and at >= half.hold_until and half.near is None:
                found += self._let_go(half)
            if half.ending is not None and self._over(half, at):
                found += self._end(half)
            if half.decide_at is None and not half.held and half.ending is None:
                self._pending.discard(one)
        return found

    def forget(self, at: float) -> None:
        """Forget what ended long ago; now and then."""
        for question in self._halves.forget(at):
            self._ids.pop(question, None)

    # One change.

    def _take(self, change: CallChange, at: float) -> list[Change]:
        half = self._half(change.call, at)
        told: list[Change] = []
        if change.kind is ChangeKind.ABSORBED and change.absorbed is not None:
            told += self._inherit(half, change.absorbed, at)
        if change.kind is ChangeKind.ENDED:
            half.ended_at = at
        told += self._meet(half, at)
        if half.near is None and (half.held or half.hold_until > at):
            half.held.append(change)
            self._pending.add(change.call.id)
            return told
        return [*told, *self._tell(change)]

    def _half(self, call: CallRecord, at: float) -> Half:
        half = self._halves.get(call.id)
        if half is None:
            half = Half(call, at)
            self._halves.add(half)
            near = self._halves.get(self._known.get(call.id, ("", None))[0])
            if near is not None:
                self._halves.join(near, half, self._known[call.id][1], at)
        self._halves.update(half, call, at)
        return half

    def _inherit(self, half: Half, absorbed: str, at: float) -> list[Change]:
        """Let what belongs to a call that became part of another one follow it."""
        gone = self._halves.remove(absorbed)
        if gone is None:
            return []
        near = self._halves.get(gone.near or "")
        for far in gone.fars:
            self._halves.move(far, half)
        half.dials |= gone.dials
        if near is None or half.near is not None or self._halves.root(near) is half:
            return []
        return self._link(near, half, gone.how, at)

    # Finding the other half.

    def _meet(self, half: Half, at: float) -> list[Change]:
        """Look for the other half of a call that is told, in both roles it may have."""
        told = self._look(half, at) if self._halves.is_unlinked(half, at) else []
        if self._halves.dials_now(half, at):
            for far in self._halves.unlinked(at):
                told += self._look(far, at)
        return told

    def _look(self, far: Half, at: float) -> list[Change]:
        """See whether a call that came in by a line is the far half of another one."""
        line = far.line
        if line is None or far.near is not None:
            return []
        mine = self._ids.get(line)
        lines = self._halves.possible(far)
        asked = [line, *(theirs for _, theirs in lines)] if lines else []
        for near, theirs in lines:
            if mine is not None and mine == self._ids.get(theirs):
                far.dial = theirs
                return self._link(near, far, Confidence.EXACT, at)
        for question in asked:
            if self._halves.ask(question, at):
                self.questions.append(question)
        if not asked:
            return []
        silent = all(question in self._ids for question in asked)
        if silent and mine is not None:
            return self._let_go(far)
        if not far.shown:
            far.hold_until = far.seen_at + HOLD_SECONDS
        if not far.decided:
            far.decide_at = far.seen_at + (HOLD_SECONDS if silent else PATIENCE_SECONDS)
        self._pending.add(far.call.id)
        return []

    def _decide(self, far: Half, at: float) -> list[Change]:
        """Let number and time decide, where they leave one possibility and the PBXs did not say."""
        possible = self._likely(far)
        # For good: what is the only possibility left once others have ended is a guess.
        far.decided = far.decided or bool(possible)
        if far.near is not None or len(possible) != 1:
            return []
        near, line = possible[0]
        rivals = (other for other in self._halves.unlinked(at) if other is not far)
        if any(theirs == line for other in rivals for _, theirs in self._likely(other)):
            return []
        far.dial = line
        return self._link(near, far, Confidence.LIKELY, at)

    def _likely(self, far: Half) -> list[tuple[Half, Question]]:
        """List the lines that number, caller and time allow; known to be others' they are not."""
        mine = self._ids.get(far.line) if far.line is not None else None
        return [
            (near, line)
            for near, line in self._halves.possible(far)
            if (mine is None or self._ids.get(line) is None)
            and not far.call.withheld
            and same_caller(near.caller, far.call.number)
        ]

    def _link(self, near: Half, far: Half, how: Confidence, at: float) -> list[Change]:
        if self._halves.root(near) is far:
            return []
        self._halves.join(near, far, how, at)
        whole = self._whole(self._halves.root(near))
        held, far.held = far.held, []
        told: list[Change] = [CallChange(ChangeKind.ABSORBED, at, whole, absorbed=far.call.id, trigger=LINKED)]
        return [*told, *(one for change in held for one in self._tell(change))]

    # Telling.

    def _let_go(self, half: Half) -> list[Change]:
        held, half.held = half.held, []
        half.hold_until = 0.0
        return [one for change in held for one in self._tell(change)]

    def _whole(self, half: Half) -> CallRecord:
        call = half.call
        for far in half.fars:
            call = merge(call, self._whole(far), far.how, far.met_at)
        return call

    def _tell(self, change: CallChange) -> Iterable[Change]:
        """Tell a half's change as one of its whole conversation."""
        half = self._halves.get(change.call.id)
        if half is None or (half.near is None and not half.fars):
            if half is not None:
                half.told = True
                half.shown = half.shown or change.kind in {ChangeKind.RINGING, ChangeKind.ANSWERED, ChangeKind.DIALING}
            return [change]
        root = self._halves.root(half)
        whole = self._whole(root)
        if change.kind is ChangeKind.ENDED:
            return self._tell_end(change, half, root, whole)
        extension = _named(change.extension, half, whole)
        kind = ChangeKind.UPDATED if change.kind is ChangeKind.STARTED and half is not root else change.kind
        return [replace(change, kind=kind, call=whole, extension=extension)]

    def _tell_end(self, change: CallChange, half: Half, root: Half, whole: CallRecord) -> Iterable[Change]:
        """Tell the end once, when both halves have ended; until then the far half's phones have left."""
        if whole.ended_at is not None:
            root.ending = None
            return [replace(change, call=whole, extension=None)]
        if half is root:
            half.ending = change
            self._pending.add(half.call.id)
            return [replace(change, kind=ChangeKind.UPDATED, call=whole, extension=None)]
        phones = next((link.phones for link in whole.links if link.id == half.call.id), ())
        talked = {one.extension for one in whole.participants if one.answered_at is not None}
        return [
            replace(change, kind=ChangeKind.LEFT, call=whole, extension=one) for one in phones if one in talked
        ] or [replace(change, kind=ChangeKind.UPDATED, call=whole, extension=None)]

    def _over(self, half: Half, at: float) -> bool:
        """Whether a near half that ended need wait no longer: the far half's PBX is away and will not tell its end."""
        late = half.ended_at is not None and at - half.ended_at >= GONE_SECONDS
        running = [far for far in half.fars if far.call.ended_at is None]
        return not running or (late and all(far.call.pbx in self._away for far in running))

    def _end(self, half: Half) -> list[Change]:
        change, half.ending = half.ending, None
        for far in half.fars:
            if far.call.ended_at is None:
                far.ended_at, far.call = half.ended_at, replace(far.call, ended_at=half.call.ended_at)
        return [] if change is None else [replace(change, call=self._whole(half), extension=None)]


def _named(extension: str | None, half: Half, whole: CallRecord) -> str | None:
    """Call a far half's phone as the whole does."""
    phones = next((link.phones for link in whole.links if link.id == half.call.id), ())
    if extension is None or extension in phones:
        return extension
    return next((one for one in phones if one.partition(AT)[0] == extension), extension)
