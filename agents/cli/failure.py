"""From an error to one sentence and an exit code."""

from agents.errors import AgentError, AgentUsageError, ToolDeniedError
from bus import BusError, NotPermittedError, UsageError

FAILED, USAGE, PARTIAL, NOT_PERMITTED = 1, 2, 3, 4


def explain(error: BaseException) -> tuple[str, int]:
    """What to tell the user about `error`, and what to exit with."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    match error:
        case NotPermittedError() | ToolDeniedError():
            return str(error), NOT_PERMITTED
        case UsageError() | AgentUsageError():
            return str(error), USAGE
        case BusError() | AgentError():
            return str(error), FAILED
        case _:
            summary = f"{type(error).__name__}: {error}"
            hint = "Run it again with --log-level debug to see where."
            return f"Something unforeseen happened ({summary}). {hint}", FAILED
