"""Messages are read as Asterisk writes them, told apart by their ids, and matched to the call they were left in."""

import dataclasses
from itertools import permutations
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from crm_core.staff.rules import Role
from crm_core.voicemail.rules import (
    CallOfMessage,
    Key,
    Known,
    Message,
    Presence,
    Reader,
    belonging,
    compare,
    parse,
)
from telephony.records import CallRecord, Outcome, Recording, RecordingKind, TimelineEntry
from tests.contracts.records import missed

INBOX = PurePosixPath("default/2002/INBOX")
REAL = """;
; Message Information file
;
[message]
origmailbox=2002
context=from-trunk
macrocontext=
exten=74950000006
rdnis=unknown
priority=2
callerchan=PJSIP/trunk-00000001
callerid="Claire ""C"" <D>" <+33601020304>
origdate=Wed Nov 25 02:36:31 PM UTC 2026
origtime=1795617391
category=
msg_id=1795617391-00000001
flag=
duration=3
"""
AT = 1_795_617_391.0


def read(text: str, folder: PurePosixPath = INBOX) -> Message | None:
    return parse(text, folder, "msg0000", ".wav", 48_044)


def message(**facts: object) -> Message:
    found = read(REAL)
    assert found is not None
    return dataclasses.replace(found, **facts)  # type: ignore[arg-type]  # the facts a test names


def test_a_message_is_read() -> None:
    found = message()
    assert found.key == Key("default", "2002", "1795617391-00000001")
    assert (found.folder, found.path, found.ending) == ("INBOX", "default/2002/INBOX/msg0000", ".wav")
    assert (found.received_at, found.seconds, found.number) == (AT, 3.0, "+33601020304")
    assert not found.urgent


@pytest.mark.parametrize(
    ("written", "number", "name"),
    [
        ("+33601020304", "+33601020304", None),
        ('"Anna" <101>', "101", "Anna"),
        ("Anna <101>", "101", "Anna"),
        ('"" <101>', "101", None),
        ("Unknown", None, None),
        ('"Anonymous" <anonymous>', None, None),
        ("", None, None),
        ('"no end <101', '"no end <101', None),
    ],
)
def test_who_called(written: str, number: str | None, name: str | None) -> None:
    found = read(f"[message]\ncallerid={written}\norigtime=1795617391\n")
    assert found is not None
    assert (found.number, found.name, found.seconds) == (number, name, None)


def test_what_tells_no_time_is_no_message_and_an_old_one_needs_no_id() -> None:
    assert read("") is None
    assert read("origtime=soon") is None
    assert read("origtime=179561739100") is None
    old = read("origtime=1795617391\ncallerchan=SIP/trunk-1", INBOX.with_name("Urgent"))
    assert old is not None
    assert (old.key.msg_id, old.urgent) == ("1795617391-SIP/trunk-1", True)


@given(st.text(max_size=400))
def test_no_text_breaks_the_reading(text: str) -> None:
    read(text)
    read(f"origtime=1795617391\n{text}")


def known(found: Message, presence: Presence = Presence.THERE, *, heard: bool = False) -> Known:
    return Known(1, found.folder, found.path, found.ending, presence, heard)


def test_a_renumbered_message_is_the_same_one() -> None:
    first = message(key=Key("default", "2002", "1"))
    second = message(key=Key("default", "2002", "2"), path="default/2002/INBOX/msg0001")
    table = {first.key: known(first), second.key: known(second)}
    now = dataclasses.replace(second, path="default/2002/INBOX/msg0000")
    difference = compare(table, [now], ())
    assert (difference.new, difference.heard, difference.gone) == ((), (), ())
    assert [pair[1] for pair in difference.moved] == [now]
    assert compare(table, [now], {first.key}).gone == (table[first.key],)


def test_a_message_is_gone_only_if_it_is_in_no_folder_and_comes_back() -> None:
    one = message()
    assert compare({one.key: known(one)}, [one], {one.key}).gone == ()
    gone = known(one, Presence.GONE)
    assert compare({one.key: gone}, [], {one.key}).gone == ()
    assert compare({one.key: gone}, [one], ()).moved == ((gone, one),)


def test_what_the_owner_moved_out_of_the_new_ones_was_heard() -> None:
    one = message()
    old = dataclasses.replace(one, folder="Old", path="default/2002/Old/msg0000")
    assert compare({one.key: known(one)}, [old], ()).heard == (known(one),)
    assert compare({one.key: known(one, heard=True)}, [old], ()).heard == ()
    assert compare({one.key: known(old)}, [old], ()).heard == ()


@pytest.mark.parametrize("presence", [Presence.DELETED, Presence.EXPIRED])
def test_what_one_of_us_deleted_stays_deleted(presence: Presence) -> None:
    one = message()
    difference = compare(
        {one.key: known(one, presence)}, [dataclasses.replace(one, path="default/2002/INBOX/msg0007")], ()
    )
    assert (difference.new, difference.moved, difference.heard, difference.gone) == ((), (), (), ())


def told(call: CallRecord, mailbox: str = "2002", saved_at: float = AT + 3.5) -> CallRecord:
    file = f"/var/spool/asterisk/voicemail/default/{mailbox}/INBOX/msg0000"
    return replace(call, recordings=(Recording(RecordingKind.VOICEMAIL, file, "1.1", saved_at, saved_at),))


def of(call: CallRecord, key: str | None = "+33601020304") -> CallOfMessage:
    return CallOfMessage(call, key)


def went(call_id: str, at: float = AT - 10, mailbox: str | None = "2002") -> CallRecord:
    timeline = () if mailbox is None else (TimelineEntry(at + 5, "voicemail", None, f"{mailbox}@default"),)
    return replace(missed(call_id, at), outcome=Outcome.VOICEMAIL, ended_at=AT + 4, timeline=timeline)


def test_the_call_in_which_the_pbx_saved_it_is_the_one_whatever_its_number() -> None:
    calls = [of(told(went("right")), "+74950000009"), of(told(went("box"), "2003")), of(went("silent"))]
    for order in permutations(calls):
        found = belonging(message(), "+33601020304", order)
        assert found is not None
        assert found.record.id == "right"


def test_of_two_messages_in_one_mailbox_the_moment_decides() -> None:
    calls = [of(told(went("a"), saved_at=AT + 3.2)), of(told(went("b"), saved_at=AT + 12))]
    found = belonging(message(), None, calls)
    assert found is not None
    assert found.record.id == "a"
    assert belonging(message(), None, [of(told(went("c"), saved_at=AT + 60))]) is None


def test_without_the_files_name_mailbox_number_and_moment_must_agree() -> None:
    right = of(went("right"))
    assert belonging(message(), "+33601020304", [right]) == right
    assert belonging(message(), "+33601020304", [of(went("imported", mailbox=None))]) is not None
    for wrong in (of(went("box", mailbox="2003")), of(went("number"), None), of(went("later", AT + 30))):
        assert belonging(message(), "+33601020304", [wrong]) is None
    over = of(replace(went("over"), ended_at=AT - 30))
    assert belonging(message(), "+33601020304", [over]) is None
    assert belonging(message(), "+33601020304", [right, of(went("twin"))]) is None


def test_agents_hear_their_own_mailboxes_and_those_of_nobody() -> None:
    ana = Reader(Role.AGENT, frozenset({"2001"}), frozenset({"2001", "2002", "2003@branch"}))
    assert [ana.may_hear("main", box) for box in ("2001", "2002", "2003", "2000")] == [True, False, True, True]
    assert [ana.may_hear("branch", box) for box in ("2001", "2003")] == [True, False]
    assert dict(ana.hidden(["main", "branch"])) == {"main": frozenset({"2002"}), "branch": frozenset({"2002", "2003"})}
    for role in Role:
        if role is not Role.AGENT:
            reader = dataclasses.replace(ana, role=role)
            assert reader.may_hear("main", "2002")
            assert reader.hidden(["main"]) == ()
