"""No path leads out of the folder, no pattern finds another call's file."""

import asyncio
import io
import wave
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.recordings.folder import Folder
from crm_core.recordings.paths import Pattern, below, clean_path
from crm_core.recordings.places import PlaceUnavailable
from crm_core.recordings.rules import AgentsMay, format_of, may_listen, may_listen_at_all, seconds_of
from crm_core.staff.rules import Role

STARTED = 1438365600.0  # 2015-07-31 18:00 UTC
_PART = st.one_of(st.sampled_from(["..", ".", "", "a", "b.wav", "~", "\0", "..."]), st.text(max_size=6))


def sound(seconds: float = 1.0) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(b"\0\0" * int(8000 * seconds))
    return file.getvalue()


@given(parts=st.lists(_PART, max_size=6), absolute=st.booleans())
def test_a_path_never_leads_out(parts: list[str], *, absolute: bool) -> None:
    path = ("/" if absolute else "") + "/".join(parts)
    cleaned = clean_path(path)
    if cleaned is not None:
        assert not cleaned.startswith("/")
        assert ".." not in cleaned.split("/")
        assert "\0" not in cleaned
        assert clean_path(cleaned) == cleaned


@pytest.mark.parametrize(
    ("file", "path"),
    [
        ("/var/spool/asterisk/monitor/2015/07/31/a.wav", "2015/07/31/a.wav"),
        ("/var/spool/asterisk/monitor/../../../etc/passwd", None),
        ("/var/spool/asterisk/monitor-of-others/a.wav", None),
        ("/etc/passwd", None),
        ("a.wav", "a.wav"),
        ("../a.wav", None),
        ("/var/spool/asterisk/monitor", None),
    ],
)
def test_the_name_on_the_pbx_becomes_one_below_the_folder(file: str, path: str | None) -> None:
    assert below(file, "/var/spool/asterisk/monitor") == path
    assert below(file, "/var/spool/asterisk/monitor/") == path


@given(pattern=st.text(alphabet="ab/.{}*-uniqueidlnkyymmdd", max_size=30), uniqueid=st.text(max_size=12))
def test_no_pattern_and_no_id_makes_a_name_outside(pattern: str, uniqueid: str) -> None:
    try:
        parsed = Pattern.parse(pattern)
    except ValueError:
        return
    for candidate in parsed.candidates([uniqueid], [uniqueid], STARTED):
        assert candidate.folder == "" or clean_path(candidate.folder) == candidate.folder
        assert candidate.exact is None or (clean_path(candidate.exact) is not None and "/" not in candidate.exact)


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "/a/{uniqueid}.wav",
        "../{uniqueid}.wav",
        "*.wav",
        "{uniqueid}/a.wav",
        "{night}-{uniqueid}",
        "*/{uniqueid}",
        "a}{uniqueid}",
    ],
)
def test_a_pattern_that_could_mean_another_calls_file_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Pattern.parse(pattern)


def test_the_days_around_are_tried_because_the_pbx_has_its_own_clock() -> None:
    found = Pattern.parse("{yyyy}/{mm}/{dd}/*-{uniqueid}.wav").candidates(["1438365600.12"], [], STARTED)
    assert [one.folder for one in found] == ["2015/07/31", "2015/07/30", "2015/08/01"]
    assert [one.exact for one in found] == [None] * 3
    name = found[0].name
    assert name.fullmatch("out-5551234-100-20150731-120000-1438365600.12.wav")
    assert not name.fullmatch("out-5551234-100-20150731-120000-1438365600.123.wav")
    assert not name.fullmatch("out-5551234-100-20150731-120000-11438365600.12.wav")


def test_both_ids_may_stand_in_one_name() -> None:
    found = Pattern.parse("{linkedid}-{uniqueid}.wav").candidates(["1.2", "1.3"], ["1.1"], STARTED)
    assert [one.exact for one in found] == ["1.1-1.2.wav", "1.1-1.3.wav"]


def test_the_folder_finds_the_call_s_file_and_no_other(tmp_path: Path) -> None:
    day = tmp_path / "monitor/2015/07/31"
    day.mkdir(parents=True)
    (tmp_path / "secret.wav").write_bytes(sound())
    (day / "in-1438365600.12.wav").write_bytes(sound(2.0))
    (day / "in-1438365600.123.wav").write_bytes(sound())
    (day / "in-1438365600.12.txt").write_text("no sound")
    (day / "in-7.1.wav").symlink_to(tmp_path / "secret.wav")
    folder = Folder(tmp_path / "monitor")
    pattern = Pattern.parse("{yyyy}/{mm}/{dd}/*-{uniqueid}.*")

    async def look(uniqueid: str) -> list[tuple[str, float | None]]:
        found = await folder.search(pattern.candidates([uniqueid], [], STARTED))
        return [(one.path, one.seconds) for one in found]

    assert asyncio.run(look("1438365600.12")) == [("2015/07/31/in-1438365600.12.wav", 2.0)]
    assert asyncio.run(look("7.1")) == []
    (day / "in-8.1.wav").write_bytes(sound())
    assert asyncio.run(look("8.1")) == [("2015/07/31/in-8.1.wav", 1.0)]


def test_what_the_pbx_converted_is_found_under_its_old_name(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(b"x" * 100)
    found = asyncio.run(Folder(tmp_path).find("a.wav"))
    assert found is not None
    assert found.path == "a.mp3"
    assert asyncio.run(Folder(tmp_path).find("../a.wav")) is None


def test_a_folder_is_checked_and_deleted_from(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    assert not asyncio.run(folder.check())
    (tmp_path / "a.wav").write_bytes(sound())
    assert asyncio.run(folder.check())
    assert asyncio.run(folder.remove("a.wav"))
    assert not asyncio.run(folder.remove("a.wav"))
    with pytest.raises(PlaceUnavailable, match="No such file"):
        asyncio.run(Folder(tmp_path / "gone").check())


@given(head=st.binary(max_size=80), size=st.integers(0, 10_000))
def test_any_head_gives_a_length_or_none(head: bytes, size: int) -> None:
    for path in ("a.wav", "a.ulaw", "a.gsm", "a.sln"):
        seconds = seconds_of(head, size, path)
        assert seconds is None or seconds >= 0
    seconds_of(b"RIFF\0\0\0\0WAVE" + head, size, "a.wav")


def test_a_head_that_was_never_finished_counts_by_the_file() -> None:
    data = bytearray(sound(3.0))
    data[40:44] = b"\0\0\0\0"
    assert seconds_of(bytes(data[:44]), len(data), "a.wav") == 3.0


def test_who_may_listen() -> None:
    for role in Role:
        agent = role is Role.AGENT
        assert may_listen(role, "ana", ["ana"], AgentsMay.OWN)
        assert may_listen(role, "ana", ["bruno"], AgentsMay.OWN) is not agent
        assert may_listen(role, "ana", ["ana"], AgentsMay.NONE) is not agent
        assert may_listen_at_all(role, AgentsMay.NONE) is not agent


def test_capitals_tell_gsm_in_a_wav_file() -> None:
    endings = {"a.wav": True, "a.WAV": False, "a.MP3": True, "a.gsm": False}
    assert {path: (kind := format_of(path)) is not None and kind.playable for path in endings} == endings
    assert format_of("a.txt") is None
