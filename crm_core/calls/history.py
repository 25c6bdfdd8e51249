"""Calls told by a PBX's own log on their way into the call log: who sat at the phones, whose number it was."""

from collections.abc import Sequence

from crm_core.calls.rules import CallToSave
from crm_core.calls.store import Calls
from crm_core.numbers import Numbering
from crm_core.staff.store import Staff
from telephony.cel import Finished
from telephony.phones import AT, named_record
from telephony.records import CallRecord


class HistoryWriter:
    """Writes finished calls; a row that was followed live to its end stays as it is, doing it again changes nothing."""

    def __init__(self, calls: Calls, staff: Staff, numbering: Numbering) -> None:
        self._calls = calls
        self._staff = staff
        self._numbering = numbering

    async def write(self, finished: Sequence[Finished]) -> None:
        """Write calls, and make their consultations part of them. Raises CrmError; then it may be done again."""
        if not finished:
            return
        elsewhere = await self._calls.absorbed([one.call.id for one in finished])
        finished = [one for one in finished if one.call.id not in elsewhere]
        users = {extension: user.name for extension, user in (await self._staff.seats()).items()}
        written = frozenset(extension for extension in users if AT in extension)
        await self._calls.add_many([self._save(named_record(one.call, written), users) for one in finished])
        for one in finished:
            for absorbed in one.absorbed:
                await self._calls.absorb(absorbed, one.call.id)

    def _save(self, call: CallRecord, users: dict[str, str]) -> CallToSave:
        phones = [*(phone.extension for phone in call.participants), call.extension or ""]
        sat = {extension: users[extension] for extension in phones if extension in users}
        return CallToSave(call, self._numbering.read(call.number, withheld=call.withheld), None, 0, sat)
