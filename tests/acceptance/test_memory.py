"""`convener analyze` on a file of some size takes the memory that it is allowed, and no more."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

pytestmark = pytest.mark.timeout(120)

MOST_MEGABYTES = 600
"""The engine may use 1 GB, but this file must not need it."""
MEASURED = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""Runs a command from a small process: the peak of a child begins with the size of its parent."""


def test_a_million_rows_are_analysed_in_bounded_memory(tmp_path: Path) -> None:
    file = tmp_path / "orders.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT range AS id, md5(range::VARCHAR) AS code, hash(range) % 500 AS city, "
            "(hash(range + 1) % 100000) / 100 AS price FROM range(1_000_000)) "
            f"TO '{file}' (FORMAT parquet)"
        )
    analyze = [sys.executable, "-m", "agents", "analyze", str(file), "--role", "data_quality"]
    told = subprocess.run(
        [sys.executable, "-c", MEASURED, *analyze],
        env={
            **os.environ,
            "HOME": str(tmp_path),
            "XDG_STATE_HOME": str(tmp_path / "state"),
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
        },
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    code, kilobytes = map(int, told.split())
    assert code == 0
    assert kilobytes / 1024 < MOST_MEGABYTES
