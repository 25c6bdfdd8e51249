"""The simulator's AMI port: what a client sees on the wire, held against what real Asterisk was seen to do."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from telephony.simulator.pbx import Pbx
from telephony.simulator.server import MOST_UNSENT, Access, AmiServer
from telephony.simulator.switch import Reaction
from telephony.simulator.timeline import Timeline
from tests.telephony.recording import ASTERISK22, truth_of
from tests.telephony.simulated import STARTED, lab

Header = tuple[str, str]
SECONDS = 20.0
"""How long a test waits for something that must come."""


class Client:
    """A plain AMI client that sees every byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, **fields: str) -> None:
        self.writer.write("".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode() + b"\r\n")

    async def block(self) -> list[Header]:
        async with asyncio.timeout(SECONDS):
            raw = await self.reader.readuntil(b"\r\n\r\n")
        lines = raw.decode().removeprefix("Asterisk Call Manager/11.0.0\r\n").strip("\r\n").split("\r\n")
        return [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]

    async def until(self, name: str, value: str) -> list[Header]:
        """Read on until a block begins so."""
        while (block := await self.block())[0] != (name, value):
            pass
        return block

    async def ask(self, **fields: str) -> dict[str, str]:
        """Send an action; gives the answer, skipping events."""
        self.send(**fields, ActionID="q")
        while (block := await self.block())[0][0] != "Response":
            pass
        return dict(block)

    async def listed(self, action: str, **fields: str) -> list[list[Header]]:
        """Send an action that gives a list; gives its blocks from the response to the last event."""
        self.send(Action=action, ActionID="q", **fields)
        blocks = []
        while True:
            block = await self.block()
            if dict(block).get("ActionID") == "q":
                blocks.append(block)
                if dict(block).get("EventList") == "Complete":
                    return blocks

    async def at_end(self) -> bool:
        async with asyncio.timeout(SECONDS):
            while await self.reader.read(65536):
                pass
        return True


@asynccontextmanager
async def running(access: Access | None = None) -> AsyncIterator[AmiServer]:
    async with AmiServer(Pbx(Timeline(STARTED), lab()), access or Access(refusal_delay=0.0)) as server:
        yield server


@asynccontextmanager
async def connected(server: AmiServer, *, login: bool = True) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    client = Client(reader, writer)
    try:
        if login:
            client.send(Action="Login", Username="callcard", Secret="simulated")
            assert (await client.block())[0] == ("Response", "Success")
            await client.until("Event", "FullyBooted")
        yield client
    finally:
        writer.close()
        await writer.wait_closed()


async def test_greets_as_asterisk_and_takes_a_plain_password() -> None:
    async with running() as server, connected(server, login=False) as client:
        assert await client.reader.readline() == b"Asterisk Call Manager/11.0.0\r\n"
        client.send(Action="Login", Username="callcard", Secret="simulated", ActionID="7")
        assert await client.block() == [
            ("Response", "Success"),
            ("ActionID", "7"),
            ("Message", "Authentication accepted"),
        ]
        booted = await client.block()
        assert [name for name, _ in booted] == ["Event", "Privilege", "Timestamp", "Uptime", "LastReload", "Status"]


async def test_takes_an_md5_key_over_its_challenge() -> None:
    async with running() as server, connected(server, login=False) as client:
        challenge = (await client.ask(Action="Challenge", AuthType="MD5"))["Challenge"]
        key = hashlib.md5(f"{challenge}simulated".encode(), usedforsecurity=False).hexdigest()
        answer = await client.ask(Action="Login", AuthType="MD5", Username="callcard", Key=key)
        assert answer["Message"] == "Authentication accepted"


@pytest.mark.parametrize(
    "wrong",
    [
        {"Username": "callcard", "Secret": "wrong"},
        {"Username": "nobody", "Secret": "simulated"},
        {"Username": "callcard", "AuthType": "MD5", "Key": hashlib.md5(b"simulated").hexdigest()},  # noqa: S324 - AMI's
    ],
)
async def test_refuses_a_wrong_sign_in_and_closes(wrong: dict[str, str]) -> None:
    async with running() as server, connected(server, login=False) as client:
        answer = await client.ask(Action="Login", **wrong)
        assert (answer["Response"], answer["Message"]) == ("Error", "Authentication failed")
        assert await client.at_end()


async def test_refuses_actions_before_the_sign_in_but_stays() -> None:
    async with running() as server, connected(server, login=False) as client:
        for _ in range(2):
            answer = await client.ask(Action="Ping")
            assert (answer["Response"], answer["Message"]) == ("Error", "Permission denied")


async def test_refuses_what_the_user_has_no_right_to() -> None:
    async with running(Access(denied=frozenset({"originate"}))) as server, connected(server) as client:
        assert (await client.ask(Action="Originate", Channel="PJSIP/2001"))["Message"] == "Permission denied"


async def test_says_which_commands_it_does_not_know() -> None:
    async with running() as server, connected(server) as client:
        assert (await client.ask(Action="Dance"))["Message"] == (
            "Invalid/unknown command: Dance. Use Action: ListCommands to show available commands."
        )


async def test_refuses_a_line_that_is_too_long_without_an_action_id() -> None:
    async with running() as server, connected(server) as client:
        client.send(Action="UserEvent", ActionID="9", Text="x" * 1500)
        assert await client.block() == [("Response", "Error"), ("Message", "Failed to parse message: line too long")]
        assert (await client.ask(Action="Ping"))["Ping"] == "Pong"


async def test_says_no_events_to_who_wants_none() -> None:
    async with running() as server, connected(server, login=False) as client:
        client.send(Action="Login", Username="callcard", Secret="simulated", Events="off")
        assert (await client.block())[0] == ("Response", "Success")
        server.act(lambda pbx: pbx.inbound("+79161234567", "74951230004"))
        client.send(Action="Ping")
        assert (await client.block())[0] == ("Response", "Success")


async def test_says_only_the_classes_asked_for() -> None:
    async with running() as server, connected(server) as client:
        assert (await client.ask(Action="Events", EventMask="agent"))["Events"] == "On"
        server.act(lambda pbx: (pbx.inbound("+79161234567", "74951230004"), pbx.add_member("support", "2002")))
        assert (await client.block())[0] == ("Event", "QueueMemberAdded")


def recorded_lists() -> dict[str, list[str]]:
    """Give the header names of every kind of list block in the recording of a resync."""
    kinds: dict[str, list[str]] = {}
    for line in (ASTERISK22 / "behave_resync.jsonl").read_text("utf-8").splitlines():
        headers = [header.partition(":")[::2] for header in json.loads(line)["raw"].strip("\r\n").split("\r\n")]
        if "ActionID" in dict(headers):
            kinds.setdefault(headers[0][1].strip(), [name for name, _ in headers])
    return kinds


def busy_company(pbx: Pbx) -> None:
    """Bring the company into a state that has something for every list."""
    pbx.add_member("support", "2001", "Agent One")
    pbx.inbound("+79160000001", "74951230001")
    pbx.timeline.run_for(1)
    assert pbx.answer("2001")
    pbx.inbound("+79160000003", "74951230001")
    pbx.timeline.run_for(1)


@pytest.mark.parametrize(
    ("action", "items", "complete"),
    [
        ("CoreShowChannels", {"CoreShowChannel"}, "CoreShowChannelsComplete"),
        ("Status", {"Status"}, "StatusComplete"),
        ("QueueStatus", {"QueueParams", "QueueMember", "QueueEntry"}, "QueueStatusComplete"),
        ("QueueSummary", {"QueueSummary"}, "QueueSummaryComplete"),
        ("BridgeList", {"BridgeListItem"}, "BridgeListComplete"),
        ("ExtensionStateList", {"ExtensionStatus"}, "ExtensionStateListComplete"),
        ("DeviceStateList", {"DeviceStateChange"}, "DeviceStateListComplete"),
        ("PJSIPShowEndpoints", {"EndpointList"}, "EndpointListComplete"),
    ],
)
async def test_lists_have_the_headers_of_the_recorded_ones(action: str, items: set[str], complete: str) -> None:
    real = recorded_lists()
    async with running() as server, connected(server) as client:
        server.act(busy_company)
        first, *listed, last = await client.listed(action)
    assert [name for name, _ in first] == ["Response", "ActionID", "EventList", "Message"]
    assert {block[0][1] for block in listed} == items
    for block in [*listed, last]:
        assert [name for name, _ in block] == real[block[0][1]]
    assert last[0] == ("Event", complete)
    assert dict(last)["ListItems"] == str(len(listed))


async def test_tells_a_bridge_and_who_is_in_it() -> None:
    real = recorded_lists()
    async with running() as server, connected(server) as client:
        server.act(busy_company)
        _, bridge, _ = await client.listed("BridgeList")
        _, *channels, last = await client.listed("BridgeInfo", BridgeUniqueid=dict(bridge)["BridgeUniqueid"])
    assert {dict(channel)["CallerIDNum"] for channel in channels} == {"2001", "+79160000001"}
    assert [name for name, _ in channels[0]] == real["BridgeInfoChannel"]
    assert [name for name, _ in last] == real["BridgeInfoComplete"]


async def test_answers_to_queue_actions_are_those_of_asterisk() -> None:
    asked = truth_of(ASTERISK22 / "queue_pause.jsonl")["ami_actions"]
    async with running() as server, connected(server) as client:
        for told in asked:
            if told["action"] == "QueuePenalty":  # nothing in the product asks for it
                continue
            fields = {name: str(value) for name, value in told["fields"].items()}
            answer = await client.ask(Action=told["action"], **fields)
            assert (answer["Response"], answer["Message"]) == (told["response"], told["message"])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"Action": "Hangup", "Channel": "PJSIP/2001-0000ffff"}, "No such channel"),
        ({"Action": "Originate"}, "Channel not specified"),
        ({"Action": "QueueAdd", "Queue": "none", "Interface": "PJSIP/2001"}, "No such queue"),
        ({"Action": "QueueRemove", "Queue": "support", "Interface": "PJSIP/2001"}, "Not there"),
        ({"Action": "QueuePause", "Interface": "PJSIP/2001", "Paused": "true"}, "Interface not found"),
        ({"Action": "BlindTransfer", "Channel": "none", "Exten": "2002"}, "does not exist"),
        ({"Action": "Redirect", "Channel": "none", "Exten": "2002"}, "does not exist"),
    ],
)
async def test_says_why_an_action_cannot_be_done(fields: dict[str, str], message: str) -> None:
    async with running() as server, connected(server) as client:
        answer = await client.ask(**fields)
        assert answer["Response"] == "Error"
        assert message in answer["Message"]


async def test_dials_for_a_page_and_hangs_up_for_it() -> None:
    async with running() as server, connected(server) as client:
        server.pbx.far_side = lambda _number: Reaction(answer_after=0.0)
        number = {"Exten": "89161234567", "CallerID": '"Click" <89161234567>', "Async": "true"}
        answer = await client.ask(Action="Originate", Channel="PJSIP/2001", Context="clicktocall", **number)
        assert answer["Message"] == "Originate successfully queued"
        await client.until("Event", "DialState")
        assert (await client.ask(Action="PJSIPNotify", Endpoint="2001", Variable="Event=talk"))["Response"] == "Success"
        response = dict(await client.until("Event", "OriginateResponse"))
        assert (response["ActionID"], response["Response"], response["Reason"]) == ("q", "Success", "4")
        entered = dict(await client.until("Event", "BridgeEnter"))
        assert entered["CallerIDNum"] == "89161234567"
        answer = await client.ask(Action="Hangup", Channel=response["Channel"])
        assert answer["Message"] == "Channel Hungup"
        assert dict(await client.until("Event", "Hangup"))["Channel"] in {response["Channel"], entered["Channel"]}


async def test_moves_a_talking_caller_elsewhere() -> None:
    async with running() as server, connected(server) as client:
        caller = server.act(lambda pbx: pbx.inbound("+79161234567", "74951230004"))
        await client.until("Event", "DialState")
        server.act(lambda pbx: pbx.answer("2001"))
        await client.until("Event", "BridgeEnter")
        answer = await client.ask(
            Action="Redirect", Channel=caller.name, Exten="2002", Context="internal", Priority="1"
        )
        assert answer["Message"] == "Redirect successful"
        ringing = dict(await client.until("Event", "DialBegin"))
        assert (ringing["Channel"], ringing["DestCallerIDNum"]) == (caller.name, "2002")


async def test_says_that_it_goes_down_and_closes() -> None:
    server = AmiServer(Pbx(Timeline(STARTED), lab()))
    await server.start()
    async with connected(server) as client:
        await server.stop(restart=True)
        assert dict(await client.until("Event", "Shutdown"))["Restart"] == "True"
        assert await client.at_end()


async def test_can_fall_silent_as_a_dead_peer_does() -> None:
    async with running() as server, connected(server) as client, connected(server) as other:
        server.silent = True
        client.send(Action="Ping", ActionID="unanswered")
        other.send(Action="Logoff")
        assert await other.at_end()
        server.silent = False
        assert (await client.ask(Action="Ping"))["ActionID"] == "q"


async def test_can_drop_its_clients_without_a_word() -> None:
    async with running() as server, connected(server) as client:
        server.drop()
        assert await client.at_end()


async def test_drops_a_client_that_does_not_read() -> None:
    async with running() as server, connected(server):
        (session,) = server.sessions
        # More than the kernel takes off our hands: the rest waits in our own buffer.
        session.send(b"x" * (4 * MOST_UNSENT))
        assert server.sessions == {session}
        session.send(b"x")
        await asyncio.wait(set(server._handlers), timeout=SECONDS)
        assert not server.sessions


async def test_time_runs_as_fast_as_asked() -> None:
    seconds = 0.0
    server = AmiServer(Pbx(Timeline(STARTED), lab()), speed=1000.0, clock=lambda: seconds)
    seconds = 3.0
    assert server.act(lambda pbx: pbx.timeline.now) == STARTED + 3000.0


async def test_does_not_write_timestamps_where_the_manager_does_not() -> None:
    async with AmiServer(Pbx(Timeline(STARTED), lab()), timestamps=False) as server, connected(server) as client:
        server.act(lambda pbx: pbx.add_member("support", "2001"))
        assert "Timestamp" not in dict(await client.until("Event", "QueueMemberAdded"))
