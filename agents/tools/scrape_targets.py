"""Which series Prometheus has, and which of its targets answer."""

from typing import Final

from agents.dataset import Datasets
from agents.datasets.sql import identifier, literals
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.broker_relations import KNOWN_METRICS, METRIC, UP

MAX_TARGETS: Final = 500


class ScrapeTarget(Part):
    """A target: the share of its scrapes that failed, and whether the last one did."""

    job: str
    instance: str
    is_down: bool
    failed_share: float


class Scrapes(Part):
    """0..500 `targets` with a failed scrape, the worst first, of `watched` in all.

    `other_series` are those of metrics that nothing is known of; `only` is the metric if there is
    but one series in all.
    """

    targets: tuple[ScrapeTarget, ...]
    watched: int
    other_series: int
    only: str | None
    series: int


@tool(permission="read_data", only_observations=True)
async def scrape_targets(data: Datasets, table: str) -> Scrapes:
    """Measure which targets of Prometheus answer, and count the series that it has."""
    dataset = data.table(table)
    view = identifier(table)
    names = [each.name for each in dataset.columns if each.name not in ("time", "value")]
    series = ", ".join(identifier(name) for name in names)
    job, instance = (identifier(name) if name in names else "'?'" for name in ("job", "instance"))
    targets = await data.query(
        f"""
        SELECT job, instance, max(value) FILTER (time = last) = 0 AS is_down,
            count(*) FILTER (value = 0) / count(*) AS failed
        FROM (SELECT coalesce({job}, '?') AS job, coalesce({instance}, '?') AS instance, time,
                value, (SELECT max(time) FROM {view}) AS last
            FROM {view} WHERE metric = '{UP}')
        GROUP BY job, instance HAVING is_down IS NOT NULL
        ORDER BY is_down DESC, failed DESC, job, instance
        """
    )
    ((number, other, only),) = await data.query(
        f"""
        SELECT count(*), count(*) FILTER (metric IS NULL OR {METRIC} NOT IN
            ({literals(KNOWN_METRICS)})), any_value(metric)
        FROM (SELECT DISTINCT {series} FROM {view})
        """
    )
    failing = [row for row in targets if row[3] > 0]
    return Scrapes(
        targets=tuple(
            ScrapeTarget(job=job, instance=instance, is_down=is_down, failed_share=round(failed, 6))
            for job, instance, is_down, failed in failing[:MAX_TARGETS]
        ),
        watched=len(targets),
        other_series=other,
        only=only if number == 1 else None,
        series=number,
    )
