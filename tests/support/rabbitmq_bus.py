"""A bus on RabbitMQ as a `BusUnderTest`: one virtual host, one proxy per connection.

Its history is encrypted for as long as it has a vault.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bus.authorities.trusting import TrustingAuthority
from bus.clock import SystemClock
from bus.dead_letters.rabbitmq import RabbitmqDeadLetters
from bus.histories.stream import StreamHistory
from bus.recorder import Recorder
from bus.sealing.encryptor import Encryptor
from bus.transport import Transport
from bus.transports.rabbitmq import RabbitmqTransport
from bus.vault import Vault
from tests.support.memory_vault import MemoryVault
from tests.support.rabbitmq_node import RabbitmqNode
from tests.support.tcp_proxy import TcpProxy, tcp_proxy


class RabbitmqBus:
    """Implements `BusUnderTest`; a recorder runs from the first history on."""

    def __init__(self, node: RabbitmqNode, vhost: str, folder: Path, stack: AsyncExitStack) -> None:
        self._node = node
        self._vhost = vhost
        self._folder = folder
        self._stack = stack
        self._proxies: dict[Transport, TcpProxy] = {}
        self._histories = 0
        self.recorders: list[RabbitmqTransport] = []
        self.vault: Vault | None = MemoryVault()

    async def transport(self) -> RabbitmqTransport:
        proxy = await self._stack.enter_async_context(tcp_proxy(self._node.port))
        transport = await RabbitmqTransport.connect(
            self._node.url(self._vhost, port=proxy.port),
            name="test",
            clock=SystemClock(),
            patience=5.0,
        )
        self._proxies[transport] = proxy
        return await self._stack.enter_async_context(aclosing(transport))

    async def recorder(self) -> RabbitmqTransport:
        """Another process that records, by its connection."""
        transport = await self.transport()
        recorder = Recorder(
            transport,
            authority=TrustingAuthority(),
            clock=SystemClock(),
            encryptor=self.vault and Encryptor(self.vault, clock=SystemClock()),
        )
        await self._stack.enter_async_context(_running(recorder))
        self.recorders.append(transport)
        return transport

    async def history(self) -> StreamHistory:
        if not self._histories:
            await self.recorder()
        self._histories += 1
        history = await StreamHistory.open(
            await self.transport(),
            str(self._folder / f"{self._histories}.db"),
            clock=SystemClock(),
            vault=self.vault,
        )
        return await self._stack.enter_async_context(aclosing(history))

    async def dead_letters(self) -> RabbitmqDeadLetters:
        return RabbitmqDeadLetters(await self.transport())

    async def cut(self, transport: Transport) -> None:
        """Break the connections of `transport`, which may connect again."""
        await self._proxies[transport].cut()

    async def break_off(self, transport: Transport) -> None:
        await self._proxies[transport].close()


@asynccontextmanager
async def open_rabbitmq_bus(node: RabbitmqNode) -> AsyncIterator[RabbitmqBus]:
    """A bus in a virtual host of its own."""
    with node.vhost() as vhost, TemporaryDirectory() as folder:
        async with AsyncExitStack() as stack:
            yield RabbitmqBus(node, vhost, Path(folder), stack)


@asynccontextmanager
async def _running(recorder: Recorder) -> AsyncIterator[None]:
    task = asyncio.create_task(recorder.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
