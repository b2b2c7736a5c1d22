"""The seam to models over LangChain, with a chat that says what each test tells it to."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langgraph.errors import GraphInterrupt
from pydantic import BaseModel, JsonValue

from agents.domain.usage import Usage
from agents.errors import BudgetExhaustedError, ModelAnswerError, ModelUnavailableError
from agents.model import Brief, Exchange, OfferedTool, Reply, Send, ToolAnswer
from agents.models.langchain import LangchainModel
from tests.support.scripted_chat import ScriptedChat

STRUCTURES = pytest.mark.parametrize("is_native", [True, False], ids=["native", "tool"])


class Answer(BaseModel):
    """What was found."""

    text: str
    cites: tuple[str, ...]


GOOD = {"text": "9 rows are bad", "cites": ["f-1"]}
ANSWER = Answer(text="9 rows are bad", cites=("f-1",))
PARAMETERS: Mapping[str, JsonValue] = {
    "type": "object",
    "properties": {"table": {"type": "string"}, "limit": {"type": "integer", "default": 3}},
    "required": ["table"],
}


def call(name: str, **arguments: object) -> dict[str, object]:
    return {"type": "tool_call", "id": f"id-{name}", "name": name, "args": arguments}


def calling(*calls: dict[str, object]) -> AIMessage:
    numbered = [{**each, "id": f"id-{number}"} for number, each in enumerate(calls)]
    return AIMessage("", tool_calls=numbered)


def answered(settings: Mapping[str, object], value: object = GOOD) -> AIMessage:
    """The answer in the form that the settings ask for."""
    if "response_format" in settings:
        return AIMessage(json.dumps(value))
    return calling({"type": "tool_call", "name": "Answer", "args": value})


def say_nothing(messages: object, settings: object) -> str:
    return ""


class Gate:
    """Lets every exchange through and keeps what it saw."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.replies: list[Reply] = []

    async def __call__(self, exchange: Exchange, send: Send) -> Reply:
        self.exchanges.append(exchange)
        self.replies.append(await send(exchange.max_output_tokens))
        return self.replies[-1]


class Measure:
    """A tool that answers with `says`, and keeps what it was called with."""

    def __init__(self, name: str = "count", says: ToolAnswer | None = None) -> None:
        self.says = says or ToolAnswer(text="42")
        self.calls: list[Mapping[str, JsonValue]] = []
        self.is_there = True
        self.offered = OfferedTool(
            name=name,
            description="Counts rows.",
            parameters=PARAMETERS,
            call=self._call,
            is_available=lambda: self.is_there,
        )

    async def _call(self, arguments: Mapping[str, JsonValue]) -> ToolAnswer:
        self.calls.append(arguments)
        return self.says


class Conversation:
    """A model with a script, and what came of asking it."""

    def __init__(
        self,
        *script: Callable[[dict[str, object]], AIMessage | str] | AIMessage | str,
        is_native: bool = True,
    ) -> None:
        self._script = list(script)
        self.asked: list[tuple[Sequence[BaseMessage], dict[str, object]]] = []
        self.heard: list[str] = []
        self.gate = Gate()
        self.model = LangchainModel(
            ScriptedChat(reply=self._reply), name="test:m", endpoint="test", is_native=is_native
        )

    def _reply(self, messages: Sequence[BaseMessage], settings: dict[str, object]) -> AIMessage:
        self.asked.append((tuple(messages), settings))
        step = self._script.pop(0)
        said = step(settings) if callable(step) else step
        return AIMessage(said) if isinstance(said, str) else said

    async def answer(
        self, *tools: Measure, max_exchanges: int = 8, max_output_tokens: int = 500
    ) -> Answer:
        brief = Brief(
            system="Be exact.",
            material='{"findings": [{"id": "f-1"}]}',
            answer=Answer,
            tools=[each.offered for each in tools],
            max_exchanges=max_exchanges,
            max_output_tokens=max_output_tokens,
        )
        return await self.model.answer(brief, gate=self.gate, listen=self.heard.append)

    def offered(self) -> list[set[str]]:
        """The names of the tools offered in each exchange, without the form of the answer."""
        return [
            {tool["function"]["name"] for tool in settings.get("tools", ())} - {"Answer"}
            for _, settings in self.asked
        ]


@STRUCTURES
async def test_the_answer_is_of_the_type_asked_for(is_native):
    talk = Conversation(answered, is_native=is_native)
    assert await talk.answer() == ANSWER
    (messages, settings), (exchange,) = talk.asked[0], talk.gate.exchanges
    assert [each.text for each in messages] == ["Be exact.", '{"findings": [{"id": "f-1"}]}']
    assert settings["max_tokens"] == exchange.max_output_tokens == 500
    assert exchange.messages[0] == {"role": "system", "text": "Be exact."}
    assert not exchange.is_tainted


@STRUCTURES
async def test_a_tool_is_called_and_its_answer_told(is_native):
    measure = Measure()
    talk = Conversation(calling(call("count", table="a")), answered, is_native=is_native)
    assert await talk.answer(measure) == ANSWER
    assert measure.calls == [{"table": "a"}]
    assert talk.offered() == [{"count"}, {"count"}]
    told = talk.asked[1][0][-1]
    assert isinstance(told, ToolMessage)
    assert told.text == "42"
    assert talk.gate.exchanges[1].messages[2:] == [
        {
            "role": "assistant",
            "text": "",
            "calls": [{"id": "call00001", "name": "count", "arguments": {"table": "a"}}],
        },
        {"role": "tool", "call": "call00001", "text": "42", "is_error": False},
    ]


async def test_a_null_for_an_optional_argument_is_none_at_all():
    measure = Measure()
    await Conversation(calling(call("count", table="a", limit=None)), answered).answer(measure)
    assert measure.calls == [{"table": "a"}]


@STRUCTURES
async def test_equal_runs_show_the_gate_equal_exchanges(is_native):
    runs = []
    for _ in range(2):
        calls = calling(call("count", table="a"), call("sum", table="b"))
        talk = Conversation(calls, calling(call("nothing")), answered, is_native=is_native)
        await talk.answer(Measure(), Measure("sum"))
        runs.append(talk.gate)
    assert len(runs[0].exchanges) == 3
    assert runs[0].exchanges == runs[1].exchanges
    assert runs[0].replies == runs[1].replies


@pytest.mark.parametrize("change", ["system", "material", "answer", "tools", "name"])
async def test_whatever_shapes_the_reply_is_in_the_exchange(change):
    class Answer(BaseModel):  # of the same name, with other fields
        text: str

    seen = []

    async def gate(exchange: Exchange, send: Send) -> Reply:
        seen.append(exchange)
        raise BudgetExhaustedError("no more")

    plain = {"system": "s", "material": "m", "answer": ANSWER.__class__, "tools": ()}
    changed = {"system": "t", "material": "n", "answer": Answer, "tools": [Measure().offered]}
    chat = ScriptedChat(reply=say_nothing)
    for fields, name in (
        (plain, "test:m"),
        (plain | {key: value for key, value in changed.items() if key == change}, change),
    ):
        model = LangchainModel(chat, name="test:n" if name == "name" else "test:m", endpoint="e")
        with pytest.raises(BudgetExhaustedError):
            await model.answer(Brief(**fields), gate=gate, listen=len)
    assert seen[0] != seen[1]


@STRUCTURES
async def test_replies_that_were_kept_as_json_lead_to_the_same_answer(is_native):
    script = [calling(call("count", table="a")), calling(call("nothing")), answered]
    first = Conversation(*script, is_native=is_native)
    await first.answer(Measure())
    kept = [json.loads(json.dumps(each.message)) for each in first.gate.replies]
    seen = []

    async def from_cache(exchange: Exchange, send: Send) -> Reply:
        seen.append(exchange)
        return Reply(message=kept[len(seen) - 1], usage=Usage(saved_calls=1))

    second = Conversation(is_native=is_native)
    second.gate = from_cache
    assert await second.answer(Measure()) == ANSWER
    assert seen == first.gate.exchanges
    assert second.asked == []


async def test_a_kept_reply_that_cannot_be_read_is_an_error_that_says_so():
    talk = Conversation()

    async def from_cache(exchange: Exchange, send: Send) -> Reply:
        return Reply(message=["what?"], usage=Usage())

    talk.gate = from_cache
    with pytest.raises(ModelAnswerError, match="clear the cache"):
        await talk.answer()


@STRUCTURES
async def test_in_the_last_exchange_no_tool_is_offered(is_native):
    again = calling(call("count", table="a"))
    talk = Conversation(again, again, answered, is_native=is_native)
    assert await talk.answer(Measure(), max_exchanges=3) == ANSWER
    assert talk.offered() == [{"count"}, {"count"}, set()]


async def test_a_model_that_only_calls_tools_gives_no_answer():
    measure = Measure()
    talk = Conversation(*[calling(call("count", table="a"))] * 3)
    with pytest.raises(ModelAnswerError, match="called a tool when none was offered"):
        await talk.answer(measure, max_exchanges=3)
    assert len(talk.gate.exchanges) == 3
    assert len(measure.calls) == 2


async def test_no_more_exchanges_are_made_than_allowed():
    talk = Conversation("prose")
    with pytest.raises(ModelAnswerError, match="test:m gave no answer"):
        await talk.answer(max_exchanges=1)
    assert len(talk.gate.exchanges) == 1


async def test_a_tool_that_is_gone_is_offered_no_longer():
    count, total = Measure(), Measure("sum")

    def lose(settings: dict[str, object]) -> AIMessage:
        total.is_there = False
        return calling(call("count", table="a"))

    talk = Conversation(lose, answered)
    await talk.answer(count, total)
    assert talk.offered() == [{"count", "sum"}, {"count"}]


@pytest.mark.parametrize(
    ("name", "why"), [("sum", "is not available now"), ("sing", "does not exist")]
)
async def test_a_tool_that_cannot_be_called_is_an_error_that_the_model_reads(name, why):
    total = Measure("sum")

    def lose(settings: dict[str, object]) -> AIMessage:
        total.is_there = False
        return calling(call(name, table="a"))

    talk = Conversation(lose, answered)
    assert await talk.answer(Measure(), total) == ANSWER
    told = talk.asked[1][0][-1]
    assert isinstance(told, ToolMessage)
    assert told.status == "error"
    assert told.text == f"The tool {name} {why}. Available: count."
    assert total.calls == []


@STRUCTURES
async def test_exchanges_after_an_error_of_a_tool_are_tainted(is_native):
    failing = Measure(says=ToolAnswer(text="no such table", is_error=True))
    again = calling(call("count", table="a"))
    talk = Conversation(again, answered, is_native=is_native)
    assert await talk.answer(failing) == ANSWER
    assert [each.is_tainted for each in talk.gate.exchanges] == [False, True]
    assert talk.asked[1][0][-1].text == "no such table"


@STRUCTURES
async def test_arguments_that_are_no_json_are_told_and_the_tool_can_be_called_again(is_native):
    broken = {"type": "invalid_tool_call", "id": "x", "name": "count", "args": '{"ta', "error": ""}
    measure = Measure()
    talk = Conversation(
        AIMessage("", invalid_tool_calls=[broken]),
        calling(call("count", table="a")),
        answered,
        is_native=is_native,
    )
    assert await talk.answer(measure) == ANSWER
    assert measure.calls == [{"table": "a"}]
    assert talk.offered() == [{"count"}] * 3
    assert "no JSON" in talk.asked[1][0][-1].text
    assert talk.gate.exchanges[1].is_tainted


async def test_calls_of_one_turn_run_at_once_and_are_told_in_their_order():
    both = asyncio.Barrier(2)
    second_done = asyncio.Event()

    class Waiting(Measure):
        async def _call(self, arguments: Mapping[str, JsonValue]) -> ToolAnswer:
            await both.wait()
            if self.offered.name == "count":
                await second_done.wait()
            else:
                second_done.set()
            return ToolAnswer(text=f"{self.offered.name} is done")

    talk = Conversation(calling(call("count", table="a"), call("sum", table="b")), answered)
    assert await talk.answer(Waiting(), Waiting("sum")) == ANSWER
    assert [each.text for each in talk.asked[1][0][-2:]] == ["count is done", "sum is done"]


async def test_an_interruption_of_the_graph_is_not_swallowed():
    class Interrupting(Measure):
        async def _call(self, arguments: Mapping[str, JsonValue]) -> ToolAnswer:
            raise GraphInterrupt

    talk = Conversation(calling(call("count", table="a")))
    with pytest.raises(ModelAnswerError, match="stopped without one"):
        await talk.answer(Interrupting())
    assert len(talk.asked) == 1


@STRUCTURES
async def test_an_answer_of_the_wrong_form_is_put_right_once(is_native):
    def wrong(settings: dict[str, object]) -> AIMessage:
        return answered(settings, {"text": 3})

    talk = Conversation(wrong, answered, is_native=is_native)
    assert await talk.answer(Measure()) == ANSWER
    told = talk.asked[1][0][-1]
    assert isinstance(told, HumanMessage if is_native else ToolMessage)
    assert "cites: Field required" in told.text
    assert talk.offered() == [{"count"}, set()]
    assert not talk.gate.exchanges[1].is_tainted


@STRUCTURES
async def test_a_second_wrong_answer_is_the_end(is_native):
    def wrong(settings: dict[str, object]) -> AIMessage:
        return answered(settings, {"text": "but no sources"})

    talk = Conversation(*[wrong] * 3, is_native=is_native)
    with pytest.raises(ModelAnswerError, match=r"did not keep to the form \(cites: Field required"):
        await talk.answer()
    assert len(talk.asked) == 2


async def test_with_the_answer_all_is_said_whatever_is_called_beside_it():
    measure = Measure()
    both = calling(call("Answer", **GOOD), call("count", table="a"))
    talk = Conversation(both, is_native=False)
    assert await talk.answer(measure) == ANSWER
    assert measure.calls == []


async def test_two_answers_at_once_are_none():
    two = calling(call("Answer", **GOOD), call("Answer", **GOOD))
    talk = Conversation(two, answered, is_native=False)
    assert await talk.answer() == ANSWER
    assert len([each for each in talk.asked[1][0] if isinstance(each, ToolMessage)]) == 2


async def test_an_endpoint_that_knows_no_tools_is_asked_for_json():
    talk = Conversation("Well, nine rows.", answered, is_native=False)
    assert await talk.answer() == ANSWER
    assert "response_format" not in talk.asked[0][1]
    assert "response_format" in talk.asked[1][1]


@pytest.mark.parametrize("text", ["{}", "Here it is:\n```json\n{}\n```\nDone."])
@STRUCTURES
async def test_json_in_prose_or_a_fence_is_an_answer_too(text, is_native):
    talk = Conversation(text.replace("{}", json.dumps(GOOD)), is_native=is_native)
    assert await talk.answer() == ANSWER


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (AIMessage("", additional_kwargs={"refusal": "I cannot help"}), "declined.*I cannot help"),
        (AIMessage("So", response_metadata={"finish_reason": "content_filter"}), "its filter"),
    ],
    ids=["refusal", "filter"],
)
async def test_a_model_that_declines_is_not_asked_again(said, sentence):
    talk = Conversation(said)
    with pytest.raises(ModelAnswerError, match=sentence):
        await talk.answer()


@STRUCTURES
async def test_an_answer_that_was_cut_off_says_so_and_is_not_taken_for_a_whole_one(is_native):
    ends = {"finish_reason": "length"}
    text = json.dumps(GOOD)[:-1]  # all that is needed is there, but for the end
    form = {"type": "invalid_tool_call", "id": "x", "name": "Answer", "args": text, "error": ""}
    cut = (
        AIMessage(text, response_metadata=ends)
        if is_native
        else AIMessage("", invalid_tool_calls=[form], response_metadata=ends)
    )
    talk = Conversation(cut, cut, is_native=is_native)
    with pytest.raises(ModelAnswerError, match="cut off after 500 tokens"):
        await talk.answer(Measure())
    assert len(talk.asked) == 2


@STRUCTURES
async def test_text_is_heard_as_it_is_written(is_native):
    talk = Conversation(calling(call("count", table="a")), answered, is_native=is_native)
    await talk.answer(Measure())
    assert len(talk.heard) > 3
    assert json.loads("".join(talk.heard)) == GOOD


async def test_a_reply_from_a_cache_is_not_heard():
    talk = Conversation()

    async def from_cache(exchange: Exchange, send: Send) -> Reply:
        return Reply(message={"text": json.dumps(GOOD)}, usage=Usage())

    talk.gate = from_cache
    assert await talk.answer() == ANSWER
    assert talk.heard == []


async def test_what_the_gate_raises_is_raised_as_it_is():
    talk = Conversation(answered)
    error = BudgetExhaustedError("nothing is left")

    async def closed(exchange: Exchange, send: Send) -> Reply:
        raise error

    talk.gate = closed
    with pytest.raises(BudgetExhaustedError) as raised:
        await talk.answer()
    assert raised.value is error
    assert talk.asked == []


async def test_the_gate_may_allow_fewer_tokens_and_send_again():
    talk = Conversation("lost", answered)

    async def twice(exchange: Exchange, send: Send) -> Reply:
        await send(7)
        return await send(9)

    talk.gate = twice
    assert await talk.answer() == ANSWER
    assert [settings["max_tokens"] for _, settings in talk.asked] == [7, 9]


async def test_tokens_are_those_that_the_provider_counts():
    counted = {
        "input_tokens": 100,
        "output_tokens": 20,
        "total_tokens": 120,
        "input_token_details": {"cache_read": 64},
    }
    talk = Conversation(AIMessage(json.dumps(GOOD), usage_metadata=counted))
    await talk.answer()
    assert talk.gate.replies[0].usage == Usage(
        calls=1, input_tokens=100, cached_input_tokens=64, output_tokens=20
    )


async def test_tokens_that_nobody_counted_are_estimated_from_the_bytes():
    talk = Conversation(answered)
    await talk.answer()
    usage = talk.gate.replies[0].usage
    asked = json.dumps([*talk.gate.exchanges[0].messages, talk.gate.exchanges[0].terms])
    assert usage.calls == 1
    assert usage.input_tokens >= len(asked) // 3
    assert usage.output_tokens >= len(json.dumps(GOOD)) // 3


async def test_an_error_of_the_client_is_translated():
    def fail(settings: dict[str, object]) -> AIMessage:
        raise ConnectionRefusedError(111, "refused")

    with pytest.raises(ModelUnavailableError, match="nothing listens there"):
        await Conversation(fail).answer()


async def test_closing_twice_closes_once():
    closed = []

    async def close() -> None:
        closed.append(1)

    chat = ScriptedChat(reply=say_nothing)
    model = LangchainModel(chat, name="test:m", endpoint="test", close=close)
    await model.aclose()
    await model.aclose()
    assert closed == [1]
