"""Schemas that a provider can enforce, and values on their way back."""

from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from agents.models.schemas import enforced, schema_of, without_nulls
from tests.support.openai_rules import objection


class Item(BaseModel):
    text: str = Field(min_length=1, max_length=1_000, description="One sentence.")
    cites: tuple[str, ...] = Field(min_length=1)
    effort: Literal["high", "low"] = "low"


class Answer(BaseModel):
    """All that there is to say."""

    claims: tuple[Item, ...]
    first: Item | None = None
    best: Item = Field(description="The best of them.")
    share: float = Field(default=0.5, ge=0, le=1)


class Recursive(BaseModel):
    text: str
    parts: tuple["Recursive", ...] = ()


class Open(BaseModel):
    figures: dict[str, float]


class Anything(BaseModel):
    value: Any


class Pair(BaseModel):
    pair: tuple[str, int]


def refusal(schema: dict[str, Any]) -> str | None:
    form = {"name": "Answer", "strict": True, "schema": schema}
    return objection(
        {
            "model": "m",
            "messages": [{"role": "user", "content": "?"}],
            "response_format": {"type": "json_schema", "json_schema": form},
        }
    )


@pytest.mark.parametrize("answer", [Item, Answer, Recursive])
def test_an_enforced_schema_is_one_that_the_provider_accepts(answer):
    schema = schema_of(answer)
    assert refusal(schema) is not None
    strict = enforced(schema)
    assert strict is not None
    assert refusal(strict) is None
    assert strict["title"] == answer.__name__


@pytest.mark.parametrize("answer", [Open, Anything, Pair])
def test_what_cannot_be_enforced_is_not_pretended_to_be(answer):
    assert enforced(schema_of(answer)) is None


def test_descriptions_and_limits_that_can_be_said_are_kept():
    strict = enforced(schema_of(Answer))
    assert strict is not None
    assert strict["description"] == "All that there is to say."
    assert strict["properties"]["share"] == {"type": "number", "minimum": 0, "maximum": 1}
    assert strict["$defs"]["Item"]["properties"]["text"]["description"] == "One sentence."


def test_a_list_that_may_be_left_out_may_be_empty_instead():
    parameters = {
        "type": "object",
        "properties": {
            "columns": {"type": "array", "items": {"type": "string"}, "default": []},
            "share": {"type": "number", "default": 0.5},
        },
    }
    strict = enforced(parameters, optional=True)
    assert strict is not None
    assert strict["properties"] == {
        "columns": {"type": "array", "items": {"type": "string"}},
        "share": {"anyOf": [{"type": "number"}, {"type": "null"}]},
    }
    assert without_nulls({"columns": [], "share": None}, parameters) == {"columns": []}


def test_optional_parameters_may_be_null_and_the_nulls_go_again():
    parameters = {
        "type": "object",
        "properties": {"table": {"type": "string"}, "limit": {"type": "integer", "default": 3}},
        "required": ["table"],
    }
    strict = enforced(parameters, optional=True)
    assert strict is not None
    assert strict["required"] == ["table", "limit"]
    assert strict["properties"]["limit"] == {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    assert without_nulls({"table": "a", "limit": None}, parameters) == {"table": "a"}
    assert without_nulls({"table": None, "limit": 0}, parameters) == {"table": None, "limit": 0}


def test_parameters_of_a_tool_without_any_can_be_enforced():
    assert enforced({"type": "object", "properties": {}}, optional=True) == {
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    }
