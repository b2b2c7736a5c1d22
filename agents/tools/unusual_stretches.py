"""When a recorded measure did what it had never done before."""

from datetime import UTC, datetime, timedelta
from typing import Final

from agents.dataset import Datasets
from agents.datasets.sql import identifier, literal
from agents.domain.finding import Part
from agents.domain.series.novelty import Direction, Point, View, novel_stretches, without_line
from agents.domain.series.seasons import season
from agents.tool import tool
from agents.tools.seasonality import STRONG

MAX_POINTS: Final = 2_000
"""Moments into which the whole time is divided at most."""

DAY: Final = 86_400
MOST_PHASES: Final = 288
"""Moments of a day up to which its course is taken for a season."""

MAX_STRETCHES: Final = 20


class UnusualStretch(Part):
    """From `since` up to, but not at, `until`, as ISO instants.

    At its clearest a `view` of `seconds` seconds was `value`, `direction` the `bound` that it had
    kept to until then; `share` is their distance as a share of the whole range.
    """

    since: str
    until: str
    view: View
    seconds: float
    direction: Direction
    value: float
    bound: float
    share: float


class UnusualStretches(Part):
    """0..20 stretches in order of time, of `points` moments of `width` seconds each.

    `is_adjusted` says that figures are distances from the usual at that time of the day, or from
    the line that the measure follows.
    """

    width: float
    points: int
    is_adjusted: bool
    stretches: tuple[UnusualStretch, ...]


@tool(permission="read_data")
async def unusual_stretches(
    data: Datasets, table: str, column: str, measure: str
) -> UnusualStretches | None:
    """Find when a measure, ordered by a time column, left everything that it had done before."""
    happened, view = f"CAST({identifier(column)} AS TIMESTAMP)", identifier(table)
    ((first, last, interval),) = await data.query(
        f"""
        SELECT min(moment), max(moment), quantile_disc(moment - before, 0.5)
        FROM (
            SELECT moment, lag(moment) OVER (ORDER BY moment) AS before
            FROM (SELECT DISTINCT epoch_us({happened}) AS moment FROM {view})
        )
        """
    )
    if not interval:
        return None
    width = int(interval) * max(1, -(-(last - first) // (int(interval) * MAX_POINTS)))
    rows = await data.query(
        f"""
        SELECT (epoch_us({happened}) - {first}) // {width} AS place,
            fsum(v) / count(v) AS mean, min(v) AS lowest, max(v) AS highest
        FROM (SELECT {identifier(column)}, CAST({identifier(measure)} AS DOUBLE) AS v FROM {view})
        WHERE {identifier(column)} IS NOT NULL AND isfinite(v) GROUP BY place ORDER BY place
        """,
        limit=MAX_POINTS + 2,
    )
    places = [int(row[0]) for row in rows]
    points = [Point(mean=mean, lowest=low, highest=high) for _, mean, low, high in rows]
    points, is_adjusted = _without_day(places, points, DAY * 1_000_000 / width)

    def instant(place: int) -> str:
        return _written(first + place * width)

    level = without_line(points)
    found = novel_stretches(level)
    strongest = sorted(found, key=lambda each: (-each.share, each.first))[:MAX_STRETCHES]
    return UnusualStretches(
        width=width / 1e6,
        points=len(points),
        is_adjusted=is_adjusted or level is not points,
        stretches=tuple(
            UnusualStretch(
                since=instant(places[each.first]),
                until=instant(places[each.last] + 1),
                view=each.view,
                seconds=each.window * width / 1e6,
                direction=each.direction,
                value=_rounded(each.value),
                bound=_rounded(each.bound),
                share=_rounded(each.share),
            )
            for each in sorted(strongest, key=lambda each: each.first)
        ),
    )


def stretch_sql(table: str, column: str, measure: str, since: str, until: str) -> str:
    """A SELECT of the rows within a stretch."""
    at, value = identifier(column), identifier(measure)
    return (
        f"SELECT row_id, {at}, {value} FROM {identifier(table)} "
        f"WHERE CAST({at} AS TIMESTAMP) >= CAST({literal(since)} AS TIMESTAMP) "
        f"AND CAST({at} AS TIMESTAMP) < CAST({literal(until)} AS TIMESTAMP) ORDER BY row_id"
    )


def _without_day(
    places: list[int], points: list[Point], per_day: float
) -> tuple[list[Point], bool]:
    """The points as distances from the usual at their time of day, if that explains most."""
    period = round(per_day)
    if not 2 <= period <= MOST_PHASES or abs(per_day - period) > 1 / MAX_POINTS:
        return points, False
    phases = [place % period for place in places]
    found = season([point.mean for point in points], phases, period)
    if found is None or found.strength < STRONG:
        return points, False
    return [
        Point(
            mean=point.mean - found.profile[phase],
            lowest=point.lowest - found.profile[phase],
            highest=point.highest - found.profile[phase],
        )
        for point, phase in zip(points, phases, strict=True)
    ], True


def _written(microseconds: int) -> str:
    moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)
    return moment.replace(tzinfo=None).isoformat(sep=" ")


def _rounded(value: float) -> float:
    return float(f"{value:.9g}")
