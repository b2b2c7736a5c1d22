"""When a recorded measure did what it had never done before."""

from datetime import UTC, datetime, timedelta
from typing import Final

from agents.dataset import Datasets
from agents.datasets.sql import identifier, literal
from agents.domain.finding import Part, Series
from agents.domain.series.drawn import drawn
from agents.domain.series.novelty import Direction, Point, View, novel_stretches, without_line
from agents.domain.series.seasons import season
from agents.tool import tool
from agents.tools.off_loop import off_loop
from agents.tools.seasonality import STRONG

MAX_POINTS: Final = 2_000
"""Moments into which the whole time is divided at most."""

MAX_INTERVALS: Final = 4_000_000
"""Rows up to which every interval is measured; of more, those of stretches chosen by hash, which
together have no more rows."""

ROWS_OF_STRETCH: Final = 1_000
"""Of such a stretch, on average."""

EVEN: Final = 1.5
REGULAR: Final = 0.7
"""Share of intervals up to so many times the median from which on somebody reads a gauge; else
each event brings its own figure, and only the mean of many can be unusual."""

TOGETHER: Final = 30
"""Usual intervals between events that make up such a mean."""

DAY: Final = 86_400
DAYS: Final = 7
MOST_PHASES: Final = 288
"""Moments of a day up to which its course is taken for a season."""

SAYS_MORE: Final = 0.2
"""Share of what the time of day leaves open that the day of the week has to explain."""

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
    the line that the measure follows. `measured` is the share of the rows between which intervals
    were measured to learn the usual one. `unexamined` says in one sentence what was left out.
    """

    width: float = 0.0
    measured: float = 1.0
    points: int = 0
    is_adjusted: bool = False
    stretches: tuple[UnusualStretch, ...] = ()
    series: Series = Series(unit="moment", points=())
    unexamined: str = ""


@tool(permission="read_data")
async def unusual_stretches(
    data: Datasets, table: str, column: str, measure: str
) -> UnusualStretches | None:
    """Find when a measure, ordered by a time column, left everything that it had done before."""
    happened, view = f"CAST({identifier(column)} AS TIMESTAMP)", identifier(table)
    ((first, last, instants),) = await data.query(
        f"SELECT epoch_us(min({happened})), epoch_us(max({happened})), count({identifier(column)}) "
        f"FROM {view}"
    )
    if instants < 2 or first == last:
        return None
    ((interval, even, measured, crowded),) = await data.query(
        _intervals_sql(
            f"SELECT epoch_us({happened}) AS moment FROM {view} "
            f"WHERE {identifier(column)} IS NOT NULL",
            first,
            last,
            instants,
        )
    )
    if not interval:
        return UnusualStretches(unexamined=_crowded(crowded)) if crowded else None
    is_regular = even >= REGULAR
    width = int(interval) * max(
        1 if is_regular else TOGETHER, -(-(last - first) // (int(interval) * MAX_POINTS))
    )
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
    points = [
        Point(mean=mean, lowest=low, highest=high)
        if is_regular
        else Point(mean=mean, lowest=mean, highest=mean)
        for _, mean, low, high in rows
    ]
    points, is_adjusted = await off_loop(_without_season, places, points, DAY * 1_000_000 / width)

    def instant(place: int) -> str:
        return _written(first + place * width)

    level = without_line(points)
    found = await off_loop(novel_stretches, level)
    strongest = sorted(found, key=lambda each: (-each.share, each.first))[:MAX_STRETCHES]
    return UnusualStretches(
        unexamined=_crowded(crowded) if crowded else "",
        width=width / 1e6,
        measured=_rounded(measured / instants),
        points=len(points),
        is_adjusted=is_adjusted or level is not points,
        series=drawn("moment", [instant(place) for place in places], [row[1] for row in rows]),
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


def _intervals_sql(moments: str, first: int, last: int, instants: int) -> str:
    """A SELECT of the usual interval, the share of even ones, and the instants they are between.

    Last, how many instants lie so close together that no interval between them was measured.
    """
    sizes, chosen = "SELECT 0 AS n", f"SELECT 0 AS stretch, moment FROM ({moments})"
    if instants > MAX_INTERVALS:
        # A sample of rows would have no intervals: neighbours must be chosen together.
        stretch = f"(moment - {first}) // {max(1, (last - first) * ROWS_OF_STRETCH // instants)}"
        placed = f"SELECT {stretch} AS stretch, moment FROM ({moments})"
        sizes = f"SELECT stretch, count(*) AS n FROM ({placed}) GROUP BY 1"
        chosen = f"""
            FROM ({placed}) SEMI JOIN (
                SELECT stretch FROM sizes WHERE n <= {MAX_INTERVALS}
                QUALIFY sum(n) OVER (ORDER BY hash(stretch), stretch) <= {MAX_INTERVALS}
            ) USING (stretch)
            """
    return f"""
        WITH sizes AS MATERIALIZED ({sizes}), steps AS MATERIALIZED (
            SELECT n, moment - lag(moment) OVER (PARTITION BY stretch ORDER BY moment) AS step
            FROM (SELECT stretch, moment, count(*) AS n FROM ({chosen}) GROUP BY ALL)
        )
        SELECT max(usual), avg(CAST(step <= {EVEN} * usual AS INTEGER)), CAST(sum(n) AS BIGINT),
            (SELECT CAST(coalesce(sum(n), 0) AS BIGINT) FROM sizes WHERE n > {MAX_INTERVALS})
        FROM steps, (SELECT quantile_disc(step, 0.5) AS usual FROM steps)
        """


def _crowded(rows: int) -> str:
    return (
        f"Intervals between {rows:,} rows were not measured, since they lie closer together than "
        f"the {MAX_INTERVALS:,} rows that a stretch may have."
    )


def stretch_sql(table: str, column: str, measure: str, since: str, until: str) -> str:
    """A SELECT of the rows within a stretch."""
    at, value = identifier(column), identifier(measure)
    return (
        f"SELECT row_id, {at}, {value} FROM {identifier(table)} "
        f"WHERE CAST({at} AS TIMESTAMP) >= CAST({literal(since)} AS TIMESTAMP) "
        f"AND CAST({at} AS TIMESTAMP) < CAST({literal(until)} AS TIMESTAMP) ORDER BY row_id"
    )


def _without_season(
    places: list[int], points: list[Point], per_day: float
) -> tuple[list[Point], bool]:
    """The points as distances from the usual at their time of day, or of week if that says more."""
    found = []
    for days in (1, DAYS):
        period = round(per_day * days)
        if (
            not 2 <= period <= MOST_PHASES * days
            or abs(per_day * days - period) > days / MAX_POINTS
        ):
            continue
        phases = [place % period for place in places]
        repeated = season([point.mean for point in points], phases, period)
        if repeated is not None and repeated.strength >= STRONG:
            found.append((repeated, phases))
    if not found:
        return points, False
    usual, phases = found[0]
    if found[-1][0].strength > usual.strength + SAYS_MORE * (1 - usual.strength):
        usual, phases = found[-1]
    return [
        Point(
            mean=point.mean - usual.profile[phase],
            lowest=point.lowest - usual.profile[phase],
            highest=point.highest - usual.profile[phase],
        )
        for point, phase in zip(points, phases, strict=True)
    ], True


def _written(microseconds: int) -> str:
    moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)
    return moment.replace(tzinfo=None).isoformat(sep=" ")


def _rounded(value: float) -> float:
    return float(f"{value:.9g}")
