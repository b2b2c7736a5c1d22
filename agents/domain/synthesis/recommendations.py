"""Recommendations: what to do first, by whom, and how one sees that it worked."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Final

from agents.domain.finding import Finding, Level, Severity
from agents.domain.report import Dependency, Recommendation
from agents.domain.synthesis.causes import stage_of
from agents.domain.synthesis.measures import monitoring, success_metric
from agents.domain.synthesis.plays import Play, play_for
from agents.domain.synthesis.reach import columns_of, places
from agents.domain.synthesis.wording import mentions, shortened, speciality
from agents.domain.task import Route

ACTION_LENGTH: Final = 240
SPELT_OUT: Final = 3
"""How many findings of a joint recommendation have their own step and measure."""

_WORTH: Final[Mapping[Severity, float]] = {
    "critical": 16,
    "high": 8,
    "medium": 4,
    "low": 2,
    "info": 1,
}
_COST: Final[Mapping[Level, float]] = {"low": 1.0, "medium": 1.5, "high": 2.25}
"""One step of severity outweighs one of effort; two of effort outweigh one of severity."""

_IMPACT: Final[Mapping[Severity, Level]] = {
    "critical": "high",
    "high": "high",
    "medium": "medium",
    "low": "low",
    "info": "low",
}
_LEVELS: Final[tuple[Level, ...]] = ("low", "medium", "high")
_BETWEEN_NAMES: Final = re.compile(r"[\s,]+(and\s+)?")
_SENTENCE_END: Final = re.compile(r"(?<=[\w)\]'\"`])\.\s+(?=[A-Z])")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """Findings, ranked, that one action deals with."""

    findings: tuple[Finding, ...]
    play: Play | None
    worth: float

    @property
    def lead(self) -> Finding:
        return self.findings[0]

    @property
    def effort(self) -> Level:
        return max((finding.effort for finding in self.findings), key=_LEVELS.index)


def recommend(
    findings: Sequence[Finding], dependencies: Sequence[Dependency], route: Route
) -> tuple[Recommendation, ...]:
    """What to do about ranked findings, first first; nothing ranks before what it depends on.

    Findings of one table that call for the same action share a recommendation; `info` calls for
    none. Rank follows worth (severity) over cost (effort), where what others depend on is worth as
    much as they are.
    """
    tasks = _tasks(findings)
    number = {finding.id: at for at, task in enumerate(tasks) for finding in task.findings}
    needs: dict[int, set[int]] = defaultdict(set)
    for dependency in dependencies:
        before, after = number.get(dependency.before), number.get(dependency.after)
        if before is not None and after is not None and before != after:
            needs[after].add(before)
    rank = {at: position for position, at in enumerate(_sequence(tasks, needs), start=1)}
    return tuple(
        _recommendation(tasks[at], position, sorted(rank[need] for need in needs[at]), route)
        for at, position in rank.items()
    )


def _tasks(findings: Sequence[Finding]) -> list[_Task]:
    groups: dict[tuple[str, ...], list[Finding]] = defaultdict(list)
    plays: dict[tuple[str, ...], Play | None] = {}
    for finding in findings:
        if finding.severity == "info":
            continue
        play = play_for(finding.category)
        kind = (play.action,) if play is not None else (finding.role, finding.category)
        groups[*kind, finding.subject.table].append(finding)
        plays[*kind, finding.subject.table] = play
    return [
        _Task(findings=tuple(group), play=plays[key], worth=_WORTH[group[0].severity])
        for key, group in groups.items()
    ]


def _sequence(tasks: Sequence[_Task], needs: Mapping[int, set[int]]) -> Iterable[int]:
    """The tasks by falling value, each after what it needs."""
    value = [task.worth / _COST[task.effort] for task in tasks]
    latest_first = sorted(
        range(len(tasks)), key=lambda at: stage_of(tasks[at].lead.category), reverse=True
    )
    for at in latest_first:
        for need in needs.get(at, ()):
            value[need] = max(value[need], value[at])
    waiting = {at: set(needs.get(at, ())) for at in range(len(tasks))}
    ready = [(-value[at], at) for at, open_needs in waiting.items() if not open_needs]
    heapify(ready)
    while ready:
        _, done = heappop(ready)
        yield done
        for at, open_needs in waiting.items():
            if done in open_needs:
                open_needs.remove(done)
                if not open_needs:
                    heappush(ready, (-value[at], at))


def _recommendation(
    task: _Task, rank: int, depends_on: Sequence[int], route: Route
) -> Recommendation:
    action, guidance = _instruction(task)
    return Recommendation(
        rank=rank,
        action=action,
        finding_ids=tuple(finding.id for finding in task.findings),
        impact=_IMPACT[task.lead.severity],
        effort=task.effort,
        owner_role=task.lead.role,
        guidance=guidance,
        depends_on=tuple(depends_on),
        success_metric=success_metric(task.findings, task.play),
        monitoring=monitoring(task.lead, task.play, route),
    )


def _instruction(task: _Task) -> tuple[str, str]:
    """What to do, in one sentence, and how: the specialists' own words, then the usual steps."""
    steps = task.play.steps if task.play is not None else ""
    if task.play is not None and len({finding.recommendation for finding in task.findings}) > 1:
        action = task.play.action.format(where=places(task.findings))
        return action, " ".join([*_advice(task.findings)[:SPELT_OUT], steps])
    first, *rest = _SENTENCE_END.split(task.lead.recommendation.strip(), maxsplit=1)
    if not first:
        return f"Look into this: {shortened(task.lead.title)}", steps or _beginning(task.lead)
    where = columns_of(task.lead) or {task.lead.subject.table}
    if not any(mentions(first, name) for name in where):
        first = f"{shortened(str(task.lead.subject), 80)}: {first}"
    guidance = " ".join([*rest, steps]).strip()
    return shortened(first, ACTION_LENGTH), guidance or _beginning(task.lead)


def _beginning(finding: Finding) -> str:
    """Where to begin when nobody knows the usual steps."""
    evidence = next((each for each in finding.evidence if each.sql), None)
    if evidence is None:
        return f"Begin with what {speciality(finding.role)} measured: {finding.evidence[0].metric}."
    return f"Begin with the rows that the query of evidence {evidence.id} returns."


def _advice(findings: Sequence[Finding]) -> Sequence[str]:
    """What the findings recommend; what differs only in the names of columns is said once."""
    alike: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        gist = finding.recommendation
        for column in sorted(columns_of(finding), key=len, reverse=True):
            gist = gist.replace(column, "")
        alike[_BETWEEN_NAMES.sub(" ", gist)].append(finding)
    return [
        f"{shortened(group[0].recommendation)}."
        + (f" Likewise for {places(group[1:])}." if len(group) > 1 else "")
        for group in alike.values()
        if group[0].recommendation.strip()
    ]
