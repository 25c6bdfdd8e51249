"""Mailboxes as Asterisk keeps them, for tests."""

from pathlib import Path

from tests.crm_core.test_recording_paths import sound

MESSAGE = """[message]
origmailbox={box}
callerchan=PJSIP/trunk-00000001
callerid="{name}" <{number}>
origtime={at}
msg_id={msg_id}
duration={seconds}
"""


def leave(spool: Path, where: str, msg_id: str, at: float, **facts: str) -> None:
    """Put a message into the spool; `where` is BOX/FOLDER/msgNNNN, in the context `default`."""
    stem = spool / "default" / where
    stem.parent.mkdir(parents=True, exist_ok=True)
    values = {"box": where.partition("/")[0], "name": "", "number": "+33601020304", "seconds": "3"} | facts
    stem.with_suffix(facts.get("ending", ".wav")).write_bytes(sound(3.0))
    stem.with_suffix(".txt").write_text(MESSAGE.format(at=int(at), msg_id=msg_id, **values))


def move(spool: Path, before: str, after: str) -> None:
    """Move a message within the spool, as Asterisk does when it renumbers a mailbox."""
    target = spool / "default" / after
    target.parent.mkdir(parents=True, exist_ok=True)
    for file in (spool / "default" / before).parent.glob(f"{Path(before).name}.*"):
        file.rename(target.with_suffix(file.suffix))
