"""`RabbitmqPlace`: a broker and a Redis of the run's own, both to be killed."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path

from agents.domain.role import ORCHESTRATOR, role_group
from bus import Event, SystemClock, parse
from bus.authorities.trusting import TrustingAuthority
from bus.recorder import Recorder
from bus.transports.rabbitmq import RabbitmqTransport
from bus.transports.rabbitmq_stream import reading
from bus.transports.rabbitmq_topology import INGEST_QUEUE, RETRY_DELAYS, group_queue, retry_exchange
from tests.fault.kill_harness.evidence import Blow
from tests.fault.kill_harness.panel import ROLES
from tests.fault.kill_harness.redis_node import RedisNode
from tests.support.rabbitmq_node import RabbitmqNode, running_node

DOWN = (0.2, 2.0)
"""Seconds, from and to, for which a killed server stays away."""
_SILENCE = 3.0


class RabbitmqPlace:
    """Implements `Place`."""

    name = "rabbitmq"

    def __init__(self, node: RabbitmqNode, ledger: RedisNode, *, folder: Path, seed: int) -> None:
        self._node = node
        self._ledger = ledger
        self._folder = folder
        self._draw = random.Random(seed)

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "CONVENER_BUS": self._node.url(),
            "CONVENER_REDIS": self._ledger.url,
            "CONVENER_DATA": f"here={self._folder}",
        }

    async def strike(self, blow: Blow) -> None:
        match blow:
            case Blow.KILL_BROKER:
                await self._restart(self._node)
            case Blow.KILL_LEDGER:
                await self._restart(self._ledger)
            case Blow.FLUSH_LEDGER:
                await asyncio.to_thread(self._ledger.flush)
            case _:
                raise AssertionError(f"{blow}: that is no server")

    async def left(self) -> Mapping[str, int]:
        groups = (ORCHESTRATOR, *map(role_group, ROLES))
        retries = [retry_exchange(delay) for delay in RETRY_DELAYS]
        async with self._connected() as transport:
            return {
                queue: await _depth(transport, queue)
                for queue in (*map(group_queue, groups), *retries, INGEST_QUEUE)
            }

    async def events(self) -> Sequence[Event]:
        events: list[Event] = []
        async with (
            self._connected() as transport,
            _recording(transport),
            reading(await transport.channel(), 0) as reader,
        ):
            while records := await reader.batch(_SILENCE):
                events += [parse(envelope.body) for _, envelope in records]
        return events

    async def _restart(self, server: RabbitmqNode | RedisNode) -> None:
        await asyncio.to_thread(server.kill)
        await asyncio.sleep(self._draw.uniform(*DOWN))
        await asyncio.to_thread(server.start)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[RabbitmqTransport]:
        transport = await RabbitmqTransport.connect(
            self._node.url(), name="checker", clock=SystemClock()
        )
        async with aclosing(transport):
            yield transport


@contextmanager
def servers_in(folder: Path, *, seed: int) -> Iterator[RabbitmqPlace]:
    """A place with servers of its own, started; gone at the end."""
    homes = folder / "rabbitmq", folder / "redis"
    for home in homes:
        home.mkdir()
    ledger = RedisNode(homes[1])
    with running_node(homes[0]) as node:
        ledger.start()
        try:
            yield RabbitmqPlace(node, ledger, folder=folder, seed=seed)
        finally:
            ledger.kill()


@asynccontextmanager
async def _recording(transport: RabbitmqTransport) -> AsyncIterator[None]:
    """What the workers left unrecorded gets recorded."""
    recording = asyncio.create_task(
        Recorder(transport, authority=TrustingAuthority(), clock=SystemClock()).run()
    )
    try:
        yield
    finally:
        recording.cancel()
        await asyncio.wait({recording})


async def _depth(transport: RabbitmqTransport, queue: str) -> int:
    channel = await transport.channel()
    try:
        state = await channel.queue_declare(queue, passive=True)
    finally:
        await channel.close()
    return state.message_count or 0
