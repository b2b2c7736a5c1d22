"""What is declared on the broker, without a broker."""

import pytest

from bus.transports.rabbitmq_topology import (
    INGEST_QUEUE,
    Binding,
    Queue,
    group_topology,
    retry_exchange,
    shared_topology,
)


def bindings_of(queue: str, declarations) -> set[tuple[str, str]]:
    return {
        (each.exchange, each.key)
        for each in declarations
        if isinstance(each, Binding) and each.queue == queue
    }


@pytest.mark.parametrize(
    ("delay", "name"),
    [(0.1, "1s"), (1.0, "1s"), (1.1, "5s"), (29.0, "30s"), (31.0, "120s"), (500.0, "120s")],
)
def test_delays_are_rounded_up_as_far_as_they_go(delay, name):
    assert retry_exchange(delay) == f"convener.retry.{name}"


def test_work_is_recorded_only_from_its_first_group_on():
    shared = {key for _, key in bindings_of(INGEST_QUEUE, shared_topology())}
    assert shared == {"reply.#", "control.#", "event.#", "#"}
    of_group = bindings_of(INGEST_QUEUE, group_topology("agent.sql", "task.sql"))
    assert of_group == {("convener", "task.sql")}


def test_a_group_that_takes_notices_adds_nothing_to_what_is_recorded():
    assert bindings_of(INGEST_QUEUE, group_topology("audit", "event.#")) == set()


def test_every_queue_refuses_rather_than_drops():
    declarations = [*shared_topology(), *group_topology("orchestrator", "analysis.requested")]
    for queue in declarations:
        if isinstance(queue, Queue) and queue.is_quorum:
            assert queue.arguments["x-overflow"] == "reject-publish"
            if "x-dead-letter-exchange" in queue.arguments:
                assert queue.arguments["x-dead-letter-strategy"] == "at-least-once"
