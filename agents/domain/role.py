"""Roles: the open set of names under which specialists are addressed."""

import re
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, WithJsonSchema

ORCHESTRATOR: Final = "orchestrator"

_ROLE = re.compile(r"[a-z][a-z0-9_]{0,31}")


def check_role(role: str) -> str:
    """`role` itself.

    Raises:
        ValueError: it is not `[a-z][a-z0-9_]{0,31}`, or it is the orchestrator's.
    """
    if not _ROLE.fullmatch(role):
        raise ValueError(
            f"{role!r} is no role: use up to 32 lower-case letters, digits and '_', a letter first"
        )
    if role == ORCHESTRATOR:
        raise ValueError("the role 'orchestrator' is not a specialist's")
    return role


Role: TypeAlias = Annotated[
    str,
    AfterValidator(check_role),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^(?!{ORCHESTRATOR}$){_ROLE.pattern}$",
            "description": "The role of a specialist, built in or of your own.",
        }
    ),
]


def task_topic(role: str) -> str:
    """Where tasks for `role` are published."""
    return f"task.{role}"


def role_group(role: str) -> str:
    """The group in which the workers of `role` compete."""
    return f"agent.{role}"
