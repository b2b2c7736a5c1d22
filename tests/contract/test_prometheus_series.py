"""What is made of series: what is gone, what began again, what cannot be told apart."""

import json
from collections.abc import Sequence
from pathlib import Path

from agents.datasets.duckdb import DuckdbCatalog
from agents.domain.finding import Finding
from agents.domain.request import DatasetReference
from agents.specialists.performance.specialist import PERFORMANCE_ANALYST
from tests.support.examination import findings_of
from tests.support.http_server import body, serving

START = 1_767_323_000
STEP = 15


def series(metric: str, values: Sequence[float | str | None], **labels: str) -> dict:
    """Fifteen seconds between values; None is a moment without one."""
    pairs = [
        [START + STEP * place, str(value)]
        for place, value in enumerate(values)
        if value is not None
    ]
    return {"metric": {"__name__": metric, **labels}, "values": pairs}


def answer(*found: dict) -> bytes:
    data = {"resultType": "matrix", "result": found}
    return json.dumps({"status": "success", "data": data}).encode()


async def judged(tmp_path: Path, *found: dict) -> tuple[Finding, ...]:
    with serving(body(answer(*found))) as port:
        return await findings_of(
            PERFORMANCE_ANALYST, f"prometheus+http://127.0.0.1:{port}", cache=tmp_path
        )


def lengths(values: Sequence[float | None], consumers: int, **labels: str) -> tuple[dict, dict]:
    there = [None if value is None else consumers for value in values]
    return (
        series("rabbitmq_queue_messages_ready", values, **labels),
        series("rabbitmq_queue_consumers", there, **labels),
    )


async def test_a_queue_that_grows_is_told_of_with_its_rate(tmp_path: Path) -> None:
    growing = [2000 + 300 * place for place in range(9)]
    (finding,) = await judged(tmp_path, *lengths(growing, 2, queue="orders", vhost="/"))
    assert finding.severity == "high"
    assert finding.title == (
        "orders holds 4,400 ready messages, 20 more each second: 2 consumers are too slow."
    )
    assert finding.evidence[0].value == 3200


async def test_a_queue_that_is_gone_is_not_told_of(tmp_path: Path) -> None:
    gone = [5000, 5000, 5000, 5000, 5000, 5000, None, None]
    here = [0] * 8
    found = await judged(
        tmp_path,
        *lengths(gone, 0, queue="gone", vhost="/"),
        *lengths(here, 1, queue="here", vhost="/"),
    )
    assert found == ()


async def test_a_queue_that_was_short_within_the_minute_is_no_backlog(tmp_path: Path) -> None:
    values = [5000, 5000, 5000, 5000, 10, 5000, 5000]
    assert await judged(tmp_path, *lengths(values, 1, queue="orders", vhost="/")) == ()


async def test_queues_that_are_not_told_apart_are_judged_by_node(tmp_path: Path) -> None:
    (finding,) = await judged(
        tmp_path,
        *lengths([4000] * 6, 3, instance="a:15692"),
        *lengths([10] * 6, 3, instance="b:15692"),
    )
    assert finding.title == (
        "node a:15692 holds 4,000 ready messages: they are not taken fast enough."
    )


async def test_the_sum_over_queues_is_not_told_besides_the_queues(tmp_path: Path) -> None:
    found = await judged(
        tmp_path,
        *lengths([4000] * 6, 3, instance="a:15692", job="sums"),
        *lengths([4000] * 6, 3, instance="a:15692", job="each", queue="orders", vhost="/"),
    )
    assert [each.title.split()[0] for each in found] == ["orders"]


async def test_a_counter_that_began_again_still_counts(tmp_path: Path) -> None:
    (finding,) = await judged(
        tmp_path,
        series("rabbitmq_global_messages_received_total", [900, 950, 0, 100], instance="a"),
        series("rabbitmq_global_messages_unroutable_dropped_total", [5, 5, 0, 2], instance="a"),
    )
    assert (finding.category, finding.severity) == ("unroutable", "high")
    assert "2 were dropped" in finding.title
    assert "it goes on" in finding.title


async def test_memory_near_its_limit_is_told_before_the_alarm(tmp_path: Path) -> None:
    (finding,) = await judged(
        tmp_path,
        series("rabbitmq_process_resident_memory_bytes", [85e6], instance="a"),
        series("rabbitmq_resident_memory_limit_bytes", [100e6], instance="a"),
        series("rabbitmq_alarms_memory_used_watermark", [0], instance="a"),
    )
    assert (finding.category, finding.severity) == ("memory_alarm", "medium")
    assert finding.evidence[0].value == 0.85


async def test_values_that_are_no_numbers_and_odd_labels_are_kept(tmp_path: Path) -> None:
    found = (
        series("x", ["NaN", "+Inf", "1e3"], time="noon", Value="v"),
        {"metric": {"__name__": "h"}, "histograms": [[START, {"count": "1"}]]},
    )
    with serving(body(answer(*found))) as port:
        async with DuckdbCatalog(roots={}, cache=tmp_path, allow_absolute=True) as catalog:
            pinned = await catalog.pin(
                [DatasetReference(location=f"prometheus+http://127.0.0.1:{port}")]
            )
            async with catalog.open(pinned) as data:
                rows = await data.query("SELECT metric, value, time_1, Value_1 FROM data")
    assert [column.name for column in pinned[0].columns] == [
        "time",
        "metric",
        "value",
        "Value_1",
        "time_1",
    ]
    assert rows == (
        ("x", None, "noon", "v"),
        ("x", float("inf"), "noon", "v"),
        ("x", 1000.0, "noon", "v"),
    )
