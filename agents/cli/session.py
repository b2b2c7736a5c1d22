"""What every command needs first: settings, logging, an event loop, the bus."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TextIO, TypeVar, cast

import click
import structlog
from structlog.typing import EventDict

from agents.cli.line_mode import has_colour
from agents.cli.standard_error import StandardError
from agents.settings import Settings, load_settings
from agents.tools.masking import without_personal
from bus import MessageBus, SystemClock, connect
from bus.logs.lines import inert, inert_traceback
from bus.logs.redaction import RedactingFormatter, written_without_secrets

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One run of one command."""

    settings: Settings

    @asynccontextmanager
    async def bus(self, name: str) -> AsyncIterator[MessageBus]:
        """The bus that the user named; messages are signed with `name`."""
        from agents.authority import open_authority
        from agents.messages import REGISTRY, RULES

        clock = SystemClock()
        authority = await asyncio.to_thread(open_authority, self.settings, rules=RULES, clock=clock)
        async with connect(
            self.settings.bus_url,
            registry=REGISTRY,
            name=name,
            clock=clock,
            authority=authority,
            redis=self.settings.redis_url,
            vault=self.settings.vault_url,
            cache=self.settings.cache,
            heads=self.settings.audit_heads,
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


def _without_personal(_: object, __: str, event: EventDict) -> EventDict:
    return {
        name: without_personal(value) if isinstance(value, str) else value
        for name, value in event.items()
    }


def _log_at(level: str) -> None:
    chosen = logging.getLevelNamesMapping()[level.upper()]
    at_terminal = sys.stderr.isatty()
    out = cast("TextIO", StandardError(sys.stderr))
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if at_terminal else [structlog.processors.format_exc_info]),
            _without_personal,
            *([inert] if at_terminal else []),
            written_without_secrets(
                structlog.dev.ConsoleRenderer(
                    colors=has_colour(sys.stderr), exception_formatter=inert_traceback
                )
                if at_terminal
                else structlog.processors.JSONRenderer()
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(chosen),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=True,
    )
    foreign = logging.StreamHandler(out)
    foreign.setFormatter(RedactingFormatter(logging.BASIC_FORMAT))
    logging.basicConfig(level=max(chosen, logging.ERROR), handlers=[foreign])
