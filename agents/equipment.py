"""What a process works with, made from its settings: data, kept answers, and perhaps a model.

This is where implementations of the agents' seams are put together, as `bus.connect` does it for
those of the bus.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from agents.builtin import default_catalog
from agents.cache_store import CacheStore
from agents.caching.response_cache import ResponseCache
from agents.dataset import DatasetCatalog
from agents.errors import AgentUsageError
from agents.reasoning.prompt import load_prompts
from agents.reasoning.reasoning import ModelKit
from agents.settings import Settings
from agents.throttle import Throttle
from bus import Clock

KEY_FILE: Final = "responses.key"
STORE_PATIENCE: Final = 2.0
"""Seconds that what all processes share is waited for: a busy machine is slow to answer, and what
is asked twice for that costs more time, and money."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """What `serve_panel` is given; `kit` is None where no model is to be used."""

    catalog: DatasetCatalog
    cache: ResponseCache
    kit: ModelKit | None


@asynccontextmanager
async def equipped(settings: Settings, *, clock: Clock) -> AsyncIterator[Equipment]:
    """The equipment that `settings` describe, for as long as the context lasts.

    Raises:
        AgentUsageError: the model cannot be used as it is set.
    """
    async with AsyncExitStack() as stack:
        catalog = await stack.enter_async_context(
            default_catalog(
                roots=settings.roots, cache=settings.cache, embedded=settings.is_embedded
            )
        )
        cache = await stack.enter_async_context(kept_answers(settings, clock=clock))
        kit = None if settings.model is None else await _kit(stack, settings, clock)
        yield Equipment(catalog=catalog, cache=cache, kit=kit)


@asynccontextmanager
async def kept_answers(settings: Settings, *, clock: Clock) -> AsyncIterator[ResponseCache]:
    """The answers that are kept for all processes, for as long as the context lasts."""
    async with (
        _store(settings, clock) as store,
        ResponseCache(store=store, clock=clock) as cache,
    ):
        yield cache


@asynccontextmanager
async def _store(settings: Settings, clock: Clock) -> AsyncIterator[CacheStore]:
    """Redis where there is one, so that all workers share it; else a file of this machine."""
    secret = await asyncio.to_thread(_secret, settings)
    if settings.redis_url is not None:
        from agents.caches.redis import RedisCacheStore

        async with RedisCacheStore(
            settings.redis_url, secret=secret, clock=clock, budget=STORE_PATIENCE
        ) as store:
            yield store
    else:
        from agents.caches.sqlite import SqliteCacheStore

        path = str(settings.cache / "responses.db")
        async with SqliteCacheStore(
            path, secret=secret, clock=clock, budget=STORE_PATIENCE
        ) as file:
            yield file


async def _kit(stack: AsyncExitStack, settings: Settings, clock: Clock) -> ModelKit:
    from agents.models.openai import open_openai

    assert settings.model is not None
    if settings.api_key is None and settings.base_url is None:
        raise AgentUsageError(
            f"{settings.model} needs a key: set OPENAI_API_KEY, or OPENAI_BASE_URL for a server of "
            "your own that needs none."
        )
    prompts = await asyncio.to_thread(load_prompts, settings.prompts)
    model = await open_openai(
        settings.model.partition(":")[2], api_key=settings.api_key, base_url=settings.base_url
    )
    await stack.enter_async_context(aclosing(model))
    return ModelKit(
        model=model,
        prompts=prompts,
        throttle=await _throttle(stack, settings, clock),
        prices=settings.prices,
    )


async def _throttle(stack: AsyncExitStack, settings: Settings, clock: Clock) -> Throttle:
    if settings.redis_url is not None:
        from agents.throttles.redis import RedisThrottle

        return await stack.enter_async_context(
            RedisThrottle(settings.redis_url, clock=clock, budget=STORE_PATIENCE)
        )
    from agents.throttles.local import LocalThrottle

    return LocalThrottle(clock=clock)


def _secret(settings: Settings) -> bytes:
    """What kept answers are sealed with: as it was set, else a key file of this user."""
    if settings.cache_key is not None:
        return sha256(settings.cache_key.encode()).digest()
    file = settings.cache / KEY_FILE
    try:
        settings.cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_once(file, secrets.token_bytes(32))
        return file.read_bytes()
    except OSError as error:
        raise AgentUsageError(
            f"{file} cannot be used ({error.strerror}): set CONVENER_CACHE to a folder of yours."
        ) from error


def _write_once(file: Path, content: bytes) -> None:
    """Write `content`, whole and for this user alone, unless the file exists."""
    if file.exists():
        return
    own = file.with_name(f"{file.name}.{os.getpid()}")
    descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as written:
        written.write(content)
    try:
        with suppress(FileExistsError):
            os.link(own, file)
    finally:
        own.unlink()
