"""The seam to specialists: a role, its tools, and how it turns measurements into findings.

The built-in four stand in `agents/specialists/`; a `Panel` is the set that a worker serves.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, TypeVar

from agents.domain.finding import Finding
from agents.domain.role import check_role
from agents.domain.task import RouteKind, TaskAssigned
from agents.errors import AgentUsageError
from agents.tool import Tool

R = TypeVar("R")


class Examination(Protocol):
    """One task in the hands of one specialist."""

    @property
    def task(self) -> TaskAssigned: ...

    def has(self, tool: Tool[Any]) -> bool:
        """Whether the plan lets this task use `tool`."""
        ...

    async def use(self, tool: Tool[R], /, **arguments: Any) -> R:
        """Call `tool` through the gateway.

        Raises:
            ToolError: it was refused, unavailable, timed out or failed.
        """
        ...

    async def note(self, text: str) -> None:
        """Put into the report, in one sentence, what could not be examined and why."""
        ...

    async def progress(self, text: str, *, findings: int = 0) -> None:
        """Tell whoever watches what is being done now, and how much was found so far."""
        ...


Examine: TypeAlias = Callable[[Examination], Awaitable[Sequence[Finding]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Specialist:
    """Somebody who knows one thing well.

    `examine` returns 0..n findings, computed from what the tools measured. A tool that fails inside
    it costs the findings that need it, not the task: catch ToolError, `note` it, go on.
    `questions` are what it sets out to answer, by the kind of data, besides the requester's own.
    `prompt` is the standing instruction when a model is used.
    """

    role: str
    title: str
    tools: tuple[Tool[Any], ...]
    examine: Examine
    questions: Mapping[RouteKind, tuple[str, ...]] = field(default_factory=dict)
    prompt: str = ""

    def __post_init__(self) -> None:
        try:
            check_role(self.role)
        except ValueError as error:
            raise AgentUsageError(f"{error}.") from error
        names = [tool.name for tool in self.tools]
        if len(set(names)) != len(names):
            raise AgentUsageError(f"Two tools of {self.role} have the same name.")


class Panel:
    """Specialists by role."""

    def __init__(self, *specialists: Specialist) -> None:
        self._by_role: dict[str, Specialist] = {}
        for specialist in specialists:
            if self._by_role.setdefault(specialist.role, specialist) is not specialist:
                raise AgentUsageError(f"Two specialists have the role {specialist.role!r}.")

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles, in the order in which the specialists were given."""
        return tuple(self._by_role)

    def __iter__(self) -> Iterator[Specialist]:
        return iter(self._by_role.values())

    def __getitem__(self, role: str) -> Specialist:
        try:
            return self._by_role[role]
        except KeyError:
            known = ", ".join(self.roles) or "none"
            raise AgentUsageError(
                f"There is no specialist {role!r}; this panel has: {known}."
            ) from None

    def __contains__(self, role: object) -> bool:
        return role in self._by_role

    def only(self, roles: Iterable[str]) -> "Panel":
        """The panel with just these roles, in their order."""
        return Panel(*(self[role] for role in roles))
