"""Users, seats, sign-in: the same on both databases."""

import pytest
from sqlalchemy import text

from crm_core.db import Database
from crm_core.errors import BadExtension, DuplicateName, InvalidField, LockedOut, NotFound
from crm_core.staff.rules import Role, Scope, User
from crm_core.staff.store import Staff
from tests.contracts.conftest import Clock

PASSWORD = "correct horse"


async def add(staff: Staff, name: str, *extensions: str, role: Role = Role.AGENT) -> User:
    return await staff.add_user(name, role, extensions, PASSWORD)


async def test_a_user_is_found_whatever_the_case_of_the_name(staff: Staff) -> None:
    added = await staff.add_user("Ana", Role.SUPERVISOR, ["2001", "2002"], PASSWORD, "Ana García")
    assert added == User(added.id, "Ana", "Ana García", Role.SUPERVISOR, True, ("2001", "2002"), ("2001", "2002"))  # noqa: FBT003
    assert await staff.get_user(" ANA ") == added
    assert await staff.get_user("ana\0") == added
    assert await staff.get_user("bob") is None


async def test_users_are_listed_by_name(staff: Staff) -> None:
    for name in ("zoe", "Bob", "ana"):
        await add(staff, name)
    assert [user.name for user in await staff.list_users()] == ["ana", "Bob", "zoe"]


async def test_two_users_cannot_share_a_name_or_a_phone(staff: Staff) -> None:
    await add(staff, "ana", "2001")
    with pytest.raises(DuplicateName):
        await add(staff, "ANA")
    with pytest.raises(BadExtension, match="2001 belongs to ana already"):
        await add(staff, "bob", "2001")
    assert [user.name for user in await staff.list_users()] == ["ana"]


@pytest.mark.parametrize(
    ("name", "extension", "password", "field"),
    [
        ("a b", "2001", PASSWORD, "name"),
        ("", "2001", PASSWORD, "name"),
        ("ana", "20 01", PASSWORD, "extensions"),
        ("ana", "2001", "short", "password"),
    ],
)
async def test_a_refused_user_names_the_field(
    staff: Staff, name: str, extension: str, password: str, field: str
) -> None:
    with pytest.raises(InvalidField) as refused:
        await staff.add_user(name, Role.AGENT, [extension], password)
    assert refused.value.field == field


async def test_the_right_password_signs_in_and_the_wrong_one_does_not(staff: Staff) -> None:
    ana = await add(staff, "ana")
    assert await staff.verify("Ana", PASSWORD) == ana
    assert await staff.verify("ana", "wrong horse") is None
    assert await staff.verify("nobody", PASSWORD) is None


async def test_ten_failures_lock_a_name_out_from_that_address_for_half_an_hour(staff: Staff, clock: Clock) -> None:
    ana = await add(staff, "ana")
    for _ in range(10):
        assert await staff.verify("ana", "wrong horse", "192.0.2.1") is None
    with pytest.raises(LockedOut) as locked:
        await staff.verify("ana", PASSWORD, "192.0.2.1")
    assert locked.value.until == clock.now + 1800
    assert await staff.verify("ana", PASSWORD, "192.0.2.2") == ana
    clock.now += 1801
    assert await staff.verify("ana", PASSWORD, "192.0.2.1") == ana


async def test_a_success_forgets_earlier_failures(staff: Staff) -> None:
    ana = await add(staff, "ana")
    for _ in range(2):
        for _ in range(9):
            await staff.verify("ana", "wrong horse")
        assert await staff.verify("ana", PASSWORD) == ana


async def test_a_session_lives_while_it_is_used(staff: Staff, clock: Clock) -> None:
    ana = await add(staff, "ana")
    made = await staff.create_session(ana.id, ip="192.0.2.1", user_agent="Firefox")
    for _ in range(3):
        clock.now += 10 * 3600
        session = await staff.session(made.token)
        assert session is not None
        assert (session.user, session.csrf) == (ana, made.csrf)
    clock.now += 15 * 3600
    assert await staff.session(made.token) is None
    assert await staff.session("another") is None


async def test_signing_out_ends_the_session(staff: Staff) -> None:
    made = await staff.create_session((await add(staff, "ana")).id)
    await staff.end_session(made.token)
    assert await staff.session(made.token) is None


async def test_a_new_password_ends_sessions(staff: Staff) -> None:
    ana = await add(staff, "ana")
    made = await staff.create_session(ana.id)
    await staff.set_password("ANA", "battery staple")
    assert await staff.session(made.token) is None
    assert await staff.verify("ana", PASSWORD) is None
    assert await staff.verify("ana", "battery staple") == ana
    with pytest.raises(NotFound):
        await staff.set_password("bob", PASSWORD)


async def test_tokens_stand_for_user_and_scope_until_revoked(staff: Staff) -> None:
    ana = await add(staff, "ana")
    token = await staff.create_token("ana", Scope.WRITE)
    grant = await staff.token(token)
    assert grant is not None
    assert (grant.user, grant.scope) == (ana, Scope.WRITE)
    assert await staff.token("cc_other") is None
    await staff.revoke_token(grant.id)
    assert await staff.token(token) is None
    with pytest.raises(NotFound):
        await staff.revoke_token(token)
    with pytest.raises(NotFound):
        await staff.create_token("bob", Scope.READ)


async def test_many_are_asked_about_at_once_and_who_is_shut_out_is_not_among_them(staff: Staff, clock: Clock) -> None:
    users = [await add(staff, f"user{number}", f"30{number:02}") for number in range(25)]
    late = await staff.create_session(users[0].id)
    clock.now += 8 * 3600
    sessions = [(await staff.create_session(user.id)).token for user in users]
    tokens = [await staff.create_token(user.name, Scope.READ) for user in users]
    await staff.deactivate("user3")
    await staff.end_session(sessions[4])
    clock.now += 7 * 3600
    found = await staff.sessions([*sessions, late.token, "another"])
    assert {token: session.user for token, session in found.items()} == {
        token: user for number, (token, user) in enumerate(zip(sessions, users, strict=True)) if number not in {3, 4}
    }
    granted = await staff.grants([*tokens, "cc_other"])
    assert [granted[token].user for number, token in enumerate(tokens) if number != 3] == [*users[:3], *users[4:]]
    assert len(granted) == 24
    assert (await staff.sessions([]), await staff.grants([])) == ({}, {})
    clock.now += 8 * 3600
    assert await staff.sessions(sessions) == {}, "to be asked about is not to be used"


async def test_no_secret_is_stored(staff: Staff, db: Database) -> None:
    ana = await add(staff, "ana")
    session = await staff.create_session(ana.id)
    token = await staff.create_token("ana", Scope.ADMIN)
    async with db.read() as connection:
        stored = [
            str(await connection.scalar(text("SELECT password_hash FROM staff_user"))),
            str(await connection.scalar(text("SELECT token_hash FROM staff_session"))),
            str(await connection.scalar(text("SELECT token_hash FROM staff_token"))),
        ]
    assert not {PASSWORD, session.token, token} & set(stored)
    assert stored[0].startswith("$argon2id$")


async def test_a_user_who_is_shut_out_has_nothing_left(staff: Staff) -> None:
    ana = await add(staff, "ana", "2001")
    session, token = await staff.create_session(ana.id), await staff.create_token("ana", Scope.READ)
    await staff.take_seat(ana.id, "2005")
    await staff.deactivate("ana")
    assert await staff.session(session.token) is None
    assert await staff.token(token) is None
    assert await staff.verify("ana", PASSWORD) is None
    assert await staff.seats() == {}
    with pytest.raises(NotFound):
        await staff.take_seat(ana.id, "2005")
    # Coming back does not bring the old keys back.
    await staff.update_user("ana", active=True)
    assert await staff.token(token) is None
    assert list(await staff.seats()) == ["2001"]


async def test_taking_a_seat_says_from_whom_and_home_counts_again_afterwards(staff: Staff) -> None:
    ana, bob = await add(staff, "ana", "2001"), await add(staff, "bob", "2002")
    taken = await staff.take_seat(ana.id, "2002")
    assert taken.taken_from is not None
    assert (taken.extension, taken.taken_from.name) == ("2002", "bob")
    assert {phone: user.name for phone, user in (await staff.seats()).items()} == {"2002": "ana"}
    back = await staff.take_seat(bob.id, "2002")
    assert back.taken_from is not None
    assert back.taken_from.name == "ana"
    assert {phone: user.name for phone, user in (await staff.seats()).items()} == {"2001": "ana", "2002": "bob"}
    assert (await staff.take_seat(bob.id, "2002")).taken_from is None
    await staff.take_seat(ana.id, "2009")
    await staff.leave_seat(ana.id)
    assert {phone: user.name for phone, user in (await staff.seats()).items()} == {"2001": "ana", "2002": "bob"}
    assert await staff.last_seat(ana.id) == "2009"
    assert await staff.last_seat(bob.id) == "2002"


async def test_extensions_are_those_given_and_those_taken(staff: Staff) -> None:
    ana = await add(staff, "ana", "2001")
    await staff.take_seat(ana.id, "2007")
    assert await staff.extensions() == {"2001", "2007"}


async def test_phones_can_be_given_anew(staff: Staff) -> None:
    await add(staff, "ana", "2001", "2002")
    changed = await staff.update_user("ana", extensions=["2003", "2003"], display_name=" Ana  B ", role=Role.ADMIN)
    assert (changed.extensions, changed.display_name, changed.role) == (("2003",), "Ana B", Role.ADMIN)
    await add(staff, "bob", "2001")
    with pytest.raises(NotFound):
        await staff.update_user("zoe", active=True)


async def test_phones_of_one_who_left_are_free(staff: Staff) -> None:
    await add(staff, "ana", "2001")
    await staff.deactivate("ana")
    bob = await add(staff, "bob", "2001")
    assert bob.extensions == ("2001",)


async def test_every_write_moves_the_revision(staff: Staff) -> None:
    seen = [await staff.revision()]
    ana = await add(staff, "ana", "2001")
    seen.append(await staff.revision())
    await staff.take_seat(ana.id, "2002")
    seen.append(await staff.revision())
    token = await staff.create_token("ana", Scope.READ)
    seen.append(await staff.revision())
    await staff.revoke_token(token)
    seen.append(await staff.revision())
    await staff.set_password("ana", "battery staple")
    seen.append(await staff.revision())
    assert seen == sorted(set(seen))


async def test_phones_that_rang_for_nobody_are_remembered_until_someone_has_them(staff: Staff) -> None:
    await staff.note_phone("2008", 10.0)
    await staff.note_phone("2009", 20.0)
    await staff.note_phone("2008", 30.0)
    found = await staff.unassigned_phones()
    assert [(one.extension, one.first_at, one.last_at, one.times) for one in found] == [
        ("2008", 10.0, 30.0, 2),
        ("2009", 20.0, 20.0, 1),
    ]
    await add(staff, "ana", "2008")
    assert [one.extension for one in await staff.unassigned_phones()] == ["2009"]
