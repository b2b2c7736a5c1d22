"""Who serves which role now, what waits, and what was parked."""

from collections.abc import Sequence
from typing import Final

from agents.domain.role import ORCHESTRATOR, role_group
from bus.diagnosis.bus_under_diagnosis import BusUnderDiagnosis, QueueState
from bus.diagnosis.check import Check, Verdict, fine, noted, warned

LONG: Final = 60.0
"""Seconds that a message may wait although somebody serves it, before that is worth a word."""

MANY: Final = 100
"""Messages that wait, where nobody can tell for how long."""


def checks(bus: BusUnderDiagnosis, roles: Sequence[str], *, is_embedded: bool) -> Sequence[Check]:
    """The questions about the work of `roles` and of the orchestrator."""

    async def workers() -> Verdict:
        names = (ORCHESTRATOR, *roles)
        return judged_workers(
            {name: await bus.queue(group_of(name)) for name in names}, is_embedded=is_embedded
        )

    async def parked() -> Verdict:
        count = await bus.parked()
        if count:
            return warned(
                f"{count:,} message{'s are' if count > 1 else ' is'} parked.",
                "See why with `convener dead list`; then redrive or discard.",
            )
        return fine("No message is parked.")

    return (
        Check(name="workers", probe=workers, needs="bus"),
        Check(name="parked", probe=parked, needs="bus"),
    )


def group_of(role: str) -> str:
    """The group that serves a role, the orchestrator's included."""
    return ORCHESTRATOR if role == ORCHESTRATOR else role_group(role)


def judged_workers(states: dict[str, QueueState | None], *, is_embedded: bool) -> Verdict:
    """What it means that the queues of roles are in these states."""
    absent = [name for name, state in states.items() if state is None or not state.consumers]
    stuck = [name for name in absent if (state := states[name]) is not None and state.waiting]
    if stuck:
        waits = ", ".join(_waits(name, states[name]) for name in stuck)
        return warned(
            f"Nobody serves {_listed(stuck)}: {waits}.", f"Start `convener worker {stuck[0]}`."
        )
    if len(absent) == len(states):
        if is_embedded:
            return noted("No worker is running: `convener analyze` needs none.")
        return warned("No worker is running.", "Start one with `convener worker`.")
    if absent:
        return warned(
            f"Nobody serves {_listed(absent)}: reports will lack that part.",
            f"Start `convener worker {' '.join(absent)}`.",
        )
    late = [name for name, state in states.items() if state is not None and _is_late(state)]
    if late:
        waits = ", ".join(_waits(name, states[name]) for name in late)
        return warned(
            f"All roles are served, but {waits}.",
            f"Start more of them, such as `convener worker {late[0]}`.",
        )
    served = ", ".join(f"{name} {state.consumers}" for name, state in states.items() if state)
    return fine(f"Consumers by role: {served}.")


def _is_late(state: QueueState) -> bool:
    return state.waiting > MANY if state.oldest is None else state.oldest > LONG


def _waits(name: str, state: QueueState | None) -> str:
    assert state is not None
    since = "" if state.oldest is None else f", the oldest for {state.oldest:,.0f} s"
    some = f"{state.waiting:,} messages wait" if state.waiting > 1 else "1 message waits"
    return f"{some} for {name}{since}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
