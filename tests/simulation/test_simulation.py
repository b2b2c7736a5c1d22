"""The bus and the agents keep their promises in every world that chance makes.

A failure names its seed and how to see it: `python -m tests.simulation --seed N --trace`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.analyses import Analyses
from tests.simulation.chance import KIND
from tests.simulation.checker import violations
from tests.simulation.errands import Errands, errand_violations
from tests.simulation.reached import SITUATIONS, reached
from tests.simulation.variant import WRONG, Variant
from tests.simulation.world import run_world

pytestmark = pytest.mark.timeout(300)

SEEDS = 1600
CHUNK = 200
ERRANDS = 300
ENOUGH = 400
"""Seeds within which every wrong variant must be found out."""


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_every_invariant_holds_whatever_befalls_the_world(first: int) -> None:
    for seed in range(first, first + CHUNK):
        found = violations(run_world(seed, workload=Analyses))
        assert not found, "\n".join(
            [*found, f"See: python -m tests.simulation --seed {seed} --trace"]
        )


def test_poison_alone_is_parked_and_every_other_errand_is_done() -> None:
    for seed in range(ERRANDS):
        found = errand_violations(run_world(seed, workload=Errands))
        assert not found, "\n".join(
            [*found, f"See: python -m tests.simulation --errands --seed {seed} --trace"]
        )


@pytest.mark.parametrize("variant", WRONG, ids=lambda variant: variant.name)
def test_a_broken_rule_is_found_out(variant: Variant) -> None:
    for seed in range(ENOUGH):
        found = violations(run_world(seed, workload=Analyses, variant=variant))
        if any(violation.startswith(variant.breaks) for violation in found):
            assert not violations(run_world(seed, workload=Analyses)), found
            return
    pytest.fail(f"{ENOUGH} runs did not notice a system that {variant.name}.")


def test_the_runs_get_into_every_kind_of_trouble() -> None:
    missing = set(SITUATIONS)
    for seed in range(ENOUGH):
        missing -= reached(run_world(seed, workload=Analyses))
        if not missing:
            return
    assert not missing


@pytest.mark.parametrize("seed", range(20))
def test_where_nothing_fails_everything_is_done_once_and_nothing_is_parked(seed: int) -> None:
    outcome = run_world(seed, workload=Analyses, profile=KIND)
    assert violations(outcome) == []
    assert outcome.broker.parked == []
    assert {asked.ending for asked in outcome.journal.asked.values()} == {"reported"}
    assert {len(payments) for payments in outcome.journal.paid.values()} <= {1}


@pytest.mark.parametrize("seed", range(5))
def test_a_seed_is_the_same_run_every_time(seed: int) -> None:
    assert (
        run_world(seed, workload=Analyses).trace.text
        == run_world(seed, workload=Analyses).trace.text
    )


def test_a_seed_is_the_same_run_in_another_process() -> None:
    def trace_with(hash_seed: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "tests.simulation", "--seed", "7", "--trace"],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout

    assert trace_with("1") == trace_with("2")
