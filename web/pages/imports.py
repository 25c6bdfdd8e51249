"""Clients from a file, in steps: drop the file, see what its columns are, try, import, undo."""

from aiohttp import web

from crm_core.imports.rules import AT_WORK, STARTABLE, UNDOABLE, Duplicates
from crm_core.people.fields import CUSTOM, FIELDS
from web.api.reading import path_id
from web.auth import IMPORT, add_route
from web.pages.rendering import render
from web.services import services

_RECENT = 20
_SHOWN_REFUSALS = 10


def setup(app: web.Application) -> None:
    """Add the pages; before those of the clients, for "import" is no id."""
    add_route(app, "GET", "/contacts/import", imports, IMPORT)
    add_route(app, "GET", "/contacts/import/{import_id}", one_import, IMPORT)


async def imports(request: web.Request) -> web.Response:
    """Show where to drop a file, and what was imported before."""
    page = await services(request).imports.list_imports(limit=_RECENT)
    return await render(request, "imports/list.html", {"imports": page.items})


async def one_import(request: web.Request) -> web.Response:
    """Show one file: its columns to be named, how far it is, or what became of it."""
    store = services(request).imports
    job = await store.get(path_id(request, "import_id"))
    refusals = await store.refusals(job.id, limit=_SHOWN_REFUSALS) if job.refused else ()
    names = sorted({column for column in job.columns if column and column.startswith(CUSTOM)})
    values = {
        "job": job,
        "fields": [field for field in FIELDS if field != "phone.other"],
        "custom": names,
        "refusals": refusals,
        "rules": list(Duplicates),
        "startable": job.state in STARTABLE,
        "working": job.state in AT_WORK,
        "undoable": job.state in UNDOABLE and bool(job.created or job.updated),
    }
    return await render(request, "imports/one.html", values)
