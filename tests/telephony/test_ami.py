"""The link against a real peer on loopback: what goes over the wire, what is delivered, how it comes back."""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from telephony.addresses import AmiAddress
from telephony.ami import AmiLink, Timing, connection
from telephony.links import (
    ActionRefused,
    ActionTimeout,
    BadField,
    Delivery,
    LinkDown,
    LinkUp,
    NotConnected,
    Received,
)
from tests.telephony.ami_peer import CHALLENGE, SECRET, Action, Peer, answer, message, peer

NEVER = 3600.0
QUICK = Timing(challenge=0.05, silence=NEVER, first_back_off=0.01, longest_back_off=0.02, refused=NEVER)
CERTIFICATE = Path(__file__).parent / "tls" / "cert.pem"
KEY = Path(__file__).parent / "tls" / "key.pem"


def address_of(one: Peer, secret: str = SECRET) -> AmiAddress:
    return AmiAddress("main", "127.0.0.1", one.port, "crm", secret)


@asynccontextmanager
async def linked(link: AmiLink) -> AsyncIterator[AmiLink]:
    task = asyncio.create_task(link.run())
    try:
        yield link
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=5)
        assert task.cancelled()


async def next_of(link: AmiLink) -> Delivery:
    async with asyncio.timeout(10):
        return await link.deliveries.get()


async def up(link: AmiLink) -> LinkUp:
    delivery = await next_of(link)
    assert isinstance(delivery, LinkUp), delivery
    return delivery


async def down(link: AmiLink) -> LinkDown:
    delivery = await next_of(link)
    assert isinstance(delivery, LinkDown), delivery
    return delivery


async def block(link: AmiLink) -> bytes:
    delivery = await next_of(link)
    assert isinstance(delivery, Received), delivery
    return delivery.block


def event(name: str, *lines: str) -> bytes:
    return message(f"Event: {name}", *lines)


async def test_login_by_challenge_keeps_the_secret_off_the_wire() -> None:
    async with peer() as pbx, linked(AmiLink(address_of(pbx), timing=QUICK, clock=lambda: 1000.0)) as link:
        assert await up(link) == LinkUp(1000.0, "11.0.0")
        login = await pbx.asked("Login")
        assert login["Key"] == hashlib.md5(f"{CHALLENGE}{SECRET}".encode(), usedforsecurity=False).hexdigest()
        assert "Secret" not in login
        assert link.connected


@pytest.mark.parametrize(
    "reply",
    [
        lambda action: answer(action, "Error", "Message: Permission denied"),
        lambda _: message("Response: Error", "Message: Invalid/unknown command: Challenge"),
        lambda _: b"",
    ],
    ids=["refused", "refused without ActionID", "not answered"],
)
async def test_without_a_challenge_the_login_is_plain(reply: Callable[[Action], bytes]) -> None:
    async with peer() as pbx:
        pbx.replies["Challenge"] = reply
        async with linked(AmiLink(address_of(pbx), timing=QUICK)) as link:
            await up(link)
            assert (await pbx.asked("Login"))["Secret"] == SECRET


async def test_a_late_challenge_is_not_taken_for_the_logins_answer() -> None:
    async with peer() as pbx:
        pbx.replies["Challenge"] = lambda _: b""
        pbx.replies["Login"] = lambda action: (
            answer(pbx.actions[0], "Success", f"Challenge: {CHALLENGE}")
            + answer(action, "Error", "Message: Authentication failed")
        )
        async with linked(AmiLink(address_of(pbx), timing=QUICK)) as link:
            assert "Authentication failed" in (await down(link)).reason


async def test_a_player_that_knows_only_login_and_says_nothing_of_action_ids() -> None:
    async with peer() as pbx:
        pbx.banner = b""
        pbx.replies = {
            "Login": lambda _: message("Response: Success", "Message: ok") + event("Hangup", "Uniqueid: 1.1")
        }
        async with linked(AmiLink(address_of(pbx), timing=QUICK)) as link:
            assert (await up(link)).version == ""
            assert await block(link) == b"Event: Hangup\r\nUniqueid: 1.1"
            with pytest.raises(ActionTimeout):
                await link.action_list("CoreShowChannels", timeout=0.01)
            pbx.say(event("Hangup", "Uniqueid: 1.2"))
            assert await block(link) == b"Event: Hangup\r\nUniqueid: 1.2"


async def test_a_refused_login_is_told_and_not_repeated_at_once() -> None:
    async with peer() as pbx:
        pbx.replies["Login"] = lambda action: pbx.login(action) + b""
        async with linked(AmiLink(address_of(pbx, "wrong"), timing=QUICK)) as link:
            assert (await down(link)).reason == "login as crm refused: Authentication failed"
            assert not link.connected
            # With the back-off of a broken link a hundred more would come meanwhile.
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(pbx.asked("Login", 2), timeout=0.3)
            assert pbx.logins == 1


async def test_nobody_listens_then_somebody_does() -> None:
    async with peer() as pbx:
        gone = address_of(pbx)
    async with linked(AmiLink(gone, timing=QUICK)) as link:
        assert "Connect call failed" in (await down(link)).reason
        one = Peer()
        server = await asyncio.start_server(one.serve, "127.0.0.1", gone.port)
        await up(link)
        one.hang_up()
        server.close()


async def test_a_port_that_never_speaks_is_given_up() -> None:
    async with peer() as pbx:
        pbx.banner, pbx.replies = b"", {}
        async with linked(AmiLink(address_of(pbx), timing=replace(QUICK, connect=0.1))) as link:
            assert "no connection and login within 0.1 s" in (await down(link)).reason


async def test_a_broken_link_comes_back_by_itself() -> None:
    async with peer() as pbx, linked(AmiLink(address_of(pbx), timing=QUICK)) as link:
        await up(link)
        pbx.hang_up()
        assert (await down(link)).reason == "the PBX closed the connection"
        await up(link)
        pbx.say(event("Hangup", "Uniqueid: 2.1"))
        assert await block(link) == b"Event: Hangup\r\nUniqueid: 2.1"


async def test_a_silent_pbx_is_asked_and_then_dropped() -> None:
    timing = replace(QUICK, silence=0.02, answer=0.05)
    async with peer() as pbx, linked(AmiLink(address_of(pbx), timing=timing)) as link:
        await up(link)
        await pbx.asked("Ping", 3)
        assert link.connected
        del pbx.replies["Ping"]
        while not link.owed_seconds:  # noqa: ASYNC110 - it tells no event
            await asyncio.sleep(0.001)
        assert "silent" in (await down(link)).reason


async def test_events_are_a_sign_of_life_even_where_ping_is_not_answered() -> None:
    timing = replace(QUICK, silence=0.02, answer=0.3)
    async with peer() as pbx, linked(AmiLink(address_of(pbx), timing=timing)) as link:
        del pbx.replies["Ping"]
        await up(link)
        for times in range(1, 4):
            await pbx.asked("Ping", times)
            pbx.say(event("Hangup", f"Uniqueid: {times}"))
            assert await block(link) == f"Event: Hangup\r\nUniqueid: {times}".encode()
            assert link.owed_seconds == 0.0
        assert link.connected


async def test_events_keep_their_order_and_letters_whatever_the_segments() -> None:
    async with peer() as pbx, linked(AmiLink(address_of(pbx), timing=QUICK)) as link:
        await up(link)
        stream = b"".join(event("Hangup", f"Uniqueid: {n}", "CallerIDName: Хасан 😀") for n in range(20))
        for place in range(0, len(stream), 7):
            pbx.say(stream[place : place + 7])
            await asyncio.sleep(0)
        told = [(await block(link)).decode() for _ in range(20)]
        assert told == [f"Event: Hangup\r\nUniqueid: {n}\r\nCallerIDName: Хасан 😀" for n in range(20)]


async def test_one_bad_message_costs_one_message() -> None:
    async with peer() as pbx, linked(AmiLink(address_of(pbx), timing=QUICK)) as link:
        await up(link)
        pbx.say(b"\x00\xff rubbish\r\n\r\nResponse\r\n\r\nResponse: \xc8\r\nActionID: \xff\r\n\r\n")
        pbx.say(b"Event: Hangup\r\nCallerIDName: \xcf\xe5\xf2\xf0\r\n\r\n")
        assert await block(link) == b"Event: Hangup\r\nCallerIDName: \xcf\xe5\xf2\xf0"
        assert link.connected
        assert link.malformed >= 1


async def test_unwanted_events_are_skipped_and_counted() -> None:
    async with peer() as pbx, linked(AmiLink(address_of(pbx), timing=QUICK)) as link:
        await up(link)
        pbx.say(event("RTCPSent", "A: 1") * 3 + event("Hangup", "Uniqueid: 1.1"))
        assert await block(link) == b"Event: Hangup\r\nUniqueid: 1.1"
        assert link.skipped == 3
        pbx.hang_up()
        await down(link)
        await up(link)
        assert link.skipped == 3


async def test_everything_is_delivered_where_no_filter_is_wanted() -> None:
    async with peer() as pbx, linked(AmiLink(address_of(pbx), timing=QUICK, wanted=None)) as link:
        await up(link)
        pbx.say(event("RTCPSent", "A: 1"))
        assert await block(link) == b"Event: RTCPSent\r\nA: 1"


async def test_a_reader_that_falls_behind_loses_the_link_not_the_order() -> None:
    async with peer() as pbx, linked(AmiLink(address_of(pbx), timing=QUICK, waiting=10)) as link:
        await up(link)
        pbx.say(b"".join(event("Hangup", f"Uniqueid: {n}") for n in range(50)))
        told = [await next_of(link) for _ in range(11)]
        assert [one.block for one in told[:10] if isinstance(one, Received)] == [
            f"Event: Hangup\r\nUniqueid: {n}".encode() for n in range(10)
        ]
        assert isinstance(told[10], LinkDown)
        assert "too many events" in told[10].reason
        await up(link)


async def test_an_action_is_answered_by_its_own_response() -> None:
    async with peer() as pbx, linked(AmiLink(address_of(pbx), timing=QUICK)) as link:
        pbx.replies["QueuePause"] = lambda action: (
            message("Response: Success", "ActionID: somebody-else", "Message: not yours")
            + answer(action, "Success", "Message: Interface paused successfully")
        )
        await up(link)
        response = await link.action("QueuePause", {"Interface": "PJSIP/2001", "Paused": "true"})
        assert response.message == "Interface paused successfully"
        assert (await pbx.asked("QueuePause"))["Interface"] == "PJSIP/2001"


async def test_a_refused_action_says_why() -> None:
    async with peer() as pbx, linked(AmiLink(address_of(pbx), timing=QUICK)) as link:
        pbx.replies["Hangup"] = lambda action: answer(action, "Error", "Message: No such channel")
        pbx.replies["QueueStatus"] = lambda action: answer(action, "Error", "Message: Permission denied")
        await up(link)
        with pytest.raises(ActionRefused, match="No such channel"):
            await link.action("Hangup", {"Channel": "PJSIP/1"})
        with pytest.raises(ActionRefused, match="Permission denied"):
            await link.action_list("QueueStatus")


async def test_an_unanswered_action_ends_and_its_late_answer_hurts_nobody() -> None:
    async with peer() as pbx, linked(AmiLink(address_of(pbx), timing=QUICK)) as link:
        await up(link)
        with pytest.raises(ActionTimeout, match="Hangup"):
            await link.action("Hangup", {"Channel": "PJSIP/1"}, timeout=0.01)
        pbx.say(answer(await pbx.asked("Hangup"), "Success", "Message: too late"))
        assert (await link.action("Ping")).fields["Ping"] == "Pong"


async def test_actions_need_a_link_and_do_not_outlive_it() -> None:
    async with peer() as pbx:
        link = AmiLink(address_of(pbx), timing=QUICK)
        with pytest.raises(NotConnected, match="not connected yet"):
            await link.action("Ping")
        async with linked(link):
            await up(link)
            waiting = asyncio.create_task(link.action("Hangup", {"Channel": "x"}, timeout=NEVER))
            await pbx.asked("Hangup")
            pbx.hang_up()
            with pytest.raises(NotConnected, match="closed the connection"):
                await waiting
            await down(link)
            await up(link)
            # Nothing is sent again behind the caller's back.
            await link.action("Ping")
            assert [action["Action"] for action in pbx.actions].count("Hangup") == 1


async def test_a_pbx_that_answers_nothing_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MOST_UNANSWERED", 2)
    async with peer() as pbx, linked(AmiLink(address_of(pbx), timing=QUICK)) as link:
        await up(link)
        waiting = [asyncio.create_task(link.action("Hangup", {"Channel": "x"}, timeout=NEVER)) for _ in range(2)]
        await pbx.asked("Hangup", 2)
        with pytest.raises(NotConnected, match="does not read"):
            await link.action("Ping")
        pbx.hang_up()
        assert all(isinstance(ended, NotConnected) for ended in await asyncio.gather(*waiting, return_exceptions=True))


async def test_a_flood_on_top_of_the_login_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MOST_HELD", 3)
    async with peer() as pbx:
        pbx.replies["Login"] = lambda action: pbx.login(action) + event("Hangup", "Uniqueid: 1") * 10
        async with linked(AmiLink(address_of(pbx), timing=QUICK)) as link:
            await up(link)
            assert "too many events" in (await down(link)).reason


async def test_a_line_break_in_a_field_never_reaches_the_wire() -> None:
    async with peer() as pbx, linked(AmiLink(address_of(pbx), timing=QUICK)) as link:
        await up(link)
        with pytest.raises(BadField):
            await link.action("Ping", {"Note": "x\r\n\r\nAction: Originate"})
        await link.action("Ping")
        assert {action["Action"] for action in pbx.actions} == {"Challenge", "Login", "Ping"}


def channels(action: Action) -> bytes:
    mine = f"ActionID: {action['ActionID']}"
    return (
        answer(action, "Success", "EventList: start", "Message: Channels will follow")
        + event("CoreShowChannel", mine, "Channel: PJSIP/2001-1", "Uniqueid: 1.1")
        + event("Hangup", "Uniqueid: 9.9")
        + event("CoreShowChannel", mine, "Channel: PJSIP/2002-1", "Uniqueid: 1.2")
        + event("CoreShowChannel", "ActionID: somebody-else", "Channel: PJSIP/2003-1")
        + event("CoreShowChannelsComplete", mine, "EventList: Complete", "ListItems: 2")
    )


async def test_a_list_is_gathered_while_live_events_pass() -> None:
    async with peer() as pbx, linked(AmiLink(address_of(pbx), timing=QUICK)) as link:
        pbx.replies["CoreShowChannels"] = channels
        await up(link)
        items = await link.action_list("CoreShowChannels")
        assert [item["Channel"] for item in items] == ["PJSIP/2001-1", "PJSIP/2002-1"]
        assert await block(link) == b"Event: Hangup\r\nUniqueid: 9.9"


async def test_an_empty_list_is_a_list() -> None:
    async with peer() as pbx, linked(AmiLink(address_of(pbx), timing=QUICK)) as link:
        pbx.replies["QueueStatus"] = lambda action: (
            answer(action, "Success", "EventList: start")
            + event("QueueStatusComplete", f"ActionID: {action['ActionID']}", "EventList: Complete", "ListItems: 0")
        )
        await up(link)
        assert await link.action_list("QueueStatus") == []


async def test_the_result_of_an_originate_is_a_live_event() -> None:
    async with peer() as pbx, linked(AmiLink(address_of(pbx), timing=QUICK)) as link:
        pbx.replies["Originate"] = lambda action: (
            answer(action, "Success", "Message: Originate successfully queued")
            + event("OriginateResponse", f"ActionID: {action['ActionID']}", "Response: Failure", "Reason: 0")
        )
        await up(link)
        assert (await link.action("Originate", {"Async": "true"})).message == "Originate successfully queued"
        assert b"Event: OriginateResponse" in await block(link)


async def test_tls_with_a_certificate_we_trust() -> None:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(CERTIFICATE, KEY)
    async with peer(server) as pbx:
        secure = replace(address_of(pbx), tls=True, ca=str(CERTIFICATE))
        async with linked(AmiLink(secure, timing=QUICK)) as link:
            await up(link)


async def test_tls_with_a_stranger_is_refused_unless_told_otherwise() -> None:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(CERTIFICATE, KEY)
    async with peer(server) as pbx:
        strict = replace(address_of(pbx), tls=True)
        async with linked(AmiLink(strict, timing=QUICK)) as link:
            assert "certificate" in (await down(link)).reason
        async with linked(AmiLink(replace(strict, verify=False), timing=QUICK)) as link:
            await up(link)


async def test_a_missing_authority_file_is_told() -> None:
    async with peer() as pbx:
        secure = replace(address_of(pbx), tls=True, ca="/nonexistent/ca.pem")
        async with linked(AmiLink(secure, timing=QUICK)) as link:
            assert "No such file" in (await down(link)).reason


async def test_the_secret_is_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    async with peer() as pbx:
        pbx.replies["Challenge"] = lambda action: answer(action, "Error", "Message: no")
        async with linked(AmiLink(address_of(pbx), timing=QUICK)) as link:
            await up(link)
            pbx.hang_up()
            await down(link)
    assert SECRET not in caplog.text
