"""Whether somebody serves a role now: nothing else is asked and little imported, to be quick."""

from collections.abc import Sequence
from contextlib import aclosing

from agents.diagnosis.work import group_of
from bus.diagnosis.bus_under_diagnosis import BusUnderDiagnosis, opened
from bus.diagnosis.check import Answer, Check, Verdict, diagnose, failed, fine


async def alive(url: str, roles: Sequence[str]) -> Sequence[Answer]:
    """Whether the bus at `url` can be reached, and each of `roles` is served there.

    Raises:
        UsageError: `url` names no bus.
    """
    async with aclosing(opened(url)) as bus:
        return await diagnose([bus.checks()[0], *(_check(bus, role) for role in roles)])


def _check(bus: BusUnderDiagnosis, role: str) -> Check:
    async def served() -> Verdict:
        state = await bus.queue(group_of(role))
        if state is None or not state.consumers:
            return failed(f"Nobody serves {role}.", f"Start `convener worker {role}`.")
        return fine(f"Consumers: {state.consumers}; waiting messages: {state.waiting:,}.")

    return Check(name=role, probe=served, needs="bus")
