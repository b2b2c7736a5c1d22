"""`python -m tests`: install what the tests need where that is possible, then run them all.

The tests start private RabbitMQ, Redis, PostgreSQL and Prometheus servers, a browser, clients in C
and in Node, and three shells. On Debian as root these are installed when they are missing;
elsewhere one line says what to install, and their tests are skipped, or fail where CI is set. Files
of tests run side by side, since most of them wait for servers and processes; `-n 0` runs one after
the other.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.foreign_clients import install_amqplib

SERVERS = {
    "rabbitmq-server": "rabbitmq-server",
    "redis-server": "redis-server",
    "initdb": "postgresql",
    "prometheus": "prometheus",
    "chromium": "chromium",
    "amqp-publish": "amqp-tools",
    "node": "nodejs",
    "npm": "npm",
    "zsh": "zsh",
    "fish": "fish",
}


SIDE_BY_SIDE = min(4, max(2, os.cpu_count() or 2))
"""Files that are run at the same time."""


def install_servers() -> None:
    missing = [package for program, package in SERVERS.items() if not _is_installed(program)]
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(f"To run all tests, install {' and '.join(missing)}.", file=sys.stderr)
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
        subprocess.run(["apt-get", "--quiet", *command], env=environment, check=True)


def _is_installed(program: str) -> bool:
    hidden = ["/usr/sbin", "/usr/local/sbin", *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]
    return shutil.which(program, path=":".join([os.environ["PATH"], *hidden])) is not None


if __name__ == "__main__":
    install_servers()
    install_amqplib()
    spread = ["-n", str(SIDE_BY_SIDE), "--dist", "loadfile"]
    code = pytest.main([str(Path(__file__).parent), *spread, *sys.argv[1:]])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # so that pytest's summary is the last line, whatever extensions say at the end
