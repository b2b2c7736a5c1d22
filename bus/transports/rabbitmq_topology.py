"""Exchanges, queues and bindings on the broker: their names, their arguments, how they come to be.

| exchange | kind | what it is for |
|---|---|---|
| `convener` | topic | everything that is published to a topic |
| `convener.dlx` | topic | what was parked, by us or by the broker |
| `convener.retry.<n>s` | topic | copies that wait n seconds in the queue of the same name |
| `convener.return` | topic | brings waiting copies back to the queue they name |

| queue | kind | bound to |
|---|---|---|
| `convener.<group>` | quorum | the group's patterns, and its own name on `convener.return` |
| `convener.retry.<n>s` | quorum | the exchange of the same name |
| `convener.parked` | quorum | everything on `convener.dlx` |
| `convener.history.ingest` | quorum, one active | notices, every group's work, dead letters |
| `convener.history` | stream | nothing: only the recorder writes to it |
| `convener-<account>-<hex>` | classic, exclusive | whatever its one subscriber listens to |

All exchanges are topic exchanges, because only there can a user be kept to some routing keys: a
worker may send copies back to the queues of its own roles alone. A user's own queues carry the name
of the account, so that nobody else's can be declared, bound or read.

`convener.return` stands where the default exchange would do, because a copy whose group's queue is
gone has to go somewhere: the retry queue would keep it, and 32 such copies stop the queue for
everybody. Its alternate exchange parks them.

Work is bound to the ingest queue only together with a group's queue: bound alone, it would make
the broker accept work that nobody takes.

The stream is bound to nothing: around a restart, a stream that is bound beside another queue misses
messages which that queue has and the broker confirmed.

*Source*: RabbitMQ, "Quorum Queues" (at-least-once dead lettering), "Alternate Exchanges".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias
from uuid import uuid4

from aiormq.exceptions import (
    ChannelAccessRefused,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
)

from bus.domain.topic import is_work
from bus.transport import DELIVERY_LIMIT
from bus.transports.rabbitmq_connection import (
    BrokerConnection,
    Channel,
    asking,
    close_channel,
)
from bus.transports.rabbitmq_errors import is_down

TOPIC_EXCHANGE: Final = "convener"
DEAD_LETTER_EXCHANGE: Final = "convener.dlx"
RETURN_EXCHANGE: Final = "convener.return"
INGEST_QUEUE: Final = "convener.history.ingest"
HISTORY_STREAM: Final = "convener.history"
PARKED_QUEUE: Final = "convener.parked"
RETRY_DELAYS: Final = (1, 5, 30, 120)
"""Seconds that a copy can wait."""

_UNLIMITED: Final = 1_000_000_000
"""A delivery limit that is none: on RabbitMQ 3.10 a limit of -1 drops at the first return."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """An exchange as it should be."""

    name: str
    kind: str
    arguments: Mapping[str, str] | None = None

    async def declare(self, channel: Channel, *, passive: bool = False) -> None:
        await channel.exchange_declare(
            self.name,
            exchange_type=self.kind,
            durable=True,
            passive=passive,
            arguments=dict(self.arguments or {}),
        )


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable queue as it should be."""

    name: str
    arguments: Mapping[str, str | int | bool]

    @property
    def is_quorum(self) -> bool:
        return self.arguments["x-queue-type"] == "quorum"

    async def declare(self, channel: Channel, *, passive: bool = False) -> None:
        await channel.queue_declare(
            self.name,
            durable=True,
            passive=passive,
            arguments=None if passive else dict(self.arguments),
        )


@dataclass(frozen=True, slots=True)
class Binding:
    """A way from an exchange to a queue."""

    queue: str
    exchange: str
    key: str

    async def declare(self, channel: Channel, *, passive: bool = False) -> None:
        if not passive:  # nobody can ask whether a binding exists
            await channel.queue_bind(self.queue, self.exchange, routing_key=self.key)


Declaration: TypeAlias = Exchange | Queue | Binding


def group_queue(group: str) -> str:
    """The queue that the subscribers of `group` share."""
    return f"convener.{group}"


def group_of(queue: str) -> str:
    """The group whose queue that is; empty if it is none."""
    return queue.removeprefix("convener.") if queue.startswith("convener.") else ""


def own_queue(account: str) -> str:
    """A fresh name for a queue of one subscriber; it cannot be that of a group."""
    return f"convener-{account}-{uuid4().hex}"


def retry_exchange(delay: float) -> str:
    """Where a copy waits at least `delay` seconds, or as long as a copy can wait at all."""
    seconds = next((each for each in RETRY_DELAYS if delay <= each), RETRY_DELAYS[-1])
    return f"convener.retry.{seconds}s"


def shared_topology() -> Sequence[Declaration]:
    """What is there before anybody subscribes."""
    return (
        Exchange(DEAD_LETTER_EXCHANGE, "topic"),
        Exchange(RETURN_EXCHANGE, "topic", {"alternate-exchange": DEAD_LETTER_EXCHANGE}),
        Queue(PARKED_QUEUE, _quorum(limit=_UNLIMITED)),
        Binding(PARKED_QUEUE, DEAD_LETTER_EXCHANGE, "#"),
        *(each for seconds in RETRY_DELAYS for each in _retry(seconds)),
        Queue(HISTORY_STREAM, {"x-queue-type": "stream"}),
        Queue(
            INGEST_QUEUE,
            {
                **_quorum(dead_letters_to="", limit=DELIVERY_LIMIT),
                "x-dead-letter-routing-key": PARKED_QUEUE,
                "x-single-active-consumer": True,
            },
        ),
        Exchange(TOPIC_EXCHANGE, "topic"),
        *(Binding(INGEST_QUEUE, TOPIC_EXCHANGE, f"{word}.#") for word in _NOTICES),
        Binding(INGEST_QUEUE, DEAD_LETTER_EXCHANGE, "#"),
    )


def group_topology(group: str, pattern: str) -> Sequence[Declaration]:
    """What a group needs that subscribes to `pattern`; its work is recorded from then on."""
    queue = group_queue(group)
    arguments = _quorum(dead_letters_to=DEAD_LETTER_EXCHANGE, limit=DELIVERY_LIMIT)
    declarations: list[Declaration] = [
        Queue(queue, arguments),
        Binding(queue, RETURN_EXCHANGE, queue),
        Binding(queue, TOPIC_EXCHANGE, pattern),
    ]
    if is_work(pattern):
        declarations.append(Binding(INGEST_QUEUE, TOPIC_EXCHANGE, pattern))
    return declarations


async def declare(
    connection: BrokerConnection,
    declarations: Sequence[Declaration],
    *,
    may_be_down: bool = False,
) -> None:
    """Make all of `declarations` true, in this order; what is there already stays as it is.

    A user without the right to create things needs them to be there already, with whatever
    arguments whoever provisioned them chose.

    Unless `may_be_down`, every queue is up in the end. Around a restart the broker confirms what
    is published to a stream that is still down, and loses it: publishers have to wait for it.

    Raises:
        UnreachableError: a queue is down, or something is missing and this user may not create it.
    """
    channel = await connection.channel()
    may_create = True
    try:
        for declaration in declarations:
            async with asking("preparing its queues"):
                try:
                    await declaration.declare(channel, passive=not may_create)
                except (ChannelAccessRefused, ChannelPreconditionFailed) as error:
                    may_create = not isinstance(error, ChannelAccessRefused)
                    channel = await connection.channel()
                    await declaration.declare(channel, passive=True)
                except ChannelNotFoundEntity as error:
                    if not (may_be_down and is_down(error)):
                        raise
                    channel = await connection.channel()
    finally:
        await close_channel(channel)


_NOTICES: Final = ("reply", "control", "event")


def _retry(seconds: int) -> Sequence[Declaration]:
    name = f"convener.retry.{seconds}s"
    arguments = {**_quorum(dead_letters_to=RETURN_EXCHANGE), "x-message-ttl": 1000 * seconds}
    return Exchange(name, "topic"), Queue(name, arguments), Binding(name, name, "#")


def _quorum(
    *, dead_letters_to: str | None = None, limit: int | None = None
) -> Mapping[str, str | int | bool]:
    """Arguments of a quorum queue that refuses rather than drops; how full is a policy's matter."""
    arguments: dict[str, str | int | bool] = {
        "x-queue-type": "quorum",
        "x-overflow": "reject-publish",
    }
    if limit is not None:
        arguments["x-delivery-limit"] = limit
    if dead_letters_to is not None:
        arguments["x-dead-letter-exchange"] = dead_letters_to
        arguments["x-dead-letter-strategy"] = "at-least-once"
    return arguments
