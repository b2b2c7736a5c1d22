"""How the page ends: the data, the panel, time and cost, and what the SQL needs to run."""

from agents.domain.report import ReportPublished
from agents.domain.synthesis.wording import speciality
from agents.domain.usage import Usage
from agents.reports.charts import durations, tokens
from agents.reports.html import drawing
from agents.reports.html.markup import Markup, code, element, joined, sql, text
from agents.reports.html.page import Section, bullets, flowing, folded, table
from agents.reports.outline import fallback_lines, model_line, route_line, run_line, status_line
from agents.reports.plain import LONGEST_PARAGRAPH, LONGEST_SETUP
from agents.reports.spending import USAGE_HEADS, budget_line, usage_rows


def origin(report: ReportPublished, *, show_all: bool) -> Section:
    """How the report came to be."""
    drawn = [drawing.chart(each) for each in (durations(report), tokens(report)) if each]
    lines = (status_line(report), route_line(report), model_line(report), run_line(report))
    fallbacks = fallback_lines(report)
    return Section(
        id="origin",
        heading="About this report",
        content=flowing(
            [
                _datasets(report),
                _panel(report) if report.panel else None,
                bullets(
                    text(f"{line[:1].upper()}{line[1:]}", LONGEST_PARAGRAPH) for line in fallbacks
                )
                if fallbacks
                else None,
                element("div", *drawn, class_="charts", newlines=True) if drawn else None,
                *_spending(report),
                bullets(lines),
                _setup(report, show_all=show_all),
            ]
        ),
    )


def _datasets(report: ReportPublished) -> Markup:
    return table(
        ("Dataset", "Rows", "Columns", "Format", "Version", "Location"),
        (
            (
                code(dataset.name),
                f"{dataset.rows:,}",
                f"{dataset.columns:,}",
                dataset.format,
                code(dataset.version[:16]),
                code(dataset.location),
            )
            for dataset in report.datasets
        ),
        figures=(1, 2),
    )


def _panel(report: ReportPublished) -> Markup:
    return table(
        ("Specialist", "Status", "Findings", "Notes"),
        (
            (
                speciality(member.role),
                member.status
                if member.fallback_level == "full"
                else f"{member.status} ({member.fallback_level})",
                f"{member.findings:,}",
                text(" ".join(member.notes), LONGEST_PARAGRAPH),
            )
            for member in report.panel
        ),
        figures=(2,),
    )


def _spending(report: ReportPublished) -> list[Markup]:
    usage = report.run.usage
    rows = usage_rows((speciality(role), usage[role]) for role in sorted(usage))
    if not rows:
        return []
    budget = budget_line(report.run.budget, sum(usage.values(), Usage()))
    return [
        table(USAGE_HEADS, rows, figures=range(1, len(USAGE_HEADS))),
        *([element("p", budget)] if budget else []),
    ]


def _setup(report: ReportPublished, *, show_all: bool) -> Markup | None:
    setups = [each.setup_sql for each in report.datasets if each.setup_sql.strip()]
    if not setups:
        return None
    return joined(
        [
            element("p", "The SQL of the findings runs in a DuckDB shell after this:"),
            folded(
                "SQL that sets the data up",
                *(sql(setup, LONGEST_SETUP) for setup in setups),
                is_open=show_all,
                class_="sql",
            ),
        ]
    )
