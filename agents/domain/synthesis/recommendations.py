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
from agents.domain.synthesis.wording import (
    gist,
    listed,
    lowered,
    mentions,
    sentence,
    shortened,
    speciality,
)
from agents.domain.task import Route

ACTION_LENGTH: Final = 240
ADVICE_LENGTH: Final = 400
SPELT_OUT: Final = 3
"""How many pieces of advice a joint recommendation repeats."""

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
_BETWEEN_NAMES: Final = re.compile(r"[\s,]+(and\s+|is\s+|are\s+)?")
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
    waiting: dict[int, list[int]] = defaultdict(list)
    for at, some in needs.items():
        for need in some:
            waiting[need].append(rank[at])
    return tuple(
        _recommendation(
            tasks[at],
            position,
            depends_on=sorted(rank[need] for need in needs[at]),
            waiting=sorted(waiting[at]),
            route=route,
        )
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
    task: _Task, rank: int, *, depends_on: Sequence[int], waiting: Sequence[int], route: Route
) -> Recommendation:
    action, how = _instruction(task)
    guidance = [*how, _why_now(task.lead), _waited_for(waiting)]
    return Recommendation(
        rank=rank,
        action=action,
        finding_ids=tuple(finding.id for finding in task.findings),
        impact=_IMPACT[task.lead.severity],
        effort=task.effort,
        owner_role=task.lead.role,
        guidance=" ".join(dict.fromkeys(each for each in guidance if each)),
        depends_on=tuple(depends_on),
        success_metric=success_metric(task.findings, task.play),
        monitoring=monitoring(task.play, task.lead, route),
    )


def _instruction(task: _Task) -> tuple[str, Sequence[str]]:
    """What to do, as a heading, and how, in sentences.

    The heading is that of the play, the same for one place and for many. What the specialists
    advise comes before the usual steps where it differs from case to case.
    """
    if task.play is None:
        return _own_words(task.lead)
    action = task.play.action.replace("{where}", places(task.findings))
    advice = _advice(task.findings)
    told = advice[:SPELT_OUT] if task.play.is_specific else ()
    return shortened(action, ACTION_LENGTH), [*told, task.play.how]


def _own_words(lead: Finding) -> tuple[str, Sequence[str]]:
    """What the specialist says to do about a category that has no play, and where to begin."""
    first, *rest = _SENTENCE_END.split(lead.recommendation.strip(), maxsplit=1)
    table = shortened(str(lead.subject), 80)
    begin = _beginning(lead)
    if not first.strip(" .,;:"):
        return shortened(f"Look into {lead.category.replace('_', ' ')} in {table}"), [begin]
    action = gist(sentence(first), ACTION_LENGTH)
    if not any(mentions(first, name) for name in (*columns_of(lead), lead.subject.table)):
        action = shortened(f"In {table}, {lowered(action)}", ACTION_LENGTH)
    return shortened(_standing(action), ACTION_LENGTH), [*map(sentence, rest), begin]


def _standing(advice: str) -> str:
    """Advice that may begin a sentence, also where it begins with a name of the data."""
    return advice if advice[:1].isupper() else f"Follow this advice: {advice}"


def _why_now(lead: Finding) -> str:
    """What goes wrong until it is done: the first sentence of the finding's impact."""
    first = lead.impact.strip().partition(". ")[0]
    return f"Why now: {sentence(gist(first, ADVICE_LENGTH))}" if first.strip(" .,;:") else ""


def _waited_for(ranks: Sequence[int]) -> str:
    """Which later recommendations rest on this one."""
    if not ranks:
        return ""
    if len(ranks) == 1:
        return f"Recommendation {ranks[0]} waits for it."
    return f"Recommendations {listed(map(str, ranks))} wait for it."


def _beginning(finding: Finding) -> str:
    """Where to begin when nobody knows the usual steps."""
    evidence = next((each for each in finding.evidence if each.sql), None)
    if evidence is None:
        metric = shortened(finding.evidence[0].metric, 120)
        return sentence(f"Begin with what {speciality(finding.role)} measured: {metric}")
    return f"Begin with the rows that the query of evidence {evidence.id} returns."


def _advice(findings: Sequence[Finding]) -> Sequence[str]:
    """What the findings recommend; what differs only in the names of columns is said once."""
    alike: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        wording = finding.recommendation
        for name in sorted((*columns_of(finding), finding.subject.table), key=len, reverse=True):
            wording = wording.replace(name, "")
        alike[_BETWEEN_NAMES.sub(" ", wording)].append(finding)
    return [
        sentence(_standing(gist(group[0].recommendation, ADVICE_LENGTH)))
        + (f" The same goes for {places(group[1:])}." if len(group) > 1 else "")
        for group in alike.values()
        if group[0].recommendation.strip(" .,;:")
    ]
