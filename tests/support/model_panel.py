"""Specialists whose measurements are trivial, for workers that are started to ask a model.

`convener worker ROLE --app tests.support.model_panel:PANEL`; the clerk counts rows, the latecomer
does so once there is a file `go` in its folder. The operator has a tool that always fails, the
bookkeeper one that does and one that does not.
"""

import asyncio
from pathlib import Path

from agents import Datasets, Evidence, Examination, Finding, Panel, Specialist, Subject
from agents.errors import ToolError
from agents.tool import tool

APP = "tests.support.model_panel:PANEL"
GO = "go"
CALLS = 10
"""How often a failing tool is called; a circuit opens before that."""


@tool(permission="read_data")
async def count_rows(data: Datasets, table: str) -> int:
    """Count the rows of a table."""
    ((rows,),) = await data.query(f'SELECT count(*) FROM "{table}"')
    return int(rows)


@tool(permission="read_data")
async def phone() -> str:
    """Call somebody who does not answer."""
    raise ConnectionError("nobody answers")


async def count(examination: Examination) -> list[Finding]:
    task = examination.task
    table = task.datasets[0].name
    rows = await examination.use(count_rows, table=table)
    return [
        Finding(
            role=task.role,
            title=f"{table} has {rows} rows.",
            severity="medium",
            category="size",
            subject=Subject(table=table),
            evidence=(Evidence(metric="rows", value=rows),),
            rows=rows,
            recommendation="Count them again tomorrow.",
        )
    ]


async def count_late(examination: Examination) -> list[Finding]:
    while not Path(GO).exists():
        await asyncio.sleep(0.02)
    return await count(examination)


async def call(examination: Examination) -> list[Finding]:
    for _ in range(CALLS):
        try:
            await examination.use(phone)
        except ToolError as error:
            await examination.note(str(error))
    return []


async def count_and_call(examination: Examination) -> list[Finding]:
    return [*await count(examination), *await call(examination)]


PANEL = Panel(
    Specialist(role="clerk", title="Clerk", tools=(count_rows,), examine=count),
    Specialist(role="latecomer", title="Latecomer", tools=(count_rows,), examine=count_late),
    Specialist(role="operator", title="Operator", tools=(phone,), examine=call),
    Specialist(
        role="bookkeeper",
        title="Bookkeeper",
        tools=(count_rows, phone),
        examine=count_and_call,
    ),
)
