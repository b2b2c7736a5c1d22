"""The one way to a model: cache, budget, throttle, circuit breaker, timeout, retry, record.

*Guarantees*: an exchange that is known is not paid again, also when many ask at the same moment in
several processes; none goes out that the budget does not cover; every exchange is recorded as
`ModelCalled`. A provider that wants fewer calls is left alone by all workers that share the
throttle. The order is retry (breaker (timeout (exchange))), and an open circuit ends the retries.

*Not here*: what a reply means (`agents.models`), and what to do without one
(`agents.reasoning.fallback`).
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeAlias, TypeVar

import structlog
from pydantic import BaseModel, JsonValue

from agents.caching.response_cache import ResponseCache, cache_key
from agents.calling.circuit_breaker import CircuitBreakers
from agents.domain.cache_key import request_tag
from agents.domain.call import ModelCalled, ModelCallStatus, ModelPurpose, PromptUsed, Source
from agents.domain.usage import Price, Usage
from agents.errors import (
    BudgetExhaustedError,
    CircuitOpenError,
    ModelError,
    ModelRefusedError,
    ModelThrottledError,
    ModelTimeoutError,
    ModelUnavailableError,
    ToolTimeoutError,
)
from agents.model import Brief, Exchange, Listen, Model, Reply, Send
from agents.reasoning.purse import Purse
from agents.throttle import Throttle
from agents.tools.record_masking import masked_record
from bus import AgentMessage, BusError, Clock, Principal

A = TypeVar("A", bound=BaseModel)

CALL_TIMEOUT: Final = 60.0
"""Seconds that one exchange may take."""
RETRIES: Final = 2
"""How often an exchange is tried again when the provider fails."""
BACK_OFF: Final = 0.5
"""Seconds before the first retry; doubled, and spread by half, after that."""
TTL: Final = 24 * 3600.0
"""Seconds for which a reply is kept."""
MAX_INPUT: Final = 128 * 1024
"""Bytes of what was sent, and as many of what came back, that go into the record."""
MESSAGE_OVERHEAD: Final = 16
"""Tokens that a provider may put around one message."""
LEAST_OUTPUT: Final = 64
"""Output tokens below which an exchange is not worth its input."""

Record: TypeAlias = Callable[[ModelCalled, AgentMessage[Any]], Awaitable[None]]
"""Keeps what was asked, as a consequence of the message that the caller works on."""

_STATUS: Final[Mapping[type[ModelError], ModelCallStatus]] = {
    ModelTimeoutError: "timed_out",
    ModelThrottledError: "throttled",
    ModelRefusedError: "refused",
    BudgetExhaustedError: "over_budget",
}

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasoner:
    """Who asks a model, for which message, on whose behalf, out of which purse, until when."""

    name: str
    message: AgentMessage[Any]
    principal: Principal
    deadline: datetime
    purpose: ModelPurpose
    prompt: PromptUsed
    purse: Purse
    task_id: str | None = None
    is_fresh: bool = False
    """Whether nothing that is known already may answer."""


@dataclass(slots=True)
class _Course:
    """What became of one exchange so far."""

    attempts: int = 0
    waited: float = 0.0
    usage: Usage = field(default_factory=Usage)


class ModelGateway:
    """Asks one model."""

    def __init__(
        self,
        *,
        model: Model,
        cache: ResponseCache,
        throttle: Throttle,
        breakers: CircuitBreakers,
        prices: Mapping[str, Price],
        clock: Clock,
        record: Record,
    ) -> None:
        self.model = model
        self.cache = cache
        self._throttle = throttle
        self._breaker = breakers[f"model:{model.endpoint}"]
        self._clock = clock
        self._record = record
        self.price = prices.get(model.name) or prices.get(model.name.partition(":")[2])

    @property
    def retry_after(self) -> float:
        """Seconds until the model's circuit lets a call through; 0 if it would now."""
        return self._breaker.retry_after

    async def ask(self, brief: Brief[A], *, reasoner: Reasoner, listen: Listen) -> A:
        """The model's answer to `brief`.

        Raises:
            BudgetExhaustedError: the purse does not allow (another) exchange.
            ModelUnavailableError, ModelTimeoutError, ModelThrottledError: after the retries.
            ModelRefusedError, ModelOverflowError, ModelAnswerError: at once.
        """
        seen = 0

        async def gate(exchange: Exchange, send: Send) -> Reply:
            nonlocal seen
            added, seen = exchange.messages[seen:], len(exchange.messages)
            return await self._exchange(exchange, send, added, reasoner)

        return await self.model.answer(brief, gate=gate, listen=listen)

    async def _exchange(
        self, exchange: Exchange, send: Send, added: Sequence[JsonValue], reasoner: Reasoner
    ) -> Reply:
        key = cache_key(
            "model",
            self.model.endpoint,
            list(exchange.messages),
            exchange.terms,
            exchange.max_output_tokens,
            reasoner.principal.subject,
            " ".join(sorted(reasoner.principal.scopes)),
        )
        started = self._clock.monotonic()
        course = _Course()
        status: ModelCallStatus = "cancelled"
        problem = "The call was cancelled."
        output: JsonValue = None
        source: Source = "made"
        age = 0.0
        try:
            reply, source, age = await self._known_or_made(key, exchange, send, reasoner, course)
            status, problem, output = "succeeded", "", reply.message
            return reply
        except ModelError as error:
            is_open = isinstance(error.__cause__, CircuitOpenError)
            status = "circuit_open" if is_open else _STATUS.get(type(error), "failed")
            problem = str(error)
            raise
        finally:
            called = ModelCalled(
                model=self.model.name,
                endpoint=self.model.endpoint,
                caller=reasoner.name,
                request_id=reasoner.message.conversation,
                task_id=reasoner.task_id,
                purpose=reasoner.purpose,
                prompt=reasoner.prompt,
                key=key,
                input=masked_record(list(added)) if _size(list(added)) <= MAX_INPUT else None,
                status=status,
                output=masked_record(output) if _size(output) <= MAX_INPUT else None,
                error=problem,
                usage=course.usage,
                attempts=course.attempts,
                waited=round(course.waited, 3),
                seconds=round(self._clock.monotonic() - started, 6),
                source=source,
                age=round(age, 3),
            )
            await self._note(called, reasoner.message)

    async def _known_or_made(
        self, key: str, exchange: Exchange, send: Send, reasoner: Reasoner, course: _Course
    ) -> tuple[Reply, Source, float]:
        max_age = 0.0 if reasoner.is_fresh else None
        if not exchange.is_tainted:
            known = await self.cache.get(key, max_age=max_age)
            if known is not None:
                reasoner.purse.save()
                return _reply_of(known.value), known.source, known.age
        taken = _size([*exchange.messages, exchange.terms])
        taken += MESSAGE_OVERHEAD * (len(exchange.messages) + 1)
        wanted = exchange.max_output_tokens
        allowed = self._allowed(reasoner, taken, wanted, at_least=min(LEAST_OUTPUT, wanted))

        leads = False

        async def make() -> JsonValue:
            nonlocal leads
            leads = True
            reply = await self._make(taken, allowed, send, reasoner, course)
            return {"message": reply.message, "usage": reply.usage.model_dump(mode="json")}

        if exchange.is_tainted or allowed < wanted:
            return _reply_of(await make()), "made", 0.0
        left = (reasoner.deadline - self._clock.now()).total_seconds()
        tags = (f"model:{self.model.name}", request_tag(reasoner.message.conversation))
        try:
            async with asyncio.timeout(left):
                while True:
                    try:
                        answer = await self.cache.get_or_make(
                            key, make, ttl=TTL, max_age=max_age, tags=tags
                        )
                        break
                    except (BudgetExhaustedError, ModelTimeoutError, ModelThrottledError):
                        if leads:  # else it was another's budget or time that came to its end
                            raise
        except TimeoutError as error:
            raise ModelTimeoutError(
                f"{self.model.name} did not answer within {left:.0f} s."
            ) from error
        if answer.source != "made":
            reasoner.purse.save()
        return _reply_of(answer.value), answer.source, answer.age

    async def _make(
        self, taken: int, allowed: int, send: Send, reasoner: Reasoner, course: _Course
    ) -> Reply:
        """Send until there is a reply, nothing is left to try, or the time is over."""
        while True:
            await self._wait_for_throttle(reasoner, course)
            timeout = self._time_left(reasoner)
            self._allowed(reasoner, taken, allowed, at_least=allowed)
            await reasoner.purse.hold(input_tokens=taken, output_tokens=allowed, seconds=timeout)
            course.attempts += 1
            started = self._clock.monotonic()
            used: Usage | None = None
            try:
                reply = await self._breaker.call(
                    lambda: send(allowed),
                    timeout=CALL_TIMEOUT,
                    patience=timeout,
                    counts=_is_outage,
                )
                used = reply.usage
                return reply
            except CircuitOpenError as error:
                used, course.attempts = Usage(), course.attempts - 1
                raise ModelUnavailableError(
                    f"{self.model.name} failed too often and is left alone for another "
                    f"{error.retry_after:.0f} s.{self._last_failure()}"
                ) from error
            except ToolTimeoutError as error:
                raise ModelTimeoutError(
                    f"{self.model.name} did not answer within {timeout:.0f} s."
                ) from error
            except ModelThrottledError as error:
                used = Usage()
                await self._throttle.pause(self.model.endpoint, error.retry_after)
            except ModelUnavailableError:
                if course.attempts > RETRIES or self._breaker.retry_after > 0:
                    raise
                await asyncio.sleep(_back_off(course.attempts))
            except ModelRefusedError:
                used = Usage()
                raise
            finally:
                seconds = self._clock.monotonic() - started
                if used is not None:
                    used = used.model_copy(update={"seconds": seconds})
                course.usage = course.usage + await reasoner.purse.settle(used)

    def _last_failure(self) -> str:
        """Why the circuit is open, as far as this process knows."""
        last = self._breaker.snapshot().last_error.partition(": ")[2]
        return f" It last failed so: {last}" if last else ""

    def _allowed(self, reasoner: Reasoner, taken: int, wanted: int, *, at_least: int) -> int:
        """How many of the `wanted` output tokens the purse allows beside the input `taken`.

        Raises:
            BudgetExhaustedError: fewer than `at_least`.
        """
        allowed = reasoner.purse.affordable(input_tokens=taken, output_tokens=wanted)
        if allowed < at_least:
            raise BudgetExhaustedError(
                f"What is left of the budget does not cover another call of {self.model.name}."
            )
        return allowed

    async def _wait_for_throttle(self, reasoner: Reasoner, course: _Course) -> None:
        """Wait while the provider wants no calls.

        Raises:
            ModelThrottledError: that is longer than the caller's time.
        """
        while (pause := await self._throttle.pause_left(self.model.endpoint)) > 0:
            left = (reasoner.deadline - self._clock.now()).total_seconds()
            if pause >= left:
                raise ModelThrottledError(
                    f"{self.model.name} wants no calls for another {pause:.0f} s, which is longer "
                    "than this task has.",
                    retry_after=pause,
                )
            spread = pause * random.uniform(0.0, 0.1)  # noqa: S311  (not all at the same moment)
            await asyncio.sleep(pause + spread)
            course.waited += pause + spread

    def _time_left(self, reasoner: Reasoner) -> float:
        left = min(CALL_TIMEOUT, (reasoner.deadline - self._clock.now()).total_seconds())
        budgeted = reasoner.purse.seconds_left
        if budgeted is not None and budgeted < left:
            left = budgeted
        if left <= 0:
            raise ModelTimeoutError(f"No time is left to ask {self.model.name}.")
        return left

    async def _note(self, called: ModelCalled, cause: AgentMessage[Any]) -> None:
        try:
            await self._record(called, cause)
        except BusError as error:
            _log.warning("agents.model.unrecorded", model=called.model, error=str(error))


def _is_outage(error: Exception) -> bool:
    """Whether an error speaks against the endpoint: not what was asked, the key, or the rate."""
    return isinstance(error, (ModelUnavailableError, ModelTimeoutError))


def _reply_of(value: JsonValue) -> Reply:
    assert isinstance(value, dict)
    return Reply(message=value["message"], usage=Usage.model_validate(value["usage"]))


def _size(value: JsonValue) -> int:
    """Bytes of it as JSON, which no tokenizer makes more tokens of."""
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def _back_off(attempts: int) -> float:
    return BACK_OFF * 2.0 ** (attempts - 1) * random.uniform(0.75, 1.25)  # noqa: S311
