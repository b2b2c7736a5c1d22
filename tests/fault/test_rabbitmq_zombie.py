"""Queues that the broker declared just before it died: there, but confirming nothing."""

import asyncio
import re

import pytest

from bus.clock import SystemClock
from bus.errors import RefusedError, TransportError, UnconfirmedError, UnreachableError
from bus.transport import Subscription
from bus.transports.rabbitmq import RabbitmqTransport
from bus.transports.rabbitmq_provision import provision
from tests.support.bus_under_test import acknowledge, until
from tests.support.events import event
from tests.support.rabbitmq_node import RabbitmqNode
from tests.support.raw_amqp import raw_channel

pytestmark = [pytest.mark.fault, pytest.mark.rabbitmq, pytest.mark.timeout(200)]

WORK = Subscription(pattern="work", group="workers")


async def problems(url: str) -> dict[str, str]:
    """What provisioning finds wrong, by queue."""
    probes = await provision(url, groups={"workers": "work"})
    return {probe.queue: probe.problem for probe in probes if probe.problem}


async def restart(node: RabbitmqNode) -> None:
    node.kill()
    await asyncio.to_thread(node.start)


async def remove_history(node: RabbitmqNode, problem: str) -> None:
    """Do what the `problem` that provisioning found with the history says."""
    (remedy,) = re.findall(r"rabbitmqctl eval '(.+)\.'", problem)
    await asyncio.to_thread(node.evaluate, remedy)


async def delete_queue(url: str, queue: str) -> None:
    async with raw_channel(url) as channel:
        await channel.queue_delete(queue)


async def test_queues_that_confirm_nothing_are_named_with_a_remedy_and_hold_up_no_others(
    mortal_node: RabbitmqNode,
):
    url = mortal_node.url()

    # The first stream of a broker does not survive that broker's early death.
    async with raw_channel(url) as channel:
        await channel.queue_declare(
            "convener.history", durable=True, arguments={"x-queue-type": "stream"}
        )
    await restart(mortal_node)
    found = await problems(url)
    assert "down" in found["convener.history"]
    with pytest.raises(UnreachableError, match="doctor --provision"):
        await RabbitmqTransport.connect(url, name="fault", clock=SystemClock())
    await remove_history(mortal_node, found["convener.history"])
    assert await problems(url) == {}

    transport = await RabbitmqTransport.connect(
        url, name="fault", clock=SystemClock(), confirm_timeout=1.0
    )
    found = {}
    for _ in range(5):  # whether a queue survives depends on how far the broker came
        await delete_queue(url, "convener.workers")
        async with transport.subscribe(WORK):
            pass
        await restart(mortal_node)
        found = await problems(url)
        if "convener.workers" in found:
            break
    assert "delete it and provision again" in found["convener.workers"]
    if "convener.history" in found:
        await remove_history(mortal_node, found["convener.history"])

    async def is_up() -> bool:
        try:
            await transport.publish(event("event.a"))
        except TransportError:
            return False
        return True

    await until(is_up)
    with pytest.raises((UnconfirmedError, RefusedError), match="'work'"):
        await transport.publish(event("work"))
    await delete_queue(url, "convener.workers")
    assert await problems(url) == {}
    async with transport.subscribe(WORK) as deliveries:
        await transport.publish(event("work"))
        await acknowledge(deliveries, 1)
    await transport.aclose()
