"""Recordings on a web server: found, handed through in parts; nothing but the set address is ever asked."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import encode_basic_auth, web

from crm_core.recordings.http import HttpAddress, HttpPlace
from crm_core.recordings.paths import Pattern
from crm_core.recordings.places import PlaceUnavailable
from tests.crm_core.test_recording_paths import sound

SOUND = sound(2.0)
SECRET = "s3cr:t@"


class Server:
    """A PBX that gives recordings out below /rec/, with a password, and lies where a test wants it to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.files = {"a.wav": SOUND, "day/b c.wav": SOUND}
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        name = request.match_info["name"]
        if request.headers["Authorization"] != encode_basic_auth("callcard", SECRET):
            return web.Response(status=401)
        if name == "moved.wav":
            raise web.HTTPFound("/secret/a.wav")
        if name == "broken.wav":
            return web.Response(status=500, text=f"password {SECRET}")
        if name == "endless.wav":
            response = web.StreamResponse()
            await response.prepare(request)  # no length: chunks for ever
            await response.write(SOUND)
            return response
        if name == "cut.wav":
            response = web.StreamResponse(headers={"Content-Length": "100000"})
            await response.prepare(request)
            await response.write(SOUND[:5000])
            assert request.transport is not None
            request.transport.close()
            return response
        if name not in self.files:
            raise web.HTTPNotFound
        body = self.files[name]
        part = request.http_range
        if "Range" not in request.headers or request.query.get("whole"):
            return web.Response(body=body)
        some = body[part]
        first = body.index(some) if (part.start or 0) < 0 else part.start
        told = {"Content-Range": f"bytes {first}-{first + len(some) - 1}/{len(body)}"}
        return web.Response(status=206, body=some, headers=told)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    found = Server()
    app = web.Application()
    app.router.add_get("/rec/{name:.*}", found.answer)
    app.router.add_get("/secret/{name:.*}", found.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


@pytest.fixture
async def place(server: Server) -> AsyncIterator[HttpPlace]:
    found = HttpPlace(HttpAddress.parse(f"http://callcard:s3cr%3At%40@{server.url}/rec/{{path}}"))
    yield found
    await found.close()


async def test_a_file_is_found_with_its_size_and_length(place: HttpPlace, server: Server) -> None:
    facts = await place.find("a.wav")
    assert facts is not None
    assert (facts.path, facts.size, facts.seconds) == ("a.wav", len(SOUND), 2.0)
    spaced = await place.find("day/b c.gsm")
    assert spaced is not None
    assert spaced.path == "day/b c.wav"
    assert await place.find("none.wav") is None
    server.files["empty.wav"] = b""
    assert await place.check()


async def test_it_is_handed_through_whole_and_in_parts(place: HttpPlace) -> None:
    for spelled, expected, told in (
        (None, SOUND, None),
        ("bytes=0-9", SOUND[:10], f"bytes 0-9/{len(SOUND)}"),
        ("bytes=100-", SOUND[100:], f"bytes 100-{len(SOUND) - 1}/{len(SOUND)}"),
    ):
        async with place.stream("a.wav", spelled) as found:
            assert (found.size, found.length, found.content_range) == (len(SOUND), len(expected), told)
            assert b"".join([chunk async for chunk in found.chunks()]) == expected


async def test_a_server_that_knows_no_parts_sends_the_whole(server: Server) -> None:
    place = HttpPlace(HttpAddress.parse(f"http://callcard:s3cr%3At%40@{server.url}/rec/{{path}}?whole=1"))
    facts = await place.find("a.wav")
    assert facts is not None
    assert (facts.size, facts.seconds) == (len(SOUND), 2.0)
    async with place.stream("a.wav", "bytes=5-9") as found:
        assert (found.length, found.content_range) == (len(SOUND), None)
    await place.close()


@pytest.mark.parametrize("path", ["../secret/a.wav", "/secret/a.wav", "a.wav?x", "a.txt", "http://other/a.wav"])
async def test_no_path_leads_elsewhere(place: HttpPlace, server: Server, path: str) -> None:
    await place.find(path)
    assert all(asked.startswith("/rec/") and ".." not in asked and "?" not in asked for asked in server.asked)


@pytest.mark.parametrize("name", ["moved.wav", "broken.wav"])
async def test_no_redirect_is_followed_and_no_secret_told(place: HttpPlace, server: Server, name: str) -> None:
    with pytest.raises(PlaceUnavailable) as told:
        await place.find(name)
    assert SECRET not in str(told.value)
    assert server.asked == [f"/rec/{name}"]


async def test_what_has_no_size_or_is_cut_off_is_no_recording(place: HttpPlace) -> None:
    assert await place.find("endless.wav") is None
    with pytest.raises(PlaceUnavailable):
        async with place.stream("endless.wav", None):
            pass
    with pytest.raises(PlaceUnavailable):
        await _all(place, "cut.wav")


async def _all(place: HttpPlace, path: str) -> bytes:
    async with place.stream(path, None) as found:
        return b"".join([chunk async for chunk in found.chunks()])


async def test_a_wrong_password_and_nobody_there_are_said(server: Server) -> None:
    wrong = HttpPlace(HttpAddress.parse(f"http://callcard:wrong@{server.url}/rec/{{path}}"))
    with pytest.raises(PlaceUnavailable, match="refuses the sign-in"):
        await wrong.check()
    await wrong.close()
    nobody = HttpPlace(HttpAddress.parse("http://user:hidden@127.0.0.1:9/{path}?key=hidden"))
    with pytest.raises(PlaceUnavailable, match=r"^http://127\.0\.0\.1:9 does not answer") as told:
        await nobody.find("a.wav")
    assert "hidden" not in str(told.value) + repr(nobody.address)
    await nobody.close()


async def test_only_certain_names_are_asked_for(place: HttpPlace, server: Server) -> None:
    server.files["1.7.wav"] = SOUND
    exact = Pattern.parse("{uniqueid}.wav").candidates(["1.7", "1.8"], [], 0.0)
    assert [one.path for one in await place.search(exact)] == ["1.7.wav"]
    server.asked.clear()
    assert await place.search(Pattern.parse("*-{uniqueid}.wav").candidates(["1.7"], [], 0.0)) == []
    assert server.asked == []
    assert not await place.remove("1.7.wav")


@pytest.mark.parametrize(
    "text",
    ["https://host/rec/", "ftp://host/{path}", "https:///{path}", "https://{path}", "https://h/{path}/{path}",
     "https://user:hidden@host:nan/{path}", "https://user:hidden@host/x"],
)  # fmt: skip
def test_a_wrong_address_is_refused_without_telling_the_password(text: str) -> None:
    with pytest.raises(ValueError, match="path") as told:
        HttpAddress.parse(text)
    assert "hidden" not in str(told.value)
