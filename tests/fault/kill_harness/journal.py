"""The journal of payments: one line for each, written before the examination returns.

*Guarantees*: a line is appended by one write, so that processes do not mix theirs and a kill leaves
a line or none.
"""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One examination that was paid for; `paid_at` is in seconds since 1970."""

    task_id: str
    request_id: str
    token: str
    pid: int
    paid_at: float


def pay(journal: Path, *, task_id: str, request_id: str, token: str) -> None:
    """Append a payment by this process, made now."""
    payment = Payment(
        task_id=task_id, request_id=request_id, token=token, pid=os.getpid(), paid_at=time.time()
    )
    line = json.dumps(asdict(payment)).encode() + b"\n"
    opened = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        assert os.write(opened, line) == len(line)
    finally:
        os.close(opened)


def payments(journal: Path) -> Sequence[Payment]:
    """All payments, in the order in which they were made."""
    if not journal.exists():
        return []
    return [Payment(**json.loads(line)) for line in journal.read_text().splitlines()]
