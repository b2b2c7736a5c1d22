"""`StreamHistory`: the history on RabbitMQ, asked through a copy in a local file.

The stream on the broker is the record; the file is an index of it, brought up to date whenever it
is asked, and may be deleted at any time. It is asked like the log of the embedded bus, so both
answer alike.

What is recorded is encrypted where there is a vault, in the stream and in the file, and forgotten
by destroying the key. What was recorded without one stays.

To know that it has read everything, a reader publishes a mark on the way of every other message,
and reads until the mark comes out of the stream.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, Self
from uuid import uuid4

import structlog

from bus.clock import Clock
from bus.domain import codec
from bus.domain.history_marked import HistoryMarked
from bus.domain.message import AgentMessage, MessageId, event_topic
from bus.errors import TransportClosedError, TransportError, UsageError
from bus.histories.encrypted import revealed
from bus.histories.sqlite import SqliteHistory
from bus.history import Forgotten, HistoryQuery, HistoryRecord
from bus.sqlite import message_log, stream_index
from bus.sqlite.database import Database
from bus.sqlite.job_thread import Work
from bus.sqlite.wakeup import LOG
from bus.transports.rabbitmq import RabbitmqTransport
from bus.transports.rabbitmq_stream import Record, StreamReader, reading
from bus.vault import Vault

_SENDER: Final = "history"
_PAUSE: Final = 1.0

_log = structlog.get_logger(__name__)


class StreamHistory:
    """The history on the broker of `transport`, which it does not close.

    `patience` is how long, in seconds, the recorder may be silent before it counts as not running.
    """

    def __init__(
        self,
        transport: RabbitmqTransport,
        database: Database,
        *,
        clock: Clock,
        patience: float,
        vault: Vault | None,
    ) -> None:
        self._transport = transport
        self._database = database
        self._vault = vault
        self._index = SqliteHistory(database, reveal=partial(revealed, vault))
        self._clock = clock
        self._patience = patience
        self._catching_up = asyncio.Lock()
        self._tail: asyncio.Task[None] | None = None
        self._is_closed = False

    @classmethod
    async def open(
        cls,
        transport: RabbitmqTransport,
        path: str,
        *,
        clock: Clock,
        patience: float = 5.0,
        vault: Vault | None = None,
    ) -> Self:
        """The history with its index in the file at `path`, one file for each broker and vhost.

        `vault` has the keys of what is encrypted; it is not closed.

        Raises:
            StoreError: the file cannot be used; it may be deleted.
        """
        database = await Database.open(path, durability="normal")
        await database.write(stream_index.prepare)
        return cls(transport, database, clock=clock, patience=patience, vault=vault)

    async def query(self, query: HistoryQuery) -> Sequence[HistoryRecord]:
        await self._catch_up()
        return await self._index.query(query)

    async def follow(self, query: HistoryQuery) -> AsyncIterator[HistoryRecord]:
        """As `History.follow`, without regard to `limit`; `latest` begins with the last `limit`."""
        await self._catch_up()
        if self._tail is None and not self._is_closed:
            self._tail = asyncio.create_task(self._keep_up(), name="history tail")
        async for record in self._index.follow(query):
            yield record

    async def forget(self, conversations: Sequence[str], *, thoroughly: bool = True) -> Forgotten:
        """As `History.forget`, by destroying keys."""
        if self._vault is None:
            raise UsageError(
                "A history on RabbitMQ forgets by destroying the key that it is encrypted with: "
                "set CONVENER_VAULT to a Redis that keeps the keys, for the workers as well."
            )
        await self._catch_up()
        legible = await self._vault.look_up(conversations)
        messages = kept = 0
        for conversation in conversations:
            work = partial(message_log.count_encrypted, conversation=conversation)
            encrypted, plain = await self._database.read(work)
            messages += encrypted if conversation in legible else 0
            kept += plain
        await self._vault.shred(conversations)
        return Forgotten(messages=messages, kept=kept)

    async def aclose(self) -> None:
        self._is_closed = True
        tail, self._tail = self._tail, None
        if tail is not None:
            tail.cancel()
            await asyncio.wait({tail})
        await self._index.aclose()
        async with self._catching_up:
            await self._database.aclose()

    async def _catch_up(self) -> None:
        """Read everything that was confirmed before the call.

        Raises:
            TransportError: the broker cannot be reached, or nobody records.
        """
        async with self._catching_up:
            marker_id = uuid4().hex
            await self._mark(marker_id)
            async with self._reading() as reader:
                found = False
                while not found:
                    records = await reader.batch(self._patience)
                    if not records:
                        raise TransportError(
                            "The history is not being recorded: no recorder is running. "
                            "Start a worker, such as `convener worker`."
                        )
                    await self._add(records)
                    found = any(envelope.id == marker_id for _, envelope in records)

    async def _keep_up(self) -> None:
        """Go on reading for whoever follows."""
        while True:
            try:
                async with self._reading() as reader:
                    while True:
                        await self._add(await reader.batch(None))
            except TransportClosedError:
                return
            except TransportError as error:
                _log.warning("bus.history.interrupted", error=str(error))
                await asyncio.sleep(_PAUSE)

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[StreamReader]:
        offset = await self._database.read(stream_index.next_offset)
        async with reading(await self._transport.channel(), offset) as reader:
            yield reader

    async def _add(self, records: Sequence[Record]) -> None:
        now = self._clock.now().timestamp()
        work: Work[int] = partial(stream_index.add, records=records, now=now)
        if await self._database.write(work, durable=False):
            self._database.wakeup.announce((LOG,))

    async def _mark(self, marker_id: str) -> None:
        mark = AgentMessage(
            id=MessageId(marker_id),
            sender=_SENDER,
            recipient=event_topic(HistoryMarked.message_type),
            content=HistoryMarked(marker_id=marker_id),
            timestamp=self._clock.now(),
        )
        await self._transport.publish(codec.seal(mark))
