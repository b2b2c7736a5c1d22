"""A duration as somebody writes it: a number and a unit."""

import re
from datetime import timedelta
from typing import Final

from agents.errors import AgentUsageError

_WRITTEN: Final = re.compile(r"(\d{1,6})\s*([smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def duration(text: str) -> timedelta:
    """What `text` means.

    Raises:
        AgentUsageError: it means no duration.

    Example:
        >>> duration("90d").days
        90
    """
    written = _WRITTEN.fullmatch(text.strip())
    if written is None:
        raise AgentUsageError(f"{text!r} is no duration: write 24h, 90d or 52w.")
    try:
        return timedelta(**{_UNITS[written[2]]: int(written[1])})
    except OverflowError as error:
        raise AgentUsageError(f"{text!r} is too long a duration: write 90d or 52w.") from error
