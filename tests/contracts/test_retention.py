"""What is kept for long enough ends, on both databases: once, written down, and never what somebody keeps."""

from pathlib import Path

import pytest

from crm_core.calls.rules import CallToSave
from crm_core.calls.store import Calls
from crm_core.db import Database
from crm_core.errors import NotFound
from crm_core.numbers import Numbering
from crm_core.recordings.folder import Folder
from crm_core.recordings.places import Source, Sources
from crm_core.recordings.retention import BY, Sweeper, Swept
from crm_core.recordings.rules import DAY_SECONDS, Deed, Found, RecordingState, Retention
from crm_core.recordings.store import Recordings
from crm_core.voicemail.rules import Deed as MessageDeed
from crm_core.voicemail.rules import Presence
from crm_core.voicemail.spool import Spool
from crm_core.voicemail.store import Voicemails
from crm_core.voicemail.watching import SpoolWatcher
from telephony.records import RecordingKind
from tests.contracts.conftest import NOON, Clock
from tests.contracts.records import answered
from tests.contracts.test_voicemail_store import to_voicemail
from tests.crm_core.mailboxes import leave
from tests.crm_core.test_recording_paths import sound

OLD, YOUNG = NOON - 31 * DAY_SECONDS, NOON - 29 * DAY_SECONDS


class House:
    """Recordings and mailboxes of one PBX, some of them old."""

    def __init__(self, db: Database, numbering: Numbering, clock: Clock, root: Path) -> None:
        self.monitor, self.spool = root / "monitor", root / "voicemail"
        self.monitor.mkdir()
        self.recordings, self.voicemails = Recordings(db, clock=clock), Voicemails(db, numbering, clock=clock)
        self.calls, self._numbering, self._clock = Calls(db, numbering, clock=clock), numbering, clock

    async def furnish(self) -> None:
        for name, at in (("old", OLD), ("kept", OLD), ("young", YOUNG)):
            (self.monitor / f"{name}.wav").write_bytes(sound())
            call = answered(name, at)
            await self.calls.add_many([CallToSave(call, self._numbering.read(call.number))])
            found = Found(RecordingKind.CALL, f"{name}.wav", "1.1", at, at + 5, RecordingState.READY, 1000, 1.0)
            await self.recordings.write(name, "main", [found])
        for n, (name, at) in enumerate((("m-old", OLD), ("m-kept", OLD + 600), ("m-young", YOUNG))):
            leave(self.spool, f"2001/INBOX/msg{n:04}", name, at + 10)
            call = to_voicemail(name, at)
            await self.calls.add_many([CallToSave(call, self._numbering.read(call.number))])
        await SpoolWatcher(self.voicemails, {"main": Spool(self.spool, clock=self._clock)}).look("main")
        for name in ("kept", "m-kept"):
            assert (await self.calls.keep(name, "sam", kept=True)).kept is not None

    def sweeper(self, rule: Retention) -> Sweeper:
        sources = Sources({"main": Source(Folder(self.monitor), "/pbx")})
        spools = {"main": Spool(self.spool, clock=self._clock)}
        return Sweeper(rule, self.recordings, sources, self.voicemails, spools, clock=self._clock)

    def files(self) -> list[str]:
        return sorted(path.name for where in (self.monitor, self.spool) for path in where.rglob("*.wav"))

    async def left(self) -> list[str]:
        """Name what is still given out."""
        found = [
            name
            for name in ("old", "kept", "young")
            for one in await self.recordings.of_call(name)
            if one.state is RecordingState.READY
        ]
        messages = (await self.voicemails.list_messages()).items
        return found + sorted(one.key.msg_id for one in messages if one.presence is Presence.THERE)


@pytest.fixture
async def house(db: Database, numbering: Numbering, clock: Clock, tmp_path: Path) -> House:
    found = House(db, numbering, clock, tmp_path)
    await found.furnish()
    return found


LEFT = ["kept", "young", "m-kept", "m-young"]


async def test_what_is_too_old_is_deleted_once_and_says_so(house: House) -> None:
    sweeper = house.sweeper(Retention(30.0, 30.0, deletes=True))
    assert await sweeper.sweep(dry_run=True) == Swept(recordings=1, voicemails=1)
    assert len(await house.left()) == 6
    assert await sweeper.sweep() == Swept(recordings=1, voicemails=1, files=2)
    assert await sweeper.sweep() == Swept()
    assert await house.left() == LEFT
    assert house.files() == ["kept.wav", "msg0001.wav", "msg0002.wav", "young.wav"]
    (one,) = await house.recordings.of_call("old")
    assert (one.state, one.gone_at, one.size) == (RecordingState.EXPIRED, NOON, None)
    assert [(each.user, each.what) for each in await house.recordings.accesses([one.id])] == [(BY, Deed.EXPIRED)]
    gone = (await house.voicemails.list_messages()).items[-1]
    assert (gone.presence, gone.gone_at) == (Presence.EXPIRED, NOON)
    assert [(each.user, each.what) for each in await house.voicemails.accesses(gone.id)] == [(BY, MessageDeed.EXPIRED)]


async def test_without_the_wish_to_delete_only_our_access_ends(house: House) -> None:
    before = house.files()
    assert await house.sweeper(Retention(30.0, 30.0)).sweep() == Swept(recordings=1, voicemails=1)
    assert (await house.left(), house.files()) == (LEFT, before)
    found = Found(RecordingKind.CALL, "old.wav", "1.1", OLD, OLD + 5, RecordingState.READY, 1000, 1.0)
    await house.recordings.write("old", "main", [found])
    assert await house.left() == LEFT


async def test_each_has_its_own_days_and_none_is_for_ever(house: House) -> None:
    assert await house.sweeper(Retention()).sweep() == Swept()
    assert await house.sweeper(Retention(voicemail_days=30.0)).sweep() == Swept(voicemails=1)
    assert await house.sweeper(Retention(recordings_days=1.0)).sweep() == Swept(recordings=2)
    assert await house.left() == ["kept", "m-kept", "m-young"]


async def test_what_cannot_be_reached_stays_and_what_is_let_go_goes(house: House) -> None:
    away = house.monitor.rename(house.monitor.with_name("away"))
    sweeper = house.sweeper(Retention(30.0, deletes=True))
    assert await sweeper.sweep() == Swept(unreachable=1)
    away.rename(house.monitor)
    assert (await house.calls.keep("kept", "sam", kept=False)).kept is None
    assert await sweeper.sweep() == Swept(recordings=2, files=2)
    with pytest.raises(NotFound):
        await house.calls.keep("nobody", "sam", kept=True)


async def test_a_call_stays_kept_when_it_becomes_part_of_another(house: House) -> None:
    await house.calls.absorb("kept", "old")
    assert await house.sweeper(Retention(30.0)).sweep() == Swept()
    row = await house.calls.get("old")
    assert row is not None
    assert row.kept is not None
    assert (row.kept.by, len(row.recordings)) == ("sam", 2)
