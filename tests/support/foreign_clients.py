"""The clients of other languages that tests speak to the bus with: where they are, if they are."""

import os
import shutil
import subprocess
from pathlib import Path

import platformdirs
import pytest

AMQPLIB = "amqplib@2.3.1"
FOLDER = platformdirs.user_cache_path("convener-tests", appauthor=False) / AMQPLIB
"""Where the package for Node is kept; may be deleted at any time."""


def install_amqplib() -> None:
    """Have npm put the package into `FOLDER`, unless it is there or there is no npm."""
    npm = shutil.which("npm")
    if npm is None or (FOLDER / "node_modules" / "amqplib").is_dir():
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--silent")
    subprocess.run([npm, "install", *quiet, "--prefix", FOLDER, AMQPLIB], check=False)


def program(name: str) -> str:
    """The path of a program; without it the test is skipped, or fails in CI."""
    found = shutil.which(name)
    return found or _without(f"there is no {name}: `python -m tests` installs it where it can")


def node_modules() -> Path:
    """The folder that has the package for Node; without it the test is skipped, or fails in CI."""
    folder = FOLDER / "node_modules"
    if not (folder / "amqplib").is_dir():
        _without(f"{AMQPLIB} is not installed: `python -m tests` does that where there is npm")
    return folder


def _without(reason: str) -> str:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
