"""A channel event log in one file: every line is told, from any place on, the bad ones with their reason."""

import json
from pathlib import Path

import pytest

from telephony.resuming import Place
from telephony.sources import LogUnavailable
from telephony.sources.exports import LONGEST_LINE, MOST_LINES, CelExport, Record

HEADER = "EventType,EventTime,ChanName,UniqueID,LinkedID,CIDName,AppData"
GOOD = "CHAN_START,1795291242.3,PJSIP/trunk-1,1.1,1.1,Ana,"


BEGINNING = Place()


def told(path: Path, since: Place = BEGINNING) -> list[Record]:
    return list(CelExport(path).records(since))


def short(records: list[Record]) -> list[tuple[int, str]]:
    """Line numbers, each with the reason or the caller's name."""
    return [(one.start.line, one.row.name or "" if one.row is not None else one.reason) for one in records]


def test_csv_lines_are_told_with_their_numbers_and_reasons(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    lines = [
        HEADER,
        GOOD,
        "HANGUP,yesterday,PJSIP/trunk-1,1.1,1.1,,",
        "",
        "HANGUP,1795291243",
        ",1795291243,PJSIP/trunk-1,1.1",
        "HANGUP,1795291243,PJSIP/trunk-1",
        'CHAN_START,1795291242.3,PJSIP/trunk-1,1.1,1.1,"Ana, Bo",',
        "HANGUP,,PJSIP/trunk-1,1.1",
        "garbage \ufffd",
    ]
    file.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode() + b"\xff")
    assert short(told(file)) == [
        (2, "Ana"),
        (3, "EventTime 'yesterday' is no time"),
        (5, "no ChanName"),
        (6, "no EventType"),
        (7, "no UniqueID"),
        (8, "Ana, Bo"),
        (9, "no EventTime"),
        (10, "no EventTime"),
    ]
    assert told(file)[1].text == "HANGUP,yesterday,PJSIP/trunk-1,1.1,1.1,,"


def test_a_row_may_hold_line_ends_and_a_broken_quote_costs_its_own_row_only(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    lines = [
        HEADER,
        'APP_START,1795291242.3,PJSIP/trunk-1,1.1,1.1,Two,"one',
        'two"',
        'CHAN_START,1795291242.3,PJSIP/"trunk-1,1.1,1.1,"Broken,',
        'CHAN_START,"1795291242.3,PJSIP/trunk-1,1.1,1.1,Open,',
        GOOD,
        'CHAN_START,"1795291242.3,PJSIP/trunk-1,1.1,1.1,Last,',
        *["x"] * (MOST_LINES + 1),
        GOOD,
    ]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = told(file)
    assert short(found)[:5] == [
        (2, "Two"),
        (4, "Broken,"),
        (5, found[2].reason),
        (6, "Ana"),
        (7, found[4].reason),
    ]
    assert found[0].row is not None
    assert found[0].row.argument == "one\ntwo"
    assert all(one.row is None for one in found[5:-1])
    assert short(found[-1:]) == [(len(lines), "Ana")]


def test_json_lines_are_told_with_their_numbers_and_reasons(tmp_path: Path) -> None:
    file = tmp_path / "cel.json"
    good = {"EventType": "HANGUP", "EventTime": 1795291242.3, "ChanName": "SIP/1", "UniqueID": "1.1", "Name": "Ana"}
    lines = [json.dumps(good), "{", "[]", json.dumps(good | {"EventType": None}), json.dumps(good)]
    file.write_text("\n".join(lines), encoding="utf-8")
    assert short(told(file)) == [
        (1, "Ana"),
        (2, "no JSON object"),
        (3, "no JSON object"),
        (4, "no EventType"),
        (5, "Ana"),
    ]


def test_a_line_without_end_is_one_refused_line(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    file.write_text(f"{HEADER}\n{'x' * (2 * LONGEST_LINE + 7)}\n{GOOD}\n", encoding="utf-8")
    found = told(file)
    assert short(found) == [(2, "longer than 1,000,000 bytes"), (3, "Ana")]
    assert len(found[0].text) == LONGEST_LINE


@pytest.mark.parametrize("form", ["csv", "json"])
def test_from_the_beginning_of_any_record_the_rest_is_told_alike(tmp_path: Path, form: str) -> None:
    file = tmp_path / "cel"
    fields = dict(zip(HEADER.split(","), GOOD.split(","), strict=True))
    lines = [HEADER, GOOD, "", "bad", GOOD.replace("Ana", '"Jo\u00e3o\nSilva"'), GOOD]
    if form == "json":
        lines = [json.dumps(fields), "bad", "", json.dumps(fields | {"CIDName": "Jo\u00e3o"}, ensure_ascii=False)]
    file.write_text("\r\n".join(lines) + "\n", encoding="utf-8-sig")
    whole = told(file)
    assert len(whole) > 2
    assert whole[-1].end == Place(file.stat().st_size, file.read_text("utf-8-sig").count("\n") + 1)
    for number, record in enumerate(whole):
        if record.start.offset:
            assert told(file, record.start) == whole[number:]


def test_a_line_being_written_has_no_end_yet(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    file.write_text(f"{HEADER}\n{GOOD}\nHANG", encoding="utf-8")
    last = told(file)[-1]
    assert (last.row, last.start, last.end) == (None, last.start, last.start)


@pytest.mark.parametrize("content", ["", "a,b\n", '"' * 200_001])
def test_a_file_that_names_no_columns_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "cel.csv"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(LogUnavailable, match=r"cel\.csv: the first line must name the columns"):
        CelExport(file)


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(LogUnavailable, match="No such file"):
        CelExport(tmp_path / "cel.csv")
    file = tmp_path / "cel.csv"
    file.write_text(f"{HEADER}\n", encoding="utf-8")
    export = CelExport(file)
    file.unlink()
    with pytest.raises(LogUnavailable, match="No such file"):
        list(export.records(Place()))
