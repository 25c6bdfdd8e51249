"""Called by Alembic; the connection comes with the settings, inside a transaction that the caller commits."""

from alembic import context

import crm_core.agents.states_tables
import crm_core.agents.tables
import crm_core.audit.tables
import crm_core.calls.tables
import crm_core.imports.tables
import crm_core.oversight.tables
import crm_core.people.tables
import crm_core.recordings.tables
import crm_core.staff.tables
import crm_core.voicemail.tables
import crm_core.work.tables  # noqa: F401 imported for their tables
from crm_core.db import Row

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Row.metadata, compare_type=True, transactional_ddl=True)
context.run_migrations()
