"""One subscription's loop: receive, verify, handle, settle, drain.

*Guarantees*: a delivery is settled as `bus.domain.settlement` says, after its handler has ended; a
message that is parked or cancelled and has a reply address gets a Fault there; an error of a
handler never ends the loop.

*Not here*: what a settlement means on the wire; that is the transport's.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any, Final, TypeAlias, assert_never

import structlog

from bus.auditing.audit import Audit
from bus.authority import Authority
from bus.clock import Clock
from bus.domain import codec
from bus.domain.addressing import refuse_misdirected
from bus.domain.authority import LOCAL_USER, Principal
from bus.domain.envelope import Envelope
from bus.domain.fault import Fault
from bus.domain.message import AgentMessage, MessageId, Payload, Registry
from bus.domain.retry import RetryPolicy
from bus.domain.settlement import (
    Acknowledge,
    DeliveryLost,
    Failed,
    HandBack,
    Leave,
    OutageMet,
    Outcome,
    Park,
    PostponeWanted,
    RequestCancelled,
    Retry,
    RetryWanted,
    Returned,
    Settlement,
    ShutDown,
    settle,
)
from bus.errors import (
    MessageError,
    NotPermittedError,
    Postpone,
    RetryLater,
    SettlementError,
    StoreError,
    TransportError,
    UnknownMessageTypeError,
)
from bus.handling import Context, Handler, Late
from bus.transport import DELIVERY_LIMIT, Delivery, Subscription, Transport

Reply: TypeAlias = Callable[["Received", Payload], Awaitable[None]]
"""Sends a payload to the reply address of what was received, if it has one."""

_EXPIRED: Final = Failed("expired", "Its deadline passed before anybody could handle it.")

_log = structlog.get_logger(__name__)


class Received:
    """One delivery while it is attended to, and who may interrupt its handler, once."""

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self.message: AgentMessage[Any] | None = None
        self._principal: Principal | None = None
        self._withdrawals: list[Principal] = []
        self._interruption: Outcome | None = None
        self._handling: asyncio.Task[Any] | None = None
        self._is_handled = False

    @property
    def envelope(self) -> Envelope:
        return self.delivery.envelope

    @property
    def id(self) -> MessageId:
        """The message's id, or the best guess at it where the event cannot be read."""
        return MessageId(self.message.id if self.message else self.envelope.id)

    @property
    def reply_to(self) -> str | None:
        """Where an answer is awaited: as the event says, else as the envelope says."""
        return (self.message.reply_to if self.message else None) or self.envelope.reply_to

    @property
    def correlation_id(self) -> str | None:
        """The conversation that the message belongs to."""
        return self.message.conversation if self.message else None

    @property
    def is_being_handled(self) -> bool:
        """Whether its handler has begun and not ended."""
        return self._handling is not None

    def identify(self, principal: Principal) -> None:
        """Say on whose behalf it is handled."""
        self._principal = principal
        for by in self._withdrawals:
            self.withdraw(by)

    def withdraw(self, by: Principal) -> None:
        """Stop it as cancelled if `by` may end it, as soon as it is known whose it is."""
        if self._principal is None:
            self._withdrawals.append(by)
        elif by.may_end(self._principal.subject):
            self.interrupt(RequestCancelled())

    def interrupt(self, outcome: Outcome) -> None:
        """Stop the handler with `outcome`, or keep it from beginning; no effect a second time."""
        if self._is_handled or self._interruption is not None:
            return
        self._interruption = outcome
        if self._handling is not None:
            self._handling.cancel()

    async def handle(
        self, handler: Handler, context: Context, *, limit: float | None
    ) -> Outcome | Payload | None:
        """What the handler returned, or the outcome with which it was stopped."""
        assert self.message is not None
        if (earlier := self._interruption) is not None:
            return earlier
        self._handling = task = asyncio.current_task()
        assert task is not None
        try:
            async with asyncio.timeout(limit) as timer:
                return await handler(self.message, context)
        except asyncio.CancelledError:
            if self._interruption is None:
                raise
            return self._interruption
        except TimeoutError:
            if not timer.expired():
                raise
            return RetryWanted(f"The handler took longer than {limit:g} s.")
        finally:
            self._handling = None
            self._is_handled = True
            if self._interruption is not None:
                task.uncancel()


class Consumer:
    """Serves one subscription with one handler, up to `subscription.prefetch` messages at once."""

    def __init__(
        self,
        *,
        transport: Transport,
        subscription: Subscription,
        handler: Handler,
        registry: Registry,
        reply: Reply,
        authority: Authority,
        audit: Audit,
        clock: Clock,
        policy: RetryPolicy,
        timeout: float | None = None,
        grace: float = 10.0,
        late: Late | None = None,
        outlives_delivery: bool = False,
    ) -> None:
        self._transport = transport
        self._subscription = subscription
        self._handler = handler
        self._registry = registry
        self._reply = reply
        self._authority = authority
        self._audit = audit
        self._clock = clock
        self._policy = policy
        self._timeout = timeout
        self._grace = grace
        self._late = late
        self._outlives_delivery = outlives_delivery
        self._ready = asyncio.Event()
        self._stopping = asyncio.Event()
        self._hurrying = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._attended: dict[Received, None] = {}  # in the order of arrival

    @property
    def group(self) -> str | None:
        """The group in which it competes."""
        return self._subscription.group

    @property
    def in_hand(self) -> int:
        """How many messages were taken and are not settled yet."""
        return len(self._attended)

    async def run(self) -> None:
        """Serve until `stop`, then drain: let handlers end within the grace, hand back the rest."""
        async with asyncio.TaskGroup() as group:
            async with self._transport.subscribe(self._subscription) as deliveries:
                intake = group.create_task(self._take(deliveries, group), name="intake")
                self._ready.set()
                await self._stopping.wait()
                intake.cancel()
            await self._drain()

    async def ready(self) -> None:
        """Returns once no message can be missed any more."""
        await self._ready.wait()

    def stop(self) -> None:
        """Take no more; running handlers have their grace, however often this is called."""
        self._stopping.set()

    def hurry(self) -> None:
        """Take no more, and do not wait for running handlers."""
        self._hurrying.set()
        self._stopping.set()

    def cancel(self, correlation_id: str, *, by: Principal = LOCAL_USER) -> int:
        """Stop handling what belongs to that conversation, where `by` may end it; its number."""
        concerned = [each for each in self._attended if each.correlation_id == correlation_id]
        for received in concerned:
            received.withdraw(by)
        return len(concerned)

    async def _take(self, deliveries: AsyncIterator[Delivery], group: asyncio.TaskGroup) -> None:
        async for delivery in deliveries:
            received = Received(delivery)
            self._attended[received] = None
            self._idle.clear()
            group.create_task(self._attend(received), name=f"attend {delivery.envelope.topic}")

    async def _drain(self) -> None:
        hurry = asyncio.ensure_future(self._hurrying.wait())
        idle = asyncio.ensure_future(self._idle.wait())
        try:
            await asyncio.wait(
                {hurry, idle}, timeout=self._grace, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            hurry.cancel()
            idle.cancel()
        for received in tuple(self._attended):
            received.interrupt(ShutDown())

    async def _attend(self, received: Received) -> None:
        delivery = received.delivery
        with structlog.contextvars.bound_contextvars(
            message_id=delivery.envelope.id, topic=delivery.envelope.topic
        ):
            delivery.lost.add_done_callback(lambda _: self._lose(received))
            try:
                outcome = await self._outcome(received)
                if delivery.lost.done():
                    outcome = DeliveryLost()
                settlement = settle(
                    outcome,
                    attempt=delivery.attempt,
                    policy=self._policy,
                    jitter=random.random(),  # noqa: S311  (spreads retries, guards nothing)
                )
                if not isinstance(settlement, Leave):
                    await self._audit.insist(delivery.lost, self._stopping)
                await self._carry_out(settlement, received)
                _log.debug("bus.message.settled", settlement=type(settlement).__name__)
            except SettlementError:
                _log.info("bus.delivery.lost")
            except (TransportError, StoreError, NotPermittedError) as error:
                _log.warning("bus.settlement.failed", error=str(error))
            finally:
                del self._attended[received]
                if not self._attended:
                    self._idle.set()

    def _lose(self, received: Received) -> None:
        """Somebody else will get the message: stop the handler, unless it is to go on."""
        if not (self._outlives_delivery and received.is_being_handled):
            received.interrupt(DeliveryLost())

    async def _outcome(self, received: Received) -> Outcome:
        delivery = received.delivery
        try:
            event = codec.parse(delivery.envelope.body)
            now = self._clock.now()
            message = codec.decode(event, self._registry, topic=delivery.envelope.topic, now=now)
            if message.reply_to is None and delivery.envelope.reply_to is not None:
                message = replace(message, reply_to=delivery.envelope.reply_to)
            received.message = message
            if delivery.redeliveries >= DELIVERY_LIMIT:
                return Failed("delivery_limit", "Its consumers crashed, again and again.")
            pattern = self._subscription.pattern
            refuse_misdirected(message, delivery.envelope, pattern=pattern)
            is_expired = message.is_expired(now)
            if is_expired and self._late is None:
                return _EXPIRED
            principal = await self._authority.verify(
                message, delivery.envelope, at=message.expires_at if is_expired else None
            )
            received.identify(principal)
            self._audit.note("consume", message, delivery.envelope, principal=principal)
            context = Context(
                attempt=delivery.attempt,
                redeliveries=delivery.redeliveries,
                principal=principal,
                echo=delivery.envelope.correlation_id,
            )
            if is_expired:
                assert self._late is not None
                return Returned() if await self._late(message, context) else _EXPIRED
            with structlog.contextvars.bound_contextvars(request=received.correlation_id):
                result = await received.handle(self._handler, context, limit=self._timeout)
            if isinstance(result, Payload):
                await self._reply(received, result)
                return Returned()
            return Returned() if result is None else result
        except UnknownMessageTypeError as error:
            return Failed("unknown_type", str(error))
        except MessageError as error:
            return Failed("malformed", str(error))
        except NotPermittedError as error:
            self._audit.note("consume", received.message, delivery.envelope, denial=error)
            return Failed("not_permitted", str(error))
        except Postpone as error:
            return PostponeWanted(error.delay)
        except RetryLater as error:
            return RetryWanted(str(error), error.delay)
        except Exception as error:  # noqa: BLE001  (the handler is not ours: a failure is a value)
            summary = f"{type(error).__name__}: {error}"
            if not getattr(error, "retryable", False):
                _log.exception("bus.handler.failed")
                return Failed("failed", summary)
            _log.warning("bus.handler.retryable", error=summary)
            if isinstance(error, (TransportError, StoreError)):
                return OutageMet(summary)
            return RetryWanted(summary)

    async def _carry_out(self, settlement: Settlement, received: Received) -> None:
        delivery = received.delivery
        match settlement:
            case Acknowledge(cancelled=cancelled):
                if cancelled:
                    await self._send_fault(
                        received, Fault(reason="cancelled", error="The request was cancelled.")
                    )
                await delivery.ack()
            case Retry(delay=delay, counted=counted):
                await delivery.nack(delay, counted=counted)
            case Park(reason=reason, error=error):
                _log.warning("bus.message.parked", reason=reason, error=error)
                fault = Fault(reason=reason, error=error, attempts=delivery.attempt)
                await self._send_fault(received, fault)
                await delivery.reject(reason, error)
            case HandBack():
                await delivery.release()
            case Leave():
                pass
            case _:
                assert_never(settlement)

    async def _send_fault(self, received: Received, fault: Fault) -> None:
        """Tell whoever waits; as it is told only once, what fails in passing is tried again."""
        if received.reply_to is None:
            return
        for attempt in range(1, self._policy.max_attempts + 1):
            try:
                await self._reply(received, fault)
                return
            except (TransportError, StoreError, NotPermittedError, MessageError) as error:
                if not error.retryable or self._policy.is_exhausted(attempt):
                    _log.warning("bus.fault.undeliverable", error=str(error))
                    return
            await self._pause(attempt, received)
            if received.delivery.lost.done():
                return  # whoever gets it next tells

    async def _pause(self, attempt: int, received: Received) -> None:
        """Wait as after a failed attempt, unless the delivery is lost or this process stops."""
        delay = self._policy.delay(attempt, random.random())  # noqa: S311  (spreads retries)
        stopping = asyncio.ensure_future(self._stopping.wait())
        ends: set[asyncio.Future[Any]] = {stopping, received.delivery.lost}
        try:
            await asyncio.wait(ends, timeout=delay, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
