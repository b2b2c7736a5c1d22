"""What of a report is better seen than read: bars, lines, scales, with the figures they stand for.

*Guarantees*: a chart shows only what stands in the report; every bar carries its figure as text;
the number of bars that are left out is given. What has a single bar is no chart.

*Not here*: how a bar is drawn; see `agents.reports.html.drawing`.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from agents.domain.finding import (
    SEVERITIES,
    Evidence,
    Finding,
    Series,
    Severity,
    Spread,
    Value,
)
from agents.domain.report import ReportPublished
from agents.domain.synthesis.wording import figure, speciality

MOST: Final = 12
"""Bars of one chart."""

MOST_MARKS: Final = 5
"""Named below a series."""

MOST_CURVES: Final = 4
"""Side by side."""

SPARKLINE: Final = 48
"""Characters."""

_MISSING: Final = frozenset({"missing_values", "hidden_missing"})
_MIDNIGHT: Final = " 00:00:00"
_SHARE: Final = re.compile(r"(?:share of|null rate of) ")
"""How the metrics begin that are parts of a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar: `length` and `limit`, the threshold, are parts of the whole width, from 0 to 1.

    `said` is the figure in words. `place` is that of the finding it belongs to, from 0.
    """

    label: str
    said: str
    length: float
    limit: float | None = None
    severity: Severity | None = None
    place: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Bars of one kind, 2..n of them, and `left_out` more that are not shown."""

    title: str
    explanation: str
    bars: Sequence[Bar]
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A series that a finding rests on, what it is of, and how its values are written.

    `place` is that of the finding, from 0.
    """

    title: str
    series: Series
    write: Callable[[float], str]
    place: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many findings of each severity somebody has, the most severe first."""

    label: str
    numbers: Sequence[tuple[Severity, int]]

    @property
    def total(self) -> int:
        """How many findings that are."""
        return sum(number for _, number in self.numbers)


def tallies(report: ReportPublished) -> Sequence[Tally]:
    """The findings of all, then of each role that has any while others have some too.

    None where there are not two to tell apart.
    """
    if len(report.findings) < 2:
        return []
    roles = dict.fromkeys(finding.role for finding in report.findings)
    each = [
        _tally(speciality(role), (found for found in report.findings if found.role == role))
        for role in roles
    ]
    return [_tally("all", report.findings), *(each if len(each) > 1 else [])]


def charts(report: ReportPublished) -> Sequence[Chart]:
    """What the findings measured: missing values, rows affected, other shares."""
    missing = _told_apart(_shares(report, of_missing=True), report.findings)
    others = _told_apart(_shares(report, of_missing=False), report.findings)
    every = (
        _chart("Missing values", "Share of the rows in which the value is missing.", missing),
        _chart("Rows affected", "Share of the rows that a finding is about.", _rows(report)),
        _chart("Shares", "What makes up how much of a whole.", others),
    )
    return [chart for chart in every if chart is not None]


def curves(report: ReportPublished) -> Sequence[Curve]:
    """The first series of each finding, of the four most consequential that have any."""
    each = [
        drawn[0]
        for place, finding in enumerate(report.findings)
        if (drawn := curves_of(finding, place))
    ]
    return each[:MOST_CURVES]


def curves_of(finding: Finding, place: int | None = None) -> Sequence[Curve]:
    """Every series that a finding rests on and that has two points or more."""
    return [
        Curve(
            title=f"{finding.subject}: {finding.category.replace('_', ' ')}",
            series=each.series,
            write=per_cent if _is_share(each) else figure,
            place=place,
        )
        for each in finding.evidence
        if each.series is not None and len(each.series.points) > 1
    ]


def holders(evidence: Evidence) -> Chart | None:
    """Who has how much of a whole; none where that was not measured."""
    if evidence.spread is None or evidence.spread.kind != "shares":
        return None
    bars = [
        Bar(label=each.label, said=per_cent(each.value), length=_part(each.value, 1.0))
        for each in evidence.spread.places
    ]
    return _chart(evidence.metric, "Who has how much of the whole.", bars)


def scale_of(evidence: Evidence) -> Spread | None:
    """Where values lie on one scale; none where that was not measured, or where all are one."""
    spread = evidence.spread
    if spread is None or spread.kind != "scale":
        return None
    return spread if spread.places[0].value < spread.places[-1].value else None


def durations(report: ReportPublished) -> Chart | None:
    """How long each role took, the longest first."""
    seconds = sorted(report.run.member_seconds.items(), key=lambda each: (-each[1], each[0]))
    longest = max((taken for _, taken in seconds), default=0.0)
    bars = [
        Bar(label=speciality(role), said=f"{taken:,.1f} s", length=_part(taken, longest))
        for role, taken in seconds
    ]
    return _chart("Time", "What each specialist took; they work side by side.", bars)


def tokens(report: ReportPublished) -> Chart | None:
    """How many tokens each role used, the most first; none without a model."""
    used = [(role, usage.tokens) for role, usage in report.run.usage.items() if usage.tokens]
    used.sort(key=lambda each: (-each[1], each[0]))
    most = max((number for _, number in used), default=0)
    bars = [
        Bar(label=speciality(role), said=f"{number:,}", length=_part(number, most))
        for role, number in used
    ]
    return _chart("Tokens", "In and out, by who used them.", bars)


def against_threshold(evidence: Evidence) -> Bar | None:
    """The value beside its threshold; none where one of them is no positive number."""
    value, limit = _number(evidence.value), _number(evidence.threshold)
    if value is None or limit is None or value < 0 or limit <= 0:
        return None
    is_share = _is_share(evidence)
    whole = 1.0 if is_share else max(value, limit)
    return Bar(
        label=evidence.metric,
        said=figure(evidence.value),
        length=_part(value, whole),
        limit=_part(limit, whole),
    )


def per_cent(share: float) -> str:
    """A share from 0 to 1, never rounded to none or to all.

    >>> per_cent(0.25), per_cent(0.00001), per_cent(0.99999), per_cent(1.0)
    ('25.0 %', '< 0.1 %', '> 99.9 %', '100 %')
    """
    if 0 < share < 0.001:
        return "< 0.1 %"
    if 0.999 < share < 1:
        return "> 99.9 %"
    return f"{share * 100:.1f} %" if 0 < share < 1 else f"{share * 100:.0f} %"


def bounds(series: Series) -> tuple[float, float]:
    """The lowest and the highest value of a series."""
    values = [point.value for point in series.points] or [0.0]
    return min(values), max(values)


def instants(series: Series) -> tuple[str, str]:
    """The first and the last instant of a series with points, as people write them."""
    shown = _written(series)
    return shown(series.points[0].at), shown(series.points[-1].at)


def curve_said(series: Series, write: Callable[[float], str] = figure) -> str:
    """What a drawn series shows, in words."""
    if not series.points:
        return "No points."
    lowest, highest = bounds(series)
    shown = _written(series)
    first, last = instants(series)
    at = {point.value: point.at for point in reversed(series.points)}
    marks = "; ".join(
        f"{shown(mark.since)} to {shown(mark.until)}: {mark.label}"
        for mark in series.marks[:MOST_MARKS]
    )
    return (
        f"By {series.unit}, {first} to {last}: from {write(lowest)} ({shown(at[lowest])}) to "
        f"{write(highest)} ({shown(at[highest])})." + (f" Marked: {marks}." if marks else "")
    )


def spread_said(spread: Spread) -> str:
    """What a drawn spread shows, in words."""
    write = per_cent if spread.kind == "shares" else figure
    return "; ".join(
        f"{each.label}{' apart' if each.is_apart else ''} {write(each.value)}"
        for each in spread.places
    )


_SPARKS: Final = "▁▂▃▄▅▆▇█"


def sparkline(series: Series, width: int = SPARKLINE) -> str:
    """A series on one line of text; of neighbours that share a place, the one that stands out."""
    lowest, highest = bounds(series)
    if len(series.points) < 2 or highest == lowest:
        return ""
    values = [point.value for point in series.points]
    middle = sorted(values)[len(values) // 2]
    places = min(width, len(values))
    told = [
        max(
            values[number * len(values) // places : (number + 1) * len(values) // places],
            key=lambda value: abs(value - middle),
        )
        for number in range(places)
    ]
    top = len(_SPARKS) - 1
    return "".join(_SPARKS[round((value - lowest) / (highest - lowest) * top)] for value in told)


def _written(series: Series) -> Callable[[str], str]:
    """How its instants are written: days without the time of day."""
    if all(point.at.endswith(_MIDNIGHT) for point in series.points):
        return lambda at: at.removesuffix(_MIDNIGHT)
    return str


def _chart(title: str, explanation: str, bars: Sequence[Bar]) -> Chart | None:
    if len(bars) < 2:
        return None
    shown = bars[:MOST]
    return Chart(title=title, explanation=explanation, bars=shown, left_out=len(bars) - len(shown))


def _shares(report: ReportPublished, *, of_missing: bool) -> Sequence[Bar]:
    """A bar for each share that was measured, the longest first."""
    bars = []
    for place, finding in enumerate(report.findings):
        if (finding.category in _MISSING) is not of_missing:
            continue
        for evidence in finding.evidence:
            value, limit = _number(evidence.value), _number(evidence.threshold)
            if value is not None and _is_share(evidence):
                bars.append(
                    Bar(
                        label=_SHARE.sub("", evidence.metric) if of_missing else evidence.metric,
                        said=per_cent(value),
                        length=value,
                        limit=limit or None,
                        severity=finding.severity,
                        place=place,
                    )
                )
    return sorted(bars, key=lambda bar: -bar.length)


def _told_apart(bars: Sequence[Bar], findings: Sequence[Finding]) -> Sequence[Bar]:
    """The bars; where several have one label, it says what each is of."""
    number = Counter(bar.label for bar in bars)
    return [
        replace(bar, label=f"{findings[bar.place].subject}: {bar.label}")
        if number[bar.label] > 1 and bar.place is not None
        else bar
        for bar in bars
    ]


def _rows(report: ReportPublished) -> Sequence[Bar]:
    """A bar for each finding that asks for something and is about some rows, the longest first."""
    sizes = {dataset.name: dataset.rows for dataset in report.datasets}
    bars = []
    for place, finding in enumerate(report.findings):
        total = sizes.get(finding.subject.table, 0)
        rows = finding.rows
        if finding.category in _MISSING or finding.severity == "info":
            continue
        if rows is not None and 0 < rows <= total:
            bars.append(
                Bar(
                    label=f"{finding.subject}: {finding.category.replace('_', ' ')}",
                    said=f"{rows:,} of {total:,} ({per_cent(rows / total)})",
                    length=rows / total,
                    severity=finding.severity,
                    place=place,
                )
            )
    return sorted(bars, key=lambda bar: -bar.length)


def _tally(label: str, findings: Iterable[Finding]) -> Tally:
    number = Counter(finding.severity for finding in findings)
    return Tally(
        label=label,
        numbers=[(severity, number[severity]) for severity in SEVERITIES if number[severity]],
    )


def _is_share(evidence: Evidence) -> bool:
    value, limit = _number(evidence.value), _number(evidence.threshold)
    return (
        _SHARE.match(evidence.metric) is not None
        and value is not None
        and 0 <= value <= 1
        and (evidence.threshold is None or (limit is not None and 0 <= limit <= 1))
    )


def _number(value: Value) -> float | None:
    return None if isinstance(value, (bool, str)) or value is None else float(value)


def _part(number: float, whole: float) -> float:
    return min(1.0, number / whole) if whole > 0 else 0.0
