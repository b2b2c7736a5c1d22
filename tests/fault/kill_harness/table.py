"""The figures of a run, as a table of two columns, and what was wrong."""

from tests.fault.kill_harness.checker import Verdict


def table(verdict: Verdict, *, title: str) -> str:
    """The verdict as text, figures first."""
    width = max(map(len, verdict.figures))
    rows = [f"  {name:<{width}}  {value:>8}" for name, value in verdict.figures.items()]
    wasted = [
        f"  task {each.payment.task_id} by process {each.payment.pid}: {each.excuse}"
        for each in verdict.wasted
    ]
    return "\n".join(
        [
            title,
            *rows,
            *(["Paid for in vain:", *wasted] if wasted else []),
            *(
                ["WRONG:", *(f"  {violation}" for violation in verdict.violations)]
                if verdict.violations
                else ["Nothing was wrong."]
            ),
        ]
    )
