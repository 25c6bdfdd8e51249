"""The demo's agents at whose desks no visitor sits: they are at work too, and close their cards after the call."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from screenpop.messages import PopStatus
from screenpop.service import Service

LOOK_SECONDS: Final = 2.0
LOOKS_IN_WRAP_UP: Final = 4
"""How often a card is seen in wrap-up before it is closed: some eight seconds, as if a note was finished."""


class Colleagues:
    """Plays the agents that no visitor of the demo has taken."""

    def __init__(self, agents: Mapping[str, str], taken: Callable[[str], bool]) -> None:
        """Play `agents` (extension -> name) while their phone is not `taken` by a person."""
        self._agents = agents
        self._taken = taken
        self._present: set[str] = set()
        self._looks: dict[tuple[str, str], int] = {}

    async def work(self, service: Service) -> None:
        """Be at work until cancelled."""
        while True:
            for extension, name in self._agents.items():
                if self._taken(extension):
                    await self._go(service, name)
                    continue
                self._come(service, name)
                await self._finish(service, name)
            await asyncio.sleep(LOOK_SECONDS)

    def _come(self, service: Service, name: str) -> None:
        if name not in self._present:
            self._present.add(name)
            service.agent_online(name)

    async def _go(self, service: Service, name: str) -> None:
        if name not in self._present:
            return
        self._present.remove(name)
        service.agent_offline(name)
        # Whoever sits down has put down what was talked about here; the first call of their own may ring already.
        for pop in service.pops_snapshot(name).state.pops:
            if pop.status is not PopStatus.RINGING:
                await service.dismiss(name, pop.call_id)

    async def _finish(self, service: Service, name: str) -> None:
        waiting = {
            (name, pop.call_id) for pop in service.pops_snapshot(name).state.pops if pop.status is PopStatus.WRAP_UP
        }
        for done in [one for one in self._looks if one[0] == name and one not in waiting]:
            del self._looks[done]
        for one in waiting:
            self._looks[one] = self._looks.get(one, 0) + 1
            if self._looks[one] >= LOOKS_IN_WRAP_UP:
                await service.dismiss(*one)
