"""The OpenAPI 3.1 document, generated from the routes and the models that validate."""

import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import hdrs, web

from web import auth
from web.api.problems import CONTENT_TYPE, ProblemDetails
from web.api.routes import PREFIX, Route

DOCUMENT_PATH: Final = f"{PREFIX}/openapi.json"
_REFERENCE: Final = "#/components/schemas/{name}"
_INTEGERS: Final = frozenset({"contact_id", "import_id", "merge_id", "n", "task_id", "voicemail_id"})
"""Names in a path that are numbers; the others are text."""

Json = dict[str, Any]
_BYTES: Final[Json] = {"type": "string", "format": "binary"}


def setup(app: web.Application, described: Json) -> None:
    """Serve the document; it is public, it tells nothing but the API."""
    encoded = encode(described)

    async def send(_: web.Request) -> web.StreamResponse:
        return web.Response(body=encoded, content_type="application/json")

    auth.add_route(app, hdrs.METH_GET, DOCUMENT_PATH, send, auth.PUBLIC)


def encode(described: Json) -> bytes:
    """Write the document the way both `callcard openapi` and the service give it."""
    return msgspec.json.format(msgspec.json.encode(described), indent=2)


def document(routes: Sequence[Route]) -> Json:
    """Describe the API."""
    bodies = {model for route in routes for model in (route.body, route.returns, route.query) if model is not None}
    models = sorted({*bodies, ProblemDetails}, key=lambda model: (model.__module__, model.__qualname__))
    schemas, components = msgspec.json.schema_components(models, ref_template=_REFERENCE)
    refs = dict(zip(models, schemas, strict=True))
    queries = {route.query.__name__ for route in routes if route.query is not None}
    paths: dict[str, Json] = {}
    for route in routes:
        operation = _operation(route, refs, components)
        paths.setdefault(PREFIX + route.path, {})[route.method.lower()] = operation
    for path, summary in _PUBLIC_PATHS.items():
        paths[path] = {"get": _public(path, summary)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Callcard",
            "version": "1",
            "description": "Calls, clients, queues and agents. Errors are RFC 9457 problem documents.",
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": {name: schema for name, schema in components.items() if name not in queries},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "`callcard token create` makes one."},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": auth.COOKIE,
                    "description": f"A browser's sign-in; writes send the session's CSRF token as {auth.CSRF_HEADER}.",
                },
            },
        },
    }


def _operation(route: Route, refs: dict[Any, Json], components: Json) -> Json:
    scope = route.access.scope
    assert scope is not None  # noqa: S101 - every operation of the API asks for a sign-in
    roles = "everybody" if route.access.roles == auth.EVERYONE else ", ".join(sorted(route.access.roles))
    operation: Json = {
        "operationId": route.handler.__name__,
        "tags": [route.tag],
        "summary": route.summary,
        "description": f"Scope `{scope.value}`; open to {roles}.",
        "responses": _responses(route, refs),
    }
    parameters = [*_path_parameters(route), *_query_parameters(route, components), *_version_parameters(route)]
    if parameters:
        operation["parameters"] = parameters
    if route.accepts is not None:
        operation["requestBody"] = {"required": True, "content": {route.accepts: {"schema": _BYTES}}}
    if route.body is not None:
        required = bool(components[route.body.__name__].get("required"))
        operation["requestBody"] = {"required": required, "content": {"application/json": {"schema": refs[route.body]}}}
    return operation


def _responses(route: Route, refs: dict[Any, Json]) -> Json:
    good: Json = {"description": HTTPStatus(route.status).phrase}
    if route.returns is not None:
        good["content"] = {"application/json": {"schema": refs[route.returns]}}
    if route.media is not None:
        good["content"] = {route.media: {"schema": _BYTES}}
    if route.media is not None and route.in_parts:
        return {"200": good, "206": good | {"description": HTTPStatus.PARTIAL_CONTENT.phrase}} | {
            str(status): _problem(status) for status in sorted(_problem_statuses(route))
        }
    if route.versioned and route.status == HTTPStatus.OK:
        good["headers"] = {"ETag": {"schema": {"type": "string"}, "description": "Version of the object."}}
    return {str(route.status): good} | {str(status): _problem(status) for status in sorted(_problem_statuses(route))}


def _problem_statuses(route: Route) -> set[int]:
    statuses = {401, 403, 503, *route.problems}
    if "{" in route.path:
        statuses.add(404)
    if route.body is not None or route.query is not None:
        statuses.add(422)
    if route.body is not None:
        statuses |= {413, 415}
    if route.accepts is not None:
        statuses |= {408, 413}
    if route.versioned and route.method != hdrs.METH_GET:
        statuses.add(412)
    return statuses


def _problem(status: int) -> Json:
    schema = {"$ref": _REFERENCE.format(name=ProblemDetails.__name__)}
    return {"description": HTTPStatus(status).phrase, "content": {CONTENT_TYPE: {"schema": schema}}}


def _path_parameters(route: Route) -> Iterable[Json]:
    for name in re.findall(r"\{(\w+)\}", route.path):
        schema = {"type": "integer", "minimum": 1} if name in _INTEGERS else {"type": "string"}
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(route: Route, components: Json) -> Iterable[Json]:
    if route.query is None:
        return
    for name, schema in components[route.query.__name__]["properties"].items():
        yield {"name": name, "in": "query", "required": False, "schema": _without_null(schema)}


def _without_null(schema: Json) -> Json:
    """Describe an optional parameter: it is left out, never null."""
    kept = {key: value for key, value in schema.items() if key != "anyOf" and (key, value) != ("default", None)}
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    return kept | (choices[0] if len(choices) == 1 else {"anyOf": choices} if choices else {})


def _version_parameters(route: Route) -> Iterable[Json]:
    if route.versioned and route.method != hdrs.METH_GET:
        yield {
            "name": "If-Match",
            "in": "header",
            "required": False,
            "schema": {"type": "string"},
            "description": "The ETag as read: the change is refused (412) when somebody else was faster.",
        }


_PUBLIC_PATHS: Final = {
    "/healthz": "Alive",
    "/readyz": "Ready: database, bus and PBX links are up",
    "/metrics": "Figures for Prometheus",
    DOCUMENT_PATH: "This document",
}


def _public(path: str, summary: str) -> Json:
    kind = "text/plain" if path == "/metrics" else "application/json"
    responses: Json = {"200": {"description": "OK", "content": {kind: {}}}}
    if path == "/readyz":
        responses["503"] = _problem(HTTPStatus.SERVICE_UNAVAILABLE)
    return {"operationId": path.strip("/").replace("/", "_"), "tags": ["service"], "summary": summary,
            "security": [], "responses": responses}  # fmt: skip
