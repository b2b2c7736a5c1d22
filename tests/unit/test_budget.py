"""A budget is never exceeded, whatever calls cost and whoever dies."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agents.domain.request import Characteristics
from agents.domain.usage import SYNTHESIS_SHARE, Account, Budget, Price, Usage, shared_out
from agents.reasoning.purse import Purse
from bus import Ledger
from bus.ledgers.sqlite import SqliteLedger
from bus.sqlite.database import Database
from tests.support.clock import ManualClock

PRICE = Price(input=2.0, output=8.0, cached_input=0.5)


@pytest.fixture
async def ledger() -> AsyncIterator[Ledger]:
    async with await Database.open(":memory:") as database:
        yield SqliteLedger(database, clock=ManualClock())


@pytest.mark.parametrize(
    "said",
    [
        {"tokens": 10**13},
        {"tokens": -1},
        {"cost": 1e10},
        {"cost": float("inf")},
        {"cost": float("nan")},
        {"seconds": 1e6},
        {"seconds": float("inf")},
    ],
)
def test_a_budget_that_cannot_be_meant_is_refused(said: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Budget.model_validate(said)


@pytest.mark.parametrize(
    "said", [{"volume_bytes": 10**19}, {"events_per_second": float("inf")}, {"error_rate": 1.1}]
)
def test_a_characteristic_that_nothing_has_is_refused(said: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Characteristics.model_validate(said)


def test_a_price_is_for_a_million_tokens_and_lower_for_what_was_read_before() -> None:
    used = Usage(input_tokens=1_000_000, cached_input_tokens=400_000, output_tokens=500_000)
    assert PRICE.of(used) == pytest.approx(0.6 * 2 + 0.4 * 0.5 + 0.5 * 8)


def test_usage_adds_up_and_knows_no_cost_without_a_price() -> None:
    assert (Usage(calls=1) + Usage(calls=2)).cost is None
    assert (Usage(cost=0.5) + Usage()).cost == 0.5


def test_the_parts_of_a_budget_leave_something_for_the_synthesis() -> None:
    budget = Budget(tokens=1001, cost=1.0)
    parts = shared_out(budget, ["a", "b", "c"])
    spent = sum(part.tokens or 0 for part in parts.values())
    assert spent + (budget.part(SYNTHESIS_SHARE).tokens or 0) <= 1001
    assert parts["a"].cost == pytest.approx(0.8 / 3)
    assert parts["a"].seconds is None


def test_a_cost_budget_without_a_price_affords_nothing() -> None:
    account = Account(budget=Budget(cost=10.0))
    assert account.affordable(input_tokens=1, output_tokens=100) == 0


def test_without_a_limit_everything_is_affordable() -> None:
    assert Account(budget=Budget()).affordable(input_tokens=10**9, output_tokens=77) == 77


calls = st.tuples(
    st.integers(0, 5_000), st.integers(1, 3_000), st.floats(0, 1), st.floats(0, 1), st.booleans()
)


@given(
    tokens=st.none() | st.integers(0, 20_000),
    cost=st.none() | st.floats(0, 0.2),
    made=st.lists(calls, max_size=20),
)
def test_no_sequence_of_affordable_calls_exceeds_the_budget(
    tokens: int | None, cost: float | None, made: list[tuple[int, int, float, float, bool]]
) -> None:
    account = Account(budget=Budget(tokens=tokens, cost=cost), price=PRICE)
    for most_input, wanted, input_share, output_share, is_known in made:
        allowed = account.affordable(input_tokens=most_input, output_tokens=wanted)
        assert 0 <= allowed <= wanted
        if allowed == 0:
            continue
        used = Usage(
            input_tokens=int(most_input * (input_share if is_known else 1)),
            output_tokens=int(allowed * (output_share if is_known else 1)),
        )
        account.spend(used.model_copy(update={"cost": PRICE.of(used)}))
    if tokens is not None:
        assert account.spent.tokens <= tokens
    if cost is not None:
        assert (account.spent.cost or 0.0) <= cost + 1e-12


async def test_whoever_does_a_task_again_knows_what_was_spent_on_it(ledger: Ledger) -> None:
    budget = Budget(tokens=1_000)
    purse = await Purse.open(ledger, "task", budget, PRICE)
    await purse.hold(input_tokens=300, output_tokens=200, seconds=1.0)
    await purse.settle(Usage(input_tokens=100, output_tokens=50))
    again = await Purse.open(ledger, "task", budget, PRICE)
    assert again.charged.tokens == 150
    assert again.used == Usage()
    other = await Purse.open(ledger, "another task", budget, PRICE)
    assert other.charged == Usage()


async def test_a_call_of_whoever_died_in_it_counts_at_its_most(ledger: Ledger) -> None:
    budget = Budget(tokens=1_000)
    purse = await Purse.open(ledger, "task", budget, None)
    await purse.hold(input_tokens=300, output_tokens=200, seconds=1.0)
    again = await Purse.open(ledger, "task", budget, None)
    assert again.affordable(input_tokens=300, output_tokens=300) == 200
    await again.hold(input_tokens=300, output_tokens=200, seconds=1.0)
    await again.settle(Usage(input_tokens=10, output_tokens=10))
    last = await Purse.open(ledger, "task", budget, None)
    assert last.charged.tokens == 520


async def test_a_call_that_nobody_knows_the_cost_of_counts_at_its_most_but_is_not_told_as_used(
    ledger: Ledger,
) -> None:
    purse = await Purse.open(ledger, "task", Budget(tokens=1_000), None)
    await purse.hold(input_tokens=300, output_tokens=200, seconds=1.0)
    await purse.settle(None)
    assert purse.charged.tokens == 500
    assert purse.used == Usage()


async def test_many_calls_are_remembered(ledger: Ledger) -> None:
    budget = Budget(tokens=10_000)
    purse = await Purse.open(ledger, "task", budget, None)
    for _ in range(40):
        await purse.hold(input_tokens=10, output_tokens=10, seconds=1.0)
        await purse.settle(Usage(input_tokens=5, output_tokens=5))
    assert (await Purse.open(ledger, "task", budget, None)).charged.tokens == 400


async def test_without_a_limit_nothing_is_put_down(ledger: Ledger) -> None:
    purse = await Purse.open(ledger, "task", Budget(), None)
    await purse.hold(input_tokens=10, output_tokens=10, seconds=1.0)
    await purse.settle(Usage(input_tokens=5, output_tokens=5))
    assert await ledger.look_up(["held:task:0", "spent:task:0"]) == {}
    assert purse.used.tokens == 10
