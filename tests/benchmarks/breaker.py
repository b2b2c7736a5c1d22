"""What a closed circuit breaker adds to a call, beside interlock-cb and a bare await.

`python -m tests.benchmarks.breaker [--calls N] [--rounds N]` prints nanoseconds per call as JSON
lines: the best of several rounds, since whatever else the machine does only adds to it. `suspends`
says whether the callee gives the loop a turn.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from functools import partial

import interlock

from agents.calling.circuit_breaker import CircuitBreaker
from agents.domain.breaker import BreakerPolicy
from bus import SystemClock


async def answer() -> int:
    return 1


async def answer_later() -> int:
    await asyncio.sleep(0)
    return 1


def every_error(error: Exception) -> bool:
    return True


async def best(call: Callable[[], Awaitable[object]], *, calls: int, rounds: int) -> float:
    """Nanoseconds per call of the best round."""
    seconds = []
    for _ in range(rounds):
        begun = time.perf_counter()
        for _ in range(calls):
            await call()
        seconds.append(time.perf_counter() - begun)
    return min(seconds) / calls * 1e9


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=150)
    options = parser.parse_args()
    ours = CircuitBreaker("callee", policy=BreakerPolicy(), clock=SystemClock(), listener=print)
    theirs = interlock.CircuitBreaker(name="callee")
    for callee in (answer, answer_later):

        async def timed(callee: Callable[[], Awaitable[int]] = callee) -> int:
            async with asyncio.timeout(30.0):
                return await callee()

        measured = {
            name: await best(call, calls=options.calls, rounds=options.rounds)
            for name, call in {
                "bare": callee,
                "asyncio.timeout": timed,
                "ours": partial(ours.call, callee, timeout=30.0, counts=every_error),
                "interlock": partial(theirs.call, callee),
            }.items()
        }
        bare = measured["bare"]
        for name, nanoseconds in measured.items():
            print(
                json.dumps(
                    {
                        "breaker": name,
                        "suspends": callee is answer_later,
                        "ns": round(nanoseconds),
                        "added_ns": round(nanoseconds - bare),
                        "times_bare": round(nanoseconds / bare, 2),
                        "of_interlock": round(
                            (nanoseconds - bare) / (measured["interlock"] - bare), 2
                        ),
                    }
                )
            )


if __name__ == "__main__":
    asyncio.run(main())
