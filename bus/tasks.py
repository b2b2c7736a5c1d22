"""Structured background tasks whose errors come out as themselves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def task_group() -> AsyncIterator[asyncio.TaskGroup]:
    """An `asyncio.TaskGroup` that raises a sole error as it is, without a group around it.

    So a caller can catch what the body raised by its type; several errors at once stay a group.
    """
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as errors:
        sole = _sole_error(errors)
        if sole is None:
            raise
        raise sole from sole.__cause__


def _sole_error(errors: BaseExceptionGroup[BaseException]) -> BaseException | None:
    leaves = errors.exceptions
    if len(leaves) != 1:
        return None
    leaf = leaves[0]
    return _sole_error(leaf) if isinstance(leaf, BaseExceptionGroup) else leaf
