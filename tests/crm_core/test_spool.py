"""The spool is read whole or not at all, followed nowhere, and a message is found by its id wherever it lies."""

import os
from pathlib import Path

import pytest

from crm_core.recordings.places import PlaceUnavailable
from crm_core.voicemail.rules import Key
from crm_core.voicemail.spool import Spool
from tests.crm_core.mailboxes import leave, move

AT = 1_795_617_391.0
FIRST, SECOND = Key("default", "2001", "1-1"), Key("default", "2001", "1-2")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "voicemail"
    leave(folder, "2001/INBOX/msg0000", "1-1", AT)
    leave(folder, "2001/INBOX/msg0001", "1-2", AT + 60)
    return folder


async def paths(spool: Spool) -> list[str]:
    return sorted(one.path for one in await spool.scan())


async def test_every_message_of_every_mailbox(root: Path) -> None:
    leave(root, "2000/Old/msg0004", "1-3", AT, ending=".gsm")
    leave(root, "2001/tmp/msg0009", "1-4", AT)
    (root / "default/2001/unavail.wav").write_bytes(b"greeting")
    (root / "default/2001/INBOX/msg0002.txt").write_text("origtime=1795617391\n")
    found = await Spool(root).scan()
    assert sorted((one.path, one.ending) for one in found) == [
        ("default/2000/Old/msg0004", ".gsm"),
        ("default/2001/INBOX/msg0000", ".wav"),
        ("default/2001/INBOX/msg0001", ".wav"),
    ]


async def test_no_link_leads_out_of_it(root: Path, tmp_path: Path) -> None:
    leave(tmp_path / "elsewhere", "2001/INBOX/msg0000", "1-9", AT)
    (root / "device").mkdir()
    (root / "device/2001").symlink_to(root / "default/2001")
    (root / "default/2002").symlink_to(tmp_path / "elsewhere/default/2001")
    assert await paths(Spool(root)) == ["default/2001/INBOX/msg0000", "default/2001/INBOX/msg0001"]
    sound = root / "default/2001/INBOX/msg0000.wav"
    sound.unlink()
    sound.symlink_to(tmp_path / "elsewhere/default/2001/INBOX/msg0000.wav")
    assert await paths(Spool(root)) == ["default/2001/INBOX/msg0001"]


async def test_a_spool_that_is_not_there_or_empty_is_unknown_not_empty(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for where in (tmp_path / "nowhere", tmp_path / "empty"):
        with pytest.raises(PlaceUnavailable):
            await Spool(where).scan()
    with pytest.raises(PlaceUnavailable):
        await Spool(tmp_path / "nowhere").locate(FIRST, "default/2001/INBOX/msg0000")


async def test_what_settled_is_read_once_and_what_changes_again(root: Path) -> None:
    inbox = root / "default/2001/INBOX"
    os.utime(inbox, (AT, AT))
    spool = Spool(root)
    before = await spool.scan()
    again = await spool.scan()
    assert [one is other for one, other in zip(before, again, strict=True)] == [True, True]
    move(root, "2001/INBOX/msg0000", "2001/Old/msg0000")
    assert await paths(spool) == ["default/2001/INBOX/msg0001", "default/2001/Old/msg0000"]


async def test_a_message_is_found_by_its_id_wherever_it_lies(root: Path) -> None:
    spool, last = Spool(root), "default/2001/INBOX/msg0000"
    here = await spool.locate(FIRST, last)
    assert here is not None
    assert here.path == root / f"{last}.wav"
    move(root, "2001/INBOX/msg0000", "2001/Old/msg0003")
    move(root, "2001/INBOX/msg0001", "2001/INBOX/msg0000")
    first, second = await spool.locate(FIRST, last), await spool.locate(SECOND, "default/2001/INBOX/msg0001")
    assert first is not None
    assert second is not None
    assert first.path == root / "default/2001/Old/msg0003.wav"
    assert second.path == root / f"{last}.wav"
    assert await spool.locate(Key("default", "2001", "1-9"), last) is None
    assert await spool.locate(Key("default", "2999", "1-1"), last) is None


async def test_only_the_message_that_is_meant_is_deleted(root: Path) -> None:
    spool, last = Spool(root), "default/2001/INBOX/msg0000"
    move(root, "2001/INBOX/msg0000", "2001/Old/msg0000")
    move(root, "2001/INBOX/msg0001", "2001/INBOX/msg0000")
    assert await spool.remove(FIRST, last)
    assert await paths(spool) == [last]
    assert list((root / "default/2001/Old").iterdir()) == []
    assert await spool.remove(FIRST, last)


async def test_a_mailbox_that_asterisk_holds_is_left_alone(root: Path) -> None:
    spool, last = Spool(root), "default/2001/INBOX/msg0000"
    lock = root / "default/2001/INBOX/.lock"
    lock.touch()
    assert not await spool.remove(FIRST, last)
    assert sorted(one.name for one in lock.parent.iterdir() if one.name.startswith(".")) == [".lock"]
    lock.unlink()
    assert await spool.remove(FIRST, last)
    assert not lock.exists()
