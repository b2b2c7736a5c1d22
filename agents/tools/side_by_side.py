"""Asking the engine about several columns at once, so that no processor waits for one statement."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeVar

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE: Final = 2
"""Statements of one tool under way; more would stand before those of other specialists."""


async def side_by_side(measure: Callable[[T], Awaitable[R]], items: Iterable[T]) -> list[R]:
    """What `measure` gives for each of the items, in their order.

    Raises whatever the first that fails raises; the others are cancelled.
    """
    places = asyncio.Semaphore(AT_ONCE)

    async def measured(item: T) -> R:
        async with places:
            return await measure(item)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(measured(item)) for item in items]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]
