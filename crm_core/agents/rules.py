"""Agents' states, how long the work after a call may take, and why one may pause. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from crm_core.errors import InvalidField
from crm_core.texts import line

WRAP_UP_REASON: Final = "wrap-up"
AWAY_REASON: Final = "away"
RESERVED_REASONS: Final = frozenset({WRAP_UP_REASON, AWAY_REASON})
"""Reasons kept for pauses Callcard makes by itself, so that they are never taken for a person's."""
LONGEST_WRAP_UP: Final = 30 * 60.0
"""Seconds; a wrap-up without a timer ends then too: the agent has gone home."""
LONGEST_QUEUE: Final = 80
EVERY_QUEUE: Final = "*"
"""The name under which a setting holds for every queue that has none of its own."""
LONGEST_SERVICE_LEVEL: Final = 3600.0
"""Seconds."""
LONGEST_REASON: Final = 60
MOST_REASONS: Final = 30


@dataclass(frozen=True, slots=True)
class QueueSetting:
    """What a queue asks of its agents after a call; the defaults hold for queues nobody set, and for direct calls."""

    queue: str
    wrap_up_seconds: float | None = None
    """The timer of the wrap-up; 0: there is none, None: it ends by hand, with a result, or after half an hour."""
    result_required: bool = False
    """The wrap-up cannot be ended by hand before a result was chosen; the timer ends it all the same."""
    pause_in_wrap_up: bool = False
    service_level_seconds: float | None = None
    """A caller taken within so long was taken in time; None: as the board has it."""

    @property
    def pauses(self) -> bool:
        """Whether the queue member is paused meanwhile: always where a result is demanded."""
        return self.pause_in_wrap_up or self.result_required


def check_queue_setting(setting: QueueSetting) -> QueueSetting:
    """Return the setting as stored; raises InvalidField."""
    queue = line(setting.queue)
    if queue != setting.queue or not 0 < len(queue) <= LONGEST_QUEUE:
        raise InvalidField("queue", f"name a queue, in 1-{LONGEST_QUEUE} characters")
    seconds = setting.wrap_up_seconds
    if seconds is not None and not 0 <= seconds <= LONGEST_WRAP_UP:
        raise InvalidField("wrap_up_seconds", f"must be between 0 and {LONGEST_WRAP_UP:g}")
    level = setting.service_level_seconds
    if level is not None and not 1 <= level <= LONGEST_SERVICE_LEVEL:
        raise InvalidField("service_level_seconds", f"must be between 1 and {LONGEST_SERVICE_LEVEL:g}")
    return setting


class QueueRules:
    """What each queue asks: its own setting, else the one for every queue, else the defaults."""

    def __init__(
        self, settings: Iterable[QueueSetting] = (), has_results: Callable[[str], bool] = lambda _: True
    ) -> None:
        """`has_results` tells whether any result can be chosen for calls of a queue: only then can one be demanded."""
        self._settings = {setting.queue: setting for setting in settings}
        self._has_results = has_results

    def of(self, queue: str | None) -> QueueSetting:
        """Return what a queue asks; the defaults for a call that came through none."""
        if queue is None:
            return QueueSetting("")
        found = self._settings.get(queue) or self._settings.get(EVERY_QUEUE) or QueueSetting(queue)
        return replace(found, queue=queue, result_required=found.result_required and self._has_results(queue))


def reason_key(reason: str) -> str:
    """Return a reason as reasons are told apart: without regard to case."""
    return line(reason).casefold()


def is_reserved(reason: str) -> bool:
    """Tell whether only Callcard itself may pause with this reason."""
    return reason_key(reason) in RESERVED_REASONS


def check_pause_reasons(reasons: Sequence[str]) -> tuple[str, ...]:
    """Return the list as stored; raises InvalidField for one that is empty, too long, reserved or there twice."""
    if len(reasons) > MOST_REASONS:
        raise InvalidField("items", f"{MOST_REASONS} reasons at most")
    kept: dict[str, str] = {}
    for reason in map(line, reasons):
        if not 0 < len(reason) <= LONGEST_REASON:
            raise InvalidField("items", f"a reason has 1-{LONGEST_REASON} characters")
        if is_reserved(reason):
            raise InvalidField("items", f"{reason} is kept for Callcard itself")
        if reason_key(reason) in kept:
            raise InvalidField("items", f"{reason} is there twice")
        kept[reason_key(reason)] = reason
    return tuple(kept.values())
