"""JSON schemas in the subset that providers can enforce while a model writes.

*Source*: OpenAI, "Structured outputs", supported schemas: every property is required, no object is
open, a reference stands alone, and lengths of strings and defaults are not known.
"""

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, JsonValue

_KEPT: Final = frozenset(
    {
        "type", "description", "enum", "const", "pattern", "format", "multipleOf", "minimum",
        "maximum", "exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems",
    }
)  # fmt: skip
_DROPPED: Final = frozenset(
    {"title", "default", "examples", "minLength", "maxLength", "uniqueItems", "discriminator"}
)
_NESTED: Final = frozenset(
    {"properties", "required", "additionalProperties", "items", "anyOf", "oneOf", "$defs", "$ref"}
)

Schema = dict[str, JsonValue]


class _OpenSchemaError(Exception):
    """The schema allows what a provider cannot enforce."""


def schema_of(answer: type[BaseModel]) -> Schema:
    """The JSON schema of an answer, with its name as the title."""
    schema: Schema = answer.model_json_schema()
    return {**schema, "title": answer.__name__}


def enforced(schema: Mapping[str, JsonValue], *, optional: bool = False) -> Schema | None:
    """The schema in the enforced subset; None if it cannot be said there.

    All properties become required; with `optional`, those that were not may be null instead, or the
    empty list that is their default, and `without_nulls` takes the nulls out again. Limits that the
    subset lacks are left out, so that what comes back must still be validated.
    """
    try:
        strict = _strict(dict(schema), optional=optional)
    except _OpenSchemaError:
        return None
    title = schema.get("title")
    return strict if title is None else {"title": title, **strict}


def without_nulls(
    arguments: Mapping[str, JsonValue], schema: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """The arguments without those that are null only because the schema made them required."""
    required = schema.get("required")
    names = required if isinstance(required, list) else []
    return {name: value for name, value in arguments.items() if value is not None or name in names}


def _strict(schema: JsonValue, *, optional: bool) -> Schema:
    if not isinstance(schema, Mapping) or schema.keys() - _KEPT - _DROPPED - _NESTED:
        raise _OpenSchemaError
    definitions = _each(schema.get("$defs"), optional=optional)
    if "$ref" in schema:
        strict: Schema = {"$ref": schema["$ref"]}
    else:
        strict = {name: value for name, value in schema.items() if name in _KEPT}
        choices = schema.get("anyOf", schema.get("oneOf"))
        if isinstance(choices, list):
            strict["anyOf"] = [_strict(each, optional=optional) for each in choices]
        elif schema.get("type") == "object":
            strict |= _object(schema, optional=optional)
        elif schema.get("type") == "array":
            strict["items"] = _strict(schema.get("items"), optional=optional)
        elif not strict.keys() & {"type", "enum", "const"}:
            raise _OpenSchemaError
    return {**strict, "$defs": definitions} if definitions else strict


def _object(schema: Mapping[str, JsonValue], *, optional: bool) -> Schema:
    if schema.get("additionalProperties") not in (None, False):
        raise _OpenSchemaError
    properties = _each(schema.get("properties"), optional=optional)
    required = schema.get("required")
    names = required if isinstance(required, list) else []
    if optional:
        for name in properties.keys() - set(map(str, names)) - _empty_by_default(schema):
            properties[name] = {"anyOf": [properties[name], {"type": "null"}]}
    return {
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _empty_by_default(schema: Mapping[str, JsonValue]) -> set[str]:
    """Properties whose default is the empty list, which can be written as it is."""
    properties = schema.get("properties")
    given = properties.items() if isinstance(properties, Mapping) else ()
    return {name for name, each in given if isinstance(each, Mapping) and each.get("default") == []}


def _each(schemas: JsonValue, *, optional: bool) -> Schema:
    if schemas is None:
        return {}
    if not isinstance(schemas, Mapping):
        raise _OpenSchemaError
    return {name: _strict(each, optional=optional) for name, each in schemas.items()}
