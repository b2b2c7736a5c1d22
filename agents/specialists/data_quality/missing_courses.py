"""Drawing when values are missing: the share over time beside the findings that it says more of."""

from collections.abc import Sequence

from agents.domain.finding import Finding, Series
from agents.domain.series.drawn import with_few_drawn
from agents.domain.task import PinnedDataset
from agents.specialist import Examination
from agents.specialists.attempt import attempt
from agents.specialists.data_quality.missing import null_rate
from agents.tools.missing_over_time import missing_over_time


async def with_courses(examination: Examination, findings: Sequence[Finding]) -> Sequence[Finding]:
    """The findings; of those about missing values each with at most one course."""
    for dataset in examination.task.records:
        lacking = _lacking(dataset, findings)
        if not lacking:
            continue
        found = await attempt(
            examination,
            missing_over_time,
            f"The course of what is missing in {dataset.name}",
            table=dataset.name,
            columns=lacking,
        )
        if found is not None:
            courses = {null_rate(each.name): each.course for each in found.courses}
            findings = [
                _drawn(each, courses) if _is_about(each, dataset) else each for each in findings
            ]
    return with_few_drawn(findings)


def _is_about(finding: Finding, dataset: PinnedDataset) -> bool:
    return finding.category == "missing_values" and finding.subject.table == dataset.name


def _lacking(dataset: PinnedDataset, findings: Sequence[Finding]) -> tuple[str, ...]:
    """Columns of which some values, and not all, are missing, in the order of the table."""
    rates = {
        evidence.metric: evidence.value
        for finding in findings
        if _is_about(finding, dataset)
        for evidence in finding.evidence
    }
    return tuple(
        column.name for column in dataset.columns if rates.get(null_rate(column.name), 1.0) != 1.0
    )


def _drawn(finding: Finding, courses: dict[str, Series]) -> Finding:
    """The finding with the first of `courses` that is one of its figures."""
    metrics = {evidence.metric for evidence in finding.evidence}
    metric = next((each for each in courses if each in metrics), None)
    if metric is None:
        return finding
    return finding.model_copy(
        update={
            "evidence": tuple(
                each.model_copy(update={"series": courses[metric]})
                if each.metric == metric
                else each
                for each in finding.evidence
            )
        }
    )
