"""Which users a broker needs for a panel, and what each of them may do there.

| kind | who that is |
|---|---|
| `client` | asks for analyses, gets the reports, withdraws what it asked for |
| `auditor` | reads the history |
| `operator` | client and auditor; sets circuits, looks after parked messages |
| `worker` | serves the roles that are named |
| `orchestrator` | assigns tasks, reports, answers foreign clients, records the history |
| `provisioner` | creates everything; for `convener doctor --provision` alone |

A broker knows no people: several with the same rights may share a user, and are told apart by their
tokens. Only an orchestrator records, so one has to run for the history to go on.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from agents.domain.call import CircuitChanged, ModelCalled, ToolCalled
from agents.domain.report import ReportPublished
from agents.domain.role import ORCHESTRATOR, check_role, role_group, task_topic
from agents.domain.task import AnalysisPlanned
from agents.errors import AgentUsageError
from agents.messages import (
    ASK_CIRCUITS_TOPIC,
    CANCEL_TOPIC,
    FORCE_CIRCUIT_TOPIC,
    REQUEST_TOPIC,
    progress_topic,
)
from bus import AuditRecorded, event_topic

if TYPE_CHECKING:
    from bus.rabbitmq import Duties

Kind: TypeAlias = Literal["client", "auditor", "operator", "worker", "orchestrator", "provisioner"]

_AUDIT: Final = event_topic(AuditRecorded.message_type)
_CIRCUIT: Final = event_topic(CircuitChanged.message_type)
_BY_CLIENT: Final = frozenset({REQUEST_TOPIC, CANCEL_TOPIC, ASK_CIRCUITS_TOPIC})
_BY_OPERATOR: Final = frozenset({FORCE_CIRCUIT_TOPIC, _AUDIT})
_BY_WORKER: Final = frozenset(
    {
        "reply.#",
        progress_topic("*"),
        event_topic(ToolCalled.message_type),
        event_topic(ModelCalled.message_type),
        _CIRCUIT,
        _AUDIT,
    }
)
_BY_ORCHESTRATOR: Final = _BY_WORKER | {
    task_topic("#"),
    event_topic(AnalysisPlanned.message_type),
    event_topic(ReportPublished.message_type),
}
_HEARD_BY_SERVICES: Final = frozenset({"control.#", _CIRCUIT})


def duties(kind: Kind, roles: Sequence[str] = ()) -> "Duties":
    """What such a user does on the bus."""
    from bus.rabbitmq import Duties

    # Whoever reaches the queue of a role past the permissions, by a carbon copy, is at most one of
    # these; and what they send has to be parked.
    parks = _BY_CLIENT | _BY_OPERATOR | _BY_WORKER
    match kind:
        case "client":
            return Duties(publishes=_BY_CLIENT, hears=frozenset({progress_topic("*")}))
        case "auditor":
            return Duties(publishes=frozenset({_AUDIT}), reads_history=True)
        case "operator":
            own = Duties(publishes=_BY_OPERATOR, redrives=True)
            return duties("client") | duties("auditor") | own
        case "worker":
            return Duties(
                groups=frozenset(map(role_group, roles)),
                publishes=_BY_WORKER,
                hears=_HEARD_BY_SERVICES,
                parks=parks | frozenset(map(task_topic, roles)),
            )
        case "orchestrator":
            return Duties(
                groups=frozenset({ORCHESTRATOR}),
                publishes=_BY_ORCHESTRATOR,
                hears=_HEARD_BY_SERVICES,
                parks=parks | _BY_ORCHESTRATOR,
                records=True,
                answers=True,
                reads_history=True,
            )
        case "provisioner":
            return Duties(provisions=True)


def groups(roles: Iterable[str]) -> Mapping[str, str]:
    """The groups that serve `roles` and orchestrate, each with its topic: what is provisioned."""
    return {ORCHESTRATOR: REQUEST_TOPIC, **{role_group(role): task_topic(role) for role in roles}}


def permissions_script(users: Sequence[str], *, vhost: str = "/") -> str:
    """The commands that give `users` their rights, each written `USER:KIND[:ROLE…]`.

    A user who is named twice has both kinds' rights.

    Raises:
        AgentUsageError, UsageError: one is not written like that, or has no fitting name.
    """
    from bus.rabbitmq import Duties, rights, script

    wanted: dict[str, Duties] = {}
    for text in users:
        user, kind, roles = _parsed(text)
        wanted[user] = wanted.get(user, Duties()) | duties(kind, roles)
    return script({user: rights(user, each) for user, each in wanted.items()}, vhost=vhost)


def _parsed(text: str) -> tuple[str, Kind, Sequence[str]]:
    user, _, rest = text.partition(":")
    name, *roles = rest.split(":")
    kind = next((each for each in get_args(Kind) if each == name), None)
    if kind is None or (kind == "worker") != bool(roles):
        raise AgentUsageError(
            f"{text!r} names no user of the broker: write USER:KIND, where KIND is one of "
            f"{', '.join(get_args(Kind))}, or USER:worker:ROLE with any number of roles."
        )
    try:
        return user, kind, [check_role(role) for role in roles]
    except ValueError as error:
        raise AgentUsageError(f"{text!r} names no user of the broker: {error}.") from error
