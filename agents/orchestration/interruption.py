"""Work that an event puts an end to."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

R = TypeVar("R")


async def until(event: asyncio.Event, work: Coroutine[Any, Any, R]) -> R | None:
    """The result of `work`; None if `event` is set first, once the work has been cancelled."""
    working = asyncio.ensure_future(work)
    ending = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({working, ending}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
    finally:
        ending.cancel()
        if not working.done():
            working.cancel()
            await asyncio.wait({working})
            if not working.cancelled():
                working.exception()  # it failed while it was being stopped: nobody asks for it
    return None
