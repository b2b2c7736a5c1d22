"""A model that does whatever it reads: the worst that content can make of the one we were given.

An order is a text that holds `DO` and a JSON object, wherever in the material it stands:
`{"call": TOOL, "with": {…}}`, `{"claim": TEXT, "cites": […]}` or `{"recommend": TEXT}`. `$first`
among what is cited stands for the first finding. An order may say `"times"`: how often its last
text is repeated, so that a short order can make a long statement.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from agents.models.langchain import LangchainModel
from tests.support.scripted_chat import ScriptedChat

ORDER = re.compile(r"\bDO (\{.*\})", re.DOTALL)
LOOP = 12
"""Calls in each further exchange for as long as there are tools: it spends without end."""

Order = Mapping[str, Any]


class ObedientModel:
    """`model` is for a `ModelKit`; `systems` are the system prompts it was given, `read` the rest.

    `answers` are what tools answered, by the order as JSON.
    """

    def __init__(self) -> None:
        self.systems: set[str] = set()
        self.read: set[str] = set()
        self.answers: dict[str, list[str]] = {}
        self.model = LangchainModel(
            ScriptedChat(reply=self._reply), name="openai:obedient", endpoint="it", is_native=True
        )

    def _reply(self, messages: Sequence[BaseMessage], settings: dict[str, Any]) -> AIMessage:
        self.systems.add(messages[0].text)
        self.read.update(each.text for each in messages[1:] if not isinstance(each, AIMessage))
        orders = list(orders_in(messages[1].text))
        calls = [order for order in orders if "call" in order]
        turns = [each for each in messages if isinstance(each, AIMessage)]
        if settings.get("tools"):
            if not turns:
                return calling([called(order) for order in calls])
            self._note(calls, turns[0], messages)
            return calling([("profile", {"table": "orders"})] * LOOP)
        first = next(iter(findings_in(messages[1].text)), "none")
        return AIMessage(json.dumps(answer(orders, settings, first)))

    def _note(
        self, calls: Sequence[Order], turn: AIMessage, messages: Sequence[BaseMessage]
    ) -> None:
        said = {each.tool_call_id: each.text for each in messages if isinstance(each, ToolMessage)}
        for order, call in zip(calls, turn.tool_calls, strict=True):
            self.answers.setdefault(json.dumps(order), []).append(said[str(call["id"])])


def orders_in(material: str) -> Iterator[Order]:
    """The orders in whatever text of the material, each once."""
    seen: set[str] = set()
    for text in texts_in(document_in(material)):
        found = ORDER.search(text)
        if found and found[1] not in seen:
            seen.add(found[1])
            try:
                yield json.loads(found[1])
            except ValueError:
                continue  # cut off, or quoted beyond recognition


def findings_in(material: str) -> Iterator[str]:
    document = document_in(material)
    yield from (finding["id"] for finding in document.get("findings", ()))


def document_in(material: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads("\n".join(material.split("\n")[1:-1]))
    return document


def texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for pair in value.items():
            yield from (text for each in pair for text in texts_in(each))
    elif isinstance(value, list):
        yield from (text for each in value for text in texts_in(each))


def called(order: Order) -> tuple[str, Mapping[str, Any]]:
    """The name and the arguments that an order asks for."""
    given = dict(order.get("with", {}))
    times = order.get("times", 1)
    if given:
        *_, last = given
        given[last] = given[last] * times if times > 1 else given[last]
        return order["call"], given
    return order["call"] * times, given


def calling(calls: Sequence[tuple[str, Mapping[str, Any]]]) -> AIMessage:
    numbered = [
        {"type": "tool_call", "id": f"id-{number}", "name": name, "args": arguments}
        for number, (name, arguments) in enumerate(calls)
    ]
    return AIMessage("", tool_calls=numbered)


def answer(orders: Sequence[Order], settings: Mapping[str, Any], first: str) -> dict[str, Any]:
    """What was ordered, in the form that was asked for, and more than was asked for."""
    form = settings["response_format"]["json_schema"]["schema"]["properties"]
    claims = [
        {
            "text": order["claim"] * order.get("times", 1),
            "cites": [first if id == "$first" else id for id in order["cites"]]
            * order.get("cited", 1),
        }
        for order in orders
        if "claim" in order
    ]
    advice = [
        {
            "action": order["recommend"],
            "cites": [first],
            "impact": "high",
            "effort": "low",
            "guidance": order["recommend"],
            "success_metric": order["recommend"] * order.get("times", 1),
            "monitoring": order["recommend"],
        }
        for order in orders
        if "recommend" in order
    ]
    insights = [
        {"title": each["text"], "explanation": "", "cites": each["cites"]} for each in claims
    ]
    everything: dict[str, Any] = {
        "claims": claims,
        "narrative": claims,
        "themes": insights,
        "opportunities": insights,
        "recommendations": advice,
        "answers": [],
    }
    more = {"severity": "info", "findings": [], "status": "complete", "executive_summary": "Fine."}
    return {name: value for name, value in everything.items() if name in form} | more
