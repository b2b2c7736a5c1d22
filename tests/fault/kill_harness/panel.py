"""Specialists that cost something: each examination leaves a line in a journal of payments.

Every payment carries a token of its own that ends up in the report, so that two examinations of one
task never give the same result and the one that counted can be told from the others.
"""

import asyncio
import random
from pathlib import Path
from uuid import uuid4

from agents.domain.finding import Evidence, Finding, Subject
from agents.specialist import Examination, Panel, Specialist
from tests.fault.kill_harness.journal import pay

ROLES = ("counter", "weigher")
JOURNAL = "paid.journal"

BEFORE_PAYING = (0.02, 0.3)
AFTER_PAYING = (0.0, 0.03)
"""Seconds, from and to: a kill finds tasks on both sides of the payment."""


async def examine(examination: Examination) -> list[Finding]:
    task = examination.task
    token = f"charge-{uuid4().hex}"
    await asyncio.sleep(random.uniform(*BEFORE_PAYING))
    pay(Path(JOURNAL), task_id=task.task_id, request_id=task.request_id, token=token)
    await asyncio.sleep(random.uniform(*AFTER_PAYING))
    return [
        Finding(
            role=task.role,
            title=f"This cost {token}.",
            severity="info",
            category="charge",
            subject=Subject(table=task.datasets[0].name),
            evidence=(Evidence(metric="charge", value=token),),
            recommendation="Do not pay for it again.",
        )
    ]


PANEL = Panel(
    *(Specialist(role=role, title=role.title(), tools=(), examine=examine) for role in ROLES)
)
