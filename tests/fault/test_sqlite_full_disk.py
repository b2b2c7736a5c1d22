"""The embedded bus on a disk without room: a real one, on which writing fails with ENOSPC."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.small_disk import on_small_disk

pytestmark = pytest.mark.fault


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    disk = tmp_path / "disk"
    disk.mkdir()
    return disk


async def play(scenario: str, folder: Path) -> dict[str, Any]:
    command = (sys.executable, "-m", "tests.support.small_disk", scenario, str(folder))
    ended = await on_small_disk(folder, *command)
    assert ended.code == 0, ended.err
    result: dict[str, Any] = json.loads(ended.out.splitlines()[-1])
    return result


async def test_what_was_confirmed_on_a_full_disk_is_there_and_the_rest_was_refused(folder: Path):
    result = await play("publish", folder)
    assert len(result["errors"]) == 2
    assert "full: free some room" in result["errors"][0]
    assert result["confirmed"] == result["recorded"] == result["received"]


async def test_a_worker_outlives_a_full_disk_and_loses_nothing(folder: Path):
    result = await play("work", folder)
    assert result["confirmed"] >= 2
    assert result["noticed"]


async def test_a_full_disk_is_told_in_a_sentence(folder: Path):
    ended = await on_small_disk(
        folder,
        "sh",
        "-c",
        'head -c 8m /dev/zero > "$0/ballast" 2> /dev/null;'
        ' "$1" -m agents --bus "sqlite:///$0/bus.db" status',
        str(folder),
        sys.executable,
    )
    assert ended.code == 1
    assert "free some room" in ended.err
    assert "Traceback" not in ended.err
