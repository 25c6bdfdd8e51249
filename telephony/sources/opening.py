"""An address becomes a log that can be read."""

from telephony.sources import LogAddress, LogSource
from telephony.sources.files import FileLog
from telephony.sources.tables import TableLog


def open_log(address: LogAddress) -> LogSource:
    """Return the log at an address; nothing is opened before it is read."""
    return FileLog(address) if address.kind == "file" else TableLog(address)
