"""From an error to one sentence and an exit code.

*Guarantees*: the sentence takes one line, moves no cursor and tells no secret, whatever the error
says.
"""

from agents.errors import AgentError, AgentUsageError, ToolDeniedError
from bus import BusError, NotPermittedError, RequestFaultedError, UsageError
from bus.logs.lines import visible
from bus.logs.redaction import redacted

FAILED, USAGE, PARTIAL, NOT_PERMITTED = 1, 2, 3, 4


def explain(error: BaseException) -> tuple[str, int]:
    """What to tell the user about `error`, and what to exit with."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    sentence, code = _told(error)
    return visible(redacted(sentence)), code


def _told(error: BaseException) -> tuple[str, int]:
    match error:
        case NotPermittedError() | ToolDeniedError() | RequestFaultedError(reason="not_permitted"):
            return str(error), NOT_PERMITTED
        case UsageError() | AgentUsageError():
            return str(error), USAGE
        case BusError() | AgentError():
            return str(error), FAILED
        case OSError(strerror=str() as reason):
            where = f"{error.filename}: " if error.filename else ""
            return f"The system refused: {where}{reason}.", FAILED
        case _:
            summary = f"{type(error).__name__}: {error}"
            hint = "Run it again with --log-level debug to see where."
            return f"Something unforeseen happened ({summary}). {hint}", FAILED
