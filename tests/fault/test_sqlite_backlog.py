"""Very many messages that wait: a hundred thousand, or as many as CONVENER_TEST_BACKLOG says."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

pytestmark = pytest.mark.fault

COUNT = int(os.environ.get("CONVENER_TEST_BACKLOG", "100_000"))
ALLOWED = 16 * 1024 * 1024
"""Bytes by which a process may grow; the messages themselves have at least 50 MB."""


async def growth(role: str, path: Path) -> int:
    """By how many bytes a process grew while the messages went through it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.sqlite_backlog", role, str(path), str(COUNT)),
        stdout=PIPE,
        cwd=Path(__file__).parents[2],
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return int(out)


@pytest.mark.timeout(120 + COUNT // 500)
async def test_memory_stays_flat_however_many_messages_wait(tmp_path: Path):
    path = tmp_path / "bus.db"
    assert await growth("fill", path) < ALLOWED
    assert path.stat().st_size > COUNT * 300
    assert await growth("empty", path) < ALLOWED
