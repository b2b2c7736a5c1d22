"""Log events on their way to a terminal: what it would obey is shown as an escape instead.

*Guarantees*: an event takes one line, and a traceback as many as it has; nothing in a name, an id
or an error moves the cursor, colours, links or turns the writing round.

*Not here*: logs for machines, in which JSON escapes all that by itself.
"""

from io import StringIO
from typing import TextIO

from structlog.dev import plain_traceback
from structlog.typing import EventDict, ExcInfo


def inert(_: object, __: str, event: EventDict) -> EventDict:
    """As a structlog processor: the event with its texts made visible."""
    return {
        visible(name): visible(value) if isinstance(value, str) else value
        for name, value in event.items()
    }


def inert_traceback(file: TextIO, exc_info: ExcInfo) -> None:
    """As structlog's `exception_formatter`."""
    written = StringIO()
    plain_traceback(written, exc_info)
    file.write("\n".join(map(visible, written.getvalue().split("\n"))))


def visible(text: str) -> str:
    r"""`text` with every character that does not print as Python would write it.

    >>> visible("a\nb")
    'a\\nb'
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
