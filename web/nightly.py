"""What is done every night: clients that may be one are looked for, and the bin is emptied."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Final

from crm_core.errors import CrmError
from web.services import Services

NIGHT_HOUR: Final = 3
"""By the machine's clock."""
logger = logging.getLogger(__name__)


async def every_night(parts: Services) -> None:
    """Do it every night until cancelled; one that fails is done the next night."""
    while True:
        await asyncio.sleep(seconds_until(NIGHT_HOUR, datetime.fromtimestamp(parts.clock(), UTC).astimezone()))
        try:
            await parts.people.duplicates.look()
            while await parts.people.empty_bin():
                pass
        except CrmError as error:
            parts.metrics.database_errors.inc()
            logger.warning("clients are looked through tomorrow: %s", error)


def seconds_until(hour: int, now: datetime) -> float:
    """Return how long it is until the next time the clock shows this hour, by the wall clock of `now`'s zone."""
    then = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    return ((then if then > now else then + timedelta(days=1)) - now).total_seconds()
