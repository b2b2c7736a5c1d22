"""Ready scripts for the loopback provider: grounded answers, and every kind of trouble."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.support.openai_replies import (
    Failure,
    Form,
    Hangup,
    Raw,
    Reply,
    Request,
    Said,
    Silence,
    ToolCall,
)

Script = Callable[[Request], Said]


@dataclass(frozen=True)
class Known:
    """Something in the material that can be cited, with a sentence that it supports.

    `dispute` is the conflict that it is in, where the material is about conflicts.
    """

    id: str
    text: str
    dispute: str = ""


def known_in(material: str) -> Sequence[Known]:
    """All things with an id: first those of the JSON documents in it that have a title."""
    found = [known for document in _documents(material) for known in _things(document)]
    titled = [known for known in found if known.text]
    if titled:
        return titled
    ids = re.findall(r'"id":\s*"([^"]+)"', material)
    return [Known(id, "This was measured.") for id in ids]


def disputed_in(material: str) -> Sequence[Known]:
    """The finding to be defended in each conflict of the material."""
    return [
        Known(own["id"], own["title"], dispute)
        for document in _documents(material)
        for own, dispute in _conflicts(document)
    ]


def filled(schema: Mapping[str, Any], known: Sequence[Known], *, table: str = "data") -> Any:
    """A valid value of the schema: lists of things that cite have an item for what is known."""
    return _Filling(schema.get("$defs", {}), known, table).value(schema)


def panel(request: Request) -> Said:
    """Answers every form, citing what is in the material."""
    known = disputed_in(request.material) or known_in(request.material)
    if request.schema is None:
        return " ".join(each.text for each in known[:3]) or "There is nothing to say."
    return Form(value=filled(request.schema, known))


def digging(request: Request) -> Said:
    """Calls the first tool that is offered, once, and then answers as `panel` does."""
    if not request.tools or request.results:
        return panel(request)
    name, parameters = next(iter(request.tools.items()))
    table = re.search(r'"(?:table|name)":\s*"([^"]+)"', request.material)
    arguments = filled(parameters, (), table=table[1] if table else "data")
    return [ToolCall(name=name, arguments=arguments)]


def counted(request: Request) -> tuple[int, int, int]:
    """The most that any provider could count: a token for each byte read, and all it may write."""
    read = [message.get("content") or "" for message in request.messages]
    read += [json.dumps(request.body.get(key, "")) for key in ("tools", "response_format")]
    written = request.body.get("max_completion_tokens", request.body.get("max_tokens", 0))
    return sum(len(text.encode()) for text in read), written, 0


def _answered(request: Request) -> Reply:
    said = panel(request)
    return said.reply(request) if isinstance(said, Form) else Reply(text=str(said))


SCRIPTS: Mapping[str, Script | Said] = {
    "panel": panel,
    "digging": digging,
    "slow": lambda request: replace(_answered(request), pause=0.05),
    "prose": "All is well, as far as I can see.",
    "wrong": Form(value={"unasked": True}),
    "ungrounded": lambda request: Form(
        value=filled(request.schema or {}, [Known("made-up-1", "Sales fell by 73.91% in May.")])
    ),
    "uncounted": lambda request: replace(_answered(request), usage=None),
    "greedy": lambda request: replace(_answered(request), usage=counted(request)),
    "stall": lambda request: replace(_answered(request), stall_after=3),
    "cut": lambda request: replace(_answered(request), cut_after=3),
    "end": lambda request: replace(_answered(request), end_after=3),
    "silence": Silence(),
    "hangup": Hangup(),
    "garbage": Raw(body=b"<html>Welcome!</html>", content_type="text/html"),
    "throttle": Failure(
        status=429, message="Slow down.", code="rate_limit_exceeded", headers={"Retry-After": "1"}
    ),
    "long throttle": Failure(
        status=429, message="Slow down.", code="rate_limit_exceeded", headers={"Retry-After": "12"}
    ),
    "quota": Failure(status=429, message="You exceeded your quota.", code="insufficient_quota"),
    "refuse": Failure(
        status=401, message="Incorrect API key provided: sk-abc.", code="invalid_api_key"
    ),
    "unknown": Failure(status=404, message="The model does not exist.", code="model_not_found"),
    "overflow": Failure(
        status=400,
        message="This model's maximum context length is 8192 tokens.",
        code="context_length_exceeded",
    ),
    "500": Failure(status=500),
    "503": Failure(status=503, message="Overloaded."),
}


def scripts_named(names: str) -> Sequence[Script | Said]:
    """Those of `SCRIPTS` with commas between their names."""
    return [SCRIPTS[name] for name in names.split(",")]


def _documents(text: str) -> Iterator[Any]:
    decoder = json.JSONDecoder()
    position = 0
    while (start := re.compile(r"[\[{]").search(text, position)) is not None:
        try:
            document, position = decoder.raw_decode(text, start.start())
        except ValueError:
            position = start.end()
        else:
            yield document


def _conflicts(value: Any) -> Iterator[tuple[Mapping[str, Any], str]]:
    if isinstance(value, Mapping):
        if isinstance(value.get("dispute"), str) and isinstance(value.get("your_finding"), Mapping):
            yield value["your_finding"], value["dispute"]
        for each in value.values():
            yield from _conflicts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _conflicts(each)


def _things(value: Any) -> Iterator[Known]:
    if isinstance(value, Mapping):
        if isinstance(value.get("id"), str):
            text = next((value[key] for key in ("title", "text") if value.get(key)), "")
            yield Known(value["id"], str(text))
        for each in value.values():
            yield from _things(each)
    elif isinstance(value, list):
        for each in value:
            yield from _things(each)


class _Filling:
    def __init__(self, definitions: Mapping[str, Any], known: Sequence[Known], table: str) -> None:
        self._definitions = definitions
        self._known = known
        self._table = table
        self._next = 0

    def value(self, schema: Mapping[str, Any], name: str = "", about: Known | None = None) -> Any:
        schema = self._resolved(schema)
        for choice in schema.get("anyOf", schema.get("oneOf", ())):
            if self._resolved(choice).get("type") != "null":
                return self.value(choice, name, about)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][0]
        match schema.get("type"):
            case "object":
                return self._object(schema, about)
            case "array":
                return self._array(schema, name, about)
            case "integer" | "number":
                return max(schema.get("minimum", 1), schema.get("exclusiveMinimum", 0) + 1)
            case "boolean":
                return False
            case "null":
                return None
            case _:
                return self._string(schema, name, about)

    def _object(self, schema: Mapping[str, Any], about: Known | None) -> Any:
        properties = schema.get("properties", {})
        if "cites" in properties and self._known and about is None:
            about = self._known[self._next % len(self._known)]
            self._next += 1
        return {name: self.value(each, name, about) for name, each in properties.items()}

    def _array(self, schema: Mapping[str, Any], name: str, about: Known | None) -> Any:
        items = self._resolved(schema.get("items", {}))
        least = schema.get("minItems", 0)
        if name == "cites" or name.endswith("ids"):
            return [about.id] if about else [each.id for each in self._known[: max(least, 1)]]
        if "dispute" in items.get("properties", {}):
            return [self.value(items, name, each) for each in self._known]
        if "cites" in items.get("properties", {}) and self._known:
            least = max(least, 1)
        return [self.value(items, name, about) for _ in range(least)]

    def _string(self, schema: Mapping[str, Any], name: str, about: Known | None) -> str:
        if name in ("table", "dataset"):
            return self._table
        if name == "dispute" and about:
            return about.dispute
        text = about.text if about else "In short"
        return text.ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength", 900)]

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in schema:
            schema = self._definitions[schema["$ref"].rpartition("/")[2]]
        return schema
