"""What code takes from its machine by chance, taken from the seed instead.

Besides what the simulation draws itself, production code draws `random.random()` for jitter and
`uuid4()` for ids; the latter ask the operating system for entropy. Both come from the seed here,
and log lines go where the simulation wants them.
"""

import logging
import os
import random
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, TypeAlias

import structlog

Tell: TypeAlias = Callable[[str], None]
"""Takes one log line."""


@contextmanager
def reproducible(seed: int, log: Tell | None = None) -> Iterator[None]:
    """Entropy from `seed` within the block; log lines go to `log`, or nowhere."""
    entropy = random.Random(f"entropy {seed}")
    state, urandom, configuration = random.getstate(), os.urandom, structlog.get_config()
    random.seed(f"jitter {seed}")
    os.urandom = entropy.randbytes
    structlog.configure(
        processors=[_Line(log)] if log is not None else [_drop],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.INFO if log is not None else logging.CRITICAL
        ),
        logger_factory=structlog.ReturnLoggerFactory(),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**configuration)
        os.urandom = urandom
        random.setstate(state)


class _Line:
    """A structlog processor that makes one line of an event and hands it on."""

    def __init__(self, log: Tell) -> None:
        self._log = log

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
        name = event.pop("event")
        error = event.pop("exc_info", None)
        words = [f"{key}={value}" for key, value in sorted(event.items())]
        self._log(
            " ".join([method, str(name), *words, "(with traceback)" if error else ""]).strip()
        )
        raise structlog.DropEvent


def _drop(logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
    raise structlog.DropEvent
