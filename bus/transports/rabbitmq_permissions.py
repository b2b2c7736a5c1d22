"""What a user of the broker may do there, derived from what they do on the bus.

The broker checks three regular expressions over the names of queues and exchanges, to create, to
write to and to read from, and for a topic exchange two over routing keys, to publish and to bind.

*Guarantees*: nobody may bind a queue to more than the one reply topic or progress that they name,
read another user's queue, or create anything but queues of their own, unless they provision.

*Not here*: that a message is what it says it is. RabbitMQ before 4.0 lets carbon copies past the
permissions on topics; the tokens of `bus.authorities` do not depend on any of this.

*Source*: RabbitMQ, "Authentication, Authorisation, Access Control"; rabbitmq-server pull request
12553 (carbon copies).
"""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Final

from bus.domain.history_marked import HistoryMarked
from bus.domain.message import event_topic
from bus.errors import UsageError
from bus.transports.rabbitmq_connection import LONGEST_ACCOUNT, account_name
from bus.transports.rabbitmq_topology import (
    DEAD_LETTER_EXCHANGE,
    HISTORY_STREAM,
    INGEST_QUEUE,
    PARKED_QUEUE,
    RETRY_DELAYS,
    RETURN_EXCHANGE,
    TOPIC_EXCHANGE,
    group_queue,
    retry_exchange,
)

NOTHING: Final = "^$"
_EVERYTHING: Final = ".*"
_DEFAULT_EXCHANGE: Final = r"amq\.default"
_WORD: Final = "[A-Za-z0-9_-]+"


@dataclass(frozen=True, slots=True, kw_only=True)
class Duties:
    """What somebody does on the bus; `|` joins two.

    `groups` are those served. `publishes` are patterns of topics. `hears` are those listened to; a
    `*` in one stands for a word that the listener has to know. `parks` are the topics of what may
    have to be parked. Who `records` writes to the history, and who `answers` sends to queues of
    foreign clients; a broker can only permit either for all queues at once.
    """

    groups: frozenset[str] = frozenset()
    publishes: frozenset[str] = frozenset()
    hears: frozenset[str] = frozenset()
    parks: frozenset[str] = frozenset()
    records: bool = False
    answers: bool = False
    reads_history: bool = False
    redrives: bool = False
    provisions: bool = False

    def __or__(self, other: "Duties") -> "Duties":
        return Duties(
            **{
                each.name: getattr(self, each.name) | getattr(other, each.name)
                for each in fields(self)
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """Regular expressions as the broker takes them.

    `topics` has for an exchange under which keys may be published, and which may be bound.
    """

    configure: str
    write: str
    read: str
    topics: Mapping[str, tuple[str, str]] = field(default_factory=lambda: MappingProxyType({}))


def rights(user: str, duties: Duties) -> Rights:
    """The least that lets `user` do it.

    Raises:
        UsageError: the name does not fit into names of queues as it is.
    """
    if not user or account_name(user) != user:
        raise UsageError(
            f"{user!r} cannot be a user with permissions of its own: use up to {LONGEST_ACCOUNT} "
            "letters, digits, '_' and '-'."
        )
    if duties.provisions:
        return Rights(
            configure=_whole([_all_of_ours()]),
            write=_whole([_all_of_ours(), _DEFAULT_EXCHANGE]),
            read=_whole([_all_of_ours()]),
        )
    own = f"convener-{re.escape(user)}-[0-9a-f]{{32}}"
    queues = [re.escape(group_queue(group)) for group in sorted(duties.groups)]
    publishes, hears = set(duties.publishes), {f"reply.{user}.*", *duties.hears}
    writes, reads = [own, re.escape(TOPIC_EXCHANGE)], [own, re.escape(TOPIC_EXCHANGE), *queues]
    topics = {}
    if queues:
        for exchange in (RETURN_EXCHANGE, *map(retry_exchange, RETRY_DELAYS)):
            writes.append(re.escape(exchange))
            topics[exchange] = (_whole(queues), NOTHING)
        writes.append(re.escape(DEAD_LETTER_EXCHANGE))
        topics[DEAD_LETTER_EXCHANGE] = (_whole(map(_published, sorted(duties.parks))), NOTHING)
    if duties.records or duties.answers or duties.redrives:
        writes.append(_DEFAULT_EXCHANGE)
    if duties.records:
        reads.append(re.escape(INGEST_QUEUE))
    if duties.redrives:
        reads.append(re.escape(PARKED_QUEUE))
    if duties.reads_history:
        reads.append(re.escape(HISTORY_STREAM))
        publishes.add(event_topic(HistoryMarked.message_type))
    topics[TOPIC_EXCHANGE] = (
        _whole(map(_published, sorted(publishes))),
        _whole(map(_bound, sorted(hears))),
    )
    return Rights(configure=_whole([own]), write=_whole(writes), read=_whole(reads), topics=topics)


def script(granted: Mapping[str, Rights], *, vhost: str = "/") -> str:
    """Commands for a shell where the broker runs; run again, they change nothing."""
    return "\n".join(
        line for user, given in granted.items() for line in _commands(user, given, vhost)
    )


def _commands(user: str, given: Rights, vhost: str) -> Sequence[str]:
    return (
        f"# {user}; once before: rabbitmqctl add_user {user} (it asks for the password)",
        _command("set_permissions", "-p", vhost, user, given.configure, given.write, given.read),
        _command("clear_topic_permissions", "-p", vhost, user),
        *(
            _command("set_topic_permissions", "-p", vhost, user, exchange, write, read)
            for exchange, (write, read) in sorted(given.topics.items())
        ),
    )


def _command(*words: str) -> str:
    return shlex.join(("rabbitmqctl", *words))


def _all_of_ours() -> str:
    return rf"{re.escape(TOPIC_EXCHANGE)}([.-].*)?"


def _published(pattern: str) -> str:
    """What is published under a pattern of topics."""
    return _regex(pattern, several=_EVERYTHING)


def _bound(pattern: str) -> str:
    """The one key under which a pattern is bound, but for words that the listener has to know."""
    return _regex(pattern, several="#")


def _regex(pattern: str, *, several: str) -> str:
    words = {"*": _WORD, "#": several}
    return r"\.".join(words.get(word, re.escape(word)) for word in pattern.split("."))


def _whole(alternatives: Iterable[str]) -> str:
    return f"^({'|'.join(alternatives)})$"
