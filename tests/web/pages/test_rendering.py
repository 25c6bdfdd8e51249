"""What templates are given: escaped, readable, in the reader's time."""

from datetime import UTC

import pytest

from web.pages import language, rendering, zones


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "0:00"), (0, "0:00"), (59.4, "0:59"), (59.6, "1:00"), (192, "3:12"), (3729, "1:02:09")]
)
def test_durations_are_read_off_a_clock(seconds: float | None, text: str) -> None:
    assert rendering.duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("+33601020304", "+33 601 020 304"),
        ("+74951234567", "+7 495 123 4567"),
        ("+16462470944", "+1 646 247 0944"),
        ("+35191740362", "+351 917 403 62"),
        ("+5511975049979", "+55 119 750 499 79"),
        ("2001", "2001"),
        ("8 (495) 123", "8 (495) 123"),
        ("+34 911 22 33 44", "+34 911 22 33 44"),
        ("+", "+"),
        (None, ""),
    ],
)
def test_numbers_are_read_in_groups(number: str | None, text: str) -> None:
    assert rendering.readable(number) == text


def test_values_and_catalogues_cannot_bring_markup_in() -> None:
    page = rendering.load().environment.from_string('{{ _("<b>%(who)s</b>", who=name) }} {{ name }}')
    spoken = language.load()["en"]
    text = page.render(language=spoken, name="<script>alert(1)</script>", zone=UTC)
    assert "<script>" not in text
    assert "<b>" not in text
    assert text.count("&lt;script&gt;") == 2


def test_json_in_a_page_cannot_end_its_element() -> None:
    assert "<" not in rendering._script_json({"a": "</script><script>alert(1)</script>"})


def test_instants_are_told_in_the_readers_zone() -> None:
    page = rendering.load().environment.from_string("{{ at|when }}{{ none|when }}")
    madrid = zones.choose(zones.load(), "Europe/Madrid")
    text = page.render(at=1763719200.0, none=None, language=language.load()["en"], zone=madrid)
    assert isinstance(text, str)
    assert 'datetime="2025-11-21T11:00:00.000+01:00"' in text
    assert ">11/21/25, 11:00" in text


def test_a_day_begins_at_the_readers_midnight() -> None:
    known = zones.load()
    madrid, tokyo = zones.choose(known, "Europe/Madrid"), zones.choose(known, "Asia/Tokyo")
    assert zones.day_start("2026-11-21", UTC) == 1795219200.0
    assert zones.day_start("2026-11-21", madrid) == 1795219200.0 - 3600
    assert zones.day_start("2026-11-21", tokyo) == 1795219200.0 - 9 * 3600
    assert zones.day_start("2026-11-21", UTC, days=1) == 1795219200.0 + 86400


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "9999-12-31", "2026-11-21T00:00"])
def test_what_is_no_day_filters_nothing(text: str) -> None:
    assert zones.day_start(text, UTC, days=1) is None


@pytest.mark.parametrize("cookie", [None, "", "Mars/Olympus", "../../etc/passwd"])
def test_an_unknown_zone_is_utc(cookie: str | None) -> None:
    assert zones.choose(zones.load(), cookie) is UTC
