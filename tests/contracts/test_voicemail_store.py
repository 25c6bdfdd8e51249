"""Voicemail on both databases: one row per message however often it moves, its caller's number never told too early."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from crm_core.calls.rules import CallToSave
from crm_core.calls.store import Calls
from crm_core.db import Database
from crm_core.errors import NotFound
from crm_core.numbers import Numbering
from crm_core.people.rules import ContactDraft, PhoneDraft
from crm_core.people.store import People
from crm_core.voicemail.rules import Deed, Key, Presence, State, VoicemailFilter
from crm_core.voicemail.spool import Spool
from crm_core.voicemail.store import ONE_HEARING_SECONDS, PATIENCE_SECONDS, Voicemails
from crm_core.voicemail.watching import SpoolWatcher
from crm_core.work.store import Work
from telephony.records import CallChange, CallRecord, ChangeKind, Outcome, Recording, RecordingKind, TimelineEntry
from tests.contracts.conftest import NOON, Clock
from tests.contracts.records import CLAIRE, missed
from tests.crm_core.mailboxes import leave, move


class Post:
    """A PBX's mailboxes and who looks into them."""

    def __init__(self, db: Database, numbering: Numbering, clock: Clock, root: Path) -> None:
        self.root = root
        (root / "default/2001/INBOX").mkdir(parents=True)
        self.store = Voicemails(db, numbering, clock=clock)
        self.watcher = SpoolWatcher(self.store, {"main": Spool(root, clock=clock)})

    async def look(self, times: int = 1) -> list[tuple[str, State]]:
        for _ in range(times):
            await self.watcher.look("main")
        return [(one.key.msg_id, one.state) for one in (await self.store.list_messages()).items]


@pytest.fixture
def post(db: Database, numbering: Numbering, clock: Clock, tmp_path: Path) -> Post:
    return Post(db, numbering, clock, tmp_path / "voicemail")


def to_voicemail(call_id: str, at: float, *, number: str | None = CLAIRE, withheld: bool = False) -> CallRecord:
    steps = (TimelineEntry(at + 1, "voicemail", None, "2001@default"),)
    call = replace(missed(call_id, at, number=number), outcome=Outcome.VOICEMAIL, timeline=steps, withheld=withheld)
    file = Recording(RecordingKind.VOICEMAIL, "/spool/default/2001/INBOX/msg0000", "1.1", at + 13, at + 13)
    return replace(call, queue="support", recordings=(file,))


async def save(calls: Calls, numbering: Numbering, *told: CallRecord) -> None:
    await calls.add_many([CallToSave(one, numbering.read(one.number, withheld=one.withheld)) for one in told])


async def test_a_message_is_its_calls_and_its_clients(
    post: Post, calls: Calls, people: People, work: Work, numbering: Numbering
) -> None:
    claire = await people.create_contact(ContactDraft(name="Claire", phones=(PhoneDraft(CLAIRE),)), "ana")
    await save(calls, numbering, to_voicemail("a", NOON - 20), missed("b", NOON - 30))
    await work.follow()
    leave(post.root, "2001/INBOX/msg0000", "1", NOON - 10, number="+74950000001", name="Changed by the dialplan")
    await post.look()
    (one,) = (await post.store.list_messages(VoicemailFilter(contact_id=claire.id))).items
    assert (one.call_id, one.number.e164, one.contact_name, one.queue) == ("a", CLAIRE, "Claire", "support")
    assert one.callback is not None
    row = await calls.get("a")
    assert row is not None
    assert row.voicemails == (one,)
    assert (await calls.get("b")) is not None
    assert (await post.store.list_messages(VoicemailFilter(queue="support"))).items == (one,)
    assert (await post.store.list_messages(VoicemailFilter(queue="sales"))).items == ()


async def test_a_number_is_told_when_its_call_is_known_or_will_not_come(
    post: Post, calls: Calls, numbering: Numbering, clock: Clock
) -> None:
    leave(post.root, "2001/INBOX/msg0000", "1", NOON - 10)
    leave(post.root, "2001/INBOX/msg0001", "2", NOON - 1000, number="8 (916) 123-45-67", name="Ivan")
    assert await post.watcher.look("main") == 1
    assert await post.look() == [("2", State.NEW)]
    await save(calls, numbering, to_voicemail("a", NOON - 20, withheld=True))
    assert await post.look() == [("1", State.NEW), ("2", State.NEW)]
    hidden, ivan = (await post.store.list_messages()).items
    assert (hidden.number.e164, hidden.number.kind, hidden.caller_name) == (None, "withheld", None)
    assert (ivan.number.e164, ivan.caller_name, ivan.call_id) == ("+79161234567", "Ivan", None)
    leave(post.root, "2001/INBOX/msg0002", "3", NOON - 5)
    assert len(await post.look()) == 2
    clock.now += PATIENCE_SECONDS
    assert len(await post.look()) == 3


async def test_a_call_that_is_rebuilt_later_gets_its_message(post: Post, calls: Calls, numbering: Numbering) -> None:
    leave(post.root, "2001/INBOX/msg0000", "1", NOON - 910)
    await post.look()
    assert await post.store.place("main") == 0
    await save(calls, numbering, to_voicemail("a", NOON - 920, withheld=True))
    assert [await post.store.place("main") for _ in range(2)] == [1, 0]
    (one,) = (await post.store.list_messages()).items
    assert (one.call_id, one.number.kind, one.number.e164) == ("a", "withheld", None)


async def test_moved_renumbered_and_heard_by_phone_it_is_the_same_row(post: Post) -> None:
    leave(post.root, "2001/INBOX/msg0000", "1", NOON - 900)
    leave(post.root, "2001/INBOX/msg0001", "2", NOON - 800)
    assert await post.look() == [("2", State.NEW), ("1", State.NEW)]
    move(post.root, "2001/INBOX/msg0000", "2001/Old/msg0000")
    move(post.root, "2001/INBOX/msg0001", "2001/INBOX/msg0000")
    assert await post.look(3) == [("2", State.NEW), ("1", State.HEARD)]
    two, one = (await post.store.list_messages()).items
    assert (one.path, one.heard_by, two.path) == ("default/2001/Old/msg0000", None, "default/2001/INBOX/msg0000")


async def test_gone_takes_two_looks_and_a_spool_that_is_away_says_nothing(post: Post) -> None:
    leave(post.root, "2001/INBOX/msg0000", "1", NOON - 900)
    await post.look()
    post.root.rename(post.root.with_name("away"))
    assert await post.look(3) == [("1", State.NEW)]
    post.root.with_name("away").rename(post.root)
    move(post.root, "2001/INBOX/msg0000", "../msg0000")
    assert await post.look() == [("1", State.NEW)]
    assert await post.look() == [("1", State.DELETED)]
    assert (await post.store.list_messages()).items[0].presence is Presence.GONE
    move(post.root, "../msg0000", "2001/INBOX/msg0005")
    assert await post.look() == [("1", State.NEW)]


async def test_deleted_here_it_stays_deleted_where_the_file_stays(post: Post) -> None:
    leave(post.root, "2001/INBOX/msg0000", "1", NOON - 900)
    await post.look()
    (one,) = (await post.store.list_messages(VoicemailFilter(State.NEW))).items
    await post.store.deleted(one.id, "sam")
    move(post.root, "2001/INBOX/msg0000", "2001/Old/msg0000")
    assert await post.look(3) == [("1", State.DELETED)]
    assert [(each.user, each.what) for each in await post.store.accesses(one.id)] == [("sam", Deed.DELETED)]
    assert (await post.store.list_messages(VoicemailFilter(State.NEW))).items == ()


async def test_heard_new_again_and_written_down_once(post: Post, clock: Clock) -> None:
    leave(post.root, "2001/INBOX/msg0000", "1", NOON - 900)
    await post.look()
    (one,) = (await post.store.list_messages()).items
    for who in ("ana", "sam"):
        assert (await post.store.mark(one.id, who, heard=True)).heard_by == "ana"
    assert (await post.store.mark(one.id, "sam", heard=False)).state is State.NEW
    for moved in (0.0, 1.0, ONE_HEARING_SECONDS + 1):
        clock.now += moved
        await post.store.played(one.id, "ana")
    assert len(await post.store.accesses(one.id)) == 2
    with pytest.raises(NotFound):
        await post.store.mark(99, "ana", heard=True)
    for unknown in (99, 2**70):
        with pytest.raises(NotFound):
            await post.store.get(unknown)


async def test_pages_mailboxes_and_what_is_kept_from_a_reader(post: Post) -> None:
    for n in range(3):
        leave(post.root, f"2001/INBOX/msg{n:04}", f"own-{n}", NOON - 900 + n)
        leave(post.root, f"2002/INBOX/msg{n:04}", f"other-{n}", NOON - 900 + n)
    await post.look()
    first = await post.store.list_messages(limit=4)
    assert first.next is not None
    rest = await post.store.list_messages(limit=4, cursor=first.next)
    assert (len({one.id for one in (*first.items, *rest.items)}), rest.next) == (6, None)
    kept = VoicemailFilter(hidden=(("main", frozenset({"2002"})),))
    assert {one.key.mailbox for one in (await post.store.list_messages(kept)).items} == {"2001"}
    assert await post.store.count(kept) == 3
    assert await post.store.mailboxes(VoicemailFilter()) == ("2001", "2002")
    assert await post.store.mailboxes(kept) == ("2001",)
    assert await post.store.count(VoicemailFilter(hidden=(("branch", frozenset({"2002"})),))) == 6
    assert await post.store.present("main") >= {Key("default", "2001", "own-0")}


async def test_a_consultations_message_follows_it(post: Post, calls: Calls, numbering: Numbering) -> None:
    await save(calls, numbering, to_voicemail("a", NOON - 920), missed("b", NOON - 950))
    leave(post.root, "2001/INBOX/msg0000", "1", NOON - 910)
    await post.look()
    await calls.absorb("a", "b")
    assert [one.call_id for one in (await post.store.list_messages()).items] == ["b"]


async def test_a_call_that_left_a_message_wakes_the_watcher(post: Post) -> None:
    post.watcher.submit([CallChange(ChangeKind.ENDED, NOON, missed("a", NOON))])
    assert not post.watcher._wake.is_set()
    post.watcher.submit([CallChange(ChangeKind.ENDED, NOON, to_voicemail("b", NOON))])
    assert post.watcher._wake.is_set()
