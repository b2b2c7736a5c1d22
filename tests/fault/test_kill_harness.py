"""Real processes under a seeded schedule of kills; and proof that the harness can fail."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fault.kill_harness.checker import Excuse, Verdict, judge
from tests.fault.kill_harness.embedded import EmbeddedPlace
from tests.fault.kill_harness.evidence import (
    Blow,
    Confirmed,
    Evidence,
    Exited,
    Parked,
    ReportCopy,
    Struck,
)
from tests.fault.kill_harness.journal import Payment
from tests.fault.kill_harness.place import Place
from tests.fault.kill_harness.rabbitmq import servers_in
from tests.fault.kill_harness.run import Plan, run
from tests.fault.kill_harness.schedule import SHORT_DECKS
from tests.fault.kill_harness.table import table

BROKEN = "tests.fault.kill_harness.broken"
ORCHESTRATORS = {Blow.KILL_ORCHESTRATOR: 1}


async def verdict_on(place: Place, plan: Plan, folder: Path) -> Verdict:
    verdict = judge(await run(place, plan, folder))
    print(table(verdict, title=f"{place.name}, seed {plan.seed}"))
    return verdict


@pytest.mark.fault
@pytest.mark.timeout(180)
async def test_kills_cost_nothing_on_the_embedded_bus(tmp_path: Path) -> None:
    deck = dict.fromkeys(SHORT_DECKS["sqlite"], 2)
    seed = random.randrange(1_000_000)
    plan = Plan(seed=seed, seconds=90.0, blows=8, deck=deck, pause=(0.5, 1.5))
    verdict = await verdict_on(EmbeddedPlace(tmp_path), plan, tmp_path)
    assert not verdict.violations


@pytest.mark.fault
@pytest.mark.rabbitmq
@pytest.mark.redis
@pytest.mark.timeout(240)
async def test_kills_of_workers_broker_and_redis_cost_nothing_on_rabbitmq(tmp_path: Path) -> None:
    seed = random.randrange(1_000_000)
    deck = SHORT_DECKS["rabbitmq"]
    plan = Plan(seed=seed, seconds=90.0, blows=len(deck), deck=deck, pause=(0.5, 1.5))
    with servers_in(tmp_path, seed=seed) as place:
        verdict = await verdict_on(place, plan, tmp_path)
    assert not verdict.violations


@pytest.mark.fault
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("broken", "deadline", "violation"),
    [
        ("acknowledge_first", 8.0, "Lost"),
        ("reply_required", 60.0, "Parked although healthy"),
        ("owner_per_process", 60.0, "Paid twice"),
        ("announce_first", 60.0, "Differing"),
    ],
)
async def test_a_system_that_is_broken_on_purpose_is_found_out(
    broken: str, deadline: float, violation: str, tmp_path: Path
) -> None:
    plan = Plan(
        seed=random.randrange(1_000_000),
        seconds=60.0,
        blows=5,
        deck=ORCHESTRATORS,
        pause=(1.5, 2.5),
        specialists=1,
        app=f"{BROKEN}.{broken}:PANEL",
        deadline=deadline,
    )
    verdict = await verdict_on(EmbeddedPlace(tmp_path), plan, tmp_path)
    assert any(each.startswith(violation) for each in verdict.violations)


REPORT = ReportCopy(request_id="r1", status="complete", content="charge-a", way="recorded")
PAID = Payment(task_id="t1", request_id="r1", token="charge-a", pid=7, paid_at=101.0)
AGAIN = replace(PAID, token="charge-b", pid=8, paid_at=103.0)
SOUND = Evidence(
    confirmed=[Confirmed(request_id="r1", message_id="m1", confirmed_at=100.0)],
    recorded=[REPORT],
    recorded_ids=frozenset({"m1"}),
    seen=[
        replace(REPORT, way="announced", seen_at=104.0),
        replace(REPORT, way="replied", seen_at=104.0),
    ],
    faults={},
    parked=[],
    payments=[PAID],
    struck=[],
    left={"agent.counter": 0},
)


def test_a_sound_run_is_found_sound() -> None:
    assert judge(SOUND).violations == []


@pytest.mark.parametrize(
    ("evidence", "violation"),
    [
        (replace(SOUND, confirmed=[]), "Idle"),
        (replace(SOUND, recorded=[]), "Lost"),
        (replace(SOUND, recorded_ids=frozenset()), "Unrecorded"),
        (replace(SOUND, faults={"m1": "expired"}), "Ended twice"),
        (replace(SOUND, seen=[replace(REPORT, content="charge-b")]), "Differing"),
        (replace(SOUND, payments=[PAID, AGAIN]), "Paid twice"),
        (replace(SOUND, left={"agent.counter": 1}), "Stuck"),
        (
            replace(SOUND, parked=[Parked(message_id="x", topic="a", reason="", error="")]),
            "Parked without a reason",
        ),
        (
            replace(SOUND, parked=[Parked(message_id="x", topic="a", reason="failed", error="")]),
            "Parked although healthy",
        ),
        (
            replace(SOUND, exits=[Exited(name="specialist-1", was_serving=True, said="")]),
            "Ended by itself",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_thing_that_may_be_wrong_is_said(evidence: Evidence, violation: str) -> None:
    (said,) = judge(evidence).violations
    assert said.startswith(violation)


def test_a_request_may_end_in_a_fault_instead_of_a_report() -> None:
    assert judge(replace(SOUND, recorded=[], faults={"m1": "expired"})).violations == []


@pytest.mark.parametrize(
    ("struck", "excuse"),
    [
        (Struck(blow=Blow.KILL_SPECIALIST, began_at=103.0, ended_at=103.1, pid=8), Excuse.KILLED),
        (Struck(blow=Blow.KILL_SPECIALIST, began_at=103.0, ended_at=103.1, pid=7), Excuse.NONE),
        (Struck(blow=Blow.KILL_SPECIALIST, began_at=102.0, ended_at=102.1, pid=8), Excuse.NONE),
        (Struck(blow=Blow.KILL_SPECIALIST, began_at=190.0, ended_at=190.1, pid=8), Excuse.NONE),
        (Struck(blow=Blow.DRAIN_SPECIALIST, began_at=103.0, ended_at=103.1, pid=8), Excuse.NONE),
        (Struck(blow=Blow.KILL_BROKER, began_at=103.1, ended_at=110.0), Excuse.NONE),
        (Struck(blow=Blow.KILL_BROKER, began_at=90.0, ended_at=102.9), Excuse.NONE),
        (Struck(blow=Blow.FLUSH_LEDGER, began_at=102.0, ended_at=102.1), Excuse.LEDGER_LOST),
        (Struck(blow=Blow.FLUSH_LEDGER, began_at=190.0, ended_at=190.1), Excuse.NONE),
    ],
)
def test_a_payment_in_vain_is_excused_by_what_kept_it_from_being_recorded_alone(
    struck: Struck, excuse: Excuse
) -> None:
    verdict = judge(replace(SOUND, payments=[PAID, AGAIN], struck=[struck]))
    assert [(each.payment, each.excuse) for each in verdict.wasted] == [(AGAIN, excuse)]
    assert bool(verdict.violations) == (excuse is Excuse.NONE)


def test_another_report_is_excused_only_where_the_ledger_was_lost_meanwhile() -> None:
    other = replace(REPORT, content="charge-b", way="announced", seen_at=104.0)
    for began_at, is_excused in ((102.0, True), (90.0, False), (120.0, False)):
        lost = Struck(blow=Blow.FLUSH_LEDGER, began_at=began_at, ended_at=began_at)
        verdict = judge(replace(SOUND, seen=[other], struck=[lost]))
        assert bool(verdict.violations) != is_excused
