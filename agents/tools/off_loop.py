"""Computing in a thread, so that what takes long in Python holds up no message.

*Guarantees*: one thread of a process computes, whatever tool asks: two would only share one core.

*Not here*: statements, which run in the executor of the engine (`agents/datasets/duckdb.py`).
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_thread: Final = ThreadPoolExecutor(1, thread_name_prefix="convener-computing")


async def off_loop(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """What the function returns, which must be pure and bounded: it cannot be stopped.

    If cancelled before its turn, it is not computed.
    """
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_thread, partial(function, *args, **kwargs))
