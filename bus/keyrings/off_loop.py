"""Waiting for what blocks, in a thread of its own and for a bounded time."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from bus.errors import KeysUnavailableError, UsageError

T = TypeVar("T")


async def off_loop(work: Callable[[], T], *, timeout: float) -> T:
    """What `work` returns or raises.

    Its thread keeps no process alive and no other work waiting, even if it never ends.

    Raises:
        KeysUnavailableError: it took longer than `timeout` seconds, or said so.
        UsageError: it said so.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T | KeysUnavailableError | UsageError] = loop.create_future()

    def answer(value: T | KeysUnavailableError | UsageError) -> None:
        if not outcome.done():
            outcome.set_result(value)

    def run() -> None:
        value: T | KeysUnavailableError | UsageError
        try:
            value = work()
        except (KeysUnavailableError, UsageError) as error:
            value = error
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(answer, value)

    threading.Thread(target=run, name="convener-keys", daemon=True).start()
    try:
        async with asyncio.timeout(timeout):
            value = await outcome
    except TimeoutError:
        raise KeysUnavailableError(f"Keys did not come within {timeout:g} s.") from None
    if isinstance(value, (KeysUnavailableError, UsageError)):
        raise value
    return value
