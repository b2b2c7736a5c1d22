"""The embedded bus as a `BusUnderTest`: one file, one `Database` per connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

from bus.clock import Clock, SystemClock
from bus.dead_letters.sqlite import SqliteDeadLetters
from bus.histories.sqlite import SqliteHistory
from bus.sqlite.database import Database
from bus.transport import Transport
from bus.transports.sqlite import SqliteTransport


class SqliteBus:
    """Implements `BusUnderTest`."""

    def __init__(self, path: str, stack: AsyncExitStack, clock: Clock) -> None:
        self._path = path
        self._stack = stack
        self._clock = clock

    async def database(self) -> Database:
        """Another connection to the file."""
        return await self._stack.enter_async_context(await Database.open(self._path))

    async def transport(self, *, scope: str = "") -> SqliteTransport:
        transport = SqliteTransport(await self.database(), clock=self._clock, scope=scope)
        return await self._stack.enter_async_context(aclosing(transport))

    async def history(self) -> SqliteHistory:
        history = SqliteHistory(await self.database())
        return await self._stack.enter_async_context(aclosing(history))

    async def dead_letters(self) -> SqliteDeadLetters:
        return SqliteDeadLetters(await self.database(), clock=self._clock)

    async def break_off(self, transport: Transport) -> None:
        """Leave everything as a dead process does: rows in the file, a socket that refuses."""
        assert isinstance(transport, SqliteTransport)
        transport._is_closed = True
        if transport._keeper is not None:
            transport._keeper.cancel()
        wakeup = transport._database.wakeup
        doorbell, wakeup._doorbell = wakeup._doorbell, None
        if doorbell is not None:
            asyncio.get_running_loop().remove_reader(doorbell.fileno())
            doorbell._socket.close()


@asynccontextmanager
async def open_sqlite_bus(path: str, clock: Clock | None = None) -> AsyncIterator[SqliteBus]:
    """A bus in the file at `path`."""
    async with AsyncExitStack() as stack:
        yield SqliteBus(path, stack, clock or SystemClock())
