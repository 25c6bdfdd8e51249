"""The page `/api/docs`: the OpenAPI document for people, written by the server; no script, nothing from elsewhere."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import hdrs, web

from web import auth
from web.api.documents import Json
from web.pages.rendering import render

PATH: Final = "/api/docs"
_METHODS: Final = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Property:
    """One member of a model, or one parameter of an operation."""

    name: str
    type: str
    required: bool
    description: str
    model: str | None = None
    """The model to jump to."""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as the page shows it."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    public: bool
    parameters: Sequence[Property]
    body: str | None
    answers: Sequence[tuple[str, str, str | None]]


@dataclass(frozen=True, slots=True)
class Model:
    """One model as the page shows it."""

    name: str
    description: str
    properties: Sequence[Property]
    values: Sequence[str]


def setup(app: web.Application, document: Json) -> None:
    """Add the page."""
    areas: dict[str, list[Operation]] = {}
    for operation, tag in _operations(document):
        areas.setdefault(tag, []).append(operation)
    models = [_model(name, schema) for name, schema in sorted(document["components"]["schemas"].items())]
    context = {"areas": areas, "models": models, "info": document["info"]}

    async def browse(request: web.Request) -> web.StreamResponse:
        return await render(request, "api/docs.html", context, rows=len(models))

    auth.add_route(app, hdrs.METH_GET, PATH, browse, auth.PUBLIC)


def _operations(document: Json) -> Iterable[tuple[Operation, str]]:
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                yield _operation(path, method, methods[method]), methods[method]["tags"][0]


def _operation(path: str, method: str, described: Json) -> Operation:
    body = described.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    return Operation(
        described["operationId"],
        method.upper(),
        path,
        described["summary"],
        described.get("description", ""),
        described.get("security") == [],
        [
            _property(one["name"], one["schema"], required=one["required"], place=one["in"])
            for one in described.get("parameters", ())
        ],
        _target(body) if body else None,
        [
            (status, answer["description"], _answer_model(answer))
            for status, answer in sorted(described["responses"].items())
        ],
    )


def _answer_model(answer: Json) -> str | None:
    schemas = [content.get("schema", {}) for content in answer.get("content", {}).values()]
    return _target(schemas[0]) if schemas else None


def _model(name: str, schema: Json) -> Model:
    needed = set(schema.get("required", ()))
    properties = [
        _property(member, described, required=member in needed)
        for member, described in schema.get("properties", {}).items()
    ]
    return Model(name, schema.get("description", ""), properties, [str(value) for value in schema.get("enum", ())])


def _property(name: str, schema: Json, *, required: bool, place: str = "") -> Property:
    return Property(name, _type(schema), required, schema.get("description", ""), _target(schema), place)


def _target(schema: Json) -> str | None:
    """Return the model a schema leads to, through lists and choices."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    inner: list[Any] = [schema.get("items"), schema.get("additionalProperties"), *schema.get("anyOf", ())]
    return next((found for one in inner if isinstance(one, dict) and (found := _target(one))), None)


def _type(schema: Json) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " | ".join(_type(choice) for choice in schema["anyOf"])
    kind = str(schema.get("format") or schema.get("type", "any"))
    if kind == "array":
        return f"{_type(schema.get('items', {}))}[]"
    values = schema.get("additionalProperties")
    return f"object of {_type(values)}" if kind == "object" and isinstance(values, dict) and values else kind
