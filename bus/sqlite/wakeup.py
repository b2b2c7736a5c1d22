"""`Wakeup`: tells who waits that there may be something new in the file.

Three ways lead here: a write of this process, the doorbell rung by another one, and, as the truth
behind both, a look at the file's version every `POLL_INTERVAL` seconds.

*Guarantees*: whoever listens is called within about `POLL_INTERVAL` of any commit of any process.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from sqlite3 import Connection
from typing import Final, Protocol, TypeAlias

import structlog

from bus.errors import StoreError
from bus.sqlite.connection import MEMORY
from bus.sqlite.doorbell import Doorbell, Ringer
from bus.sqlite.job_thread import T, Work
from bus.sqlite.queries import QUERIES
from bus.sqlite.queues import QueueId

POLL_INTERVAL: Final = 0.25

LOG: Final = QueueId(0)
"""Stands for the log where a queue is named as what is listened for."""

Listener: TypeAlias = Callable[[], None]

_log = structlog.get_logger(__name__)


class Read(Protocol):
    """`Database.read`."""

    def __call__(self, work: Work[T]) -> Awaitable[T]: ...


class Wakeup:
    """Who waits for what, in this process."""

    def __init__(self, path: str, read: Read) -> None:
        self._path = path
        self._read = read
        self._listeners: dict[QueueId, list[Listener]] = {}
        self._poll: asyncio.Task[None] | None = None
        self._doorbell: Doorbell | None = None
        self._opening = asyncio.Lock()
        self._ringer: Ringer | None = None
        self._to_ring: dict[str, set[QueueId]] = {}

    def listen(self, queue: QueueId, listener: Listener) -> None:
        """Have `listener` called whenever there may be something new in `queue`."""
        self._listeners.setdefault(queue, []).append(listener)
        if self._poll is None and self._path != MEMORY:
            self._poll = asyncio.create_task(self._look_regularly(), name="bus-wakeup")

    def forget(self, queue: QueueId, listener: Listener) -> None:
        """Undo one `listen`."""
        self._listeners[queue].remove(listener)
        if not self._listeners[queue]:
            del self._listeners[queue]

    async def open_doorbell(self) -> str:
        """Where other processes ring for this one from now on; empty where they cannot."""
        if self._path == MEMORY:
            return ""
        async with self._opening:
            if self._doorbell is None:
                self._doorbell = await self._read(lambda _: Doorbell(self._path))
                asyncio.get_running_loop().add_reader(self._doorbell.fileno(), self._answer)
        return self._doorbell.address

    def announce(self, queues: Iterable[QueueId]) -> None:
        """Call who listens for one of `queues` in this process."""
        for queue in queues:
            for listener in self._listeners.get(queue, ()):
                listener()

    def ring(self, queues: Iterable[QueueId], addresses: Mapping[QueueId, Iterable[str]]) -> None:
        """Call who listens for one of `queues` in other processes, which are at `addresses`."""
        for queue in queues:
            for address in addresses.get(queue, ()):
                if not self._to_ring:
                    asyncio.get_running_loop().call_soon(self._ring_all)
                self._to_ring.setdefault(address, set()).add(queue)

    async def aclose(self) -> None:
        """Stop looking and take the doorbell off. Idempotent."""
        poll, self._poll = self._poll, None
        if poll is not None:
            poll.cancel()
            await asyncio.wait([poll])
        doorbell, self._doorbell = self._doorbell, None
        if doorbell is not None:
            asyncio.get_running_loop().remove_reader(doorbell.fileno())
            await self._read(lambda _: doorbell.close())
        if self._ringer is not None:
            self._ringer.close()
            self._ringer = None

    def _ring_all(self) -> None:
        to_ring, self._to_ring = self._to_ring, {}
        own = self._doorbell.address if self._doorbell is not None else ""
        if self._ringer is None:
            self._ringer = Ringer()
        for address, queues in to_ring.items():
            if address != own:
                self._ringer.ring(address, b",".join(b"%d" % queue for queue in queues))

    def _answer(self) -> None:
        assert self._doorbell is not None
        queues = {LOG}
        for message in self._doorbell.answer():
            queues.update(QueueId(int(word)) for word in message.split(b",") if word.isdigit())
        self.announce(queues)

    async def _look_regularly(self) -> None:
        seen = None
        while True:
            try:
                version = await self._read(_data_version)
            except StoreError as error:
                _log.warning("bus.file.unreadable", error=str(error))
            else:
                if version != seen:
                    self.announce(tuple(self._listeners))
                seen = version
            await asyncio.sleep(POLL_INTERVAL)


def _data_version(connection: Connection) -> int:
    """A number that changes with every commit of another connection."""
    (version,) = connection.execute(QUERIES["data_version"]).fetchone()
    return int(version)
