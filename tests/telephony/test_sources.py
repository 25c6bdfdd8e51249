"""Where a PBX keeps its channel event log: whatever holds the rows, the same calls come out."""

import csv
import json
import os
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from telephony.cel import Row, finished_calls, read
from telephony.records import CallRecord
from telephony.sources import LogSource, LogUnavailable, parse_log_urls
from telephony.sources.addresses import SAMPLE_COLUMNS
from telephony.sources.clocks import Clock
from telephony.sources.opening import open_log
from tests.telephony.recording import ASTERISK22, truth_of
from tests.telephony.test_cel import LINE

Told = list[dict[str, Any]]
TRACE = ASTERISK22 / "queue_ringall_answered.jsonl"
LONG = {"name": "CIDName", "num": "CIDNum", "ani": "CIDANI", "rdnis": "CIDRDNIS", "dnid": "CIDDNID"}
DATABASE = LONG | {key: f"cid_{key}" for key in LONG} | {"eventextra": "extra", "channame": "ChanName"}


@pytest.fixture
def told() -> Told:
    rows: Told = truth_of(TRACE)["cel"]
    return rows


@pytest.fixture
def calls(told: Told) -> list[CallRecord]:
    found = list(finished_calls([row for row in map(read, told) if row is not None], LINE))
    assert found
    return found


def source(url: str) -> LogSource:
    return open_log(parse_log_urls(url)[0])


async def everything(log: LogSource, since: float = 0.0) -> list[Row]:
    return [row async for some in log.rows(since) for row in some]


async def calls_of(url: str, since: float = 0.0) -> list[CallRecord]:
    return list(finished_calls(await everything(source(url), since), LINE))


def write_json(path: Path, rows: Told) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_csv(path: Path, rows: Told, columns: dict[str, str], *, header: bool) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        if header:
            writer.writerow(columns)
        writer.writerows([row.get(key, "") for key in columns.values()] for row in rows)


async def test_json_lines(tmp_path: Path, told: Told, calls: list[CallRecord]) -> None:
    write_json(tmp_path / "cel.json", told)
    assert await calls_of(f"file://{tmp_path}/cel.json") == calls


async def test_csv_whose_first_line_names_the_columns(tmp_path: Path, told: Told, calls: list[CallRecord]) -> None:
    columns = {LONG.get(key, key).upper(): key for key in told[0]}
    write_csv(tmp_path / "cel.csv", told, columns, header=True)
    assert await calls_of(f"file://{tmp_path}/cel.csv") == calls


async def test_csv_as_the_sample_configuration_writes_it(tmp_path: Path, told: Told, calls: list[CallRecord]) -> None:
    short = {"cidname": "name", "cidnum": "num", "cidani": "ani", "cidrdnis": "rdnis", "ciddnid": "dnid"}
    columns = {name: ({"extra": "eventextra"} | short).get(name, name) for name in SAMPLE_COLUMNS}
    write_csv(tmp_path / "cel.csv", told, columns, header=False)
    assert await calls_of(f"file://{tmp_path}/cel.csv") == calls


async def test_rotated_files_are_read_in_their_order_and_a_half_written_line_is_left(
    tmp_path: Path, told: Told, calls: list[CallRecord]
) -> None:
    log = tmp_path / "cel.json"
    first, second = len(told) // 3, 2 * len(told) // 3
    for age, (name, some) in enumerate(
        [("cel.json.2", told[:first]), ("cel.json.1", told[first:second]), ("cel.json", told[second:])]
    ):
        write_json(tmp_path / name, some)
        os.utime(tmp_path / name, (told[-1]["eventtime"] + age,) * 2)
    (tmp_path / "cel.json.3.gz").write_bytes(b"\x1f\x8b")
    with log.open("a") as file:
        file.write('{"eventtype":"CHAN_START","eventti')
    os.utime(log, (told[-1]["eventtime"] + 9,) * 2)
    reader = source(f"file://{log}")
    assert list(finished_calls(await everything(reader), LINE)) == calls
    assert reader.refused == 0


async def test_lines_that_are_no_rows_are_counted_and_passed_over(
    tmp_path: Path, told: Told, calls: list[CallRecord]
) -> None:
    lines = [json.dumps(row).encode() for row in told]
    lines[5:5] = [b"", b"\xff\xfe{", b'{"eventtype": "HANGUP"}', b"x" * 2_000]
    (tmp_path / "cel.json").write_bytes(b"\n".join(lines) + b"\n")
    reader = source(f"file://{tmp_path}/cel.json")
    assert list(finished_calls(await everything(reader), LINE)) == calls
    assert reader.refused == 3


@pytest.mark.parametrize("share", [0.0, 0.3, 0.77, 0.999, 1.2])
async def test_the_place_in_a_large_file_is_found(tmp_path: Path, told: Told, share: float) -> None:
    rows = [row | {"eventtime": 1_000_000.0 + number} for number, row in enumerate(told * 300)]
    write_json(tmp_path / "cel.json", rows)
    since = 1_000_000.0 + share * len(rows)
    assert [row.at for row in await everything(source(f"file://{tmp_path}/cel.json"), since)] == [
        row["eventtime"] for row in rows if row["eventtime"] >= since
    ]


async def test_a_log_that_is_not_there_says_so_in_one_line(tmp_path: Path) -> None:
    for url in (f"file://{tmp_path}/cel.json", f"sqlite://{tmp_path}/cel.db", "postgresql://u:geheim@127.0.0.1:1/x"):
        with pytest.raises(LogUnavailable) as caught:
            await everything(source(url))
        assert "\n" not in str(caught.value)
        assert "geheim" not in str(caught.value)


SHAPES: dict[str, Callable[[float], object]] = {
    "epoch": lambda at: at,
    "epoch text": lambda at: f"{at:.6f}",
    "UTC": lambda at: datetime.fromtimestamp(at, UTC).isoformat(" "),
    "local": lambda at: datetime.fromtimestamp(at, ZoneInfo("Asia/Kolkata")).replace(tzinfo=None).isoformat(" "),
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_an_sqlite_table(tmp_path: Path, told: Told, calls: list[CallRecord], shape: str) -> None:
    keys = list(told[0])
    names = ", ".join(DATABASE.get(key, key) for key in keys)
    with sqlite3.connect(tmp_path / "cel.db") as db:
        db.execute(f"CREATE TABLE cel_log (id INTEGER PRIMARY KEY, {names})")
        marks = ", ".join("?" * len(keys))
        earlier = told[0] | {"eventtime": told[0]["eventtime"] - 86400, "uniqueid": "1.1", "linkedid": "1.1"}
        for row in [earlier, *told]:
            values = [SHAPES[shape](row[key]) if key == "eventtime" else row[key] for key in keys]
            db.execute(f"INSERT INTO cel_log ({names}) VALUES ({marks})", values)  # noqa: S608 - the names are ours
    db.close()
    url = f"sqlite://{tmp_path}/cel.db?table=cel_log"
    since = told[0]["eventtime"] - 1
    found = await calls_of(url, since)
    assert [(call.id, call.outcome, call.answered_by) for call in found] == [
        (call.id, call.outcome, call.answered_by) for call in calls
    ]
    assert [call.started_at for call in found] == pytest.approx([call.started_at for call in calls], abs=0.001)
    assert len(await everything(source(url), since)) == len(told)


def test_the_zone_that_was_told_wins(tmp_path: Path) -> None:
    address = parse_log_urls(f"file://{tmp_path}/x.csv?tz=Europe/Madrid#branch")[0]
    assert (address.name, str(address.zone)) == ("branch", "Europe/Madrid")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://x/y", "must begin with"),
        ("file://x", "three slashes"),
        ("postgresql://u:geheim@", "USER:PASSWORD@HOST"),
        ("postgresql://u:geheim@h:x/n", "host and port"),
        ("mysql://u:geheim@h/n?table=a;b", "no name of a table"),
        ("sqlite:///x.db?colour=red", "unknown option 'colour'"),
        ("file:///x?tz=Mars/Base", "no time zone"),
        ("file:///x?tz=../../etc", "no time zone"),
        ("file:///x#a/b", "1 to 32 letters"),
        ("file:///x file:///y", "two logs"),
    ],
)
def test_a_wrong_address_names_the_fault_and_no_secret(url: str, told: str) -> None:
    with pytest.raises(ValueError, match=told) as caught:
        parse_log_urls(url)
    assert "geheim" not in str(caught.value)


def test_a_clock_with_a_zone_knows_summer_time() -> None:
    clock = Clock(ZoneInfo("Europe/Madrid"))
    for month, hours in ((1, 1), (7, 2)):
        at = datetime(2026, month, 15, 12, tzinfo=UTC).timestamp()
        assert clock.local(at) == at + hours * 3600
        assert clock.moment(clock.local(at)) == at


@pytest.mark.parametrize(
    ("uniqueid", "offset"),
    [("1795291000.5", 3600.0), ("pbx-1-1795291000.5", 3600.0), ("crm-42-a", 0.0), ("1695291000.5", 0.0)],
)
def test_a_zone_is_learnt_from_channels_that_tell_when_they_began(uniqueid: str, offset: float) -> None:
    clock = Clock()
    clock.learn(1_795_291_000.4 + 3600, uniqueid)
    assert clock.offset == offset


def test_a_time_that_names_its_zone_is_left_alone(told: Told) -> None:
    row = read(told[0])
    assert row is not None
    assert Clock(ZoneInfo("Europe/Madrid")).right(row) is row
