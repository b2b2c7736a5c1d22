"""The one way to call a tool, whoever calls: permission, arguments, breaker, timeout, tool, record.

*Guarantees*: a tool runs only with validated arguments, under a principal that holds its
permission, before the caller's deadline, behind its circuit breaker; every call that was asked for
is recorded as `ToolCalled`, refused ones too.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias, TypeVar

import structlog
from pydantic import JsonValue, ValidationError
from pydantic_core import from_json, to_jsonable_python

from agents.circuit_breaker import CircuitBreakers
from agents.dataset import Datasets
from agents.domain.call import CallStatus, ToolCalled
from agents.errors import (
    AgentUsageError,
    CircuitOpenError,
    DatasetError,
    ResultTooLargeError,
    ToolArgumentsError,
    ToolDeniedError,
    ToolError,
    ToolFailedError,
    ToolTimeoutError,
    UnknownToolError,
)
from agents.tool import Tool
from bus import AgentMessage, BusError, Clock, NotPermittedError, Principal

R = TypeVar("R")

MAX_RESULT_BYTES: Final = 256 * 1024

Record: TypeAlias = Callable[[ToolCalled, AgentMessage[Any]], Awaitable[None]]
"""Keeps what was called, as a consequence of the message that the caller works on."""

_STATUS: Final[Mapping[type[ToolError], CallStatus]] = {
    ToolDeniedError: "denied",
    UnknownToolError: "refused",
    ToolArgumentsError: "refused",
    CircuitOpenError: "circuit_open",
    ToolTimeoutError: "timed_out",
}

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls, working on which message, on whose behalf, until when.

    `tools` are the names that the plan allows; `task_id` is None for the orchestrator's own calls.
    """

    name: str
    message: AgentMessage[Any]
    principal: Principal
    deadline: datetime
    tools: Collection[str]
    task_id: str | None = None


class ToolGateway:
    """Calls tools."""

    def __init__(self, *, breakers: CircuitBreakers, clock: Clock, record: Record) -> None:
        self.breakers = breakers
        self._clock = clock
        self._record = record

    async def call(
        self, tool: Tool[R], arguments: Mapping[str, Any], *, caller: Caller, data: Datasets | None
    ) -> R:
        """The tool's result.

        Raises:
            UnknownToolError: the plan does not give this tool to the caller.
            ToolDeniedError: the principal lacks the tool's permission.
            ToolArgumentsError: the arguments do not fit.
            CircuitOpenError: its breaker is open.
            ToolTimeoutError: it took too long, or the caller's deadline is over.
            ResultTooLargeError: the result exceeds 256 KiB as JSON.
            DatasetError: the data is at fault.
            ToolFailedError: it raised anything else.
        """
        started = self._clock.monotonic()
        status: CallStatus = "cancelled"
        recorded: JsonValue = None
        problem = ""
        try:
            result = await self._guarded(tool, arguments, caller, data)
            recorded = _as_json(tool, result)
            status = "succeeded"
            return result
        except ToolError as error:
            status, problem = _STATUS.get(type(error), "failed"), str(error)
            raise
        except DatasetError as error:
            status, problem = "failed", str(error)
            raise
        except asyncio.CancelledError:
            problem = "The call was cancelled."
            raise
        finally:
            called = ToolCalled(
                tool=tool.name,
                arguments=to_jsonable_python(dict(arguments), fallback=repr),
                caller=caller.name,
                request_id=caller.message.conversation,
                task_id=caller.task_id,
                status=status,
                result=recorded,
                error=problem,
                effect=tool.effect,
                seconds=round(self._clock.monotonic() - started, 6),
            )
            await self._note(called, caller.message)

    async def _guarded(
        self, tool: Tool[R], arguments: Mapping[str, Any], caller: Caller, data: Datasets | None
    ) -> R:
        if tool.name not in caller.tools:
            raise UnknownToolError(
                tool.name, f"{tool.name} is not among the tools of this task of {caller.name}."
            )
        if not caller.principal.may(tool.permission):
            raise ToolDeniedError(
                tool.name,
                f"{caller.principal.subject} lacks the permission {tool.permission!r} "
                f"that {tool.name} needs.",
            )
        try:
            checked = tool.arguments.model_validate(dict(arguments))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ToolArgumentsError(
                tool.name, f"{tool.name} was called wrongly: {where}: {first['msg']}."
            ) from error
        if tool.data_parameter is not None and data is None:
            raise AgentUsageError(f"{tool.name} needs data, and this caller has none.")
        remaining = (caller.deadline - self._clock.now()).total_seconds()
        if remaining <= 0:
            raise ToolTimeoutError(tool.name, f"The deadline passed before {tool.name} began.")
        act = tool.bind(data, {name: getattr(checked, name) for name in type(checked).model_fields})
        try:
            return await self.breakers[tool.name].call(
                act, timeout=min(tool.timeout, remaining), counts=_counts
            )
        except (ToolError, DatasetError):
            raise
        except Exception as error:  # the tool is not ours, and its failure is the caller's to weigh
            _log.exception("agents.tool.failed", tool=tool.name)
            raise ToolFailedError(
                tool.name, f"{tool.name} failed: {type(error).__name__}: {error}"
            ) from error

    async def _note(self, called: ToolCalled, cause: AgentMessage[Any]) -> None:
        try:
            await self._record(called, cause)
        except BusError as error:
            _log.warning("agents.tool.unrecorded", tool=called.tool, error=str(error))


def _counts(error: Exception) -> bool:
    """Whether an error speaks against the tool, not the data, the caller or the authority."""
    return not isinstance(
        error,
        (DatasetError, AgentUsageError, NotPermittedError, ValidationError, ValueError, TypeError),
    )


def _as_json(tool: Tool[R], result: R) -> JsonValue:
    encoded = tool.result.dump_json(result)
    if len(encoded) > MAX_RESULT_BYTES:
        raise ResultTooLargeError(tool.name, size=len(encoded), limit=MAX_RESULT_BYTES)
    plain: JsonValue = from_json(encoded)
    return plain
