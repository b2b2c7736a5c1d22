"""A point in time is an instant, or how long ago."""

from datetime import UTC, datetime, timedelta

import pytest

from agents.cli.moment import instant
from agents.errors import AgentUsageError

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        ("5m", NOW - timedelta(minutes=5)),
        ("24h", NOW - timedelta(hours=24)),
        (" 7d ", NOW - timedelta(days=7)),
        ("2 w", NOW - timedelta(weeks=2)),
        ("2026-11-01T12:00:00Z", NOW),
        ("2026-11-01T12:00:00+02:00", NOW - timedelta(hours=2)),
        ("999999w", datetime.min.replace(tzinfo=UTC)),
        (None, None),
    ],
)
def test_a_time_is_an_instant_or_how_long_ago(text: str | None, expected: object) -> None:
    assert instant(text, NOW) == expected


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "24", "h", "-3h", "1.5h", "2026-13-01", "9999999d"]
)
def test_what_is_no_time_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(AgentUsageError, match="24h, 7d, 2026-11-01"):
        instant(text, NOW)
