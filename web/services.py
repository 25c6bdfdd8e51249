"""What a request may reach: the parts of the house, built in `web.__main__` and handed to the application."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from crm_core.agents.days_store import AgentDays
from crm_core.agents.states_store import AgentStates
from crm_core.agents.store import Agents
from crm_core.audit.store import Audit
from crm_core.calls.dispositions_store import Dispositions
from crm_core.calls.store import Calls
from crm_core.db import Database
from crm_core.imports.runner import Runner
from crm_core.imports.store import Imports
from crm_core.numbers import Numbering
from crm_core.oversight.store import Oversight
from crm_core.people.store import People
from crm_core.recordings.collector import Collector
from crm_core.recordings.places import Sources
from crm_core.recordings.store import Recordings
from crm_core.staff.store import Staff
from crm_core.voicemail.spool import Spool
from crm_core.voicemail.store import Voicemails
from crm_core.work.store import Work
from screenpop.bus import Bus
from screenpop.service import Service
from telephony.tracker import Tracker
from web.metrics import Metrics
from web.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """The parts that handlers use; one instance per running service."""

    settings: Settings
    signing_key: bytes
    db: Database
    staff: Staff
    people: People
    audit: Audit
    imports: Imports
    import_runner: Runner
    calls: Calls
    work: Work
    states: AgentStates
    agents: Agents
    days: AgentDays
    results: Dispositions
    oversight: Oversight
    numbering: Numbering
    service: Service
    bus: Bus
    recordings: Recordings
    collector: Collector
    sources: Sources
    voicemails: Voicemails
    spools: Mapping[str, Spool]
    """The mailboxes of each PBX, by its name; a PBX without a spool is not in it."""
    metrics: Metrics
    trackers: Mapping[str, Tracker] = field(default_factory=dict)
    """The PBXs this node owns, by name; a PBX that another node holds is not in it."""
    clock: Callable[[], float] = time.time


SERVICES: web.AppKey[Services] = web.AppKey("services", Services)


def services(request: web.Request) -> Services:
    """Return the parts of the house for this request."""
    return request.config_dict[SERVICES]
