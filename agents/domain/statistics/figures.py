"""The performance report: what the history says of speed, reuse, failures and cost.

Its JSON is stable: within one `version` fields are added, never renamed or removed. Times are
seconds, rates lie between 0 and 1, and None stands where there is nothing to measure.
"""

from datetime import datetime
from typing import Literal, TypeAlias

from pydantic import Field

from agents.domain.finding import Part
from agents.domain.usage import Usage

AdviceKind: TypeAlias = Literal[
    "time_to_live",
    "cache_lost",
    "cache_unused",
    "slow_tool",
    "failures",
    "timeouts",
    "breaker",
    "throttled",
    "retries",
    "waiting",
    "fallbacks",
    "dropped_claims",
    "budget",
    "deadline",
]


class Times(Part):
    """How long something took; percentiles are exact, by nearest rank.

    *Source*: Hyndman & Fan, "Sample Quantiles in Statistical Packages" (1996), definition 1.
    """

    count: int
    total: float
    mean: float
    p50: float
    p95: float
    p99: float
    most: float


class Reuse(Part):
    """Where successful answers came from; `hit_rate` is the share that was not made anew."""

    made: int = 0
    memory: int = 0
    store: int = 0
    shared: int = 0
    hit_rate: float | None = None


class Repeats(Part):
    """Calls that made an answer which had been made before, and could have been kept.

    `at_once` began while the earlier one was still being made. The others came after some time:
    while answers of that age were still given (`lost`), up to twice as late (`soon`), or later.
    `oldest` is the greatest age of an answer that was given, in seconds: what is known of how long
    answers are kept; without any, all are `unused`. Calls of replays, and of requests for fresh
    answers, do not count.
    """

    at_once: int = 0
    lost: int = 0
    soon: int = 0
    later: int = 0
    unused: int = 0
    oldest: float | None = None


class CallFigures(Part):
    """Calls of tools or of models.

    `response` is over all that were answered or failed on the way, `made` over those of them that
    no cache answered.
    """

    calls: int = 0
    statuses: dict[str, int] = Field(default_factory=dict)
    reuse: Reuse = Reuse()
    response: Times | None = None
    made: Times | None = None


class ToolFigures(CallFigures):
    """One tool; `breaker_trips` counts how often its circuit opened."""

    tool: str
    breaker_trips: int = 0
    repeats: Repeats = Repeats()


class ModelFigures(CallFigures):
    """One model.

    `retries` are requests beyond the first of each call. `throttled_calls` had to wait, or gave up,
    because the provider wanted fewer; they waited `throttled_seconds` together.
    """

    model: str
    endpoints: tuple[str, ...] = ()
    breaker_trips: int = 0
    retries: int = 0
    throttled_calls: int = 0
    throttled_seconds: float = 0.0
    repeats: Repeats = Repeats()
    usage: Usage = Usage()


class FallbackFigures(Part):
    """How often tasks came down to `level` for `reason`."""

    level: str
    reason: str
    times: int


class RoleFigures(Part):
    """One role.

    `tasks` are those assigned, `assigned_again` counts assignments of the same task. `work` is the
    time that completed tasks took, `waiting` what passed besides between assignment and reply.
    `levels` says how many tasks were completed at which fallback level.
    """

    role: str
    tasks: int = 0
    assigned_again: int = 0
    completed: int = 0
    failed: dict[str, int] = Field(default_factory=dict)
    work: Times | None = None
    waiting: Times | None = None
    levels: dict[str, int] = Field(default_factory=dict)
    fallbacks: tuple[FallbackFigures, ...] = ()
    claims: int = 0
    dropped_claims: int = 0
    tool_calls: CallFigures = CallFigures()
    model_calls: CallFigures = CallFigures()
    retries: int = 0
    throttled_seconds: float = 0.0
    usage: Usage = Usage()


class CircuitFigures(Part):
    """One circuit breaker: how often it opened, and how often a probe opened it again."""

    name: str
    trips: int = 0
    reopened: int = 0


class RequestFigures(Part):
    """Requests; those that ended before a report are in `faulted` by reason.

    `reports` counts by status, `unfinished` are asked for in the range and have no end in it.
    """

    asked: int = 0
    reports: dict[str, int] = Field(default_factory=dict)
    faulted: dict[str, int] = Field(default_factory=dict)
    unfinished: int = 0
    time_to_report: Times | None = None


class Advice(Part):
    """Something to change: the figure it follows from, and the change, one sentence each."""

    kind: AdviceKind
    about: str
    figure: str
    change: str


class Statistics(Part):
    """All figures of one range of the history.

    `since`, `until` and `request` are what was asked for; `first_at` and `last_at` the first and
    last record of it. `unread` records of a known kind could not be understood and are not in the
    figures. `no_advice` says why where there is none.
    """

    version: Literal[1] = 1
    since: datetime | None = None
    until: datetime | None = None
    request: str | None = None
    first_at: datetime | None = None
    last_at: datetime | None = None
    records: int = 0
    unread: int = 0
    requests: RequestFigures = RequestFigures()
    roles: tuple[RoleFigures, ...] = ()
    tools: tuple[ToolFigures, ...] = ()
    models: tuple[ModelFigures, ...] = ()
    circuits: tuple[CircuitFigures, ...] = ()
    usage: Usage = Usage()
    advice: tuple[Advice, ...] = ()
    no_advice: str = ""
