"""What every command needs first: settings, logging, an event loop, the bus."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import click
import structlog

from agents.messages import REGISTRY
from agents.settings import Settings, load_settings
from bus import MessageBus, connect

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One run of one command."""

    settings: Settings

    @asynccontextmanager
    async def bus(self, name: str) -> AsyncIterator[MessageBus]:
        """The bus that the user named; messages are signed with `name`."""
        async with connect(
            self.settings.bus_url,
            registry=REGISTRY,
            name=name,
            redis=self.settings.redis_url,
            cache=self.settings.cache,
        ) as bus:
            yield bus


def begin(context: click.Context) -> Session:
    """Set up logging and read the settings.

    Raises:
        AgentUsageError: a setting cannot be understood.
    """
    options = context.find_root().obj
    _log_at(options["log_level"])
    return Session(settings=load_settings(bus=options["bus"], model=options["model"]))


def execute(work: Coroutine[Any, Any, R]) -> R:
    """Run `work` on an event loop of its own."""
    return asyncio.run(work)


def _log_at(level: str) -> None:
    chosen = logging.getLevelNamesMapping()[level.upper()]
    at_terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if at_terminal else [structlog.processors.format_exc_info]),
            structlog.dev.ConsoleRenderer() if at_terminal else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(chosen),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(chosen, logging.ERROR), stream=sys.stderr)
