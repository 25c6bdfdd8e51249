"""Who may: sign-in, tokens, roles, scopes, CSRF, Origin."""

import re

import pytest

from crm_core.staff.rules import Scope
from tests.web.serving import PASSWORD, Answer, Running
from web import auth
from web.api.routes import PREFIX, Route
from web.api.table import ROUTES

WHO_HAS = {auth.EVERYONE: "ana", auth.SUPERVISORS: "sam", auth.IMPORT.roles: "hugo", auth.ADMINS: "root"}


def is_problem(answer: Answer, status: int) -> bool:
    return (
        answer.status == status
        and answer.headers["Content-Type"].startswith("application/problem+json")
        and answer.body["status"] == status
        and bool(answer.body["title"])
    )


def path_of(route: Route) -> str:
    return PREFIX + re.sub(r"\{\w+\}", "999999", route.path)


async def test_every_operation_asks_for_a_sign_in(service: Running) -> None:
    for route in ROUTES:
        answer = await service.ask(route.method, path_of(route), who=None)
        assert is_problem(answer, 401), (route.method, route.path, answer)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        wrong = await service.ask(route.method, path_of(route), who=None, headers={"Authorization": "Bearer nonsense"})
        assert is_problem(wrong, 401), (route.method, route.path, wrong)


async def test_every_operation_refuses_lesser_roles_and_scopes_before_it_looks_at_anything(service: Running) -> None:
    lesser = {Scope.WRITE: Scope.READ, Scope.ADMIN: Scope.WRITE}
    checked = 0
    for route in ROUTES:
        scope, roles = route.access.scope, route.access.roles
        assert scope is not None
        for who in ("ana", "sam"):
            if all(role.value != {"ana": "agent", "sam": "supervisor"}[who] for role in roles):
                answer = await service.ask(route.method, path_of(route), who=who, data=b"not json")
                assert is_problem(answer, 403), (route.method, route.path, answer)
                checked += 1
        if scope in lesser:
            answer = await service.ask(
                route.method, path_of(route), who=WHO_HAS[roles], scope=lesser[scope], data=b"not json"
            )
            assert is_problem(answer, 403), (route.method, route.path, answer)
            checked += 1
    assert checked > 30


def test_reading_needs_read_and_changing_needs_more() -> None:
    for route in ROUTES:
        assert route.access.scope is not None
        if route.method != "GET":
            assert route.access.scope.allows(Scope.WRITE), route.path


async def test_every_route_of_the_application_has_declared_its_access(service: Running) -> None:
    app = service.node.app
    undeclared = [route for route in app.router.routes() if route not in app[auth._ACCESS]]
    assert undeclared == []
    public = {
        str(route.resource and route.resource.canonical)
        for route, access in app[auth._ACCESS].items()
        if access is auth.PUBLIC
    }
    assert public == {
        "/healthz", "/readyz", "/metrics", "/ws", "/login", "/language", "/static/{stamp}/{path}",
        "/api/docs", "/api/v1/openapi.json",
    }  # fmt: skip


async def test_sign_in_sets_a_cookie_that_scripts_and_other_sites_cannot_use(service: Running) -> None:
    answer = await service.sign_in("ana")
    assert answer.status == 303
    assert answer.headers["Location"] == "/"
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    me = await service.ask("GET", "me", who=None)
    assert me.body["name"] == "ana"
    assert me.body["extensions"] == ["2001"]


async def test_behind_https_the_cookie_is_secure(service: Running) -> None:
    host = service.url.removeprefix("http://")
    answer = await service.sign_in("ana", headers={"Origin": f"https://{host}"})
    assert "Secure" in answer.headers["Set-Cookie"]
    unproven = await service.sign_in("ana", headers={"X-Forwarded-Proto": "https"})
    assert "Secure" not in unproven.headers["Set-Cookie"]


@pytest.mark.parametrize(("name", "password"), [("ana", "wrong"), ("nobody", PASSWORD), ("", "")])
async def test_a_wrong_sign_in_gets_one_answer_and_no_cookie(service: Running, name: str, password: str) -> None:
    answer = await service.sign_in(name, password)
    assert answer.status == 401
    assert "Set-Cookie" not in answer.headers
    assert "The name or the password is wrong." in answer.text


async def test_a_sign_in_from_another_site_is_refused(service: Running) -> None:
    answer = await service.sign_in("ana", headers={"Origin": "https://evil.example"})
    assert answer.status == 403
    assert "Set-Cookie" not in answer.headers


async def test_repeated_failures_lock_the_name(service: Running) -> None:
    answer = await service.sign_in("bruno", "wrong")
    for _ in range(30):
        if answer.status == 429:
            break
        answer = await service.sign_in("bruno", "wrong")
    assert answer.status == 429
    assert (await service.sign_in("bruno")).status == 429


async def test_the_next_page_after_sign_in_is_one_of_ours(service: Running) -> None:
    for wanted, given in (("/calls?q=1", "/calls?q=1"), ("//evil.example", "/"), ("https://evil.example/", "/")):
        data = {"name": "ana", "password": PASSWORD, "next": wanted}
        async with service.http.post(f"{service.url}/login", data=data, allow_redirects=False) as response:
            assert response.headers["Location"] == given


@pytest.mark.parametrize(
    "path", ["//evil.example", "/\\evil.example", "https://evil.example", "", "/a\r\nSet-Cookie: x=1", "evil"]
)
def test_safe_next_refuses(path: str) -> None:
    assert auth.safe_next(path) == "/"


async def test_a_forged_cookie_is_nobody(service: Running) -> None:
    signed = (await service.sign_in("ana")).headers["Set-Cookie"].partition("=")[2].partition(";")[0]
    token, _, signature = signed.rpartition(".")
    service.http.cookie_jar.clear()
    for forged in (token, f"{token}.{'0' * len(signature)}", f"x{signed}", "", "."):
        answer = await service.ask("GET", "me", who=None, headers={"Cookie": f"{auth.COOKIE}={forged}"})
        assert is_problem(answer, 401), forged


async def csrf_of(service: Running) -> str:
    page = await service.ask("GET", "/desk", who=None, headers={"Accept": "text/html"})
    found = re.search(r'<meta name="csrf" content="([^"]+)">', page.text)
    assert found is not None
    return found[1]


async def test_a_cookie_writes_only_with_its_csrf_token_and_from_our_own_pages(service: Running) -> None:
    await service.sign_in("ana")
    csrf = await csrf_of(service)
    body = {"name": "Claire Durand"}
    assert is_problem(await service.ask("POST", "contacts", who=None, json=body), 403)
    old = await service.ask("POST", "contacts", who=None, json=body, headers={"X-CSRF-Token": "old"})
    assert is_problem(old, 403)
    foreign = {"X-CSRF-Token": csrf, "Origin": "https://evil.example"}
    assert is_problem(await service.ask("POST", "contacts", who=None, json=body, headers=foreign), 403)
    ours = {"X-CSRF-Token": csrf, "Origin": service.url}
    assert (await service.ask("POST", "contacts", who=None, json=body, headers=ours)).status == 201
    listed = await service.ask("GET", "contacts")
    assert [contact["name"] for contact in listed.body["items"]] == ["Claire Durand"]


async def test_a_form_writes_with_the_csrf_field_and_sign_out_ends_the_session(service: Running) -> None:
    await service.sign_in("ana")
    csrf = await csrf_of(service)
    refused = await service.ask("POST", "/logout", who=None, data={"csrf": "old"})
    assert refused.status == 403
    assert (await service.ask("GET", "me", who=None)).status == 200
    cookie = "; ".join(f"{one.key}={one.value}" for one in service.http.cookie_jar)
    answer = await service.ask("POST", "/logout", who=None, data={"csrf": csrf})
    assert (answer.status, answer.headers["Location"]) == (303, "/login")
    assert is_problem(await service.ask("GET", "me", who=None, headers={"Cookie": cookie}), 401)


async def test_people_are_sent_to_the_sign_in_and_back(service: Running) -> None:
    answer = await service.ask("GET", "/calls?q=1", who=None, headers={"Accept": "text/html"})
    assert (answer.status, answer.headers["Location"]) == (303, "/login?next=%2Fcalls%3Fq%3D1")


async def test_a_deactivated_user_is_out_at_once(service: Running) -> None:
    await service.sign_in("bruno")
    answer = await service.ask("PATCH", "users/bruno", who="root", json={"active": False})
    assert (answer.status, answer.body["active"]) == (200, False)
    assert is_problem(await service.ask("GET", "me", who=None), 401)
    assert is_problem(await service.ask("GET", "me", who="bruno"), 401)
    assert (await service.sign_in("bruno")).status == 401


async def test_answers_carry_the_headers_that_protect_browsers(service: Running) -> None:
    for path in ("/login", "/healthz", "/api/v1/me", "/nowhere"):
        headers = (await service.ask("GET", path, who=None)).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert "aiohttp" not in headers["Server"]
