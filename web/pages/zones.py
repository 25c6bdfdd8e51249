"""The reader's time zone, as the browser says it in a cookie: days in filters begin at the reader's midnight."""

import zoneinfo
from datetime import UTC, date, datetime, time, timedelta, tzinfo

COOKIE = "callcard_zone"


def load() -> dict[str, tzinfo]:
    """Read every zone the system knows. Blocks: call it in a thread."""
    return {name: zoneinfo.ZoneInfo(name) for name in sorted(zoneinfo.available_timezones())}


def choose(zones: dict[str, tzinfo], cookie: str | None) -> tzinfo:
    """Return the zone of the cookie, UTC when there is none we know."""
    return zones.get(cookie or "", UTC)


def day_start(text: str, zone: tzinfo, *, days: int = 0) -> float | None:
    """Return the first instant of a day written `2026-11-21` (plus `days`), None for what is no date."""
    try:
        day = date.fromisoformat(text) + timedelta(days=days)
        return datetime.combine(day, time.min, zone).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
