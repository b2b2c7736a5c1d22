"""The laws of settlement."""

from hypothesis import given
from hypothesis import strategies as st

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
    ShutDown,
    settle,
)

policies = st.builds(
    RetryPolicy,
    max_attempts=st.integers(1, 20),
    base_delay=st.floats(0, 60),
    max_delay=st.floats(0, 600),
    spread=st.floats(0, 1),
)
jitters = st.floats(0, 1, exclude_max=True)
outcomes: st.SearchStrategy[Outcome] = st.one_of(
    st.just(Returned()),
    st.builds(RetryWanted, st.text(), st.none() | st.floats(0, 1000)),
    st.builds(PostponeWanted, st.floats(0, 1000)),
    st.builds(Failed, st.sampled_from(["malformed", "expired", "failed"]), st.text()),
    st.just(RequestCancelled()),
    st.just(ShutDown()),
    st.just(DeliveryLost()),
)


@given(outcomes, st.integers(1, 30), policies, jitters)
def test_only_what_is_done_or_no_longer_wanted_is_acknowledged(
    outcome: Outcome, attempt: int, policy: RetryPolicy, jitter: float
) -> None:
    settlement = settle(outcome, attempt=attempt, policy=policy, jitter=jitter)
    is_over = isinstance(outcome, (Returned, RequestCancelled))
    assert isinstance(settlement, Acknowledge) == is_over


@given(policies, jitters)
def test_what_keeps_failing_is_parked_after_exactly_the_attempts_that_the_policy_gives(
    policy: RetryPolicy, jitter: float
) -> None:
    attempt = 1
    while isinstance(
        settlement := settle(RetryWanted("busy"), attempt=attempt, policy=policy, jitter=jitter),
        Retry,
    ):
        assert settlement.counted
        attempt += 1
    assert isinstance(settlement, Park)
    assert attempt == policy.max_attempts


@given(outcomes, st.integers(1, 30), policies, jitters)
def test_delays_are_never_negative_nor_longer_than_asked_for(
    outcome: Outcome, attempt: int, policy: RetryPolicy, jitter: float
) -> None:
    settlement = settle(outcome, attempt=attempt, policy=policy, jitter=jitter)
    if isinstance(settlement, Retry):
        wanted = getattr(outcome, "delay", None)
        assert 0 <= settlement.delay <= (policy.max_delay if wanted is None else wanted)


@given(st.integers(1, 30), policies, jitters)
def test_a_shutdown_or_a_loss_uses_up_nothing(
    attempt: int, policy: RetryPolicy, jitter: float
) -> None:
    for outcome, settlement in ((ShutDown(), HandBack()), (DeliveryLost(), Leave())):
        assert settle(outcome, attempt=attempt, policy=policy, jitter=jitter) == settlement
