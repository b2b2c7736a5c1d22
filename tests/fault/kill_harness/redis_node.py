"""A private Redis server that keeps what it accepted, to be killed and started again.

Missing software skips a test when run by hand and fails it in CI.
"""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
import redis

_START_TIMEOUT = 20.0


class RedisNode:
    """One server on a port of its own; `start` and `kill` may alternate."""

    def __init__(self, folder: Path) -> None:
        self._executable = _executable()
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Returns once it answers."""
        options = {
            "--bind": "127.0.0.1",
            "--port": str(self._port),
            "--save": "",
            "--appendonly": "yes",
            "--appendfsync": "everysec",
            "--maxmemory-policy": "noeviction",
            "--dir": str(self._folder),
        }
        self._process = subprocess.Popen(
            [self._executable, *(word for option in options.items() for word in option)],
            stdout=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
        )
        end = time.monotonic() + _START_TIMEOUT
        while not self._answers():
            assert self._process.poll() is None, "the private Redis server ended"
            assert time.monotonic() < end, "the private Redis server did not start"
            time.sleep(0.02)

    def kill(self) -> None:
        """End it without a word."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def flush(self) -> None:
        """Have it forget everything."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


def _executable() -> str:
    found = shutil.which("redis-server", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is not None:
        return found
    reason = "no redis-server is installed"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
