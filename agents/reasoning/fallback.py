"""The levels that a question to a model comes down: in full, simplified, an earlier answer, none.

*Guarantees*: whatever fails, there is an outcome in time; each level that could not be had is named
with its reason. An earlier answer is only ever used with its age.

*Not here*: the two levels below, findings without a model and a degraded answer; the worker has
them anyway.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from pydantic import BaseModel, JsonValue, ValidationError

from agents.domain.call import ModelPurpose
from agents.domain.task import Fallback, FallbackLevel
from agents.errors import (
    BudgetExhaustedError,
    ModelError,
    ModelRefusedError,
    ModelThrottledError,
    ModelUnavailableError,
)
from agents.model import Brief, Listen
from agents.reasoning.model_gateway import ModelGateway, Reasoner

A = TypeVar("A", bound=BaseModel)

KEEP: Final = 7 * 24 * 3600.0
"""Seconds for which an answer may stand in for a later one."""
IN_FULL: Final = (90.0, 0.5)
"""Seconds that the full question may take, and the share of the time left."""
SIMPLIFIED: Final = (45.0, 0.5)
"""The same for the simplified one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Generic[A]):
    """What is asked of a model, and the less that is asked when that fails.

    `kept_as` names the answer among those kept for bad times. `aside` is kept with the answer and
    given back with it.
    """

    full: Brief[A]
    simplified: Brief[A]
    purpose: ModelPurpose
    simplified_purpose: ModelPurpose
    kept_as: str
    tags: tuple[str, ...] = ()
    aside: Callable[[], JsonValue] = field(default=lambda: None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Generic[A]):
    """The answer, if there is one, at which level, and why not at a better one.

    `aside` is what was kept with an earlier answer, None with a new one.
    """

    answer: A | None
    level: FallbackLevel
    fallbacks: tuple[Fallback, ...] = ()
    aside: JsonValue = None


async def ask(
    gateway: ModelGateway,
    question: Question[A],
    *,
    reasoner: Reasoner,
    now: Callable[[], datetime],
    listen: Listen,
) -> Outcome[A]:
    """The outcome of putting `question` to the model; `reasoner.deadline` bounds it."""
    fallbacks: list[Fallback] = []

    async def attempt(brief: Brief[A], purpose: ModelPurpose, limit: tuple[float, float]) -> A:
        left = (reasoner.deadline - now()).total_seconds()
        until = now() + timedelta(seconds=min(limit[0], limit[1] * left))
        asking = replace(reasoner, deadline=until, purpose=purpose)
        answer = await gateway.ask(brief, reasoner=asking, listen=listen)
        kept: dict[str, JsonValue] = {
            "answer": answer.model_dump(mode="json"),
            "aside": question.aside(),
        }
        await gateway.cache.put(question.kept_as, kept, ttl=KEEP, tags=question.tags)
        return answer

    try:
        answer = await attempt(question.full, question.purpose, IN_FULL)
        return Outcome(answer=answer, level="full")
    except ModelError as error:
        failure = error
    if _may_be_simplified(failure):
        fallbacks.append(Fallback(level="simplified", reason=str(failure)))
        try:
            answer = await attempt(question.simplified, question.simplified_purpose, SIMPLIFIED)
            return Outcome(answer=answer, level="simplified", fallbacks=tuple(fallbacks))
        except ModelError as error:
            failure = error
    if not reasoner.is_fresh:
        known = await gateway.cache.get(question.kept_as)
        if known is not None and isinstance(known.value, Mapping):
            earlier = _parsed(question.full.answer, known.value.get("answer"))
            if earlier is not None:
                reason = f"{failure} An answer of {_ago(known.age)} ago stands in."
                fallbacks.append(Fallback(level="cached", reason=reason))
                return Outcome(
                    answer=earlier,
                    level="cached",
                    fallbacks=tuple(fallbacks),
                    aside=known.value.get("aside"),
                )
    fallbacks.append(Fallback(level="partial", reason=str(failure)))
    return Outcome(answer=None, level="partial", fallbacks=tuple(fallbacks))


def _may_be_simplified(error: ModelError) -> bool:
    """Whether asking less may help: not where nothing may be asked at all."""
    return not isinstance(
        error,
        (ModelRefusedError, ModelThrottledError, ModelUnavailableError, BudgetExhaustedError),
    )


def _parsed(form: type[A], value: JsonValue) -> A | None:
    try:
        return form.model_validate(value)
    except ValidationError:
        return None


def _ago(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86400:.0f} days"
