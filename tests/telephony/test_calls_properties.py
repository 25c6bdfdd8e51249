"""Properties of the reducer that no list of examples can show: bad order, cut streams, repeats, restarts."""

from pathlib import Path
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telephony.calls import CallBook, apply, open_calls
from telephony.events import BridgeEnter, ConfbridgeJoin, parse
from telephony.headers import headers
from telephony.records import CallChange, CallRecord, ChangeKind
from telephony.recovery import adopt, link_down, link_up, resync, snapshot
from tests.telephony.recording import Block, all_recordings, blocks_of, new_book, play

PATHS = list(all_recordings())
STREAMS: dict[Path, list[Block]] = {}

quiet = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def stream(path: Path) -> list[Block]:
    if path not in STREAMS:
        STREAMS[path] = [block for block in blocks_of(path) if parse(headers(block[1]), block[0]) is not None]
    return STREAMS[path]


def phones(path: Path) -> str:
    return r"(1500100|2600100)\d\d" if path.suffix == ".json" else "[0-9]{2,5}"


@quiet
@given(path=st.sampled_from(PATHS), data=st.data())
def test_any_start_in_mid_stream_is_taken_and_no_answer_is_invented(path: Path, data: st.DataObject) -> None:
    blocks = stream(path)
    start = data.draw(st.integers(0, len(blocks)))
    outcome = play(blocks[start:], new_book(phones(path)))
    if not any(isinstance(parse(headers(raw), at), BridgeEnter | ConfbridgeJoin) for at, raw in blocks[start:]):
        assert all(row.answered_at is None for row in outcome.rows.values())
    assert outcome.book.calls == {}
    assert outcome.book.graph.channels == {}


@quiet
@given(path=st.sampled_from(PATHS), random=st.randoms(use_true_random=False))
def test_any_order_of_arrival_is_taken(path: Path, random: Random) -> None:
    blocks = list(stream(path))
    random.shuffle(blocks)
    outcome = play(blocks, new_book(phones(path)))
    assert all(row.talk_seconds >= 0 and row.wait_seconds >= 0 for row in outcome.rows.values())


@quiet
@given(path=st.sampled_from(PATHS), repeats=st.sets(st.integers(0, 2000), max_size=40))
def test_a_repeated_message_changes_no_row(path: Path, repeats: set[int]) -> None:
    blocks = stream(path)
    doubled = [b for place, block in enumerate(blocks) for b in ([block, block] if place in repeats else [block])]
    once, twice = play(blocks, new_book(phones(path))), play(doubled, new_book(phones(path)))
    assert facts(once.in_order()) == facts(twice.in_order())


def facts(rows: list[CallRecord]) -> list[tuple[object, ...]]:
    return [(r.id, r.direction, r.outcome, r.number, r.answered_by, r.holds, len(r.transfers)) for r in rows]


@quiet
@given(path=st.sampled_from([p for p in PATHS if p.suffix == ".jsonl"]), data=st.data())
def test_a_call_keeps_its_id_and_ends_once_when_the_service_starts_anew(path: Path, data: st.DataObject) -> None:
    """Killed in mid-call and started again: open rows are adopted, what the PBX still has goes on under the same id."""
    blocks = stream(path)
    cut = data.draw(st.integers(1, len(blocks)))
    first = new_book()
    before = play_open(blocks[:cut], first)
    second = new_book()
    adopt(second, list(open_calls(first)))
    after = play(blocks[cut:], second)
    known = {change.call.id for change in before} | set(after.rows)
    alone = play(blocks, new_book())
    # An attempt without a channel is judged a second after it was told: killed before that, there is no row.
    assert known >= {row.id for row in alone.rows.values() if row.channels}
    at = blocks[-1][0] + 100
    for change in resync(second, snapshot([], []), at).changes:
        if isinstance(change, CallChange) and change.kind is ChangeKind.ENDED:
            assert change.call.id not in {c.call.id for c in after.changes if c.kind is ChangeKind.ENDED}
    assert second.calls == {}


def play_open(blocks: list[Block], book: CallBook) -> list[CallChange]:
    """Apply blocks without the closing sweep."""
    changes: list[CallChange] = []
    for at, raw in blocks:
        event = parse(headers(raw), at)
        if event is not None:
            changes.extend(c for c in apply(book, event).changes if isinstance(c, CallChange))
    return changes


@quiet
@given(path=st.sampled_from(PATHS), data=st.data())
def test_a_dropped_link_leaves_nothing_open_once_the_pbx_is_empty(path: Path, data: st.DataObject) -> None:
    blocks = stream(path)
    cut = data.draw(st.integers(0, len(blocks)))
    book = new_book(phones(path))
    play_open(blocks[:cut], book)
    link_down(book, 1000.0, "cut")
    link_up(book, 1001.0)
    resync(book, snapshot([], []), 1001.1)
    assert book.calls == {}
    assert book.graph.channels == {}
    assert all(not queue.waiting for queue in book.queues.queues.values())
