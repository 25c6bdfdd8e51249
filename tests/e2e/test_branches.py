"""Two real Asterisks with a SIP trunk between them: what both tell of is one call."""

import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.asterisk import AGENTS_HOST, TRUNK_HOST, Asterisk, phone_password
from tests.e2e.conftest import Furnished, Node
from tests.e2e.phones import Phone
from tests.e2e.product import Callcard

pytestmark = pytest.mark.e2e

CLAIRE, OVER = "+33601020304", "74950009131"
BRANCH_HOST, BRANCH_PHONES = "127.0.0.3", "127.0.0.4"

LINE = """[{name}]
type = endpoint
context = from-{name}
aors = {name}
disallow = all
allow = alaw,ulaw
direct_media = no
[{name}]
type = aor
contact = sip:{host}:{port}
[{name}-identify]
type = identify
endpoint = {name}
match = {host}
"""
PHONE = """[3001](phone)
auth = 3001-auth
aors = 3001
callerid = "Rosa Gil" <3001>
[3001](phone-address)
[3001-auth]
type = auth
auth_type = digest
username = 3001
password = phone-3001
"""
OFFICE_PLAN = f"""
[from-trunk]
exten => {OVER},1,Dial(PJSIP/3001@branch,20,t)
 same => n,Hangup()
[internal]
exten => _3XXX,1,Dial(PJSIP/${{EXTEN}}@branch,20,tT)
 same => n,Hangup()
[from-branch]
include => internal
"""
BRANCH_PLAN = """
[internal]
exten => 3001,1,Dial(PJSIP/3001,20,tT)
 same => n,Hangup()
exten => _92XXX,1,Dial(PJSIP/${EXTEN:1}@office,20,tT)
 same => n,Hangup()
[from-office]
include => internal
"""


@pytest.fixture(scope="module")
def offices() -> Iterator[tuple[Asterisk, Asterisk]]:
    """Boot the head office and a branch, with a trunk between them."""
    office, branch = Asterisk(), Asterisk(BRANCH_HOST)
    try:
        office.add("pjsip.conf", LINE.format(name="branch", host=BRANCH_HOST, port=branch.sip_port))
        office.add("extensions.conf", OFFICE_PLAN)
        branch.add("pjsip.conf", LINE.format(name="office", host=AGENTS_HOST, port=office.sip_port) + PHONE)
        branch.add("extensions.conf", BRANCH_PLAN)
        office.start()
        branch.start()
        yield office, branch
    finally:
        office.remove()
        branch.remove()


@pytest.fixture
def both(offices: tuple[Asterisk, Asterisk], furnished: Furnished, tmp_path: Path) -> Iterator[Node]:
    """Start a Callcard that watches both; rosa sits in the branch."""
    office, branch = offices
    shutil.copytree(furnished.folder, tmp_path / "callcard")
    url = f"{office.ami_url}#office {branch.ami_url}#branch"
    callcard = Callcard(tmp_path / "callcard", {"CALLCARD_AMI_URL": url})
    callcard.run(
        "user", "add", "rosa", "--role", "agent", "--extension", "3001", "--password-stdin", text="a password!"
    )
    token = callcard.run("token", "create", "--user", "rosa", "--scope", "write").strip()
    try:
        callcard.start()
        yield Node(callcard, {**furnished.tokens, "rosa": token})
    finally:
        callcard.remove()


@pytest.fixture
async def rosa(offices: tuple[Asterisk, Asterisk]) -> AsyncIterator[Phone]:
    """Plug in the branch's phone 3001."""
    registrar = (BRANCH_HOST, offices[1].sip_port)
    async with Phone.at("3001", phone_password("3001"), registrar, host=BRANCH_PHONES) as phone:
        await phone.register()
        yield phone
        await phone.register(0)


@pytest.fixture
async def ana(offices: tuple[Asterisk, Asterisk]) -> AsyncIterator[Phone]:
    """Plug in the office's phone 2001."""
    async with Phone.at("2001", phone_password("2001"), (AGENTS_HOST, offices[0].sip_port)) as phone:
        await phone.register()
        yield phone
        await phone.register(0)


@pytest.fixture
async def provider(offices: tuple[Asterisk, Asterisk]) -> AsyncIterator[Phone]:
    """Play the office's provider."""
    office = offices[0]
    registrar = (AGENTS_HOST, office.sip_port)
    async with Phone.at("provider", "", registrar, host=TRUNK_HOST, port=office.trunk_port) as phone:
        yield phone


async def ended(node: Node) -> dict[str, Any]:
    """Return the only call, once it has ended, and see that there is no other row."""
    async with node.api() as api:
        rows = await api.until(api.calls, lambda rows: rows and all(row["ended_at"] for row in rows))
        assert len(rows) == 1, rows
        [link] = rows[0]["linked"]
        assert link["confidence"] == "exact"
        assert (await api.get(f"calls/{link['id']}"))["id"] == rows[0]["id"]
        return dict(rows[0])


async def test_an_outside_caller_reaches_the_branch_over_the_trunk(both: Node, provider: Phone, rosa: Phone) -> None:
    async with both.live("rosa") as live:
        call = await provider.dial(OVER, caller=CLAIRE)
        ringing = await rosa.next_call()
        shown = await live.wait_for("pop.show")
        assert (shown["reason"], shown["card"]["number"]["e164"]) == ("ring", CLAIRE)
        await ringing.answer()
        await live.wait_for("pop.update", status="talking")
        await call.hang_up()
        row = await ended(both)
        assert {one["reason"] for one in live.of("pop.show")} == {"ring"}
    assert (row["pbx"], row["direction"], row["outcome"]) == ("office", "inbound", "answered")
    assert (row["number"]["e164"], row["did"]) == (CLAIRE, OVER)
    assert (row["answered_by"], row["linked"][0]["pbx"]) == ("3001", "branch")
    assert [(one["extension"], one["user"], one["result"]) for one in row["participants"]] == [
        ("3001", "rosa", "answered")
    ]


async def test_a_call_is_transferred_to_the_branch(both: Node, provider: Phone, ana: Phone, rosa: Phone) -> None:
    call = await provider.dial("74950000001", caller=CLAIRE)
    talk = await ana.next_call()
    await talk.answer()
    async with both.live("rosa") as live, both.api() as api:
        await api.talking()
        await talk.transfer("3001")
        ringing = await rosa.next_call()
        shown = await live.wait_for("pop.show")
        # Two sockets: on a busy machine the branch may tell of the ring before the office tells whom it dialled.
        assert shown["card"]["number"]["e164"] == CLAIRE
        await ringing.answer()
        await live.wait_for("pop.update", status="talking")
        await call.hang_up()
        row = await ended(both)
    assert (row["direction"], row["outcome"], row["answered_by"]) == ("inbound", "answered", "2001")
    assert [(one["extension"], one["result"]) for one in row["participants"]] == [
        ("2001", "answered"), ("3001", "answered")
    ]  # fmt: skip
    assert [(one["kind"], one["from"], one["to"]) for one in row["transfers"]] == [("blind", "2001", "3001")]


async def test_a_colleague_in_the_branch_calls_the_office(both: Node, ana: Phone, rosa: Phone) -> None:
    async with both.live("ana") as live:
        call = await rosa.dial("92001")
        ringing = await ana.next_call()
        await live.wait_for("pop.show")
        await ringing.answer()
        await live.wait_for("pop.update", status="talking")
        await call.hang_up()
        row = await ended(both)
    assert (row["pbx"], row["direction"], row["outcome"]) == ("branch", "internal", "answered")
    assert (row["extension"], row["answered_by"]) == ("3001", "2001")
    assert [(one["extension"], one["user"]) for one in row["participants"]] == [("2001", "ana")]


async def test_a_colleague_in_the_branch_is_consulted_and_takes_over(
    both: Node, provider: Phone, ana: Phone, rosa: Phone
) -> None:
    call = await provider.dial("74950000001", caller=CLAIRE)
    talk = await ana.next_call()
    await talk.answer()
    async with both.live("rosa") as live, both.api() as api, both.api("rosa") as mine:
        await api.talking()
        await talk.hold()
        consultation = await ana.dial("3001")
        await (await rosa.next_call()).answer()
        await consultation.wait_answered()
        await api.until(api.calls, lambda rows: len(rows) == 2 and all(row["answered_at"] for row in rows))
        await talk.transfer_to(consultation, "3001")
        shown = await live.wait_for("pop.show", reason="transfer")
        assert shown["card"]["number"]["e164"] == CLAIRE
        [row] = await api.until(api.calls, lambda rows: len(rows) == 1)
        # What she does goes to the branch, which knows the call by another id.
        await mine.post(f"live/{row['id']}/hangup")
        await call.wait_ended()
        row = await ended(both)
    assert (row["direction"], row["outcome"], row["number"]["e164"]) == ("inbound", "answered", CLAIRE)
    assert [(one["extension"], one["result"]) for one in row["participants"]] == [
        ("2001", "answered"), ("3001", "answered")
    ]  # fmt: skip
    assert [(one["kind"], one["from"]) for one in row["transfers"]] == [("attended", "2001")]


async def test_a_restart_in_mid_call_keeps_both_halves_one(both: Node, provider: Phone, rosa: Phone) -> None:
    call = await provider.dial(OVER, caller=CLAIRE)
    await (await rosa.next_call()).answer()
    async with both.api() as api:
        await api.talking()
        [before] = await api.calls()
    both.callcard.stop(signal.SIGKILL)
    both.callcard.start()
    async with both.live("rosa") as live:
        state = (await live.wait_for("snapshot"))["state"]
        await call.hang_up()
        row = await ended(both)
    assert (row["id"], row["outcome"], row["answered_by"]) == (before["id"], "answered", "3001")
    assert [one["card"]["number"]["e164"] for one in state["pops"]] == [CLAIRE]
