"""Whether the model that the settings name answers, and takes the key.

*Guarantees*: nothing that costs money is asked unless that is wanted; the key is not shown.
"""

from collections.abc import Sequence
from contextlib import aclosing
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel

from agents.errors import ModelError
from agents.model import Brief, Exchange, Reply, Send
from agents.settings import Settings
from bus.diagnosis.check import Check, Verdict, failed, fine, noted, warned

if TYPE_CHECKING:
    from agents.models.openai_probe import Listing

ANSWER_TIMEOUT: Final = 60.0
"""Seconds for a real answer; a small machine takes some of them just to load the libraries."""


class Readiness(BaseModel):
    """Answer with `is_ready` set to true."""

    is_ready: bool


def checks(settings: Settings, *, is_asked: bool) -> Sequence[Check]:
    """The questions about the model; `is_asked` says whether it is asked for a short answer."""

    async def model() -> Verdict:
        return await judged(settings)

    async def answer() -> Verdict:
        return await _answered(settings)

    reached = Check(name="model", probe=model)
    if settings.model is None or not is_asked:
        return (reached,)
    return (
        reached,
        Check(name="model answers", probe=answer, needs="model", timeout=ANSWER_TIMEOUT),
    )


async def judged(settings: Settings) -> Verdict:
    """Whether the model can be asked, as far as that is free of charge."""
    if settings.model is None:
        return noted("No model is set: findings are explained by rule alone.")
    if settings.api_key is None and settings.base_url is None:
        return failed(
            f"{settings.model} needs a key.",
            "Set OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own that needs none.",
        )
    from agents.models.openai import check_access
    from agents.models.openai_probe import listed_models

    try:
        check_access(api_key=settings.api_key, base_url=settings.base_url)
    except ModelError as error:
        return failed(str(error))
    try:
        listing = await listed_models(api_key=settings.api_key, base_url=settings.base_url)
    except ModelError as error:
        return failed(str(error), "Check OPENAI_BASE_URL, and that the server runs.")
    return judged_listing(settings.model, listing)


def judged_listing(model: str, listing: "Listing") -> Verdict:
    """What it means for `model` that its server gave this list of models."""
    server, name = f"The server of {model}", model.partition(":")[2]
    status = listing.status
    if status == HTTPStatus.OK and listing.models and name not in listing.models:
        return warned(
            f"{server} answers, but does not list {name}.",
            f"Name one that it lists, such as openai:{min(listing.models)}.",
        )
    if status == HTTPStatus.OK:
        return fine(f"{server} answers.")
    if status == HTTPStatus.UNAUTHORIZED:
        return failed(
            f"{server} refuses the key ({status}).",
            "Copy it again into OPENAI_API_KEY, or make a new one.",
        )
    if status == HTTPStatus.FORBIDDEN:
        return failed(
            f"{server} forbids what this key asks ({status}).",
            "Have the key permitted there, or use another one.",
        )
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return warned(
            f"{server} answers, but is in trouble ({status}).",
            "Look at its status page, or at its log.",
        )
    return noted(
        f"{server} answers ({status}), and has no list of models.",
        "`convener doctor --ask-model` asks it for a short answer.",
    )


async def _answered(settings: Settings) -> Verdict:
    from agents.models.openai import open_openai

    assert settings.model is not None
    brief = Brief(
        system="This is a test of the connection. Answer that you are ready.",
        material="Are you ready?",
        answer=Readiness,
        max_exchanges=1,
        max_output_tokens=1_000,
    )
    spent = 0

    async def gate(exchange: Exchange, send: Send) -> Reply:
        nonlocal spent
        reply = await send(exchange.max_output_tokens)
        spent += reply.usage.tokens
        return reply

    try:
        model = await open_openai(
            settings.model.partition(":")[2],
            api_key=settings.api_key,
            base_url=settings.base_url,
        )
        async with aclosing(model):
            await model.answer(brief, gate=gate, listen=lambda _: None)
    except ModelError as error:
        return failed(str(error), "Choose another model, or correct key and address.")
    return fine(f"{settings.model} gave an answer in the form asked for, with {spent:,} tokens.")
