"""The one way to call a tool, whoever calls: permission, arguments, cache, breaker, tool, record.

*Guarantees*: a tool runs only with validated arguments, under a principal that holds its
permission, before the caller's deadline, behind its circuit breaker; every call that was asked for
is recorded as `ToolCalled`, refused ones too, with what is personal or secret in it masked. The
audit has the verdict on a call before a tool acts on anything but its caller. What a pure tool
measured on data of a pinned version is measured once, by whoever needs it first, and kept for those
who may see it; a call that failed is never kept.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias, TypeVar

import structlog
from pydantic import JsonValue, ValidationError
from pydantic_core import from_json, to_json, to_jsonable_python

from agents.caching.response_cache import ResponseCache, cache_key
from agents.calling.circuit_breaker import CircuitBreakers
from agents.calling.code_version import INSTALLED
from agents.dataset import Datasets
from agents.domain.cache_key import dataset_tag
from agents.domain.call import CallStatus, Source, ToolCalled
from agents.domain.task import PinnedDataset
from agents.errors import (
    AgentUsageError,
    CircuitOpenError,
    DatasetError,
    QueryError,
    ResultTooLargeError,
    ToolArgumentsError,
    ToolDeniedError,
    ToolError,
    ToolFailedError,
    ToolTimeoutError,
    UnknownToolError,
)
from agents.tool import Tool
from agents.tools.masking import without_personal
from agents.tools.record_masking import masked_object, masked_record
from bus import AgentMessage, Audit, BusError, Clock, NotPermittedError, Principal

R = TypeVar("R")

USUAL_VALUES: Final = 50_000_000
"""Rows times columns up to which the timeouts of tools hold; they grow with what is beyond."""

MAX_ARGUMENT_BYTES: Final = 64 * 1024
"""Of a call's arguments as JSON, so that they fit into its record."""

MAX_NAME: Final = 80
"""Characters that are kept of the name of a tool that there is not."""

TTL: Final = 24 * 3600.0
"""Seconds for which a measurement is kept; it stays true, but has to go some time."""

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
    With `is_fresh` nothing that was kept may answer. `locations` are those of data that the call
    concerns before there are datasets.
    """

    name: str
    message: AgentMessage[Any]
    principal: Principal
    deadline: datetime
    tools: Collection[str]
    task_id: str | None = None
    is_fresh: bool = False
    locations: Collection[str] = ()


class ToolGateway:
    """Calls tools."""

    def __init__(
        self,
        *,
        breakers: CircuitBreakers,
        cache: ResponseCache,
        clock: Clock,
        record: Record,
        audit: Audit | None = None,
    ) -> None:
        self.breakers = breakers
        self._cache = cache
        self._clock = clock
        self._record = record
        self._audit = audit

    def is_available(self, tool: str) -> bool:
        """Whether the circuit of the tool of that name would let a call through."""
        return self.retry_after(tool) == 0

    def retry_after(self, tool: str) -> float:
        """Seconds until that circuit lets a call through; 0 if it would now."""
        breaker = self.breakers.get(tool)
        return 0.0 if breaker is None else breaker.retry_after

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
            ResultTooLargeError: the result as JSON exceeds what the tool's may have.
            DatasetError: the data is at fault.
            ToolFailedError: it raised anything else, or the engine could not carry out its query.
            TransportError, StoreError: the audit could not be written, so the call did not begin.
        """
        started = self._clock.monotonic()
        status: CallStatus = "cancelled"
        recorded: JsonValue = None
        source: Source = "made"
        age = 0.0
        problem = ""
        try:
            act = await self._permitted(tool, arguments, caller, data)
            key = _key(tool, arguments, caller, data)
            if key is None:
                result = await self._guarded(tool, act, caller, data)
                recorded = _as_json(tool, result)
            else:
                result, recorded, source, age = await self._kept_or_made(
                    key, tool, act, caller, data
                )
            status = "succeeded"
            return result
        except ToolError as error:
            status, problem = _STATUS.get(type(error), "failed"), str(error)
            raise
        except (DatasetError, BusError) as error:
            status, problem = "failed", str(error)
            raise
        except asyncio.CancelledError:
            problem = "The call was cancelled."
            raise
        finally:
            called = ToolCalled(
                tool=tool.name,
                arguments=_to_record(arguments),
                caller=caller.name,
                request_id=caller.message.conversation,
                task_id=caller.task_id,
                status=status,
                result=masked_record(recorded),
                error=without_personal(problem),
                effect=tool.effect,
                seconds=round(self._clock.monotonic() - started, 6),
                source=source,
                age=round(age, 3),
            )
            await self._note(called, caller.message)

    async def refuse(
        self, name: str, arguments: Mapping[str, Any], *, caller: Caller
    ) -> UnknownToolError:
        """Why a tool that the caller does not have is not called, which is recorded like a call."""
        short = "".join(each if each.isprintable() else "?" for each in name[:MAX_NAME])
        error = UnknownToolError(
            short, f"{short} is not among the tools of this task of {caller.name}."
        )
        if self._audit is not None:
            self._audit.note(
                f"tool:{short}", caller.message, principal=caller.principal, denial=error
            )
            await self._audit.flush()
        called = ToolCalled(
            tool=short,
            arguments=_to_record(arguments),
            caller=caller.name,
            request_id=caller.message.conversation,
            task_id=caller.task_id,
            status="refused",
            error=without_personal(str(error)),
            effect="pure",
            seconds=0.0,
        )
        await self._note(called, caller.message)
        return error

    async def _permitted(
        self, tool: Tool[R], arguments: Mapping[str, Any], caller: Caller, data: Datasets | None
    ) -> Callable[[], Awaitable[R]]:
        """The call, not yet begun, with the verdict on it noted, or recorded where it matters."""
        try:
            act = self._checked(tool, arguments, caller, data)
        except (ToolDeniedError, UnknownToolError) as error:
            await self._note_verdict(tool, caller, denial=error)
            raise
        await self._note_verdict(tool, caller)
        return act

    async def _note_verdict(
        self, tool: Tool[R], caller: Caller, *, denial: ToolError | None = None
    ) -> None:
        if self._audit is None:
            return
        name = f"tool:{tool.name}"
        self._audit.note(name, caller.message, principal=caller.principal, denial=denial)
        if denial is not None or tool.effect != "pure" or self._audit.is_full:
            await self._audit.flush()

    def _checked(
        self, tool: Tool[R], arguments: Mapping[str, Any], caller: Caller, data: Datasets | None
    ) -> Callable[[], Awaitable[R]]:
        """The call, not yet begun, if everything about it is right."""
        if tool.name not in caller.tools:
            raise UnknownToolError(
                tool.name, f"{tool.name} is not among the tools of this task of {caller.name}."
            )
        if refusal := self._refusal(tool, caller, data):
            raise ToolDeniedError(tool.name, refusal)
        if len(to_json(dict(arguments), fallback=repr)) > MAX_ARGUMENT_BYTES:
            raise ToolArgumentsError(
                tool.name,
                f"{tool.name} was called wrongly: its arguments exceed {MAX_ARGUMENT_BYTES:,} "
                "bytes.",
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
        return tool.bind(
            data, {name: getattr(checked, name) for name in type(checked).model_fields}
        )

    def _refusal(self, tool: Tool[Any], caller: Caller, data: Datasets | None) -> str:
        """Why the authority at hand does not permit the call; empty if it does."""
        principal = caller.principal
        if not principal.may(tool.permission):
            return (
                f"{principal.subject} lacks the permission {tool.permission!r} that {tool.name} "
                "needs."
            )
        if principal.message_id not in ("", caller.message.id):
            return f"The authority of {principal.subject} at hand was given for another message."
        if principal.expires_at is not None and principal.expires_at <= self._clock.now():
            return f"The authority of {principal.subject} has expired."
        pinned = () if data is None else data.tables.values()
        for location in (*caller.locations, *(each.location for each in pinned)):
            if not principal.may_read(location):
                return f"{principal.subject} may not read {location}."
        return ""

    async def _kept_or_made(
        self,
        key: str,
        tool: Tool[R],
        act: Callable[[], Awaitable[R]],
        caller: Caller,
        data: Datasets | None,
    ) -> tuple[R, JsonValue, Source, float]:
        """The result, its JSON, where it came from, and its age in seconds."""
        made: list[R] = []
        leads = False

        async def make() -> JsonValue:
            nonlocal leads
            leads = True
            result = await self._guarded(tool, act, caller, data)
            made.append(result)
            return _as_json(tool, result)

        max_age = 0.0 if caller.is_fresh else None
        while True:
            try:
                answer = await self._cache.get_or_make(
                    key, make, ttl=TTL, max_age=max_age, tags=_tags(data)
                )
                break
            except ToolTimeoutError:
                if leads:  # else it was another's time that came to its end
                    raise
        result = made[0] if made else tool.result.validate_json(to_json(answer.value))
        return result, answer.value, answer.source, answer.age

    async def _guarded(
        self,
        tool: Tool[R],
        act: Callable[[], Awaitable[R]],
        caller: Caller,
        data: Datasets | None,
    ) -> R:
        """The result of the call, behind the tool's breaker and before the caller's deadline."""
        remaining = (caller.deadline - self._clock.now()).total_seconds()
        if remaining <= 0:
            raise ToolTimeoutError(tool.name, f"The deadline passed before {tool.name} began.")
        try:
            size = patience_factor(data.tables.values() if data else ())
            return await self.breakers[tool.name].call(
                act, timeout=tool.timeout * size, patience=remaining, counts=_counts
            )
        except QueryError as error:  # one measurement less, while the data is as good as before
            raise ToolFailedError(tool.name, str(error)) from error
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


def patience_factor(datasets: Iterable[PinnedDataset]) -> float:
    """How many times as long as usual it may take to measure them, at least 1."""
    return max(1.0, sum(each.rows * len(each.columns) for each in datasets) / USUAL_VALUES)


def _to_record(arguments: Mapping[str, Any]) -> dict[str, JsonValue]:
    """The arguments as they may be kept; none that are too large to fit a message."""
    plain: dict[str, JsonValue] = to_jsonable_python(dict(arguments), fallback=repr)
    return masked_object(plain) if len(to_json(plain)) <= MAX_ARGUMENT_BYTES else {}


def _counts(error: Exception) -> bool:
    """Whether an error speaks against the tool, not the data, the caller or the authority."""
    return not isinstance(
        error,
        (DatasetError, AgentUsageError, NotPermittedError, ValidationError, ValueError, TypeError),
    )


def _key(
    tool: Tool[Any], arguments: Mapping[str, Any], caller: Caller, data: Datasets | None
) -> str | None:
    """Under which the result is kept: all that can change it, and who may see it.

    None for a tool whose result does not follow from pinned data alone.
    """
    if tool.effect != "pure" or tool.data_parameter is None or data is None:
        return None
    return cache_key(
        "tool",
        tool.name,
        INSTALLED,
        tool.version,
        to_jsonable_python(dict(arguments), fallback=repr),
        [[name, pinned.version] for name, pinned in data.tables.items()],
        caller.principal.subject,
        " ".join(sorted(caller.principal.scopes)),
    )


def _tags(data: Datasets | None) -> tuple[str, ...]:
    return tuple(dataset_tag(pinned.version) for pinned in data.tables.values()) if data else ()


def _as_json(tool: Tool[R], result: R) -> JsonValue:
    encoded = tool.result.dump_json(result)
    if len(encoded) > tool.max_bytes:
        raise ResultTooLargeError(tool.name, size=len(encoded), limit=tool.max_bytes)
    plain: JsonValue = from_json(encoded)
    return plain
