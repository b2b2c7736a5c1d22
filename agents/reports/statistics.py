"""The performance report: its tables and sentences, and their rendering as Markdown.

*Guarantees*: those of `agents.reports`; a table that would be empty is left out.

*Not here*: the terminal; see `agents.reports.statistics_terminal`, which shows the same tables.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agents.domain.statistics import Statistics
from agents.domain.statistics.figures import CallFigures, RequestFigures, RoleFigures, Times
from agents.domain.synthesis.wording import counted, listed, speciality
from agents.reports.markdown import escaped, table
from agents.reports.outline import level_words
from agents.reports.spending import USAGE_HEADS, usage_rows

TITLE: Final = "Performance of the panel"

_FINE: Final = "succeeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureTable:
    """A table under its heading.

    The first column is text; the others are figures, and come from nobody else, unless `is_text`.
    """

    heading: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    is_text: bool = False


def render(figures: Statistics) -> str:
    """The figures as Markdown, ending in a newline."""
    blocks = [f"# {TITLE}", *(escaped(line) for line in introduction(figures))]
    for each in tables(figures):
        blocks += [
            f"## {each.heading}",
            table(each.heads, (_cells(row, is_text=each.is_text) for row in each.rows)),
        ]
    blocks.append("## Advice")
    if figures.no_advice:
        blocks.append(escaped(figures.no_advice))
    else:
        blocks.append(
            "\n".join(
                f"- **{escaped(each.about)}**: {escaped(each.figure)} *{escaped(each.change)}*"
                for each in figures.advice
            )
        )
    return "\n\n".join(blocks) + "\n"


def introduction(figures: Statistics) -> Sequence[str]:
    """The range, and what became of the requests in it."""
    of = f" of request {figures.request}" if figures.request is not None else ""
    unread = f"; {figures.unread:,} could not be understood" if figures.unread else ""
    span = (
        f", {_instant(figures.first_at)} to {_instant(figures.last_at)} UTC"
        if figures.first_at is not None and figures.last_at is not None
        else ""
    )
    return [
        f"{counted(figures.records, 'record')}{of}{span}{unread}.",
        _requests(figures.requests),
    ]


def tables(figures: Statistics) -> Sequence[FigureTable]:
    """The tables that have rows."""
    trips = {each.name for each in figures.circuits if each.trips or each.reopened}
    every = [
        FigureTable(
            heading="Roles",
            heads=("Role", "Tasks", "Failed", "Waited", *_TIMES),
            rows=[
                (
                    speciality(role.role),
                    f"{role.tasks:,}" + (f" +{role.assigned_again}" if role.assigned_again else ""),
                    _number(sum(role.failed.values())),
                    "" if role.waiting is None else duration(role.waiting.mean),
                    *_times(role.work),
                )
                for role in figures.roles
                if role.tasks or role.completed
            ],
        ),
        FigureTable(
            heading="Calls by role",
            heads=("Role", "To tools", "Cached", "To models", "Cached", "Retries"),
            rows=[
                (
                    speciality(role.role),
                    _number(role.tool_calls.calls),
                    _rate(role.tool_calls),
                    _number(role.model_calls.calls),
                    _rate(role.model_calls),
                    _number(role.retries),
                )
                for role in figures.roles
                if role.tool_calls.calls or role.model_calls.calls
            ],
        ),
        FigureTable(
            heading="Tools",
            heads=("Tool", "Calls", "Cached", *_TIMES, "Trips"),
            rows=[
                (
                    tool.tool,
                    _number(tool.calls),
                    _rate(tool),
                    *_times(tool.response),
                    _number(tool.breaker_trips),
                )
                for tool in figures.tools
            ],
        ),
        FigureTable(
            heading="Models",
            heads=("Model", "Calls", "Cached", *_TIMES, "Trips"),
            rows=[
                (
                    model.model,
                    _number(model.calls),
                    _rate(model),
                    *_times(model.response),
                    _number(model.breaker_trips),
                )
                for model in figures.models
            ],
        ),
        FigureTable(
            heading="Retries and throttling",
            heads=("Model", "Retries", "Throttled", "Waited for it"),
            rows=[
                (
                    model.model,
                    _number(model.retries),
                    _number(model.throttled_calls),
                    duration(model.throttled_seconds),
                )
                for model in figures.models
                if model.retries or model.throttled_calls
            ],
        ),
        FigureTable(
            heading="Where answers came from",
            heads=("Of", "Made", "Memory", "Store", "Another's call", "Hit rate"),
            rows=[
                (
                    name,
                    _number(calls.reuse.made),
                    _number(calls.reuse.memory),
                    _number(calls.reuse.store),
                    _number(calls.reuse.shared),
                    _rate(calls),
                )
                for name, calls in _callees(figures)
                if calls.reuse.hit_rate
            ],
        ),
        FigureTable(
            heading="Tokens and cost",
            heads=USAGE_HEADS,
            rows=usage_rows(
                [
                    *((model.model, model.usage) for model in figures.models),
                    *((speciality(role.role), role.usage) for role in figures.roles),
                ],
                figures.usage,
            ),
        ),
        FigureTable(
            heading="Calls that did not succeed",
            heads=("Of", "How they ended"),
            rows=[
                (name, _endings(calls.statuses))
                for name, calls in _callees(figures)
                if any(status != _FINE for status in calls.statuses)
            ],
            is_text=True,
        ),
        FigureTable(
            heading="Fallbacks",
            heads=("Role", "Tasks", "Level", "Reason"),
            rows=[row for role in figures.roles for row in _fallbacks(role)],
            is_text=True,
        ),
        FigureTable(
            heading="Claims of models",
            heads=("Role", "Kept", "Dropped"),
            rows=[
                (speciality(role.role), _number(role.claims), _number(role.dropped_claims))
                for role in figures.roles
                if role.claims or role.dropped_claims
            ],
        ),
        FigureTable(
            heading="Circuit breakers",
            heads=("Circuit", "Opened", "Opened again"),
            rows=[
                (each.name, _number(each.trips), _number(each.reopened))
                for each in figures.circuits
                if each.name in trips
            ],
        ),
    ]
    return [each for each in every if each.rows]


def duration(seconds: float) -> str:
    """Such as "850 ms", "12.5 s" or "3 min 20 s"."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes:,} min {rest} s"


_TIMES: Final = ("Mean", "p50", "p95", "p99")


def _times(times: Times | None) -> Sequence[str]:
    if times is None:
        return ("",) * len(_TIMES)
    return tuple(duration(each) for each in (times.mean, times.p50, times.p95, times.p99))


def _cells(row: Sequence[str], *, is_text: bool) -> Sequence[str]:
    first, *others = row
    return [escaped(first), *(map(escaped, others) if is_text else others)]


def _requests(requests: RequestFigures) -> str:
    ends = [f"{number:,} {status}" for status, number in requests.reports.items()]
    ends += [
        f"{number:,} without a report ({reason.replace('_', ' ')})"
        for reason, number in requests.faulted.items()
    ]
    ends += [f"{requests.unfinished:,} unfinished"] if requests.unfinished else []
    text = f"{counted(requests.asked, 'request')}" + (f": {', '.join(ends)}." if ends else ".")
    if requests.time_to_report is not None:
        times = _times(requests.time_to_report)
        said = ", ".join(f"{head.lower()} {each}" for head, each in zip(_TIMES, times, strict=True))
        text += f" Time to the report: {said}."
    return text


def _fallbacks(role: RoleFigures) -> Sequence[Sequence[str]]:
    """What tasks came down to, with its reason; where none is known, only how often."""
    rows = [
        (speciality(role.role), _number(each.times), level_words(each.level), each.reason)
        for each in role.fallbacks
    ]
    named = {each.level for each in role.fallbacks}
    rows += [
        (speciality(role.role), _number(number), level_words(level), "")
        for level, number in role.levels.items()
        if level != "full" and level not in named
    ]
    return rows


def _callees(figures: Statistics) -> Sequence[tuple[str, CallFigures]]:
    return [
        *((tool.tool, tool) for tool in figures.tools),
        *((model.model, model) for model in figures.models),
    ]


def _endings(statuses: Mapping[str, int]) -> str:
    return listed(
        (
            f"{number:,} {status.replace('_', ' ')}"
            for status, number in statuses.items()
            if status != _FINE
        ),
        limit=8,
    )


def _rate(calls: CallFigures) -> str:
    rate = calls.reuse.hit_rate
    return "" if rate is None else f"{rate * 100:.0f} %"


def _number(number: int) -> str:
    return f"{number:,}"


def _instant(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S}"
