"""`diagnosed`: every question about a set-up, put together from its settings and asked."""

from collections.abc import Sequence
from contextlib import AsyncExitStack, aclosing

from agents.diagnosis import environment, installation, language_model, places, trust, work
from agents.diagnosis.roles import builtin_roles
from agents.settings import Settings
from bus import SystemClock
from bus.diagnosis.aside import aside
from bus.diagnosis.bus_under_diagnosis import opened
from bus.diagnosis.check import Answer, Check, Verdict, diagnose, warned


async def diagnosed(settings: Settings, *, asks_model: bool) -> Sequence[Answer]:
    """What is so of the set-up that `settings` describe.

    Raises:
        UsageError: the bus that they name cannot be one.
    """
    roles = await aside(builtin_roles)
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(aclosing(opened(settings.bus_url)))
        checks = [*installation.checks(), *bus.checks()]
        if settings.redis_url is not None:
            from bus.diagnosis.redis import RedisServer

            server = RedisServer(settings.redis_url, keeps_the_record=not settings.is_embedded)
            checks += (await stack.enter_async_context(aclosing(server))).checks()
        elif not settings.is_embedded:
            checks.append(Check(name="redis", probe=_without_redis))
        checks += [
            *work.checks(bus, roles, is_embedded=settings.is_embedded),
            *trust.checks(settings, roles, clock=SystemClock()),
            *places.checks(settings),
            *environment.checks(),
            *language_model.checks(settings, is_asked=asks_model),
        ]
        return await diagnose(checks)


async def _without_redis() -> Verdict:
    return warned(
        "No Redis is set: each process has a ledger of its own, so work is done again when its "
        "process dies.",
        "Set CONVENER_REDIS, the same on all machines.",
    )
