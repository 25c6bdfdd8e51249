"""The log: one line per message, whatever callers and strangers named themselves."""

import json
import logging

import pytest

from web.logs import JsonFormatter, LineFormatter

FORGED = "Ana\n2026-11-21 ERROR all is lost\r\x1b[2J\u2028\ud800\x85."


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("callcard", logging.INFO, __file__, 1, "call from %s", (text,), None)


def test_a_name_begins_no_line_of_its_own() -> None:
    line = LineFormatter("%(message)s").format(record(FORGED))
    assert line == r"call from Ana\n2026-11-21 ERROR all is lost\r\x1b[2J\u2028\ud800\x85."


@pytest.mark.parametrize("text", [FORGED, "José Ñandú\t1"])
def test_json_lines_hold_any_name(text: str) -> None:
    line = JsonFormatter().format(record(text))
    assert "\n" not in line
    assert json.loads(line)["message"] == f"call from {text}".replace("\ud800", "")


def test_names_of_every_language_stay_readable() -> None:
    assert LineFormatter("%(message)s").format(record("José 岡\t1")) == "call from José 岡\t1"
