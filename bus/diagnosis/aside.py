"""Waiting for what may block for ever, such as a file on a server that is gone."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from bus.errors import BusError

T = TypeVar("T")


async def aside(work: Callable[[], T]) -> T:
    """What `work` returns, or the `BusError` or `OSError` that it raises.

    Its thread keeps no process alive, even if it never ends.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T | BusError | OSError] = loop.create_future()

    def answer(value: T | BusError | OSError) -> None:
        if not outcome.done():
            outcome.set_result(value)

    def run() -> None:
        value: T | BusError | OSError
        try:
            value = work()
        except (BusError, OSError) as error:
            value = error
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(answer, value)

    threading.Thread(target=run, name="diagnosis", daemon=True).start()
    value = await outcome
    if isinstance(value, (BusError, OSError)):
        raise value
    return value
