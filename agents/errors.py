"""The error tree of the agents.

AgentError
├── AgentUsageError              something was asked for that does not exist or makes no sense
├── ConflictingRequestError      a request came under a key that another request had
├── RequestForgottenError        the content of a request was erased
├── UnreadableRequestError       what was sent as a request cannot be understood
├── DatasetError                 the data is at fault
│   ├── DatasetUnreachableError  it is not there, empty, unreadable or outside the roots
│   ├── DatasetFormatError       it is nothing that the engine can read
│   ├── DatasetChangedError      it is no longer what was pinned
│   ├── UnknownTableError        no dataset has that name
│   └── QueryError               the engine refused a statement
├── ToolError                    a tool call gave no result
│   ├── UnknownToolError         no such tool, or not for this task
│   ├── ToolArgumentsError       the arguments do not fit its signature
│   ├── ToolDeniedError          the authority at hand does not permit it
│   ├── ToolTimeoutError         it took too long
│   ├── ToolFailedError          it raised
│   ├── CircuitOpenError         its circuit breaker is open
│   └── ResultTooLargeError      its result does not fit into a message
└── ModelError                   a model gave no answer that can be used
    ├── ModelUnavailableError    it cannot be reached, is broken, or its circuit is open
    ├── ModelTimeoutError        it took too long
    ├── ModelThrottledError      the provider wants fewer calls
    ├── ModelRefusedError        the provider refuses the key, the name or the request
    ├── ModelOverflowError       what it was sent is longer than it can read
    ├── ModelAnswerError         its answer has not the form that was asked for
    └── BudgetExhaustedError     the budget does not allow another call

`retryable` says whether the same act may succeed later without a change. Every message tells the
reader what happened and what to do next.
"""

from typing import ClassVar


class AgentError(Exception):
    """Something went wrong in an agent."""

    retryable: ClassVar[bool] = False


class AgentUsageError(AgentError):
    """Something was asked for that does not exist or makes no sense."""


class ConflictingRequestError(AgentError):
    """A request came under a key that another request had."""


class RequestForgottenError(AgentError):
    """The content of a request was erased."""

    def __init__(self, request_id: str) -> None:
        super().__init__(f"{request_id} was forgotten: what was asked and found is erased.")


class UnreadableRequestError(AgentError):
    """What was sent as a request cannot be understood."""


class DatasetError(AgentError):
    """The data cannot be analysed."""


class DatasetUnreachableError(DatasetError):
    """The data is not there, empty, unreadable, or outside the permitted roots."""


class DatasetFormatError(DatasetError):
    """The data is in no format that the engine can read."""


class DatasetChangedError(DatasetError):
    """The data is no longer what was pinned."""


class UnknownTableError(DatasetError):
    """No dataset has that name."""


class QueryError(DatasetError):
    """The engine refused a statement or could not carry it out."""


class ToolError(AgentError):
    """A tool call gave no result."""

    def __init__(self, tool: str, message: str) -> None:
        super().__init__(message)
        self.tool = tool


class UnknownToolError(ToolError):
    """There is no such tool, or the plan does not give it to this task."""


class ToolArgumentsError(ToolError):
    """The arguments do not fit the tool's signature."""


class ToolDeniedError(ToolError):
    """The authority at hand does not permit the tool."""


class ToolTimeoutError(ToolError):
    """The tool took longer than it may."""

    retryable = True


class ToolFailedError(ToolError):
    """The tool raised an error of its own."""


class CircuitOpenError(ToolError):
    """The tool's circuit breaker is open; `retry_after` is seconds."""

    retryable = True

    def __init__(self, tool: str, *, retry_after: float) -> None:
        super().__init__(tool, f"{tool} is unavailable for another {retry_after:.0f} s.")
        self.retry_after = retry_after


class ResultTooLargeError(ToolError):
    """The tool's result does not fit into a message."""

    def __init__(self, tool: str, *, size: int, limit: int) -> None:
        super().__init__(
            tool, f"The result of {tool} has {size:,} bytes, the limit is {limit:,}: ask for less."
        )
        self.size = size
        self.limit = limit


class ModelError(AgentError):
    """A model gave no answer that can be used."""


class ModelUnavailableError(ModelError):
    """The model cannot be reached, is broken, or its circuit is open."""

    retryable = True


class ModelTimeoutError(ModelError):
    """The model took longer than it may."""

    retryable = True


class ModelThrottledError(ModelError):
    """The provider wants fewer calls; `retry_after` is seconds."""

    retryable = True

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ModelRefusedError(ModelError):
    """The provider refuses the key, the model's name or the request."""


class ModelOverflowError(ModelError):
    """What the model was sent is longer than it can read."""


class ModelAnswerError(ModelError):
    """The model's answer has not the form that was asked for."""


class BudgetExhaustedError(ModelError):
    """The budget does not allow another call."""
