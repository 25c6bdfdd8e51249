"""From a ring to a card, a row and a board: the whole path on a real database."""

import pytest
from msgspec.structs import replace

from crm_core.calls.rules import CallPatch
from crm_core.people.rules import ContactDraft, PhoneDraft
from screenpop.messages import Receipt
from telephony.records import Cause, LegResult, Outcome, Participant
from tests.screenpop.conftest import OWN_NUMBER, House
from tests.screenpop.scenes import T0, Scene, inbound, internal, outbound

NUMBER = "+74951234567"


async def claire(house: House, name: str = "Claire Durand", number: str = NUMBER) -> int:
    draft = ContactDraft(
        name=name, company="Durand & Fils", phones=(PhoneDraft(number),), groups=("VIP",), notes="Prefers e-mail"
    )
    return (await house.people.create_contact(draft, "ana")).id


async def test_a_known_caller_pops_with_the_card(house: House) -> None:
    contact = await claire(house)
    ana = await house.screen("ana")
    scene = Scene(inbound(number="8 495 123-45-67"))
    house.tell(scene.started(), scene.rings("2001"))
    shown = await ana.next()
    assert (shown["type"], shown["seq"], shown["call_id"], shown["reason"]) == ("pop.show", 1, "C1", "ring")
    card = shown["card"]
    assert card["contact"] == {"id": contact, "name": "Claire Durand", "company": "Durand & Fils"}
    assert card["number"] == {"raw": "8 495 123-45-67", "e164": NUMBER, "kind": "external"}
    assert card["candidates"] == []
    assert (card["queue"], card["did"], card["groups"]) == ("support", "74950000001", ["VIP"])
    assert {"key": "notes", "label": "About the client", "value": "Prefers e-mail"} in card["fields"]
    row = await house.row("C1", lambda row: row is not None and row.record.participants)
    assert (row.contact.id, row.candidates) == (contact, 1)
    assert row.users == {"2001": "ana"}
    assert len(house.latencies) == 1


async def test_a_ring_waits_for_nothing_when_the_caller_is_known_by_then(house: House) -> None:
    await claire(house)
    ana = await house.screen("ana")
    scene = Scene(inbound(number="8 495 123-45-67"))
    house.tell(scene.started())
    await house.row("C1", lambda row: row is not None and row.contact)
    await house.service.caught_up()
    scene.at = house.clock.now
    house.tell(scene.rings("2001"))
    assert len(house.latencies) == 1, "decided before anything else had its turn"
    assert house.service.writer.holds("C1"), "and the row is on its way"
    assert (await ana.next())["card"]["contact"]["name"] == "Claire Durand"
    house.tell(scene.answers("2001"), scene.ends())
    assert [(await ana.next())["status"] for _ in range(2)] == ["talking", "wrap_up"]


async def test_the_row_exists_from_the_first_sign_of_the_call(house: House) -> None:
    house.tell(Scene(inbound()).started())
    row = await house.row("C1")
    assert row.record.ended_at is None
    assert row.number.e164 == NUMBER


async def test_the_card_follows_the_call_and_the_row_is_final(house: House) -> None:
    ana, ben = await house.screen("ana"), await house.screen("ben")
    scene = Scene(inbound())
    house.tell(scene.rings("2001"), scene.rings("2002"))
    assert (await ana.next())["type"] == (await ben.next())["type"] == "pop.show"
    house.tell(scene.answers("2001"), scene.stops("2002", LegResult.ELSEWHERE))
    talks = await ana.next()
    assert (talks["type"], talks["seq"], talks["status"]) == ("pop.update", 2, "talking")
    closed = await ben.next()
    assert (closed["type"], closed["reason"]) == ("pop.close", "answered_elsewhere")
    house.tell(scene.ends())
    assert (await ana.next())["status"] == "wrap_up"
    row = await house.row("C1", lambda row: row is not None and row.record.ended_at is not None)
    assert row.record.outcome is Outcome.ANSWERED
    assert row.users == {"2001": "ana", "2002": "ben"}
    assert await house.service.dismiss("ana", "C1")
    assert (await ana.next())["reason"] == "dismissed"
    assert house.service.pops_snapshot("ana").state.pops == ()
    assert not await house.service.dismiss("ana", "C1")


async def test_a_second_tab_gets_the_same_cards(house: House) -> None:
    first = await house.screen("ana")
    scene = Scene(inbound())
    house.tell(scene.rings("2001"))
    shown = await first.next()
    first.resync()
    snapshot = await first.next()
    assert (snapshot["type"], snapshot["seq"]) == ("snapshot", 1)
    (pop,) = snapshot["state"]["pops"]
    assert (pop["call_id"], pop["status"], pop["card"]) == ("C1", "ringing", shown["card"])


async def test_a_withheld_number_matches_nobody(house: House) -> None:
    await claire(house)
    ana = await house.screen("ana")
    house.tell(Scene(inbound(number=None)).rings("2001"))
    card = (await ana.next())["card"]
    assert card["number"] == {"raw": None, "e164": None, "kind": "withheld"}
    assert (card["contact"], card["candidates"], card["history"]) == (None, [], [])


async def test_our_own_number_matches_nobody(house: House) -> None:
    ana = await house.screen("ana")
    house.tell(Scene(inbound(number=OWN_NUMBER)).rings("2001"))
    card = (await ana.next())["card"]
    assert (card["number"]["kind"], card["contact"], card["candidates"]) == ("internal", None, [])


async def test_a_shared_number_is_not_guessed_and_the_choice_is_remembered(house: House) -> None:
    claire_id, marc_id = await claire(house), await claire(house, "Marc Durand")
    ana = await house.screen("ana")
    scene = Scene(inbound())
    house.tell(scene.rings("2001"))
    card = (await ana.next())["card"]
    assert card["contact"] is None
    assert {one["id"] for one in card["candidates"]} == {claire_id, marc_id}
    assert (await house.row("C1")).candidates == 2
    await house.calls.choose_contact("C1", marc_id, "ana")
    await house.service.refresh_card("C1")
    updated = await ana.next()
    assert (updated["type"], updated["card"]["contact"]["name"]) == ("pop.update", "Marc Durand")
    assert len(updated["card"]["candidates"]) == 2
    house.tell(Scene(inbound("C2")).rings("2001"))
    assert (await ana.next())["card"]["contact"]["id"] == marc_id


async def test_a_client_created_during_the_call_is_on_the_card(house: House) -> None:
    ana = await house.screen("ana")
    house.tell(Scene(inbound()).rings("2001"))
    assert (await ana.next())["card"]["contact"] is None
    await house.row("C1")
    contact = await claire(house)
    await house.service.refresh_card("C1")
    assert (await ana.next())["card"]["contact"]["id"] == contact


async def test_a_client_chosen_for_a_withheld_call_is_on_its_card(house: House) -> None:
    contact = await claire(house)
    ana = await house.screen("ana")
    scene = Scene(inbound(number=None))
    house.tell(scene.rings("2001"))
    await ana.next()
    await house.row("C1")
    await house.calls.patch("C1", CallPatch(contact_id=contact), "ana")
    await house.service.refresh_card("C1")
    assert (await ana.next())["card"]["contact"]["id"] == contact
    house.tell(scene.answers("2001"), scene.ends())
    row = await house.row("C1", lambda row: row.record.ended_at is not None)
    assert row.contact.id == contact


async def test_history_names_who_talked_last_and_what_was_noted(house: House) -> None:
    await claire(house)
    ben = await house.screen("ben")
    earlier = Scene(inbound("C0"))
    house.tell(earlier.rings("2001"), earlier.answers("2001"), earlier.ends())
    await house.row("C0", lambda row: row is not None and row.record.ended_at is not None)
    await house.calls.add_note("C0", "ana", "wants a quote")
    house.clock.now += 60
    later = Scene(inbound("C1"), house.clock.now)
    house.tell(later.rings("2002"))
    card = (await ben.next())["card"]
    assert [past["id"] for past in card["history"]] == ["C0"]
    assert (card["previous_agent"], card["last_note"]) == ("ana", "wants a quote")


async def test_a_transfer_takes_card_and_note_along(house: House) -> None:
    contact = await claire(house)
    ana, ben = await house.screen("ana"), await house.screen("ben")
    scene = Scene(inbound())
    house.tell(scene.rings("2001"), scene.answers("2001"))
    await ana.until(lambda frame: frame.get("status") == "talking" and frame["type"] == "pop.update")
    await house.row("C1")
    await house.calls.save_draft("C1", "ana", "angry about the delay")
    house.tell(scene.transferred("2001", "2002"), scene.leaves("2001"), scene.rings("2002"))
    shown = await ben.next()
    assert (shown["type"], shown["reason"]) == ("pop.show", "transfer")
    assert shown["card"]["contact"]["id"] == contact
    (note,) = shown["card"]["notes"]
    assert (note["author"], note["text"], note["draft"]) == ("ana", "angry about the delay", True)
    assert shown["card"]["draft"] is None


async def test_an_attended_transfer_is_one_call_in_the_end(house: House) -> None:
    contact = await claire(house)
    ben = await house.screen("ben")
    call, consultation = Scene(inbound()), Scene(internal())
    house.tell(call.rings("2001"), call.answers("2001"))
    house.tell(consultation.dials(), consultation.rings("2002"), consultation.answers("2002"))
    await ben.until(lambda frame: frame.get("status") == "talking" and frame["type"] == "pop.update")
    await house.row("I1")
    house.tell(call.absorbs("I1", Participant("2002", rang_at=T0, answered_at=T0 + 2)))
    assert (await ben.next())["reason"] == "ended"
    shown = await ben.next()
    assert (shown["type"], shown["call_id"], shown["reason"]) == ("pop.show", "C1", "transfer")
    assert (shown["status"], shown["card"]["contact"]["id"]) == ("talking", contact)
    await house.row("I1", lambda row: row is not None and row.id == "C1")
    assert (await house.row("C1")).users == {"2001": "ana", "2002": "ben"}


async def test_an_internal_call_shows_the_colleague(house: House) -> None:
    await claire(house, "Not A Colleague", "+74952001200")
    ana, ben = await house.screen("ana"), await house.screen("ben")
    scene = Scene(internal())
    house.tell(scene.dials(), scene.rings("2002"))
    dialled, rings = await ana.next(), await ben.next()
    assert (dialled["reason"], dialled["card"]["colleague"]["name"]) == ("dial", "Ben Adams")
    assert (rings["reason"], rings["card"]["colleague"]["name"]) == ("ring", "Ana Sousa")
    assert rings["card"]["contact"] is None
    house.tell(scene.answers("2002"), scene.ends(Outcome.ANSWERED))
    assert (await ben.until(lambda frame: frame["type"] == "pop.close"))["reason"] == "ended"


async def test_a_call_dialled_at_the_phone_is_among_the_agents_own(house: House) -> None:
    house.tell(Scene(outbound()).dials())
    row = await house.row("O1")
    assert row.record.participants == ()
    assert row.users == {"2001": "ana"}
    assert [one.id for one in await house.calls.recent_for("ana")] == ["O1"]


async def test_dialling_shows_the_called_client(house: House) -> None:
    contact = await claire(house, number="+33601020304")
    ana = await house.screen("ana")
    scene = Scene(outbound())
    house.tell(scene.dials())
    shown = await ana.next()
    assert (shown["reason"], shown["card"]["contact"]["id"]) == ("dial", contact)
    house.tell(scene.answers("2001"), scene.ends())
    assert (await ana.next())["status"] == "talking"
    assert (await ana.next())["status"] == "wrap_up"


async def test_the_log_brings_a_card_back(house: House) -> None:
    contact = await claire(house)
    ana = await house.screen("ana")
    scene = Scene(inbound())
    house.tell(scene.rings("2001"), scene.ends(Outcome.ABANDONED))
    assert (await ana.until(lambda frame: frame["type"] == "pop.close"))["reason"] == "caller_gone"
    await house.row("C1", lambda row: row is not None and row.record.ended_at is not None)
    await house.calls.save_draft("C1", "ana", "call back")
    assert await house.service.reopen("ana", "C1")
    shown = await ana.next()
    assert (shown["type"], shown["status"]) == ("pop.show", "wrap_up")
    assert (shown["card"]["contact"]["id"], shown["card"]["draft"]) == (contact, "call back")
    assert not await house.service.reopen("ana", "no such call")
    house.clock.now += 25 * 3600
    assert not await house.service.reopen("ben", "C1")


async def test_why_it_popped_or_not_is_told(house: House) -> None:
    await claire(house)
    house.service.agent_online("ana")
    scene = Scene(inbound())
    house.tell(scene.rings("2001"), scene.rings("2009"), scene.rings("2002"), scene.rings("2001"))
    steps = await house.trace("C1", "pop.show")
    assert "match: The number belongs to client 1" in steps
    assert "agent: ana sits at 2001" in steps
    assert "agent: ben sits at 2002 and has no browser open" in steps
    assert "pop.show: The card comes up for ana (ring)" in steps
    assert f"number: {NUMBER} is read as {NUMBER}" in steps
    assert "pop.none: No card: nobody sits at 2009" in steps
    assert "pop.none: No new card: ana has the card of this call already" in steps


async def test_a_trace_tells_when_the_card_left_and_when_the_page_showed_it(house: House) -> None:
    shown: list[float] = []
    house.service.on_shown = shown.append
    ana = await house.screen("ana")
    scene = Scene(inbound())
    rings = replace(scene.rings("2001"), cause=Cause("Newstate", "PJSIP/2001-1", "1.2", T0 - 60.0, T0))
    house.tell(rings)
    await ana.until(lambda frame: frame["type"] == "pop.show")
    house.service.delivered(Receipt("C1", "ana", "s1", "t1", T0 + 0.004))
    house.service.delivered(Receipt("C1", "ana", "s1", "t1", T0 + 0.0205, shown=True))
    house.service.delivered(Receipt("no such call", "ana", "s1", "t1", T0, shown=True))
    steps = {step.what: step for step in await house.steps("C1", "pop.shown")}
    assert steps["ringing"].at == T0
    assert steps["ringing"].facts == {
        "event": "Newstate", "channel": "PJSIP/2001-1", "uniqueid": "1.2", "pbx_at": T0 - 60.0, "extension": "2001",
    }  # fmt: skip
    assert steps["pop.sent"].facts == {"user": "ana", "socket": "s1", "tab": "t1", "ms": 4.0}
    assert steps["pop.shown"].facts["ms"] == 20.5
    assert shown == [pytest.approx(0.0205, abs=1e-5)]
    assert house.latencies == [0.0], "the PBX's clock has no say in how long a card took"


async def test_a_phone_nobody_sits_at_is_reported(house: House) -> None:
    house.tell(Scene(inbound()).rings("2009"))
    await house.trace("C1", "agent")
    (phone,) = await house.staff.unassigned_phones()
    assert phone.extension == "2009"


async def test_the_board_lives(house: House) -> None:
    await claire(house)
    wall = await house.wall()
    house.service.agent_online("ana")
    scene = Scene(inbound())
    house.tell(scene.started(), scene.rings("2001"))
    known = (await wall.until(lambda frame: "C1" in frame["calls"]["set"]))["calls"]["set"]["C1"]
    while known["contact"] is None:
        known = (await wall.until(lambda frame: "C1" in frame["calls"]["set"]))["calls"]["set"]["C1"]
    assert known["contact"]["name"] == "Claire Durand"
    assert house.service.board_snapshot().state.agents["ana"].state.value == "ringing"
    house.tell(scene.answers("2001"), scene.ends())
    gone = await wall.until(lambda frame: "C1" in frame["calls"]["gone"])
    assert gone["seq"] == house.service.board_snapshot().seq
    assert house.service.board_snapshot().state.agents["ana"].state.value == "wrap_up"
    await house.service.dismiss("ana", "C1")
    house.service.agent_offline("ana")
    assert house.service.board_snapshot().state.agents["ana"].state.value == "offline"


async def test_a_seat_taken_moves_the_pops(house: House) -> None:
    users = {user.name: user for user in await house.staff.list_users()}
    await house.staff.take_seat(users["ben"].id, "2001")
    await house.service.reload_seats()
    ben = await house.screen("ben")
    house.tell(Scene(inbound()).rings("2001"))
    assert (await ben.next())["type"] == "pop.show"
    assert house.service.pops_snapshot("ana").state.pops == ()


async def test_a_restart_in_mid_call_loses_nothing(house: House) -> None:
    contact = await claire(house)
    scene = Scene(inbound())
    house.tell(scene.rings("2001"), scene.answers("2001"))
    await house.row("C1", lambda row: row is not None and row.record.answered_at is not None)
    await house.restart()
    house.service.adopt(await house.calls.open_calls("main"))
    ana = await house.screen("ana")
    pops = house.service.pops_snapshot("ana").state.pops
    if not pops:
        shown = await ana.next()
        assert (shown["type"], shown["status"]) == ("pop.show", "talking")
        assert shown["card"]["contact"]["id"] == contact
    assert set(house.service.board_snapshot().state.calls) == {"C1"}
    house.tell(scene.ends())
    assert (await ana.next())["status"] == "wrap_up"
    assert (await house.row("C1", lambda row: row.record.ended_at is not None)).users == {"2001": "ana"}


async def test_a_stop_writes_what_was_just_told(house: House) -> None:
    scene = Scene(inbound())
    house.tell(scene.started(), scene.rings("2001"), scene.ends(Outcome.MISSED))
    await house.stop()
    row = await house.calls.get("C1")
    assert row is not None
    assert row.record.outcome is Outcome.MISSED


async def test_a_replay_changes_nothing(house: House) -> None:
    scene = Scene(inbound())
    changes = [scene.started(), scene.rings("2001"), scene.answers("2001"), scene.ends()]
    house.tell(*changes)
    before = await house.row("C1", lambda row: row is not None and row.record.ended_at is not None)
    house.tell(*changes)
    house.tell(Scene(inbound("C2")).started())
    await house.row("C2")
    assert await house.calls.get("C1") == before
