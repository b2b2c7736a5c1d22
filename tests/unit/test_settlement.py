"""The settlement table, row by row."""

import pytest

from bus.domain.retry import RetryPolicy
from bus.domain.settlement import (
    Acknowledge,
    DeliveryLost,
    Failed,
    HandBack,
    Leave,
    Outcome,
    Park,
    PostponeWanted,
    RequestCancelled,
    Retry,
    RetryWanted,
    Returned,
    Settlement,
    ShutDown,
    settle,
)

POLICY = RetryPolicy(max_attempts=3, base_delay=2.0, max_delay=5.0, spread=0.5)


@pytest.mark.parametrize(
    ("outcome", "attempt", "settlement"),
    [
        (Returned(), 1, Acknowledge()),
        (RetryWanted("busy"), 1, Retry(2.0)),
        (RetryWanted("busy"), 2, Retry(4.0)),
        (RetryWanted("busy", delay=9.0), 2, Retry(9.0)),
        (RetryWanted("busy"), 3, Park("attempts_exhausted", "busy")),
        (PostponeWanted(7.0), 3, Retry(7.0, counted=False)),
        (Failed("expired", "late"), 1, Park("expired", "late")),
        (RequestCancelled(), 1, Acknowledge(cancelled=True)),
        (ShutDown(), 2, HandBack()),
        (DeliveryLost(), 1, Leave()),
    ],
)
def test_every_outcome_has_its_settlement(
    outcome: Outcome, attempt: int, settlement: Settlement
) -> None:
    assert settle(outcome, attempt=attempt, policy=POLICY, jitter=0.0) == settlement


def test_jitter_shortens_a_delay_by_at_most_the_spread() -> None:
    assert POLICY.delay(1, 0.0) == 2.0
    assert POLICY.delay(1, 1.0) == 1.0
    assert POLICY.delay(50, 0.0) == 5.0
