"""What the real provider refuses, so that the loopback one refuses it too."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

STRICT = frozenset(
    {
        "type", "description", "enum", "const", "pattern", "format", "multipleOf", "minimum",
        "maximum", "exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems", "properties",
        "required", "additionalProperties", "items", "anyOf", "$defs", "$ref", "title",
    }
)  # fmt: skip


def objection(body: Mapping[str, Any]) -> str | None:
    """Why the request would be refused; None if it would not."""
    return next(_objections(body), None)


def _objections(body: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(body.get("model"), str) or not body.get("messages"):
        yield "you must provide a model parameter and messages"
        return
    if "max_tokens" in body and "max_completion_tokens" in body:
        yield "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
    if body.get("tools") == []:
        yield "Invalid 'tools': empty array. Expected an array with minimum length 1."
    if body.get("tool_choice") and not body.get("tools"):
        yield "'tool_choice' is only allowed when 'tools' are specified."
    if body.get("stream_options") and not body.get("stream"):
        yield "The 'stream_options' parameter is only allowed when 'stream' is enabled."
    for tool in body.get("tools", ()):
        function = tool["function"]
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", function["name"]):
            yield f"Invalid 'tools.function.name': {function['name']!r}."
        if function.get("strict"):
            for flaw in _loose(function["parameters"], ()):
                yield f"Invalid schema for function {function['name']!r}: {flaw}"
    form = body.get("response_format", {}).get("json_schema")
    if form and form.get("strict"):
        for flaw in _loose(form["schema"], ()):
            yield f"Invalid schema for response_format {form['name']!r}: {flaw}"
    yield from _unanswered(body["messages"])


def _unanswered(messages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    open_ids: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_ids:
                yield "messages with role 'tool' must be a response to a preceding 'tool_calls'."
            open_ids.discard(message["tool_call_id"])
            continue
        if open_ids:
            break
        calls = message.get("tool_calls", ())
        open_ids = {each["id"] for each in calls}
        if len(open_ids) != len(calls):
            yield "Duplicate ids of tool calls."
    if open_ids:
        yield f"An assistant message with 'tool_calls' lacks responses: {sorted(open_ids)}"


def _loose(schema: Any, path: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(schema, Mapping):
        yield f"In context={path}, a schema is an object."
        return
    if unknown := schema.keys() - STRICT:
        yield f"In context={path}, {sorted(unknown)} is not permitted."
    if "$ref" in schema and len(schema.keys() - {"$defs", "title"}) > 1:
        yield f"In context={path}, $ref cannot have keywords beside it."
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            yield f"In context={path}, 'additionalProperties' is required to be false."
        if set(schema.get("required", ())) != set(schema.get("properties", {})):
            yield f"In context={path}, 'required' must include every key in properties."
    if not schema.keys() & {"type", "enum", "const", "anyOf", "$ref"}:
        yield f"In context={path}, schema must have a 'type' key."
    for group in ("properties", "$defs"):
        for name, each in schema.get(group, {}).items():
            yield from _loose(each, (*path, group, name))
    for each in schema.get("anyOf", ()):
        yield from _loose(each, (*path, "anyOf"))
    if schema.get("type") == "array":
        yield from _loose(schema.get("items"), (*path, "items"))
