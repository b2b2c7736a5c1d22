"""Topics: dotted words that say where a message goes, and patterns that select them.

In a pattern `*` stands for exactly one word and `#` for any number of words, none included.

The first word decides what a topic promises:

- `reply`, `control`, `event` are *notices*: they are recorded whether or not anybody listens.
- `progress` is *transient*: unconfirmed, never recorded, gone if nobody listens.
- everything else is *work*: somebody must have subscribed, or the publish fails.

*Source*: AMQP 0-9-1, section 3.1.3.3 (topic exchange).
"""

import re
from functools import lru_cache

from bus.errors import UsageError

_TOPIC = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_PATTERN = re.compile(r"([A-Za-z0-9_-]+|\*|#)(\.([A-Za-z0-9_-]+|\*|#))*")
_LENGTH = 255

_NOTICES = frozenset({"reply", "control", "event"})
_TRANSIENTS = frozenset({"progress"})


def check_topic(topic: str) -> str:
    """`topic` itself.

    Raises:
        UsageError: it is not one to 255 characters of dotted words of `A-Z a-z 0-9 _ -`.
    """
    if len(topic) > _LENGTH or not _TOPIC.fullmatch(topic):
        raise UsageError(
            f"{topic!r} is not a topic: use words of letters, digits, '_' and '-' joined by dots."
        )
    return topic


def check_pattern(pattern: str) -> str:
    """`pattern` itself.

    Raises:
        UsageError: it is not made of dotted words, `*` and `#`.
    """
    if len(pattern) > _LENGTH or not _PATTERN.fullmatch(pattern):
        raise UsageError(f"{pattern!r} is not a topic pattern: use words, '*' and '#' and dots.")
    return pattern


def is_notice(topic: str) -> bool:
    """Whether a message or pattern of this topic is recorded without any listener."""
    return topic.partition(".")[0] in _NOTICES


def is_order(topic: str) -> bool:
    """Whether a message or pattern of this topic is an order to every process."""
    return topic.partition(".")[0] == "control"


def is_transient(topic: str) -> bool:
    """Whether a message or pattern of this topic is unconfirmed and unrecorded."""
    return topic.partition(".")[0] in _TRANSIENTS


def is_work(topic: str) -> bool:
    """Whether a message or pattern of this topic needs a group that takes it."""
    return not is_notice(topic) and not is_transient(topic)


@lru_cache(maxsize=4096)
def matches(pattern: str, topic: str) -> bool:
    """Whether `topic` falls under `pattern`."""
    return _matches(tuple(pattern.split(".")), tuple(topic.split(".")))


def _matches(pattern: tuple[str, ...], words: tuple[str, ...]) -> bool:
    if not pattern:
        return not words
    head, rest = pattern[0], pattern[1:]
    if head == "#":
        return any(_matches(rest, words[skipped:]) for skipped in range(len(words) + 1))
    return bool(words) and head in ("*", words[0]) and _matches(rest, words[1:])
