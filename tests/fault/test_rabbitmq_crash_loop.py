"""A message that kills whoever takes it, among others that do not."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from bus.dead_letter import DeadLetter
from bus.transport import DELIVERY_LIMIT, Subscription
from tests.support.events import event
from tests.support.rabbitmq_bus import RabbitmqBus, open_rabbitmq_bus
from tests.support.rabbitmq_node import RabbitmqNode

pytestmark = [pytest.mark.fault, pytest.mark.rabbitmq]

WORK = Subscription(pattern="work", group="workers", prefetch=8)


@pytest.fixture
async def bus(rabbitmq_node: RabbitmqNode) -> AsyncIterator[RabbitmqBus]:
    async with open_rabbitmq_bus(rabbitmq_node) as opened:
        yield opened


async def test_a_crash_loop_parks_only_what_causes_it(bus: RabbitmqBus):
    publisher = await bus.transport()
    dead_letters = await bus.dead_letters()
    async with publisher.subscribe(WORK):
        pass
    sent = [event("work", data=number) for number in range(30)]
    poison = sent[12]
    for envelope in sent:
        await publisher.publish(envelope)

    handled: set[str] = set()
    poisoned = 0
    letters: Sequence[DeadLetter] = ()
    async with asyncio.timeout(50):
        while not letters or len(handled) < len(sent) - 1:
            letters = await dead_letters.list()
            worker = await bus.transport()
            async with worker.subscribe(WORK) as deliveries:
                while True:
                    try:
                        async with asyncio.timeout(0.5):
                            delivery = await anext(deliveries)
                    except TimeoutError:
                        break
                    if delivery.envelope.id == poison.id:
                        poisoned += 1
                        await bus.break_off(worker)
                        break
                    handled.add(delivery.envelope.id)
                    await delivery.ack()
            await worker.aclose()
    assert poisoned == DELIVERY_LIMIT + 1
    assert [letter.envelope.id for letter in letters] == [poison.id]
    assert letters[0].reason == "delivery_limit"
    assert letters[0].group == "workers"
    assert handled == {envelope.id for envelope in sent} - {poison.id}
