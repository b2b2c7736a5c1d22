"""Users who may not do everything, and queues that somebody else made."""

from collections.abc import Iterator

import pytest

from bus.clock import SystemClock
from bus.errors import UnreachableError
from bus.transport import Subscription
from bus.transports.rabbitmq import RabbitmqTransport
from bus.transports.rabbitmq_provision import provision
from tests.support.bus_under_test import next_of
from tests.support.events import event
from tests.support.rabbitmq_node import RabbitmqNode
from tests.support.raw_amqp import message_count, raw_channel

pytestmark = [pytest.mark.fault, pytest.mark.rabbitmq]

GROUPS = {"orchestrator": "analysis.requested", "agent.sql": "task.sql"}


@pytest.fixture
def vhost(rabbitmq_node: RabbitmqNode) -> Iterator[str]:
    with rabbitmq_node.vhost() as name:
        yield name


@pytest.fixture
def url(rabbitmq_node: RabbitmqNode, vhost: str) -> str:
    return rabbitmq_node.url(vhost)


@pytest.fixture
def humble_url(rabbitmq_node: RabbitmqNode, vhost: str) -> str:
    """A user who may publish and consume, and create only queues of its own."""
    rabbitmq_node.create_user("humble", "secret")
    rabbitmq_node.permit("humble", vhost, configure="^convener-.*", write="^convener.*")
    return rabbitmq_node.url(vhost).replace("guest:guest", "humble:secret")


async def test_everything_is_created_and_found_alive(url):
    for _ in range(2):
        probes = await provision(url, groups=GROUPS)
        assert {probe.problem for probe in probes} == {""}
    names = {probe.queue for probe in probes}
    assert {"convener.orchestrator", "convener.agent.sql", "convener.history.ingest"} <= names
    for name in names - {"convener.history.ingest"}:
        assert await message_count(url, name) == 0


async def test_probing_leaves_waiting_work_where_it_is(url):
    await provision(url, groups=GROUPS)
    transport = await RabbitmqTransport.connect(url, name="t", clock=SystemClock())
    await transport.publish(event("task.sql"))
    await provision(url, groups=GROUPS)
    assert await message_count(url, "convener.agent.sql") == 1
    await transport.aclose()


async def test_a_worker_without_the_right_to_create_finds_what_is_provisioned(url, humble_url):
    await provision(url, groups=GROUPS)
    worker = await RabbitmqTransport.connect(humble_url, name="humble", clock=SystemClock())
    subscription = Subscription(pattern="task.sql", group="agent.sql")
    async with worker.subscribe(subscription) as deliveries:
        await worker.publish(event("task.sql"))
        await (await next_of(deliveries)).nack()
        await (await next_of(deliveries)).ack()
    async with worker.subscribe(Subscription(pattern="reply.a")) as deliveries:
        await worker.publish(event("reply.a"))
        await (await next_of(deliveries)).ack()
    await worker.aclose()


async def test_a_worker_without_that_right_says_what_is_missing(url, humble_url):
    with pytest.raises(UnreachableError, match="--provision"):
        await RabbitmqTransport.connect(humble_url, name="humble", clock=SystemClock())
    await provision(url)
    worker = await RabbitmqTransport.connect(humble_url, name="humble", clock=SystemClock())
    with pytest.raises(UnreachableError, match="--provision"):
        async with worker.subscribe(Subscription(pattern="task.sql", group="agent.sql")):
            pass
    await worker.aclose()


async def test_a_queue_that_was_made_with_other_arguments_is_used_as_it_is(url):
    async with raw_channel(url) as channel:
        await channel.queue_declare("convener.workers", durable=True)
    transport = await RabbitmqTransport.connect(url, name="t", clock=SystemClock())
    async with transport.subscribe(Subscription(pattern="work", group="workers")) as deliveries:
        await transport.publish(event("work"))
        await (await next_of(deliveries)).ack()
    await transport.aclose()


async def test_a_password_that_is_wrong_is_named_as_the_cause(url):
    with pytest.raises(UnreachableError, match="refused user 'guest'"):
        await RabbitmqTransport.connect(
            url.replace("guest:guest", "guest:wrong"), name="t", clock=SystemClock()
        )


async def test_a_virtual_host_that_is_missing_is_named_as_the_cause(rabbitmq_node):
    with pytest.raises(UnreachableError, match="no virtual host 'nowhere'"):
        await RabbitmqTransport.connect(rabbitmq_node.url("nowhere"), name="t", clock=SystemClock())
