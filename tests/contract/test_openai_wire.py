"""The real client, on the wire, against a provider that accepts only what the real one accepts."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from pydantic import BaseModel, Field, JsonValue

from agents.domain.usage import Usage
from agents.errors import (
    ModelAnswerError,
    ModelOverflowError,
    ModelRefusedError,
    ModelThrottledError,
    ModelTimeoutError,
    ModelUnavailableError,
)
from agents.model import Brief, Exchange, Model, OfferedTool, Reply, Send, ToolAnswer
from agents.models.openai import open_openai
from tests.support import openai_server as wire
from tests.support.openai_panel import digging, panel
from tests.support.openai_server import Failure, Form, OpenAIServer, ToolCall, openai_server

KEY = "sk-test-0123456789"
NAMES = pytest.mark.parametrize("name", ["gpt-4o-mini", "llama-3"], ids=["native", "tool"])
MATERIAL = json.dumps(
    {
        "findings": [
            {"id": "missing-01", "title": "9% of delay is missing.", "subject": {"table": "trips"}},
            {"id": "skew-02", "title": "One key has 40% of the rows."},
        ]
    }
)
PARAMETERS: Mapping[str, JsonValue] = {
    "type": "object",
    "properties": {
        "table": {"type": "string", "title": "Table"},
        "limit": {"type": "integer", "default": 10, "minimum": 1},
    },
    "required": ["table"],
}


class Claim(BaseModel):
    text: str = Field(min_length=1, max_length=1_000)
    cites: tuple[str, ...]


class Answer(BaseModel):
    """All that can be said."""

    claims: tuple[Claim, ...]
    weight: float | None = Field(default=None, ge=0)


FIRST = Claim(text="9% of delay is missing.", cites=("missing-01",))


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with openai_server() as opened:
        yield opened


@asynccontextmanager
async def opened(
    server: OpenAIServer, name: str = "gpt-4o-mini", *, timeout: float = 20.0
) -> AsyncIterator[Model]:
    model = await open_openai(name, api_key=KEY, base_url=server.url, timeout=timeout)
    try:
        yield model
    finally:
        await model.aclose()


class Asked:
    """The exchanges and replies of one answer, and what was heard of it."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.replies: list[Reply] = []
        self.heard: list[str] = []

    async def gate(self, exchange: Exchange, send: Send) -> Reply:
        self.exchanges.append(exchange)
        self.replies.append(await send(exchange.max_output_tokens))
        return self.replies[-1]

    async def answer(self, model: Model, *tools: OfferedTool) -> Answer:
        brief = Brief(system="Be exact.", material=MATERIAL, answer=Answer, tools=tools)
        return await model.answer(brief, gate=self.gate, listen=self.heard.append)


def counting(called: list[Mapping[str, JsonValue]], name: str = "count") -> OfferedTool:
    async def call(arguments: Mapping[str, JsonValue]) -> ToolAnswer:
        called.append(arguments)
        return ToolAnswer(text=f"{len(called)} rows")

    return OfferedTool(
        name=name,
        description="Counts rows.",
        parameters=PARAMETERS,
        call=call,
        is_available=lambda: True,
    )


@NAMES
async def test_an_answer_comes_in_pieces_and_is_counted(server, name):
    asked = Asked()
    async with opened(server, name) as model:
        answer = await asked.answer(model)
    assert answer.claims == (FIRST,)
    assert len(asked.heard) > 3
    assert json.loads("".join(asked.heard))["claims"][0]["text"] == FIRST.text
    assert asked.replies[0].usage == Usage(calls=1, input_tokens=100, output_tokens=20)
    (request,) = server.requests
    assert request.body["stream"] is True
    assert request.body["stream_options"] == {"include_usage": True}
    assert request.headers["authorization"] == f"Bearer {KEY}"


async def test_what_the_provider_had_read_before_is_counted_apart(server):
    server.reply_with(lambda request: replace(panel(request).reply(request), usage=(100, 20, 64)))
    asked = Asked()
    async with opened(server) as model:
        await asked.answer(model)
    assert asked.replies[0].usage.cached_input_tokens == 64


async def test_without_a_count_tokens_are_estimated(server):
    server.reply_with(lambda request: replace(panel(request).reply(request), usage=None))
    asked = Asked()
    async with opened(server) as model:
        await asked.answer(model)
    assert asked.replies[0].usage.input_tokens > len(MATERIAL) // 4


@NAMES
async def test_a_tool_is_called_and_its_answer_sent(server, name):
    server.reply_with(digging)
    called: list[Mapping[str, JsonValue]] = []
    async with opened(server, name) as model:
        answer = await Asked().answer(model, counting(called))
    assert answer.claims == (FIRST,)
    assert called == [{"table": "trips", "limit": 1}]
    first, second = server.requests
    assert list(first.tools) == list(second.tools) == ["count"]
    assert second.results == ["1 rows"]


async def test_a_known_model_is_held_to_strict_schemas(server):
    async with opened(server) as model:
        await Asked().answer(model, counting([]))
    body = server.requests[0].body
    assert body["tools"][0]["function"]["strict"] is True
    assert body["response_format"]["json_schema"]["strict"] is True
    assert body["max_completion_tokens"] == 2_000
    assert body["temperature"] == 0


async def test_a_tool_whose_parameters_cannot_be_strict_is_offered_as_it_is(server):
    tool = replace(counting([]), parameters={"type": "object", "additionalProperties": True})
    async with opened(server) as model:
        await Asked().answer(model, tool)
    assert not server.requests[0].body["tools"][0]["function"].get("strict")


async def test_an_unknown_model_gets_what_every_server_understands(server):
    async with opened(server, "llama-3") as model:
        await Asked().answer(model, counting([]))
    body = server.requests[0].body
    assert "response_format" not in body
    assert body["tool_choice"] == "required"
    assert body["max_tokens"] == 2_000


async def test_a_model_that_takes_no_temperature_gets_none(server):
    async with opened(server, "o4-mini") as model:
        await Asked().answer(model)
    assert "temperature" not in server.requests[0].body


@NAMES
async def test_calls_of_one_turn_run_at_once(server, name):
    both = asyncio.Barrier(2)

    async def meet(arguments: Mapping[str, JsonValue]) -> ToolAnswer:
        await both.wait()
        return ToolAnswer(text=str(arguments["table"]))

    call = [ToolCall(name="count", arguments={"table": table}) for table in ("a", "b")]
    server.reply_with(call, panel)
    async with opened(server, name) as model:
        await Asked().answer(model, replace(counting([]), call=meet))
    assert server.requests[1].results == ["a", "b"]


@NAMES
async def test_in_the_last_exchange_only_the_answer_can_be_given(server, name):
    server.reply_with([ToolCall(name="count", arguments={"table": "a"})], panel)
    brief = Brief(
        system="s", material=MATERIAL, answer=Answer, tools=[counting([])], max_exchanges=2
    )
    asked = Asked()
    async with opened(server, name) as model:
        answer = await model.answer(brief, gate=asked.gate, listen=asked.heard.append)
    assert answer.claims == (FIRST,)
    assert [list(each.tools) for each in server.requests] == [["count"], []]


@NAMES
async def test_equal_runs_are_equal_on_the_wire_and_at_the_gate(server, name):
    runs = []
    for _ in range(2):
        call = ToolCall(name="count", arguments={"table": "a"}, id=f"call-{len(server.requests)}")
        server.reply_with([call, replace(call, id=f"{call.id}b")], panel)
        asked = Asked()
        async with opened(server, name) as model:
            await asked.answer(model, counting([], "count"))
        runs.append(asked)
    assert runs[0].exchanges == runs[1].exchanges
    bodies = [each.body for each in server.requests]
    assert bodies[:2] == bodies[2:]


@NAMES
async def test_kept_replies_replace_the_provider(server, name):
    server.reply_with(digging)
    asked, kept = Asked(), []
    async with opened(server, name) as model:
        first = await asked.answer(model, counting([]))

        async def from_cache(exchange: Exchange, send: Send) -> Reply:
            assert exchange == asked.exchanges[len(kept)]
            kept.append(json.loads(json.dumps(asked.replies[len(kept)].message)))
            return Reply(message=kept[-1], usage=Usage(saved_calls=1))

        again = Asked()
        again.gate = from_cache
        assert await again.answer(model, counting([])) == first
    assert len(kept) == 2
    assert len(server.requests) == 2


@NAMES
@pytest.mark.parametrize("wrong", ["", '{"claims": 1}', "{broken", "Well."])
async def test_an_answer_of_the_wrong_form_is_put_right_once(server, name, wrong):
    server.reply_with(wrong, panel)
    async with opened(server, name) as model:
        answer = await Asked().answer(model, counting([]))
    assert answer.claims == (FIRST,)
    assert list(server.requests[1].tools) == []


@NAMES
async def test_an_answer_that_stays_wrong_is_an_error(server, name):
    server.reply_with(Form(value={"claims": "many"}))
    async with opened(server, name) as model:
        with pytest.raises(ModelAnswerError, match="claims: Input should be a valid"):
            await Asked().answer(model)
    assert len(server.requests) == 2


@NAMES
async def test_a_truncated_answer_is_an_error(server, name):
    def truncated(request: wire.Request) -> wire.Reply:
        text = json.dumps({"claims": [FIRST.model_dump()]})[:-1]
        if request.has_native_form:
            return wire.Reply(text=text, finish="length")
        return wire.Reply(calls=[ToolCall(name="Answer", arguments=text)], finish="length")

    server.reply_with(truncated)
    async with opened(server, name) as model:
        with pytest.raises(ModelAnswerError, match="cut off after 2,000 tokens"):
            await Asked().answer(model)


async def test_a_refusal_is_told_in_the_words_of_the_model(server):
    server.reply_with(wire.Reply(refusal="I'm sorry, I can't do that."))
    async with opened(server) as model:
        with pytest.raises(ModelAnswerError, match="declined to answer: I'm sorry, I can't do th"):
            await Asked().answer(model)


FAILURES = [
    (Failure(status=400, message="No such field: x"), ModelRefusedError, "No such field: x"),
    (Failure(status=401, message=f"Wrong key {KEY}"), ModelRefusedError, "OPENAI_API_KEY"),
    (Failure(status=403), ModelRefusedError, "OPENAI_API_KEY"),
    (Failure(status=404, code="model_not_found"), ModelRefusedError, "the model's name"),
    (Failure(status=429, code="insufficient_quota"), ModelRefusedError, "billing"),
    (Failure(status=429, headers={"Retry-After": "3"}), ModelThrottledError, "in 3 s"),
    (
        Failure(status=429, headers={"Retry-After": wire.formatdate(wire.DATE + 40, usegmt=True)}),
        ModelThrottledError,
        "in 40 s",
    ),
    (Failure(status=429, headers={"retry-after-ms": "2000"}), ModelThrottledError, "in 2 s"),
    (Failure(status=429), ModelThrottledError, "in 5 s"),
    (Failure(status=400, code="context_length_exceeded"), ModelOverflowError, "ask about less"),
    (Failure(status=500), ModelUnavailableError, "HTTP 500"),
    (Failure(status=503), ModelUnavailableError, "HTTP 503"),
    (wire.Hangup(), ModelUnavailableError, "the connection broke"),
    (wire.Reply(text="x" * 99, cut_after=3), ModelUnavailableError, "the connection broke"),
    (wire.Reply(text="x" * 99, end_after=3), ModelUnavailableError, "fell silent"),
    (wire.Raw(body=b"<html>Hi!", content_type="text/html"), ModelAnswerError, "OPENAI_BASE_URL"),
    (wire.Raw(body=b"data: {oh\n\n", content_type="text/event-stream"), ModelAnswerError, "no rep"),
    (wire.Raw(body=b"data: [1]\n\n", content_type="text/event-stream"), ModelAnswerError, "no rep"),
    (wire.Raw(body=b"data: 7\n\n", content_type="text/event-stream"), ModelAnswerError, "no rep"),
    (
        wire.Raw(body=b'data: {"error": {"message": "GPU"}}\n\n', content_type="text/event-stream"),
        ModelUnavailableError,
        "GPU",
    ),
]


@pytest.mark.parametrize(
    ("said", "expected", "words"),
    FAILURES,
    ids=[f"{n}-{e[1].__name__}" for n, e in enumerate(FAILURES)],
)
@NAMES
async def test_every_failure_is_the_error_that_helps(server, name, said, expected, words):
    server.reply_with(said)
    async with opened(server, name) as model:
        with pytest.raises(expected, match=words) as raised:
            await Asked().answer(model)
    assert type(raised.value) is expected
    assert KEY not in str(raised.value)
    assert raised.value.__cause__ is not None or "fell silent" in words
    assert len(server.requests) == 1  # to try again is the gate's business


@pytest.mark.filterwarnings("ignore:Pydantic serializer")
async def test_a_reply_of_another_shape_is_none(server):
    server.reply_with(wire.Raw(body=b'data: {"choices": 1}\n\n', content_type="text/event-stream"))
    async with opened(server) as model:
        with pytest.raises(ModelAnswerError, match="no reply of a model"):
            await Asked().answer(model)


@pytest.mark.parametrize(
    "said", [wire.Silence(), wire.Reply(text="x" * 99, stall_after=3)], ids=["headers", "stream"]
)
async def test_a_provider_that_falls_silent_is_given_up(server, said):
    server.reply_with(said)
    async with opened(server, timeout=0.2) as model:
        with pytest.raises(ModelTimeoutError, match="took too long"):
            await Asked().answer(model)
        await server.until(lambda: server.left == 1)


async def test_an_answer_cancelled_before_it_begins_closes_the_connection(server):
    server.reply_with(wire.Silence())
    async with opened(server) as model:
        task = asyncio.create_task(Asked().answer(model))
        await server.until(lambda: len(server.requests) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.until(lambda: server.left == 1)


@pytest.mark.parametrize("pieces", [1, 2, 5])
async def test_an_answer_cancelled_in_the_middle_closes_the_connection(server, pieces):
    server.reply_with(wire.Reply(text="x" * 99, stall_after=6))
    asked, heard = Asked(), asyncio.Event()

    def listen(piece: str) -> None:
        asked.heard.append(piece)
        if len(asked.heard) == pieces:
            heard.set()

    brief = Brief(system="Be exact.", material=MATERIAL, answer=Answer)
    async with opened(server) as model:
        task = asyncio.create_task(model.answer(brief, gate=asked.gate, listen=listen))
        await heard.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.until(lambda: server.left == 1)


async def test_a_gate_that_runs_out_of_time_closes_the_connection(server):
    server.reply_with(wire.Silence())

    async def impatient(exchange: Exchange, send: Send) -> Reply:
        async with asyncio.timeout(0.1):
            return await send(10)

    asked = Asked()
    asked.gate = impatient
    async with opened(server) as model:
        with pytest.raises(TimeoutError):
            await asked.answer(model)
        await server.until(lambda: server.left == 1)


async def test_many_answers_are_under_way_at_once(server):
    all_there = asyncio.Barrier(5)

    async def together(request: wire.Request) -> Form:
        await all_there.wait()
        return panel(request)

    server.reply_with(together)
    async with opened(server) as model:
        answers = await asyncio.gather(*(Asked().answer(model) for _ in range(5)))
    assert len(answers) == server.peak == 5


async def test_nothing_listens_there():
    async with openai_server() as server:
        url = server.url
    model = await open_openai("gpt-4o-mini", api_key=KEY, base_url=url)
    with pytest.raises(ModelUnavailableError, match="nothing listens there"):
        await Asked().answer(model)
    await model.aclose()


async def test_a_host_that_nobody_knows():
    model = await open_openai("gpt-4o-mini", api_key=KEY, base_url="http://no-such-host.invalid/v1")
    with pytest.raises(ModelUnavailableError, match="host name is not known"):
        await Asked().answer(model)
    await model.aclose()


async def test_a_server_that_does_not_speak_tls(server):
    url = server.url.replace("http:", "https:")
    model = await open_openai("gpt-4o-mini", api_key=KEY, base_url=url)
    with pytest.raises(ModelUnavailableError, match="not secure"):
        await Asked().answer(model)
    await model.aclose()


@pytest.mark.parametrize(
    ("key", "url", "words"),
    [
        ("sk-\n1", None, "OPENAI_API_KEY"),
        ("schlüssel", None, "OPENAI_API_KEY"),
        (KEY, "api.openai.com/v1", "OPENAI_BASE_URL"),
        (KEY, "ftp://models/v1", "OPENAI_BASE_URL"),
        (KEY, "http://", "OPENAI_BASE_URL"),
    ],
)
async def test_what_cannot_be_right_is_refused_before_anything_is_sent(key, url, words):
    with pytest.raises(ModelRefusedError, match=words) as raised:
        await open_openai("gpt-4o-mini", api_key=key, base_url=url)
    assert key not in str(raised.value)


async def test_the_endpoint_names_model_host_and_key_and_no_secret(server):
    endpoints = []
    for key in (KEY, KEY, "sk-other", None):
        model = await open_openai("llama-3", api_key=key, base_url=server.url)
        endpoints.append(model.endpoint)
        assert model.name == "openai:llama-3"
        await model.aclose()
    assert endpoints[0] == endpoints[1]
    assert len(set(endpoints)) == 3
    assert endpoints[0].startswith(f"openai:llama-3@127.0.0.1:{server.port} key-")
    assert not any(part in "".join(endpoints) for part in (KEY, "other"))


async def test_openai_itself_is_the_default(monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    model = await open_openai("gpt-4o-mini", api_key=KEY)
    assert model.endpoint.startswith("openai:gpt-4o-mini@api.openai.com key-")
    await model.aclose()


async def test_a_server_of_ones_own_needs_no_key(server):
    model = await open_openai("llama-3", api_key=None, base_url=server.url)
    assert (await Asked().answer(model)).claims == (FIRST,)
    await model.aclose()


def printed_by(program: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={key: value for key, value in os.environ.items() if not key.startswith("LANG")},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return result.stdout.strip()


def test_nothing_is_traced_unless_somebody_asked_for_it():
    program = """
import agents.models
from langsmith.utils import tracing_is_enabled
print(tracing_is_enabled())
"""
    assert printed_by(program) == "False"


def test_a_library_is_imported_only_when_a_model_is_opened():
    program = """
import sys, agents.models.openai
print([name for name in ("langchain_core", "openai", "httpx2") if name in sys.modules])
"""
    assert printed_by(program) == "[]"


async def test_the_provider_runs_as_a_program_too(tmp_path):
    log = tmp_path / "requests.jsonl"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.openai_server", "--port", "0"),
        *("--script", "500,panel", "--log", str(log)),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        port = int(await process.stdout.readline())
        url = f"http://127.0.0.1:{port}/v1"
        model = await open_openai("gpt-4o-mini", api_key=KEY, base_url=url)
        with pytest.raises(ModelUnavailableError):
            await Asked().answer(model)
        assert (await Asked().answer(model)).claims == (FIRST,)
        await model.aclose()
    finally:
        process.terminate()
        assert await process.wait() == 0
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert [line["body"]["model"] for line in lines] == ["gpt-4o-mini"] * 2
