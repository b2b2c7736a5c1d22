"""`MessageBus`: publish, announce, request, subscribe, serve.

*Guarantees*: `publish` returns once the message is durably accepted; a request ends in a reply, a
Fault or a timeout; whatever the bus runs in the background ends when the bus is closed.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import uuid4

import structlog

from bus.auditing.audit import Audit
from bus.auditing.dead_letters import AuditedDeadLetters
from bus.auditing.head_file import HeadFile
from bus.authority import Authority
from bus.clock import Clock
from bus.consumer import Consumer
from bus.dead_letter import DeadLetters
from bus.domain.audit import AuditRecorded
from bus.domain.authority import Principal
from bus.domain.fault import Fault
from bus.domain.message import (
    AgentMessage,
    MessageId,
    Payload,
    Registry,
    Scalar,
    event_topic,
)
from bus.domain.retry import RetryPolicy
from bus.domain.topic import check_topic
from bus.errors import (
    RequestTimeoutError,
    TransportClosedError,
    UsageError,
)
from bus.handling import Handler, Late
from bus.history import History
from bus.ledger import Ledger
from bus.listening import Heard, heard
from bus.outbox import Outbox
from bus.requests import Requests
from bus.tasks import task_group
from bus.transport import Subscription, Transport

P = TypeVar("P", bound=Payload)

_log = structlog.get_logger(__name__)


class MessageBus:
    """One process's access to the bus.

    Made by `bus.connect`. `name` is what this process signs its messages with; replies come below
    the `account` under which it uses a broker. `history`, `ledger` and `dead_letters` are those of
    the same bus. `companions` run for as long as this process serves anything. `open_private`
    opens a transport of the same bus with groups of its own. Heads of the audit go to `heads`; a
    bus that is had privately writes the `audit` of its owner.
    """

    def __init__(
        self,
        *,
        transport: Transport,
        history: History,
        ledger: Ledger,
        dead_letters: DeadLetters,
        registry: Registry,
        name: str,
        account: str = "",
        clock: Clock,
        authority: Authority,
        tasks: asyncio.TaskGroup,
        companions: Sequence[Callable[[], Coroutine[Any, Any, None]]] = (),
        open_private: Callable[[str], Transport] | None = None,
        heads: HeadFile | None = None,
        audit: Audit | None = None,
    ) -> None:
        self.name = name
        self.instance = f"{name}-{uuid4().hex[:12]}"
        self.reply_topic = check_topic(".".join(filter(None, ("reply", account, self.instance))))
        self.history = history
        self.ledger = ledger
        self.clock = clock
        self._transport = transport
        self._registry = registry | Registry(Fault, AuditRecorded)
        self._authority = authority
        self._outbox = Outbox(
            transport, authority=authority, registry=self._registry, name=name, clock=clock
        )
        self.audit = audit or Audit(
            self.instance, self._outbox.send, authority=authority, clock=clock, heads=heads
        )
        self.dead_letters = AuditedDeadLetters(dead_letters, self.audit)
        self._companions = companions
        self._open_private = open_private
        self._companions_run = False
        self._requests = Requests()
        self._replies_arrive: asyncio.Future[None] | None = None
        self._tasks = tasks
        self._background: list[asyncio.Task[None]] = []

    async def publish(
        self,
        content: P,
        *,
        to: str,
        sender: str | None = None,
        cause: AgentMessage[Any] | None = None,
        reply_to: str | None = None,
        expires_at: datetime | None = None,
        metadata: Mapping[str, Scalar] | None = None,
        on_behalf_of: Principal | None = None,
        id: MessageId | None = None,
        timestamp: datetime | None = None,
    ) -> AgentMessage[P]:
        """Send `content` to the topic `to`; returns the message once it is durably accepted.

        It is signed with `sender`, or with this bus's name. With a `cause` it joins that message's
        conversation. Authority is passed on if it is sent `on_behalf_of` somebody. Giving `id` and
        `timestamp` makes a repeated publish the same message, which the history keeps once.

        Raises:
            NotPermittedError: this process may not send such a message.
            UnroutableError: nobody has ever subscribed to this work topic.
            MessageTooLargeError: the event exceeds 1 MiB.
            TransportError, StoreError: as `Transport.publish` says.
        """
        message = self._outbox.compose(
            content,
            to=to,
            sender=sender,
            cause=cause,
            reply_to=reply_to,
            expires_at=expires_at,
            metadata=metadata,
            id=id,
            timestamp=timestamp,
        )
        await self._outbox.send(message, on_behalf_of=on_behalf_of)
        return message

    async def announce(
        self,
        content: P,
        *,
        sender: str | None = None,
        cause: AgentMessage[Any] | None = None,
        id: MessageId | None = None,
        timestamp: datetime | None = None,
    ) -> AgentMessage[P]:
        """Publish `content` as an event, on the topic that its wire name gives."""
        return await self.publish(
            content,
            to=event_topic(content.message_type),
            sender=sender,
            cause=cause,
            id=id,
            timestamp=timestamp,
        )

    async def request(
        self,
        content: Payload,
        *,
        to: str,
        timeout: float,
        cause: AgentMessage[Any] | None = None,
    ) -> AgentMessage[Any]:
        """Send `content` and wait up to `timeout` seconds for the reply.

        Raises:
            RequestFaultedError: the message was parked, cancelled or expired.
            RequestTimeoutError: no reply came in time; one that comes later is dropped.
            TransportError, StoreError: as for `publish`.
        """
        await self._receive_replies()
        message = self._outbox.compose(
            content,
            to=to,
            cause=cause,
            reply_to=self.reply_topic,
            expires_at=self.clock.now() + timedelta(seconds=timeout),
        )
        with self._requests.expect(message.id) as reply:
            try:
                async with asyncio.timeout(timeout):
                    await self._outbox.send(message)
                    return await reply
            except TimeoutError:
                raise RequestTimeoutError(f"No reply from {to!r} within {timeout:g} s.") from None

    @asynccontextmanager
    async def expect(self, id: MessageId) -> AsyncIterator["asyncio.Future[AgentMessage[Any]]"]:
        """A future for the reply to the message `id`, which is yet to be published.

        A Fault becomes RequestFaultedError. A reply may be lost with a connection, so bound the
        wait.
        """
        await self._receive_replies()
        with self._requests.expect(id) as reply:
            yield reply

    @asynccontextmanager
    async def collect(self, correlation_id: str) -> AsyncIterator[asyncio.Queue[AgentMessage[Any]]]:
        """A queue of the replies to this process in that conversation, Faults included.

        Replies are hints: one may be lost with a connection, so look at the record as well.
        """
        await self._receive_replies()
        with self._requests.collect(correlation_id) as queue:
            yield queue

    async def reply(
        self,
        to: AgentMessage[Any],
        content: P,
        *,
        echo: str | None = None,
        sender: str | None = None,
        id: MessageId | None = None,
        timestamp: datetime | None = None,
    ) -> None:
        """Answer a message at its reply address; nothing happens when it has none.

        `echo` is the AMQP correlation id that a foreign client waits for.

        Raises:
            NotPermittedError: the address is one of the bus's own queues.
            TransportError, StoreError: as for `publish`.
        """
        if to.reply_to is None:
            return
        message = self._outbox.compose(
            content, to=to.reply_to, sender=sender, cause=to, id=id, timestamp=timestamp
        )
        await self._outbox.reply(message, echo)

    @asynccontextmanager
    async def subscribe(self, pattern: str) -> AsyncIterator[AsyncIterator[AgentMessage[Any]]]:
        """An own copy of every notice or transient message published to `pattern` from now on.

        Messages that this process cannot decode, or whose authority does not hold, are skipped.
        """
        async with (
            self.listen(pattern) as listening,
            aclosing(each.message async for each in listening) as messages,
        ):
            yield messages

    @asynccontextmanager
    async def listen(self, pattern: str) -> AsyncIterator[AsyncIterator[Heard]]:
        """As `subscribe`, and on whose behalf each message was sent, for those who obey orders."""
        async with (
            self._transport.subscribe(Subscription(pattern=pattern)) as deliveries,
            aclosing(
                heard(deliveries, pattern, self._registry, self._authority, self.clock, self.audit)
            ) as listening,
        ):
            yield listening

    @asynccontextmanager
    async def serve(
        self,
        topic: str,
        handler: Handler,
        *,
        group: str,
        concurrency: int = 8,
        timeout: float | None = None,
        policy: RetryPolicy | None = None,
        grace: float = 10.0,
        late: Late | None = None,
        outlives_delivery: bool = False,
    ) -> AsyncIterator[Consumer]:
        """Handle what is published to `topic`, sharing the work with all servers of `group`.

        Leaving the context drains: nothing new is taken, running handlers get `grace` seconds, and
        what is not finished then goes back to the queue. `timeout` bounds one call of the handler,
        in seconds. A message past its deadline is not handled but parked as expired, unless `late`
        says that it was answered in time. A handler is stopped when its delivery is lost, since
        somebody else will get the message; one that holds a claim in the ledger is better off if it
        `outlives_delivery`: it finishes, and whoever comes second finds what it recorded.
        """
        self._run_companions()
        consumer = Consumer(
            transport=self._transport,
            subscription=Subscription(pattern=topic, group=group, prefetch=concurrency),
            handler=handler,
            registry=self._registry,
            reply=self._outbox.answer,
            authority=self._authority,
            audit=self.audit,
            clock=self.clock,
            policy=policy or RetryPolicy(),
            timeout=timeout,
            grace=grace,
            late=late,
            outlives_delivery=outlives_delivery,
        )
        async with task_group() as tasks:
            tasks.create_task(consumer.run(), name=f"serve {topic}")
            await consumer.ready()
            try:
                yield consumer
            finally:
                consumer.stop()

    async def redrive(self, id: str, *, body: bytes | None = None) -> bool:
        """Give the dead letter `id` back to its group, under the authority of this process.

        `body` replaces the event. False when the letter is not there.

        Raises:
            NotPermittedError: this process may not send such a message.
            UnroutableError: its group is gone.
        """
        letter = await self.dead_letters.get(id)
        if letter is None:
            return False
        envelope = letter.envelope if body is None else replace(letter.envelope, body=body)
        envelope = self._outbox.signed_anew(envelope)
        return await self.dead_letters.redrive(letter.id, body=body, headers=envelope.headers)

    @property
    def is_embedded(self) -> bool:
        """Whether this is the bus of one machine, in a file, which can be had privately."""
        return self._open_private is not None

    @asynccontextmanager
    async def private(self) -> AsyncIterator["MessageBus"]:
        """The same bus with groups that nobody else serves; history and ledger are shared.

        What is published there is handled there, and nothing from elsewhere is.

        Raises:
            UsageError: this is not the embedded bus.
        """
        if self._open_private is None:
            raise UsageError("Only the embedded bus can be had privately.")
        async with aclosing(self._open_private(uuid4().hex)) as transport, task_group() as tasks:
            bus = MessageBus(
                transport=transport,
                history=self.history,
                ledger=self.ledger,
                dead_letters=self.dead_letters.inner,
                registry=self._registry,
                name=self.name,
                clock=self.clock,
                authority=self._authority,
                tasks=tasks,
                audit=self.audit,
            )
            async with aclosing(bus):
                yield bus

    async def consumers(self, group: str) -> int:
        """How many subscribers of `group` there are now, in all processes."""
        return await self._transport.consumers(group)

    async def aclose(self) -> None:
        """End what runs in the background. Idempotent; the transport is closed by its owner."""
        await self.audit.aclose()
        for task in self._background:
            task.cancel()

    async def _receive_replies(self) -> None:
        if self._replies_arrive is None:
            self._replies_arrive = asyncio.get_running_loop().create_future()
            self._run(self._reply_loop(), "replies")
        await asyncio.shield(self._replies_arrive)

    async def _reply_loop(self) -> None:
        assert self._replies_arrive is not None
        try:
            async with self.subscribe(self.reply_topic) as replies:
                self._replies_arrive.set_result(None)
                await self._requests.run(replies)
        except TransportClosedError:
            _log.debug("bus.replies.ended")

    def _run_companions(self) -> None:
        if self._companions_run:
            return
        self._companions_run = True
        for companion in (*self._companions, self.audit.run):
            self._run(companion(), "companion")

    def _run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._background.append(self._tasks.create_task(work, name=name))
