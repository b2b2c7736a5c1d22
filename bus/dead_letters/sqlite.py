"""`SqliteDeadLetters`: the parked messages in the bus file."""

from collections.abc import Sequence
from functools import partial

from bus.clock import Clock
from bus.dead_letter import DeadLetter
from bus.domain.envelope import Headers
from bus.sqlite import dead_letters
from bus.sqlite.database import Database
from bus.sqlite.queues import Routes


class SqliteDeadLetters:
    """The dead letters in `database`, which it does not close."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._routes = Routes("")

    async def list(self, limit: int = 100) -> Sequence[DeadLetter]:
        return await self._database.read(partial(dead_letters.select, limit=limit))

    async def get(self, id: str) -> DeadLetter | None:
        return await self._database.read(partial(dead_letters.find, id=id))

    async def redrive(
        self, id: str, *, body: bytes | None = None, headers: Headers | None = None
    ) -> bool:
        work = partial(
            dead_letters.redrive,
            id=id,
            body=body,
            headers=headers,
            routes=self._routes,
            now=self._clock.now().timestamp(),
        )
        queue = await self._database.write(work)
        if queue is None:
            return False
        self._database.wakeup.announce((queue,))
        self._database.wakeup.ring((queue,), self._routes.addresses)
        return True

    async def discard(self, id: str) -> bool:
        return await self._database.write(partial(dead_letters.discard, id=id))

    async def aclose(self) -> None:
        """Nothing to let go of: the database belongs to whoever opened it."""
