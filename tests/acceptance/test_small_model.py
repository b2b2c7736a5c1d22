"""A real model, small as it is, answers through the seam."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from agents.model import Brief, Exchange, Reply, Send
from agents.models.openai import open_openai
from tests.support import small_model

pytestmark = [pytest.mark.llm, pytest.mark.timeout(180)]


class Answer(BaseModel):
    """What was found: nothing in which a small model could ramble."""

    problem: Literal["missing", "duplicate", "late"]
    share: int = Field(ge=0, le=100, description="Percent.")
    is_urgent: bool


@pytest.fixture
async def url() -> AsyncIterator[str]:
    if (reason := small_model.missing()) is not None:
        pytest.skip(reason)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.small_model"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        address = ""
        while not address.startswith("http"):
            line = await process.stdout.readline()
            assert line, "the server of the small model did not start"
            address = line.decode().strip()
        yield f"{address}/v1"
    finally:
        process.kill()
        await process.wait()


async def test_a_real_model_answers_in_the_form_asked_for(url):
    replies: list[Reply] = []
    heard: list[str] = []

    async def gate(exchange: Exchange, send: Send) -> Reply:
        replies.append(await send(exchange.max_output_tokens))
        return replies[-1]

    model = await open_openai("smollm2", api_key=None, base_url=url, is_native=True)
    try:
        answer = await model.answer(
            Brief(
                system="You are a data analyst. Answer in JSON.",
                material="9% of the departure delays are missing. What is the problem?",
                answer=Answer,
                max_exchanges=2,
                max_output_tokens=120,
            ),
            gate=gate,
            listen=heard.append,
        )
    finally:
        await model.aclose()
    assert len(heard) > 5
    assert Answer.model_validate(json.loads("".join(heard))) == answer
    assert replies[0].usage.calls == 1
    assert replies[0].usage.input_tokens > 20
    assert 0 < replies[0].usage.output_tokens <= 120
