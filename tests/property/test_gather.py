"""The laws of the gather."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from agents.domain.gather import (
    Cancelled,
    Close,
    Gather,
    GatherEvent,
    ResultArrived,
    RoleFaulted,
    Ticked,
    WakeAt,
    advance,
    begin,
)
from agents.domain.request import GatherPolicy
from agents.domain.task import TaskCompleted, TaskFailed

NOW = datetime(2026, 11, 1, tzinfo=UTC)
DEADLINE = NOW + timedelta(seconds=300)
ROLES = ("one", "two", "three", "four")

policies = st.builds(
    GatherPolicy,
    required=st.lists(st.sampled_from(ROLES), unique=True, max_size=2).map(tuple),
    quorum=st.integers(0, 4),
    task_timeout=st.floats(1, 600),
)


def completed(role: str) -> ResultArrived:
    return ResultArrived(TaskCompleted(request_id="r", task_id=role, role=role, findings=()))


def failed(role: str) -> ResultArrived:
    return ResultArrived(
        TaskFailed(request_id="r", task_id=role, role=role, reason="tool_failed", error="It broke.")
    )


def faulted(role: str) -> RoleFaulted:
    return RoleFaulted(role, "It was parked.")


role_events = st.sampled_from(ROLES).flatmap(
    lambda role: st.sampled_from([completed(role), failed(role), faulted(role)])
)
events = role_events | st.just(Ticked()) | st.just(Cancelled())
one_event_per_role = st.tuples(
    *(st.sampled_from([completed(role), failed(role), faulted(role)]) for role in ROLES)
)


def run(gather: Gather, script: list[GatherEvent], now: datetime = NOW) -> tuple[Gather, int]:
    closes = 0
    for event in script:
        gather, effects = advance(gather, event, now)
        closes += sum(isinstance(effect, Close) for effect in effects)
    return gather, closes


@given(policies, one_event_per_role, st.randoms())
def test_the_order_of_replies_does_not_matter(policy, script, random) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(script)
    random.shuffle(shuffled)
    start = begin(ROLES, policy, now=NOW, deadline=DEADLINE)
    assert run(start, list(script))[0] == run(start, shuffled)[0]


@given(policies, st.lists(events, max_size=12))
def test_repeated_events_change_nothing(policy: GatherPolicy, script: list[GatherEvent]) -> None:
    start = begin(ROLES, policy, now=NOW, deadline=DEADLINE)
    once, _ = run(start, script)
    twice, _ = run(start, [event for event in script for _ in range(2)])
    assert (once.roles, once.status) == (twice.roles, twice.status)


@given(policies, st.lists(events, max_size=20))
def test_it_closes_exactly_once_and_then_stays_as_it_is(
    policy: GatherPolicy, script: list[GatherEvent]
) -> None:
    start = begin(ROLES, policy, now=NOW, deadline=DEADLINE)
    gather, closes = run(start, [*script, Cancelled()])
    assert closes == 1
    after, more = run(gather, script)
    assert more == 0
    assert (after.roles, after.status) == (gather.roles, gather.status)


@given(policies, st.lists(role_events, max_size=6))
def test_at_the_deadline_every_role_is_answered_or_missing_with_a_reason(
    policy: GatherPolicy, script: list[GatherEvent]
) -> None:
    gather, _ = run(begin(ROLES, policy, now=NOW, deadline=DEADLINE), script)
    gather, _ = run(gather, [Ticked()], DEADLINE)
    assert gather.status is not None
    assert set(gather.results) | set(gather.missing) == set(ROLES)
    assert all(reason.endswith(".") for reason in gather.missing.values())


@given(policies, st.lists(events, max_size=12))
def test_the_status_says_what_came_in(policy: GatherPolicy, script: list[GatherEvent]) -> None:
    gather, _ = run(begin(ROLES, policy, now=NOW, deadline=DEADLINE), script)
    gather, _ = run(gather, [Ticked()], DEADLINE)
    match gather.status:
        case "complete":
            assert not gather.missing
        case "partial":
            assert gather.missing
            assert len(gather.results) >= max(1, policy.quorum)
            assert set(policy.required) <= set(gather.results)
        case "failed":
            assert gather.missing
        case "cancelled":
            assert Cancelled() in script


@given(policies)
def test_while_open_it_asks_to_be_woken_no_later_than_its_deadline(policy: GatherPolicy) -> None:
    _, effects = advance(begin(ROLES, policy, now=NOW, deadline=DEADLINE), Ticked(), NOW)
    (effect,) = effects
    assert isinstance(effect, WakeAt)
    assert NOW < effect.at <= DEADLINE


def test_a_result_after_the_close_is_counted_but_not_taken() -> None:
    gather, _ = run(begin(("one",), GatherPolicy(), now=NOW, deadline=DEADLINE), [faulted("one")])
    after, _ = run(gather, [completed("one")])
    assert (after.late, after.results) == (1, {})
