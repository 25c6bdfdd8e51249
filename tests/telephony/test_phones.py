"""Phones of several PBXs: how the house calls them, and how their PBX does."""

import pytest
from msgspec.structs import replace

from telephony.phones import dialled, local, local_record, locals_of, named, named_record, site
from telephony.records import (
    CallChange,
    ChangeKind,
    LinkChange,
    Member,
    MemberStatus,
    Participant,
    PhoneChange,
    QueueChange,
    QueueRecord,
    TimelineEntry,
    Transfer,
    TransferKind,
)
from tests.screenpop.scenes import T0, inbound, internal

WRITTEN = frozenset({"2001@branch", "2005@main"})
CALL = replace(
    inbound(),
    pbx="branch",
    extension="2001",
    answered_by="2001",
    participants=(Participant("2001"), Participant("2005")),
    transfers=(Transfer(TransferKind.BLIND, "2001", "+33601020304", T0),),
    timeline=(TimelineEntry(T0, "ring", "2001"), TimelineEntry(T0, "start")),
)


@pytest.mark.parametrize(
    ("phone", "pbx", "extension"),
    [("2001", "main", "2001"), ("2001@branch", "branch", "2001"), ("2001@branch", "main", None)],
)
def test_what_a_pbx_calls_a_phone(phone: str, pbx: str, extension: str | None) -> None:
    assert local(phone, pbx) == extension


def test_where_a_phone_is() -> None:
    assert (site("2001"), site("2001@branch")) == (None, "branch")
    assert locals_of({"2001", "2002@main", "2003@branch"}, "branch") == {"2001", "2003"}
    assert dialled({"2001@branch"}) == {"2001", "2001@branch"}


def test_a_call_gets_the_names_of_the_house_and_back() -> None:
    call = named_record(CALL, WRITTEN)
    assert (call.extension, call.answered_by) == ("2001@branch", "2001@branch")
    assert [one.extension for one in call.participants] == ["2001@branch", "2005"]
    assert (call.transfers[0].source, call.transfers[0].target) == ("2001@branch", "+33601020304")
    assert [one.extension for one in call.timeline] == ["2001@branch", None]
    assert local_record(call) == CALL


def test_both_ends_of_an_internal_call_get_them() -> None:
    call = named_record(replace(internal(), pbx="branch"), WRITTEN)
    assert (call.number, call.extension) == ("2001@branch", "2001@branch")
    assert local_record(call).number == "2001"


def test_calls_of_other_phones_stay_the_same_object() -> None:
    assert named_record(CALL, frozenset()) is CALL
    assert named_record(replace(CALL, pbx="main"), frozenset({"2009@main"})).extension == "2001"
    change = CallChange(ChangeKind.RINGING, T0, CALL, "2001")
    assert named(change, frozenset()) is change
    assert named(change, frozenset({"2009@branch"})) is change


def test_changes_get_them_too() -> None:
    told = named(CallChange(ChangeKind.RINGING, T0, CALL, "2001"), WRITTEN)
    assert isinstance(told, CallChange)
    assert (told.extension, told.call.extension) == ("2001@branch", "2001@branch")
    phone = PhoneChange(T0, "branch", "2001", MemberStatus.NOT_IN_USE)
    assert named(phone, WRITTEN) == replace(phone, extension="2001@branch")
    members = (Member("PJSIP/2001", "Ana", "2001"), Member("Local/x@y", "Box", None))
    queue = QueueChange(T0, QueueRecord("branch", "support", members=members))
    renamed = named(queue, WRITTEN)
    assert isinstance(renamed, QueueChange)
    assert [one.extension for one in renamed.queue.members] == ["2001@branch", None]
    assert named(replace(queue, queue=replace(queue.queue, pbx="main")), frozenset({"2001@branch"})).queue.members == (  # type: ignore[union-attr] # a QueueChange stays one
        members
    )
    link = LinkChange(T0, "branch", up=True)
    assert named(link, WRITTEN) is link
