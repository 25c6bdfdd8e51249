"""Clients from files: a file is sent, its columns are named, its rows are read in the background and can be undone."""

import asyncio
import csv
import io
import re
import secrets
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Final

from aiohttp import hdrs, web
from msgspec import Meta, Struct

from crm_core.audit.rules import Area, Deed, FieldChange
from crm_core.errors import CrmError
from crm_core.imports.files import error_row
from crm_core.imports.rows import MOST_COLUMNS, UnreadableFile
from crm_core.imports.rules import Duplicates, Import, ImportState
from crm_core.imports.runner import look_into
from crm_core.people.exporting import FileFormat, export_parts
from screenpop.messages import optional_timestamp, timestamp
from web.api.models import Time
from web.api.problems import Invalid, Problem
from web.api.reading import PageQuery, path_id, read_body, read_query
from web.api.routes import Route
from web.api.writing import answer
from web.auth import IMPORT, SUPERVISE, signed_in
from web.services import services

MOST_BYTES: Final = 256 * 1024 * 1024
"""How large a file may be: some 1,000,000 clients as CSV."""
CHUNK_SECONDS: Final = 30.0
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_Name = Annotated[str, Meta(min_length=1, max_length=200, description="What the file is called.")]


class UploadQuery(Struct, frozen=True):
    """The file's name; its bytes are the body."""

    name: _Name = "clients.csv"


class ImportStart(Struct, frozen=True, forbid_unknown_fields=True):
    """What the columns are, in their order; a dry run writes nothing and tells what would become of the rows."""

    columns: Annotated[
        tuple[Annotated[str, Meta(max_length=100)] | None, ...],
        Meta(
            max_length=MOST_COLUMNS, description="name, company, phone, email, group, tag, owner, note or custom.NAME"
        ),
    ]
    duplicates: Duplicates = Duplicates.SKIP
    dry_run: bool = False


class ImportOut(Struct, frozen=True):
    """A file of clients and how far it is; the counts are rows."""

    id: int
    name: str
    state: ImportState
    headers: tuple[str, ...]
    columns: tuple[str | None, ...]
    samples: tuple[tuple[str, ...], ...]
    duplicates: Duplicates
    total: int
    position: int
    created: int
    updated: int
    known: int
    refused: int
    undone: int
    kept: int
    by: str
    created_at: Time
    finished_at: Time | None
    problem: str | None


class ImportList(Struct, frozen=True):
    """A page of imports, the newest first."""

    items: tuple[ImportOut, ...]
    next: str | None


class ExportQuery(Struct, frozen=True):
    """Which clients, and as what: `csv`, `xlsx` or `vcf`."""

    format: FileFormat = FileFormat.CSV
    q: Annotated[str, Meta(max_length=200)] | None = None


async def list_imports(request: web.Request) -> web.StreamResponse:
    """List imports."""
    query = read_query(request, PageQuery)
    page = await services(request).imports.list_imports(limit=query.limit, cursor=query.cursor)
    return answer(ImportList(tuple(_out(one) for one in page.items), page.next))


async def upload_file(request: web.Request) -> web.StreamResponse:
    """Take a file in, and say what its columns seem to be. Nothing is imported yet."""
    query = read_query(request, UploadQuery)
    parts = services(request)
    folder = parts.settings.var_dir / "imports"
    path = folder / f"{secrets.token_hex(8)}-{_UNSAFE.sub('_', query.name)[-80:]}"
    try:
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        await _receive(request, path)
        facts = await look_into(parts.imports, path, parts.numbering)
        job = await parts.imports.create(query.name, str(path), facts, signed_in(request).user.name)
    except BaseException as error:
        await asyncio.to_thread(path.unlink, missing_ok=True)
        if isinstance(error, UnreadableFile):
            raise Invalid.field("file", str(error)) from error
        if isinstance(error, OSError):
            raise Problem(
                f"The file cannot be kept: {(error.strerror or 'unknown').lower()}.",
                status=HTTPStatus.INSUFFICIENT_STORAGE,
            ) from error
        raise
    return answer(_out(job), HTTPStatus.CREATED, {hdrs.LOCATION: f"/api/v1/imports/{job.id}"})


async def read_import(request: web.Request) -> web.StreamResponse:
    """Read how far an import is."""
    return answer(_out(await services(request).imports.get(path_id(request, "import_id"))))


async def start_import(request: web.Request) -> web.StreamResponse:
    """Let the rows be read."""
    import_id = path_id(request, "import_id")
    await services(request).imports.get(import_id)
    body = await read_body(request, ImportStart)
    job = await services(request).imports.start(import_id, body.columns, body.duplicates, dry_run=body.dry_run)
    services(request).import_runner.wake()
    return answer(_out(job))


async def cancel_import(request: web.Request) -> web.StreamResponse:
    """Stop an import; what was written stays and can be undone."""
    return answer(_out(await services(request).imports.cancel(path_id(request, "import_id"))))


async def undo_import(request: web.Request) -> web.StreamResponse:
    """Take an import back; clients that somebody changed since are kept."""
    job = await services(request).imports.undo(path_id(request, "import_id"))
    services(request).import_runner.wake()
    return answer(_out(job))


async def import_errors(request: web.Request) -> web.StreamResponse:
    """Give the refused rows as a file, each with its reason; mended it can be imported."""
    job = await services(request).imports.get(path_id(request, "import_id"))
    return await _send(request, _errors(request, job), f"{Path(job.name).stem}.errors.csv", FileFormat.CSV.content_type)


async def export_clients(request: web.Request) -> web.StreamResponse:
    """Give clients as a file, all or those a search means."""
    query = read_query(request, ExportQuery)
    told = (FieldChange("format", None, query.format), FieldChange("search", None, query.q))
    by = signed_in(request).user.name
    if request.method == hdrs.METH_GET:
        await services(request).audit.write(Area.CONTACTS, "", Deed.EXPORTED, by, services(request).clock(), told)
    parts = export_parts(services(request).people, query.format, query.q)
    return await _send(request, parts, f"clients.{query.format}", query.format.content_type)


async def _errors(request: web.Request, job: Import) -> AsyncIterator[bytes]:
    rows, after = [[*job.headers, "error"]], 0
    yield b"\xef\xbb\xbf"  # with it spreadsheets know that it is UTF-8
    while rows:
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=job.delimiter).writerows(rows)
        yield text.getvalue().encode()
        refused = await services(request).imports.refusals(job.id, after=after)
        rows = [error_row(job, one) for one in refused]
        after = refused[-1].number if refused else after


async def _send(request: web.Request, parts: AsyncIterator[bytes], name: str, content_type: str) -> web.StreamResponse:
    """Send a file while it is made; one that breaks off ends without its last chunk, so nobody takes it for whole."""
    headers = {
        hdrs.CONTENT_TYPE: content_type,
        hdrs.CONTENT_DISPOSITION: f'attachment; filename="{_UNSAFE.sub("_", name)}"',
    }
    response = web.StreamResponse(headers=headers)
    first = await anext(parts, b"")  # what fails before the first byte is an answer of its own
    await response.prepare(request)
    if request.method == hdrs.METH_HEAD:
        return response
    try:
        await response.write(first)
        async for part in parts:
            await response.write(part)
    except CrmError:
        if request.transport is not None:
            request.transport.abort()
        return response
    await response.write_eof()
    return response


async def _receive(request: web.Request, path: Path) -> None:
    """Write the body to a file; raises a 413 or 408 problem, or OSError."""
    if (request.content_length or 0) > MOST_BYTES:
        raise _too_large()
    size = 0
    file = await asyncio.to_thread(path.open, "xb")
    try:
        while True:
            try:
                async with asyncio.timeout(CHUNK_SECONDS):
                    chunk = await request.content.readany()
            except TimeoutError as error:
                raise Problem("The file did not arrive.", status=HTTPStatus.REQUEST_TIMEOUT) from error
            if not chunk:
                return
            size += len(chunk)
            if size > MOST_BYTES:
                raise _too_large()
            await asyncio.to_thread(file.write, chunk)
    finally:
        await asyncio.to_thread(file.close)


def _too_large() -> Problem:
    return Problem(f"The file is larger than {MOST_BYTES // 1024**2} MiB.", status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def _out(job: Import) -> ImportOut:
    return ImportOut(
        id=job.id,
        name=job.name,
        state=job.state,
        headers=job.headers,
        columns=job.columns,
        samples=job.samples,
        duplicates=job.duplicates,
        total=job.total,
        position=job.position,
        created=job.created,
        updated=job.updated,
        known=job.known,
        refused=job.refused,
        undone=job.undone,
        kept=job.kept,
        by=job.by,
        created_at=timestamp(job.created_at),
        finished_at=optional_timestamp(job.finished_at),
        problem=job.problem,
    )


routes = [
    Route(
        method="GET",
        path="/contacts/export",
        handler=export_clients,
        access=SUPERVISE,
        tag="imports",
        summary="Clients as a file: CSV, XLSX or vCard",
        query=ExportQuery,
        media="*/*",
        in_parts=False,
    ),
    Route(
        method="GET",
        path="/imports",
        handler=list_imports,
        access=IMPORT,
        tag="imports",
        summary="Imports of clients, the newest first",
        query=PageQuery,
        returns=ImportList,
    ),
    Route(
        method="POST",
        path="/imports",
        handler=upload_file,
        access=IMPORT,
        tag="imports",
        summary="Send a CSV, XLSX or vCard file; nothing is imported yet",
        query=UploadQuery,
        accepts="application/octet-stream",
        returns=ImportOut,
        status=201,
        problems=(507,),
    ),
    Route(
        method="GET",
        path="/imports/{import_id}",
        handler=read_import,
        access=IMPORT,
        tag="imports",
        summary="How far an import is",
        returns=ImportOut,
    ),
    Route(
        method="POST",
        path="/imports/{import_id}/start",
        handler=start_import,
        access=IMPORT,
        tag="imports",
        summary="Import the rows, or only try",
        body=ImportStart,
        returns=ImportOut,
        problems=(409,),
    ),
    Route(
        method="POST",
        path="/imports/{import_id}/cancel",
        handler=cancel_import,
        access=IMPORT,
        tag="imports",
        summary="Stop an import; what was written stays",
        returns=ImportOut,
        problems=(409,),
    ),
    Route(
        method="POST",
        path="/imports/{import_id}/undo",
        handler=undo_import,
        access=IMPORT,
        tag="imports",
        summary="Take an import back",
        returns=ImportOut,
        problems=(409,),
    ),
    Route(
        method="GET",
        path="/imports/{import_id}/errors",
        handler=import_errors,
        access=IMPORT,
        tag="imports",
        summary="The refused rows with their reasons, as CSV",
        media="text/csv",
        in_parts=False,
    ),
]
