"""`Check`, one question about a set-up, and `diagnose`, which asks many at once.

*Guarantees*: every check ends in one verdict, in bounded time. What rests on something that failed
is not asked, and the verdict says so.

*Not here*: the questions.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from bus.errors import BusError
from bus.tasks import task_group

Status: TypeAlias = Literal["ok", "note", "warning", "failed", "skipped"]

TIMEOUT: Final = 5.0
"""Seconds that a check may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is so, and what to do about it, a sentence each."""

    status: Status
    what: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A question that is asked by calling `probe`, unless the check that it `needs` failed.

    A `BusError` or an `OSError` that `probe` raises is a verdict too: it says what is wrong.
    """

    name: str
    probe: Callable[[], Awaitable[Verdict]]
    needs: str = ""
    timeout: float = TIMEOUT


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A check's name and its verdict."""

    name: str
    verdict: Verdict


def fine(what: str) -> Verdict:
    """All is as it should be."""
    return Verdict(status="ok", what=what)


def noted(what: str, remedy: str = "") -> Verdict:
    """It is neither right nor wrong, or cannot be told."""
    return Verdict(status="note", what=what, remedy=remedy)


def warned(what: str, remedy: str) -> Verdict:
    """It works, but not as it should."""
    return Verdict(status="warning", what=what, remedy=remedy)


def failed(what: str, remedy: str = "") -> Verdict:
    """Something will not work."""
    return Verdict(status="failed", what=what, remedy=remedy)


async def diagnose(checks: Sequence[Check]) -> Sequence[Answer]:
    """The answer to each of `checks`, in their order, in which what is needed comes first."""
    asked: dict[str, asyncio.Task[Verdict]] = {}
    async with task_group() as tasks:
        for check in checks:
            needed = asked[check.needs] if check.needs else None
            asked[check.name] = tasks.create_task(_asked(check, needed), name=check.name)
    return [Answer(name=name, verdict=task.result()) for name, task in asked.items()]


async def _asked(check: Check, needed: asyncio.Task[Verdict] | None) -> Verdict:
    if needed is not None:
        before = await asyncio.shield(needed)
        if before.status == "skipped":
            return before
        if before.status == "failed":
            return Verdict(status="skipped", what=f"Not examined, because {check.needs} failed.")
    try:
        async with asyncio.timeout(check.timeout) as timer:
            return await check.probe()
    except TimeoutError as error:
        if not timer.expired():
            return failed(_sentence(error))
        return failed(f"There was no answer within {check.timeout:g} s.")
    except BusError as error:
        return failed(str(error))
    except OSError as error:
        return failed(_sentence(error))


def _sentence(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or type(error).__name__}."
