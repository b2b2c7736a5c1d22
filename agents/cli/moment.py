"""A point in time as somebody types it: ISO, or how long ago."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from agents.errors import AgentUsageError

_AGO: Final = re.compile(r"(\d{1,6})\s*([smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

HELP: Final = "ISO date or time, local unless it says otherwise; or how long ago: 90m, 24h, 7d."


def instant(text: str | None, now: datetime) -> datetime | None:
    """The instant that `text` means at `now`; None for None.

    Raises:
        AgentUsageError: it means none.
    """
    if text is None:
        return None
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago is not None:
            return _before(now, timedelta(**{_UNITS[ago[2]]: int(ago[1])}))
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise AgentUsageError(
            f"{text!r} is no time: write 24h, 7d, 2026-11-01 or 2026-11-01T14:30."
        ) from error


def span(
    since: str | None, until: str | None, now: datetime
) -> tuple[datetime | None, datetime | None]:
    """The instants that `since` and `until` mean at `now`.

    Raises:
        AgentUsageError: one of them means none, or nothing is between them.
    """
    begin, end = instant(since, now), instant(until, now)
    if begin is not None and end is not None and begin >= end:
        raise AgentUsageError(
            f"Nothing is between --since {since} and --until {until}: the first must be earlier."
        )
    return begin, end


def _before(now: datetime, span: timedelta) -> datetime:
    try:
        return now - span
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)
