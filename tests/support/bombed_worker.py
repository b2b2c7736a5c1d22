"""A worker to be bombed: serves `work` and hears all orders, as every process of the agents does.

`python -m tests.support.bombed_worker URL` prints a line when it is ready, and ends with its input.
"""

import asyncio
import sys

from bus import (
    AgentMessage,
    Context,
    MessageBus,
    Payload,
    Registry,
    TrustingAuthority,
    connect,
    task_group,
)


class Asked(Payload):
    message_type = "test.sum.asked.v1"
    numbers: tuple[float, ...] = ()


class Answered(Payload):
    message_type = "test.sum.answered.v1"
    total: float


def lift(old: object) -> dict[str, object]:
    return {"numbers": old["figures"]}  # type: ignore[index]


REGISTRY = Registry(Asked, Answered, upcasts={"test.sum.asked.v0": ("test.sum.asked.v1", lift)})


async def add(message: AgentMessage[Asked], context: Context) -> Answered:
    return Answered(total=sum(message.content.numbers))


async def hear(bus: MessageBus) -> None:
    async with bus.listen("control.#") as orders:
        async for _ in orders:
            pass


async def main(url: str) -> None:
    authority = TrustingAuthority()
    async with (
        connect(url, registry=REGISTRY, name="bombed", authority=authority) as bus,
        task_group() as tasks,
        bus.serve("work", add, group="work", grace=0),
    ):
        hearing = tasks.create_task(hear(bus))
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        hearing.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
